#include "public_suffix.h"

#include <string.h>

#include <libpsl.h>

enum { NAME_MAX_SIZE = 255 };

bool public_suffix_is_known(void) {
    return psl_builtin() != NULL;
}

bool public_suffix_is(struct bytes domain) {
    char name[NAME_MAX_SIZE + 1];
    const psl_ctx_t *list = psl_builtin();
    if (list == NULL || domain.size == 0 || domain.size > NAME_MAX_SIZE ||
        memchr(domain.data, 0, domain.size) != NULL)
        return true;
    memcpy(name, domain.data, domain.size);
    name[domain.size] = '\0';
    return psl_is_public_suffix(list, name) != 0;
}

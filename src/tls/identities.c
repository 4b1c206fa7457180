#include "tls/identities.h"

#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "pem.h"
#include "wolfssl.h"

/* One certificate: its context, and its DNS names, each with a NUL. */
struct identity {
    struct tls_context *context;
    struct buffer names;
};

struct tls_identities {
    size_t count;
    struct identity items[];
};

/* ---- names ----------------------------------------------------------------------------------- */

static enum error read_names(struct identity *identity, struct bytes pem) {
    WOLFSSL_X509 *certificate =
        wolfSSL_X509_load_certificate_buffer(pem.data, (int)pem.size, WOLFSSL_FILETYPE_PEM);
    if (certificate == NULL) /* the context has taken the same certificate already */
        return ERROR_NO_MEMORY;
    enum error error = ERROR_NONE;
    const char *name;
    while (error == ERROR_NONE && (name = wolfSSL_X509_get_next_altname(certificate)) != NULL) {
        error = buffer_append_text(&identity->names, name);
        if (error == ERROR_NONE)
            error = buffer_append_byte(&identity->names, '\0');
    }
    wolfSSL_X509_free(certificate);
    return error;
}

static enum error load_names(struct identity *identity, const char *path) {
    struct buffer content = {0};
    struct bytes first;
    enum error error = tls_pem_read(path, &content);
    struct bytes rest = buffer_bytes(&content);
    if (error == ERROR_NONE && tls_pem_next_certificate(&rest, &first))
        error = read_names(identity, first);
    tls_pem_fini(&content);
    return error;
}

/* RFC 9525 section 6.3: a `*` is the whole first label, and nothing but that. */
static bool name_fits(const char *pattern, struct bytes name) {
    if (strlen(pattern) == name.size &&
        strncasecmp(pattern, (const char *)name.data, name.size) == 0)
        return true;
    const uint8_t *dot = memchr(name.data, '.', name.size);
    if (strncmp(pattern, "*.", 2) != 0 || dot == NULL || dot == name.data)
        return false;
    struct bytes rest = bytes_after(name, (size_t)(dot - name.data));
    return strlen(pattern + 1) == rest.size &&
           strncasecmp(pattern + 1, (const char *)rest.data, rest.size) == 0;
}

static bool has_name(const struct identity *identity, struct bytes name) {
    struct bytes rest = buffer_bytes(&identity->names);
    while (rest.size > 0) {
        const char *pattern = (const char *)rest.data;
        if (name_fits(pattern, name))
            return true;
        rest = bytes_after(rest, strlen(pattern) + 1);
    }
    return false;
}

/* ---- the set --------------------------------------------------------------------------------- */

enum error tls_identities_new(const struct tls_server_options *options, size_t count,
                              struct tls_identities **out, struct tls_detail *detail) {
    struct tls_identities *identities =
        memory_allocate_zeroed(sizeof *identities + count * sizeof(struct identity));
    *out = NULL;
    detail->text[0] = '\0';
    if (identities == NULL)
        return ERROR_NO_MEMORY;
    enum error error = ERROR_NONE;
    for (size_t i = 0; i < count && error == ERROR_NONE; i++) {
        struct identity *identity = &identities->items[i];
        identities->count++;
        error = tls_context_new_server(&options[i], &identity->context, detail);
        if (error == ERROR_NONE && count > 1)
            error = load_names(identity, options[i].certificate_file);
    }
    if (error != ERROR_NONE) {
        tls_identities_free(identities);
        return error;
    }
    *out = identities;
    return ERROR_NONE;
}

void tls_identities_free(struct tls_identities *identities) {
    if (identities == NULL)
        return;
    for (size_t i = 0; i < identities->count; i++) {
        tls_context_free(identities->items[i].context);
        buffer_fini(&identities->items[i].names);
    }
    memory_free(identities);
}

struct tls_context *tls_identities_choose(const struct tls_identities *identities,
                                          struct bytes name) {
    for (size_t i = 0; i < identities->count && name.size > 0; i++)
        if (has_name(&identities->items[i], name))
            return identities->items[i].context;
    return identities->items[0].context;
}

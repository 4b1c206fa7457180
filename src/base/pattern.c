#include "base/pattern.h"

#include <string.h>

/*
 * The last star is enough to come back to: what an earlier one could take more, the last one can
 * take too. A barrier behind a star ends that star's reach, so an earlier one is no help either.
 */
bool pattern_matches(struct bytes pattern, struct bytes text, const char *barriers) {
    size_t at = 0, star = SIZE_MAX, resume = 0;
    size_t i = 0;
    while (i < text.size) {
        if (at < pattern.size && pattern.data[at] == '*') {
            star = ++at;
            resume = i;
        } else if (at < pattern.size && pattern.data[at] == text.data[i]) {
            at++;
            i++;
        } else if (star != SIZE_MAX &&
                   (text.data[resume] == '\0' || strchr(barriers, text.data[resume]) == NULL)) {
            at = star;
            i = ++resume;
        } else {
            return false;
        }
    }
    while (at < pattern.size && pattern.data[at] == '*')
        at++;
    return at == pattern.size;
}

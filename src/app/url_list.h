/* URLs as they were given, in order: one block of text, so that a million of them stay cheap. */
#ifndef RINGCAST_APP_URL_LIST_H
#define RINGCAST_APP_URL_LIST_H

#include "base/bytes.h"

/* `{0}` is empty; url_list_fini() ends it. */
struct url_list {
    struct buffer text;   /* each with a NUL behind it */
    struct buffer starts; /* size_t offsets in the text */
    size_t count;
};

enum error url_list_add(struct url_list *list, struct bytes url);

/* Adds the lines of a descriptor, to its end: trimmed, empty ones and those with # in front left
 * out. */
enum error url_list_read(struct url_list *list, int descriptor);

const char *url_list_at(const struct url_list *list, size_t index);

void url_list_fini(struct url_list *list);

#endif

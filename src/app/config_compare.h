/*
 * What a config has otherwise than another: for reloading, which changes what can be changed while
 * the service runs and says what cannot.
 */
#ifndef RINGCAST_APP_CONFIG_COMPARE_H
#define RINGCAST_APP_CONFIG_COMPARE_H

#include "app/config.h"

/* Calls `differs` for each key that has two values; `fixed` ones hold until the service ends. */
void config_compare(const struct config *running, const struct config *next,
                    void (*differs)(const char *path, bool fixed));

/*
 * Makes `running` what `next` is, in place, except for fixed keys, which it keeps. `next` gets what
 * is over, for config_fini().
 */
void config_adopt(struct config *running, struct config *next);

/* Do two fields hold the same? By the C type of the field. */
bool config_equal_unsigned(const void *a, const void *b);
bool config_equal_long(const void *a, const void *b);
bool config_equal_number(const void *a, const void *b);
bool config_equal_flag(const void *a, const void *b);
bool config_equal_text(const void *a, const void *b);
bool config_equal_texts(const void *a, const void *b);
bool config_equal_headers(const void *a, const void *b);
bool config_equal_listens(const void *a, const void *b);
bool config_equal_networks(const void *a, const void *b);
bool config_equal_identities(const void *a, const void *b);
bool config_equal_urls(const void *a, const void *b);
bool config_equal_channels(const void *a, const void *b);

/* Do both fetch the same URLs, at the same pace, to the same channels? */
bool config_schedules_alike(const struct config *running, const struct config *next);

#endif

/*
 * The hub's rules about who may do what, made from the config and the files that it names: keys
 * and tokens stand in files of their own, so that a config can be shown.
 */
#ifndef RINGCAST_APP_RULES_H
#define RINGCAST_APP_RULES_H

#include "app/config.h"
#include "hub/access.h"

/* Owns what `access` points to, except for what is the config's, which must outlive it. */
struct rules {
    struct access access;
    struct token_key *keys;
    struct access_token *tokens;
};

/* What is wrong, for a person: which file and why. */
enum { RULES_DETAIL_MAX = 512 };
struct rules_detail {
    char text[RULES_DETAIL_MAX];
};

/*
 * Reads the files. ERROR_NOT_FOUND and the like, ERROR_CONFIG_INVALID, ERROR_NO_MEMORY: `*rules` is
 * empty and `detail` says why.
 */
enum error rules_init(struct rules *rules, const struct config_hub *hub,
                      struct rules_detail *detail);

/* Wipes the secrets and frees the rest. */
void rules_fini(struct rules *rules);

#endif

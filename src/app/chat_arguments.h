/* The arguments of `ringcast chat`. */
#ifndef RINGCAST_APP_CHAT_ARGUMENTS_H
#define RINGCAST_APP_CHAT_ARGUMENTS_H

#include <stdbool.h>

#include "http/url.h"

enum chat_reconnect {
    CHAT_RECONNECT_USUAL, /* at a terminal, once it was connected */
    CHAT_RECONNECT_ALWAYS,
    CHAT_RECONNECT_NEVER,
};

enum { CHAT_HISTORY_USUAL = -1, CHAT_HISTORY_MAX = 1000 };

struct chat_arguments {
    struct url url; /* the http twin of the WebSocket URL */
    char *channel;  /* that the path leads to; NULL: none that is known */
    int history;    /* or CHAT_HISTORY_USUAL */
    bool json;
    enum chat_reconnect reconnect;
    char *authorization;    /* a secret; NULL: none */
    const char *token_file; /* where it stands; NULL: it was given as it is */
    const char *authority_file;
};

/* Returns an exit code: unless all is well, it was said on standard error what is wrong. Either way
 * chat_arguments_fini() ends it. */
int chat_arguments_read(struct chat_arguments *arguments, int count, char **texts);

/* Reads the token's file again. False if the token is the same as before: it may be another one,
 * now or, where it cannot be read at the moment, later. */
bool chat_arguments_renew_token(struct chat_arguments *arguments);

void chat_arguments_fini(struct chat_arguments *arguments);

#endif

/* Settings from environment variables: RINGCAST_FETCH_PER_HOST is the key fetch.per_host. */
#ifndef RINGCAST_APP_CONFIG_ENVIRONMENT_H
#define RINGCAST_APP_CONFIG_ENVIRONMENT_H

#include "config_table.h"

/*
 * Reads every variable of a NULL-terminated array of "NAME=value" whose name starts with RINGCAST_
 * into `config`. Of `reader`, the errors and the folder are used. ERROR_NONE or ERROR_NO_MEMORY.
 */
enum error config_environment_read(struct config_reader *reader, char *const *environment,
                                   struct config *config);

/*
 * The variable of a key, with its NUL. Keys have underscores of their own, so a variable is matched
 * against the known keys and never taken apart; no two keys may have the same one (a unit test sees
 * to it).
 */
enum { CONFIG_VARIABLE_MAX = 64 };
void config_variable_name(const struct config_key *key, char name[CONFIG_VARIABLE_MAX]);

#endif

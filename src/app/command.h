/*
 * The commands of the program: one row each in command.c. A command gets the arguments behind its
 * name and returns the process's exit code.
 */
#ifndef RINGCAST_APP_COMMAND_H
#define RINGCAST_APP_COMMAND_H

#include "app/config.h"

enum exit_code {
    EXIT_ALL_WELL = 0,
    EXIT_SOME_FAILED = 1, /* the work ran and some of it failed */
    EXIT_USAGE = 2,       /* the arguments or the config are wrong */
    EXIT_INTERRUPTED = 130,
};

int command_serve(int count, char **arguments);
int command_fetch(int count, char **arguments);
int command_chat(int count, char **arguments);
int command_check(int count, char **arguments);

/* Loads a config and prints what is wrong with it to standard error. EXIT_ALL_WELL or EXIT_USAGE.
 */
int command_load_config(struct config *config, const char *path);

#endif

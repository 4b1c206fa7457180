/* The whole program, behind main(). */
#ifndef RINGCAST_APP_PROGRAM_H
#define RINGCAST_APP_PROGRAM_H

/* Runs the command that the arguments name. Returns the exit code. */
int program_run(int count, char **arguments);

#endif

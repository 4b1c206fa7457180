/* The names of hosts, and what the program was told of them. */
#ifndef RINGCAST_TEST_SIM_NAMES_H
#define RINGCAST_TEST_SIM_NAMES_H

#include "base/bytes.h"

struct world;

/* A run begins, and ends. */
void names_open(struct world *world);
void names_close(void);

/* How often a host's name was told to have another address than before. */
unsigned names_changes(unsigned host);

#endif

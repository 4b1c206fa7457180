/* Which simulated machine's clocks and random numbers the C library's functions read. */
#ifndef RINGCAST_TEST_SIM_MACHINE_H
#define RINGCAST_TEST_SIM_MACHINE_H

#include "ring/sim.h"

/* NULL: the real ones. */
void machine_use(const struct sim *sim);

/* The clocks alone, for a program that has machine_clocks.c and not machine.c. */
void machine_use_clocks(const struct sim *sim);

#endif

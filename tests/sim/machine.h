/* Which simulated machine's clocks the C library's functions read; see machine.c. */
#ifndef RINGCAST_TEST_SIM_MACHINE_H
#define RINGCAST_TEST_SIM_MACHINE_H

#include "ring/sim.h"

/* NULL: the real ones. */
void machine_use(const struct sim *sim);

#endif

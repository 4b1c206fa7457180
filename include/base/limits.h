/*
 * What this process may use: descriptors, and processors.
 */
#ifndef RINGCAST_BASE_LIMITS_H
#define RINGCAST_BASE_LIMITS_H

#include <stddef.h>

/* Raises the soft limit of open descriptors to the hard one; returns what it is now. */
size_t limits_raise_descriptors(void);

/* The limit of open descriptors, and how many are open now. */
size_t limits_descriptors(void);
size_t limits_open_descriptors(void);

/*
 * How many processors this process may keep busy: its CPU affinity, or less where the control group
 * (version 2 or 1) has a quota. At least 1.
 */
unsigned limits_processors(void);

/* Bytes of memory that are resident now, 0 if the kernel does not tell. */
size_t limits_resident_memory(void);

#endif

/*
 * Bounds that are far away in ordinary use, and that the fuzz builds bring near so that random
 * inputs reach them: `enum { THINGS_MAX = BOUND(65536, 8) };`.
 */
#ifndef RINGCAST_BASE_BOUND_H
#define RINGCAST_BASE_BOUND_H

#ifdef RINGCAST_TINY_BOUNDS
#define BOUND(usual, tiny) (tiny)
#else
#define BOUND(usual, tiny) (usual)
#endif

#endif

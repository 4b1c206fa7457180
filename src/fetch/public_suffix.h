/*
 * Public suffixes: domains such as "com" and "co.uk" below which everybody may register a name, so
 * that nothing may be shared among all that is there.
 */
#ifndef RINGCAST_FETCH_PUBLIC_SUFFIX_H
#define RINGCAST_FETCH_PUBLIC_SUFFIX_H

#include "base/bytes.h"

/* Is the list there? It is part of the library, unless that was built without. */
bool public_suffix_is_known(void);

/* Is the domain (in lower case, international names as xn--) one of them? When in doubt it is. */
bool public_suffix_is(struct bytes domain);

#endif

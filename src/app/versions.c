#include "versions.h"

#include <stdio.h>

#include "ring/ring.h"

void versions_print(void) {
    char features[512];
    ring_describe_features(features, sizeof features);
    printf("ringcast %s\nlibraries: %s\nring: %s\n", RINGCAST_VERSION, RINGCAST_LIBRARIES,
           features);
}

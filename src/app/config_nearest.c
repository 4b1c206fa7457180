#include "config_nearest.h"

#include <string.h>

enum { COMPARED_MAX = 64 };

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

/*
 * How many letters must be put in, taken out, changed or swapped with their neighbour (the optimal
 * string alignment distance), whatever their case. Rows of the usual table, three at a time.
 */
static size_t distance_between(struct bytes a, struct bytes b) {
    size_t rows[3][COMPARED_MAX + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b.size; j++)
        above[j] = j;
    for (size_t i = 1; i <= a.size; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b.size; j++) {
            uint8_t x = bytes_lower(a.data[i - 1]), y = bytes_lower(b.data[j - 1]);
            row[j] = smaller(above[j - 1] + (x != y), smaller(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && x == bytes_lower(b.data[j - 2]) &&
                y == bytes_lower(a.data[i - 2]))
                row[j] = smaller(row[j], before[j - 2] + 1);
        }
        size_t *oldest = before;
        before = above;
        above = row;
        row = oldest;
    }
    return above[b.size];
}

/* About a third of the letters may be wrong. */
struct nearest nearest_to(struct bytes typed) {
    return (struct nearest){.typed = typed, .distance = (typed.size + 2) / 3 + 1};
}

void nearest_consider(struct nearest *nearest, struct bytes candidate) {
    if (nearest->typed.size > COMPARED_MAX || candidate.size > COMPARED_MAX)
        return;
    size_t distance = distance_between(nearest->typed, candidate);
    if (distance < nearest->distance) {
        nearest->distance = distance;
        nearest->best = candidate;
    }
}

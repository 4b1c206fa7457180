/*
 * The whole service, its clients and its origins on the simulated machine (tests/sim). Bytes 0 and
 * 1 are the seed; the others are the choices that the simulation would draw: which clients come and
 * what they say, completions, sizes, errors, time. Behind their end the seed goes on.
 *
 * Oracles: those of the simulation. Every URL ends in one result, every subscriber sees one order,
 * nothing is left at the end.
 */
#include "base/log.h"
#include "fuzz.h"
#include "world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct sightings tally;
    static struct verdict verdict;
    struct bytes input = bytes_make(data, size);
    uint64_t seed = fuzz_take(&input);
    seed = seed << 8 | fuzz_take(&input);
    log_configure(LOG_NOTHING, LOG_FORMAT_TEXT);
    world_choose_from(input.data, input.size);
    world_run(seed, 0, NULL, &tally, &verdict);
    if (verdict.failed)
        fuzz_fail(verdict.failure, __FILE__, __LINE__, __func__);
    return 0;
}

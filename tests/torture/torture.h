/*
 * Torture: every allocation of a scenario fails in turn, once, and from there on; and on the
 * simulated machine every operation of the ring, with each errno that it may have. After each run
 * nothing has crashed, leaked or been lost, and the service answers a fresh request.
 *
 * A scenario is one row of the table in torture.c, and a few functions. All of it runs on one
 * thread and one loop; the peers are sockets outside the program under test (machine.h).
 *
 *     prepare   with memory: what is there before the failures begin
 *     act       begins what is to be disturbed; turns follow until `settled`, or until nothing more
 *               happens without memory
 *     settled   everything has ended, well or not. With memory back this must come by itself.
 *     verify    nothing was lost, and a fresh request is answered
 *     finish    everything ends
 *
 * A check that fails prints the arguments that repeat the run alone.
 */
#ifndef RINGCAST_TESTS_TORTURE_H
#define RINGCAST_TESTS_TORTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "loop/loop.h"

struct scenario {
    const char *name;
    void (*prepare)(void);
    void (*act)(void);
    bool (*settled)(void);
    void (*verify)(void);
    void (*finish)(void);
};

extern const struct scenario hub_scenarios[], fetch_scenarios[], start_scenarios[],
    chat_scenarios[], patient_scenarios[];

/* The loop that everything runs on; open while a scenario runs. */
extern struct loop loop;

/* The machine's clock. */
uint64_t torture_now(void);

/* How many allocations, or operations, of this run have been made to fail. */
size_t torture_failures(void);

/* How many blocks the TLS library may lose in a run of this scenario, at most. In `prepare`. */
void torture_allow_lost_blocks(size_t count);

/* One turn, in which peers and loop go on; waits a millisecond at most. */
void torture_turn(void);

/* The same without waiting. */
void torture_turn_at_once(void);

/* Turns until the condition holds; a run in which it does not has failed. */
#define torture_wait(condition)                                       \
    do {                                                              \
        uint64_t give_up_ = torture_now() + 20 * SECOND;              \
        while (!(condition)) {                                        \
            if (torture_now() > give_up_)                             \
                torture_fail("waited in vain", #condition, __LINE__); \
            torture_turn();                                           \
        }                                                             \
    } while (0)

#define TORTURE_CHECK(condition) \
    ((condition) ? (void)0 : torture_fail("is not so", #condition, __LINE__))

_Noreturn void torture_fail(const char *what, const char *condition, int line);

#endif

/* Waking a ring from other threads. */
#include "ring_test.h"

#include <pthread.h>
#include <stdatomic.h>

static _Atomic unsigned asked;

static void *wake_once(void *argument) {
    (void)argument;
    atomic_fetch_add(&asked, 1);
    ring_wake(ring);
    return NULL;
}

static void a_wake_ends_an_endless_wait(void **state) {
    (void)state;
    pthread_t thread;
    atomic_store(&asked, 0);
    assert_int_equal(pthread_create(&thread, NULL, wake_once, NULL), 0);
    while (atomic_load(&asked) == 0)
        ring_turn(ring, UINT64_MAX, call_handler, NULL);
    pthread_join(thread, NULL);
}

/* Were a wake before the wait lost, the turn would never return. */
static void a_wake_before_the_wait_is_not_lost(void **state) {
    (void)state;
    for (int i = 0; i < 100; i++) {
        ring_wake(ring);
        ring_wake(ring);
        ring_turn(ring, UINT64_MAX, call_handler, NULL);
    }
}

enum { THREADS = 4, WAKES = 2000 };

static _Atomic unsigned produced;

static void *produce(void *argument) {
    (void)argument;
    for (int i = 0; i < WAKES; i++) {
        atomic_fetch_add(&produced, 1);
        ring_wake(ring);
    }
    return NULL;
}

/* Whoever sleeps for ever on "not all are here" is woken by the last. */
static void wakes_from_several_threads(void **state) {
    (void)state;
    pthread_t threads[THREADS];
    atomic_store(&produced, 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, produce, NULL), 0);
    while (atomic_load(&produced) < THREADS * WAKES)
        ring_turn(ring, UINT64_MAX, call_handler, NULL);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ring_test(a_wake_ends_an_endless_wait),
        ring_test(a_wake_before_the_wait_is_not_lost),
        ring_test(wakes_from_several_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

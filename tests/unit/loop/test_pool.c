/* The thread pool: work goes out in batches and comes home to the loop that sent it. */
#include "loop_test.h"

#include <pthread.h>
#include <signal.h>

#include "loop/pool.h"

struct square {
    struct work work;
    uint64_t number;
    uint64_t result;
    pthread_t sender;
    unsigned *done_count;
    bool signals_blocked;
};

static void run(struct work *work) {
    struct square *square = container_of(work, struct square, work);
    assert_false(pthread_equal(pthread_self(), square->sender));
    sigset_t blocked;
    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    square->signals_blocked = sigismember(&blocked, SIGTERM) && sigismember(&blocked, SIGUSR1);
    square->result = square->number * square->number;
}

static void done(struct work *work) {
    struct square *square = container_of(work, struct square, work);
    assert_true(pthread_equal(pthread_self(), square->sender));
    assert_false(work_is_sent(work));
    assert_int_equal(square->result, square->number * square->number);
    assert_true(square->signals_blocked);
    ++*square->done_count;
}

static const struct work_handler square_handler = {"square", run, done};

enum { BATCH = 200, ROUNDS = 20 };

/* Sends batch after batch through `port` on `own`, the calling thread's loop. */
static void work_on(struct loop *own, struct pool_port *port) {
    static _Thread_local struct square squares[BATCH];
    unsigned done_count = 0;
    for (size_t round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < BATCH; i++) {
            squares[i] = (struct square){.work.handler = &square_handler,
                                         .number = round * BATCH + i,
                                         .sender = pthread_self(),
                                         .done_count = &done_count};
            pool_send(port, &squares[i].work);
            assert_true(work_is_sent(&squares[i].work));
        }
        while (done_count < (round + 1) * BATCH)
            loop_turn(own, UINT64_MAX);
    }
}

static void batches_of_one_loop(void **state) {
    (void)state;
    struct pool *pool;
    struct pool_port port;
    assert_int_equal(pool_new(3, &pool), ERROR_NONE);
    pool_port_init(&port, pool, &loop);
    work_on(&loop, &port);
    pool_free(pool);
}

static void *other_worker(void *argument) {
    struct pool_port port;
    struct ring *ring;
    static struct loop other;
    struct ring_refusal refusal;
    if (ring_open(&ring_default_options, &ring, &refusal) != ERROR_NONE)
        return NULL;
    loop_init(&other, ring);
    pool_port_init(&port, argument, &other);
    work_on(&other, &port);
    loop_fini(&other);
    return ring; /* a pool thread may still be about to wake it: the pool ends before it */
}

static void batches_of_two_loops(void **state) {
    (void)state;
    struct pool *pool;
    struct pool_port port;
    pthread_t thread;
    void *ring;
    assert_int_equal(pool_new(2, &pool), ERROR_NONE);
    pool_port_init(&port, pool, &loop);
    assert_int_equal(pthread_create(&thread, NULL, other_worker, pool), 0);
    work_on(&loop, &port);
    pthread_join(thread, &ring);
    assert_non_null(ring);
    pool_free(pool);
    ring_free(ring);
}

/* ---- order, shutdown ------------------------------------------------------------------------- */

static unsigned started;

struct numbered {
    struct work work;
    unsigned number;
    bool finished;
};

static void run_numbered(struct work *work) {
    struct numbered *numbered = container_of(work, struct numbered, work);
    numbered->finished = numbered->number == started++;
}

static void done_numbered(struct work *work) {
    (void)work;
}

static void one_thread_works_in_the_order_of_sending(void **state) {
    (void)state;
    static const struct work_handler handler = {"numbered", run_numbered, done_numbered};
    static struct numbered works[100];
    struct pool *pool;
    struct pool_port port;
    started = 0;
    assert_int_equal(pool_new(1, &pool), ERROR_NONE);
    pool_port_init(&port, pool, &loop);
    for (unsigned i = 0; i < 100; i++) {
        works[i] = (struct numbered){.work.handler = &handler, .number = i};
        pool_send(&port, &works[i].work);
        if (i % 7 == 0)
            loop_turn(&loop, 0);
    }
    for (unsigned i = 0; i < 100; i++)
        while (work_is_sent(&works[i].work))
            loop_turn(&loop, UINT64_MAX);
    for (unsigned i = 0; i < 100; i++)
        assert_true(works[i].finished);
    pool_free(pool);
}

static void starting_and_ending_at_once(void **state) {
    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        struct pool *pool;
        assert_int_equal(pool_new(1 + i % 4, &pool), ERROR_NONE);
        pool_free(pool);
    }
}

static void out_of_memory(void **state) {
    (void)state;
    struct pool *pool;
    memory_fail_after(0, 1);
    assert_int_equal(pool_new(2, &pool), ERROR_NO_MEMORY);
    memory_fail_after(0, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        loop_test(batches_of_one_loop),
        loop_test(batches_of_two_loops),
        loop_test(one_thread_works_in_the_order_of_sending),
        loop_test(starting_and_ending_at_once),
        loop_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

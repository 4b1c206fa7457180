/*
 * Where hash.inline_below comes from: what a loop's thread pays for hashing a body in place, and
 * for handing it to the thread pool instead (copying it, the hand-over, the wake-up, the
 * completion). Below the size at which the two are equal, handing over costs the loop more than it
 * saves.
 *
 *     offload        prints one line for each size: nanoseconds of the loop's processor time a body
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "digest/sha256.h"
#include "loop/pool.h"

enum { ROUNDS = 2000, BATCH_MOST = 16, SIZE_MOST = 256 * 1024 };

struct item {
    struct work work;
    struct sha256 hash;
    uint8_t *body;
    size_t size;
    unsigned *outstanding;
};

static uint64_t thread_time(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void hash(struct item *item) {
    uint8_t digest[SHA256_SIZE];
    sha256_init(&item->hash);
    sha256_update(&item->hash, bytes_make(item->body, item->size));
    sha256_finish(&item->hash, digest);
}

static void run(struct work *work) {
    hash(container_of(work, struct item, work));
}

static void done(struct work *work) {
    --*container_of(work, struct item, work)->outstanding;
}

static const struct work_handler handler = {"offload", run, done};

static double in_place(struct item *items, size_t size) {
    uint64_t before = thread_time();
    for (int round = 0; round < ROUNDS; round++) {
        items[0].size = size;
        hash(&items[0]);
    }
    return (double)(thread_time() - before) / ROUNDS;
}

/* `batch` bodies complete in the same turn, as they do under load. */
static double handed_over(struct loop *loop, struct pool_port *port, struct item *items,
                          const uint8_t *received, size_t size, unsigned batch) {
    unsigned outstanding = 0;
    uint64_t before = thread_time();
    for (int round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < batch; i++) {
            items[i].size = size;
            items[i].outstanding = &outstanding;
            memcpy(items[i].body, received, size);
            outstanding++;
            pool_send(port, &items[i].work);
        }
        while (outstanding > 0)
            loop_turn(loop, UINT64_MAX);
    }
    return (double)(thread_time() - before) / ROUNDS / batch;
}

int main(void) {
    static struct item items[BATCH_MOST];
    static uint8_t received[SIZE_MOST];
    struct ring *ring;
    struct ring_refusal refusal;
    struct loop loop;
    struct pool *pool;
    struct pool_port port;
    if (ring_open(&ring_default_options, &ring, &refusal) != ERROR_NONE ||
        pool_new(1, &pool) != ERROR_NONE)
        return EXIT_FAILURE;
    loop_init(&loop, ring);
    pool_port_init(&port, pool, &loop);
    for (size_t i = 0; i < BATCH_MOST; i++) {
        items[i].work.handler = &handler;
        items[i].body = malloc(SIZE_MOST);
        if (items[i].body == NULL)
            return EXIT_FAILURE;
    }
    printf("%8s %10s %14s %14s\n", "bytes", "in place", "handed, one", "handed, of 16");
    for (size_t size = 1024; size <= SIZE_MOST; size *= 2)
        printf("%8zu %10.0f %14.0f %14.0f\n", size, in_place(items, size),
               handed_over(&loop, &port, items, received, size, 1),
               handed_over(&loop, &port, items, received, size, BATCH_MOST));
    pool_free(pool);
    loop_fini(&loop);
    ring_free(ring);
    for (size_t i = 0; i < BATCH_MOST; i++)
        free(items[i].body);
    return EXIT_SUCCESS;
}

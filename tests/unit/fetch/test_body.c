/* Where a body is decoded and digested: as it arrives, or on the pool. */
#include "loop_test.h"

#include <stdlib.h>
#include <zlib.h>

#include "body.h"

enum { SIZE = 3 * 1024 * 1024 };

static struct pool *pool;
static struct pool_port port;
static unsigned finished, failed, drained;

static void body_finished(struct body *body) {
    (void)body;
    finished++;
}

static void body_failed(struct body *body, enum error error) {
    (void)body;
    (void)error;
    failed++;
}

static void body_drained(struct body *body) {
    (void)body;
    drained++;
}

static const struct body_events events = {body_drained, body_failed, body_finished};

static int open_pool(void **state) {
    finished = failed = drained = 0;
    if (open_loop(state) != 0 || pool_new(1, &pool) != ERROR_NONE)
        return -1;
    pool_port_init(&port, pool, &loop);
    return 0;
}

static int close_pool(void **state) {
    pool_free(pool);
    return close_loop(state);
}

/* ---- bodies ---------------------------------------------------------------------------------- */

/* Text that gzip makes about a third of; or, with `swells`, a thousandth. */
static uint8_t *plain_text(bool swells) {
    uint8_t *text = malloc(SIZE);
    uint32_t random = 1;
    assert_non_null(text);
    for (size_t i = 0; i < SIZE; i++) {
        random = random * 1103515245 + 12345;
        text[i] = (uint8_t)(swells ? 'a' : "abcdef"[(random >> 16) % 6]);
    }
    return text;
}

static struct bytes gzipped(const uint8_t *text) {
    z_stream stream = {.next_in = (uint8_t *)(uintptr_t)text, .avail_in = SIZE};
    uint8_t *out = malloc(SIZE);
    assert_non_null(out);
    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_out = out;
    stream.avail_out = SIZE;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    deflateEnd(&stream);
    return bytes_make(out, SIZE - stream.avail_out);
}

/* Takes all of the body in pieces of the largest size. Returns how often the pool had it. */
static unsigned take(struct body *body, struct bytes all) {
    unsigned sent = 0;
    while (all.size > 0) {
        size_t size = all.size < BODY_PIECE_MAX ? all.size : BODY_PIECE_MAX;
        bool stop, had = body_is_hashing(body);
        assert_int_equal(body_add(body, bytes_make(all.data, size), &stop), ERROR_NONE);
        sent += !had && body_is_hashing(body);
        if (stop) {
            unsigned before = drained;
            wait_for(drained > before);
        }
        all = bytes_after(all, size);
    }
    bool had = body_is_hashing(body);
    body_finish(body);
    sent += !had && body_is_hashing(body);
    wait_for(finished + failed == 1);
    assert_int_equal(failed, 0);
    return sent;
}

/* Decodes and digests a gzipped text, checks the digest, and returns how often the pool had it. */
static unsigned digest(bool swells, uint64_t inline_below) {
    const struct http_field coding = {bytes_of("content-encoding"), bytes_of("gzip")};
    uint8_t *text = plain_text(swells);
    struct bytes wire = gzipped(text);
    struct body body;
    struct sha256 hash;
    uint8_t expected[SHA256_SIZE];
    assert_int_equal(body_init(&body, &port, &events, (struct http_fields){&coding, 1},
                               (int64_t)wire.size, inline_below, UINT64_MAX / 4),
                     ERROR_NONE);
    unsigned sent = take(&body, wire);
    sha256_init(&hash);
    sha256_update(&hash, bytes_make(text, SIZE));
    sha256_finish(&hash, expected);
    assert_memory_equal(body.digest, expected, SHA256_SIZE);
    assert_int_equal(body.size, SIZE);
    body_fini(&body);
    free(text);
    free((void *)(uintptr_t)wire.data);
    return sent;
}

/* ---- the tests ------------------------------------------------------------------------------- */

static void a_large_body_goes_to_the_pool(void **state) {
    (void)state;
    assert_true(digest(false, 4096) > 0);
}

static void alone_no_body_does(void **state) {
    (void)state;
    assert_int_equal(digest(false, UINT64_MAX), 0);
}

/* A piece of 3 KiB is 3 MiB here: too much to decode where the loop waits for it. */
static void but_one_that_swells(void **state) {
    (void)state;
    assert_true(digest(true, UINT64_MAX) > 0);
}

#define with_pool(name) cmocka_unit_test_setup_teardown(name, open_pool, close_pool)

int main(void) {
    const struct CMUnitTest tests[] = {
        with_pool(a_large_body_goes_to_the_pool),
        with_pool(alone_no_body_does),
        with_pool(but_one_that_swells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

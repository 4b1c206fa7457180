/* One receive that fills several buffers: what is dispatched, and what becomes of the buffers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/list.h"
#include "multishot.h"

enum { BUFFERS = 4, SIZE = 10 };

/* ---- by hand: a ring whose kernel is the test ------------------------------------------------ */

static uint8_t memory[BUFFERS * SIZE];
static uint16_t next_buffers[BUFFERS];
static struct multishot multishot;
static struct ring ring;
static char story[300];
static bool cancel_at_once;

static void say(const char *format, ...) {
    size_t used = strlen(story);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(story + used, sizeof story - used, format, arguments);
    va_end(arguments);
}

static void given(struct ring *whose, unsigned index) {
    (void)whose;
    say("give %u. ", index);
}

static void tell(void *context, struct operation *operation, const struct completion *completion) {
    (void)context;
    long index = completion->data == NULL ? -1 : (completion->data - memory) / SIZE;
    say("%u bytes at %ld, %s, %s. ", completion->size, index, completion->more ? "more" : "last",
        operation->state == OPERATION_ARMED ? "armed" : "not armed");
    if (cancel_at_once)
        operation->cancelled = true;
}

static void no_receive(struct ring *whose, struct operation *operation) {
    (void)whose;
    (void)operation;
    say("armed again. ");
}

static const struct ring_backend backend = {.name = "by hand", .receive = no_receive};

static int open_by_hand(void **state) {
    (void)state;
    memset(&multishot, 0, sizeof multishot);
    multishot_init(&multishot, given);
    multishot.buffers = memory;
    multishot.buffer_count = BUFFERS;
    multishot.buffer_size = SIZE;
    multishot.next_buffers = next_buffers;
    ring.backend = &backend;
    cancel_at_once = false;
    for (unsigned i = 0; i < BUFFERS; i++)
        multishot_give(&multishot, &ring, i);
    story[0] = '\0';
    return 0;
}

static void receive(struct operation *operation, int32_t result, bool more, int buffer) {
    const struct raw_result raw = {result, more, buffer};
    multishot_complete(&multishot, &ring, operation, &raw, tell, NULL);
}

static struct operation armed_receive(void) {
    return (struct operation){.kind = OPERATION_RECEIVE, .state = OPERATION_ARMED};
}

static void adjacent_buffers_are_one_piece(void **state) {
    (void)state;
    struct operation operation = armed_receive();
    receive(&operation, 25, true, 0);
    assert_string_equal(story, "25 bytes at 0, more, armed. give 0. give 1. give 2. ");
}

static void the_end_of_the_memory_parts_a_bundle(void **state) {
    (void)state;
    struct operation operation = armed_receive();
    receive(&operation, 30, true, 0);
    story[0] = '\0';
    receive(&operation, 40, true, 3);
    assert_string_equal(story, "10 bytes at 3, more, armed. give 3. "
                               "30 bytes at 0, more, armed. give 0. give 1. give 2. ");
}

/* Completions may come in another order than that in which the buffers were taken. */
static void buffers_that_came_back_in_another_order(void **state) {
    (void)state;
    struct operation first = armed_receive(), second = armed_receive();
    receive(&second, 10, true, 2);
    receive(&first, 20, true, 0); /* the kernel has now 3, 2, 0, 1 */
    story[0] = '\0';
    receive(&first, 31, true, 3);
    assert_string_equal(story, "10 bytes at 3, more, armed. give 3. "
                               "10 bytes at 2, more, armed. give 2. "
                               "11 bytes at 0, more, armed. give 0. give 1. ");
}

static void the_last_piece_is_the_last_completion(void **state) {
    (void)state;
    struct operation operation = armed_receive();
    receive(&operation, 40, true, 0);
    receive(&operation, 10, true, 0);
    receive(&operation, 10, true, 1);
    receive(&operation, 10, true, 2);
    story[0] = '\0';
    receive(&operation, 20, false, 3);
    assert_string_equal(story, "10 bytes at 3, more, armed. give 3. "
                               "10 bytes at 0, more, not armed. give 0. ");
    multishot_arm_waiting(&multishot, &ring, tell, NULL);
    assert_non_null(strstr(story, "armed again."));
}

static void cancelled_in_its_first_piece(void **state) {
    (void)state;
    struct operation operation = armed_receive();
    receive(&operation, 30, true, 0);
    story[0] = '\0';
    cancel_at_once = true;
    receive(&operation, 20, false, 3);
    multishot_arm_waiting(&multishot, &ring, tell, NULL);
    assert_string_equal(story, "10 bytes at 3, more, armed. give 3. "
                               "10 bytes at 0, more, not armed. give 0. "
                               "0 bytes at -1, last, not armed. ");
    assert_int_equal(operation.state, OPERATION_IDLE);
}

/* ---- on the kernel --------------------------------------------------------------------------- */

struct received {
    struct operation operation;
    uint8_t bytes[4000];
    size_t size;
    uint32_t largest;
};

static void received(struct operation *operation, const struct completion *completion) {
    struct received *received = container_of(operation, struct received, operation);
    assert_true(received->size + completion->size <= sizeof received->bytes);
    if (completion->size > 0)
        memcpy(received->bytes + received->size, completion->data, completion->size);
    received->size += completion->size;
    if (completion->size > received->largest)
        received->largest = completion->size;
}

static const struct handler handler = {"received", received};

static void call_handler(void *context, struct operation *operation,
                         const struct completion *completion) {
    (void)context;
    operation->handler->completed(operation, completion);
}

/* Bytes are the same however many buffers a receive fills. Returns the largest piece. */
static uint32_t largest_piece(unsigned bundle) {
    const struct ring_options options = {
        .entries = 8, .buffer_count = 8, .buffer_size = 64, .bundle = bundle};
    struct ring_refusal refusal;
    struct ring *opened;
    struct received into = {.operation.handler = &handler};
    uint8_t sent[sizeof into.bytes];
    int pair[2];
    for (size_t i = 0; i < sizeof sent; i++)
        sent[i] = (uint8_t)(i * 7 + i / 256);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(ring_open(&options, &opened, &refusal), ERROR_NONE);
    ring_receive(opened, &into.operation, pair[0]);
    assert_int_equal(write(pair[1], sent, sizeof sent), sizeof sent);
    for (int turns = 0; into.size < sizeof sent; turns++) {
        assert_true(turns < 1000);
        ring_turn(opened, ring_now(opened) + 20 * MILLISECOND, call_handler, NULL);
    }
    assert_memory_equal(into.bytes, sent, sizeof sent);
    ring_cancel(opened, &into.operation);
    while (operation_is_armed(&into.operation))
        ring_turn(opened, UINT64_MAX, call_handler, NULL);
    ring_free(opened);
    close(pair[0]);
    close(pair[1]);
    return into.largest;
}

static void the_bytes_are_the_same(void **state) {
    (void)state;
    assert_int_equal(largest_piece(0), 64);
    assert_int_equal(largest_piece(1), 64);
    uint32_t with_bundles = largest_piece(4);
    if (with_bundles == 64)
        print_message("this kernel fills one buffer a receive\n");
    else
        assert_int_equal(with_bundles, 256);
}

#define by_hand(name) cmocka_unit_test_setup(name, open_by_hand)

int main(void) {
    const struct CMUnitTest tests[] = {
        by_hand(adjacent_buffers_are_one_piece),
        by_hand(the_end_of_the_memory_parts_a_bundle),
        by_hand(buffers_that_came_back_in_another_order),
        by_hand(the_last_piece_is_the_last_completion),
        by_hand(cancelled_in_its_first_piece),
        cmocka_unit_test(the_bytes_are_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

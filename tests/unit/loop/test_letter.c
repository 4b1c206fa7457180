/* Letters to a loop, from its own thread and from several others. */
#include "loop_test.h"

#include <pthread.h>

struct note {
    struct letter letter;
    unsigned sender;
    unsigned number;
};

enum { SENDERS = 4, NOTES = 5000 };

static unsigned next_number[SENDERS], delivered;

/* Letters of one sender arrive in order, on the loop's thread, and may be freed by their delivery.
 */
static void deliver(struct letter *letter) {
    struct note *note = container_of(letter, struct note, letter);
    assert_int_equal(note->number, next_number[note->sender]);
    next_number[note->sender]++;
    delivered++;
    memory_free(note);
}

static const struct letter_handler note_handler = {"note", deliver};

static void send_note(unsigned sender, unsigned number) {
    struct note *note = memory_allocate(sizeof *note);
    *note = (struct note){.letter.handler = &note_handler, .sender = sender, .number = number};
    loop_send(&loop, &note->letter);
}

static void *send_all(void *argument) {
    unsigned sender = (unsigned)(uintptr_t)argument;
    for (unsigned i = 0; i < NOTES; i++)
        send_note(sender, i);
    return NULL;
}

static void reset(void) {
    memset(next_number, 0, sizeof next_number);
    delivered = 0;
}

static void letters_of_the_own_thread(void **state) {
    (void)state;
    reset();
    for (unsigned i = 0; i < 3; i++)
        send_note(0, i);
    assert_int_equal(delivered, 0);
    loop_turn(&loop, UINT64_MAX);
    assert_int_equal(delivered, 3);
}

static struct letter *answer;

static void deliver_and_send(struct letter *letter) {
    (void)letter;
    delivered++;
    if (delivered == 1)
        loop_send(&loop, answer);
}

static void a_delivery_may_send(void **state) {
    (void)state;
    static const struct letter_handler handler = {"sending", deliver_and_send};
    reset();
    struct letter first = {.handler = &handler}, second = {.handler = &handler};
    answer = &second;
    loop_send(&loop, &first);
    loop_turn(&loop, UINT64_MAX);
    loop_turn(&loop, UINT64_MAX);
    assert_int_equal(delivered, 2);
}

/* The loop sleeps without a deadline: a lost wake-up would hang the test. */
static void letters_of_several_threads_keep_their_order(void **state) {
    (void)state;
    pthread_t threads[SENDERS];
    reset();
    for (uintptr_t i = 0; i < SENDERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, send_all, (void *)i), 0); // NOLINT
    while (delivered < SENDERS * NOTES)
        loop_turn(&loop, UINT64_MAX);
    for (int i = 0; i < SENDERS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < SENDERS; i++)
        assert_int_equal(next_number[i], NOTES);
}

/* ---- two loops ------------------------------------------------------------------------------- */

struct ball {
    struct letter letter;
    struct loop *ends[2];
    unsigned at;
    unsigned hits;
};

enum { HITS = 2000 };

static void hit(struct letter *letter) {
    struct ball *ball = container_of(letter, struct ball, letter);
    struct loop *here = ball->ends[ball->at];
    ball->at = 1 - ball->at;
    if (ball->hits++ >= HITS)
        loop_stop(here);
    if (ball->hits <= HITS + 1)
        loop_send(ball->ends[ball->at], letter);
}

/* Its ring is returned, not freed: the other end may still be about to wake it. */
static void *other_end(void *argument) {
    static struct loop other;
    struct ball *ball = argument;
    struct ring *ring;
    struct ring_refusal refusal;
    if (ring_open(&ring_default_options, &ring, &refusal) != ERROR_NONE)
        return NULL;
    loop_init(&other, ring);
    ball->ends[1] = &other;
    loop_send(&loop, &ball->letter);
    loop_run(&other);
    loop_fini(&other);
    return ring;
}

static void a_letter_goes_to_and_fro_between_two_loops(void **state) {
    (void)state;
    static const struct letter_handler handler = {"ball", hit};
    struct ball ball = {.letter.handler = &handler, .ends = {&loop, NULL}};
    pthread_t thread;
    void *ring;
    assert_int_equal(pthread_create(&thread, NULL, other_end, &ball), 0);
    loop_run(&loop);
    pthread_join(thread, &ring);
    assert_non_null(ring);
    ring_free(ring);
    assert_true(ball.hits > HITS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        loop_test(letters_of_the_own_thread),
        loop_test(a_delivery_may_send),
        loop_test(letters_of_several_threads_keep_their_order),
        loop_test(a_letter_goes_to_and_fro_between_two_loops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

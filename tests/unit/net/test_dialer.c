/* Dialling: won, refused, black holes and happy eyeballs, abandoned and cancelled at each step. */
#include "sockets.h"

#include "net/dialer.h"

static struct scope scope;
static struct dialer *dialer;
static unsigned answers, scope_ends;
static int connected;
static enum error answer;
static struct address answered;
static bool cancel_in_done;

static void done(void *context, int descriptor, enum error error, const struct address *address) {
    assert_ptr_equal(context, &answers);
    answers++;
    connected = descriptor;
    answer = error;
    answered = *address;
    if (cancel_in_done)
        scope_cancel(&scope);
}

static void scope_ended(struct scope *ended) {
    scope_ends++;
    scope_fini(ended);
}

static void start(void) {
    answers = scope_ends = 0;
    connected = -7;
    cancel_in_done = false;
    scope_init(&scope, &loop, NULL, SCOPE_FAIL_FAST, scope_ended);
}

static void dial(const struct address *addresses, size_t count) {
    assert_int_equal(dialer_new(&scope, addresses, count, done, &answers, &dialer), ERROR_NONE);
    assert_int_equal(answers, 0);
}

/* The dialer has left its scope, and answered so often. */
static void finish(unsigned expected) {
    scope_join(&scope);
    wait_for(scope_ends == 1);
    assert_int_equal(answers, expected);
    if (connected >= 0)
        close(connected);
}

/* ---- places to dial -------------------------------------------------------------------------- */

enum { FILLERS = 4 };

/* A listener whose queue is full: who connects now waits for ever. */
struct black_hole {
    struct address address;
    int listener;
    int fillers[FILLERS];
};

static struct black_hole make_black_hole(void) {
    struct black_hole hole = {.address = loopback(0)};
    hole.listener = listen_at(&hole.address, 0);
    for (int i = 0; i < FILLERS; i++)
        hole.fillers[i] = connect_to(&hole.address);
    return hole;
}

/* Makes room in the queue, into which fillers move up. Always true, to stand in a condition. */
static bool accept_all(const struct black_hole *hole) {
    int server;
    while ((server = accept(hole->listener, NULL, NULL)) >= 0)
        close(server);
    return true;
}

static void close_black_hole(struct black_hole *hole) {
    for (int i = 0; i < FILLERS; i++)
        close(hole->fillers[i]);
    close(hole->listener);
}

/* A port where nobody listens. */
static struct address refusing(void) {
    struct address address = loopback(0);
    close(listen_at(&address, 1));
    return address;
}

/* ---- won ------------------------------------------------------------------------------------- */

static void one_address(void **state) {
    (void)state;
    struct address address = loopback(0);
    int listener = listen_at(&address, 1);
    start();
    dial(&address, 1);
    wait_for(answers == 1);
    assert_int_equal(answer, ERROR_NONE);
    assert_int_equal(address_port(&answered), address_port(&address));
    int server = accept(listener, NULL, NULL);
    assert_int_equal(write(connected, "x", 1), 1);
    char byte;
    assert_int_equal(read(server, &byte, 1), 1);
    finish(1);
    close(server);
    close(listener);
}

static void the_next_address_at_once_when_one_refuses(void **state) {
    (void)state;
    struct address addresses[3] = {refusing(), refusing(), loopback(0)};
    int listener = listen_at(&addresses[2], 1);
    start();
    uint64_t began = ring_now(loop.ring);
    dial(addresses, 3);
    wait_for(answers == 1);
    assert_int_equal(answer, ERROR_NONE);
    assert_int_equal(address_port(&answered), address_port(&addresses[2]));
    /* had it waited its turns, it would have taken half a second */
    assert_true(ring_now(loop.ring) - began < 2 * DIALER_DELAY_MILLISECONDS * MILLISECOND);
    finish(1);
    close(listener);
}

static void the_next_address_after_a_delay_when_one_is_silent(void **state) {
    (void)state;
    struct black_hole hole = make_black_hole();
    struct address addresses[2] = {hole.address, loopback(0)};
    int listener = listen_at(&addresses[1], 1);
    start();
    uint64_t began = ring_now(loop.ring);
    dial(addresses, 2);
    wait_for(answers == 1);
    assert_int_equal(answer, ERROR_NONE);
    assert_int_equal(address_port(&answered), address_port(&addresses[1]));
    assert_true(ring_now(loop.ring) - began >= DIALER_DELAY_MILLISECONDS * MILLISECOND);
    finish(1);
    close(listener);
    close_black_hole(&hole);
}

/* The silent one is not given up when the second starts: the race is open until one connects. */
static void the_first_may_still_win(void **state) {
    (void)state;
    struct black_hole first = make_black_hole(), second = make_black_hole();
    const struct address addresses[2] = {first.address, second.address};
    start();
    dial(addresses, 2);
    for (uint64_t until = ring_now(loop.ring) + 2 * DIALER_DELAY_MILLISECONDS * MILLISECOND;
         ring_now(loop.ring) < until;)
        turn();
    assert_int_equal(answers, 0);
    wait_for(accept_all(&first) && answers == 1); /* the kernel tries again after a second */
    assert_int_equal(answer, ERROR_NONE);
    assert_int_equal(address_port(&answered), address_port(&first.address));
    finish(1);
    close_black_hole(&first);
    close_black_hole(&second);
}

/* ---- lost ------------------------------------------------------------------------------------ */

static void all_refuse(void **state) {
    (void)state;
    struct address addresses[DIALER_ADDRESSES_MAX + 2];
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++)
        addresses[i] = refusing();
    start();
    dial(addresses, sizeof addresses / sizeof *addresses);
    finish(1);
    assert_int_equal(connected, -1);
    assert_int_equal(answer, ERROR_CONNECTION_REFUSED);
}

static void no_descriptor_for_any(void **state) {
    (void)state;
    struct address addresses[2] = {refusing(), refusing()};
    start();
    limit_descriptors(0);
    dial(addresses, 2);
    finish(1);
    unlimit_descriptors();
    assert_int_equal(answer, ERROR_TOO_MANY_DESCRIPTORS);
}

static void a_scope_that_admits_nobody(void **state) {
    (void)state;
    struct address address = loopback(1);
    start();
    memory_fail_after(0, 1);
    assert_int_equal(dialer_new(&scope, &address, 1, done, &answers, &dialer), ERROR_NO_MEMORY);
    memory_fail_after(0, 0);
    scope_cancel(&scope);
    assert_int_equal(dialer_new(&scope, &address, 1, done, &answers, &dialer), ERROR_CANCELLED);
    finish(0);
}

/* ---- given up -------------------------------------------------------------------------------- */

/* How many turns to make before the dialer is given up. */
static void give_up_after(unsigned turns, void (*give_up)(void), unsigned expected) {
    struct black_hole hole = make_black_hole();
    struct address addresses[3] = {refusing(), hole.address, hole.address};
    start();
    dial(addresses, 3);
    for (unsigned i = 0; i < turns; i++)
        loop_turn(&loop, ring_now(loop.ring) + MILLISECOND);
    assert_int_equal(answers, 0);
    give_up();
    finish(expected);
    if (expected > 0)
        assert_int_equal(answer, ERROR_CANCELLED);
    close_black_hole(&hole);
}

static void abandon(void) {
    dialer_abandon(dialer);
}

static void cancel(void) {
    scope_cancel(&scope);
}

static void abandoned_at_each_step(void **state) {
    (void)state;
    for (unsigned turns = 0; turns < 6; turns++)
        give_up_after(turns, abandon, 0);
    give_up_after(400, abandon, 0); /* the second silent one has started */
}

static void cancelled_at_each_step(void **state) {
    (void)state;
    for (unsigned turns = 0; turns < 6; turns++)
        give_up_after(turns, cancel, 1);
    give_up_after(400, cancel, 1);
}

/* A connect that succeeds in the very turn of the abandoning belongs to nobody: it is closed. */
static void abandoned_while_it_wins(void **state) {
    (void)state;
    struct address address = loopback(0);
    int listener = listen_at(&address, 8);
    for (int i = 0; i < 3; i++) {
        start();
        dial(&address, 1);
        loop_turn(&loop, 0); /* prepares the connect; the next turn would do it */
        if (i == 0)
            dialer_abandon(dialer);
        else
            scope_cancel(&scope);
        scope_join(&scope);
        wait_for(scope_ends == 1);
        if (connected >= 0)
            close(connected);
    }
    close(listener);
}

static void done_may_cancel_the_scope_after_a_win(void **state) {
    (void)state;
    struct black_hole hole = make_black_hole();
    struct address addresses[2] = {loopback(0), hole.address};
    int listener = listen_at(&addresses[0], 8);
    start();
    cancel_in_done = true;
    dial(addresses, 1);
    finish(1);
    start();
    cancel_in_done = true;
    addresses[1] = addresses[0];
    addresses[0] = hole.address; /* the winner leaves a loser behind */
    dial(addresses, 2);
    finish(1);
    assert_int_equal(answer, ERROR_NONE);
    close(listener);
    close_black_hole(&hole);
}

static void done_may_cancel_the_scope_after_a_loss(void **state) {
    (void)state;
    struct address address = refusing();
    start();
    cancel_in_done = true;
    dial(&address, 1);
    finish(1);
    assert_int_equal(answer, ERROR_CONNECTION_REFUSED);
}

/* ---- the order of families ------------------------------------------------------------------- */

static void families_take_turns(void **state) {
    (void)state;
    static const struct {
        const char *before, *after;
    } cases[] = {
        {"", ""},         {"4", "4"},     {"44", "44"},       {"4466", "4646"},
        {"6644", "6464"}, {"446", "464"}, {"66664", "64666"}, {"4444666", "4646464"},
        {"46", "46"},     {"644", "644"}, {"64646", "64646"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static const uint8_t bytes[16] = {0};
        struct address addresses[8];
        size_t count = strlen(cases[i].before);
        uint16_t last4 = 0, last6 = 0;
        for (size_t j = 0; j < count; j++) {
            addresses[j] = cases[i].before[j] == '4' ? address_v4(bytes, (uint16_t)(j + 1))
                                                     : address_v6(bytes, (uint16_t)(j + 1));
        }
        dialer_interleave(addresses, count);
        for (size_t j = 0; j < count; j++) {
            bool v4 = addresses[j].socket.any.sa_family == AF_INET;
            uint16_t *last = v4 ? &last4 : &last6;
            assert_int_equal(cases[i].after[j], v4 ? '4' : '6');
            /* within a family the order stays */
            assert_true(address_port(&addresses[j]) > *last);
            *last = address_port(&addresses[j]);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        loop_test(one_address),
        loop_test(the_next_address_at_once_when_one_refuses),
        loop_test(the_next_address_after_a_delay_when_one_is_silent),
        loop_test(the_first_may_still_win),
        loop_test(all_refuse),
        loop_test(no_descriptor_for_any),
        loop_test(a_scope_that_admits_nobody),
        loop_test(abandoned_at_each_step),
        loop_test(cancelled_at_each_step),
        loop_test(abandoned_while_it_wins),
        loop_test(done_may_cancel_the_scope_after_a_win),
        loop_test(done_may_cancel_the_scope_after_a_loss),
        loop_test(families_take_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

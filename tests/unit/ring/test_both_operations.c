/* Operations on both rings: accepting, polling, cancelling, waiting. See both.h. */
#include "both.h"

static struct sockaddr_in listen_anywhere(int *listener) {
    struct sockaddr_in address = loopback();
    socklen_t size = sizeof address;
    assert_int_equal(socket_listen(ring, (struct sockaddr *)&address, size, false, listener),
                     ERROR_NONE);
    assert_int_equal(socket_local(ring, *listener, (struct sockaddr *)&address, &size), ERROR_NONE);
    return address;
}

static int connect_to(struct sockaddr_in *address) {
    struct record connect = RECORD("connect");
    int descriptor;
    assert_int_equal(socket_open(ring, AF_INET, SOCK_STREAM, &descriptor), ERROR_NONE);
    ring_connect(ring, &connect.operation, descriptor, (struct sockaddr *)address, sizeof *address);
    wait_for(connect.completions == 1);
    return descriptor;
}

/* For as long as something that should not happen would need. */
static void wait_a_while(void) {
    uint64_t until = ring_now(ring) + 50 * MILLISECOND;
    while (ring_now(ring) < until && (sim == NULL || sim_step(sim)))
        if (sim == NULL)
            step();
}

/* ---- accepting ------------------------------------------------------------------------------- */

static void an_accept_goes_on(void) {
    struct record accept = RECORD("accept");
    int listener, clients[3], servers[3];
    struct sockaddr_in address = listen_anywhere(&listener);
    ring_accept(ring, &accept.operation, listener);
    for (unsigned i = 0; i < 3; i++) {
        clients[i] = connect_to(&address);
        wait_for(accept.completions == i + 1);
        servers[i] = accept.descriptor;
    }
    story[0] = '\0'; /* whether the one or the other end comes first is not promised */
    end(&accept);
    for (unsigned i = 0; i < 3; i++) {
        ring_close(ring, clients[i]);
        ring_close(ring, servers[i]);
    }
    ring_close(ring, listener);
}

/* The kernel accepts; who asks later gets what waits. */
static void connections_wait_for_an_accept(void) {
    struct record accept = RECORD("accept");
    int listener, clients[2];
    struct sockaddr_in address = listen_anywhere(&listener);
    clients[0] = connect_to(&address);
    clients[1] = connect_to(&address);
    ring_accept(ring, &accept.operation, listener);
    wait_for(accept.completions == 2);
    end(&accept);
    for (unsigned i = 0; i < 2; i++) {
        ring_close(ring, clients[i]);
        ring_close(ring, accept.descriptors[i]);
    }
    ring_close(ring, listener);
}

static void who_was_not_accepted_is_reset(void) {
    struct record receive = RECORD("receive");
    int listener;
    struct sockaddr_in address = listen_anywhere(&listener);
    int client = connect_to(&address);
    ring_receive(ring, &receive.operation, client);
    ring_close(ring, listener);
    wait_for(!operation_is_armed(&receive.operation));
    ring_close(ring, client);
}

static void an_idle_accept_is_cancelled(void) {
    struct record accept = RECORD("accept");
    int listener;
    listen_anywhere(&listener);
    ring_accept(ring, &accept.operation, listener);
    wait_a_while();
    end(&accept);
    ring_close(ring, listener);
}

static void both_ends_know_the_addresses(void) {
    struct connection pair;
    struct sockaddr_in client = {0}, seen = {0};
    socklen_t size = sizeof client;
    connect_both(&pair);
    assert_int_equal(socket_local(ring, pair.client, (struct sockaddr *)&client, &size),
                     ERROR_NONE);
    size = sizeof seen;
    assert_int_equal(socket_peer(ring, pair.server, (struct sockaddr *)&seen, &size), ERROR_NONE);
    tell("same:%d",
         client.sin_port == seen.sin_port && client.sin_addr.s_addr == seen.sin_addr.s_addr);
    close_all(&pair, true, true);
}

/* ---- polling --------------------------------------------------------------------------------- */

static void ready(struct record *poll, const char *what) {
    wait_for(poll->completions > 0);
    story[0] = '\0'; /* a poll answers with the kernel's bits */
    tell("%s", what);
}

static void a_fresh_connection_can_be_written(void) {
    struct connection pair;
    struct record poll = RECORD("poll");
    connect_both(&pair);
    ring_poll(ring, &poll.operation, pair.client, POLL_FOR_WRITING);
    ready(&poll, "writable");
    close_all(&pair, true, true);
}

static void a_poll_waits_for_the_first_byte(void) {
    struct connection pair;
    struct record send = RECORD("send"), poll = RECORD("poll");
    connect_both(&pair);
    ring_poll(ring, &poll.operation, pair.server, POLL_FOR_READING);
    wait_a_while();
    tell("before:%u ", poll.completions);
    assert_int_equal(poll.completions, 0);
    ring_send(ring, &send.operation, pair.client, "x", 1);
    ready(&poll, "readable");
    wait_for(!operation_is_armed(&send.operation));
    story[0] = '\0';
    close_all(&pair, true, true);
}

static void an_end_is_readable(void) {
    struct connection pair;
    struct record poll = RECORD("poll");
    connect_both(&pair);
    ring_poll(ring, &poll.operation, pair.server, POLL_FOR_READING);
    ring_close(ring, pair.client);
    ready(&poll, "readable");
    close_all(&pair, false, true);
}

static void a_waiting_connection_is_readable(void) {
    struct record poll = RECORD("poll");
    int listener;
    struct sockaddr_in address = listen_anywhere(&listener);
    ring_poll(ring, &poll.operation, listener, POLL_FOR_READING);
    int client = connect_to(&address);
    ready(&poll, "readable");
    ring_close(ring, listener);
    ring_close(ring, client);
}

static void an_idle_poll_is_cancelled(void) {
    struct connection pair;
    struct record poll = RECORD("poll");
    connect_both(&pair);
    ring_poll(ring, &poll.operation, pair.server, POLL_FOR_READING);
    wait_a_while();
    end(&poll);
    close_all(&pair, true, true);
}

/* ---- cancelling ------------------------------------------------------------------------------ */

/* It can come too late for what is there already, never for the operation's end. */
static void a_cancel_behind_data(void) {
    struct connection pair;
    struct record send = RECORD("send"), poll = RECORD("poll"), receive = RECORD("receive");
    connect_both(&pair);
    ring_send(ring, &send.operation, pair.client, "there", 5);
    ring_poll(ring, &poll.operation, pair.server, POLL_FOR_READING);
    wait_for(send.completions == 1 && poll.completions == 1);
    story[0] = '\0';
    ring_receive(ring, &receive.operation, pair.server);
    ring_cancel(ring, &receive.operation);
    wait_for(!operation_is_armed(&receive.operation));
    close_all(&pair, true, true);
}

static void two_cancels_end_it_once(void) {
    struct connection pair;
    struct record receive = RECORD("receive");
    connect_both(&pair);
    ring_receive(ring, &receive.operation, pair.server);
    wait_a_while();
    ring_cancel(ring, &receive.operation);
    ring_cancel(ring, &receive.operation);
    wait_for(!operation_is_armed(&receive.operation));
    wait_a_while();
    tell("completions:%u", receive.completions);
    close_all(&pair, true, true);
}

static void it_can_be_armed_again(void) {
    struct connection pair;
    struct record send = RECORD("send"), receive = RECORD("receive");
    connect_both(&pair);
    ring_receive(ring, &receive.operation, pair.server);
    end(&receive);
    ring_receive(ring, &receive.operation, pair.server);
    ring_send(ring, &send.operation, pair.client, "again", 5);
    wait_for(receive.size == 5 && send.completions == 1);
    story[0] = '\0';
    tell("received:%zu ", receive.size);
    end(&receive);
    close_all(&pair, true, true);
}

static void closing_behind_a_cancel_is_an_orderly_end(void) {
    struct connection pair;
    struct record ours = RECORD("ours"), theirs = RECORD("theirs");
    connect_both(&pair);
    ring_receive(ring, &ours.operation, pair.server);
    ring_receive(ring, &theirs.operation, pair.client);
    wait_a_while();
    end(&ours);
    ring_close(ring, pair.server);
    wait_for(!operation_is_armed(&theirs.operation));
    close_all(&pair, true, false);
}

/* ---- waiting for room ------------------------------------------------------------------------ */

static char filling[64 * 1024];

/* Sends until one waits; returns how much has gone. */
static size_t fill(struct record *send, int descriptor) {
    for (unsigned i = 0; i < 1000; i++) {
        unsigned before = send->completions;
        ring_send(ring, &send->operation, descriptor, filling, sizeof filling);
        wait_a_while();
        if (send->completions == before)
            break;
    }
    assert_true(operation_is_armed(&send->operation));
    story[0] = '\0';
    return send->size;
}

static void a_send_without_room_is_cancelled(void) {
    struct connection pair;
    struct record send = RECORD("send");
    connect_both(&pair);
    fill(&send, pair.client);
    end(&send);
    close_all(&pair, true, true);
}

static void a_send_goes_on_when_there_is_room(void) {
    struct connection pair;
    struct record send = RECORD("send"), receive = RECORD("receive");
    connect_both(&pair);
    size_t before = fill(&send, pair.client);
    ring_receive(ring, &receive.operation, pair.server);
    wait_for(!operation_is_armed(&send.operation));
    wait_for(receive.size == send.size);
    story[0] = '\0';
    tell("more:%d ", send.size > before);
    end(&receive);
    close_all(&pair, true, true);
}

static void a_send_without_room_hears_of_a_reset(void) {
    struct connection pair;
    struct record send = RECORD("send");
    connect_both(&pair);
    fill(&send, pair.client);
    ring_close(ring, pair.server);
    wait_for(!operation_is_armed(&send.operation));
    close_all(&pair, true, false);
}

/* Two connections share two buffers: when one comes back, who waited goes on. */
static void buffers_come_back_to_who_waits(void) {
    struct connection first, second;
    struct record sends[2] = {RECORD("send"), RECORD("send")};
    struct record receives[2] = {RECORD("receive"), RECORD("receive")};
    connect_both(&first);
    connect_both(&second);
    ring_send(ring, &sends[0].operation, first.client, filling, 1000);
    ring_send(ring, &sends[1].operation, second.client, filling, 1000);
    wait_for(sends[0].completions == 1 && sends[1].completions == 1);
    ring_receive(ring, &receives[0].operation, first.server);
    ring_receive(ring, &receives[1].operation, second.server);
    wait_for(receives[0].size == 1000 && receives[1].size == 1000);
    story[0] = '\0';
    end(&receives[0]);
    end(&receives[1]);
    close_all(&first, true, true);
    close_all(&second, true, true);
}

/* ---- waking ---------------------------------------------------------------------------------- */

static void many_wakes_are_one_and_no_completion(void) {
    uint64_t before = ring->statistics.completions;
    for (unsigned i = 0; i < 5; i++)
        ring_wake(ring);
    for (unsigned i = 0; i < 3; i++)
        ring_turn(ring, i == 0 ? ring_now(ring) + PATIENCE : 0, call_handler, NULL);
    tell("dispatched:%u at most one:%d", 0U, ring->statistics.completions - before <= 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        script_test(an_accept_goes_on),
        script_test(connections_wait_for_an_accept),
        script_test(who_was_not_accepted_is_reset),
        script_test(an_idle_accept_is_cancelled),
        script_test(both_ends_know_the_addresses),
        script_test(a_fresh_connection_can_be_written),
        script_test(a_poll_waits_for_the_first_byte),
        script_test(an_end_is_readable),
        script_test(a_waiting_connection_is_readable),
        script_test(an_idle_poll_is_cancelled),
        script_test(a_cancel_behind_data),
        script_test(two_cancels_end_it_once),
        script_test(it_can_be_armed_again),
        script_test(closing_behind_a_cancel_is_an_orderly_end),
        script_test(a_send_without_room_is_cancelled),
        script_test(a_send_goes_on_when_there_is_room),
        script_test(a_send_without_room_hears_of_a_reset),
        script_test(buffers_come_back_to_who_waits),
        script_test(many_wakes_are_one_and_no_completion),
    };
    return cmocka_run_group_tests_name("both_operations", tests, NULL, NULL);
}

/* Streams on both rings: bytes, ends, resets. See both.h. */
#include "both.h"

/* ---- the scripts ----------------------------------------------------------------------------- */

static void bytes_and_an_orderly_end(void) {
    struct connection pair;
    struct record send = RECORD("send"), receive = RECORD("receive");
    connect_both(&pair);
    ring_send(ring, &send.operation, pair.client, "hello", 5);
    wait_for(send.completions == 1);
    ring_receive(ring, &receive.operation, pair.server);
    wait_for(receive.size == 5);
    ring_shutdown(ring, pair.client);
    wait_for(!operation_is_armed(&receive.operation));
    ring_send(ring, &send.operation, pair.server, "still here", 10);
    wait_for(send.completions == 2);
    close_all(&pair, true, true);
}

static void refused(void) {
    struct sockaddr_in address = loopback();
    struct record connect = RECORD("connect");
    int descriptor;
    address.sin_port = htons(1);
    assert_int_equal(socket_open(ring, AF_INET, SOCK_STREAM, &descriptor), ERROR_NONE);
    ring_connect(ring, &connect.operation, descriptor, (struct sockaddr *)&address, sizeof address);
    wait_for(connect.completions == 1);
    ring_close(ring, descriptor);
}

static void a_cancelled_receive(void) {
    struct connection pair;
    struct record receive = RECORD("receive");
    connect_both(&pair);
    ring_receive(ring, &receive.operation, pair.server);
    end(&receive);
    ring_cancel(ring, &receive.operation); /* harmless */
    close_all(&pair, true, true);
}

static void a_cancel_behind_its_operation(void) {
    struct connection pair;
    struct record send = RECORD("send");
    connect_both(&pair);
    ring_send(ring, &send.operation, pair.client, "gone already", 12);
    ring_cancel(ring, &send.operation);
    wait_for(send.completions == 1);
    close_all(&pair, true, true);
}

/* Closing with something unread resets the connection; what had arrived before can be read. */
static void unread_bytes_become_a_reset(void) {
    struct connection pair;
    struct record send = RECORD("send"), receive = RECORD("receive"), poll = RECORD("poll");
    connect_both(&pair);
    ring_send(ring, &send.operation, pair.client, "unread", 6);
    wait_for(send.completions == 1);
    ring_poll(ring, &poll.operation, pair.server, POLL_FOR_READING);
    wait_for(poll.completions == 1);
    story[0] = '\0'; /* a poll answers with the kernel's bits */
    ring_close(ring, pair.server);
    ring_receive(ring, &receive.operation, pair.client);
    wait_for(!operation_is_armed(&receive.operation));
    ring_send(ring, &send.operation, pair.client, "too late", 8);
    wait_for(send.completions == 2);
    close_all(&pair, true, false);
}

/* The first send behind the other's close is taken, and then nothing is. */
static void sending_to_who_has_closed(void) {
    struct connection pair;
    struct record send = RECORD("send"), receive = RECORD("receive");
    connect_both(&pair);
    ring_close(ring, pair.server);
    ring_receive(ring, &receive.operation, pair.client);
    wait_for(!operation_is_armed(&receive.operation));
    ring_send(ring, &send.operation, pair.client, "x", 1);
    wait_for(send.completions == 1);
    uint64_t until = ring_now(ring) + 100 * MILLISECOND;
    while (ring_now(ring) < until && (sim == NULL || sim_step(sim)))
        if (sim == NULL)
            step();
    ring_send(ring, &send.operation, pair.client, "y", 1);
    wait_for(send.completions == 2);
    close_all(&pair, true, false);
}

static void an_address_is_taken_once(void) {
    struct sockaddr_in address = loopback();
    socklen_t size = sizeof address;
    int first, second, third;
    assert_int_equal(socket_listen(ring, (struct sockaddr *)&address, size, false, &first),
                     ERROR_NONE);
    assert_int_equal(socket_local(ring, first, (struct sockaddr *)&address, &size), ERROR_NONE);
    tell("second:%s ",
         error_name(socket_listen(ring, (struct sockaddr *)&address, size, false, &second)));
    tell("joining:%s",
         error_name(socket_listen(ring, (struct sockaddr *)&address, size, true, &third)));
    ring_close(ring, first);
    ring_close(ring, third);
}

/* More arrives than there are buffers: all of it comes, in order. */
static void fewer_buffers_than_data(void) {
    struct connection pair;
    struct record send = RECORD("send"), receive = RECORD("receive");
    static const char text[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    char whole[10 * sizeof text] = "";
    connect_both(&pair);
    for (int i = 0; i < 10; i++)
        memcpy(whole + (size_t)i * (sizeof text - 1), text, sizeof text);
    size_t size = strlen(whole);
    ring_send(ring, &send.operation, pair.client, whole, size);
    wait_for(send.completions == 1);
    ring_receive(ring, &receive.operation, pair.server);
    wait_for(receive.size == size);
    story[0] = '\0'; /* the pieces are the ring's business */
    end(&receive);
    close_all(&pair, true, true);
}

static void half_closed_either_way(void) {
    struct connection pair;
    struct record send = RECORD("send"), there = RECORD("there"), back = RECORD("back");
    connect_both(&pair);
    ring_receive(ring, &there.operation, pair.server);
    ring_shutdown(ring, pair.client);
    wait_for(!operation_is_armed(&there.operation));
    ring_send(ring, &send.operation, pair.server, "answer", 6);
    wait_for(send.completions == 1);
    ring_receive(ring, &back.operation, pair.client);
    wait_for(back.size == 6);
    ring_shutdown(ring, pair.server);
    wait_for(!operation_is_armed(&back.operation));
    close_all(&pair, true, true);
}

static void sending_behind_ones_own_end(void) {
    struct connection pair;
    struct record send = RECORD("send");
    connect_both(&pair);
    ring_shutdown(ring, pair.client);
    ring_send(ring, &send.operation, pair.client, "late", 4);
    wait_for(send.completions == 1);
    close_all(&pair, true, true);
}

static void an_end_is_told_again(void) {
    struct connection pair;
    struct record receive = RECORD("receive");
    connect_both(&pair);
    ring_shutdown(ring, pair.client);
    for (int i = 0; i < 2; i++) {
        ring_receive(ring, &receive.operation, pair.server);
        wait_for(!operation_is_armed(&receive.operation));
    }
    close_all(&pair, true, true);
}

/* A shutdown acts at once; what was handed to the kernel before goes out before the end. */
static void the_end_comes_behind_the_bytes(void) {
    struct connection pair;
    struct record send = RECORD("send"), receive = RECORD("receive");
    connect_both(&pair);
    ring_send(ring, &send.operation, pair.client, "last words", 10);
    wait_for(send.completions == 1);
    ring_shutdown(ring, pair.client);
    ring_close(ring, pair.client);
    ring_receive(ring, &receive.operation, pair.server);
    wait_for(!operation_is_armed(&receive.operation));
    close_all(&pair, false, true);
}

static void there_and_back_again(void) {
    struct connection pair;
    struct record ask = RECORD("ask"), answer = RECORD("answer");
    struct record asked = RECORD("asked"), answered = RECORD("answered");
    connect_both(&pair);
    ring_receive(ring, &asked.operation, pair.server);
    ring_receive(ring, &answered.operation, pair.client);
    for (unsigned i = 1; i <= 4; i++) {
        ring_send(ring, &ask.operation, pair.client, "ping", 4);
        wait_for(asked.size == (size_t)4 * i && ask.completions == i);
        ring_send(ring, &answer.operation, pair.server, "pong", 4);
        wait_for(answered.size == (size_t)4 * i && answer.completions == i);
    }
    story[0] = '\0'; /* a send and its receive may complete in one turn, in either order */
    end(&asked);
    end(&answered);
    close_all(&pair, true, true);
}

/* The immediate calls never wait. */
static void receiving_at_once_finds_nothing(void) {
    struct connection pair;
    char byte;
    connect_both(&pair);
    ssize_t size = ring->backend->sockets->receive(ring, pair.server, &byte, 1, NULL, NULL);
    tell("result:%zd", size);
    close_all(&pair, true, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        script_test(bytes_and_an_orderly_end),    script_test(refused),
        script_test(a_cancelled_receive),         script_test(a_cancel_behind_its_operation),
        script_test(unread_bytes_become_a_reset), script_test(sending_to_who_has_closed),
        script_test(an_address_is_taken_once),    script_test(fewer_buffers_than_data),
        script_test(half_closed_either_way),      script_test(sending_behind_ones_own_end),
        script_test(an_end_is_told_again),        script_test(the_end_comes_behind_the_bytes),
        script_test(there_and_back_again),        script_test(receiving_at_once_finds_nothing),
    };
    return cmocka_run_group_tests_name("both", tests, NULL, NULL);
}

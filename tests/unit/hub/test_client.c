/*
 * One client at a time, against a whole hub: handshakes, messages, pings, each way to end, slow
 * readers, shortage of memory. The hub's worker runs on a thread (pthread_create() in
 * hub_threads.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hub_threads.h"

static int set_up(void **state) {
    (void)state;
    default_settings();
    return 0;
}

static void begin(void) {
    hub_begin(1);
    hub_listen_on(0);
}

/* ---- handshakes ------------------------------------------------------------------------------ */

static void handshakes_that_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *request;
        int status;
    } cases[] = {
        {"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n", 404},
        {"PUT /channels/a HTTP/1.1\r\nHost: a\r\n\r\n", 405},
        {"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
         426},
        {"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Version: 13\r\n\r\n",
         400},
        {"GET /channels/ HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
         404},
        {"GET /channels/a/b HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
         404},
    };
    begin();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int client = connect_with_buffer(0);
        send_bytes(client, cases[i].request, strlen(cases[i].request));
        assert_int_equal(read_head(client), cases[i].status);
        close(client);
    }
    assert_int_equal(hub_count(clients_total), 0);
    assert_int_equal(hub_count(handshakes_refused), 4);
    hub_end();
}

static void too_many_channels_are_refused(void **state) {
    (void)state;
    test_options.max_channels = 1;
    begin();
    int first = join("one");
    int second = connect_with_buffer(0);
    send_handshake(second, "/channels/two");
    assert_int_equal(read_head(second), 503);
    close(second);
    leave(first);
    hub_end();
}

static void names_of_channels(void **state) {
    (void)state;
    char longest[256];
    memset(longest, 'a', sizeof longest);
    assert_true(channel_name_is_valid(bytes_make(longest, 255)));
    assert_false(channel_name_is_valid(bytes_make(longest, 256)));
    assert_false(channel_name_is_valid(bytes_make(longest, 0)));
    assert_true(channel_name_is_valid(bytes_of("aZ09._~:-")));
    static const char *const bad[] = {"a/b", "a b", "a%41", "\xC3\xA4", "a?", "[x]", "\x01"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(channel_name_is_valid(bytes_of(bad[i])));
    assert_false(channel_name_is_valid(bytes_make("a\0b", 3)));
}

/* The first frames may come in the same piece as the request. */
static void frames_right_behind_the_handshake(void **state) {
    (void)state;
    char request[1024];
    begin();
    int listener = join("a");
    int client = connect_with_buffer(0);
    int size = snprintf(request, sizeof request,
                        "GET /channels/a?x=y HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    size_t total = (size_t)size;
    total += make_frame((uint8_t *)request + total, 0x81, "first", 5);
    total += make_frame((uint8_t *)request + total, 0x89, "p", 1);
    send_bytes(client, request, total);
    assert_int_equal(read_head(client), 101);
    expect_text(listener, "first");
    assert_true(read_frame(client));
    assert_int_equal(received.first, 0x8A);
    leave(client);
    leave(listener);
    hub_end();
}

/* ---- idle clients ---------------------------------------------------------------------------- */

/* How large that is, the compiler checks: see src/hub/client.c. */
static void an_idle_client_holds_one_block_of_memory(void **state) {
    (void)state;
    begin();
    int first = join("a"), second = join("a");
    send_text(second, "the answers to the handshakes are out");
    expect_text(first, "the answers to the handshakes are out");
    size_t before = memory_live_blocks();
    int third = join("a");
    wait_until(hub_count(clients) == 3);
    wait_until(memory_live_blocks() == before + 1);
    send_frame(third, 0x01, "frag", 4);
    send_frame(third, 0x80, "ment", 4);
    expect_text(first, "fragment");
    send_frame(third, 0x89, "p", 1);
    assert_true(read_frame(third));
    wait_until(memory_live_blocks() == before + 1);
    leave(third);
    wait_until(memory_live_blocks() == before);
    leave(second);
    leave(first);
    hub_end();
}

/* ---- messages -------------------------------------------------------------------------------- */

static void a_message_goes_to_all_others_with_its_prefix(void **state) {
    (void)state;
    begin();
    int clients[3];
    for (size_t i = 0; i < 3; i++)
        clients[i] = join_path_with_buffer("/", 0);
    send_text(clients[0], "hello");
    expect_text(clients[1], "[127.0.0.1] hello");
    expect_text(clients[2], "[127.0.0.1] hello");
    send_frame(clients[1], 0x82, "\0\xFF", 2);
    assert_true(read_frame(clients[0])); /* and not its own "hello" before */
    assert_int_equal(received.first, 0x82);
    assert_int_equal(received.size, 14);
    assert_memory_equal(received.payload, "[127.0.0.1] \0\xFF", 14);
    assert_true(read_frame(clients[2]));
    send_text(clients[2], "");
    expect_text(clients[0], "[127.0.0.1] ");
    expect_text(clients[1], "[127.0.0.1] ");
    for (size_t i = 0; i < 3; i++)
        leave(clients[i]);
    assert_int_equal(hub_count(messages_received), 3);
    assert_int_equal(hub_count(messages_published), 3);
    wait_until(hub_count(deliveries) == 6);
    hub_end();
}

static void a_fragmented_message_arrives_whole(void **state) {
    (void)state;
    begin();
    int a = join("x"), b = join("x");
    send_frame(a, 0x01, "frag", 4);
    send_frame(a, 0x89, "mid", 3);
    send_frame(a, 0x80, "ment", 4);
    expect_text(b, "fragment");
    assert_true(read_frame(a));
    assert_int_equal(received.first, 0x8A);
    leave(a);
    leave(b);
    hub_end();
}

static void publishing_where_only_the_service_may(void **state) {
    (void)state;
    begin();
    int client = join("~news");
    assert_int_equal(publish_from(0, "~news", bytes_of("one"), 1), ERROR_NONE);
    expect_text(client, "one");
    send_text(client, "me too");
    expect_close(client, 1008);
    wait_until(hub_count(closes[CLOSE_REASON_NOT_ALLOWED]) == 1);
    assert_int_equal(publish_from(0, "no such/name", bytes_of("x"), 1), ERROR_INVALID_ARGUMENT);
    hub_end();
}

/* ---- pings ----------------------------------------------------------------------------------- */

static void pings_are_answered(void **state) {
    (void)state;
    begin();
    int client = join("a");
    send_frame(client, 0x89, "are you there", 13);
    assert_true(read_frame(client));
    assert_int_equal(received.first, 0x8A);
    assert_int_equal(received.size, 13);
    assert_memory_equal(received.payload, "are you there", 13);
    leave(client);
    hub_end();
}

/* So many that reading pauses until the pongs are out; then it goes on. */
static void a_flood_of_pings_is_survived(void **state) {
    (void)state;
    enum { PINGS = 4000, PAYLOAD = 125 };
    static uint8_t flood[PINGS * (PAYLOAD + 6)];
    static uint8_t payload[PAYLOAD];
    size_t size = 0;
    for (size_t i = 0; i < PINGS; i++)
        size += make_frame(flood + size, 0x89, payload, PAYLOAD);
    begin();
    int client = join_path_with_buffer("/channels/a", 4096);
    for (size_t sent = 0, pongs = 0; pongs < PINGS;) {
        struct pollfd poll_for = {.fd = client, .events = POLLIN};
        poll_for.events |= sent < size ? POLLOUT : 0;
        assert_int_equal(poll(&poll_for, 1, PATIENCE_SECONDS * 1000), 1);
        if ((poll_for.revents & POLLOUT) != 0) {
            ssize_t now = send(client, flood + sent, size - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
            assert_true(now > 0);
            sent += (size_t)now;
        }
        if ((poll_for.revents & POLLIN) != 0) {
            assert_true(read_frame(client));
            assert_int_equal(received.first, 0x8A);
            pongs++;
        }
    }
    leave(client);
    hub_end();
}

static void no_pong_in_time(void **state) {
    (void)state;
    test_options.ping_interval = 50 * MILLISECOND;
    test_options.ping_timeout = 50 * MILLISECOND;
    begin();
    int client = join("a");
    for (int i = 0; i < 3; i++) {
        assert_true(read_frame(client));
        assert_int_equal(received.first, 0x89);
        send_frame(client, 0x8A, received.payload, received.size);
    }
    assert_true(read_frame(client));
    assert_int_equal(received.first, 0x89);
    expect_close(client, 1011);
    wait_until(hub_count(closes[CLOSE_REASON_PING_TIMEOUT]) == 1);
    assert_true(hub_count(pings) >= 4);
    hub_end();
}

/* ---- ends ------------------------------------------------------------------------------------ */

static void closed_by_the_client(void **state) {
    (void)state;
    begin();
    int client = join("a");
    send_frame(client, 0x88,
               "\x0F\xA0"
               "bye",
               5);
    assert_true(read_frame(client));
    assert_int_equal(received.first, 0x88);
    assert_memory_equal(received.payload, "\x0F\xA0", 2);
    assert_false(read_frame(client));
    close(client);
    client = join("a");
    send_frame(client, 0x88, "", 0);
    assert_true(read_frame(client));
    assert_int_equal(received.first, 0x88);
    assert_false(read_frame(client));
    close(client);
    wait_until(hub_count(closes[CLOSE_REASON_PEER_CLOSED]) == 2);
    hub_end();
}

static void closed_for_what_the_client_did(void **state) {
    (void)state;
    static const struct {
        uint8_t first;
        const char *payload;
        size_t size;
        unsigned code;
        enum close_reason reason;
    } cases[] = {
        {0x83, "", 0, 1002, CLOSE_REASON_PROTOCOL},
        {0x80, "x", 1, 1002, CLOSE_REASON_PROTOCOL},
        {0x81, "\xFF", 1, 1007, CLOSE_REASON_NOT_UTF8},
        {0x82, "more than sixteen bytes", 23, 1009, CLOSE_REASON_TOO_BIG},
    };
    test_options.max_message = 16;
    begin();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t before = hub_count(closes[cases[i].reason]);
        int client = join("a");
        send_frame(client, cases[i].first, cases[i].payload, cases[i].size);
        expect_close(client, cases[i].code);
        wait_until(hub_count(closes[cases[i].reason]) == before + 1);
    }
    hub_end();
}

static void gone_without_closing(void **state) {
    (void)state;
    const struct linger now = {.l_onoff = 1};
    begin();
    int client = join("a");
    close(client);
    wait_until(hub_count(closes[CLOSE_REASON_PEER_GONE]) == 1);
    client = join("a");
    setsockopt(client, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(client);
    wait_until(hub_count(closes[CLOSE_REASON_CONNECTION_LOST]) == 1);
    hub_end();
}

/* The client never answers our close frame. */
static void close_that_is_not_answered(void **state) {
    (void)state;
    test_options.close_timeout = 50 * MILLISECOND;
    begin();
    int client = join("~a");
    send_text(client, "not allowed");
    wait_until(hub_count(clients) == 0);
    assert_true(read_frame(client));
    assert_int_equal(received.first, 0x88);
    assert_false(read_frame(client));
    close(client);
    hub_end();
}

/* Both frames are through, but the client keeps its connection open. */
static void end_that_is_not_followed(void **state) {
    (void)state;
    test_options.close_timeout = 50 * MILLISECOND;
    begin();
    int client = join("a");
    send_frame(client, 0x88, "\x03\xE8", 2);
    wait_until(hub_count(clients) == 0);
    close(client);
    hub_end();
}

/* ---- slow readers ---------------------------------------------------------------------------- */

enum { PIECE = 64 * 1024, PIECES = 400 };
static uint8_t piece[PIECE];

/* Publishes far more than sockets hold. */
static void flood(const char *channel) {
    memset(piece, 'x', sizeof piece);
    for (unsigned i = 0; i < PIECES; i++) {
        memcpy(piece, &i, sizeof i);
        assert_int_equal(publish_from(0, channel, bytes_make(piece, sizeof piece), 1), ERROR_NONE);
    }
}

static unsigned number_of_piece(void) {
    unsigned number;
    assert_int_equal(received.first, 0x81);
    assert_int_equal(received.size, PIECE);
    memcpy(&number, received.payload, sizeof number);
    return number;
}

static void a_slow_reader_is_closed(void **state) {
    (void)state;
    test_channel.retain_bytes = 256 * 1024;
    begin();
    int slow = join_path_with_buffer("/channels/a", 4096);
    flood("a");
    wait_until(hub_count(slow_readers) >= 1);
    flood("a"); /* goes on while the close frame waits behind the client's full buffer */
    unsigned next = 0;
    while (read_frame(slow) && received.first == 0x81)
        assert_int_equal(number_of_piece(), next++);
    assert_int_equal(received.first, 0x88);
    assert_int_equal(received.payload[0] << 8 | received.payload[1], 1013);
    assert_true(next > 0 && next < PIECES);
    send_frame(slow, 0x88, received.payload, 2);
    assert_false(read_frame(slow));
    close(slow);
    wait_until(hub_count(closes[CLOSE_REASON_SLOW_READER]) == 1);
    assert_int_equal(hub_count(slow_readers), 1);
    hub_end();
}

/* The history still holds everything, but it has taken nothing for too long. */
static void a_reader_without_progress_is_closed(void **state) {
    (void)state;
    test_options.progress_timeout = 100 * MILLISECOND;
    test_options.close_timeout = 100 * MILLISECOND;
    test_channel.retain_bytes = (size_t)2 * PIECES * PIECE;
    begin();
    int slow = join_path_with_buffer("/channels/a", 4096);
    int idle = join("b"); /* who has nothing to take makes no progress either, and stays */
    flood("a");
    wait_until(hub_count(closes[CLOSE_REASON_SLOW_READER]) == 1);
    assert_int_equal(hub_count(slow_readers), 1);
    assert_int_equal(hub_count(skipped), 0);
    close(slow);
    assert_int_equal(publish_from(0, "b", bytes_of("still here"), 1), ERROR_NONE);
    expect_text(idle, "still here");
    leave(idle);
    hub_end();
}

static void progress_is_not_asked_of_who_may_skip(void **state) {
    (void)state;
    test_options.progress_timeout = 20 * MILLISECOND;
    test_channel.slow_reader = SLOW_READER_SKIP;
    test_channel.retain_bytes = (size_t)2 * PIECES * PIECE;
    begin();
    int slow = join_path_with_buffer("/channels/a", 4096);
    flood("a");
    int other = join("b");
    struct timespec pause = {.tv_nsec = 200 * 1000 * 1000}; /* ten times what a strict one has */
    nanosleep(&pause, NULL);
    assert_int_equal(hub_count(slow_readers), 0);
    for (unsigned next = 0; next < PIECES; next++) {
        assert_true(read_frame(slow));
        assert_int_equal(number_of_piece(), next);
    }
    leave(slow);
    leave(other);
    hub_end();
}

static void a_slow_reader_skips_and_the_gap_is_counted(void **state) {
    (void)state;
    test_channel.retain_bytes = 256 * 1024;
    test_channel.slow_reader = SLOW_READER_SKIP;
    begin();
    int slow = join_path_with_buffer("/channels/a", 4096);
    flood("a");
    wait_until(hub_count(skipped) > 0);
    assert_int_equal(publish_from(0, "a", bytes_of("end"), 1), ERROR_NONE);
    unsigned got = 0, next = 0;
    while (read_frame(slow) && received.size == PIECE) {
        unsigned number = number_of_piece();
        assert_true(number >= next);
        next = number + 1;
        got++;
    }
    assert_int_equal(received.size, 3);
    assert_true(got < PIECES);
    assert_int_equal(got + hub_count(skipped), PIECES);
    leave(slow);
    wait_until(hub_count(deliveries) == got + 1);
    hub_end();
}

/* Control frames between pieces, in order: 'P' and what a pong says, '?' for a ping. */
struct controls {
    char seen[32];
    size_t size;
};

/* Reads on behind pieces and control frames until something else comes. */
static void read_controls(int client, struct controls *controls) {
    while (read_frame(client)) {
        assert_true(controls->size + 3 < sizeof controls->seen);
        if (received.first == 0x8A) {
            controls->seen[controls->size++] = 'P';
            controls->seen[controls->size++] = (char)received.payload[0];
        } else if (received.first == 0x89) {
            controls->seen[controls->size++] = '?';
        } else if (received.size == PIECE) {
            (void)number_of_piece();
        } else {
            return;
        }
    }
}

static void flood_until_it_skips(const char *channel) {
    uint64_t before = hub_count(skipped);
    flood(channel);
    wait_until(hub_count(skipped) > before);
}

/* It does not read while it is pinged, pings and closes, and skips before and behind each. */
static void stop_reading(enum slow_reader_policy policy) {
    struct controls controls = {0};
    default_settings();
    test_channel.retain_bytes = 256 * 1024;
    test_channel.slow_reader = policy;
    test_options.ping_interval = 20 * MILLISECOND;
    begin();
    int slow = join_path_with_buffer("/channels/a", 4096);
    flood_until_it_skips("a");
    wait_until(hub_count(pings) == 1);
    send_frame(slow, 0x89, "1", 1);
    flood_until_it_skips("a");
    send_frame(slow, 0x89, "2", 1);
    send_frame(slow, 0x89, "3", 1);
    send_text(slow, "they are queued");
    wait_until(hub_count(messages_received) == 1);
    flood_until_it_skips("a");
    assert_int_equal(publish_from(0, "a", bytes_of("end"), 1), ERROR_NONE);
    read_controls(slow, &controls);
    assert_int_equal(received.size, 3);
    assert_string_equal(controls.seen, "?P1P2P3");
    flood_until_it_skips("a");
    send_frame(slow, 0x89, "4", 1);
    send_frame(slow, 0x88, "\x03\xE8", 2);
    flood_until_it_skips("a");
    read_controls(slow, &controls);
    assert_int_equal(received.first, 0x88);
    assert_memory_equal(received.payload, "\x03\xE8", 2);
    assert_string_equal(controls.seen, "?P1P2P3P4");
    assert_false(read_frame(slow));
    close(slow);
    wait_until(hub_count(closes[CLOSE_REASON_PEER_CLOSED]) == 1);
    hub_end();
}

static void who_does_not_read_misses_no_control_frame(void **state) {
    (void)state;
    stop_reading(SLOW_READER_SKIP);
    stop_reading(SLOW_READER_LATEST);
}

/* The log may be bounded, and one reader slow: the others get everything. */
static void a_slow_reader_does_not_hold_up_others(void **state) {
    (void)state;
    test_channel.retain_bytes = 1024 * 1024;
    begin();
    int slow = join_path_with_buffer("/channels/a", 4096);
    int fast = join("a");
    memset(piece, 'x', sizeof piece);
    for (unsigned i = 0; i < PIECES; i++) {
        memcpy(piece, &i, sizeof i);
        assert_int_equal(publish_from(0, "a", bytes_make(piece, sizeof piece), 1), ERROR_NONE);
        assert_true(read_frame(fast));
        assert_int_equal(number_of_piece(), i);
    }
    assert_int_equal(hub_count(slow_readers), 1);
    assert_true(hub_count(log_bytes) < 2 * 1024 * 1024);
    leave(fast);
    close(slow);
    hub_end();
}

/* A message larger than the retention is no reader's fault. */
static void a_message_larger_than_retention(void **state) {
    (void)state;
    static uint8_t large[1000 * 1000];
    memset(large, 'x', sizeof large);
    test_channel.retain_bytes = 64 * 1024;
    begin();
    int a = join("a");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(publish_from(0, "a", bytes_make(large, sizeof large), 1), ERROR_NONE);
        assert_true(read_frame(a));
        assert_int_equal(received.size, sizeof large);
    }
    assert_int_equal(hub_count(slow_readers), 0);
    leave(a);
    hub_end();
}

/* ---- the end of the hub ---------------------------------------------------------------------- */

static void shutdown_flushes_and_closes(void **state) {
    (void)state;
    struct hub_ending ending;
    begin();
    int clients[5];
    for (size_t i = 0; i < 5; i++)
        clients[i] = join("a");
    assert_int_equal(publish_from(0, "a", bytes_of("last words"), 1), ERROR_NONE);
    hub_begin_close(&ending, 0, 10 * SECOND);
    for (size_t i = 0; i < 5; i++) {
        expect_text(clients[i], "last words");
        expect_close(clients[i], 1001);
    }
    hub_finish(&ending);
}

static void shutdown_spread_over_time(void **state) {
    (void)state;
    struct hub_ending ending;
    uint64_t times[4];
    begin();
    int clients[4];
    for (size_t i = 0; i < 4; i++)
        clients[i] = join("a");
    hub_begin_close(&ending, 400 * MILLISECOND, 10 * SECOND);
    for (size_t i = 0; i < 4; i++) {
        expect_close(clients[i], 1001);
        times[i] = clock_monotonic();
    }
    assert_true(times[3] - times[0] > 200 * MILLISECOND);
    hub_finish(&ending);
}

static void shutdown_cuts_off_who_does_not_read(void **state) {
    (void)state;
    struct hub_ending ending;
    begin();
    int slow = join_path_with_buffer("/channels/a", 4096);
    int silent = connect_with_buffer(0);
    flood("a");
    hub_begin_close(&ending, 0, 200 * MILLISECOND);
    wait_until(counter_read(&hub_server_statistics(hub, 0)->open) ==
               0); /* they do nothing for it */
    close(slow);
    close(silent);
    hub_finish(&ending);
}

/* ---- shortage of memory ---------------------------------------------------------------------- */

/* A handshake and two messages with one allocation failing: whatever happens, it ends in order. */
static void converse_without_memory(size_t spared) {
    int client = connect_with_buffer(0);
    memory_fail_after(spared, 1);
    send_handshake(client, "/channels/memory");
    int status = read_head(client);
    if (status == 101) {
        send_text(client, "a message");
        send_frame(client, 0x01, "frag", 4);
        send_frame(client, 0x80, "ment", 4);
        send_frame(client, 0x88, "\x03\xE8", 2);
        while (read_frame(client))
            ;
    }
    close(client);
}

static void out_of_memory_anywhere(void **state) {
    (void)state;
    for (size_t spared = 0, failures = 1; failures > 0; spared++) {
        begin();
        converse_without_memory(spared);
        wait_until(hub_count(clients) == 0);
        failures = memory_failures();
        memory_fail_after(0, 0);
        int client = join("memory"); /* it has recovered */
        leave(client);
        hub_end();
        assert_true(spared < 200);
    }
}

#define client_test(name) cmocka_unit_test_setup(name, set_up)

int main(void) {
    const struct CMUnitTest tests[] = {
        client_test(handshakes_that_are_refused),
        client_test(too_many_channels_are_refused),
        client_test(names_of_channels),
        client_test(frames_right_behind_the_handshake),
        client_test(an_idle_client_holds_one_block_of_memory),
        client_test(a_message_goes_to_all_others_with_its_prefix),
        client_test(a_fragmented_message_arrives_whole),
        client_test(publishing_where_only_the_service_may),
        client_test(pings_are_answered),
        client_test(a_flood_of_pings_is_survived),
        client_test(no_pong_in_time),
        client_test(closed_by_the_client),
        client_test(closed_for_what_the_client_did),
        client_test(gone_without_closing),
        client_test(close_that_is_not_answered),
        client_test(end_that_is_not_followed),
        client_test(a_slow_reader_is_closed),
        client_test(a_reader_without_progress_is_closed),
        client_test(progress_is_not_asked_of_who_may_skip),
        client_test(a_slow_reader_skips_and_the_gap_is_counted),
        client_test(who_does_not_read_misses_no_control_frame),
        client_test(a_slow_reader_does_not_hold_up_others),
        client_test(a_message_larger_than_retention),
        client_test(shutdown_flushes_and_closes),
        client_test(shutdown_spread_over_time),
        client_test(shutdown_cuts_off_who_does_not_read),
        client_test(out_of_memory_anywhere),
    };
    return cmocka_run_group_tests_name("client", tests, NULL, NULL);
}

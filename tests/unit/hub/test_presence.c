/*
 * Presence and event streams against a whole hub, whose workers run on threads (pthread_create() in
 * hub_threads.h): who comes and goes on two workers, and every allocation failing in turn.
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
    test_channel.presence = true;
    test_options.compression = true;
    return 0;
}

/* The hub may have closed it already. */
static void try_to_send(int client, const void *data, size_t size) {
    ssize_t sent = send(client, data, size, MSG_NOSIGNAL);
    assert_true(sent == (ssize_t)size || errno == EPIPE || errno == ECONNRESET);
}

static int ask_for_dialog(void) {
    static const char request[] = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
                                  "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                                  "Sec-WebSocket-Protocol: ringcast.v1.json\r\n\r\n";
    int client = connect_with_buffer(0);
    send_bytes(client, request, sizeof request - 1);
    return client;
}

static int ask_for_events(const char *channel) {
    char request[256];
    int client = connect_with_buffer(0);
    int size = snprintf(request, sizeof request,
                        "GET /channels/%s/events HTTP/1.1\r\nHost: a\r\n"
                        "Accept-Encoding: gzip\r\n\r\n",
                        channel);
    send_bytes(client, request, (size_t)size);
    return client;
}

static void command(int client, const char *type, const char *channel) {
    char text[128];
    uint8_t frame[160];
    int size = snprintf(text, sizeof text, "{\"type\":\"%s\",\"channel\":\"%s\"}", type, channel);
    try_to_send(client, frame, make_frame(frame, 0x81, text, (size_t)size));
}

static bool has(const char *part) {
    return memmem(received.payload, received.size, part, strlen(part)) != NULL;
}

static void expect_told(int client, const char *type, unsigned count) {
    char part[32];
    snprintf(part, sizeof part, "\"count\":%u", count);
    assert_true(read_frame(client));
    assert_true(has(type) && has(part));
}

static int watch(const char *channel) {
    int client = ask_for_dialog();
    assert_int_equal(read_head(client), 101);
    command(client, "watch", channel);
    assert_true(read_frame(client));
    assert_true(has("\"watching\""));
    return client;
}

/* ---- on two workers -------------------------------------------------------------------------- */

static void who_comes_and_goes_is_told_to_both_workers(void **state) {
    (void)state;
    hub_begin(2);
    int watchers[2], members[6];
    const char *channel = name_at(0, "p");
    for (unsigned i = 0; i < 2; i++) {
        hub_listen_on(i);
        watchers[i] = watch(channel);
    }
    for (unsigned i = 0; i < 6; i++) {
        if (i % 3 == 2) {
            members[i] = ask_for_events(channel);
            assert_int_equal(read_head(members[i]), 200);
        } else {
            members[i] = join(channel);
        }
        for (unsigned w = 0; w < 2; w++)
            expect_told(watchers[w], "\"join\"", i + 1);
    }
    for (unsigned i = 0; i < 6; i++) {
        close(members[i]);
        for (unsigned w = 0; w < 2; w++)
            expect_told(watchers[w], "\"leave\"", 5 - i);
    }
    leave(watchers[0]);
    leave(watchers[1]);
    hub_end();
}

/* ---- shortage of memory ---------------------------------------------------------------------- */

static void end(int client) {
    uint8_t frame[16];
    try_to_send(client, frame, make_frame(frame, 0x88, "\x03\xE8", 2));
    while (read_frame(client))
        ;
    close(client);
}

/* Somebody watches, one comes by WebSocket and one reads compressed events, and all go. */
static void come_and_go_without_memory(size_t spared) {
    uint8_t frame[16];
    memory_fail_after(spared, 1);
    int watcher = ask_for_dialog();
    bool watches = read_head(watcher) == 101;
    if (watches) {
        command(watcher, "watch", "memory");
        command(watcher, "presence", "memory");
    }
    int events = ask_for_events("memory");
    read_head(events);
    int member = connect_with_buffer(0);
    send_handshake(member, "/channels/memory");
    bool joined = read_head(member) == 101;
    if (joined)
        try_to_send(member, frame, make_frame(frame, 0x81, "all", 3));
    if (joined)
        end(member);
    else
        close(member);
    close(events);
    if (watches)
        end(watcher);
    else
        close(watcher);
}

static void collect_homes(unsigned worker, void *context) {
    (void)context;
    homes_collect(&hub->workers[worker]);
}

/* Nobody may hear of it for want of memory. */
static void go_without_memory(int member) {
    memory_fail_after(0, SIZE_MAX);
    close(member);
    wait_until(hub_count(clients) == 1);
    memory_fail_after(0, 0);
}

static void expect_missed(int watcher) {
    assert_true(read_frame(watcher));
    assert_true(has("\"presence_skipped\"") && has("\"missed\":1}"));
}

static void an_event_without_memory_is_made_up_for(void **state) {
    (void)state;
    hub_begin(1);
    hub_listen_on(0);
    int watcher = watch("missed"), member = join("missed");
    expect_told(watcher, "\"join\"", 1);
    go_without_memory(member);
    call_on(0, collect_homes, NULL); /* as it is from time to time */
    expect_missed(watcher);
    member = join("missed");
    expect_told(watcher, "\"join\"", 1);
    go_without_memory(member);
    member = join("missed"); /* in front of the next event */
    expect_missed(watcher);
    expect_told(watcher, "\"join\"", 1);
    go_without_memory(member);
    leave(watcher); /* who comes later has missed nothing */
    wait_until(hub_count(channels) == 0);
    watcher = watch("missed");
    call_on(0, collect_homes, NULL);
    leave(join("missed"));
    expect_told(watcher, "\"join\"", 1);
    leave(watcher);
    hub_end();
}

static void out_of_memory_anywhere(void **state) {
    (void)state;
    for (size_t spared = 0, failures = 1; failures > 0; spared++) {
        hub_begin(1);
        hub_listen_on(0);
        come_and_go_without_memory(spared);
        wait_until(hub_count(clients) == 0);
        failures = memory_failures();
        memory_fail_after(0, 0);
        int watcher = watch("memory"); /* it has recovered: nobody is left there, and who comes */
        int member = join("memory");   /* is told of */
        expect_told(watcher, "\"join\"", 1);
        leave(member);
        expect_told(watcher, "\"leave\"", 0);
        leave(watcher);
        hub_end();
        assert_true(spared < 400 && (failures > 0 || spared > 50));
    }
}

#define presence_test(name) cmocka_unit_test_setup(name, set_up)

int main(void) {
    const struct CMUnitTest tests[] = {
        presence_test(who_comes_and_goes_is_told_to_both_workers),
        presence_test(an_event_without_memory_is_made_up_for),
        presence_test(out_of_memory_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

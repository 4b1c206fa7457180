/*
 * Publishing over HTTP when memory is short, against a whole hub, whose worker runs on a thread
 * (pthread_create() in hub_threads.h): a batch with a key is published once, whole and in order,
 * however often it has to be sent.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hub_threads.h"

enum { LINES = 3, LINE = 100 * 1000 };

static int set_up(void **state) {
    (void)state;
    default_settings();
    return 0;
}

/* The status, and what the body says is the count of messages; 0 without an answer. */
static int post_lines(unsigned *count) {
    static char body[LINES * LINE], head[256], answer[512];
    for (size_t i = 0; i < LINES; i++) {
        memset(body + i * LINE, (int)('a' + i), LINE - 1);
        body[(i + 1) * LINE - 1] = '\n';
    }
    int size = snprintf(head, sizeof head,
                        "POST /channels/a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                        "Content-Type: application/x-ndjson\r\nIdempotency-Key: k\r\n"
                        "Content-Length: %zu\r\n\r\n",
                        sizeof body);
    int client = connect_with_buffer(0);
    *count = 0;
    if (send(client, head, (size_t)size, MSG_NOSIGNAL) == size)
        (void)!send(client, body, sizeof body, MSG_NOSIGNAL); /* it may have been refused */
    int status = read_head(client);
    ssize_t got = status == 0 ? 0 : recv(client, answer, sizeof answer - 1, MSG_WAITALL);
    answer[got > 0 ? got : 0] = '\0';
    const char *found = strstr(answer, "\"count\":");
    if (found != NULL)
        *count = (unsigned)strtoul(found + strlen("\"count\":"), NULL, 10);
    close(client);
    return status;
}

static void expect_lines(void) {
    int client = join_path_with_buffer("/channels/a?last=100", 0);
    for (size_t i = 0; i < LINES; i++) {
        assert_true(read_frame(client));
        assert_int_equal(received.size, LINE - 1);
        assert_int_equal(received.payload[0], 'a' + i);
        assert_int_equal(received.payload[LINE - 2], 'a' + i);
    }
    leave(client);
}

static void a_batch_with_a_key_is_published_once(void **state) {
    (void)state;
    unsigned partly = 0;
    for (size_t spared = 0, failures = 1; failures > 0; spared++) {
        unsigned count, again;
        hub_begin(1);
        hub_listen_on(0);
        memory_fail_after(spared, 1);
        int status = post_lines(&count);
        failures = memory_failures();
        memory_fail_after(0, 0);
        assert_true(status != 201 || count == LINES);
        partly += status == 503 && count > 0;
        status = post_lines(&again);
        assert_true(status == 201 || status == 200);
        assert_int_equal(again, LINES);
        assert_int_equal(hub_count(messages_published), LINES);
        expect_lines();
        hub_end();
        assert_true(spared < 200);
    }
    assert_true(partly > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_batch_with_a_key_is_published_once, set_up),
    };
    return cmocka_run_group_tests_name("publish", tests, NULL, NULL);
}

/* Every time-out of a fetch, on a simulated machine: a thousand at once, each at its moment. */
#include "outcomes.h"

enum { LATE_MILLISECONDS = 50, DNS_TYPE_A = 1, DNS_HEADER = 12 };

/* A byte of a body every 100 ms, to everybody, for ever. */
static void drip(void *context) {
    for (size_t i = 0; i < VISITORS_MAX; i++)
        if (visitors[i].is_open && visitors[i].requests > 0)
            sim_peer_write(visitors[i].socket, "x", 1);
    sim_after(sim, 100 * MILLISECOND, drip, context);
}

static const char *begins(const char *path, unsigned nth) {
    (void)nth;
    return strcmp(path, "/silent") == 0
               ? NULL
               : "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100000\r\n\r\n";
}

static void check_timed_out(size_t index, uint64_t began, uint64_t after) {
    assert_int_equal(outcomes[index].result.error, ERROR_TIMED_OUT);
    assert_true(outcomes[index].time >= began + after);
    assert_true(outcomes[index].time <= began + after + LATE_MILLISECONDS * MILLISECOND);
}

/* A thousand fetches that all must end so long after they began. */
static void check_many(const char *url, uint64_t after) {
    uint64_t began = sim_now(sim);
    for (size_t i = 0; i < MANY; i++)
        start_url(i, url, "GET");
    world_wait(ended_count == MANY);
    for (size_t i = 0; i < MANY; i++)
        check_timed_out(i, began, after);
}

static void check_times(const struct session_options *options, const char *url, uint64_t after) {
    open_world(options, begins);
    if (strstr(url, "/silent") == NULL)
        sim_after(sim, 0, drip, NULL);
    check_many(url, after);
    close_world();
}

static void the_whole_fetch_ends_in_time(void **state) {
    struct session_options options = world_options();
    (void)state;
    options.total_timeout = 3 * SECOND;
    options.retries = 2;
    check_times(&options, url_of("/drip"), options.total_timeout);
}

static void an_attempt_ends_in_time(void **state) {
    struct session_options options = world_options();
    (void)state;
    options.attempt_timeout = 2500 * MILLISECOND;
    check_times(&options, url_of("/drip"), options.attempt_timeout);
}

/* Bytes that come make it wait on; silence does not. */
static void silence_ends_in_time(void **state) {
    struct session_options options = world_options();
    (void)state;
    options.read_timeout = 150 * MILLISECOND;
    options.attempt_timeout = 2 * SECOND;
    check_times(&options, url_of("/drip"), options.attempt_timeout);
    options.read_timeout = 1 * SECOND;
    check_times(&options, url_of("/silent"), options.read_timeout);
}

/* ---- connecting ------------------------------------------------------------------------------ */

/* SYN is never answered. */
static void connecting_ends_in_time(void **state) {
    struct session_options options = world_options();
    (void)state;
    options.connect_timeout = 2 * SECOND;
    open_world(&options, begins);
    sim_set_fault(sim, SIM_FAULT_CONNECT_BLACK_HOLE, 1000000);
    check_many(url_of("/drip"), options.connect_timeout);
    assert_int_equal(visitor_count, 0);
    close_world();
}

/* The start of a TLS record with room for all that comes after it, a byte at a time. */
static void drip_handshake(void *context) {
    static const uint8_t record[] = {0x16, 3, 3, 0x40, 0, 2, 0, 0x3f, 0xfc};
    size_t *sent = context;
    uint8_t byte = *sent < sizeof record ? record[*sent] : 0;
    for (size_t i = 0; i < VISITORS_MAX; i++)
        if (visitors[i].is_open)
            sim_peer_write(visitors[i].socket, &byte, 1);
    (*sent)++;
    sim_after(sim, 100 * MILLISECOND, drip_handshake, context);
}

/* What it allocates once and for all is not the session's. */
static void start_tls_library(void) {
    const struct tls_client_options options = {.accept_any_certificate = true};
    struct tls_context *context;
    struct tls_detail detail;
    assert_int_equal(tls_context_new_client(&options, &context, &detail), ERROR_NONE);
    tls_context_free(context);
}

/* Bytes that come do not make a handshake last longer than connecting may. */
static void a_handshake_ends_in_time(void **state) {
    struct session_options options = world_options();
    char url[64];
    size_t sent = 0;
    (void)state;
    snprintf(url, sizeof url, "https://127.0.0.1:%d/", PORT);
    options.connect_timeout = 3 * SECOND;
    start_tls_library();
    open_world(&options, begins);
    sim_after(sim, 100 * MILLISECOND, drip_handshake, &sent);
    check_many(url, options.connect_timeout);
    assert_int_equal(visitor_count, MANY);
    close_world();
}

/* ---- names ----------------------------------------------------------------------------------- */

static const struct sockaddr_in name_server = {
    .sin_family = AF_INET, .sin_port = 0x3500, .sin_addr.s_addr = 0x0100007f};

struct slow_answer {
    struct sockaddr_in to;
    size_t size;
    uint8_t data[512];
};

static size_t answers_under_way;

static void send_answer(void *context) {
    struct slow_answer *slow = context;
    answers_under_way--;
    sim_send_datagram(sim, (const struct sockaddr *)&name_server, (struct sockaddr *)&slow->to,
                      slow->data, slow->size);
    free(slow);
}

/* Names that begin with s are never answered for, those with l or t a second later, with t for a
 * moment only; all others, and these, are 127.0.0.1. */
static void asked(void *context, struct sim *world, const struct sockaddr *from,
                  const uint8_t *data, size_t size) {
    static const uint8_t record[] = {0xc0, DNS_HEADER, 0, DNS_TYPE_A, 0,   1, 0, 0,
                                     0,    60,         0, 4,          127, 0, 0, 1};
    char first = (char)data[DNS_HEADER + 1];
    size_t end = DNS_HEADER + strlen((const char *)data + DNS_HEADER) + 5;
    struct slow_answer *slow = calloc(1, sizeof *slow);
    (void)context;
    assert_true(end <= size && end + sizeof record <= sizeof slow->data);
    slow->to = *(const struct sockaddr_in *)(const void *)from;
    memcpy(slow->data, data, end);
    memset(slow->data + 6, 0, 6);
    slow->data[2] = 0x81;
    slow->data[3] = 0x80;
    slow->size = end;
    if (data[end - 3] == DNS_TYPE_A) {
        slow->data[7] = 1;
        memcpy(slow->data + end, record, sizeof record);
        slow->data[end + 9] = first == 't' ? 0 : 60;
        slow->size += sizeof record;
    }
    if (first == 's') {
        free(slow);
        return;
    }
    answers_under_way++;
    sim_after(world, first == 'l' || first == 't' ? SECOND : MILLISECOND, send_answer, slow);
}

static void open_named_world(struct session_options *options, origin_script *with) {
    options->name_servers = "127.0.0.1:53";
    open_world(options, with);
    sim_serve_datagrams(sim, (const struct sockaddr *)&name_server, asked, NULL);
}

static void start_named(size_t index, const char *first) {
    char url[64];
    snprintf(url, sizeof url, "http://%s%zu.test:%d/", first, index, PORT);
    start_url(index, url, "GET");
}

static const char *answers(const char *path, unsigned nth) {
    (void)path;
    (void)nth;
    return "!" OK_ANSWER "Connection: close\r\n" OK_BODY;
}

/* A hundred names that never answer come first and take every slot; four hundred others pass them,
 * and they end in their own time. */
static void names_that_never_answer_hold_nobody_up(void **state) {
    enum { SILENT = 100, ALL = 500 };
    struct session_options options = world_options();
    (void)state;
    options.concurrency = SILENT;
    open_named_world(&options, answers);
    uint64_t began = sim_now(sim);
    for (size_t i = 0; i < ALL; i++)
        start_named(i, i < SILENT ? "s" : "good");
    world_wait(ended_count == ALL - SILENT);
    assert_true(sim_now(sim) < began + SECOND);
    world_wait(ended_count == ALL);
    for (size_t i = 0; i < SILENT; i++)
        check_timed_out(i, began, options.dns_timeout);
    for (size_t i = SILENT; i < ALL; i++)
        assert_int_equal(outcomes[i].result.error, ERROR_NONE);
    close_world();
}

/* Whoever has lent its slot gets one again, and no more are held than there are. */
static void slow_names_keep_to_the_limit(void **state) {
    enum { ALL = 500, LIMIT = 7 };
    struct session_options options = world_options();
    (void)state;
    options.concurrency = LIMIT;
    options.total_timeout = 5 * MINUTE;
    open_named_world(&options, answers);
    for (size_t i = 0; i < ALL; i++)
        start_named(i, i % 3 == 0 ? "late" : "good");
    world_wait(ended_count == ALL);
    for (size_t i = 0; i < ALL; i++) {
        assert_int_equal(outcomes[i].result.error, ERROR_NONE);
        assert_true(outcomes[i].result.timings.dns >= (i % 3 == 0 ? SECOND : MILLISECOND));
    }
    assert_true(visitors_open_most <= LIMIT);
    close_world();
}

static const char *answers_some(const char *path, unsigned nth) {
    return strcmp(path, "/never") == 0 ? NULL : answers(path, nth);
}

/* One place, which others hold that wait for nothing, each until it has no time left. */
static void check_with_one_place(uint64_t attempt_timeout, uint64_t read_timeout) {
    enum { ALL = 30 };
    struct session_options options = world_options();
    char url[64];
    options.concurrency = 1;
    options.attempt_timeout = attempt_timeout;
    options.read_timeout = read_timeout;
    options.total_timeout = 5 * MINUTE;
    open_named_world(&options, answers_some);
    start_named(0, "transient");
    for (size_t i = 1; i < ALL; i++) {
        snprintf(url, sizeof url, "http://good%zu.test:%d/never", i, PORT);
        start_url(i, url, "GET");
    }
    world_wait(ended_count == ALL);
    assert_int_equal(outcomes[0].result.error, ERROR_NONE);
    close_world();
}

/* The name's answer is gone when the slot comes back. */
static void an_answer_that_does_not_last_is_used(void **state) {
    (void)state;
    check_with_one_place(MINUTE, 7 * SECOND);
}

static void waiting_for_a_slot_takes_none_of_the_attempts_time(void **state) {
    (void)state;
    check_with_one_place(3 * SECOND, MINUTE);
}

/* Cancelled, or out of time, while the slot is lent or wanted back. */
static void lent_slots_come_to_no_harm(void **state) {
    enum { ALL = 300 };
    struct session_options options = world_options();
    (void)state;
    options.concurrency = 5;
    options.attempt_timeout = 700 * MILLISECOND;
    open_named_world(&options, begins);
    for (size_t i = 0; i < ALL; i++)
        start_named(i, i % 2 == 0 ? "s" : "late");
    world_wait(ended_count >= ALL / 2);
    scope_cancel(&scope);
    world_wait(ended_count == ALL && answers_under_way == 0);
    close_world();
}

/* Each waits as long as it may, not only as long as is left of another's time. */
static void who_asks_later_waits_as_long(void **state) {
    struct session_options options = world_options();
    (void)state;
    options.dns_timeout = 2 * SECOND;
    open_named_world(&options, answers);
    uint64_t began = sim_now(sim);
    start_url(0, "http://silent.test/", "GET");
    world_wait(sim_now(sim) >= began + 1500 * MILLISECOND);
    uint64_t later = sim_now(sim);
    start_url(1, "http://silent.test/", "GET");
    world_wait(ended_count == 2);
    check_timed_out(0, began, options.dns_timeout);
    check_timed_out(1, later, options.dns_timeout);
    close_world();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_whole_fetch_ends_in_time),
        cmocka_unit_test(an_attempt_ends_in_time),
        cmocka_unit_test(silence_ends_in_time),
        cmocka_unit_test(connecting_ends_in_time),
        cmocka_unit_test(a_handshake_ends_in_time),
        cmocka_unit_test(names_that_never_answer_hold_nobody_up),
        cmocka_unit_test(slow_names_keep_to_the_limit),
        cmocka_unit_test(an_answer_that_does_not_last_is_used),
        cmocka_unit_test(waiting_for_a_slot_takes_none_of_the_attempts_time),
        cmocka_unit_test(lent_slots_come_to_no_harm),
        cmocka_unit_test(who_asks_later_waits_as_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

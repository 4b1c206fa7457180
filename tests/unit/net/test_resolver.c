/* Looking names up: without asking, asking, the cache, failures, abandoning and closing. */
#include "name_server.h"

#include "net/resolver.h"

struct asked {
    struct lookup lookup;
    unsigned answers;
    enum error error;
    size_t count;
    struct address addresses[8];
    bool closes; /* the resolver, from inside its answer */
};

static struct resolver *resolver;
static unsigned closings;

static void closed(void *context) {
    assert_ptr_equal(context, &closings);
    closings++;
}

static void answered(struct lookup *lookup, enum error error, const struct address *addresses,
                     size_t count) {
    struct asked *asked = container_of(lookup, struct asked, lookup);
    asked->answers++;
    asked->error = error;
    asked->count = count;
    assert_true(count <= 8 && (count > 0) == (error == ERROR_NONE));
    for (size_t i = 0; i < count; i++)
        asked->addresses[i] = addresses[i];
    if (asked->closes)
        resolver_close(resolver, closed, &closings);
}

static void start(uint64_t timeout) {
    closings = 0;
    open_name_server();
    assert_int_equal(resolver_new(&loop, timeout, name_server.text, &resolver), ERROR_NONE);
}

static void finish(void) {
    resolver_close(resolver, closed, &closings);
    assert_int_equal(closings, 0);
    wait_for(closings == 1);
    close_name_server();
}

static void ask(struct asked *asked, const char *name) {
    *asked = (struct asked){0};
    assert_int_equal(resolver_lookup(resolver, &asked->lookup, bytes_of(name), 80, answered),
                     ERROR_NONE);
    assert_int_equal(asked->answers, 0);
}

/* Asks and waits for the answer; returns its error. */
static enum error look_up(struct asked *asked, const char *name) {
    ask(asked, name);
    wait_for(serve_names() && asked->answers == 1);
    return asked->error;
}

static void check_address(const struct address *address, const char *expected) {
    char text[ADDRESS_TEXT_SIZE];
    address_format(address, text);
    assert_string_equal(text, expected);
}

/* ---- without asking -------------------------------------------------------------------------- */

static void literals_and_localhost_never_leave_the_machine(void **state) {
    (void)state;
    static const struct {
        const char *name, *first, *second;
    } cases[] = {
        {"1.2.3.4", "1.2.3.4:80", NULL},
        {"2001:db8::1", "[2001:db8::1]:80", NULL},
        {"localhost", "127.0.0.1:80", "[::1]:80"},
        {"LocalHost.", "127.0.0.1:80", "[::1]:80"},
        {"any.thing.localhost", "127.0.0.1:80", "[::1]:80"},
        {"x.localhost.", "127.0.0.1:80", "[::1]:80"},
    };
    start(SECOND);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int again = 0; again < 2; again++) {
            struct asked asked;
            assert_int_equal(look_up(&asked, cases[i].name), ERROR_NONE);
            assert_int_equal(asked.count, cases[i].second == NULL ? 1 : 2);
            check_address(&asked.addresses[0], cases[i].first);
            if (cases[i].second != NULL)
                check_address(&asked.addresses[1], cases[i].second);
        }
        loop.now += 10 * MINUTE; /* and again when the cache has forgotten it */
    }
    assert_int_equal(name_server.queries, 0);
    assert_int_equal(counter_read(&resolver_statistics(resolver)->queries), 0);
    finish();
}

/* ---- asking ---------------------------------------------------------------------------------- */

static void both_families_in_turn_with_the_port(void **state) {
    (void)state;
    struct asked asked;
    start(5 * SECOND);
    assert_int_equal(look_up(&asked, "two.test"), ERROR_NONE);
    assert_int_equal(asked.count, 3);
    assert_int_not_equal(asked.addresses[0].socket.any.sa_family,
                         asked.addresses[1].socket.any.sa_family);
    bool v6_first = asked.addresses[0].socket.any.sa_family == AF_INET6;
    check_address(&asked.addresses[v6_first ? 0 : 1], "[::2]:80");
    check_address(&asked.addresses[v6_first ? 1 : 0], "127.1.0.1:80");
    check_address(&asked.addresses[2], "127.1.0.2:80");
    finish();
}

static void more_addresses_than_are_dialled(void **state) {
    (void)state;
    struct asked asked;
    start(5 * SECOND);
    assert_int_equal(look_up(&asked, "many.test"), ERROR_NONE);
    assert_int_equal(asked.count, 8);
    finish();
}

static void failures(void **state) {
    (void)state;
    static const struct {
        const char *name;
        enum error error;
    } cases[] = {
        {"missing.test", ERROR_NAME_NOT_FOUND},
        {"empty.test", ERROR_NAME_NOT_FOUND},
        {"broken.test", ERROR_NAME_SERVER_FAILED},
        {"no..name", ERROR_NAME_NOT_FOUND},
        {"a-label-that-is-longer-than-the-sixty-three-bytes-that-dns-allows.test",
         ERROR_NAME_NOT_FOUND},
    };
    start(5 * SECOND);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct asked asked;
        assert_int_equal(look_up(&asked, cases[i].name), cases[i].error);
    }
    assert_int_equal(counter_read(&resolver_statistics(resolver)->failures),
                     sizeof cases / sizeof *cases);
    finish();
}

static void garbage_is_no_answer(void **state) {
    (void)state;
    struct asked asked;
    start(300 * MILLISECOND);
    assert_int_not_equal(look_up(&asked, "garbage.test"), ERROR_NONE);
    finish();
}

/* One name's broken servers cost the others nothing. */
static void garbage_for_one_name_leaves_the_others(void **state) {
    (void)state;
    static const char *const names[] = {"garbage.a.test", "garbage.b.test", "two.a.test",
                                        "garbage.c.test", "two.b.test",     "missing.a.test"};
    static const enum error errors[] = {[2] = ERROR_NONE, [4] = ERROR_NONE, ERROR_NAME_NOT_FOUND};
    enum { NAMES = sizeof names / sizeof *names };
    static struct asked asked[NAMES];
    start(5 * SECOND);
    for (int i = 0; i < NAMES; i++)
        ask(&asked[i], names[i]);
    for (int i = 0; i < NAMES; i++) {
        if (strncmp(names[i], "garbage", 7) == 0)
            continue;
        wait_for(serve_names() && asked[i].answers == 1);
        assert_int_equal(asked[i].error, errors[i]);
    }
    finish();
}

static void a_late_answer_is_for_who_asks_next(void **state) {
    (void)state;
    struct asked asked;
    start(100 * MILLISECOND);
    ask(&asked, "two.test");
    wait_for(asked.answers == 1);
    assert_int_equal(asked.error, ERROR_TIMED_OUT);
    assert_int_equal(look_up(&asked, "two.test"), ERROR_NONE);
    assert_int_equal(counter_read(&resolver_statistics(resolver)->queries), 1);
    finish();
}

static void a_name_that_is_too_long_is_refused_at_once(void **state) {
    (void)state;
    char name[257];
    struct asked asked = {0};
    memset(name, 'a', sizeof name);
    name[256] = '\0';
    start(SECOND);
    assert_int_equal(resolver_lookup(resolver, &asked.lookup, bytes_of(name), 80, answered),
                     ERROR_NAME_NOT_FOUND);
    turn_a_while();
    assert_int_equal(asked.answers, 0);
    lookup_abandon(&asked.lookup);
    finish();
}

static void a_silent_server_times_out(void **state) {
    (void)state;
    struct asked asked;
    start(600 * MILLISECOND);
    uint64_t began = ring_now(loop.ring);
    assert_int_equal(look_up(&asked, "silent.test"), ERROR_TIMED_OUT);
    assert_true(ring_now(loop.ring) - began >= 300 * MILLISECOND);
    assert_true(name_server.queries_for_a >= 2); /* it was tried again */
    finish();
}

static void no_server_there(void **state) {
    (void)state;
    struct asked asked;
    start(600 * MILLISECOND);
    close_name_server();
    ask(&asked, "two.test");
    wait_for(asked.answers == 1);
    assert_int_not_equal(asked.error, ERROR_NONE);
    open_name_server();
    finish();
}

static void bad_servers(void **state) {
    (void)state;
    assert_int_not_equal(resolver_new(&loop, SECOND, "127.0.0.1:x:y", &resolver), ERROR_NONE);
}

/* ---- the cache ------------------------------------------------------------------------------- */

static unsigned queries_after(const char *name, uint64_t later) {
    struct asked asked;
    loop.now += later;
    look_up(&asked, name);
    return name_server.queries_for_a;
}

/* The loop's clock is moved by hand; it is the true one again after the next turn. */
static void answers_live_as_long_as_their_ttl(void **state) {
    (void)state;
    static const struct {
        const char *name;
        uint64_t lives, ends;
    } cases[] = {
        {"two.test", 19 * SECOND, 21 * SECOND},       /* the smaller TTL of both families */
        {"brief.test", 4 * SECOND, 6 * SECOND},       /* at least 5 s */
        {"forever.test", 299 * SECOND, 301 * SECOND}, /* at most 5 min */
        {"missing.test", 4 * SECOND, 6 * SECOND},     /* failures 5 s */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        start(5 * SECOND);
        unsigned first = queries_after(cases[i].name, 0);
        assert_true(first > 0);
        assert_int_equal(queries_after(cases[i].name, 0), first);
        assert_int_equal(queries_after(cases[i].name, cases[i].lives), first);
        assert_int_equal(counter_read(&resolver_statistics(resolver)->cache_hits), 2);
        assert_int_equal(queries_after(cases[i].name, cases[i].ends), 2 * first);
        assert_int_equal(counter_read(&resolver_statistics(resolver)->queries), 2);
        finish();
    }
}

static void lookups_of_one_name_share_a_query(void **state) {
    (void)state;
    enum { LOOKUPS = 10 };
    static struct asked all[LOOKUPS];
    unsigned answers = 0;
    start(5 * SECOND);
    for (int i = 0; i < LOOKUPS; i++)
        ask(&all[i], i % 2 == 0 ? "two.test" : "missing.test");
    while (answers < LOOKUPS) {
        wait_for(serve_names());
        turn();
        answers = 0;
        for (int i = 0; i < LOOKUPS; i++)
            answers += all[i].answers;
    }
    for (int i = 0; i < LOOKUPS; i++)
        assert_int_equal(all[i].error, i % 2 == 0 ? ERROR_NONE : ERROR_NAME_NOT_FOUND);
    assert_int_equal(counter_read(&resolver_statistics(resolver)->queries), 2);
    finish();
}

static void ten_thousand_names_are_the_most_it_keeps(void **state) {
    (void)state;
    static struct asked asked;
    char name[64];
    start(5 * SECOND);
    size_t blocks = 0;
    for (unsigned i = 0; i < 10500; i++) {
        snprintf(name, sizeof name, "n%u.localhost", i);
        ask(&asked, name);
        while (asked.answers == 0)
            loop_turn(&loop, 0);
        if (i == 10000)
            blocks = memory_live_blocks();
    }
    assert_int_equal(memory_live_blocks(), blocks);
    finish();
}

/* ---- abandoning, closing --------------------------------------------------------------------- */

static void an_abandoned_lookup_fills_the_cache(void **state) {
    (void)state;
    struct asked asked, other;
    start(5 * SECOND);
    ask(&asked, "two.test");
    lookup_abandon(&asked.lookup);
    lookup_abandon(&asked.lookup);
    wait_for(serve_names() && name_server.queries_for_a == 1);
    turn_a_while();
    assert_int_equal(look_up(&other, "two.test"), ERROR_NONE);
    assert_int_equal(name_server.queries_for_a, 1);
    assert_int_equal(asked.answers, 0);
    finish();
}

/* Between the answer's arrival and its delivery, too. */
static void abandoned_when_the_answer_is_there(void **state) {
    (void)state;
    struct asked asked;
    start(SECOND);
    ask(&asked, "localhost");
    lookup_abandon(&asked.lookup);
    turn_a_while();
    assert_int_equal(asked.answers, 0);
    finish();
}

static void closed_with_queries_in_flight(void **state) {
    (void)state;
    static const char *const names[] = {"silent.test", "two.test", "localhost", "missing.test"};
    for (unsigned turns = 0; turns < 4; turns++) {
        struct asked asked[4];
        start(5 * SECOND);
        for (int i = 0; i < 4; i++)
            ask(&asked[i], names[i]);
        for (unsigned i = 0; i < turns; i++) {
            loop_turn(&loop, 0);
            serve_names();
        }
        unsigned before = asked[1].answers + asked[2].answers;
        finish();
        assert_int_equal(asked[0].answers, 0);
        assert_int_equal(asked[1].answers + asked[2].answers, before);
        lookup_abandon(&asked[0].lookup); /* harmless: it waits for nothing any more */
    }
}

static void closed_from_inside_an_answer(void **state) {
    (void)state;
    struct asked first, second, other;
    start(5 * SECOND);
    ask(&first, "two.test");
    ask(&second, "two.test");
    ask(&other, "silent.test");
    first.closes = true;
    wait_for(serve_names() && closings == 1);
    assert_int_equal(first.answers, 1);
    assert_int_equal(second.answers, 0);
    assert_int_equal(other.answers, 0);
    close_name_server();
}

/* The time that a silent one is given is far longer than the whole test. */
static void names_that_never_answer_do_not_hold_up_the_others(void **state) {
    (void)state;
    enum { NAMES = 500, SILENT_EACH = 5, AT_ONCE = 20 };
    static struct asked asked[NAMES];
    size_t answers = 0;
    memset(asked, 0, sizeof asked);
    start(10 * 60 * SECOND);
    for (size_t begin = 0; begin < NAMES; begin += AT_ONCE) {
        for (size_t i = begin; i < begin + AT_ONCE; i++) {
            char name[64];
            snprintf(name, sizeof name, "%s.n%zu.test", i % SILENT_EACH == 0 ? "silent" : "two", i);
            assert_int_equal(
                resolver_lookup(resolver, &asked[i].lookup, bytes_of(name), 80, answered),
                ERROR_NONE);
        }
        for (size_t i = begin; i < begin + AT_ONCE; i++)
            if (i % SILENT_EACH != 0)
                wait_for(serve_names() && asked[i].answers == 1);
    }
    for (size_t i = 0; i < NAMES; i++) {
        answers += asked[i].answers;
        assert_int_equal(asked[i].answers, i % SILENT_EACH == 0 ? 0 : 1);
        assert_int_equal(asked[i].error, ERROR_NONE);
        lookup_abandon(&asked[i].lookup);
    }
    assert_int_equal(answers, 400);
    finish();
}

/* Whatever allocation fails, the lookup ends, and nothing is lost. */
static void out_of_memory(void **state) {
    (void)state;
    for (size_t skip = 0, failures = 1; failures > 0; skip++) {
        struct asked asked = {0};
        open_name_server();
        closings = 0;
        memory_fail_after(skip, 1);
        enum error error = resolver_new(&loop, 300 * MILLISECOND, name_server.text, &resolver);
        bool open = error == ERROR_NONE;
        if (open)
            error = resolver_lookup(resolver, &asked.lookup, bytes_of("two.test"), 80, answered);
        if (error == ERROR_NONE)
            wait_for(serve_names() && asked.answers == 1);
        failures = memory_failures();
        memory_fail_after(0, 0);
        if (open)
            finish();
        else
            close_name_server();
        if (failures == 0)
            assert_int_equal(asked.error, ERROR_NONE);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        loop_test(literals_and_localhost_never_leave_the_machine),
        loop_test(both_families_in_turn_with_the_port),
        loop_test(more_addresses_than_are_dialled),
        loop_test(failures),
        loop_test(garbage_is_no_answer),
        loop_test(garbage_for_one_name_leaves_the_others),
        loop_test(a_late_answer_is_for_who_asks_next),
        loop_test(a_name_that_is_too_long_is_refused_at_once),
        loop_test(a_silent_server_times_out),
        loop_test(no_server_there),
        loop_test(bad_servers),
        loop_test(answers_live_as_long_as_their_ttl),
        loop_test(lookups_of_one_name_share_a_query),
        loop_test(ten_thousand_names_are_the_most_it_keeps),
        loop_test(an_abandoned_lookup_fills_the_cache),
        loop_test(abandoned_when_the_answer_is_there),
        loop_test(names_that_never_answer_do_not_hold_up_the_others),
        loop_test(closed_with_queries_in_flight),
        loop_test(closed_from_inside_an_answer),
        loop_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

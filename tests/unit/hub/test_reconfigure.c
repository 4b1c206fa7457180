/*
 * Clients that are there when the options change: a whole hub, whose worker runs on a thread
 * (pthread_create() in hub_threads.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client.h"
#include "hub_threads.h"

enum { CROWD = 48 };

static int set_up(void **state) {
    (void)state;
    default_settings();
    return 0;
}

static void do_nothing(unsigned worker, void *context) {
    (void)worker, (void)context;
}

/* When the worker has answered behind the last joining, it reads no settings: they may change. */
static void join_all(int clients[CROWD]) {
    hub_begin(1);
    hub_listen_on(0);
    for (size_t i = 0; i < CROWD; i++)
        clients[i] = join("a");
    wait_until(hub_count(clients) == CROWD);
    call_on(0, do_nothing, NULL);
}

static void leave_all(const int clients[CROWD]) {
    for (size_t i = 0; i < CROWD; i++)
        leave(clients[i]);
    hub_end();
}

/* When a letter that is sent now has come, clients have followed. */
static void reconfigure(void (*change)(unsigned worker, void *context)) {
    call_on(0, change, NULL);
    call_on(0, do_nothing, NULL);
    call_on(0, do_nothing, NULL);
}

static void take_options(unsigned worker, void *context) {
    (void)worker, (void)context;
    hub_reconfigure(hub, &test_options);
}

/* ---- pings ----------------------------------------------------------------------------------- */

struct pings {
    uint64_t first, last; /* from now */
    size_t count;
};

static struct pings pings;

static bool look_at_ping(struct client *client) {
    uint64_t wait = client->deadline.at - hub->workers[0].loop->now;
    assert_true(deadline_is_set(&client->deadline));
    if (pings.count++ == 0)
        pings = (struct pings){wait, wait, 1};
    pings.first = wait < pings.first ? wait : pings.first;
    pings.last = wait > pings.last ? wait : pings.last;
    return true;
}

static void look_at_pings(unsigned worker, void *context) {
    (void)context;
    pings = (struct pings){0};
    clients_visit(&hub->workers[worker], look_at_ping);
}

/* That all of the crowd are in one half of the interval's last tenth happens to no one. */
static void pings_of_a_long_interval_are_spread_over_a_tenth(void **state) {
    (void)state;
    int clients[CROWD];
    test_options.ping_interval = HOUR;
    join_all(clients);
    call_on(0, look_at_pings, NULL);
    assert_int_equal(pings.count, CROWD);
    assert_true(pings.first >= HOUR * 9 / 10 - MINUTE && pings.last <= HOUR);
    assert_true(pings.last - pings.first > HOUR / 20);
    leave_all(clients);
}

/* They are visited in one moment, and are not to be pinged in one. */
static void another_interval_spreads_the_first_pings_over_all_of_it(void **state) {
    (void)state;
    int clients[CROWD];
    join_all(clients);
    test_options.ping_interval = HOUR;
    reconfigure(take_options);
    call_on(0, look_at_pings, NULL);
    assert_int_equal(pings.count, CROWD);
    assert_true(pings.first > 0 && pings.last <= HOUR);
    assert_true(pings.first < HOUR / 2 && pings.last > HOUR / 2);
    test_options.ping_interval = 10 * MINUTE;
    reconfigure(take_options);
    call_on(0, look_at_pings, NULL);
    assert_true(pings.first < 5 * MINUTE && pings.last > 5 * MINUTE && pings.last <= 10 * MINUTE);
    leave_all(clients);
}

static bool task_was_posted;

static void take_options_and_look(unsigned worker, void *context) {
    take_options(worker, context);
    task_was_posted = hub->workers[worker].follow_task.posted;
}

static void nobody_is_visited_for_what_concerns_no_client(void **state) {
    (void)state;
    int clients[CROWD];
    join_all(clients);
    test_options.max_subscriptions++;
    test_channel.echo = true;
    reconfigure(take_options_and_look);
    assert_false(task_was_posted);
    test_channel.presence = true;
    reconfigure(take_options_and_look);
    assert_true(task_was_posted);
    reconfigure(take_options_and_look);
    assert_false(task_was_posted);
    test_options.ping_interval = HOUR;
    reconfigure(take_options_and_look);
    assert_true(task_was_posted);
    leave_all(clients);
}

/* ---- in parts -------------------------------------------------------------------------------- */

enum { MANY = 230, VISITS = 3 }; /* a hundred at a time */

struct round {
    uint64_t left[VISITS], members[VISITS];
};

static void count_members(unsigned worker, void *context);

static void follow_in_turns(unsigned worker, void *context) {
    struct round *round = context;
    struct task *task = &hub->workers[worker].follow_task;
    take_options(worker, NULL);
    for (size_t i = 0; i < VISITS; i++) {
        assert_true(task->posted);
        loop_unpost(task);
        task->handler->run(task);
        round->left[i] = hub->workers[worker].follow_left;
        count_members(worker, &round->members[i]);
    }
    assert_false(task->posted);
}

static void begin_with_many(int clients[MANY]) {
    hub_begin(1);
    hub_listen_on(0);
    for (size_t i = 0; i < MANY; i++)
        clients[i] = join("a");
    wait_until(hub_count(clients) == MANY);
    call_on(0, do_nothing, NULL);
}

static void end_with_many(const int clients[MANY]) {
    for (size_t i = 0; i < MANY; i++)
        close(clients[i]);
    hub_end();
}

static void many_clients_follow_in_parts(void **state) {
    (void)state;
    static int clients[MANY];
    struct round round = {0};
    begin_with_many(clients);
    test_channel.presence = true;
    call_on(0, follow_in_turns, &round);
    assert_int_equal(round.members[0], 100);
    assert_int_equal(round.members[1], 200);
    assert_int_equal(round.members[2], MANY);
    assert_int_equal(round.left[0], MANY - 100);
    assert_int_equal(round.left[2], 0);
    end_with_many(clients);
}

static void look_for_progress(struct hub_worker *worker) {
    worker->progress.handler->expired(&worker->progress);
}

static uint64_t wait_of(const struct hub_worker *worker) {
    return worker->progress.deadline - worker->loop->now;
}

static void look_in_turns(unsigned index, void *context) {
    struct round *round = context;
    struct hub_worker *worker = &hub->workers[index];
    worker->progress_left = 0;
    for (size_t i = 0; i < VISITS; i++) {
        look_for_progress(worker);
        round->left[i] = worker->progress_left;
        assert_true(i < VISITS - 1 ? wait_of(worker) <= 1 : wait_of(worker) >= SECOND);
    }
}

static void look_while_they_follow(unsigned index, void *context) {
    struct round *round = context;
    struct hub_worker *worker = &hub->workers[index];
    look_for_progress(worker);
    take_options(index, NULL);
    look_for_progress(worker);
    round->left[0] = worker->progress_left;
    loop_unpost(&worker->follow_task);
    for (size_t i = 0; i < VISITS; i++) {
        worker->follow_task.handler->run(&worker->follow_task);
        loop_unpost(&worker->follow_task);
    }
    count_members(index, &round->members[0]);
    look_for_progress(worker);
    round->left[1] = worker->progress_left;
}

static void switch_off_while_looking(unsigned index, void *context) {
    struct round *round = context;
    struct hub_worker *worker = &hub->workers[index];
    worker->hub->options.progress_timeout = 0;
    look_for_progress(worker);
    round->left[2] = worker->progress_left;
}

static void many_clients_are_looked_at_in_parts(void **state) {
    (void)state;
    static int clients[MANY];
    struct round round = {0};
    test_options.progress_timeout = HOUR;
    begin_with_many(clients);
    call_on(0, look_in_turns, &round);
    assert_int_equal(round.left[0], MANY - 100);
    assert_int_equal(round.left[1], MANY - 200);
    assert_int_equal(round.left[2], 0);
    test_channel.presence = true;
    round = (struct round){0};
    call_on(0, look_while_they_follow, &round);
    assert_int_equal(round.left[0], MANY - 100);
    assert_int_equal(round.left[1], MANY - 200);
    assert_int_equal(round.members[0], MANY);
    call_on(0, switch_off_while_looking, &round);
    assert_int_equal(round.left[2], 0);
    assert_int_equal(hub_count(clients), MANY);
    end_with_many(clients);
}

/* ---- presence -------------------------------------------------------------------------------- */

static void count_home(struct map_node *node, void *context) {
    const struct home *home = container_of(node, struct home, node);
    *(uint64_t *)context += counter_read(&home->member_count);
}

static void count_members(unsigned worker, void *context) {
    map_visit(&hub->workers[worker].homes, count_home, context);
}

static uint64_t members(void) {
    uint64_t count = 0;
    call_on(0, count_members, &count);
    return count;
}

static void who_cannot_be_a_member_stays_without(void **state) {
    (void)state;
    int clients[CROWD];
    join_all(clients);
    test_channel.presence = true;
    memory_fail_after(0, SIZE_MAX);
    reconfigure(take_options);
    memory_fail_after(0, 0);
    assert_int_equal(members(), 0);
    assert_int_equal(hub_count(clients), CROWD);
    send_text(clients[0], "still here");
    for (size_t i = 1; i < CROWD; i++)
        expect_text(clients[i], "still here");
    test_channel.presence = false;
    reconfigure(take_options);
    test_channel.presence = true;
    reconfigure(take_options);
    assert_int_equal(members(), CROWD);
    leave_all(clients);
}

/* Whose close frame is not answered is no newcomer. */
static void who_is_closing_does_not_become_a_member(void **state) {
    (void)state;
    int clients[CROWD];
    join_all(clients);
    send_frame(clients[0], 0x83, "", 0); /* no opcode */
    assert_true(read_frame(clients[0]));
    assert_int_equal(received.first, 0x88);
    test_channel.presence = true;
    reconfigure(take_options);
    assert_int_equal(members(), CROWD - 1);
    close(clients[0]);
    for (size_t i = 1; i < CROWD; i++)
        leave(clients[i]);
    hub_end();
}

#define reconfigure_test(name) cmocka_unit_test_setup(name, set_up)

int main(void) {
    const struct CMUnitTest tests[] = {
        reconfigure_test(pings_of_a_long_interval_are_spread_over_a_tenth),
        reconfigure_test(another_interval_spreads_the_first_pings_over_all_of_it),
        reconfigure_test(nobody_is_visited_for_what_concerns_no_client),
        reconfigure_test(many_clients_follow_in_parts),
        reconfigure_test(many_clients_are_looked_at_in_parts),
        reconfigure_test(who_cannot_be_a_member_stays_without),
        reconfigure_test(who_is_closing_does_not_become_a_member),
    };
    return cmocka_run_group_tests_name("reconfigure", tests, NULL, NULL);
}

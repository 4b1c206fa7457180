/* Scopes: entering, leaving, cancelling, joining, and what becomes of errors. */
#include "loop_test.h"

#include "loop/scope.h"

/* A member that does what a test says when it is asked to end. */
struct worker {
    struct scope_member member;
    unsigned cancels;
    bool leaves; /* at once, inside its cancel */
    enum error error;
};

static void cancel_worker(struct scope_member *member) {
    struct worker *worker = container_of(member, struct worker, member);
    worker->cancels++;
    if (worker->leaves)
        scope_leave(member, worker->error);
}

static const struct scope_member_handler worker_handler = {"worker", cancel_worker};

#define WORKER ((struct worker){.member.handler = &worker_handler})

static unsigned ends;
static enum error taken;

static void count_end(struct scope *scope) {
    assert_true(scope_is_empty(scope));
    ends++;
}

static void take_and_fini(struct scope *scope) {
    taken = scope_take_error(scope);
    ends++;
    scope_fini(scope);
}

static void start(struct scope *scope, enum scope_policy policy) {
    ends = 0;
    taken = ERROR_NONE;
    scope_init(scope, &loop, NULL, policy, take_and_fini);
}

static void enter(struct scope *scope, struct worker *worker) {
    *worker = WORKER;
    assert_int_equal(scope_enter(scope, &worker->member), ERROR_NONE);
}

/* ---- joining --------------------------------------------------------------------------------- */

static void ends_when_joined_and_empty(void **state) {
    (void)state;
    struct scope scope;
    struct worker a, b;
    start(&scope, SCOPE_COLLECT);
    enter(&scope, &a);
    scope_leave(&a.member, ERROR_NONE);
    turn();
    assert_int_equal(ends, 0); /* not joined */
    enter(&scope, &a);
    enter(&scope, &b);
    scope_join(&scope);
    scope_leave(&a.member, ERROR_NONE);
    turn();
    assert_int_equal(ends, 0);
    scope_leave(&b.member, ERROR_NONE);
    assert_int_equal(ends, 0); /* never from inside a call */
    turn();
    assert_int_equal(ends, 1);
    assert_int_equal(taken, ERROR_NONE);
}

static void an_empty_scope_ends_after_its_join(void **state) {
    (void)state;
    struct scope scope;
    start(&scope, SCOPE_COLLECT);
    scope_join(&scope);
    scope_join(&scope);
    assert_int_equal(ends, 0);
    loop_turn(&loop, UINT64_MAX);
    assert_int_equal(ends, 1);
    turn();
    assert_int_equal(ends, 1);
}

/* The end was posted already: it waits for who came in between. */
static void a_member_may_enter_while_joining(void **state) {
    (void)state;
    struct scope scope;
    struct worker a, b;
    start(&scope, SCOPE_COLLECT);
    enter(&scope, &a);
    scope_join(&scope);
    scope_leave(&a.member, ERROR_NONE);
    enter(&scope, &b);
    turn();
    assert_int_equal(ends, 0);
    scope_leave(&b.member, ERROR_NONE);
    turn();
    assert_int_equal(ends, 1);
}

static void ends_once_and_admits_nobody_afterwards(void **state) {
    (void)state;
    struct scope scope;
    struct worker late = WORKER;
    ends = 0;
    scope_init(&scope, &loop, NULL, SCOPE_COLLECT, count_end);
    scope_join(&scope);
    turn();
    assert_int_equal(ends, 1);
    assert_int_equal(scope_enter(&scope, &late.member), ERROR_CANCELLED);
    turn();
    assert_int_equal(ends, 1);
    scope_fini(&scope);
}

static void the_join_deadline_cancels_who_is_still_there(void **state) {
    (void)state;
    struct scope scope;
    struct worker quick, slow;
    start(&scope, SCOPE_COLLECT);
    enter(&scope, &quick);
    enter(&scope, &slow);
    scope_join_by(&scope, loop.now + 20 * MILLISECOND);
    scope_leave(&quick.member, ERROR_NONE);
    assert_int_equal(slow.cancels, 0);
    wait_for(slow.cancels == 1);
    turn();
    assert_int_equal(ends, 0);
    scope_leave(&slow.member, ERROR_CANCELLED);
    wait_for(ends == 1);
    assert_int_equal(taken, ERROR_NONE);
}

static void the_join_deadline_is_forgotten_when_all_leave(void **state) {
    (void)state;
    struct scope scope;
    struct worker a;
    start(&scope, SCOPE_COLLECT);
    enter(&scope, &a);
    scope_join_by(&scope, loop.now + HOUR);
    scope_leave(&a.member, ERROR_NONE);
    wait_for(ends == 1);
    assert_int_equal(a.cancels, 0);
    assert_false(timer_is_started(&scope.deadline));
}

/* Who enters between the last leave and the end is under the deadline too. */
static void the_join_deadline_holds_for_late_members(void **state) {
    (void)state;
    struct scope scope;
    struct worker a, late;
    start(&scope, SCOPE_COLLECT);
    enter(&scope, &a);
    scope_join_by(&scope, loop.now + 20 * MILLISECOND);
    scope_leave(&a.member, ERROR_NONE);
    enter(&scope, &late);
    wait_for(late.cancels == 1);
    scope_leave(&late.member, ERROR_NONE);
    wait_for(ends == 1);
}

/* ---- cancelling ------------------------------------------------------------------------------ */

static void cancelling_is_sticky_and_asks_once(void **state) {
    (void)state;
    struct scope scope;
    struct worker a, b, late = WORKER;
    start(&scope, SCOPE_COLLECT);
    enter(&scope, &a);
    enter(&scope, &b);
    assert_false(scope_is_cancelled(&scope));
    scope_cancel(&scope);
    scope_cancel(&scope);
    assert_true(scope_is_cancelled(&scope));
    assert_int_equal(a.cancels, 1);
    assert_int_equal(b.cancels, 1);
    assert_false(scope_is_empty(&scope));
    assert_int_equal(scope_enter(&scope, &late.member), ERROR_CANCELLED);
    assert_null(late.member.scope);
    scope_leave(&b.member, ERROR_CANCELLED);
    scope_leave(&a.member, ERROR_NONE);
    scope_join(&scope);
    turn();
    assert_int_equal(ends, 1);
    assert_int_equal(taken, ERROR_NONE);
}

static void members_may_leave_inside_their_cancel(void **state) {
    (void)state;
    struct scope scope;
    struct worker workers[3];
    start(&scope, SCOPE_FAIL_FAST);
    for (size_t i = 0; i < 3; i++) {
        enter(&scope, &workers[i]);
        workers[i].leaves = true;
        workers[i].error = i == 1 ? ERROR_TIMED_OUT : ERROR_CANCELLED;
    }
    scope_join(&scope);
    scope_cancel(&scope);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(workers[i].cancels, 1);
    assert_true(scope_is_empty(&scope));
    turn();
    assert_int_equal(ends, 1);
    assert_int_equal(taken, ERROR_TIMED_OUT);
}

struct assassin {
    struct scope_member member;
    struct worker *victim;
};

static void take_victim_along(struct scope_member *member) {
    struct assassin *assassin = container_of(member, struct assassin, member);
    scope_leave(&assassin->victim->member, ERROR_NONE);
    scope_leave(member, ERROR_NONE);
}

static void a_cancel_may_make_another_member_leave(void **state) {
    (void)state;
    static const struct scope_member_handler handler = {"assassin", take_victim_along};
    struct scope scope;
    struct worker first, last;
    start(&scope, SCOPE_COLLECT);
    enter(&scope, &first);
    struct assassin assassin = {.member.handler = &handler, .victim = &last};
    assert_int_equal(scope_enter(&scope, &assassin.member), ERROR_NONE);
    enter(&scope, &last);
    scope_cancel(&scope);
    assert_int_equal(first.cancels, 1);
    assert_int_equal(last.cancels, 0);
    scope_leave(&first.member, ERROR_NONE);
    scope_join(&scope);
    turn();
    assert_int_equal(ends, 1);
}

/* ---- policies and errors --------------------------------------------------------------------- */

static void collect_leaves_the_others_alone(void **state) {
    (void)state;
    struct scope scope;
    struct worker a, b, c;
    start(&scope, SCOPE_COLLECT);
    enter(&scope, &a);
    enter(&scope, &b);
    enter(&scope, &c);
    scope_join(&scope);
    scope_leave(&a.member, ERROR_CONNECTION_REFUSED);
    scope_leave(&b.member, ERROR_TIMED_OUT);
    assert_int_equal(c.cancels, 0);
    scope_leave(&c.member, ERROR_NONE);
    turn();
    assert_int_equal(taken, ERROR_CONNECTION_REFUSED);
}

static void fail_fast_cancels_the_others(void **state) {
    (void)state;
    struct scope scope;
    struct worker a, b, late = WORKER;
    start(&scope, SCOPE_FAIL_FAST);
    enter(&scope, &a);
    enter(&scope, &b);
    scope_join(&scope);
    scope_leave(&a.member, ERROR_CONNECTION_REFUSED);
    assert_int_equal(b.cancels, 1);
    assert_int_equal(scope_enter(&scope, &late.member), ERROR_CANCELLED);
    scope_leave(&b.member, ERROR_CANCELLED); /* that was us */
    turn();
    assert_int_equal(taken, ERROR_CONNECTION_REFUSED);
}

static void a_cancelled_member_of_a_living_scope_has_failed(void **state) {
    (void)state;
    struct scope scope;
    struct worker a;
    start(&scope, SCOPE_COLLECT);
    enter(&scope, &a);
    scope_join(&scope);
    scope_leave(&a.member, ERROR_CANCELLED);
    turn();
    assert_int_equal(taken, ERROR_CANCELLED);
}

static void an_error_that_nobody_took_is_counted(void **state) {
    (void)state;
    struct scope scope;
    struct worker a;
    uint64_t before = scope_untaken_errors();
    scope_init(&scope, &loop, NULL, SCOPE_COLLECT, scope_fini);
    enter(&scope, &a);
    scope_join(&scope);
    scope_leave(&a.member, ERROR_SYSTEM);
    turn();
    assert_int_equal(scope_untaken_errors(), before + 1);
    start(&scope, SCOPE_COLLECT);
    enter(&scope, &a);
    scope_join(&scope);
    scope_leave(&a.member, ERROR_SYSTEM);
    turn();
    assert_int_equal(ends, 1);
    assert_int_equal(scope_untaken_errors(), before + 1);
}

/* ---- nesting --------------------------------------------------------------------------------- */

static void cancelling_reaches_the_innermost(void **state) {
    (void)state;
    struct scope outer, middle, inner;
    struct worker a, b;
    start(&outer, SCOPE_COLLECT);
    scope_init(&middle, &loop, &outer, SCOPE_COLLECT, take_and_fini);
    scope_init(&inner, &loop, &middle, SCOPE_COLLECT, take_and_fini);
    enter(&inner, &a);
    enter(&outer, &b);
    scope_join(&inner);
    scope_join(&middle);
    scope_join(&outer);
    scope_cancel(&outer);
    assert_int_equal(a.cancels, 1);
    assert_int_equal(b.cancels, 1);
    scope_leave(&b.member, ERROR_NONE);
    turn_a_while();
    assert_int_equal(ends, 0);
    scope_leave(&a.member, ERROR_NONE);
    wait_for(ends == 3);
}

static void a_scope_inside_a_cancelled_one_is_born_cancelled(void **state) {
    (void)state;
    struct scope outer, inner;
    struct worker a = WORKER;
    start(&outer, SCOPE_COLLECT);
    scope_cancel(&outer);
    scope_init(&inner, &loop, &outer, SCOPE_COLLECT, take_and_fini);
    assert_true(scope_is_cancelled(&inner));
    assert_int_equal(scope_enter(&inner, &a.member), ERROR_CANCELLED);
    scope_join(&inner);
    scope_join(&outer);
    turn();
    assert_int_equal(ends, 2);
}

static void an_untaken_error_goes_to_the_scope_around(void **state) {
    (void)state;
    struct scope outer, inner;
    struct worker a, sibling;
    uint64_t before = scope_untaken_errors();
    start(&outer, SCOPE_FAIL_FAST);
    scope_init(&inner, &loop, &outer, SCOPE_COLLECT, scope_fini);
    enter(&inner, &a);
    enter(&outer, &sibling);
    scope_join(&inner);
    scope_join(&outer);
    scope_leave(&a.member, ERROR_HOST_UNREACHABLE);
    turn();
    assert_int_equal(sibling.cancels, 1);
    scope_leave(&sibling.member, ERROR_CANCELLED);
    turn();
    assert_int_equal(ends, 1);
    assert_int_equal(taken, ERROR_HOST_UNREACHABLE);
    assert_int_equal(scope_untaken_errors(), before);
}

/* ---- visiting -------------------------------------------------------------------------------- */

static struct worker *visited[4];
static size_t visits, visits_wanted;

static bool visit_and_leave(struct scope_member *member, void *context) {
    assert_ptr_equal(context, visited);
    visited[visits++] = container_of(member, struct worker, member);
    scope_leave(member, ERROR_NONE);
    return visits < visits_wanted;
}

static void a_visit_sees_each_member_until_it_has_enough(void **state) {
    (void)state;
    struct scope scope;
    struct worker a, b, c;
    start(&scope, SCOPE_COLLECT);
    enter(&scope, &a);
    enter(&scope, &b);
    enter(&scope, &c);
    visits = 0;
    visits_wanted = 2;
    assert_false(scope_visit(&scope, visit_and_leave, visited));
    assert_int_equal(visits, 2);
    assert_ptr_equal(visited[0], &a);
    assert_ptr_equal(visited[1], &b);
    enter(&scope, &a);
    scope_cancel(&scope);
    assert_int_equal(c.cancels, 1);
    visits = 0;
    visits_wanted = 3;
    assert_true(scope_visit(&scope, visit_and_leave, visited)); /* who was asked to end, too */
    assert_int_equal(visits, 2);
    assert_ptr_equal(visited[0], &c);
    assert_ptr_equal(visited[1], &a);
    assert_true(scope_visit(&scope, visit_and_leave, visited));
    assert_int_equal(visits, 2);
    scope_join(&scope);
    turn();
    assert_int_equal(ends, 1);
}

static void note_visit(struct scope_member *member, void *context) {
    (void)context;
    visited[visits++] = container_of(member, struct worker, member);
}

static void a_round_in_parts_visits_all_that_stay(void **state) {
    (void)state;
    struct scope scope;
    struct worker a, b, c, late;
    start(&scope, SCOPE_COLLECT);
    assert_false(scope_visit_next(&scope, note_visit, NULL));
    enter(&scope, &a);
    enter(&scope, &b);
    enter(&scope, &c);
    visits = 0;
    assert_true(scope_visit_next(&scope, note_visit, NULL));
    enter(&scope, &late);
    scope_leave(&b.member, ERROR_NONE);
    assert_true(scope_visit_next(&scope, note_visit, NULL));
    assert_true(scope_visit_next(&scope, note_visit, NULL));
    assert_ptr_equal(visited[0], &a);
    assert_ptr_equal(visited[1], &c);
    assert_ptr_equal(visited[2], &a); /* who entered meanwhile stands behind */
    scope_cancel(&scope);
    assert_false(scope_visit_next(&scope, note_visit, NULL));
    scope_leave(&a.member, ERROR_NONE);
    scope_leave(&c.member, ERROR_NONE);
    scope_leave(&late.member, ERROR_NONE);
    scope_join(&scope);
    turn();
    assert_int_equal(ends, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        loop_test(ends_when_joined_and_empty),
        loop_test(an_empty_scope_ends_after_its_join),
        loop_test(a_member_may_enter_while_joining),
        loop_test(ends_once_and_admits_nobody_afterwards),
        loop_test(the_join_deadline_cancels_who_is_still_there),
        loop_test(the_join_deadline_is_forgotten_when_all_leave),
        loop_test(the_join_deadline_holds_for_late_members),
        loop_test(cancelling_is_sticky_and_asks_once),
        loop_test(members_may_leave_inside_their_cancel),
        loop_test(a_cancel_may_make_another_member_leave),
        loop_test(collect_leaves_the_others_alone),
        loop_test(fail_fast_cancels_the_others),
        loop_test(a_cancelled_member_of_a_living_scope_has_failed),
        loop_test(an_error_that_nobody_took_is_counted),
        loop_test(cancelling_reaches_the_innermost),
        loop_test(a_scope_inside_a_cancelled_one_is_born_cancelled),
        loop_test(an_untaken_error_goes_to_the_scope_around),
        loop_test(a_visit_sees_each_member_until_it_has_enough),
        loop_test(a_round_in_parts_visits_all_that_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

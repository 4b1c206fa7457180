/* Signals as events. */
#include "loop_test.h"

#include <signal.h>
#include <sys/wait.h>

#include "loop/signals.h"

static int numbers[16];
static unsigned count, closings;

static void received(struct signals *signals, int number) {
    (void)signals;
    numbers[count++] = number;
}

static void closed(struct signals *signals) {
    (void)signals;
    closings++;
}

static struct signals signals;

static void start(void) {
    count = closings = 0;
    signals_block();
    assert_int_equal(signals_open(&signals, &loop, received), ERROR_NONE);
}

static void finish(void) {
    signals_close(&signals, closed);
    assert_int_equal(closings, 0);
    wait_for(closings == 1);
    turn();
    assert_int_equal(closings, 1);
}

static void each_signal_is_told(void **state) {
    (void)state;
    static const int watched[] = {SIGTERM, SIGINT, SIGHUP};
    start();
    for (unsigned i = 0; i < 3; i++) {
        raise(watched[i]);
        wait_for(count == i + 1);
        assert_int_equal(numbers[i], watched[i]);
    }
    finish();
}

static void signals_that_are_added_are_told_too(void **state) {
    (void)state;
    static const int watched[] = {SIGUSR1, SIGWINCH, SIGTERM};
    start();
    assert_int_equal(signals_add(&signals, SIGUSR1), ERROR_NONE);
    assert_int_equal(signals_add(&signals, SIGWINCH), ERROR_NONE);
    assert_int_equal(signals_add(&signals, 1000), ERROR_INVALID_ARGUMENT);
    for (unsigned i = 0; i < 3; i++) {
        raise(watched[i]);
        wait_for(count == i + 1);
        assert_int_equal(numbers[i], watched[i]);
    }
    finish();
}

static void several_at_once_are_all_told(void **state) {
    (void)state;
    start();
    raise(SIGHUP);
    raise(SIGTERM);
    raise(SIGINT);
    wait_for(count == 3);
    int sum = numbers[0] + numbers[1] + numbers[2];
    assert_int_equal(sum, SIGHUP + SIGTERM + SIGINT);
    finish();
}

static void a_signal_before_the_opening_is_not_lost(void **state) {
    (void)state;
    signals_block();
    raise(SIGTERM);
    start();
    wait_for(count == 1);
    assert_int_equal(numbers[0], SIGTERM);
    finish();
}

static void a_signal_from_another_process(void **state) {
    (void)state;
    start();
    pid_t child = fork();
    if (child == 0)
        _exit(kill(getppid(), SIGTERM));
    wait_for(count == 1);
    assert_int_equal(numbers[0], SIGTERM);
    assert_int_equal(waitpid(child, NULL, 0), child);
    finish();
}

static void received_then_close(struct signals *open, int number) {
    numbers[count++] = number;
    signals_close(open, closed);
    signals_close(open, closed);
}

static void closed_by_its_own_event(void **state) {
    (void)state;
    count = closings = 0;
    signals_block();
    assert_int_equal(signals_open(&signals, &loop, received_then_close), ERROR_NONE);
    raise(SIGTERM);
    wait_for(closings == 1);
    assert_int_equal(count, 1);
}

static void closing_may_be_of_no_interest(void **state) {
    (void)state;
    start();
    signals_close(&signals, NULL);
    wait_for(!operation_is_armed(&signals.poll));
}

static void a_broken_pipe_is_no_signal(void **state) {
    (void)state;
    int ends[2];
    signals_block();
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    assert_int_equal(write(ends[1], "x", 1), -1);
    close(ends[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        loop_test(each_signal_is_told),
        loop_test(signals_that_are_added_are_told_too),
        loop_test(several_at_once_are_all_told),
        loop_test(a_signal_before_the_opening_is_not_lost),
        loop_test(a_signal_from_another_process),
        loop_test(closed_by_its_own_event),
        loop_test(closing_may_be_of_no_interest),
        loop_test(a_broken_pipe_is_no_signal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

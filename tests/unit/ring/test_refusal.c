/* Why a ring cannot be opened: in a child process that the kernel refuses, as a container's would
 * be. */
#include "ring_test.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "refusal.h"

struct answer {
    enum error error;
    struct ring_refusal refusal;
};

/* Opens a ring in a child process, after `prepare` in there. */
static struct answer open_in_child(bool (*prepare)(void), const struct ring_options *options) {
    struct answer answer = {0};
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (!prepare())
            _exit(2);
        answer.error = ring_open(options, &ring, &answer.refusal);
        ssize_t written = write(ends[1], &answer, sizeof answer);
        _exit(written == (ssize_t)sizeof answer ? 0 : 3);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(read(ends[0], &answer, sizeof answer), sizeof answer);
    close(ends[0]);
    close(ends[1]);
    return answer;
}

/* Lets one system call fail, in this process from now on. */
static bool refuse_call(unsigned number, unsigned with) {
    struct sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | with),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {.len = sizeof steps / sizeof *steps, .filter = steps};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

static bool as_docker_does(void) {
    return refuse_call(SYS_io_uring_setup, EPERM);
}

static bool as_a_sandbox_does(void) {
    return refuse_call(SYS_io_uring_setup, ENOSYS);
}

static bool register_is_refused(void) {
    return refuse_call(SYS_io_uring_register, EINVAL);
}

static bool memory_is_short(void) {
    return refuse_call(SYS_io_uring_setup, ENOMEM);
}

/* The limit is on the numbers of descriptors, of which the lowest free one is taken. */
static bool allow_descriptors(unsigned more) {
    int lowest = dup(STDOUT_FILENO);
    close(lowest);
    const struct rlimit limit = {.rlim_cur = (rlim_t)lowest + more,
                                 .rlim_max = (rlim_t)lowest + more};
    return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

static bool no_descriptor_is_left(void) {
    return allow_descriptors(0);
}

static bool one_descriptor_is_left(void) {
    return allow_descriptors(1);
}

static bool nothing(void) {
    return true;
}

static void check(bool (*prepare)(void), enum error error, const char *call, const char *cause) {
    struct answer answer = open_in_child(prepare, &ring_default_options);
    assert_int_equal(answer.error, error);
    if (strstr(answer.refusal.text, call) == NULL || strstr(answer.refusal.text, cause) == NULL)
        fail_msg("'%s' lacks '%s' or '%s'", answer.refusal.text, call, cause);
    assert_true(strlen(answer.refusal.text) < sizeof answer.refusal.text - 1);
}

static void a_seccomp_filter(void **state) {
    (void)state;
    check(as_docker_does, ERROR_PERMISSION_DENIED, "io_uring_setup", "seccomp");
}

static void a_sandbox_without_io_uring(void **state) {
    (void)state;
    check(as_a_sandbox_does, ERROR_UNSUPPORTED, "io_uring_setup", "no io_uring");
}

static void an_old_kernel(void **state) {
    (void)state;
    check(register_is_refused, ERROR_INVALID_ARGUMENT, "io_uring_register", "6.1 or newer");
}

static void too_little_memory(void **state) {
    (void)state;
    check(memory_is_short, ERROR_NO_MEMORY, "io_uring_setup", "ulimit -l");
}

static void too_few_descriptors(void **state) {
    (void)state;
    check(no_descriptor_is_left, ERROR_TOO_MANY_DESCRIPTORS, "eventfd", "ulimit -n");
    check(one_descriptor_is_left, ERROR_TOO_MANY_DESCRIPTORS, "io_uring_setup", "ulimit -n");
}

static void none(void **state) {
    (void)state;
    struct answer answer = open_in_child(nothing, &ring_default_options);
    assert_int_equal(answer.error, ERROR_NONE);
}

static void a_refused_ring_leaves_nothing_behind(void **state) {
    (void)state;
    size_t descriptors = limits_open_descriptors(), blocks = memory_live_blocks();
    struct ring_refusal refusal;
    /* buffers must be a power of two: the kernel refuses to register them */
    const struct ring_options odd = {.entries = 8, .buffer_count = 3, .buffer_size = 512};
    assert_int_equal(ring_open(&odd, &ring, &refusal), ERROR_INVALID_ARGUMENT);
    const struct ring_options empty = {.entries = 0, .buffer_count = 8, .buffer_size = 512};
    assert_int_equal(ring_open(&empty, &ring, NULL), ERROR_INVALID_ARGUMENT);
    memory_fail_after(0, 1);
    assert_int_equal(ring_open(&ring_default_options, &ring, &refusal), ERROR_NO_MEMORY);
    memory_fail_after(0, 0);
    assert_int_equal(limits_open_descriptors(), descriptors);
    assert_int_equal(memory_live_blocks(), blocks);
}

static void every_cause_fits(void **state) {
    (void)state;
    for (int number = 1; number < 134; number++) {
        struct ring_refusal refusal;
        assert_int_equal(refusal_explain(&refusal, "io_uring_register", number),
                         error_from_errno(number));
        assert_true(strlen(refusal.text) < sizeof refusal.text - 1);
        assert_int_equal(refusal_explain(NULL, "io_uring_register", number),
                         error_from_errno(number));
    }
}

static void features_are_described(void **state) {
    (void)state;
    size_t descriptors = limits_open_descriptors(), blocks = memory_live_blocks();
    char text[512], narrow[16];
    ring_describe_features(text, sizeof text);
    assert_memory_equal(text, "Linux ", 6);
    assert_non_null(strstr(text, "multishot receive"));
    ring_describe_features(narrow, sizeof narrow);
    assert_memory_equal(narrow, text, sizeof narrow - 1);
    assert_int_equal(narrow[sizeof narrow - 1], '\0');
    assert_int_equal(limits_open_descriptors(), descriptors);
    assert_int_equal(memory_live_blocks(), blocks);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_seccomp_filter),
        cmocka_unit_test(a_sandbox_without_io_uring),
        cmocka_unit_test(an_old_kernel),
        cmocka_unit_test(too_little_memory),
        cmocka_unit_test(too_few_descriptors),
        cmocka_unit_test(none),
        cmocka_unit_test(a_refused_ring_leaves_nothing_behind),
        cmocka_unit_test(every_cause_fits),
        cmocka_unit_test(features_are_described),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * The state file of a long list: its text is built a slice a turn, and is whole or not there,
 * whatever comes between two slices. The pool's work is run by the test.
 */
#include <stdio.h>
#include <stdlib.h>

#include "loop_test.h"
#include "state_file.h"

enum { COUNT = 3 * STATE_LINES_A_TURN + 17, TURNS = 4 };

static char address[] = "http://example.org/";
static char folder[] = "/tmp/ringcast-state-XXXXXX", path[sizeof folder + 6];
static struct config_url entries[COUNT];
static const struct config_urls urls = {entries, COUNT};
static int statuses[COUNT];
static size_t recalled;
static struct pool *pool;
static struct state_file file;
static bool closed;

/* ---- what is known, and the pool ------------------------------------------------------------- */

static void recall(const void *context, size_t index, struct schedule_memory *memory) {
    recalled++;
    *memory = (struct schedule_memory){.known = true, .status = ((const int *)context)[index]};
}

static const struct state_source source = {
    .urls = entries, .count = COUNT, .recall = recall, .context = statuses};

static void (*sent)(void *argument); /* NULL: nothing */
static void *sent_argument;

static void keep_work(void *context, void (*run)(void *argument), void *argument) {
    (void)context;
    assert_null(sent);
    sent = run;
    sent_argument = argument;
}

/* Writes the file, and lets the loop know. */
static void write_now(void) {
    wait_for(sent != NULL);
    void (*run)(void *) = sent;
    sent = NULL;
    run(sent_argument);
    turn();
}

/* ---- set-up ---------------------------------------------------------------------------------- */

static int begin(void **state) {
    const struct pool_runner runner = {.start = keep_work};
    snprintf(folder, sizeof folder, "/tmp/ringcast-state-XXXXXX");
    if (open_loop(state) != 0 || mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/state", folder);
    for (size_t i = 0; i < COUNT; i++) {
        entries[i] = (struct config_url){.url = address, .request_hash = i + 1};
        statuses[i] = 200;
    }
    recalled = 0;
    closed = false;
    assert_int_equal(pool_new_with(&runner, &pool), ERROR_NONE);
    assert_int_equal(state_file_init(&file, path, pool, &loop), ERROR_NONE);
    return 0;
}

static void note_closed(void *context) {
    *(bool *)context = true;
}

/* Nothing is left to be written, but for what the test itself has left to the pool. */
static int end(void **state) {
    if (!closed)
        state_file_close(&file, note_closed, &closed);
    assert_true(closed);
    assert_null(sent);
    state_file_fini(&file);
    pool_free(pool);
    unlink(path);
    assert_int_equal(rmdir(folder), 0); /* nothing half written beside it */
    return close_loop(state);
}

#define state_test(name) cmocka_unit_test_setup_teardown(name, begin, end)

/* The status of each URL as the file has it; every one has its line, or there is no file. */
static bool load(int loaded[COUNT]) {
    struct state_memory *memories = memory_allocate_zeroed(COUNT * sizeof *memories);
    assert_non_null(memories);
    assert_int_equal(state_file_load(&file, &urls, memories), ERROR_NONE);
    bool found = memories[0].found;
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(memories[i].found, found);
        loaded[i] = memories[i].memory.status;
        state_memory_fini(&memories[i]);
    }
    memory_free(memories);
    return found;
}

static void assert_file_has(size_t index, int status) {
    static int loaded[COUNT];
    assert_true(load(loaded));
    assert_int_equal(loaded[index], status);
}

static void assert_no_file(void) {
    static int loaded[COUNT];
    assert_false(load(loaded));
}

/* ---- slices ---------------------------------------------------------------------------------- */

static void a_turn_builds_a_slice(void **state) {
    (void)state;
    state_file_save(&file, &source);
    assert_int_equal(recalled, 0);
    for (size_t i = 1; i < TURNS; i++) {
        turn();
        assert_int_equal(recalled, i * STATE_LINES_A_TURN);
        assert_null(sent);
    }
    turn();
    assert_int_equal(recalled, COUNT);
    assert_no_file();
    write_now();
    assert_file_has(COUNT - 1, 200);
    turn_a_while();
    assert_int_equal(recalled, COUNT);
}

/* The first file has it for a line whose turn had not come, the second for all. */
static void a_change_between_slices_is_not_lost(void **state) {
    (void)state;
    state_file_save(&file, &source);
    turn();
    statuses[0] = statuses[COUNT - 1] = 404;
    state_file_save(&file, &source);
    state_file_save(&file, &source); /* however often: once more is enough */
    write_now();
    assert_file_has(0, 200);
    assert_file_has(COUNT - 1, 404);
    write_now();
    assert_file_has(0, 404);
    turn_a_while();
    assert_int_equal(recalled, 2 * COUNT);
}

/* The newest is what is written when the writing before is done; what was built meanwhile, never
 * half. */
static void a_change_while_another_is_written(void **state) {
    (void)state;
    state_file_save(&file, &source);
    wait_for(sent != NULL);
    statuses[0] = 404;
    state_file_save(&file, &source);
    turn();
    write_now();
    assert_null(sent); /* a slice is there, and is not written */
    assert_file_has(0, 200);
    wait_for(recalled == 2 * COUNT);
    statuses[0] = 500;
    state_file_save(&file, &source);
    write_now();
    assert_file_has(0, 404);
    write_now();
    assert_file_has(0, 500);
}

/* ---- the end --------------------------------------------------------------------------------- */

static void a_stop_between_slices_writes_the_rest(void **state) {
    (void)state;
    state_file_save(&file, &source);
    turn();
    statuses[COUNT - 1] = 404;
    state_file_settle(&file);
    assert_int_equal(recalled, COUNT);
    state_file_close(&file, note_closed, &closed);
    assert_false(closed);
    write_now();
    assert_true(closed);
    assert_file_has(COUNT - 1, 404);
}

static void a_stop_between_slices_writes_the_newest(void **state) {
    (void)state;
    state_file_save(&file, &source);
    turn();
    statuses[0] = 404;
    state_file_save(&file, &source);
    state_file_settle(&file);
    state_file_close(&file, note_closed, &closed);
    write_now();
    assert_true(closed);
    assert_file_has(0, 404);
}

static void a_stop_while_another_is_written(void **state) {
    (void)state;
    state_file_save(&file, &source);
    wait_for(sent != NULL);
    statuses[0] = 404;
    state_file_save(&file, &source);
    turn();
    state_file_settle(&file);
    state_file_close(&file, note_closed, &closed);
    write_now();
    assert_false(closed);
    write_now();
    assert_true(closed);
    assert_file_has(0, 404);
}

/* ---- without memory -------------------------------------------------------------------------- */

static bool fails_once(void *context) {
    size_t *left = context;
    return recalled > STATE_LINES_A_TURN && *left > 0 && (*left)-- > 0;
}

/* Rather the file that is there than half of this one; and the next time it is tried again. */
static void no_memory_between_slices(void **state) {
    size_t left = 1;
    (void)state;
    state_file_save(&file, &source);
    memory_fail_when(fails_once, &left);
    turn_a_while();
    memory_fail_when(NULL, NULL);
    assert_int_equal(left, 0);
    assert_true(recalled < COUNT);
    assert_null(sent);
    assert_no_file();
    state_file_save(&file, &source);
    write_now();
    assert_file_has(0, 200);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        state_test(a_turn_builds_a_slice),
        state_test(a_change_between_slices_is_not_lost),
        state_test(a_change_while_another_is_written),
        state_test(a_stop_between_slices_writes_the_rest),
        state_test(a_stop_between_slices_writes_the_newest),
        state_test(a_stop_while_another_is_written),
        state_test(no_memory_between_slices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

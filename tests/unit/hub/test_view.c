/* Cursors in a worker's view of a log, and how long its segments stay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "view.h"

/* A log with one reader's view, which is told of each segment at once. */
struct fixture {
    struct log log;
    struct view view;
    size_t blocks_before;
    uint64_t ends[4096]; /* positions behind each message */
};

static struct fixture fixture;
static struct log *const log_ = &fixture.log;
static struct view *const view = &fixture.view;
static uint8_t bytes[128 * 1024];

static void start(uint64_t messages) {
    const struct retention retention = {
        .bytes = 1024 * 1024, .messages = messages, .age = UINT64_MAX / 2};
    fixture.blocks_before = memory_live_blocks();
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 31 >> 3);
    log_init(log_, &retention, 1);
    view_init(view);
}

static void end(void) {
    view_fini(view);
    log_fini(log_);
    assert_int_equal(memory_live_blocks(), fixture.blocks_before);
}

static void announce(void) {
    struct segment *segment = log_newest(log_);
    segment_reference(segment);
    view_add(view, &segment->views[0]);
}

/* The bytes at a position are a function of it, so that a reader can check what it gets. */
static void append(size_t size) {
    uint64_t position;
    bool fresh;
    const struct bytes part = bytes_make(bytes + log_->head % 1024, size);
    assert_int_equal(log_append(log_, &part, 1, 0, &position, &fresh), ERROR_NONE);
    if (log_->next_offset <= 4096)
        fixture.ends[log_->next_offset - 1] = log_->head;
    if (fresh)
        announce();
}

static size_t segment_count(void) {
    size_t count = 0;
    list_for_each (node, &view->segments)
        count++;
    return count;
}

/* How many of the messages end at or before a position. */
static uint64_t messages_until(uint64_t position) {
    uint64_t count = 0;
    while (count < log_->next_offset && fixture.ends[count] <= position)
        count++;
    return count;
}

static void check_place(const struct cursor *cursor, uint64_t position) {
    uint64_t whole = messages_until(position);
    uint64_t begun = whole == 0 ? 0 : fixture.ends[whole - 1];
    assert_int_equal(cursor_position(cursor), position);
    assert_int_equal(cursor_is_inside_message(cursor), position > begun);
    if (position > begun)
        assert_int_equal(cursor_rest_of_message(cursor).size, fixture.ends[whole] - position);
}

/* ---- reading --------------------------------------------------------------------------------- */

static void an_empty_view_has_nothing(void **state) {
    (void)state;
    struct cursor cursor;
    start(1000);
    cursor_place_at_head(view, &cursor);
    assert_int_equal(cursor_range(view, &cursor).size, 0);
    assert_false(cursor_is_inside_message(&cursor));
    assert_int_equal(cursor_position(&cursor), 0);
    assert_int_equal(view_head_offset(view), 0);
    append(10);
    assert_int_equal(view_head_offset(view), 1);
    assert_int_equal(cursor_range(view, &cursor).size, 10);
    cursor_remove(&cursor);
    end();
}

/* One step of `step` bytes after another, over segment boundaries, from the first byte to the last.
 */
static void read_in_steps(size_t step) {
    struct cursor cursor = {0};
    uint64_t position = 0, counted = 0;
    struct bytes range;
    while ((range = cursor_range(view, &cursor)).size > 0) {
        size_t size = step < range.size ? step : range.size;
        counted += cursor_advance(&cursor, size);
        position += size;
        check_place(&cursor, position);
        assert_int_equal(counted, messages_until(position));
    }
    assert_int_equal(position, log_->head);
    assert_int_equal(counted, log_->next_offset);
    cursor_remove(&cursor);
}

static void messages_are_counted_exactly_at_every_step(void **state) {
    (void)state;
    start(100000);
    for (size_t i = 0; i < 600; i++)
        append(1 + i * 17 % 90);
    assert_true(segment_count() >= 3);
    for (size_t step = 1; step < 300; step++)
        read_in_steps(step);
    read_in_steps(SIZE_MAX);
    end();
}

static void messages_are_counted_exactly_at_random_steps(void **state) {
    (void)state;
    start(100000);
    srandom(7);
    for (size_t i = 0; i < 300; i++)
        append(1 + (size_t)random() % 200);
    for (int round = 0; round < 200; round++) {
        struct cursor cursor = {0};
        uint64_t position = 0, counted = 0;
        struct bytes range;
        while ((range = cursor_range(view, &cursor)).size > 0) {
            size_t size = 1 + (size_t)random() % range.size;
            assert_memory_equal(range.data, cursor.at->segment->data + cursor.position, size);
            counted += cursor_advance(&cursor, size);
            position += size;
            assert_int_equal(counted, messages_until(position));
        }
        cursor_remove(&cursor);
    }
    end();
}

/* What is appended while a reader is at it is counted like all else. */
static void reading_and_appending_in_turn(void **state) {
    (void)state;
    struct cursor cursor;
    uint64_t counted = 0;
    start(100000);
    cursor_place_at_head(view, &cursor);
    for (size_t i = 0; i < 3000; i++) {
        append(1 + i * 7 % 50);
        for (size_t reads = i % 3; reads > 0; reads--) {
            struct bytes range = cursor_range(view, &cursor);
            if (range.size > 0)
                counted += cursor_advance(&cursor, 1 + (i * 11) % range.size);
            assert_int_equal(counted, messages_until(cursor_position(&cursor)));
        }
    }
    cursor_remove(&cursor);
    end();
}

/* The writer publishes a mark before its bytes: a reader on another thread may see just that. */
static void a_mark_without_its_bytes_yet(void **state) {
    (void)state;
    struct cursor cursor;
    start(1000);
    append(10);
    append(20);
    cursor_place_at(view, &cursor, 10);
    assert_int_equal(cursor_range(view, &cursor).size, 20);
    struct segment *segment = log_newest(log_);
    segment->marks[2].start = 30;
    atomic_store(&segment->messages, 3);
    assert_int_equal(cursor_advance(&cursor, 5), 0);
    assert_int_equal(cursor_rest_of_message(&cursor).size, 15);
    assert_int_equal(cursor_advance(&cursor, 15), 1);
    assert_false(cursor_is_inside_message(&cursor));
    assert_int_equal(cursor_range(view, &cursor).size, 0);
    struct cursor other;
    cursor_place_at_head(view, &other);
    assert_int_equal(other.message, 2);
    assert_false(cursor_is_inside_message(&other));
    atomic_store(&segment->filled, 40);
    assert_int_equal(cursor_range(view, &cursor).size, 10);
    assert_int_equal(cursor_advance(&cursor, 10), 1);
    cursor_remove(&cursor);
    cursor_remove(&other);
    atomic_store(&segment->messages, 2);
    end();
}

/* ---- placing --------------------------------------------------------------------------------- */

static void placing_at_any_position(void **state) {
    (void)state;
    struct cursor cursor;
    start(100000);
    for (size_t i = 0; i < 300; i++)
        append(1 + i * 17 % 90);
    for (uint64_t position = 0; position <= log_->head + 5; position++) {
        cursor_place_at(view, &cursor, position);
        uint64_t whole = messages_until(position);
        uint64_t begin = whole == 0 ? 0 : fixture.ends[whole - 1];
        if (position > log_->head)
            begin = log_->head;
        else if (begin < position)
            begin = fixture.ends[whole];
        check_place(&cursor, begin);
        cursor_remove(&cursor);
    }
    end();
}

static void placing_before_the_view_is_placing_at_its_first_message(void **state) {
    (void)state;
    struct cursor cursor, keeper;
    start(100000);
    for (size_t i = 0; i < 20; i++)
        append(4000);
    cursor_place_at(view, &keeper, 40000);
    view_collect(view);
    cursor_place_at(view, &cursor, 0);
    assert_true(cursor_position(&cursor) > 0 && cursor_position(&cursor) <= 40000);
    assert_false(cursor_is_inside_message(&cursor));
    cursor_remove(&cursor);
    cursor_remove(&keeper);
    end();
}

/* ---- letting go ------------------------------------------------------------------------------ */

static void collecting_keeps_all_that_a_cursor_will_read(void **state) {
    (void)state;
    struct cursor slow, fast;
    start(100000);
    append(4000);
    cursor_place_at(view, &slow, 0);
    for (size_t i = 0; i < 50; i++)
        append(4000);
    cursor_place_at_head(view, &fast);
    size_t segments = segment_count();
    assert_true(segments > 5);
    view_collect(view);
    assert_int_equal(segment_count(), segments);
    uint64_t read = 0;
    struct bytes range;
    while ((range = cursor_range(view, &slow)).size > 0) {
        read += range.size;
        cursor_advance(&slow, range.size);
        view_collect(view);
    }
    assert_int_equal(read, log_->head);
    assert_int_equal(segment_count(), 1);
    cursor_remove(&slow);
    cursor_remove(&fast);
    end();
}

static void collecting_without_cursors_keeps_the_newest(void **state) {
    (void)state;
    start(100000);
    view_collect(view);
    for (size_t i = 0; i < 50; i++)
        append(4000);
    view_collect(view);
    assert_int_equal(segment_count(), 1);
    assert_ptr_equal(container_of(view->segments.next, struct view_segment, link)->segment,
                     log_newest(log_));
    end();
}

static void who_has_fallen_behind(void **state) {
    (void)state;
    struct cursor slow, fast;
    start(10);
    append(4000);
    cursor_place_at(view, &slow, 0);
    assert_null(view_fallen_behind(view, atomic_load(&log_->tail)));
    for (size_t i = 0; i < 9; i++)
        append(4000);
    log_trim(log_, 0);
    cursor_place_at_head(view, &fast);
    assert_null(view_fallen_behind(view, atomic_load(&log_->tail)));
    for (size_t i = 0; i < 9; i++)
        append(4000);
    log_trim(log_, 0);
    assert_ptr_equal(view_fallen_behind(view, atomic_load(&log_->tail)), slow.at);
    cursor_remove(&slow);
    cursor_place_at(view, &slow, atomic_load(&log_->tail));
    assert_int_equal(cursor_position(&slow), 9 * 4000);
    assert_null(view_fallen_behind(view, atomic_load(&log_->tail)));
    cursor_remove(&slow);
    cursor_remove(&fast);
    end();
}

/* Bytes that retention has dropped stay readable for whom stands before them. */
static void dropped_segments_stay_for_who_stands_in_them(void **state) {
    (void)state;
    struct cursor cursor;
    start(2);
    append(4000);
    cursor_place_at(view, &cursor, 0);
    cursor_advance(&cursor, 1);
    for (size_t i = 0; i < 20; i++) {
        append(4000);
        log_trim(log_, 0);
        view_collect(view);
    }
    struct bytes rest = cursor_rest_of_message(&cursor);
    assert_int_equal(rest.size, 3999);
    assert_memory_equal(rest.data, bytes + 1, 3999);
    cursor_remove(&cursor);
    view_collect(view);
    assert_int_equal(segment_count(), 1);
    end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_view_has_nothing),
        cmocka_unit_test(messages_are_counted_exactly_at_every_step),
        cmocka_unit_test(messages_are_counted_exactly_at_random_steps),
        cmocka_unit_test(reading_and_appending_in_turn),
        cmocka_unit_test(a_mark_without_its_bytes_yet),
        cmocka_unit_test(placing_at_any_position),
        cmocka_unit_test(placing_before_the_view_is_placing_at_its_first_message),
        cmocka_unit_test(collecting_keeps_all_that_a_cursor_will_read),
        cmocka_unit_test(collecting_without_cursors_keeps_the_newest),
        cmocka_unit_test(who_has_fallen_behind),
        cmocka_unit_test(dropped_segments_stay_for_who_stands_in_them),
    };
    return cmocka_run_group_tests_name("view", tests, NULL, NULL);
}

/* The broadcast log: positions and offsets, segments, retention, shortage of memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "log.h"

enum { WORKERS = 3, FRAME_LARGEST = 4 * 1024 * 1024 };

static const struct retention plenty = {
    .bytes = 64 * 1024 * 1024, .messages = 1000000, .age = 3600 * SECOND};

static uint8_t frame[FRAME_LARGEST];
static size_t blocks_before;

static int set_up(void **state) {
    (void)state;
    blocks_before = memory_live_blocks();
    for (size_t i = 0; i < sizeof frame; i++)
        frame[i] = (uint8_t)(i * 7);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    assert_int_equal(memory_live_blocks(), blocks_before);
    return 0;
}

/* Appends `size` bytes that begin with `size` itself, so that each message can be told. */
static uint64_t append(struct log *log, size_t size, uint64_t now) {
    const struct bytes part = bytes_make(frame, size);
    uint64_t start;
    bool fresh;
    assert_int_equal(log_append(log, &part, 1, now, &start, &fresh), ERROR_NONE);
    return start;
}

static size_t segment_count(const struct log *log) {
    size_t count = 0;
    list_for_each (node, &log->segments)
        count++;
    return count;
}

static uint64_t tail_of(const struct log *log) {
    return atomic_load(&((struct log *)(uintptr_t)log)->tail);
}

static void positions_and_offsets_count_on(void **state) {
    (void)state;
    struct log log;
    log_init(&log, &plenty, WORKERS);
    assert_null(log_newest(&log));
    uint64_t position = 0;
    for (uint64_t i = 0; i < 20000; i++) {
        size_t size = 1 + i % 300;
        assert_int_equal(append(&log, size, 0), position);
        position += size;
        assert_int_equal(log.head, position);
        assert_int_equal(log.next_offset, i + 1);
    }
    assert_int_equal(tail_of(&log), 0);
    log_fini(&log);
}

/* Each segment goes on where the one before ended, and its marks tell where messages begin. */
static void segments_are_seamless(void **state) {
    (void)state;
    struct log log;
    log_init(&log, &plenty, WORKERS);
    for (size_t i = 0; i < 5000; i++)
        append(&log, 1 + i * 13 % 2000, 0);
    uint64_t position = 0, offset = 0;
    list_for_each (node, &log.segments) {
        const struct segment *segment = container_of(node, struct segment, link);
        uint32_t messages = atomic_load(&((struct segment *)(uintptr_t)segment)->messages);
        uint32_t filled = atomic_load(&((struct segment *)(uintptr_t)segment)->filled);
        assert_int_equal(segment->base, position);
        assert_int_equal(segment->offset, offset);
        assert_true(filled <= segment->capacity && messages <= segment->marks_capacity);
        uint32_t start = 0;
        for (uint32_t i = 0; i < messages; i++) {
            size_t size = 1 + (offset + i) * 13 % 2000;
            assert_int_equal(segment->marks[i].start, start);
            assert_memory_equal(segment->data + start, frame, size);
            start += (uint32_t)size;
        }
        assert_int_equal(start, filled);
        for (unsigned i = 0; i < WORKERS; i++)
            assert_ptr_equal(segment->views[i].segment, segment);
        position += filled;
        offset += messages;
    }
    assert_int_equal(position, log.head);
    assert_int_equal(offset, log.next_offset);
    log_fini(&log);
}

static void parts_become_one_message(void **state) {
    (void)state;
    struct log log;
    log_init(&log, &plenty, 1);
    const struct bytes parts[] = {bytes_of("\x81\x06"), bytes_make(NULL, 0), bytes_of("[a] hi")};
    uint64_t start;
    bool fresh;
    assert_int_equal(log_append(&log, parts, 3, 0, &start, &fresh), ERROR_NONE);
    assert_true(fresh);
    assert_int_equal(log_append(&log, parts, 3, 0, &start, &fresh), ERROR_NONE);
    assert_false(fresh);
    assert_int_equal(start, 8);
    assert_int_equal(log.next_offset, 2);
    assert_memory_equal(log_newest(&log)->data, "\x81\x06[a] hi\x81\x06[a] hi", 16);
    log_fini(&log);
}

static void segments_start_small_double_and_stop_at_a_sixteenth(void **state) {
    (void)state;
    struct log log;
    struct retention retention = plenty;
    retention.bytes = 1024 * 1024;
    log_init(&log, &retention, 1);
    uint32_t before = 0;
    for (size_t i = 0; i < 3000; i++) {
        append(&log, 300, 0);
        uint32_t capacity = log_newest(&log)->capacity;
        assert_true(capacity == 4096 || capacity == before || capacity == 2 * before);
        assert_true(capacity <= 64 * 1024);
        before = capacity;
    }
    assert_int_equal(before, 64 * 1024);
    log_fini(&log);
}

/* Many tiny messages use up the marks before the bytes. */
static void tiny_messages_fill_the_marks(void **state) {
    (void)state;
    struct log log;
    log_init(&log, &plenty, 1);
    for (size_t i = 0; i < 129; i++)
        append(&log, 2, 0);
    assert_int_equal(segment_count(&log), 2);
    assert_int_equal(log_newest(&log)->offset, 128);
    assert_int_equal(log_newest(&log)->base, 256);
    log_fini(&log);
}

static void a_message_larger_than_a_segment_has_one_of_its_own(void **state) {
    (void)state;
    struct log log;
    log_init(&log, &plenty, 1);
    append(&log, 10, 0);
    assert_int_equal(append(&log, FRAME_LARGEST, 0), 10);
    assert_int_equal(log_newest(&log)->capacity, FRAME_LARGEST);
    append(&log, 10, 0);
    assert_int_equal(segment_count(&log), 3);
    assert_true(log_newest(&log)->capacity <= 1024 * 1024);
    log_fini(&log);
}

/* ---- retention ------------------------------------------------------------------------------- */

static void retention_by_messages(void **state) {
    (void)state;
    struct log log;
    struct retention retention = plenty;
    retention.messages = 100;
    log_init(&log, &retention, 1);
    for (uint64_t i = 1; i <= 5000; i++) {
        append(&log, 50, 0);
        log_trim(&log, 0);
        assert_int_equal(log.tail_offset, i > 100 ? i - 100 : 0);
        assert_int_equal(tail_of(&log), log.tail_offset * 50);
    }
    log_fini(&log);
}

static void retention_by_bytes_bounds_the_memory(void **state) {
    (void)state;
    struct log log;
    struct retention retention = plenty;
    retention.bytes = 256 * 1024;
    log_init(&log, &retention, 1);
    for (size_t i = 0; i < 20000; i++) {
        append(&log, 1 + i * 31 % 1000, 0);
        log_trim(&log, 0);
        assert_true(log.head - tail_of(&log) <= retention.bytes);
        if (i > 2000)
            assert_true(log.head - tail_of(&log) > retention.bytes - 1000);
        /* a segment more at each end, and the marks, a quarter of the data */
        assert_true(log.memory <= (retention.bytes + 2 * retention.bytes / 16) * 3 / 2);
    }
    log_fini(&log);
}

/* Two of them do not fit in one segment: half of each stays empty, and counts. */
static void what_large_messages_leave_free_is_bounded(void **state) {
    (void)state;
    struct log log;
    struct retention retention = plenty;
    retention.bytes = 256 * 1024;
    log_init(&log, &retention, 1);
    size_t sizes[] = {9000, 1, 16384, 20000};
    for (size_t i = 0; i < 2000; i++) {
        append(&log, sizes[i % 1000 < 500 ? 0 : i % 4], 0);
        log_trim(&log, 0);
        assert_true(log.memory <= log_memory_limit(&retention, 20000));
        if (i > 100)
            assert_true(log.head - tail_of(&log) > retention.bytes / 2);
    }
    log_fini(&log);
}

static void retention_by_age(void **state) {
    (void)state;
    struct log log;
    struct retention retention = plenty;
    retention.age = 10 * SECOND;
    log_init(&log, &retention, 1);
    for (uint64_t second = 0; second < 30; second++)
        append(&log, 1000, second * SECOND);
    log_trim(&log, 30 * SECOND);
    assert_int_equal(log.tail_offset, 20);
    log_trim(&log, 35 * SECOND + 1);
    assert_int_equal(log.tail_offset, 26);
    log_trim(&log, 1000 * SECOND);
    assert_int_equal(log.tail_offset, 30);
    assert_int_equal(tail_of(&log), log.head);
    assert_int_equal(segment_count(&log), 1);
    assert_int_equal(append(&log, 1000, 1000 * SECOND), 30000);
    log_trim(&log, 1000 * SECOND);
    assert_int_equal(log.tail_offset, 30);
    log_fini(&log);
}

/* A channel so quiet that its segment outlives what a mark's age can count. */
static void a_segment_of_many_weeks_does_not_age_new_messages(void **state) {
    (void)state;
    struct log log;
    struct retention retention = plenty;
    const uint64_t day = 24 * 3600 * SECOND;
    retention.age = 3600 * SECOND;
    log_init(&log, &retention, 1);
    for (uint64_t i = 0; i < 120; i++) {
        append(&log, 20, i * day);
        log_trim(&log, i * day);
        assert_int_equal(log.tail_offset, i);
    }
    assert_int_equal(segment_count(&log), 1);
    log_fini(&log);
}

/* Readers at the head of the log have not been slow, whatever the size of what comes next. */
static void the_newest_message_stays_however_large(void **state) {
    (void)state;
    struct log log;
    struct retention retention = plenty;
    retention.bytes = 64 * 1024;
    retention.messages = 1;
    log_init(&log, &retention, 1);
    for (size_t i = 0; i < 10; i++) {
        uint64_t start = append(&log, FRAME_LARGEST, 0);
        log_trim(&log, 0);
        assert_int_equal(tail_of(&log), start);
        assert_int_equal(segment_count(&log), 1);
    }
    log_fini(&log);
}

static void trimming_nothing_is_harmless(void **state) {
    (void)state;
    struct log log;
    log_init(&log, &plenty, 1);
    log_trim(&log, 5 * SECOND);
    assert_int_equal(log.memory, 0);
    append(&log, 5, 0);
    log_trim(&log, 0);
    assert_int_equal(tail_of(&log), 0);
    log_fini(&log);
}

/* ---- references ------------------------------------------------------------------------------ */

static void a_referenced_segment_outlives_its_log(void **state) {
    (void)state;
    struct log log;
    log_init(&log, &plenty, 1);
    append(&log, 100, 0);
    struct segment *segment = log_newest(&log);
    segment_reference(segment);
    log_fini(&log);
    assert_memory_equal(segment->data, frame, 100);
    segment_release(segment);
}

static void a_referenced_segment_outlives_retention(void **state) {
    (void)state;
    struct log log;
    struct retention retention = plenty;
    retention.messages = 1;
    log_init(&log, &retention, 1);
    append(&log, 4000, 0);
    struct segment *segment = log_newest(&log);
    segment_reference(segment);
    for (int i = 0; i < 10; i++) {
        append(&log, 4000, 0);
        log_trim(&log, 0);
    }
    assert_memory_equal(segment->data, frame, 4000);
    segment_release(segment);
    log_fini(&log);
}

static void out_of_memory_appends_nothing(void **state) {
    (void)state;
    struct log log;
    log_init(&log, &plenty, WORKERS);
    append(&log, 4096, 0);
    const struct bytes part = bytes_make(frame, 5000);
    uint64_t start;
    bool fresh;
    size_t refused = 0;
    for (size_t skip = 0;; skip++) {
        memory_fail_after(skip, 1);
        enum error error = log_append(&log, &part, 1, 0, &start, &fresh);
        bool failed = memory_failures() > 0;
        memory_fail_after(0, 0);
        if (!failed) {
            assert_int_equal(error, ERROR_NONE);
            break;
        }
        assert_int_equal(error, ERROR_NO_MEMORY);
        assert_int_equal(log.head, 4096);
        assert_int_equal(log.next_offset, 1);
        assert_int_equal(segment_count(&log), 1);
        refused++;
    }
    assert_int_equal(refused, 3);
    assert_int_equal(start, 4096);
    log_fini(&log);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(positions_and_offsets_count_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(segments_are_seamless, set_up, tear_down),
        cmocka_unit_test_setup_teardown(parts_become_one_message, set_up, tear_down),
        cmocka_unit_test_setup_teardown(segments_start_small_double_and_stop_at_a_sixteenth, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(tiny_messages_fill_the_marks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_message_larger_than_a_segment_has_one_of_its_own, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(retention_by_messages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(retention_by_bytes_bounds_the_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_large_messages_leave_free_is_bounded, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(retention_by_age, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_segment_of_many_weeks_does_not_age_new_messages, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_newest_message_stays_however_large, set_up, tear_down),
        cmocka_unit_test_setup_teardown(trimming_nothing_is_harmless, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_referenced_segment_outlives_its_log, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_referenced_segment_outlives_retention, set_up, tear_down),
        cmocka_unit_test_setup_teardown(out_of_memory_appends_nothing, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}

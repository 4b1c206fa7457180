/* Admission: in all, a second, and by address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/memory.h"
#include "server/admission.h"

#define START (1000 * SECOND)

static struct address host(const char *text) {
    struct address address;
    assert_true(address_parse_host(bytes_of(text), 1234, &address));
    return address;
}

static enum error count(struct admission *admission, const char *text,
                        struct admission_address **counted) {
    struct address address = host(text);
    return admission_count(admission, &address, counted);
}

static void no_limits(void **state) {
    (void)state;
    struct admission admission;
    struct admission_address *counted;
    admission_init(&admission, &(struct admission_limits){0});
    for (int i = 0; i < 1000; i++)
        assert_int_equal(admission_enter(&admission, START), ADMISSION_GRANTED);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(count(&admission, "192.0.2.1", &counted), ERROR_NONE);
        assert_null(counted);
        admission_uncount(&admission, counted);
        admission_leave(&admission);
    }
    admission_fini(&admission);
}

static void so_many_in_all(void **state) {
    (void)state;
    struct admission admission;
    admission_init(&admission, &(struct admission_limits){.connections = 2});
    assert_int_equal(admission_enter(&admission, START), ADMISSION_GRANTED);
    assert_int_equal(admission_enter(&admission, START), ADMISSION_GRANTED);
    assert_int_equal(admission_enter(&admission, START), ADMISSION_TOO_MANY);
    admission_leave(&admission);
    assert_int_equal(admission_enter(&admission, START), ADMISSION_GRANTED);
    admission_set_limits(&admission, &(struct admission_limits){.connections = 3});
    assert_int_equal(admission_enter(&admission, START), ADMISSION_GRANTED);
    assert_int_equal(admission_enter(&admission, START), ADMISSION_TOO_MANY);
    for (int i = 0; i < 3; i++)
        admission_leave(&admission);
    admission_fini(&admission);
}

/* Who is turned away for the number does not use up the rate. */
static void so_many_a_second(void **state) {
    (void)state;
    struct admission admission;
    const struct admission_limits limits = {.connections = 6, .accepts = {5, 5}};
    admission_init(&admission, &limits);
    for (int i = 0; i < 5; i++)
        assert_int_equal(admission_enter(&admission, START), ADMISSION_GRANTED);
    assert_int_equal(admission_enter(&admission, START), ADMISSION_TOO_FAST);
    assert_int_equal(admission_enter(&admission, START + SECOND / 5), ADMISSION_GRANTED);
    assert_int_equal(admission_enter(&admission, START + SECOND), ADMISSION_TOO_MANY);
    for (int i = 0; i < 6; i++)
        admission_leave(&admission);
    for (int i = 0; i < 5; i++)
        assert_int_equal(admission_enter(&admission, START + 2 * SECOND), ADMISSION_GRANTED);
    assert_int_equal(admission_enter(&admission, START + 2 * SECOND), ADMISSION_TOO_FAST);
    for (int i = 0; i < 5; i++)
        admission_leave(&admission);
    admission_fini(&admission);
}

static void so_many_from_one_address(void **state) {
    (void)state;
    struct admission admission;
    struct admission_address *counted[4], *refused;
    size_t before = memory_live_blocks();
    admission_init(&admission, &(struct admission_limits){.per_address = 2});
    assert_int_equal(count(&admission, "192.0.2.1", &counted[0]), ERROR_NONE);
    assert_int_equal(count(&admission, "192.0.2.1", &counted[1]), ERROR_NONE);
    assert_int_equal(count(&admission, "192.0.2.1", &refused), ERROR_LIMIT_REACHED);
    assert_null(refused);
    assert_int_equal(count(&admission, "192.0.2.2", &counted[2]), ERROR_NONE);
    admission_uncount(&admission, counted[0]);
    assert_int_equal(count(&admission, "192.0.2.1", &counted[3]), ERROR_NONE);
    assert_int_equal(count(&admission, "192.0.2.1", &refused), ERROR_LIMIT_REACHED);
    for (int i = 1; i < 4; i++)
        admission_uncount(&admission, counted[i]);
    admission_fini(&admission);
    assert_int_equal(memory_live_blocks(), before);
}

/* Whoever has one IPv6 address has all of its /64. */
static void a_network_of_ipv6_is_one_address(void **state) {
    (void)state;
    struct admission admission;
    struct admission_address *counted[2], *refused;
    admission_init(&admission, &(struct admission_limits){.per_address = 1});
    assert_int_equal(count(&admission, "2001:db8:0:1::1", &counted[0]), ERROR_NONE);
    assert_int_equal(count(&admission, "2001:db8:0:1:ffff::", &refused), ERROR_LIMIT_REACHED);
    assert_int_equal(count(&admission, "2001:db8:0:2::1", &counted[1]), ERROR_NONE);
    admission_uncount(&admission, counted[0]);
    admission_uncount(&admission, counted[1]);
    admission_fini(&admission);
}

static void unix_sockets_have_no_address(void **state) {
    (void)state;
    struct admission admission;
    struct admission_address *counted;
    struct address local = address_local();
    admission_init(&admission, &(struct admission_limits){.per_address = 1});
    for (int i = 0; i < 10; i++) {
        assert_int_equal(admission_count(&admission, &local, &counted), ERROR_NONE);
        assert_null(counted);
    }
    admission_fini(&admission);
}

static void out_of_memory_nothing_is_counted(void **state) {
    (void)state;
    struct admission admission;
    struct admission_address *counted;
    admission_init(&admission, &(struct admission_limits){.per_address = 1});
    for (unsigned i = 1; i <= 2; i++) {
        memory_fail_after(i - 1, 1);
        enum error error = count(&admission, "192.0.2.1", &counted);
        memory_fail_after(0, 0);
        assert_int_equal(error, ERROR_NO_MEMORY);
        assert_null(counted);
    }
    assert_int_equal(count(&admission, "192.0.2.1", &counted), ERROR_NONE);
    admission_uncount(&admission, counted);
    admission_fini(&admission);
}

/* It is known too late: its accept was one of another moment. */
static void who_is_refused_later_has_spent_its_accept(void **state) {
    (void)state;
    struct admission admission;
    struct admission_address *counted, *none;
    const struct admission_limits limits = {.per_address = 1, .accepts = {1, 2}};
    admission_init(&admission, &limits);
    for (int i = 0; i < 2; i++)
        assert_int_equal(admission_enter(&admission, START), ADMISSION_GRANTED);
    assert_int_equal(count(&admission, "192.0.2.1", &counted), ERROR_NONE);
    assert_int_equal(count(&admission, "192.0.2.1", &none), ERROR_LIMIT_REACHED);
    assert_int_equal(admission_enter(&admission, START), ADMISSION_TOO_FAST);
    admission_uncount(&admission, counted);
    for (int i = 0; i < 2; i++)
        admission_leave(&admission);
    admission_fini(&admission);
}

/* Nor who is one too many from its address: others find the rate as it was. */
static void an_address_over_its_limit_spends_no_accepts(void **state) {
    (void)state;
    struct admission admission;
    struct admission_address *counted[2], *none;
    const struct admission_limits limits = {.per_address = 1, .accepts = {1, 2}};
    admission_init(&admission, &limits);
    assert_int_equal(admission_enter(&admission, START), ADMISSION_GRANTED);
    assert_int_equal(count(&admission, "192.0.2.1", &counted[0]), ERROR_NONE);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(admission_enter(&admission, START), ADMISSION_GRANTED);
        assert_int_equal(count(&admission, "192.0.2.1", &none), ERROR_LIMIT_REACHED);
        admission_spare_accept(&admission);
        admission_leave(&admission);
    }
    assert_int_equal(admission_enter(&admission, START), ADMISSION_GRANTED);
    assert_int_equal(count(&admission, "192.0.2.2", &counted[1]), ERROR_NONE);
    assert_int_equal(admission_enter(&admission, START), ADMISSION_TOO_FAST);
    for (int i = 0; i < 2; i++) {
        admission_uncount(&admission, counted[i]);
        admission_leave(&admission);
    }
    admission_fini(&admission);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_limits),
        cmocka_unit_test(so_many_in_all),
        cmocka_unit_test(so_many_a_second),
        cmocka_unit_test(an_address_over_its_limit_spends_no_accepts),
        cmocka_unit_test(who_is_refused_later_has_spent_its_accept),
        cmocka_unit_test(so_many_from_one_address),
        cmocka_unit_test(a_network_of_ipv6_is_one_address),
        cmocka_unit_test(unix_sockets_have_no_address),
        cmocka_unit_test(out_of_memory_nothing_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The accounts of channels: who has one, that they outlive their channels, and that they add up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hub/channel_totals.h"
#include "still_workers.h"

static struct channel_settings settings_of(void *context, struct bytes name) {
    (void)context;
    return (struct channel_settings){
        .listed = name.data[1] == 'l', /* "0listed" */
        .retain_bytes = 1024 * 1024,
        .retain_messages = 2,
        .retain_age = 1,
    };
}

/* ---- a reader that takes what there is, or nothing ------------------------------------------- */

static bool reading;

static void joined(struct subscription *subscription, enum error error) {
    (void)subscription;
    assert_int_equal(error, ERROR_NONE);
}

static void readable(struct subscription *subscription) {
    struct bytes range;
    while (reading && (range = subscription_range(subscription)).size > 0)
        subscription_sent(subscription, range.size);
    subscription_set_busy(subscription, !reading);
}

static void fell_behind(struct subscription *subscription) {
    subscription_skip(subscription);
}

static void published(struct subscription *subscription, enum error error) {
    (void)subscription;
    assert_int_equal(error, ERROR_NONE);
}

const struct subscription_events subscription_events = {joined, readable, fell_behind, published};

/* ---- set-up ---------------------------------------------------------------------------------- */

static int begin(void **state) {
    (void)state;
    const struct hub_options options = {
        .channel_settings = settings_of, .max_channels = 100, .max_accounts = 2};
    reading = true;
    still_start(2, &options);
    return 0;
}

static int end(void **state) {
    (void)state;
    still_end();
    return 0;
}

static void publish(const char *name) {
    assert_int_equal(hub_publish(still_hub, 0, bytes_of(name), bytes_of("x")), ERROR_NONE);
    still_settle();
}

/* Time passes, until nothing is retained and channels without anybody go. */
static void collect(void) {
    still_now += 1000;
    for (unsigned i = 0; i < 2; i++) {
        still_turn_one(i);
        homes_collect(&still_hub->workers[i]);
    }
}

/* The totals of a channel; of all without an account for NULL. */
static struct channel_totals totals_of(const char *name) {
    struct channel_totals *all, found = {0};
    size_t count, matches = 0;
    assert_int_equal(hub_channel_totals(still_hub, &all, &count), ERROR_NONE);
    for (size_t i = 0; i < count; i++) {
        if ((name == NULL) != (all[i].name == NULL) ||
            (name != NULL && strcmp(name, all[i].name) != 0))
            continue;
        found = all[i];
        matches++;
    }
    memory_free(all);
    assert_int_equal(matches, 1);
    return found;
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void who_has_an_account(void **state) {
    (void)state;
    static const char *const names[] = {"0a", "1b", "0c", "1d", "0listed", "1listed"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        publish(names[i]);
    publish("0c");
    assert_int_equal(totals_of("0a").published, 1);
    assert_int_equal(totals_of("1b").published, 1);
    assert_int_equal(totals_of("0listed").published, 1);
    assert_int_equal(totals_of("1listed").published, 1);
    assert_int_equal(totals_of(NULL).published, 3); /* c, c and d */
}

static void an_account_outlives_its_channel(void **state) {
    (void)state;
    for (int round = 1; round <= 3; round++) {
        publish("0a");
        publish("0c");
        assert_int_equal(totals_of("0a").published, round);
        collect();
        assert_int_equal(counter_read(&still_hub->workers[0].statistics.homes), 0);
        assert_int_equal(totals_of("0a").published, round);
    }
    publish("1b"); /* one too many: "0c" keeps its place */
    assert_int_equal(totals_of("0c").published, 3);
    assert_int_equal(totals_of(NULL).published, 1);
}

/* Each subscription is due what was published during it, and that is accounted for. */
static void what_was_due_adds_up(void **state) {
    (void)state;
    struct subscription readers[3] = {0}, slow = {0};
    const struct start head = {0};
    for (unsigned i = 0; i < 3; i++)
        channel_subscribe(&still_hub->workers[i % 2], bytes_of("0a"),
                          i == 2 ? RENDITION_JSON : RENDITION_RAW, &head, &readers[i]);
    still_settle();
    for (int i = 0; i < 5; i++)
        publish("0a");
    assert_int_equal(totals_of("0a").subscribers, 3);
    assert_int_equal(totals_of("0a").delivered, 15);
    assert_int_equal(totals_of("0a").due, 0);
    channel_unsubscribe(&readers[0]);
    channel_subscribe(&still_hub->workers[1], bytes_of("0a"), RENDITION_RAW, &head, &slow);
    still_settle();
    reading = false;
    for (int i = 0; i < 6; i++)
        publish("0a");
    assert_true(subscription_is_behind(&slow));
    uint64_t missed = subscription_skip(&slow);
    assert_true(missed > 0 && missed < 6);
    channel_unsubscribe(&slow);
    channel_unsubscribe(&readers[1]);
    channel_unsubscribe(&readers[2]);
    still_settle();
    struct channel_totals totals = totals_of("0a");
    assert_int_equal(totals.published, 11);
    assert_int_equal(totals.subscribers, 0);
    assert_int_equal(totals.due, 5 + 11 + 11 + 6);
    assert_int_equal(totals.delivered, 15);
    assert_int_equal(totals.skipped, missed);
    assert_int_equal(totals.abandoned, totals.due - totals.delivered - missed);
    collect();
    collect();
    struct channel_totals after = totals_of("0a");
    assert_memory_equal(&totals, &after, sizeof totals);
}

/* Without memory for an account a channel works all the same, in the common one. */
static void out_of_memory(void **state) {
    (void)state;
    struct home *home;
    size_t failures = 1;
    for (size_t spared = 0; failures > 0; spared++) {
        memory_fail_after(spared, 1);
        enum error error = home_find(&still_hub->workers[0], bytes_of("0a"), &home);
        failures = memory_failures();
        memory_fail_after(0, 0);
        assert_true(error == ERROR_NONE || error == ERROR_NO_MEMORY);
        collect();
        assert_true(spared < 20);
    }
}

#define account_test(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        account_test(who_has_an_account),
        account_test(an_account_outlives_its_channel),
        account_test(what_was_due_adds_up),
        account_test(out_of_memory),
    };
    return cmocka_run_group_tests_name("accounts", tests, NULL, NULL);
}

/*
 * Channels over several workers: joining and leaving, exclusion of own messages, slow readers, all
 * renditions, beginning in the past; and a random walk through all of it beside a model that keeps
 * every message.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/clock.h"
#include "digest/base64.h"
#include "still_workers.h"

enum {
    WALKERS = 24,
    WALK_STEPS = 100000,
    MODEL_MESSAGES = 200000,
    MESSAGE_LARGEST = 3000,
    RECEIVED_MAX = MESSAGE_LARGEST * 4 / 3 + 200,
};

static const char *const names[] = {"0a", "1b", "2c", "2d"};
enum { NAMES = sizeof names / sizeof *names };

/* ---- the model: every message of every channel, by its offset -------------------------------- */

struct model_message {
    uint32_t number; /* unique; the payload is made from it */
    uint32_t size;   /* of the payload */
    int32_t author;  /* index of the walker's life; -1: the service */
};

struct model {
    struct model_message *messages;
    uint64_t count; /* known so far */
};

static struct model models[NAMES];

/* Messages under way: what was published, by number. */
static struct model_message published_messages[MODEL_MESSAGES];
static uint32_t published_count;

/* ---- walkers: subscribers that play at random ------------------------------------------------ */

struct walker {
    struct subscription subscription;
    unsigned worker;
    enum rendition_kind kind;
    struct start start;
    size_t name; /* index of the channel */
    struct bytes flight;
    uint64_t next;   /* offset of the message that it gets next */
    uint64_t missed; /* messages that it skipped */
    uint64_t got;    /* messages received wholly */
    size_t partial_size;
    uint8_t partial[RECEIVED_MAX]; /* of a message */
    int32_t life;                  /* a number of its own for each subscription */
    bool joined;
    bool leaving; /* as soon as nothing is unanswered or in flight */
    bool in_flight;
    bool behind;
    bool refused; /* the join failed */
};

static struct walker walkers[WALKERS];
static int32_t lives;
static bool passive; /* walkers only note whether they joined */
static uint64_t total_got, total_missed, total_published, total_own;

static struct walker *walker_of(struct subscription *subscription) {
    return container_of(subscription, struct walker, subscription);
}

static struct home *home_of(size_t name) {
    struct bytes key = bytes_of(names[name]);
    struct map_node *node = map_find(&hub_home_worker(still_hub, key)->homes, key);
    return node == NULL ? NULL : container_of(node, struct home, node);
}

static uint8_t payload_byte(uint32_t number, size_t at) {
    return (uint8_t)(number >> (at % 4 * 8) ^ at >> 2);
}

/* The payload begins with the number; at least 4 bytes. */
static void make_payload(uint8_t *payload, uint32_t number, size_t size) {
    for (size_t i = 0; i < size; i++)
        payload[i] = i < 4 ? (uint8_t)(number >> i * 8) : payload_byte(number, i);
}

static uint32_t number_of(const uint8_t *payload) {
    return (uint32_t)payload[0] | (uint32_t)payload[1] << 8 | (uint32_t)payload[2] << 16 |
           (uint32_t)payload[3] << 24;
}

/* ---- learning the order from the logs -------------------------------------------------------- */

static size_t header_size(const uint8_t *frame, size_t *payload_size) {
    assert_true((frame[0] & 0x0F) == 1 || (frame[0] & 0x0F) == 2);
    if (frame[1] < 126) {
        *payload_size = frame[1];
        return 2;
    }
    assert_int_equal(frame[1], 126);
    *payload_size = (size_t)frame[2] << 8 | frame[3];
    return 4;
}

static void learn_segment(struct model *model, const struct segment *segment) {
    uint32_t messages = atomic_load(&((struct segment *)(uintptr_t)segment)->messages);
    assert_true(segment->offset <= model->count);
    while (model->count < segment->offset + messages) {
        const uint8_t *frame = segment->data + segment->marks[model->count - segment->offset].start;
        size_t size;
        frame += header_size(frame, &size);
        uint32_t number = number_of(frame);
        assert_true(number < published_count);
        model->messages[model->count] = published_messages[number];
        assert_int_equal(published_messages[number].size, size);
        model->count++;
    }
}

/* To be called so often that retention drops nothing that was not seen. */
static void learn(void) {
    for (size_t name = 0; name < NAMES; name++) {
        struct home *home = home_of(name);
        if (home == NULL)
            continue;
        list_for_each (node, &home_history(home)->segments) {
            const struct segment *segment = container_of(node, struct segment, link);
            if (segment->offset + atomic_load(&((struct segment *)(uintptr_t)segment)->messages) >
                models[name].count)
                learn_segment(&models[name], segment);
        }
    }
}

/* ---- checking what arrives ------------------------------------------------------------------- */

/* The next message that is not its own, of those that the model knows. */
static void pass_own(struct walker *walker) {
    const struct model *model = &models[walker->name];
    while (walker->next < model->count && model->messages[walker->next].author == walker->life) {
        walker->next++;
        total_own++;
    }
}

/* ---- renditions: back to the payload --------------------------------------------------------- */

static struct ws_inflater *inflater;
static struct buffer inflated;
static uint64_t total_deflated, total_recalled, total_refused;

static struct bytes inflate_payload(struct bytes payload) {
    const struct ws_deflate agreed = {.client_no_context_takeover = true, .client_window_bits = 15};
    const struct ws_inflate_limits limits = {.size = 100000};
    assert_int_equal(ws_inflater_message(inflater, &agreed, payload, limits, NULL, &inflated),
                     ERROR_NONE);
    total_deflated++;
    return buffer_bytes(&inflated);
}

/* The envelope's fields are in a fixed order; its offset counts from 1. */
static struct bytes payload_of_envelope(const struct walker *walker, struct bytes text) {
    char expected[100];
    static uint8_t payload[RECEIVED_MAX];
    size_t head_size, size;
    snprintf(expected, sizeof expected,
             "{\"type\":\"message\",\"channel\":\"%s\",\"offset\":%llu,\"base64\":\"",
             names[walker->name], (unsigned long long)walker->next + 1);
    head_size = strlen(expected);
    assert_memory_equal(text.data, expected, head_size);
    assert_memory_equal(text.data + text.size - 2, "\"}", 2);
    text = bytes_make(text.data + head_size, text.size - head_size - 2);
    assert_true(base64_decode(text, payload, sizeof payload, &size));
    return bytes_make(payload, size);
}

static struct bytes payload_of_event(const struct walker *walker, struct bytes event) {
    char id[60];
    snprintf(id, sizeof id,
             "id: %016llx:%llu\ndata: ", (unsigned long long)home_of(walker->name)->epoch,
             (unsigned long long)walker->next + 1);
    assert_memory_equal(event.data, id, strlen(id));
    return payload_of_envelope(walker,
                               bytes_make(event.data + strlen(id), event.size - strlen(id) - 2));
}

static struct bytes payload_of(const struct walker *walker, const uint8_t *unit, size_t header,
                               size_t size) {
    struct bytes payload = bytes_make(unit + header, size);
    if (walker->kind == RENDITION_EVENTS_DEFLATED)
        payload = inflate_payload(bytes_make(unit, size - 4));
    if (walker->kind == RENDITION_EVENTS || walker->kind == RENDITION_EVENTS_DEFLATED)
        return payload_of_event(walker, payload);
    if (unit[0] & FRAME_RSV1) {
        assert_true(walker->kind == RENDITION_RAW_DEFLATED ||
                    walker->kind == RENDITION_JSON_DEFLATED);
        payload = inflate_payload(payload);
    }
    return walker->kind >= RENDITION_JSON ? payload_of_envelope(walker, payload) : payload;
}

/* Is what has arrived a whole unit of its rendition? `*header` is what stands before the payload.
 */
static bool is_whole(const struct walker *walker, size_t *header, size_t *size) {
    const uint8_t *unit = walker->partial;
    size_t have = walker->partial_size;
    *header = 0;
    *size = have;
    if (walker->kind == RENDITION_EVENTS_DEFLATED) /* no message has it inside */
        return have > 4 && memcmp(unit + have - 4, "\0\0\xff\xff", 4) == 0;
    if (walker->kind == RENDITION_EVENTS) {
        return have > 2 && memcmp(unit + have - 2, "\n\n", 2) == 0;
    }
    if (have < 2 || (unit[1] == 126 && have < 4))
        return false;
    *header = header_size(unit, size);
    return have == *header + *size;
}

static void check_message(struct walker *walker, const uint8_t *unit, size_t header,
                          size_t unit_size) {
    learn();
    pass_own(walker);
    struct bytes found = payload_of(walker, unit, header, unit_size);
    const uint8_t *payload = found.data;
    size_t size = found.size;
    const struct model *model = &models[walker->name];
    assert_true(walker->next < model->count);
    const struct model_message *expected = &model->messages[walker->next];
    assert_int_equal(number_of(payload), expected->number);
    assert_int_equal(size, expected->size);
    for (size_t i = 4; i < size; i++)
        assert_int_equal(payload[i], payload_byte(expected->number, i));
    walker->next++;
    walker->got++;
}

static uint64_t receive(struct walker *walker, struct bytes bytes) {
    uint64_t before = walker->got;
    for (size_t i = 0; i < bytes.size; i++) {
        size_t header, size;
        assert_true(walker->partial_size < RECEIVED_MAX);
        walker->partial[walker->partial_size++] = bytes.data[i];
        if (!is_whole(walker, &header, &size))
            continue;
        check_message(walker, walker->partial, header, size);
        walker->partial_size = 0;
    }
    return walker->got - before;
}

static void take(struct walker *walker, struct bytes bytes) {
    uint64_t messages = receive(walker, bytes);
    assert_int_equal(subscription_sent(&walker->subscription, bytes.size), messages);
    assert_int_equal(cursor_is_inside_message(&walker->subscription.cursor),
                     walker->partial_size > 0);
}

/* ---- what a client does ---------------------------------------------------------------------- */

static void leave(struct walker *walker) {
    channel_unsubscribe(&walker->subscription);
    total_got += walker->got;
    total_missed += walker->missed;
    *walker = (struct walker){0};
}

static void try_to_leave(struct walker *walker) {
    if (walker->leaving && !walker->in_flight && walker->subscription.unanswered == 0)
        leave(walker);
}

static void skip_ahead(struct walker *walker) {
    walker->behind = false;
    if (cursor_is_inside_message(&walker->subscription.cursor))
        take(walker, cursor_rest_of_message(&walker->subscription.cursor));
    uint64_t position = cursor_position(&walker->subscription.cursor);
    uint64_t missed = subscription_skip(&walker->subscription);
    assert_true(cursor_position(&walker->subscription.cursor) >= position);
    learn();
    /* `next` may have passed own messages that the cursor had not stepped over yet, or the reverse
     */
    const struct cursor *cursor = &walker->subscription.cursor;
    uint64_t offset = cursor->at->segment->offset + cursor->message;
    assert_true(offset >= missed);
    if (offset > walker->next)
        walker->next = offset;
    walker->missed += missed;
}

static void serve(struct walker *walker) {
    if (!walker->joined || walker->in_flight || walker->leaving || passive)
        return;
    struct bytes range = subscription_range(&walker->subscription);
    subscription_set_busy(&walker->subscription, range.size > 0);
    walker->in_flight = range.size > 0;
    walker->flight = range;
}

/* The kernel took `size` bytes of what is in flight. */
static void complete_flight(struct walker *walker, size_t size) {
    walker->in_flight = false;
    if (walker->leaving) {
        try_to_leave(walker);
        return;
    }
    take(walker, bytes_make(walker->flight.data, size));
    walker->behind = false;
    if (subscription_is_behind(&walker->subscription))
        skip_ahead(walker);
    serve(walker);
}

static void joined(struct subscription *subscription, enum error error) {
    struct walker *walker = walker_of(subscription);
    walker->refused = error != ERROR_NONE;
    walker->joined = error == ERROR_NONE;
    if (walker->refused || passive)
        return;
    learn();
    walker->next = subscription_offset(subscription);
    if (subscription->recovered && walker->start.place == PLACE_AFTER)
        assert_int_equal(walker->next, walker->start.offset);
    total_recalled += subscription->recovered;
    total_refused += walker->start.place != PLACE_HEAD && !subscription->recovered;
    serve(walker);
}

static void readable(struct subscription *subscription) {
    serve(walker_of(subscription));
}

static void fell_behind(struct subscription *subscription) {
    struct walker *walker = walker_of(subscription);
    if (walker->leaving)
        return;
    walker->behind = true;
    if (!walker->in_flight) {
        skip_ahead(walker);
        serve(walker);
    }
}

static void was_published(struct subscription *subscription, enum error error) {
    struct walker *walker = walker_of(subscription);
    if (passive)
        return;
    assert_int_equal(error, ERROR_NONE);
    learn();
    if (walker->leaving)
        try_to_leave(walker);
    else
        serve(walker);
}

const struct subscription_events subscription_events = {
    .joined = joined,
    .readable = readable,
    .fell_behind = fell_behind,
    .published = was_published,
};

static void subscribe_to(struct walker *walker, unsigned worker, size_t name,
                         enum rendition_kind kind, struct start start) {
    *walker = (struct walker){
        .worker = worker, .name = name, .life = lives++, .kind = kind, .start = start};
    assert_int_equal(channel_subscribe(&still_hub->workers[worker], bytes_of(names[name]), kind,
                                       &start, &walker->subscription),
                     ERROR_NONE);
}

static void subscribe(struct walker *walker, unsigned worker, size_t name) {
    subscribe_to(walker, worker, name, RENDITION_RAW, (struct start){PLACE_HEAD});
}

static void publish(struct walker *walker, size_t name, size_t size) {
    static uint8_t payload[MESSAGE_LARGEST];
    const struct bytes no_prefix = {0};
    uint32_t number = published_count++;
    assert_true(number < MODEL_MESSAGES && size >= 4 && size <= MESSAGE_LARGEST);
    published_messages[number] = (struct model_message){
        .number = number, .size = (uint32_t)size, .author = walker == NULL ? -1 : walker->life};
    make_payload(payload, number, size);
    total_published++;
    struct home *home = home_of(name);
    if (walker != NULL) {
        assert_int_equal(channel_publish(walker->subscription.channel, &walker->subscription,
                                         no_prefix, true, bytes_make(payload, size)),
                         ERROR_NONE);
    } else if (home != NULL) {
        /* as hub_publish() at home does it, which makes texts */
        uint64_t offset;
        assert_int_equal(home_append(home, no_prefix, true, bytes_make(payload, size), &offset),
                         ERROR_NONE);
    } else {
        published_count--;
        total_published--;
    }
    learn();
}

/* ---- set-up ---------------------------------------------------------------------------------- */

static struct channel_settings settings = {.listed = true};

static struct channel_settings settings_of(void *context, struct bytes name) {
    (void)context, (void)name;
    return settings;
}

static size_t blocks_before;

static void begin(unsigned workers, size_t retain_bytes, uint64_t retain_messages) {
    const struct hub_options options = {.channel_settings = settings_of, .max_channels = 100};
    blocks_before = memory_live_blocks();
    settings.retain_bytes = retain_bytes;
    settings.retain_messages = retain_messages;
    settings.retain_age = 1000 * SECOND;
    memset(walkers, 0, sizeof walkers);
    for (size_t i = 0; i < NAMES; i++)
        models[i] = (struct model){.messages = calloc(MODEL_MESSAGES, sizeof *models[i].messages)};
    published_count = 0;
    lives = 0;
    total_got = total_missed = total_published = total_own = 0;
    still_start(workers, &options);
    inflater = ws_inflater_new();
    total_deflated = total_recalled = total_refused = 0;
}

/* Everybody reads to the end; then each must have got or missed all but its own. */
static void read_to_the_end(void) {
    for (bool moving = true; moving;) {
        still_settle();
        moving = false;
        for (size_t i = 0; i < WALKERS; i++) {
            if (walkers[i].in_flight) {
                complete_flight(&walkers[i], walkers[i].flight.size);
                moving = true;
            }
        }
    }
    for (size_t i = 0; i < WALKERS; i++) {
        struct walker *walker = &walkers[i];
        if (!walker->joined)
            continue;
        pass_own(walker);
        assert_int_equal(walker->next, models[walker->name].count);
        assert_int_equal(walker->partial_size, 0);
        assert_null(walker->subscription.own);
    }
}

static void end(void) {
    still_end();
    ws_inflater_free(inflater);
    buffer_fini(&inflated);
    for (size_t i = 0; i < NAMES; i++)
        free(models[i].messages);
    assert_int_equal(memory_live_blocks(), blocks_before);
}

static void finish(void) {
    read_to_the_end();
    for (size_t i = 0; i < WALKERS; i++)
        if (walkers[i].subscription.channel != NULL)
            leave(&walkers[i]);
    end();
}

/* ---- the random walk ------------------------------------------------------------------------- */

static uint64_t random_state;

static uint32_t draw(uint32_t below) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 32) % below;
}

/* In any rendition, from any place: the head, the last few messages, or an offset that may be gone.
 */
static void subscribe_anywhere(struct walker *walker, unsigned worker, size_t name) {
    struct home *home = home_of(name);
    struct start start = {.place = home == NULL ? PLACE_HEAD : (enum place)draw(3)};
    if (start.place != PLACE_HEAD) {
        uint64_t back = draw(draw(4) == 0 ? 2000 : 100), head = home_history(home)->next_offset;
        start.epoch = draw(10) == 0 ? home->epoch + 1 : home->epoch;
        start.offset = back < head ? head - back : draw(10) == 0 ? head + 1 : head;
        start.count = back;
    }
    subscribe_to(walker, worker, name, (enum rendition_kind)draw(RENDITION_PRESENCE), start);
}

static void step_walker(struct walker *walker, unsigned workers, unsigned sluggish) {
    if (walker->subscription.channel == NULL) {
        subscribe_anywhere(walker, draw(workers), draw(NAMES));
        return;
    }
    uint32_t what = draw(100);
    if (walker->in_flight && what < 60) {
        if (draw(sluggish) == 0)
            complete_flight(walker, draw(8) == 0 ? 0 : 1 + draw((uint32_t)walker->flight.size));
    } else if (walker->joined && !walker->leaving && what < 75) {
        publish(walker, walker->name, draw(20) == 0 ? 4 + draw(MESSAGE_LARGEST - 4) : 4 + draw(60));
    } else if (what >= 98 && draw(6) == 0) {
        walker->leaving = true;
        if (!walker->joined)
            leave(walker); /* closed while the home was being asked */
        else
            try_to_leave(walker);
    }
}

static void walk(uint64_t seed, unsigned workers, unsigned sluggish) {
    random_state = seed * 0x9E3779B97F4A7C15 + 1;
    for (unsigned step = 0; step < WALK_STEPS; step++) {
        uint32_t what = draw(10);
        if (what < 6) {
            step_walker(&walkers[draw(WALKERS)], workers, sluggish);
        } else if (what < 9) {
            still_turn_one(draw(workers));
            learn();
        } else if (draw(4) == 0) {
            publish(NULL, draw(NAMES), 4 + draw(100));
        }
        still_now += MICROSECOND;
        if (draw(1000) == 0)
            homes_collect(&still_hub->workers[draw(workers)]);
    }
}

static void walk_and_check(uint64_t seed, unsigned workers, size_t retain_bytes, unsigned sluggish,
                           bool must_miss) {
    begin(workers, retain_bytes, 1000000);
    walk(seed, workers, sluggish);
    finish();
    assert_true(total_published > WALK_STEPS / 20 && total_got > WALK_STEPS / 50);
    assert_true(total_own > 0);
    assert_int_equal(total_missed > 0, must_miss);
    assert_true(total_deflated > 100 && total_recalled > 50 && total_refused > 0);
}

static void random_walk_where_nobody_is_slow(void **state) {
    (void)state;
    for (unsigned workers = 1; workers <= 3; workers++)
        walk_and_check(workers, workers, 64 * 1024 * 1024, 1, false);
}

static void random_walk_with_slow_readers(void **state) {
    (void)state;
    for (unsigned workers = 1; workers <= 3; workers++)
        walk_and_check(100 + workers, workers, 32 * 1024, 8, true);
}

static void random_walk_with_hardly_any_retention(void **state) {
    (void)state;
    for (unsigned workers = 1; workers <= 4; workers++)
        walk_and_check(200 + workers, workers, 8 * 1024, 6, true);
}

/* ---- single stories -------------------------------------------------------------------------- */

static void turn_all(void) {
    still_settle();
    for (size_t i = 0; i < WALKERS; i++)
        while (walkers[i].in_flight) {
            complete_flight(&walkers[i], walkers[i].flight.size);
            still_settle();
        }
}

static void join_at_home_is_immediate_and_elsewhere_needs_letters(void **state) {
    (void)state;
    begin(2, 1 << 20, 1000);
    subscribe(&walkers[0], 0, 0);
    assert_true(walkers[0].joined);
    subscribe(&walkers[1], 1, 0);
    assert_false(walkers[1].joined);
    still_turn_one(0);
    assert_false(walkers[1].joined);
    still_turn_one(1);
    assert_true(walkers[1].joined);
    finish();
}

static void leaving_before_the_home_has_answered(void **state) {
    (void)state;
    begin(2, 1 << 20, 1000);
    subscribe(&walkers[1], 1, 0);
    leave(&walkers[1]);
    finish();
}

static void coming_back_while_the_channel_leaves(void **state) {
    (void)state;
    begin(2, 1 << 20, 1000);
    subscribe(&walkers[0], 0, 0);
    subscribe(&walkers[1], 1, 0);
    still_settle();
    publish(&walkers[0], 0, 10);
    turn_all();
    assert_int_equal(walkers[1].got, 1);
    leave(&walkers[1]);
    subscribe(&walkers[1], 1, 0);
    assert_false(walkers[1].joined);
    publish(&walkers[0], 0, 20);
    still_settle();
    assert_true(walkers[1].joined);
    publish(&walkers[0], 0, 30);
    turn_all();
    assert_true(walkers[1].got >= 1);
    finish();
}

/* The home has sent a hint and takes the reader off its list before the reader has read it. */
static void a_hint_that_meets_the_leave_letter(void **state) {
    (void)state;
    begin(2, 1 << 20, 1000);
    subscribe(&walkers[0], 0, 0);
    subscribe(&walkers[1], 1, 0);
    still_settle();
    publish(&walkers[0], 0, 10);
    still_turn_one(0);  /* the hint goes out */
    leave(&walkers[1]); /* the leave letter too */
    still_turn_one(0);  /* the home handles it */
    still_turn_one(1);  /* and only now is the hint read */
    finish();
}

static void one_who_publishes_all_the_time_still_reads(void **state) {
    (void)state;
    begin(2, 1 << 20, 1000);
    subscribe(&walkers[0], 0, 0);
    subscribe(&walkers[1], 1, 0);
    still_settle();
    for (unsigned i = 0; i < 50; i++) {
        publish(&walkers[1], 0, 10);
        publish(&walkers[0], 0, 10);
        still_turn_one(0);
        publish(&walkers[1], 0, 10); /* so that one is always unanswered */
        still_turn_one(1);
        assert_true(walkers[1].subscription.unanswered > 0);
        if (walkers[1].in_flight)
            complete_flight(&walkers[1], walkers[1].flight.size);
    }
    assert_true(walkers[1].got > 40);
    finish();
    assert_int_equal(total_missed, 0);
}

/* One who is busy with something else while an empty log gets more than one segment. */
static void joined_before_the_first_message(void **state) {
    (void)state;
    begin(1, 1 << 20, 10000);
    subscribe(&walkers[0], 0, 0);
    subscribe(&walkers[1], 0, 0);
    subscription_set_busy(&walkers[1].subscription, true);
    for (unsigned i = 0; i < 500; i++)
        publish(&walkers[0], 0, 50);
    still_settle();
    serve(&walkers[1]);
    turn_all();
    assert_int_equal(walkers[1].got, 500);
    finish();
}

static void a_slow_reader_keeps_its_place_while_others_go_on(void **state) {
    (void)state;
    begin(1, 1 << 20, 10000);
    for (size_t i = 0; i < 3; i++)
        subscribe(&walkers[i], 0, 0);
    publish(&walkers[0], 0, 100);
    still_settle();
    assert_true(walkers[1].in_flight);
    for (unsigned i = 0; i < 1000; i++) {
        publish(&walkers[0], 0, 100);
        still_turn_one(0);
        complete_flight(&walkers[2], walkers[2].flight.size);
    }
    turn_all();
    assert_int_equal(walkers[1].got, 1001);
    assert_int_equal(walkers[2].got, 1001);
    finish();
}

static void too_many_channels_are_refused(void **state) {
    (void)state;
    begin(2, 1 << 20, 1000);
    settings.listed = false;
    still_hub->options.max_channels = 1;
    subscribe(&walkers[0], 0, 0);
    assert_true(walkers[0].joined);
    subscribe(&walkers[1], 0, 1);
    still_settle();
    assert_true(walkers[1].refused);
    assert_null(walkers[1].subscription.channel);
    assert_int_equal(counter_read(&still_hub->workers[0].statistics.channels), 1);
    settings.listed = true;
    subscribe(&walkers[2], 0, 2);
    still_settle();
    assert_true(walkers[2].joined);
    finish();
}

static void an_unlisted_home_goes_when_it_is_empty(void **state) {
    (void)state;
    begin(2, 1 << 20, 1000);
    settings.listed = false;
    subscribe(&walkers[0], 1, 0);
    still_settle();
    publish(&walkers[0], 0, 10);
    still_settle();
    leave(&walkers[0]);
    still_settle();
    homes_collect(&still_hub->workers[0]);
    assert_non_null(home_of(0)); /* its message is still retained */
    still_now += 2000 * SECOND;
    still_settle();
    homes_collect(&still_hub->workers[0]);
    assert_null(home_of(0));
    settings.listed = true;
    finish();
}

/* Any allocation of joining, publishing and leaving may fail: the walkers are told, nothing leaks.
 */
static void join_and_publish_passively(void) {
    const struct bytes no_prefix = {0};
    for (unsigned i = 0; i < 2; i++) {
        walkers[i] = (struct walker){.worker = i};
        if (channel_subscribe(&still_hub->workers[i], bytes_of(names[0]), RENDITION_RAW,
                              &walkers[i].start, &walkers[i].subscription) != ERROR_NONE)
            walkers[i].refused = true;
    }
    still_settle();
    for (size_t i = 0; i < 2; i++) {
        struct subscription *subscription = &walkers[i].subscription;
        assert_true(walkers[i].joined != walkers[i].refused);
        if (walkers[i].joined)
            channel_publish(subscription->channel, subscription, no_prefix, true,
                            bytes_of("hello"));
        subscription_set_busy(subscription, true);
        if (walkers[i].joined)
            channel_publish(subscription->channel, subscription, no_prefix, true,
                            bytes_of("again"));
    }
    still_settle();
}

static void out_of_memory_anywhere(void **state) {
    (void)state;
    passive = true;
    for (size_t spared = 0, failures = 1; failures > 0; spared++) {
        begin(2, 1 << 20, 1000);
        memory_fail_after(spared, 1);
        join_and_publish_passively();
        failures = memory_failures();
        memory_fail_after(0, 0);
        for (size_t i = 0; i < 2; i++)
            channel_unsubscribe(&walkers[i].subscription);
        end();
        assert_true(spared < 100);
    }
    passive = false;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(join_at_home_is_immediate_and_elsewhere_needs_letters),
        cmocka_unit_test(leaving_before_the_home_has_answered),
        cmocka_unit_test(coming_back_while_the_channel_leaves),
        cmocka_unit_test(a_hint_that_meets_the_leave_letter),
        cmocka_unit_test(one_who_publishes_all_the_time_still_reads),
        cmocka_unit_test(joined_before_the_first_message),
        cmocka_unit_test(a_slow_reader_keeps_its_place_while_others_go_on),
        cmocka_unit_test(too_many_channels_are_refused),
        cmocka_unit_test(an_unlisted_home_goes_when_it_is_empty),
        cmocka_unit_test(out_of_memory_anywhere),
        cmocka_unit_test(random_walk_where_nobody_is_slow),
        cmocka_unit_test(random_walk_with_slow_readers),
        cmocka_unit_test(random_walk_with_hardly_any_retention),
    };
    return cmocka_run_group_tests_name("channel", tests, NULL, NULL);
}

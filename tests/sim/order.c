#include "order.h"

#include <stdlib.h>
#include <string.h>

#include "world.h"

/* What stands at an offset. */
struct message {
    uint64_t hash;
    unsigned publisher; /* a client's number; CLIENTS_MAX: the service */
};

struct range {
    uint64_t start, end;
};

/* A plain client's place in its channel. */
struct place {
    bool begun; /* `first` is known */
    uint64_t first;
    struct range *skipped;
    size_t skipped_count;
    uint64_t *received; /* hashes */
    size_t received_count;
};

struct row {
    struct message *messages; /* by offset */
    size_t count;
};

static struct world *world;
static struct row rows[CHANNELS];
static struct place places[CLIENTS_MAX];
static uint64_t skipped;

/* Room for one more: twice as much whenever it is full. */
static void *grow(void *array, size_t count, size_t size) {
    if ((count & (count - 1)) != 0)
        return array;
    void *larger = realloc(array, (count == 0 ? 1 : 2 * count) * size);
    if (larger == NULL)
        abort();
    return larger;
}

/* FNV-1a. */
static uint64_t add_to_hash(uint64_t hash, struct bytes data) {
    for (size_t i = 0; i < data.size; i++)
        hash = (hash ^ data.data[i]) * 0x100000001b3;
    return hash;
}

static uint64_t hash_of(bool binary, struct bytes prefix, struct bytes payload) {
    return add_to_hash(add_to_hash(0xcbf29ce484222325 ^ binary, prefix), payload);
}

/* ---- what the hub does ----------------------------------------------------------------------- */

static struct row *row_of(const char *channel) {
    for (unsigned i = 0; i < CHANNELS; i++)
        if (strcmp(channel, client_channel_name(i)) == 0)
            return &rows[i];
    return NULL;
}

/* A client's message begins with its number and a dot: see client_message(). */
static unsigned publisher_of(struct bytes payload) {
    char digits[8] = {0};
    memcpy(digits, payload.data, payload.size < 7 ? payload.size : 7);
    char *end;
    unsigned long number = strtoul(digits, &end, 10);
    return end > digits && *end == '.' && number < CLIENTS_MAX ? (unsigned)number : CLIENTS_MAX;
}

void order_take(const char *channel, uint64_t offset, struct bytes prefix, struct bytes payload,
                bool binary) {
    struct row *row = row_of(channel);
    if (world == NULL || row == NULL)
        return;
    if (offset + 1 != row->count) { /* or the last one was not appended, and this is in its place */
        if (offset != row->count) {
            world_fail(world, "channel %s goes on at %llu behind %zu messages", channel,
                       (unsigned long long)offset, row->count);
            return;
        }
        row->messages = grow(row->messages, row->count, sizeof *row->messages);
        row->count++;
    }
    row->messages[offset] =
        (struct message){hash_of(binary, prefix, payload), publisher_of(payload)};
}

static struct place *place_of(unsigned host) {
    return world != NULL && host >= 1 && host <= CLIENTS_MAX ? &places[host - 1] : NULL;
}

void order_begin_client(unsigned host, uint64_t first) {
    struct place *place = place_of(host);
    if (place == NULL)
        return;
    if (place->begun && place->first != first)
        world_fail(world, "client %u begins twice", host - 1);
    place->begun = true;
    place->first = first;
}

void order_skip(unsigned host, uint64_t start, uint64_t end) {
    struct place *place = place_of(host);
    if (place == NULL)
        return;
    place->skipped = grow(place->skipped, place->skipped_count, sizeof *place->skipped);
    place->skipped[place->skipped_count++] = (struct range){start, end};
}

void order_count_skipped(uint64_t count) {
    skipped += count;
}

/* ---- what clients get ------------------------------------------------------------------------ */

void order_receive(unsigned client, struct bytes payload, bool binary) {
    struct place *place = &places[client];
    place->received = grow(place->received, place->received_count, sizeof *place->received);
    place->received[place->received_count++] = hash_of(binary, (struct bytes){0}, payload);
}

static bool is_skipped(const struct place *place, uint64_t offset) {
    for (size_t i = 0; i < place->skipped_count; i++)
        if (offset >= place->skipped[i].start && offset < place->skipped[i].end)
            return true;
    return false;
}

/* What broke off before the first send was answered has something, but it is not known from where
 * on: from where its first message is. */
static uint64_t first_of(const struct place *place, const struct row *row) {
    uint64_t first = 0;
    if (place->begun)
        return place->first;
    while (first < row->count && row->messages[first].hash != place->received[0])
        first++;
    return first;
}

static void check_client(unsigned number) {
    const struct place *place = &places[number];
    const struct row *row = &rows[world->clients[number].channel];
    if (place->received_count == 0)
        return;
    uint64_t at = first_of(place, row), missed = 0;
    for (size_t i = 0; i < place->received_count; i++, at++) {
        while (at < row->count && (row->messages[at].publisher == number || is_skipped(place, at)))
            missed += is_skipped(place, at++);
        if (at >= row->count || row->messages[at].hash != place->received[i]) {
            world_fail(world, "client %u got as its message %zu another than the one at %llu",
                       number, i, (unsigned long long)at);
            return;
        }
    }
    if (missed > 0)
        world_saw(world, SOMETIMES_GAP);
}

void order_check(void) {
    uint64_t counted = 0;
    for (unsigned i = 0; i < world->worker_count; i++)
        counted += counter_read(&hub_statistics(world->service.hub, i)->skipped);
    if (counted != skipped)
        world_fail(world, "%llu messages count as skipped, %llu were", (unsigned long long)counted,
                   (unsigned long long)skipped);
    if (skipped > 0)
        world_saw(world, SOMETIMES_SKIPPED);
    for (unsigned i = 0; i < world->client_count; i++)
        check_client(i);
}

/* ---- a run ----------------------------------------------------------------------------------- */

void order_open(struct world *of) {
    world = of;
    skipped = 0;
}

void order_close(void) {
    for (unsigned i = 0; i < CHANNELS; i++)
        free(rows[i].messages);
    for (unsigned i = 0; i < CLIENTS_MAX; i++) {
        free(places[i].skipped);
        free(places[i].received);
    }
    memset(rows, 0, sizeof rows);
    memset(places, 0, sizeof places);
    world = NULL;
}

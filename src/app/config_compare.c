#include "config_compare.h"

#include <string.h>

#include "config_table.h"

/* ---- single values --------------------------------------------------------------------------- */

bool config_equal_unsigned(const void *a, const void *b) {
    return *(const unsigned *)a == *(const unsigned *)b;
}

bool config_equal_long(const void *a, const void *b) {
    return *(const uint64_t *)a == *(const uint64_t *)b;
}

bool config_equal_number(const void *a, const void *b) {
    return *(const double *)a == *(const double *)b;
}

bool config_equal_flag(const void *a, const void *b) {
    return *(const bool *)a == *(const bool *)b;
}

static bool same_text(const char *a, const char *b) {
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

bool config_equal_text(const void *a, const void *b) {
    return same_text(*(char *const *)a, *(char *const *)b);
}

/* ---- lists ----------------------------------------------------------------------------------- */

bool config_equal_texts(const void *a, const void *b) {
    const struct config_texts *one = a, *other = b;
    bool equal = one->count == other->count;
    for (size_t i = 0; i < one->count && equal; i++)
        equal = same_text(one->entries[i], other->entries[i]);
    return equal;
}

bool config_equal_headers(const void *a, const void *b) {
    const struct config_headers *one = a, *other = b;
    bool equal = one->count == other->count;
    for (size_t i = 0; i < one->count && equal; i++)
        equal = bytes_equal(one->items[i].name, other->items[i].name) &&
                bytes_equal(one->items[i].value, other->items[i].value);
    return equal;
}

static bool same_network(const struct network *a, const struct network *b) {
    return a->family == b->family && a->bits == b->bits &&
           memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

bool config_equal_networks(const void *a, const void *b) {
    const struct config_networks *one = a, *other = b;
    bool equal = one->count == other->count;
    for (size_t i = 0; i < one->count && equal; i++)
        equal = same_network(&one->entries[i], &other->entries[i]);
    return equal;
}

static const void *field_at(const struct config_key *key, const void *base) {
    return (const char *)base + key->offset;
}

/* Two structs of which a table knows every field. */
static bool same_struct(const struct config_table *table, const void *a, const void *b) {
    bool equal = true;
    for (size_t i = 0; i < table->count && equal; i++)
        equal = table->keys[i].equal(field_at(&table->keys[i], a), field_at(&table->keys[i], b));
    return equal;
}

bool config_equal_listens(const void *a, const void *b) {
    const struct config_listens *one = a, *other = b;
    bool equal = one->count == other->count;
    for (size_t i = 0; i < one->count && equal; i++)
        equal = same_struct(&config_listen_keys, &one->entries[i], &other->entries[i]);
    return equal;
}

bool config_equal_identities(const void *a, const void *b) {
    const struct config_identities *one = a, *other = b;
    bool equal = one->count == other->count;
    for (size_t i = 0; i < one->count && equal; i++)
        equal = same_struct(&config_identity_keys, &one->entries[i], &other->entries[i]);
    return equal;
}

bool config_equal_urls(const void *a, const void *b) {
    const struct config_urls *one = a, *other = b;
    bool equal = one->count == other->count;
    for (size_t i = 0; i < one->count && equal; i++)
        equal = same_struct(&config_url_keys, &one->entries[i], &other->entries[i]);
    return equal;
}

bool config_equal_channels(const void *a, const void *b) {
    const struct config_channels *one = a, *other = b;
    bool equal = one->count == other->count;
    for (size_t i = 0; i < one->count && equal; i++)
        equal = same_text(one->entries[i].name, other->entries[i].name) &&
                same_struct(&config_channel_keys, &one->entries[i], &other->entries[i]);
    return equal;
}

/* ---- two configs ----------------------------------------------------------------------------- */

/* What is opened, started or handed out when the service starts, and stays. */
static const char *const fixed_parts[] = {"workers",    "fetch.", "hash.",
                                          "hub.listen", "admin.", "ring."};

static bool is_tls_switched(const struct config *running, const struct config *next) {
    return (running->hub.tls.certificate == NULL) != (next->hub.tls.certificate == NULL);
}

/* The schedule begins anew with these. */
static const char *const schedule_keys[] = {"fetch.urls",   "fetch.every",   "fetch.jitter",
                                            "fetch.spread", "fetch.max_age", "fetch.backoff",
                                            "fetch.channel"};

static bool is_of_schedule(const struct config_key *key) {
    for (size_t i = 0; i < sizeof schedule_keys / sizeof *schedule_keys; i++)
        if (strcmp(key->path, schedule_keys[i]) == 0)
            return true;
    return false;
}

bool config_schedules_alike(const struct config *running, const struct config *next) {
    for (size_t i = 0; i < config_keys.count; i++) {
        const struct config_key *key = &config_keys.keys[i];
        if (is_of_schedule(key) && !key->equal(field_at(key, running), field_at(key, next)))
            return false;
    }
    return true;
}

/* Certificates may change, but listeners that are under TLS, or are not, stay so. */
static bool is_fixed(const struct config_key *key, bool tls_switched) {
    if (is_of_schedule(key))
        return false;
    for (size_t i = 0; i < sizeof fixed_parts / sizeof *fixed_parts; i++)
        if (strncmp(key->path, fixed_parts[i], strlen(fixed_parts[i])) == 0)
            return true;
    return tls_switched && strncmp(key->path, "hub.tls.", strlen("hub.tls.")) == 0;
}

void config_compare(const struct config *running, const struct config *next,
                    void (*differs)(const char *path, bool fixed)) {
    for (size_t i = 0; i < config_keys.count; i++) {
        const struct config_key *key = &config_keys.keys[i];
        if (!key->equal(field_at(key, running), field_at(key, next)))
            differs(key->path, is_fixed(key, is_tls_switched(running, next)));
    }
}

static void swap(void *a, void *b, size_t size) {
    uint8_t kept[64];
    for (size_t done = 0, part; done < size; done += part) {
        part = size - done < sizeof kept ? size - done : sizeof kept;
        memcpy(kept, (uint8_t *)a + done, part);
        memcpy((uint8_t *)a + done, (uint8_t *)b + done, part);
        memcpy((uint8_t *)b + done, kept, part);
    }
}

void config_adopt(struct config *running, struct config *next) {
    bool tls_switched = is_tls_switched(running, next);
    swap(running, next, sizeof *running);
    for (size_t i = 0; i < config_keys.count; i++) {
        const struct config_key *key = &config_keys.keys[i];
        if (is_fixed(key, tls_switched))
            swap((char *)running + key->offset, (char *)next + key->offset, key->size);
    }
}

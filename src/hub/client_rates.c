/*
 * How much a client may send: messages, bytes and control frames, each so many a second. Only who
 * sends has anything to count, so idle clients keep nothing here.
 */
#include "base/memory.h"
#include "client_internal.h"

struct client_rates {
    struct bucket messages;
    struct bucket bytes;
    struct bucket controls;
};

/* Where it is counted; NULL: there is no limit, or no memory to count. */
static struct client_rates *rates_of(struct client *client, const struct bucket_rate *rate) {
    if (rate->per_second == 0)
        return NULL;
    if (client->rates == NULL)
        client->rates = memory_allocate_zeroed(sizeof *client->rates);
    return client->rates;
}

static const struct hub_limits *limits_of(const struct client *client) {
    return &worker_of(client)->hub->options.limits;
}

bool client_message_too_fast(struct client *client) {
    const struct bucket_rate *rate = &limits_of(client)->messages;
    struct client_rates *rates = rates_of(client, rate);
    return rates != NULL && !bucket_take(&rates->messages, rate, 1, worker_of(client)->loop->now);
}

bool client_control_too_fast(struct client *client) {
    const struct bucket_rate *rate = &limits_of(client)->controls;
    struct client_rates *rates = rates_of(client, rate);
    return rates != NULL && !bucket_take(&rates->controls, rate, 1, worker_of(client)->loop->now);
}

bool client_bytes_too_fast(struct client *client, size_t size) {
    const struct bucket_rate *rate = &limits_of(client)->bytes;
    struct client_rates *rates = rates_of(client, rate);
    return rates != NULL && !bucket_take(&rates->bytes, rate, size, worker_of(client)->loop->now);
}

uint64_t client_publish_wait(struct client *client, size_t count, size_t size) {
    const struct hub_limits *limits = limits_of(client);
    uint64_t now = worker_of(client)->loop->now;
    struct client_rates *rates = rates_of(client, &limits->messages);
    if (rates == NULL)
        rates = rates_of(client, &limits->bytes);
    if (rates == NULL)
        return 0;
    uint64_t messages = bucket_wait(&rates->messages, &limits->messages, count, now);
    uint64_t bytes = bucket_wait(&rates->bytes, &limits->bytes, size, now);
    if (messages > 0 || bytes > 0)
        return messages > bytes ? messages : bytes;
    bucket_take(&rates->messages, &limits->messages, count, now);
    bucket_take(&rates->bytes, &limits->bytes, size, now);
    return 0;
}

void client_free_rates(struct client *client) {
    memory_free(client->rates);
    client->rates = NULL;
}

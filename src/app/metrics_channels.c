#include "metrics_channels.h"

#include "base/memory.h"
#include "hub/channel_totals.h"

struct channel_metric {
    const char *name;
    const char *type;
    const char *help;
    size_t offset; /* of the number in struct channel_totals */
};

#define CHANNEL_METRIC(field, name, type, help) \
    {"ringcast_channel_" name, type, help, offsetof(struct channel_totals, field)}

static const struct channel_metric channel_metrics[] = {
    CHANNEL_METRIC(subscribers, "subscribers", "gauge", "Subscriptions to the channel."),
    CHANNEL_METRIC(published, "published_total", "counter",
                   "Messages accepted into the channel's log."),
    CHANNEL_METRIC(delivered, "delivered_total", "counter",
                   "Messages whose last byte was sent to one subscriber."),
    CHANNEL_METRIC(skipped, "skipped_total", "counter",
                   "Messages that one subscriber missed because it was slow."),
    CHANNEL_METRIC(own, "own_total", "counter",
                   "Messages that did not go back to the subscriber that had published them."),
    CHANNEL_METRIC(abandoned, "abandoned_total", "counter",
                   "Messages still ahead of a subscriber when its subscription ended."),
    CHANNEL_METRIC(due, "due_total", "counter",
                   "Messages published during subscriptions that have ended; the four above "
                   "together, when none goes on."),
};

/* No channel can have that name. */
static const char others[] = "(other)";

static enum error append_metric(struct buffer *out, const struct channel_metric *metric,
                                const struct channel_totals *totals, size_t count) {
    enum error error = buffer_format(out, "# HELP %s %s\n# TYPE %s %s\n", metric->name,
                                     metric->help, metric->name, metric->type);
    for (size_t i = 0; i < count && error == ERROR_NONE; i++) {
        const char *name = totals[i].name != NULL ? totals[i].name : others;
        const uint64_t *value =
            (const uint64_t *)(const void *)((const char *)&totals[i] + metric->offset);
        error = buffer_format(out, "%s{channel=\"%s\"} %llu\n", metric->name, name,
                              (unsigned long long)*value);
    }
    return error;
}

enum error metrics_append_channels(struct hub *hub, struct buffer *out) {
    struct channel_totals *totals;
    size_t count;
    enum error error = hub_channel_totals(hub, &totals, &count);
    for (size_t i = 0; i < sizeof channel_metrics / sizeof *channel_metrics && error == ERROR_NONE;
         i++)
        error = append_metric(out, &channel_metrics[i], totals, count);
    memory_free(totals);
    return error;
}

#include "hub_settings.h"

#include "base/limits.h"

enum {
    DESCRIPTORS_KEPT = 64, /* for the fetcher's first needs, the admin listener and files */
    BURST_SECONDS = 5,     /* a client may send at once what it may send in so long */
};

/* ---- channels -------------------------------------------------------------------------------- */

static enum slow_reader_policy slow_reader_of(const struct config *config,
                                              const struct config_channel *channel) {
    static const enum slow_reader_policy policies[] = {
        [CONFIG_SLOW_READER_CLOSE] = SLOW_READER_CLOSE,
        [CONFIG_SLOW_READER_SKIP] = SLOW_READER_SKIP,
        [CONFIG_SLOW_READER_LATEST] = SLOW_READER_LATEST,
    };
    return policies[channel->slow_reader == CONFIG_CHANNEL_SLOW_READER_HUB
                        ? (unsigned)config->hub.slow_reader
                        : (unsigned)channel->slow_reader - 1];
}

static enum access_right right_of(enum config_right right) {
    static const enum access_right rights[] = {ACCESS_ANYONE, ACCESS_TOKEN, ACCESS_SERVICE};
    return rights[right];
}

struct channel_settings hub_settings_of_channel(const struct config *config, struct bytes name) {
    const struct config_channel *channel = config_channel(config, name);
    return (struct channel_settings){
        .prefix = channel->prefix,
        .echo = channel->echo,
        .presence = channel->presence,
        .listed = bytes_equal(name, bytes_of(channel->name)),
        .publish = right_of(channel->publish),
        .subscribe = right_of(channel->subscribe),
        .slow_reader = slow_reader_of(config, channel),
        .retain_bytes = channel->retain.bytes,
        .retain_messages = channel->retain.messages,
        .retain_age = channel->retain.age,
    };
}

/* ---- limits ---------------------------------------------------------------------------------- */

/* What is configured, or what the descriptors allow. */
static unsigned connections_of(const struct config_hub_limits *limits) {
    size_t possible = limits_descriptors();
    if (limits->connections != CONFIG_AUTO)
        return limits->connections;
    return (unsigned)(possible > (size_t)2 * DESCRIPTORS_KEPT ? possible - DESCRIPTORS_KEPT
                                                              : possible / 2);
}

static struct bucket_rate rate_of(unsigned per_second) {
    return (struct bucket_rate){per_second, (uint64_t)per_second * BURST_SECONDS};
}

static struct hub_limits limits_of(const struct config_hub *hub) {
    const struct config_hub_limits *limits = &hub->limits;
    size_t line = limits->header_bytes / 2 - 2; /* any line leaves room for the others */
    return (struct hub_limits){
        .admission = {.connections = connections_of(limits),
                      .per_address = limits->per_address,
                      .accepts = {limits->accepts_per_second, limits->accepts_per_second}},
        .request = {.start_line_bytes = line,
                    .field_line_bytes = line,
                    .head_bytes = limits->header_bytes,
                    .field_count = limits->headers},
        .messages = rate_of(limits->messages_per_second),
        .bytes = {limits->bytes_per_second, limits->bytes_per_second + hub->max_message},
        .controls = rate_of(limits->controls_per_second),
        .frame = limits->frame,
        .inflate_ratio = limits->inflate_ratio,
        .channel_name = limits->channel_name,
    };
}

struct hub_options hub_settings(const struct config *config) {
    const struct config_hub *hub = &config->hub;
    return (struct hub_options){
        .limits = limits_of(hub),
        .trusted_proxies = hub->trusted_proxies.entries,
        .trusted_proxy_count = hub->trusted_proxies.count,
        .max_message = hub->max_message,
        .compression = hub->compression,
        .handshake_timeout = hub->handshake_timeout,
        .ping_interval = hub->ping_interval,
        .ping_timeout = hub->ping_timeout,
        .close_timeout = hub->close_timeout,
        .progress_timeout = hub->progress_timeout,
        .max_subscriptions = hub->limits.subscriptions,
        .max_channels = hub->limits.channels,
        .max_accounts = config->admin.channel_metrics,
    };
}

#include "metrics.h"

#include "base/clock.h"
#include "base/limits.h"
#include "metrics_channels.h"

/* ---- one row a counter ----------------------------------------------------------------------- */

struct metric {
    const char *name;
    const char *type;
    const char *help;
    size_t offset; /* of the counter in its statistics */
};

#define HUB_METRIC(field, name, type, help) \
    {"ringcast_" name, type, help, offsetof(struct hub_statistics, field)}
#define SERVER_METRIC(field, name, type, help) \
    {"ringcast_" name, type, help, offsetof(struct http_server_statistics, field)}
#define FETCH_METRIC(field, name, type, help) \
    {"ringcast_" name, type, help, offsetof(struct session_statistics, field)}

static const struct metric hub_metrics[] = {
    HUB_METRIC(clients, "clients", "gauge", "WebSocket clients connected."),
    HUB_METRIC(clients_total, "clients_total", "counter", "WebSocket clients that ever connected."),
    HUB_METRIC(handshakes_refused, "handshakes_refused_total", "counter",
               "WebSocket handshakes refused."),
    HUB_METRIC(origins_refused, "handshakes_refused_for_origin_total", "counter",
               "WebSocket handshakes refused because of their origin."),
    HUB_METRIC(tokens_refused, "handshakes_refused_for_token_total", "counter",
               "WebSocket handshakes refused for want of a valid token."),
    HUB_METRIC(subscriptions_refused, "handshakes_refused_for_channel_total", "counter",
               "WebSocket handshakes refused because their token does not name the channel."),
    HUB_METRIC(subscriptions_over_limit, "subscriptions_refused_for_limit_total", "counter",
               "Subscriptions refused because their connection had too many."),
    HUB_METRIC(names_over_limit, "channel_names_refused_for_limit_total", "counter",
               "Requests and commands refused because the channel's name was too long."),
    HUB_METRIC(channels_over_limit, "channels_refused_for_limit_total", "counter",
               "Channels that would have been too many."),
    HUB_METRIC(requests_over_rate, "publish_requests_refused_for_rate_total", "counter",
               "Publishing requests refused because their connection sent too fast."),
    HUB_METRIC(homes, "channels", "gauge", "Channels that exist."),
    HUB_METRIC(messages_received, "messages_received_total", "counter",
               "Messages received from clients."),
    HUB_METRIC(messages_published, "messages_published_total", "counter",
               "Messages accepted into a channel's log."),
    HUB_METRIC(deliveries, "deliveries_total", "counter",
               "Messages whose last byte was sent to one client."),
    HUB_METRIC(skipped, "deliveries_skipped_total", "counter",
               "Messages that slow readers missed."),
    HUB_METRIC(bytes_received, "received_payload_bytes_total", "counter",
               "Payload bytes of messages received from clients."),
    HUB_METRIC(compressed_clients, "compressed_clients_total", "counter",
               "WebSocket clients that agreed on permessage-deflate."),
    HUB_METRIC(bytes_compressed, "received_compressed_bytes_total", "counter",
               "Payload bytes of compressed messages received from clients, as they came."),
    HUB_METRIC(bytes_inflated, "received_inflated_bytes_total", "counter", "The same, inflated."),
    HUB_METRIC(messages_too_dense, "messages_refused_for_inflate_ratio_total", "counter",
               "Compressed messages that closed their client because they grew too much."),
    HUB_METRIC(bytes_sent, "sent_bytes_total", "counter", "Bytes sent to clients from the logs."),
    HUB_METRIC(sends, "sends_total", "counter",
               "Sends from the logs; deliveries by sends is the coalescing."),
    HUB_METRIC(slow_readers, "slow_readers_total", "counter",
               "Times that a client fell out of a channel's retention."),
    HUB_METRIC(pings, "pings_total", "counter", "Pings sent."),
    HUB_METRIC(log_bytes, "log_bytes", "gauge", "Memory of all channels' logs."),
};

static const struct metric server_metrics[] = {
    SERVER_METRIC(accepted, "connections_accepted_total", "counter",
                  "Connections accepted on the hub's port."),
    SERVER_METRIC(open, "connections", "gauge", "Connections open on the hub's port."),
    SERVER_METRIC(refused, "connections_refused_total", "counter",
                  "Connections refused because there were too many, or no memory."),
    SERVER_METRIC(refused_rate, "connections_refused_for_rate_total", "counter",
                  "Connections refused because too many came in a second."),
    SERVER_METRIC(refused_address, "connections_refused_for_address_total", "counter",
                  "Connections refused because there were too many from their address."),
    SERVER_METRIC(handshakes, "tls_handshakes_total", "counter",
                  "TLS handshakes completed on the hub's port."),
    SERVER_METRIC(handshakes_failed, "tls_handshakes_failed_total", "counter",
                  "TLS handshakes that failed, or were not completed in time."),
    SERVER_METRIC(proxy_headers, "proxy_headers_total", "counter",
                  "PROXY headers read at the beginning of connections."),
    SERVER_METRIC(proxy_headers_refused, "proxy_headers_refused_total", "counter",
                  "Connections closed for want of a PROXY header from a trusted proxy."),
    SERVER_METRIC(accept_pauses, "accept_pauses_total", "counter",
                  "Times that accepting paused for want of descriptors."),
    SERVER_METRIC(requests, "http_requests_total", "counter", "HTTP requests on the hub's port."),
    SERVER_METRIC(bad_requests, "http_bad_requests_total", "counter",
                  "Requests that were not HTTP."),
    SERVER_METRIC(head_timeouts, "http_head_timeouts_total", "counter",
                  "Connections whose request did not arrive in time."),
};

static const struct metric fetch_metrics[] = {
    FETCH_METRIC(fetches, "fetches_total", "counter", "Fetches that ended."),
    FETCH_METRIC(succeeded, "fetches_succeeded_total", "counter", "Fetches that succeeded."),
    FETCH_METRIC(active, "fetches_active", "gauge", "Fetches that hold a connection."),
    FETCH_METRIC(connections, "fetch_connections_total", "counter", "Connections made to origins."),
    FETCH_METRIC(idle, "fetch_connections_idle", "gauge", "Connections waiting in the pool."),
    FETCH_METRIC(reused, "fetch_connections_reused_total", "counter",
                 "Fetches over a pooled connection."),
    FETCH_METRIC(retried, "fetch_stale_connections_total", "counter",
                 "Pooled connections found closed by their origin."),
    FETCH_METRIC(retries, "fetch_retries_total", "counter", "Attempts made again after a failure."),
    FETCH_METRIC(redirects, "fetch_redirects_total", "counter", "Redirects followed."),
    FETCH_METRIC(pauses, "fetch_origin_pauses_total", "counter",
                 "Responses after which their origin is left alone for a while (429, 503)."),
    FETCH_METRIC(body_bytes, "fetch_body_bytes_total", "counter", "Bytes of bodies received."),
};

/* ---- writing --------------------------------------------------------------------------------- */

static uint64_t counter_at(const void *statistics, size_t offset) {
    return counter_read((const struct counter *)(const void *)((const char *)statistics + offset));
}

static enum error append_head(struct buffer *out, const char *name, const char *type,
                              const char *help) {
    return buffer_format(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static enum error append_value(struct buffer *out, const struct metric *metric, uint64_t value) {
    enum error error = append_head(out, metric->name, metric->type, metric->help);
    return error == ERROR_NONE
               ? buffer_format(out, "%s %llu\n", metric->name, (unsigned long long)value)
               : error;
}

static enum error append_gauge(struct buffer *out, const char *name, const char *help,
                               double value) {
    enum error error = append_head(out, name, "gauge", help);
    return error == ERROR_NONE ? buffer_format(out, "%s %.17g\n", name, value) : error;
}

/* `read` gives bucket i's count over all sources; the last index + 1 asks for the sum. */
static enum error append_histogram(struct buffer *out, const char *name, const char *help,
                                   const struct histogram *const *sources, size_t count) {
    enum error error = append_head(out, name, "histogram", help);
    uint64_t below = 0, sum = 0;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS && error == ERROR_NONE; i++) {
        for (size_t source = 0; source < count; source++)
            below += counter_read(&sources[source]->buckets[i]);
        if (i + 1 < HISTOGRAM_BUCKETS)
            error = buffer_format(out, "%s_bucket{le=\"%g\"} %llu\n", name,
                                  (double)histogram_bound(i) / (double)SECOND,
                                  (unsigned long long)below);
    }
    for (size_t source = 0; source < count; source++)
        sum += counter_read(&sources[source]->sum);
    if (error == ERROR_NONE)
        error = buffer_format(out, "%s_bucket{le=\"+Inf\"} %llu\n%s_sum %.9f\n%s_count %llu\n",
                              name, (unsigned long long)below, name, (double)sum / (double)SECOND,
                              name, (unsigned long long)below);
    return error;
}

/* ---- the hub --------------------------------------------------------------------------------- */

static uint64_t sum_over_workers(const struct service *service, size_t offset, bool of_server) {
    uint64_t sum = 0;
    for (unsigned i = 0; i < service->workers.count; i++)
        sum += counter_at(of_server ? (const void *)hub_server_statistics(service->hub, i)
                                    : (const void *)hub_statistics(service->hub, i),
                          offset);
    return sum;
}

static enum error append_closes(const struct service *service, struct buffer *out) {
    const char *name = "ringcast_client_closes_total";
    enum error error =
        append_head(out, name, "counter", "WebSocket clients that ended, by reason.");
    for (size_t i = 0; i < CLOSE_REASON_COUNT && error == ERROR_NONE; i++)
        error = buffer_format(
            out, "%s{reason=\"%s\"} %llu\n", name, close_reason_row((enum close_reason)i)->name,
            (unsigned long long)sum_over_workers(
                service, offsetof(struct hub_statistics, closes) + i * sizeof(struct counter),
                false));
    return error;
}

static enum error append_hub(const struct service *service, struct buffer *out) {
    enum error error = ERROR_NONE;
    for (size_t i = 0; i < sizeof hub_metrics / sizeof *hub_metrics && error == ERROR_NONE; i++)
        error = append_value(out, &hub_metrics[i],
                             sum_over_workers(service, hub_metrics[i].offset, false));
    for (size_t i = 0; i < sizeof server_metrics / sizeof *server_metrics && error == ERROR_NONE;
         i++)
        error = append_value(out, &server_metrics[i],
                             sum_over_workers(service, server_metrics[i].offset, true));
    if (error == ERROR_NONE)
        error = append_closes(service, out);
    return error == ERROR_NONE ? metrics_append_channels(service->hub, out) : error;
}

/* ---- the fetcher ----------------------------------------------------------------------------- */

static enum error append_failures(const struct session_statistics *statistics, struct buffer *out) {
    const char *name = "ringcast_fetches_failed_total";
    enum error error = append_head(out, name, "counter", "Fetches that failed, by kind.");
    for (size_t i = 0; fetch_error_kind_at(i) != NULL && error == ERROR_NONE; i++)
        error = buffer_format(out, "%s{kind=\"%s\"} %llu\n", name, fetch_error_kind_at(i),
                              (unsigned long long)counter_read(&statistics->failed[i]));
    return error;
}

static enum error append_fetcher(const struct service *service, struct buffer *out) {
    const struct session_statistics *statistics = session_statistics(service->session);
    const struct histogram *duration = &statistics->duration;
    enum error error = ERROR_NONE;
    for (size_t i = 0; i < sizeof fetch_metrics / sizeof *fetch_metrics && error == ERROR_NONE; i++)
        error =
            append_value(out, &fetch_metrics[i], counter_at(statistics, fetch_metrics[i].offset));
    if (error == ERROR_NONE)
        error = append_failures(statistics, out);
    return error == ERROR_NONE
               ? append_histogram(out, "ringcast_fetch_duration_seconds",
                                  "From the start of a fetch to its result.", &duration, 1)
               : error;
}

/* ---- loops and process ----------------------------------------------------------------------- */

static enum error append_slow_callbacks(const struct service *service, struct buffer *out) {
    const char *name = "ringcast_slow_callbacks_total";
    enum error error = append_head(out, name, "counter",
                                   "Callbacks that held their loop for more than 0.1 s, by name.");
    for (unsigned i = 0; i < service->workers.count; i++) {
        const struct loop_statistics *statistics = &service->workers.loops[i]->statistics;
        for (size_t slot = 0; slot < SLOW_NAMES && error == ERROR_NONE; slot++) {
            const struct slow_callback *slow = &statistics->slow[slot];
            const char *callback = atomic_load_explicit(
                &((struct slow_callback *)(uintptr_t)slow)->name, memory_order_relaxed);
            if (callback != NULL)
                error = buffer_format(out, "%s{worker=\"%u\",callback=\"%s\"} %llu\n", name, i,
                                      callback, (unsigned long long)counter_read(&slow->count));
        }
    }
    return error;
}

static enum error append_loops(const struct service *service, struct buffer *out) {
    const struct histogram *lags[WORKERS_MAX];
    for (unsigned i = 0; i < service->workers.count; i++)
        lags[i] = &service->workers.loops[i]->statistics.lag;
    enum error error =
        append_histogram(out, "ringcast_loop_lag_seconds",
                         "How long one turn of a loop kept what was behind it waiting.", lags,
                         service->workers.count);
    return error == ERROR_NONE ? append_slow_callbacks(service, out) : error;
}

static enum error append_process(const struct service *service, struct buffer *out) {
    double uptime = (double)(service->workers.loops[0]->now - service->started) / (double)SECOND;
    enum error error =
        append_head(out, "ringcast_untaken_errors_total", "counter", "Errors that nobody took.");
    if (error == ERROR_NONE)
        error = buffer_format(out, "ringcast_untaken_errors_total %llu\n",
                              (unsigned long long)scope_untaken_errors());
    if (error == ERROR_NONE)
        error = append_gauge(out, "ringcast_uptime_seconds", "Since the service started.", uptime);
    if (error == ERROR_NONE)
        error = append_gauge(out, "ringcast_open_descriptors", "Descriptors that are open.",
                             (double)limits_open_descriptors());
    if (error == ERROR_NONE)
        error = append_gauge(out, "ringcast_descriptor_limit", "Descriptors that may be open.",
                             (double)limits_descriptors());
    if (error == ERROR_NONE)
        error = append_gauge(out, "ringcast_resident_memory_bytes", "Memory that is resident.",
                             (double)limits_resident_memory());
    if (error == ERROR_NONE)
        error = append_gauge(out, "ringcast_workers", "Worker threads, each with a ring.",
                             service->workers.count);
    if (error == ERROR_NONE)
        error = append_head(out, "ringcast_build_info", "gauge", "Version and ring backend.");
    return error == ERROR_NONE
               ? buffer_format(out, "ringcast_build_info{version=\"%s\",ring=\"%s\"} 1\n",
                               RINGCAST_VERSION, service->workers.loops[0]->ring->backend->name)
               : error;
}

enum error metrics_append(const struct service *service, struct buffer *out) {
    enum error error = append_hub(service, out);
    if (error == ERROR_NONE)
        error = append_fetcher(service, out);
    if (error == ERROR_NONE)
        error = append_loops(service, out);
    return error == ERROR_NONE ? append_process(service, out) : error;
}

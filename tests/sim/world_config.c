/* The config that a run's service is started with: what is not the run's own choice is drawn. */
#include "world.h"

static void append_urls(struct world *world, struct buffer *text) {
    for (size_t i = 0; i < world->url_count; i++)
        buffer_format(text, "%s\"%s\"", i == 0 ? "" : ", ", world->urls[i].text);
}

static void append_channel(struct world *world, struct buffer *text, const char *name,
                           const char *publish) {
    struct sim *sim = world->sim;
    static const unsigned messages[] = {8, 8, 10000};
    buffer_format(
        text,
        "\"%s\": {\"publish\": \"%s\", \"presence\": %s, \"retain\": {\"bytes\": \"64KiB\", "
        "\"messages\": %u, \"age\": \"%s\"}}",
        name, publish, world->presence ? "true" : "false", messages[sim_below(sim, 3)],
        sim_below(sim, 3) == 0 ? "2s" : "1h");
}

static void append_listeners(struct world *world, struct buffer *text) {
    const char *proxied = world->proxied ? "true" : "false";
    buffer_format(text,
                  "\"hub\": {\"listen\": [{\"address\": \"localhost:8765\", "
                  "\"proxy_protocol\": %s}",
                  proxied);
    if (world->under_tls)
        buffer_format(text,
                      ", {\"address\": \"localhost:8766\", \"plain\": true, "
                      "\"proxy_protocol\": %s}], "
                      "\"tls\": {\"certificate\": \"" TEST_DATA "/tls/good.pem\", "
                      "\"key\": \"" TEST_DATA "/tls/good.pem\", \"more\": [{"
                      "\"certificate\": \"" TEST_DATA "/tls/wrong.pem\", "
                      "\"key\": \"" TEST_DATA "/tls/wrong.pem\"}]}, ",
                      proxied);
    else
        buffer_append_text(text, "], ");
}

void world_write_config(struct world *world, struct buffer *text) {
    struct sim *sim = world->sim;
    static const char *const drains[] = {"0s", "0s", "0s", "1s", "8s"};
    static const char *const slow_readers[] = {"close", "close", "skip", "latest"};
    unsigned connections = world->crowded ? 4 : 64;
    buffer_format(text, "{\"workers\": %u, \"shutdown_timeout\": \"%us\", \"drain\": \"%s\", ",
                  world->worker_count, (unsigned)WORLD_STOP_SECONDS,
                  drains[sim_below(sim, sizeof drains / sizeof *drains)]);
    buffer_append_text(text, "\"fetch\": {\"urls\": [");
    append_urls(world, text);
    buffer_format(text,
                  "], \"authorities\": \"" TEST_DATA "/tls/root.pem\", "
                  "\"every\": \"3s\", \"backoff\": 0, \"private_addresses\": \"%s\", "
                  "\"concurrency\": %u, \"per_host\": %u, "
                  "\"max_body\": \"64KiB\", \"timeout\": {\"total\": \"%us\", "
                  "\"attempt\": \"5s\", \"connect\": \"2s\", \"dns\": \"2s\", "
                  "\"read\": \"3s\"}}, ",
                  world->strict ? "never" : "always", (unsigned)(1 + sim_below(sim, 8)),
                  (unsigned)(1 + sim_below(sim, 3)),
                  world->redirects ? (unsigned)WORLD_LONG_TOTAL_SECONDS : 6U);
    if (world->by_proxy) {
        text->size -= 3; /* back into "fetch" */
        buffer_format(text, ", \"proxy\": \"%s\"}, ", forward_url());
    }
    buffer_format(text, "\"hash\": {\"inline_below\": %u}, ", sim_below(sim, 2) == 0 ? 0U : 1024U);
    append_listeners(world, text);
    buffer_format(text,
                  "\"auth\": {\"jwt_secret_file\": \"" TEST_DATA
                  "/token/secret\"}, \"trusted_proxies\": \"203.0.113.%u\", "
                  "\"max_message\": \"4KiB\", \"handshake_timeout\": \"5s\", "
                  "\"ping_interval\": \"4s\", \"ping_timeout\": \"4s\", "
                  "\"close_timeout\": \"2s\", \"slow_reader\": \"%s\", "
                  "\"limits\": {\"connections\": %u, \"accepts_per_second\": %u, "
                  "\"per_address\": 1, \"messages_per_second\": 5, "
                  "\"controls_per_second\": 16}, \"channels\": {",
                  (unsigned)SIM_PROXY_HOST, slow_readers[sim_below(sim, 4)], connections,
                  world->crowded ? 2 : 0);
    append_channel(world, text, "chat", "anyone");
    buffer_append_text(text, ", ");
    append_channel(world, text, "news", "anyone");
    buffer_append_text(text, ", ");
    append_channel(world, text, "results", "token");
    buffer_append_text(text, "}}, \"log\": {\"level\": \"error\", \"format\": \"json\"}}");
}

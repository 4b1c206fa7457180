/* Scenarios of starting: a config that is read and one that is refused, the parts of a service. */
#include "app/config.h"
#include "base/memory.h"
#include "fetch/session.h"
#include "hub/hub.h"
#include "tls/context.h"
#include "tls_peer.h"
#include "torture.h"

static void nothing(void) {}

static bool settled(void) {
    return true;
}

/* ---- configs --------------------------------------------------------------------------------- */

static void load(const char *path, enum error expected) {
    struct config config;
    struct config_errors errors = {0};
    enum error error = config_load(&config, path, &errors);
    bool without_memory = memory_failures() > 0;
    TORTURE_CHECK(error == (without_memory ? ERROR_NO_MEMORY : expected));
    config_fini(&config);
    config_errors_fini(&errors);
}

static void act_config(void) {
    load(TEST_DATA "/config/everything.json", ERROR_NONE);
}

static void act_refused_config(void) {
    load(TEST_DATA "/config/broken.json", ERROR_CONFIG_INVALID);
}

static void act_missing_config(void) {
    load(TEST_DATA "/config/none.json", ERROR_NOT_FOUND);
}

/* ---- the parts of a service ------------------------------------------------------------------ */

static struct hub *hub;
static struct pool *pool;
static struct session *session;
static struct tls_context *tls;
static bool closed;

static struct channel_settings channel_settings(void *context, struct bytes name) {
    (void)context;
    (void)name;
    return (struct channel_settings){
        .listed = true, .retain_bytes = 65536, .retain_messages = 10, .retain_age = SECOND};
}

static const struct hub_options hub_options = {.max_message = 100,
                                               .handshake_timeout = SECOND,
                                               .ping_timeout = SECOND,
                                               .close_timeout = SECOND,
                                               .max_channels = 10,
                                               .channel_settings = channel_settings};

static void has_closed(void *context) {
    (void)context;
    closed = true;
}

/* Every step succeeds, or says that there is no memory and leaves nothing. */
static void act_hub(void) {
    static const uint8_t host[4] = {127, 0, 0, 1};
    struct loop *loops[] = {&loop};
    struct address address = address_v4(host, 0);
    struct endpoint endpoint = endpoint_of(&address);
    hub = NULL;
    closed = false;
    enum error error = hub_new(&hub_options, loops, 1, &hub);
    if (error == ERROR_NONE) {
        hub_start(hub, 0);
        error = hub_listen(hub, 0, &endpoint, 1, NULL);
        torture_turn();
    } else {
        hub = NULL;
    }
    TORTURE_CHECK(error == ERROR_NONE || memory_failures() > 0);
}

static void finish_hub(void) {
    if (hub == NULL)
        return;
    hub_close(hub, 0, SECOND, has_closed, NULL);
    torture_wait(closed);
    hub_free(hub);
}

static void act_session(void) {
    static const struct session_options options = {.concurrency = 1, .per_host = 1};
    session = NULL;
    closed = false;
    if (pool_new(2, &pool) != ERROR_NONE)
        pool = NULL;
    if (pool != NULL && session_new(&loop, pool, &options, &session) != ERROR_NONE)
        session = NULL;
    TORTURE_CHECK(session != NULL || memory_failures() > 0);
}

static void finish_session(void) {
    if (session != NULL) {
        session_close(session, has_closed, NULL);
        torture_wait(closed);
    }
    if (pool != NULL)
        pool_free(pool);
}

/* A second ring beside the scenario's own. */
static void act_ring(void) {
    const struct ring_options options = {.entries = 8, .buffer_count = 2, .buffer_size = 512};
    struct ring *ring;
    struct ring_refusal refusal;
    enum error error = ring_open(&options, &ring, &refusal);
    TORTURE_CHECK(error == (memory_failures() > 0 ? ERROR_NO_MEMORY : ERROR_NONE));
    if (error == ERROR_NONE)
        ring_free(ring);
}

static void make_authority(void) {
    tls_peers_authority();
}

static void act_tls(void) {
    const struct tls_client_options options = {.authority_file = tls_peers_authority()};
    struct tls_detail detail;
    enum error error = tls_context_new_client(&options, &tls, &detail);
    TORTURE_CHECK(error == ERROR_NONE || (memory_failures() > 0 && tls == NULL));
}

static void finish_tls(void) {
    tls_context_free(tls);
    tls_thread_fini();
}

const struct scenario start_scenarios[] = {
    {"config", nothing, act_config, settled, nothing, nothing},
    {"config_refused", nothing, act_refused_config, settled, nothing, nothing},
    {"config_missing", nothing, act_missing_config, settled, nothing, nothing},
    {"start_ring", nothing, act_ring, settled, nothing, nothing},
    {"start_hub", nothing, act_hub, settled, nothing, finish_hub},
    {"start_session", nothing, act_session, settled, nothing, finish_session},
    {"start_tls", make_authority, act_tls, settled, nothing, finish_tls},
    {0},
};

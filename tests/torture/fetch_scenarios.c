/* Scenarios of the fetcher: plain, chunked, https, a name without an address, cancelling. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "digest/sha256.h"
#include "fetch/round.h"
#include "machine.h"
#include "net/resolver.h"
#include "peer.h"
#include "tls_peer.h"
#include "torture.h"

enum { FETCHES_MAX = 8 };

/* What became of a fetch. */
struct outcome {
    enum error error;
    bool started, ended;
    bool is_good; /* digest and title are those of the page */
};

static struct pool *pool;
static struct session *session;
static struct scope scope;
static bool scope_has_ended, session_closed;
static struct outcome outcomes[FETCHES_MAX];
static size_t fetch_count;
static char url[64];

#define PAGE "<!DOCTYPE html><title>caf\303\251 &amp; more</title><p>hello"

static const char page[] = PAGE;

static const char plain_answer[] = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
                                   "Content-Length: 54\r\n\r\n" PAGE;
static const char chunked_answer[] = "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n"
                                     "Transfer-Encoding: chunked\r\n\r\n"
                                     "10;x=y\r\n<!DOCTYPE html><\r\n"
                                     "26\r\ntitle>caf\303\251 &amp; more</title><p>hello\r\n"
                                     "0\r\nTrailer: x\r\n\r\n";
static const char until_close_answer[] = "HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n" PAGE;
static const char endless_answer[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 1000000\r\n\r\n" PAGE;
static const char redirect_answer[] = "HTTP/1.1 302 Found\r\nLocation: /there\r\n"
                                      "Content-Length: 0\r\nConnection: close\r\n\r\n";
static const char refused_answer[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";

static_assert(sizeof page - 1 == 54, "as the answers say");

/* ---- the session ----------------------------------------------------------------------------- */

static bool is_page(const struct fetch_result *result) {
    struct sha256 hash;
    uint8_t digest[SHA256_SIZE];
    sha256_init(&hash);
    sha256_update(&hash, bytes_of(page));
    sha256_finish(&hash, digest);
    return result->status == 200 && result->has_digest && result->title != NULL &&
           memcmp(digest, result->digest, sizeof digest) == 0 &&
           strcmp(result->title, "caf\303\251 & more") == 0;
}

static void scope_ended(struct scope *ended) {
    scope_take_error(ended);
    scope_fini(ended);
    scope_has_ended = true;
}

static void session_has_closed(void *context) {
    (void)context;
    session_closed = true;
}

static void open_session(void) {
    const struct session_options options = {
        .concurrency = 4,
        .per_host = 2,
        .redirects = 3,
        .max_body = 100000,
        .inline_below = 0,
        .total_timeout = 60 * SECOND,
        .attempt_timeout = 60 * SECOND,
        .connect_timeout = 60 * SECOND,
        .dns_timeout = 60 * SECOND,
        .read_timeout = 60 * SECOND,
        .authorities = tls_peers_authority(),
    };
    scope_has_ended = session_closed = false;
    fetch_count = 0;
    TORTURE_CHECK(machine->new_pool(&pool) == ERROR_NONE);
    TORTURE_CHECK(session_new(&loop, pool, &options, &session) == ERROR_NONE);
    scope_init(&scope, &loop, NULL, SCOPE_COLLECT, scope_ended);
}

static void prepare_origin(const char *answer, size_t size, bool closes) {
    open_session();
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", peers_listen(answer, size, closes));
}

static void fetch_ended(void *context, struct fetch_result *result) {
    struct outcome *outcome = context;
    TORTURE_CHECK(!outcome->ended);
    outcome->ended = true;
    outcome->error = result->error;
    outcome->is_good = is_page(result);
    TORTURE_CHECK(result->error != ERROR_NONE || outcome->is_good);
    TORTURE_CHECK(result->error == ERROR_NONE || result->detail[0] != '\0');
    fetch_result_fini(result);
}

/* A fetch that could not be started is told about at once. */
static struct outcome *fetch(const char *what) {
    TORTURE_CHECK(fetch_count < FETCHES_MAX);
    struct outcome *outcome = &outcomes[fetch_count];
    *outcome = (struct outcome){0};
    const struct fetch_request request = {.url = what};
    outcome->error = session_fetch(session, &scope, &request, fetch_count++, fetch_ended, outcome);
    outcome->started = outcome->error == ERROR_NONE;
    return outcome;
}

static bool fetches_settled(void) {
    for (size_t i = 0; i < fetch_count; i++)
        if (outcomes[i].started && !outcomes[i].ended)
            return false;
    return true;
}

/* Nobody's result is missing, and the next fetch is as good as ever. */
static void verify_fetches(void) {
    for (size_t i = 0; i < fetch_count && torture_failures() == 0; i++)
        TORTURE_CHECK(outcomes[i].is_good);
    struct outcome *fresh = fetch(url);
    torture_wait(fresh->ended);
    TORTURE_CHECK(fresh->is_good);
}

static void close_session(void) {
    scope_join(&scope);
    torture_wait(scope_has_ended);
    session_close(session, session_has_closed, NULL);
    torture_wait(session_closed);
    pool_free(pool);
}

/* ---- one page -------------------------------------------------------------------------------- */

static void prepare_plain(void) {
    prepare_origin(plain_answer, sizeof plain_answer - 1, false);
}

static void prepare_chunked(void) {
    prepare_origin(chunked_answer, sizeof chunked_answer - 1, false);
}

static void prepare_until_close(void) {
    prepare_origin(until_close_answer, sizeof until_close_answer - 1, true);
}

/* Goes round in circles until there were too many redirects. */
static void prepare_redirects(void) {
    prepare_origin(redirect_answer, sizeof redirect_answer - 1, true);
}

static void verify_redirects(void) {
    TORTURE_CHECK(outcomes[0].error != ERROR_NONE);
    struct outcome *again = fetch(url);
    torture_wait(again->ended);
    TORTURE_CHECK(again->error != ERROR_NONE && again->error != ERROR_NO_MEMORY);
}

static void act_fetch(void) {
    fetch(url);
}

/* Three at once, of which one waits for a connection, and one is no URL. */
static void act_fetch_many(void) {
    fetch(url);
    fetch(url);
    fetch(url);
}

/* What the TLS library may lose of a certificate, or of a key share: see torture.c. */
static void prepare_https(void) {
    torture_allow_lost_blocks(TLS_LOSES_MOST);
    open_session();
    snprintf(url, sizeof url, "https://127.0.0.1:%u/",
             tls_peers_listen(plain_answer, sizeof plain_answer - 1));
}

static void close_https(void) {
    close_session();
    tls_peers_end();
}

/* ---- pages that are none --------------------------------------------------------------------- */

static void prepare_refused(void) {
    prepare_origin(refused_answer, sizeof refused_answer - 1, false);
}

static void act_fail(void) {
    fetch(url);
    fetch("http://user:secret@127.0.0.1/");
    fetch("http://127.0.0.1:1/");
    fetch("no URL at all");
}

static void verify_failures(void) {
    for (size_t i = 0; i < fetch_count; i++)
        TORTURE_CHECK(outcomes[i].error != ERROR_NONE);
    struct outcome *again = fetch(url);
    torture_wait(again->ended);
    TORTURE_CHECK(again->error == ERROR_HTTP_STATUS);
}

/* ---- cancelling in the middle of a body ------------------------------------------------------ */

static void prepare_endless(void) {
    prepare_origin(endless_answer, sizeof endless_answer - 1, false);
}

static void act_cancel(void) {
    fetch(url);
    fetch(url);
    fetch(url);
    for (int i = 0; i < 6; i++)
        torture_turn();
    scope_cancel(&scope);
}

static void verify_cancelled(void) {
    for (size_t i = 0; i < fetch_count; i++)
        TORTURE_CHECK(outcomes[i].error != ERROR_NONE);
    TORTURE_CHECK(fetch(url)->error == ERROR_CANCELLED);
}

/* ---- a round --------------------------------------------------------------------------------- */

static struct round fetch_round;
static size_t round_next, round_results;
static bool round_started, round_over;

static enum round_next next_request(struct round *round, struct fetch_request *request) {
    (void)round;
    if (round_next == 5)
        return ROUND_END;
    round_next++;
    request->url = url;
    return ROUND_MORE;
}

static void round_result(struct round *round, const struct fetch_result *result) {
    struct buffer text = {0};
    (void)round;
    TORTURE_CHECK(result->index == round_results);
    TORTURE_CHECK(result->error != ERROR_NONE || is_page(result));
    if (fetch_result_append_json(result, &text) == ERROR_NONE)
        TORTURE_CHECK(text.size > 0);
    buffer_fini(&text);
    round_results++;
}

static void round_ended(struct round *round) {
    (void)round;
    round_over = true;
}

static void act_round(void) {
    static const struct round_events events = {next_request, NULL, round_result, round_ended};
    static const struct round_options round_options = {.policy = SCOPE_FAIL_FAST, .window = 3};
    round_next = round_results = 0;
    round_over = false;
    round_started = round_start(&fetch_round, session, &round_options, &events) == ERROR_NONE;
}

static bool round_settled(void) {
    return !round_started || round_over;
}

static void verify_round(void) {
    TORTURE_CHECK(!round_started || round_results == 5);
    if (torture_failures() == 0)
        TORTURE_CHECK(round_started && fetch_round.failed == 0);
    verify_fetches();
}

/* ---- names ----------------------------------------------------------------------------------- */

static struct resolver *resolver;
static bool resolver_closed;

struct question {
    struct lookup lookup;
    bool asked, answered;
    enum error error;
};

static struct question question;

static void prepare_names(void) {
    TORTURE_CHECK(resolver_new(&loop, SECOND, machine->open_names(), &resolver) == ERROR_NONE);
    resolver_closed = false;
}

static void name_answered(struct lookup *lookup, enum error error, const struct address *addresses,
                          size_t count) {
    struct question *asked = container_of(lookup, struct question, lookup);
    (void)addresses;
    TORTURE_CHECK(!asked->answered && count == 0);
    asked->answered = true;
    asked->error = error;
}

static void ask(const char *name) {
    question = (struct question){0};
    question.asked = resolver_lookup(resolver, &question.lookup, bytes_of(name), 80,
                                     name_answered) == ERROR_NONE;
}

static void act_ask(void) {
    ask("nowhere.test");
}

static bool names_settled(void) {
    return !question.asked || question.answered;
}

static void verify_names(void) {
    if (torture_failures() == 0)
        TORTURE_CHECK(question.asked && question.error == ERROR_NAME_NOT_FOUND);
    TORTURE_CHECK(!question.asked || question.error != ERROR_NONE);
    ask("elsewhere.test");
    torture_wait(names_settled());
    TORTURE_CHECK(question.asked && question.error == ERROR_NAME_NOT_FOUND);
}

static void resolver_has_closed(void *context) {
    (void)context;
    resolver_closed = true;
}

static void close_names(void) {
    resolver_close(resolver, resolver_has_closed, NULL);
    torture_wait(resolver_closed);
    machine->close_names();
}

const struct scenario fetch_scenarios[] = {
    {"fetch_plain", prepare_plain, act_fetch, fetches_settled, verify_fetches, close_session},
    {"fetch_chunked", prepare_chunked, act_fetch, fetches_settled, verify_fetches, close_session},
    {"fetch_until_close", prepare_until_close, act_fetch, fetches_settled, verify_fetches,
     close_session},
    {"fetch_many", prepare_plain, act_fetch_many, fetches_settled, verify_fetches, close_session},
    {"fetch_redirects", prepare_redirects, act_fetch, fetches_settled, verify_redirects,
     close_session},
    {"fetch_failures", prepare_refused, act_fail, fetches_settled, verify_failures, close_session},
    {"fetch_cancelled", prepare_endless, act_cancel, fetches_settled, verify_cancelled,
     close_session},
    {"fetch_round", prepare_plain, act_round, round_settled, verify_round, close_session},
    {"fetch_https", prepare_https, act_fetch, fetches_settled, verify_fetches, close_https},
    {"no_such_name", prepare_names, act_ask, names_settled, verify_names, close_names},
    {0},
};

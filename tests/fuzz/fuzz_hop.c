/*
 * Redirects. Byte 0: the limit, byte 1: the method. Then a line with the URL, and lines of which
 * each is a redirect: its first byte the status, the rest the location.
 *
 * Oracles: the standard's state machine resolves each location to the same URL, or to none; what is
 * followed is http or https, never more often than the limit, and nowhere twice; once it has been
 * at another origin no field that may be a secret goes along, also when it comes back; the method
 * is what RFC 9110 §15.4 says.
 */
#include <string.h>

#include "bad_port.h"
#include "fuzz.h"
#include "hop.h"
#include "url_reference.h"
#include "ws_reference.h"

enum { LIMIT_MAX = 6 };

static const char *const methods[] = {"GET", "POST", "HEAD", "PUT"};
static const int statuses[] = {301, 302, 303, 307, 308};

struct model {
    struct ref_url url;
    const char *method;
    bool has_body, foreign, downgraded;
    char seen[LIMIT_MAX + 2][16 + 3 * REF_URL_MAX];
    unsigned seen_count;
};

static unsigned port_of(const struct ref_url *url) {
    return url->port >= 0 ? (unsigned)url->port : url->https ? 443 : 80;
}

static bool same_text(const struct ref_text *a, const struct ref_text *b) {
    return a->size == b->size && memcmp(a->text, b->text, a->size) == 0;
}

static bool same_origin(const struct ref_url *a, const struct ref_url *b) {
    return a->https == b->https && port_of(a) == port_of(b) && same_text(&a->host, &b->host);
}

/* Method and URL, without user, password and fragment: none of them is asked for. True: it was. */
static bool note(struct model *model) {
    const struct ref_url *url = &model->url;
    char *text = model->seen[model->seen_count];
    snprintf(text, sizeof *model->seen, "%s %d %.*s %u %.*s?%d%.*s", model->method, url->https,
             (int)url->host.size, url->host.text, port_of(url), (int)url->path.size, url->path.text,
             url->has_query, (int)url->query.size, url->query.text);
    bool known = false;
    for (unsigned i = 0; i < model->seen_count; i++)
        known |= strcmp(model->seen[i], text) == 0;
    model->seen_count++;
    return known;
}

static void step(struct model *model, int status, const struct ref_url *to) {
    bool post = strcmp(model->method, "POST") == 0, head = strcmp(model->method, "HEAD") == 0;
    model->foreign |= !same_origin(&model->url, to);
    model->downgraded |= model->url.https && !to->https;
    if ((status == 303 && !head) || (status <= 302 && post)) {
        model->method = "GET";
        model->has_body = false;
    }
    ref_url_copy(&model->url, to);
}

static bool same_part(struct bytes part, const struct ref_text *expected) {
    return part.size == expected->size &&
           (part.size == 0 || memcmp(part.data, expected->text, part.size) == 0);
}

static void check_same(const struct hop *hop, const struct model *model) {
    const struct url *url = &hop->url;
    FUZZ_CHECK((url->scheme == URL_HTTPS) == model->url.https);
    FUZZ_CHECK(url->port == port_of(&model->url));
    FUZZ_CHECK(same_part(url->host, &model->url.host));
    FUZZ_CHECK(same_part(url->path, &model->url.path));
    FUZZ_CHECK(same_part(url->query, &model->url.query));
    FUZZ_CHECK(bytes_equal(hop->method, bytes_of(model->method)));
    FUZZ_CHECK(hop->has_body == model->has_body);
    FUZZ_CHECK(hop->foreign == model->foreign && hop->downgraded == model->downgraded);
    FUZZ_CHECK(hop_carries(hop, bytes_of("Authorization")) == !model->foreign);
    FUZZ_CHECK(hop_carries(hop, bytes_of("Cookie")) == !model->foreign);
    FUZZ_CHECK(hop_carries(hop, bytes_of("X-Key")) == !model->foreign);
    FUZZ_CHECK(hop_carries(hop, bytes_of("Accept")));
    FUZZ_CHECK(hop_carries(hop, bytes_of("content-type")) == model->has_body);
}

/* One redirect. False: the fetch would have ended, or nobody can say. */
static bool follow(struct hop *hop, struct model *model, int status, struct bytes location,
                   unsigned limit) {
    static struct ref_url to;
    unsigned count = hop->count;
    enum error error = hop_follow(hop, status, location, limit, false);
    if (count >= limit) {
        FUZZ_CHECK(error == ERROR_REDIRECT_LIMIT && hop->count == count);
        return false;
    }
    enum ref_url_result expected = location.size <= URL_INPUT_MAX
                                       ? ref_url_parse(&to, location, &model->url)
                                       : REF_URL_FAILURE;
    if (expected == REF_URL_UNJUDGED)
        return false;
    bool astray = expected == REF_URL_GOOD && !same_origin(&model->url, &to) &&
                  port_is_bad((uint16_t)port_of(&to));
    if (expected == REF_URL_FAILURE || astray) {
        FUZZ_CHECK(error == (astray ? ERROR_REDIRECT_PORT : ERROR_REDIRECT_INVALID));
        return false;
    }
    step(model, status, &to);
    bool again = note(model);
    FUZZ_CHECK(error == (again ? ERROR_REDIRECT_LOOP : ERROR_NONE));
    FUZZ_CHECK(hop->count == count + 1);
    check_same(hop, model);
    return !again;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct model model;
    struct bytes input = bytes_make(data, size);
    unsigned limit = fuzz_take(&input) % (LIMIT_MAX + 1);
    const char *method = methods[fuzz_take(&input) % 4];
    struct bytes line = fuzz_take_until(&input, '\n');
    char text[REF_URL_MAX];
    if (line.size == 0 || line.size >= sizeof text || memchr(line.data, '\0', line.size) != NULL ||
        !ref_utf8(line, true))
        return 0;
    snprintf(text, sizeof text, "%.*s", (int)line.size, (const char *)line.data);
    const struct fetch_request request = {
        .url = text, .method = bytes_of(method), .body = bytes_of("body")};
    struct hop hop;
    enum error error = hop_init(&hop, &request);
    model.method = method;
    model.has_body = true;
    model.foreign = model.downgraded = false;
    model.seen_count = 0;
    if (error == ERROR_NONE && ref_url_parse(&model.url, bytes_of(text), NULL) == REF_URL_GOOD) {
        note(&model);
        check_same(&hop, &model);
        bool goes_on = true;
        while (goes_on && input.size > 0) {
            line = fuzz_take_until(&input, '\n');
            int status = statuses[line.size > 0 ? line.data[0] % 5 : 0];
            FUZZ_CHECK(hop_is_redirect(status) && !hop_is_redirect(status + 100));
            struct bytes location = bytes_after(line, line.size > 0);
            goes_on = location.size < REF_URL_MAX / 2 && ref_utf8(location, true) &&
                      follow(&hop, &model, status, location, limit);
        }
    }
    hop_fini(&hop);
    return 0;
}

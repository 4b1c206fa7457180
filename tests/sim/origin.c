/* HTTP origins, as models. */
#include "origin.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "world.h"

static const struct {
    const char *name;
    bool may, must;
} pages[] = {
#define PAGE_ROW(name, may, must) {#name, may, must},
    PAGE_TABLE(PAGE_ROW)
#undef PAGE_ROW
};

static const struct {
    const char *name;
    bool can;
} hosts[] = {
#define HOST_ROW(name, can) {#name, can},
    HOST_TABLE(HOST_ROW)
#undef HOST_ROW
};

bool url_must_succeed(const struct url_plan *plan) {
    return pages[plan->page].must && hosts[plan->host].can && !plan->refused && !plan->forbidden &&
           !plan->rebinds;
}

bool url_may_succeed(const struct url_plan *plan) {
    bool cut_off = plan->secure && plan->page == PAGE_ABRUPT;
    return pages[plan->page].may && hosts[plan->host].can && !cut_off && !plan->refused &&
           !plan->forbidden;
}

/* ---- bodies ---------------------------------------------------------------------------------- */

static void append_body(struct buffer *body, enum page_kind page, unsigned number) {
    size_t size = page == PAGE_EMPTY ? 0 : page == PAGE_LARGE ? 70000 : 200 + number * number * 97;
    if (size > 0)
        buffer_format(body, "<!doctype html><title>Page %u</title>\n", number);
    while (body->size < size)
        buffer_format(body, "<p>Line %zu of page %u.\n", body->size, number);
}

void url_plan_draw(struct url_plan *plan, struct world *world, unsigned number) {
    struct sim *sim = world->sim;
    unsigned last = world->secure ? HOST_ADDRESS : HOST_QUIET;
    plan->number = number;
    plan->page =
        (enum page_kind)sim_below(sim, sim_below(sim, 2) == 0 ? PAGE_STALE + 1 : PAGE_KINDS);
    plan->host = (enum host_kind)sim_below(sim, sim_below(sim, 2) == 0 ? HOST_SIX + 1 : last + 1);
    plan->secure = plan->host >= HOST_WRONG || (world->secure && hosts[plan->host].can &&
                                                plan->host != HOST_LATE && sim_below(sim, 2) == 0);
    plan->refused = plan->secure && world->by_proxy && world->proxy_refuses;
    plan->rebinds = world->strict && plan->host == HOST_CHANGING;
    plan->forbidden =
        world->strict && !plan->rebinds && (hosts[plan->host].can || plan->host >= HOST_WRONG);
    char host[16];
    size_t size = 0;
    for (const char *at = hosts[plan->host].name; *at != '\0'; at++)
        host[size++] = (char)(*at | 0x20);
    const char *scheme = plan->secure ? "https" : "http", *page = pages[plan->page].name;
    if (plan->host == HOST_ADDRESS)
        snprintf(plan->text, sizeof plan->text, "https://192.0.2.%d/%s/%u", HOST_ADDRESS_BYTE, page,
                 number);
    else
        snprintf(plan->text, sizeof plan->text, "%s://%.*s.test/%s/%u", scheme, (int)size, host,
                 page, number);
    struct buffer body = {0};
    append_body(&body, plan->page, number);
    struct sha256 hash;
    sha256_init(&hash);
    sha256_update(&hash, buffer_bytes(&body));
    sha256_finish(&hash, plan->digest);
    buffer_fini(&body);
}

/* ---- answers --------------------------------------------------------------------------------- */

static void append_chunks(struct sim *sim, struct buffer *out, const struct buffer *body) {
    size_t sent = 0;
    while (sent < body->size) {
        size_t piece = 1 + sim_below(sim, 2000);
        if (piece > body->size - sent)
            piece = body->size - sent;
        buffer_format(out, "%zx\r\n", piece);
        buffer_append(out, body->data + sent, piece);
        buffer_append_text(out, "\r\n");
        sent += piece;
    }
    buffer_append_text(out, "0\r\n\r\n");
}

static void append_plain(struct buffer *out, const struct buffer *body, const char *fields,
                         size_t announced) {
    buffer_format(out,
                  "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n%sContent-Length: %zu\r\n\r\n",
                  fields, announced);
    buffer_append(out, body->data, body->size);
}

static void append_chunked(struct sim *sim, struct buffer *out, const struct buffer *body,
                           const char *fields) {
    buffer_format(out, "HTTP/1.1 200 OK\r\n%sTransfer-Encoding: chunked\r\n\r\n", fields);
    append_chunks(sim, out, body);
}

static void append_garbage(struct sim *sim, struct buffer *out) {
    for (uint64_t left = 1 + sim_below(sim, 500); left > 0; left--)
        buffer_append_byte(out, (uint8_t)sim_below(sim, 256));
}

static void append_huge_head(struct buffer *out) {
    buffer_append_text(out, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 2000; i++)
        buffer_format(out, "Field-%d: a value that only takes room\r\n", i);
}

/* Fills in the answer; what the connection does behind it stands in the visit. */
static void append_answer(struct visit *visit, enum page_kind page, unsigned number,
                          struct buffer *out) {
    struct sim *sim = visit->world->sim;
    struct buffer body = {0};
    append_body(&body, page, number);
    visit->world->tally->pages[page]++;
    visit->link.write_piece = 0;
    visit->link.write_delay = 0;
    visit->abrupt = page == PAGE_ABRUPT;
    visit->hangs_up = page == PAGE_UNTIL_CLOSE || page == PAGE_ABRUPT || page == PAGE_LAST ||
                      page == PAGE_STALE || page == PAGE_TRUNCATED || page == PAGE_CUT_CHUNK ||
                      page == PAGE_HANGS_UP;
    switch (page) {
    case PAGE_CHUNKED:
        append_chunked(sim, out, &body, "");
        break;
    case PAGE_UNTIL_CLOSE:
    case PAGE_ABRUPT:
        buffer_append_text(out, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n");
        buffer_append(out, body.data, body.size);
        break;
    case PAGE_INTERIM:
        buffer_append_text(out, "HTTP/1.1 103 Early Hints\r\nLink: </style>\r\n\r\n");
        append_plain(out, &body, "", body.size);
        break;
    case PAGE_LAST:
        append_plain(out, &body, "Connection: close\r\n", body.size);
        break;
    case PAGE_EXTRA:
        append_plain(out, &body, "", body.size);
        append_garbage(sim, out);
        break;
    case PAGE_MOVED:
    case PAGE_CIRCLE:
        buffer_format(out, "HTTP/1.1 302 Found\r\nLocation: /%s/%u\r\nContent-Length: 0\r\n\r\n",
                      page == PAGE_MOVED ? "LENGTH" : "CIRCLE", number);
        break;
    case PAGE_MISSING:
        buffer_append_text(out, "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone");
        break;
    case PAGE_TRUNCATED:
        append_plain(out, &body, "", body.size + 1 + sim_below(sim, 500));
        break;
    case PAGE_CUT_CHUNK:
        append_chunked(sim, out, &body, "");
        out->size -= 1 + sim_below(sim, 100);
        break;
    case PAGE_MISCODED:
        append_plain(out, &body, "Content-Encoding: gzip\r\n", body.size);
        break;
    case PAGE_GARBAGE:
        append_garbage(sim, out);
        break;
    case PAGE_TWO_LENGTHS:
        append_chunked(sim, out, &body, "Content-Length: 10\r\n");
        break;
    case PAGE_HUGE_HEAD:
        append_huge_head(out);
        break;
    case PAGE_SILENT:
    case PAGE_HANGS_UP:
        break;
    case PAGE_RESET:
        append_plain(out, &body, "", body.size);
        visit->link.cut = CUT_RESET;
        visit->link.cut_at = visit->link.total_sent + sim_below(sim, out->size);
        break;
    case PAGE_TRICKLE:
        /* 200 pieces at most: who waits for its slot, as a redirect does, still comes in time */
        visit->link.write_piece = 1 + body.size / 200 + sim_below(sim, 50);
        visit->link.write_delay = 1 + sim_below(sim, 20 * MILLISECOND);
        append_plain(out, &body, "", body.size);
        break;
    default:
        append_plain(out, &body, "", body.size);
        break;
    }
    buffer_fini(&body);
}

/* ---- what is wrong with some ------------------------------------------------------------------
 */

static const char bad_request[] = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
/* RFC 4346: an alert of TLS 1.0, fatal, protocol_version. */
static const char too_new[] = "\x15\x03\x01\x00\x02\x02\x46";

const char *host_certificate(enum host_kind host) {
    static const char *const certificates[] = {"wrong", "expired", "future", "unknown", "self",
                                               NULL,    "weak",    NULL,     "wrong"};
    return host < HOST_WRONG ? "good" : certificates[host - HOST_WRONG];
}

const char *host_puzzled(enum host_kind host) {
    return host == HOST_PLAIN ? bad_request : host == HOST_OLD ? too_new : NULL;
}

static size_t puzzled_size(const char *answer) {
    return answer == too_new ? sizeof too_new - 1 : sizeof bad_request - 1;
}

/* ---- visits ---------------------------------------------------------------------------------- */

static void end_own_side(struct visit *visit) {
    visit->half_closed = true;
    sim_peer_shutdown(visit->link.socket);
}

/* `drained` calls again when the goodbye is out. */
static void hang_up(struct visit *visit) {
    bool silent = visit->link.tls == NULL || visit->abrupt || visit->said_goodbye;
    visit->said_goodbye = true;
    if (silent && visit->half_closes)
        end_own_side(visit);
    else if (silent)
        link_close(&visit->link);
    else
        link_say_goodbye(&visit->link);
}

static void drained(struct link *link) {
    struct visit *visit = (struct visit *)link;
    if (visit->hangs_up)
        hang_up(visit);
}

static bool find_page(const char *target, enum page_kind *page, unsigned *number) {
    for (unsigned i = 0; i < PAGE_KINDS; i++) {
        size_t size = strlen(pages[i].name);
        if (strncmp(target, pages[i].name, size) == 0 && target[size] == '/') {
            *page = (enum page_kind)i;
            *number = (unsigned)strtoul(target + size + 1, NULL, 10);
            return true;
        }
    }
    return false;
}

static void answer(struct visit *visit, const char *request) {
    struct buffer out = {0};
    enum page_kind page;
    unsigned number;
    const char *path = forward_take(visit, request);
    if (path == NULL)
        return;
    if (!find_page(path, &page, &number)) {
        world_fail(visit->world, "an origin was asked: %.60s", request);
        return;
    }
    append_answer(visit, page, number, &out);
    if (out.size > 0)
        link_write(&visit->link, out.data, out.size);
    else if (page == PAGE_HANGS_UP)
        link_close(&visit->link);
    buffer_fini(&out);
}

static void received(struct link *link) {
    struct visit *visit = (struct visit *)link;
    struct buffer *in = &link->in;
    const uint8_t *end;
    if (visit->puzzled != NULL && in->size > 0) {
        buffer_clear(in);
        visit->hangs_up = true;
        link_write(link, visit->puzzled, puzzled_size(visit->puzzled));
    }
    while (link_is_open(link) && in->size > 0 &&
           (end = memmem(in->data, in->size, "\r\n\r\n", 4)) != NULL) {
        char request[200];
        size_t size = (size_t)(end - in->data) + 4;
        size_t kept = size < sizeof request ? size : sizeof request - 1;
        memcpy(request, in->data, kept);
        request[kept] = '\0';
        buffer_consume(in, size);
        answer(visit, request);
    }
}

static void over(struct link *link) {
    const struct visit *visit = (const struct visit *)link;
    if (visit->half_closed && !sim_peer_state(link->socket).failed)
        world_saw(visit->world, SOMETIMES_ORIGIN_HALF_CLOSED);
    link_close(link);
}

static void accepted(void *context, struct sim_socket *socket) {
    const struct origin_port *port = context;
    struct world *world = port->world;
    struct origins *origins = &world->origins;
    struct visit *visit = calloc(1, sizeof *visit);
    if (visit == NULL)
        abort();
    visit->next = origins->visits;
    origins->visits = visit;
    visit->world = world;
    link_init(&visit->link, world->sim, received, over);
    visit->link.drained = drained;
    visit->puzzled = port->puzzled;
    visit->half_closes = sim_below(world->sim, 2) == 0;
    if (port->forbidden)
        world_fail(world, "an address is fetched from that is forbidden");
    if (port->certificate != NULL)
        link_serve_tls(&visit->link, port->certificate);
    link_take(&visit->link, socket);
    link_pump(&visit->link);
}

static bool is_public(const struct sockaddr *address) {
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)address;
    return address->sa_family == AF_INET && v4->sin_addr.s_addr == htonl(SIM_PUBLIC_HOST);
}

void origins_listen(struct world *world, const struct sockaddr *address, enum host_kind host,
                    bool secure) {
    struct origin_port *port = &world->origins.ports[world->origins.port_count++];
    port->world = world;
    port->puzzled = host_puzzled(host);
    port->forbidden = world->strict && !is_public(address);
    port->certificate = secure ? host_certificate(host) : NULL;
    sim_peer_listen(world->sim, address, accepted, port);
}

void origins_close(struct origins *origins) {
    for (struct visit *visit = origins->visits; visit != NULL; visit = visit->next) {
        link_close(&visit->link);
        link_fini(&visit->link);
    }
}

void origins_free(struct origins *origins) {
    while (origins->visits != NULL) {
        struct visit *visit = origins->visits;
        origins->visits = visit->next;
        free(visit);
    }
}

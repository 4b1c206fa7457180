/* The name server, as a model: what it answers stands in the name. */
#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "world.h"

enum { HEADER = 12, TYPE_A = 1, TYPE_AAAA = 28, RCODE_FAILED = 2, RCODE_NO_NAME = 3 };

static const char *const names[] = {
#define HOST_NAME_ROW(name, can) #name,
    HOST_TABLE(HOST_NAME_ROW)
#undef HOST_NAME_ROW
};

static const struct sockaddr_in server_address = {
    .sin_family = AF_INET, .sin_port = 0x3500, .sin_addr.s_addr = 0x350200c0};

/* The seconds that an answer is good for; what is not here is for no time at all. */
static const unsigned ttls[HOST_KINDS] = {
    [HOST_MANY] = 3600, [HOST_CHANGING] = 6, [HOST_LATE] = 10, [HOST_SIX] = 1};

bool host_find(struct bytes text, enum host_kind *host) {
    for (unsigned i = 0; i < HOST_KINDS; i++) {
        size_t length = strlen(names[i]);
        if (text.size > length && text.data[length] == '.' &&
            strncasecmp((const char *)text.data, names[i], length) == 0) {
            *host = (enum host_kind)i;
            return true;
        }
    }
    return false;
}

/* RFC 1035, section 3.1: a label is its length and its text. */
static bool host_of(const uint8_t *question, size_t size, enum host_kind *host) {
    char text[20];
    if (size == 0 || question[0] >= size || question[0] >= sizeof text)
        return false;
    memcpy(text, question + 1, question[0]);
    text[question[0]] = '.';
    return host_find(bytes_make(text, question[0] + 1U), host);
}

/* The end of the question: its name, type and class; 0 if it is not whole. */
static size_t question_end(const uint8_t *data, size_t size) {
    size_t at = HEADER;
    while (at < size && data[at] != 0)
        at += data[at] + 1U;
    return at + 5 <= size ? at + 5 : 0;
}

static void append_record(struct buffer *answer, uint8_t type, unsigned ttl, const void *data,
                          uint8_t size) {
    const uint8_t head[] = {0xc0,         HEADER, 0,   type, 0, 1, 0, 0, (uint8_t)(ttl >> 8),
                            (uint8_t)ttl, 0,      size};
    buffer_append(answer, head, sizeof head);
    buffer_append(answer, data, size);
    answer->data[7]++;
}

static void append_v4(struct buffer *answer, enum host_kind host, uint8_t last) {
    const uint8_t address[] = {192, 0, 2, last};
    append_record(answer, TYPE_A, ttls[host], address, sizeof address);
}

/* One of several; where the first may not be fetched from, the next may. */
static void append_changing(struct world *world, struct buffer *answer) {
    static const uint8_t allowed[] = {SIM_PUBLIC_HOST >> 24, 0, 0, SIM_PUBLIC_HOST & 0xff};
    unsigned turn = world->origins.answers++;
    if (world->strict && turn % 2 == 1)
        append_record(answer, TYPE_A, ttls[HOST_CHANGING], allowed, sizeof allowed);
    else
        append_v4(answer, HOST_CHANGING, (uint8_t)(1 + turn % LIVE_ADDRESSES));
}

static void append_addresses(struct world *world, struct buffer *answer, enum host_kind host,
                             unsigned type) {
    static const uint8_t six[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
    if (type == TYPE_AAAA && host == HOST_SIX)
        append_record(answer, TYPE_AAAA, ttls[host], six, sizeof six);
    if (type != TYPE_A)
        return;
    if (host == HOST_GOOD || host == HOST_LATE || host == HOST_SIX)
        append_v4(answer, host, 1);
    if (host == HOST_CHANGING)
        append_changing(world, answer);
    if (host >= HOST_WRONG)
        append_v4(answer, host, (uint8_t)(HOST_WRONG_BYTE + host - HOST_WRONG));
    for (uint8_t i = 0; host == HOST_MANY && i < 7; i++)
        append_v4(answer, host, i == 4 ? 2 : HOST_SILENT_BYTE + i);
}

/* ---- answering ------------------------------------------------------------------------------- */

static void send_late(void *context) {
    const struct late_answer *late = context;
    sim_send_datagram(late->sim, (const struct sockaddr *)&server_address,
                      (const struct sockaddr *)&late->to, late->data, late->size);
}

/* So late that it was asked for again; see tries in ares_channel.c. */
static void answer_late(struct world *world, const struct sockaddr *to,
                        const struct buffer *answer) {
    struct origins *origins = &world->origins;
    struct late_answer *late = &origins->late[origins->late_count++ % LATE_ANSWERS_MAX];
    late->sim = world->sim;
    memcpy(&late->to, to, sizeof late->to);
    late->size = answer->size < sizeof late->data ? answer->size : sizeof late->data;
    memcpy(late->data, answer->data, late->size);
    sim_after(world->sim, (260 + sim_below(world->sim, 140)) * MILLISECOND, send_late, late);
}

static void asked(void *context, struct sim *sim, const struct sockaddr *from, const uint8_t *data,
                  size_t size) {
    struct world *world = context;
    size_t end = size > HEADER ? question_end(data, size) : 0;
    enum host_kind host;
    if (end == 0 || !host_of(data + HEADER, size - HEADER, &host)) {
        world_fail(world, "the name server got a query that it does not understand");
        return;
    }
    if (host == HOST_QUIET)
        return;
    struct buffer answer = {0};
    buffer_append(&answer, data, end);
    memset(answer.data + 6, 0, 6); /* no answers yet, nothing behind them */
    answer.data[2] = 0x81;
    answer.data[3] = (uint8_t)(0x80 | (host == HOST_NOWHERE  ? RCODE_NO_NAME
                                       : host == HOST_BROKEN ? RCODE_FAILED
                                                             : 0));
    append_addresses(world, &answer, host, data[end - 3]);
    world_saw(world, answer.data[7] > 0 ? SOMETIMES_DNS_ANSWERED : SOMETIMES_DNS_FAILED);
    for (size_t i = HEADER; host == HOST_NONSENSE && i < answer.size; i++)
        answer.data[i] = (uint8_t)sim_below(sim, 256);
    if (host == HOST_LATE)
        answer_late(world, from, &answer);
    else
        sim_send_datagram(sim, (const struct sockaddr *)&server_address, from, answer.data,
                          answer.size);
    buffer_fini(&answer);
}

static struct sockaddr_in address_v4_of(unsigned host, unsigned port) {
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(host)};
}

static void listen_on(struct world *world, unsigned last, unsigned port, enum host_kind host) {
    struct sockaddr_in address = address_v4_of(SIM_ORIGINS_HOST + last, port);
    origins_listen(world, (struct sockaddr *)&address, host, port == 443);
}

static void listen_on_six(struct world *world, unsigned port) {
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    inet_pton(AF_INET6, "2001:db8::1", &six.sin6_addr);
    origins_listen(world, (struct sockaddr *)&six, HOST_SIX, port == 443);
}

/* Of many.test: the first two addresses say nothing, the others are dead in a moment. */
static void ignore(struct world *world, unsigned port) {
    for (unsigned i = 0; i < 2; i++) {
        struct sockaddr_in address = address_v4_of(SIM_ORIGINS_HOST + HOST_SILENT_BYTE + i, port);
        sim_peer_ignore(world->sim, (struct sockaddr *)&address);
    }
}

static void listen_in_public(struct world *world, unsigned port) {
    struct sockaddr_in address = address_v4_of(SIM_PUBLIC_HOST, port);
    origins_listen(world, (struct sockaddr *)&address, HOST_GOOD, port == 443);
}

void origins_start(struct world *world) {
    static const unsigned ports[] = {80, 443};
    for (unsigned i = 0; i < 2; i++) {
        ignore(world, ports[i]);
        listen_in_public(world, ports[i]);
    }
    for (unsigned i = 1; i <= LIVE_ADDRESSES; i++) {
        listen_on(world, i, 80, HOST_GOOD);
        listen_on(world, i, 443, HOST_GOOD);
    }
    listen_on_six(world, 80);
    listen_on_six(world, 443);
    for (unsigned host = HOST_WRONG; host <= HOST_ADDRESS; host++)
        listen_on(world, HOST_WRONG_BYTE + host - HOST_WRONG, 443, (enum host_kind)host);
    forward_start(world);
    sim_serve_datagrams(world->sim, (const struct sockaddr *)&server_address, asked, world);
}

/*
 * A name server for tests: UDP on loopback, one socket, served between the loop's turns. What it
 * answers is told by the first label of the name:
 *
 *   two      127.1.0.1, 127.1.0.2 and ::2, TTL 20      forever  127.2.0.1, TTL 1000000
 *   brief    127.3.0.1, TTL 0                          missing  NXDOMAIN
 *   empty    no records                                broken   SERVFAIL
 *   silent   nothing at all                            many     40 addresses
 *   garbage  bytes that are no DNS message
 */
#ifndef RINGCAST_TEST_NAME_SERVER_H
#define RINGCAST_TEST_NAME_SERVER_H

#include "sockets.h"

#include <stdio.h>

enum { TYPE_A = 1, TYPE_AAAA = 28, NAME_SERVER_FAILED = 2, NAME_MISSING = 3, HEADER = 12 };

struct name_server {
    int socket;
    char text[64]; /* as resolver_new() takes it */
    unsigned queries;
    unsigned queries_for_a; /* one for each lookup that reached the server */
};

static struct name_server name_server;

static inline void open_name_server(void) {
    struct address address = loopback(0);
    socklen_t size = address_size(&address);
    name_server = (struct name_server){0};
    name_server.socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(name_server.socket, &address.socket.any, size), 0);
    assert_int_equal(getsockname(name_server.socket, &address.socket.any, &size), 0);
    address_format(&address, name_server.text);
}

static inline void close_name_server(void) {
    close(name_server.socket);
}

struct reply {
    uint8_t data[2048];
    size_t size;
    unsigned answers;
};

static inline void put(struct reply *reply, const void *data, size_t size) {
    memcpy(reply->data + reply->size, data, size);
    reply->size += size;
}

static inline void put_record(struct reply *reply, int type, uint32_t ttl, const uint8_t *data) {
    const uint8_t size = type == TYPE_A ? 4 : 16;
    const uint8_t head[] = {0xC0,
                            HEADER, /* the name of the question */
                            0,
                            (uint8_t)type,
                            0,
                            1,
                            (uint8_t)(ttl >> 24),
                            (uint8_t)(ttl >> 16),
                            (uint8_t)(ttl >> 8),
                            (uint8_t)ttl,
                            0,
                            size};
    put(reply, head, sizeof head);
    put(reply, data, size);
    reply->answers++;
}

static inline void put_v4(struct reply *reply, int type, uint32_t ttl, uint8_t net, uint8_t host) {
    const uint8_t data[4] = {127, net, 0, host};
    if (type == TYPE_A)
        put_record(reply, type, ttl, data);
}

static inline void put_v6(struct reply *reply, int type, uint32_t ttl, uint8_t host) {
    const uint8_t data[16] = {[15] = host};
    if (type == TYPE_AAAA)
        put_record(reply, type, ttl, data);
}

/* Writes the answers for a label; returns the response code, or -1 for silence. */
static inline int answer_for(struct reply *reply, const char *label, int type) {
    if (strcmp(label, "silent") == 0)
        return -1;
    if (strcmp(label, "missing") == 0)
        return NAME_MISSING;
    if (strcmp(label, "broken") == 0)
        return NAME_SERVER_FAILED;
    if (strcmp(label, "two") == 0) {
        put_v4(reply, type, 20, 1, 1);
        put_v4(reply, type, 20, 1, 2);
        put_v6(reply, type, 30, 2);
    }
    if (strcmp(label, "forever") == 0)
        put_v4(reply, type, 1000000, 2, 1);
    if (strcmp(label, "brief") == 0)
        put_v4(reply, type, 0, 3, 1);
    for (uint8_t i = 0; strcmp(label, "many") == 0 && i < 20; i++) {
        put_v4(reply, type, 60, 4, i);
        put_v6(reply, type, 60, i);
    }
    return 0;
}

static inline void answer_query(const uint8_t *query, size_t size, const struct sockaddr *to,
                                socklen_t to_size) {
    char label[64] = "";
    size_t end = HEADER;
    while (end < size && query[end] != 0)
        end += (size_t)query[end] + 1;
    end += 5; /* the root, the type and the class */
    if (end > size)
        return;
    memcpy(label, query + HEADER + 1, query[HEADER]);
    int type = query[end - 3];
    name_server.queries++;
    name_server.queries_for_a += type == TYPE_A;
    struct reply reply = {0};
    put(&reply, query, end);
    int code = answer_for(&reply, label, type);
    if (code < 0)
        return;
    reply.data[2] = 0x85; /* an authoritative response; recursion was desired */
    reply.data[3] = (uint8_t)(0x80 | code);
    reply.data[7] = (uint8_t)reply.answers;
    memset(reply.data + 8, 0, 4);
    if (strcmp(label, "garbage") == 0)
        memset(reply.data + 2, 0xFF, reply.size - 2);
    sendto(name_server.socket, reply.data, reply.size, 0, to, to_size);
}

/* Answers what has come. Always true, so that it can stand in a condition that is waited for. */
static inline bool serve_names(void) {
    uint8_t query[1024];
    struct sockaddr_in from;
    socklen_t from_size = sizeof from;
    ssize_t size;
    while ((size = recvfrom(name_server.socket, query, sizeof query, 0, (struct sockaddr *)&from,
                            &from_size)) >= HEADER)
        answer_query(query, (size_t)size, (struct sockaddr *)&from, from_size);
    return true;
}

#endif

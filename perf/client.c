#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    RESPONSE_SIZE_MAX = 4096,
    RECEIVE_SIZE = 256 * 1024,
    PORTS_PER_ADDRESS = 20000, /* fewer than the kernel's range of ephemeral ports */
    OPCODE_CONTINUATION = 0x0,
    OPCODE_TEXT = 0x1,
    OPCODE_BINARY = 0x2,
    OPCODE_CLOSE = 0x8,
    OPCODE_PING = 0x9,
    OPCODE_PONG = 0xA,
};

/* The key of RFC 6455 section 1.3 and the answer to it: every client may use the same. */
#define HANDSHAKE_KEY    "dGhlIHNhbXBsZSBub25jZQ=="
#define HANDSHAKE_ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

/* ---- target ---------------------------------------------------------------------------------- */

static bool parse_address(struct client_target *target, const char *host, long port) {
    struct sockaddr_in *ipv4 = (struct sockaddr_in *)&target->address;
    struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)&target->address;
    if (strcmp(host, "localhost") == 0)
        host = "127.0.0.1";
    memset(&target->address, 0, sizeof target->address);
    if (inet_pton(AF_INET, host, &ipv4->sin_addr) == 1) {
        ipv4->sin_family = AF_INET;
        ipv4->sin_port = htons((uint16_t)port);
        target->address_size = sizeof *ipv4;
        return true;
    }
    if (inet_pton(AF_INET6, host, &ipv6->sin6_addr) == 1) {
        ipv6->sin6_family = AF_INET6;
        ipv6->sin6_port = htons((uint16_t)port);
        target->address_size = sizeof *ipv6;
        return true;
    }
    return false;
}

bool client_target_parse(struct client_target *target, const char *url) {
    char host[64];
    char path[512] = "/";
    long port = 0;
    const char *authority = url + strlen("ws://");
    if (strncmp(url, "ws://", strlen("ws://")) != 0)
        return false;
    const char *slash = strchr(authority, '/');
    const char *end = slash != NULL ? slash : authority + strlen(authority);
    const char *colon = memrchr(authority, ':', (size_t)(end - authority));
    if (colon == NULL)
        return false;
    bool bracketed = *authority == '[' && colon[-1] == ']';
    const char *name = authority + bracketed;
    size_t name_size = (size_t)(colon - bracketed - name);
    port = strtol(colon + 1, NULL, 10);
    if (name_size >= sizeof host || port < 1 || port > UINT16_MAX ||
        (slash != NULL && strlen(slash) >= sizeof path))
        return false;
    memcpy(host, name, name_size);
    host[name_size] = '\0';
    if (slash != NULL)
        memcpy(path, slash, strlen(slash) + 1);
    target->request_size = (size_t)snprintf(
        target->request, sizeof target->request,
        "GET %s HTTP/1.1\r\nHost: %.*s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: " HANDSHAKE_KEY "\r\nSec-WebSocket-Version: 13\r\n\r\n",
        path, (int)(end - authority), authority);
    return parse_address(target, host, port);
}

/* ---- sending --------------------------------------------------------------------------------- */

static void await_room(struct client_run *run, struct client *client, bool awaits) {
    if (client->awaits_room == awaits)
        return;
    client->awaits_room = awaits;
    struct epoll_event event = {.events = EPOLLIN | (awaits ? (uint32_t)EPOLLOUT : 0),
                                .data.ptr = client};
    epoll_ctl(run->epoll, EPOLL_CTL_MOD, client->descriptor, &event);
}

static bool keep_pending(struct client *client, const uint8_t *data, size_t size) {
    if (client->pending_capacity - client->pending_size < size) {
        size_t capacity = (client->pending_size + size) * 2;
        uint8_t *pending = realloc(client->pending, capacity);
        if (pending == NULL)
            return false;
        client->pending = pending;
        client->pending_capacity = capacity;
    }
    memcpy(client->pending + client->pending_size, data, size);
    client->pending_size += size;
    return true;
}

/* How many bytes the kernel took; 0 if it has no room, -1 when the connection failed. */
static ssize_t send_some(struct client *client, const void *data, size_t size) {
    ssize_t sent = send(client->descriptor, data, size, MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    return sent;
}

bool client_send(struct client_run *run, struct client *client, const void *data, size_t size) {
    ssize_t sent = client->pending_size > 0 ? 0 : send_some(client, data, size);
    if (sent < 0)
        return false;
    if ((size_t)sent == size)
        return true;
    await_room(run, client, true);
    return keep_pending(client, (const uint8_t *)data + sent, size - (size_t)sent);
}

static bool send_pending(struct client_run *run, struct client *client) {
    ssize_t sent = send_some(client, client->pending, client->pending_size);
    if (sent < 0)
        return false;
    client->pending_size -= (size_t)sent;
    memmove(client->pending, client->pending + sent, client->pending_size);
    if (client->pending_size == 0)
        await_room(run, client, false);
    return true;
}

/* Control frames have at most 125 bytes (RFC 6455 section 5.5); the mask is zero, so plain. */
static bool send_control(struct client_run *run, struct client *client, uint8_t opcode,
                         const uint8_t *payload, uint8_t size) {
    uint8_t frame[2 + 4 + 125] = {(uint8_t)(0x80 | opcode), (uint8_t)(0x80 | size)};
    memcpy(frame + 6, payload, size);
    return client_send(run, client, frame, (size_t)6 + size);
}

bool client_send_close(struct client_run *run, struct client *client) {
    static const uint8_t normal_closure[2] = {1000 >> 8, 1000 & 0xff};
    if (client->close_sent)
        return true;
    client->close_sent = true;
    return send_control(run, client, OPCODE_CLOSE, normal_closure, sizeof normal_closure);
}

/* ---- receiving ------------------------------------------------------------------------------- */

/* Takes header bytes until the header is complete; returns how many it took. */
static size_t take_header(struct client *client, const uint8_t *data, size_t size) {
    size_t taken = 0;
    while (taken < size && !client->in_payload) {
        client->header[client->header_size++] = data[taken++];
        if (client->header_size < 2)
            continue;
        uint8_t length = client->header[1] & 0x7f;
        uint8_t wanted = length < 126 ? 2 : length == 126 ? 4 : 10;
        if (client->header_size < wanted)
            continue;
        client->payload_left = length < 126 ? length : 0;
        for (uint8_t i = 2; i < wanted; i++)
            client->payload_left = client->payload_left << 8 | client->header[i];
        client->in_payload = true;
        client->control_size = 0;
    }
    return taken;
}

static bool is_control(const struct client *client) {
    return (client->header[0] & 0x08) != 0;
}

static void take_payload(struct client_run *run, struct client *client, const uint8_t *data,
                         size_t size) {
    client->payload_left -= size;
    if (!is_control(client)) {
        message_check_feed(&client->message, run->form, data, size);
    } else if (size <= sizeof client->control - client->control_size) {
        memcpy(client->control + client->control_size, data, size);
        client->control_size = (uint8_t)(client->control_size + size);
    }
}

static void end_frame(struct client_run *run, struct client *client) {
    uint8_t opcode = client->header[0] & 0x0f;
    bool last = (client->header[0] & 0x80) != 0;
    client->in_payload = false;
    client->header_size = 0;
    if (opcode == OPCODE_PING)
        send_control(run, client, OPCODE_PONG, client->control, client->control_size);
    if (opcode == OPCODE_CLOSE)
        client_send_close(run, client);
    if (last &&
        (opcode == OPCODE_TEXT || opcode == OPCODE_BINARY || opcode == OPCODE_CONTINUATION)) {
        uint32_t publisher = 0;
        uint32_t sequence = 0;
        bool right = message_check_end(&client->message, run->form, &publisher, &sequence);
        run->received(run, client, right, publisher, sequence);
    }
}

static void take_frames(struct client_run *run, struct client *client, const uint8_t *data,
                        size_t size) {
    while (size > 0) {
        if (!client->in_payload) {
            size_t taken = take_header(client, data, size);
            data += taken;
            size -= taken;
            if (!client->in_payload)
                return;
        }
        size_t part = client->payload_left < size ? (size_t)client->payload_left : size;
        take_payload(run, client, data, part);
        data += part;
        size -= part;
        if (client->payload_left == 0)
            end_frame(run, client);
    }
}

/* Collects the handshake's response; what follows it are frames already. False if it is refused. */
static bool take_response(struct client_run *run, struct client *client, const uint8_t *data,
                          size_t size) {
    if (client->response == NULL)
        client->response = calloc(1, RESPONSE_SIZE_MAX + 1);
    size_t room = RESPONSE_SIZE_MAX - client->response_size;
    size_t part = size < room ? size : room;
    if (client->response == NULL || part == 0)
        return false;
    size_t known = client->response_size;
    memcpy(client->response + known, data, part);
    client->response_size += part;
    const char *end = strstr(client->response, "\r\n\r\n");
    if (end == NULL)
        return part == size;
    size_t response_size = (size_t)(end + 4 - client->response);
    client->response[response_size - 1] = '\0';
    bool accepted = strncmp(client->response, "HTTP/1.1 101 ", 13) == 0 &&
                    strstr(client->response, HANDSHAKE_ACCEPT) != NULL;
    free(client->response);
    client->response = NULL;
    if (!accepted)
        return false;
    client->state = CLIENT_OPEN;
    take_frames(run, client, data + (response_size - known), size - (response_size - known));
    return true;
}

static bool receive(struct client_run *run, struct client *client) {
    static uint8_t buffer[RECEIVE_SIZE];
    ssize_t size = recv(client->descriptor, buffer, sizeof buffer, 0);
    if (size < 0)
        return errno == EAGAIN || errno == EINTR;
    if (size == 0)
        return false;
    if (client->state == CLIENT_UPGRADING)
        return take_response(run, client, buffer, (size_t)size);
    take_frames(run, client, buffer, (size_t)size);
    return true;
}

/* ---- life cycle ------------------------------------------------------------------------------ */

/* On loopback, many connections need several source addresses: an address has too few ports. */
static bool choose_source(const struct client_target *target, int descriptor, uint32_t index) {
    const struct sockaddr_in *server = (const struct sockaddr_in *)&target->address;
    int on = 1;
    if (server->sin_family != AF_INET || ntohl(server->sin_addr.s_addr) >> 24 != 127 ||
        index < PORTS_PER_ADDRESS)
        return true;
    struct sockaddr_in source = {.sin_family = AF_INET};
    source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + index / PORTS_PER_ADDRESS % 200);
    setsockopt(descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    return bind(descriptor, (const struct sockaddr *)&source, sizeof source) == 0;
}

bool client_open(struct client_run *run, struct client *client, uint32_t index) {
    int on = 1;
    *client = (struct client){.index = index, .state = CLIENT_CONNECTING, .awaits_room = true};
    client->descriptor =
        socket(run->target->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (client->descriptor < 0) {
        client->state = CLIENT_CLOSED;
        return false;
    }
    setsockopt(client->descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = client};
    if (!choose_source(run->target, client->descriptor, index) ||
        (connect(client->descriptor, (const struct sockaddr *)&run->target->address,
                 run->target->address_size) != 0 &&
         errno != EINPROGRESS) ||
        epoll_ctl(run->epoll, EPOLL_CTL_ADD, client->descriptor, &event) != 0) {
        client_close(client, false);
        return false;
    }
    return true;
}

static bool finish_connect(struct client_run *run, struct client *client) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(client->descriptor, SOL_SOCKET, SO_ERROR, &error, &size);
    client->state = CLIENT_UPGRADING;
    await_room(run, client, false);
    return error == 0 && client_send(run, client, run->target->request, run->target->request_size);
}

static bool progress(struct client_run *run, struct client *client, uint32_t events) {
    if (client->state == CLIENT_CONNECTING)
        return finish_connect(run, client);
    if ((events & EPOLLOUT) != 0 && client->pending_size > 0 && !send_pending(run, client))
        return false;
    if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0)
        return receive(run, client);
    return true;
}

enum client_state client_progress(struct client_run *run, struct client *client, uint32_t events) {
    if (client->state != CLIENT_CLOSED && !progress(run, client, events))
        client_close(client, false);
    return client->state;
}

void client_ignore(struct client_run *run, struct client *client) {
    epoll_ctl(run->epoll, EPOLL_CTL_DEL, client->descriptor, NULL);
}

void client_close(struct client *client, bool abruptly) {
    if (client->state == CLIENT_CLOSED)
        return;
    if (abruptly) {
        struct linger linger = {.l_onoff = 1, .l_linger = 0};
        setsockopt(client->descriptor, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    }
    close(client->descriptor);
    free(client->pending);
    free(client->response);
    client->pending = NULL;
    client->response = NULL;
    client->state = CLIENT_CLOSED;
}

/*
 * A proxy, as a model: it forwards http by answering in the origins' place, and opens tunnels to
 * those of https, or to none. Names it looks up itself.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "world.h"

static const struct {
    const char *name;
    bool can;
} hosts[] = {
#define HOST_ROW(name, can) {#name, can},
    HOST_TABLE(HOST_ROW)
#undef HOST_ROW
};

static const struct sockaddr_in address = {
    .sin_family = AF_INET, .sin_port = 0x380c, .sin_addr.s_addr = 0x150200c0}; /* 192.0.2.21:3128 */

const char *forward_url(void) {
    return "http://192.0.2.21:3128";
}

void forward_start(struct world *world) {
    if (world->by_proxy)
        origins_listen(world, (const struct sockaddr *)&address, HOST_GOOD, false);
}

static bool find_host(const char *text, enum host_kind *host) {
    if (strncmp(text, "192.0.2.", 8) == 0) {
        *host = HOST_ADDRESS;
        return true;
    }
    for (unsigned i = 0; i < HOST_KINDS; i++) {
        size_t size = strlen(hosts[i].name);
        if (strncasecmp(text, hosts[i].name, size) == 0 && text[size] == '.') {
            *host = (enum host_kind)i;
            return true;
        }
    }
    return false;
}

static void refuse(struct visit *visit, const char *status) {
    char text[100];
    int size = snprintf(text, sizeof text, "HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n", status);
    link_write(&visit->link, text, (size_t)size);
}

/* From here on it is the origin that is spoken to. */
static void open_tunnel(struct visit *visit, enum host_kind host) {
    static const char established[] = "HTTP/1.1 200 Connection established\r\n\r\n";
    link_write(&visit->link, established, sizeof established - 1);
    visit->puzzled = host_puzzled(host);
    if (visit->puzzled == NULL)
        link_serve_tls(&visit->link, host_certificate(host));
}

static void find_way(struct visit *visit, const char *to) {
    enum host_kind host;
    if (!find_host(to, &host))
        world_fail(visit->world, "the proxy was asked for a way to %.40s", to);
    else if (visit->world->proxy_refuses)
        refuse(visit, "403 Forbidden");
    else if (!hosts[host].can && host < HOST_WRONG)
        refuse(visit, "502 Bad Gateway");
    else
        open_tunnel(visit, host);
}

const char *forward_take(struct visit *visit, const char *request) {
    enum host_kind host;
    if (strncmp(request, "CONNECT ", 8) == 0) {
        find_way(visit, request + 8);
        return NULL;
    }
    if (strncmp(request, "GET /", 5) == 0)
        return request + 5;
    if (strncmp(request, "GET http://", 11) != 0)
        return request;
    const char *path = strchr(request + 11, '/');
    if (path == NULL || !find_host(request + 11, &host)) {
        world_fail(visit->world, "the proxy was asked: %.60s", request);
    } else if (!hosts[host].can) {
        refuse(visit, "502 Bad Gateway");
    } else {
        return path + 1;
    }
    return NULL;
}

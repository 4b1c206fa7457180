#include "net/endpoint.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const char local_scheme[] = "unix:";

bool endpoint_is_local(const struct endpoint *endpoint) {
    return endpoint->socket.any.sa_family == AF_UNIX;
}

struct endpoint endpoint_of(const struct address *address) {
    struct endpoint endpoint = {.size = address_size(address), .descriptor = -1};
    memcpy(&endpoint.socket, &address->socket, sizeof address->socket);
    return endpoint;
}

struct address endpoint_address(const struct endpoint *endpoint) {
    struct address address;
    memcpy(&address.socket, &endpoint->socket, sizeof address.socket);
    return address;
}

uint16_t endpoint_port(const struct endpoint *endpoint) {
    const struct address address = endpoint_address(endpoint);
    return endpoint_is_local(endpoint) ? 0 : address_port(&address);
}

void endpoint_set_port(struct endpoint *endpoint, uint16_t port) {
    struct address address = endpoint_address(endpoint);
    if (endpoint_is_local(endpoint))
        return;
    address_set_port(&address, port);
    memcpy(&endpoint->socket, &address.socket, sizeof address.socket);
}

static enum error parse_path(struct bytes path, struct endpoint *endpoint) {
    *endpoint = (struct endpoint){.socket.local.sun_family = AF_UNIX, .descriptor = -1};
    if (path.size < 2 || path.data[0] != '/' || memchr(path.data, '\0', path.size) != NULL ||
        path.size >= sizeof endpoint->socket.local.sun_path)
        return ERROR_ADDRESS_INVALID;
    memcpy(endpoint->socket.local.sun_path, path.data, path.size);
    endpoint->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.size + 1);
    return ERROR_NONE;
}

enum error endpoint_parse(struct bytes text, struct endpoint endpoints[ENDPOINTS_OF_TEXT],
                          size_t *count) {
    struct address addresses[ENDPOINTS_OF_TEXT];
    size_t scheme_size = sizeof local_scheme - 1;
    if (text.size >= scheme_size && memcmp(text.data, local_scheme, scheme_size) == 0) {
        *count = 1;
        return parse_path(bytes_after(text, scheme_size), &endpoints[0]);
    }
    enum error error = address_parse_listen(text, addresses, count);
    for (size_t i = 0; error == ERROR_NONE && i < *count; i++)
        endpoints[i] = endpoint_of(&addresses[i]);
    return error;
}

size_t endpoint_format(const struct endpoint *endpoint, char text[ENDPOINT_TEXT_SIZE]) {
    if (endpoint_is_local(endpoint))
        return (size_t)snprintf(text, ENDPOINT_TEXT_SIZE, "%s%s", local_scheme,
                                endpoint->socket.local.sun_path);
    const struct address address = endpoint_address(endpoint);
    return address_format(&address, text);
}

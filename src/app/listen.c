#include "listen.h"

#include "base/log.h"

void listen_complain(const char *component, const char *text, enum error error) {
    log_write(LOG_ERROR, component, "cannot listen", LOG_TEXT("address", text),
              LOG_TEXT("error", error_text(error)));
}

enum error listen_endpoints(const char *component, const char *text,
                            struct endpoint endpoints[ENDPOINTS_OF_TEXT], size_t *count) {
    enum error error = endpoint_parse(bytes_of(text), endpoints, count);
    if (error != ERROR_NONE)
        listen_complain(component, text, error);
    return error;
}

void listen_announce(const char *component, const struct endpoint *endpoints, size_t count) {
    for (size_t i = 0; i < count; i++) {
        char text[ENDPOINT_TEXT_SIZE];
        endpoint_format(&endpoints[i], text);
        log_write(LOG_INFO, component, "listening", LOG_TEXT("address", text));
    }
}

enum error listen_on_text(struct http_server *server, const char *component, const char *text) {
    struct endpoint endpoints[ENDPOINTS_OF_TEXT];
    size_t count;
    enum error error = listen_endpoints(component, text, endpoints, &count);
    if (error != ERROR_NONE)
        return error;
    error = http_server_listen(server, endpoints, count, NULL);
    if (error == ERROR_NONE)
        listen_announce(component, endpoints, count);
    else
        listen_complain(component, text, error);
    return error;
}

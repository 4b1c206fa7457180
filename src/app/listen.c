#include "listen.h"

#include "base/log.h"

void listen_complain(const char *component, const char *text, enum error error) {
    log_write(LOG_ERROR, component, "cannot listen", LOG_TEXT("address", text),
              LOG_TEXT("error", error_text(error)));
}

enum error listen_addresses(const char *component, const char *text, struct address addresses[2],
                            size_t *count) {
    enum error error = address_parse_listen(bytes_of(text), addresses, count);
    if (error != ERROR_NONE)
        listen_complain(component, text, error);
    return error;
}

void listen_announce(const char *component, const struct address *addresses, size_t count) {
    for (size_t i = 0; i < count; i++) {
        char text[ADDRESS_TEXT_SIZE];
        address_format(&addresses[i], text);
        log_write(LOG_INFO, component, "listening", LOG_TEXT("address", text));
    }
}

enum error listen_on_text(struct http_server *server, const char *component, const char *text) {
    struct address addresses[2];
    size_t count;
    enum error error = listen_addresses(component, text, addresses, &count);
    if (error != ERROR_NONE)
        return error;
    error = http_server_listen(server, addresses, count);
    if (error == ERROR_NONE)
        listen_announce(component, addresses, count);
    else
        listen_complain(component, text, error);
    return error;
}

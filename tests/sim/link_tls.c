/* A link under TLS, as either side. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "link.h"
#include "tls/context.h"

static const char *const names[] = {"good",    "wrong", "expired", "future",
                                    "unknown", "self",  "weak"};
enum { CERTIFICATES = sizeof names / sizeof *names };
static struct tls_context *servers[CERTIFICATES], *client;

static void check(enum error error, const struct tls_detail *detail) {
    if (error == ERROR_NONE)
        return;
    fprintf(stderr, "sim: %s\n", detail->text);
    exit(EXIT_FAILURE);
}

void links_prepare(void) {
    const struct tls_client_options options = {.authority_file = TEST_DATA "/tls/root.pem"};
    struct tls_detail detail;
    for (size_t i = 0; i < CERTIFICATES && servers[i] == NULL; i++) {
        char path[300];
        snprintf(path, sizeof path, TEST_DATA "/tls/%s.pem", names[i]);
        const struct tls_server_options files = {path, path};
        check(tls_context_new_server(&files, &servers[i], &detail), &detail);
    }
    if (client == NULL)
        check(tls_context_new_client(&options, &client, &detail), &detail);
    tls_thread_fini(); /* what stays differs from one run to the next */
}

/* ---- bytes ----------------------------------------------------------------------------------- */

/* A record's last byte belongs to what authenticates it. */
static void flush(struct link *link) {
    struct buffer *output = tls_output(link->tls);
    struct buffer ciphertext = *output;
    *output = (struct buffer){0};
    if (ciphertext.size > 0) {
        ciphertext.data[ciphertext.size - 1] ^= link->falsifies;
        link_write_plain(link, ciphertext.data, ciphertext.size);
    }
    buffer_fini(&ciphertext);
}

static void write_waiting(struct link *link) {
    if (link->waiting.size > 0)
        tls_write(link->tls, buffer_bytes(&link->waiting));
    buffer_fini(&link->waiting);
}

static void take_plain(struct link *link) {
    uint8_t plain[2048];
    size_t size;
    while (tls_read(link->tls, plain, sizeof plain, &size) == TLS_DONE)
        buffer_append(&link->in, plain, size);
}

static void advance(struct link *link) {
    if (tls_handshake(link->tls) == TLS_DONE) {
        bool fresh = !link->tls_open;
        link->tls_open = true;
        write_waiting(link);
        take_plain(link);
        flush(link);
        if (fresh && link->opened != NULL)
            link->opened(link);
    }
    flush(link);
}

void link_decrypt(struct link *link, const uint8_t *data, size_t size) {
    tls_receive(link->tls, bytes_make(data, size));
    advance(link);
}

void link_encrypt(struct link *link, const void *data, size_t size) {
    buffer_append(&link->waiting, data, size);
    if (link->tls_open) {
        write_waiting(link);
        flush(link);
    }
}

void link_say_goodbye(struct link *link) {
    tls_close(link->tls);
    flush(link);
}

/* ---- beginning ------------------------------------------------------------------------------- */

void link_serve_tls(struct link *link, const char *certificate) {
    size_t i = 0;
    while (strcmp(names[i], certificate) != 0)
        i++;
    if (tls_server_new(servers[i], &link->tls) != ERROR_NONE)
        abort();
}

void link_begin_tls(struct link *link, const char *host, const struct tls_session *ticket) {
    if (tls_client_new(client, bytes_of(host), ticket, &link->tls) != ERROR_NONE)
        abort();
    advance(link);
}

/* A visit's bytes, as they are or under TLS: an origin has the program's own engine. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "origin.h"
#include "tls/context.h"
#include "tls/tls.h"

static const char *const names[] = {"good", "wrong", "expired", "future", "unknown", "self"};
enum { CERTIFICATES = sizeof names / sizeof *names };
static struct tls_context *contexts[CERTIFICATES];

void visits_prepare(void) {
    for (size_t i = 0; i < CERTIFICATES && contexts[i] == NULL; i++) {
        char path[300];
        struct tls_detail detail;
        snprintf(path, sizeof path, TEST_DATA "/tls/%s.pem", names[i]);
        const struct tls_server_options options = {path, path};
        if (tls_context_new_server(&options, &contexts[i], &detail) != ERROR_NONE) {
            fprintf(stderr, "sim: %s\n", detail.text);
            exit(EXIT_FAILURE);
        }
    }
    tls_thread_fini(); /* what stays differs from one run to the next */
}

struct tls_context *visits_context(const char *certificate) {
    size_t i = 0;
    while (strcmp(names[i], certificate) != 0)
        i++;
    return contexts[i];
}

void visit_open(struct visit *visit, struct tls_context *context) {
    if (context != NULL && tls_server_new(context, &visit->tls) != ERROR_NONE)
        abort();
}

static void flush(struct visit *visit) {
    struct buffer *output = tls_output(visit->tls);
    struct buffer ciphertext = *output;
    *output = (struct buffer){0};
    if (ciphertext.size > 0)
        link_write(&visit->link, ciphertext.data, ciphertext.size);
    buffer_fini(&ciphertext);
}

static void decrypt(struct visit *visit) {
    uint8_t plain[2048];
    size_t size;
    while (tls_read(visit->tls, plain, sizeof plain, &size) == TLS_DONE)
        buffer_append(&visit->in, plain, size);
}

void visit_read(struct visit *visit) {
    struct buffer *came = &visit->link.in;
    if (visit->tls == NULL) {
        buffer_append(&visit->in, came->data, came->size);
        buffer_clear(came);
        return;
    }
    tls_receive(visit->tls, buffer_bytes(came));
    buffer_clear(came);
    if (tls_handshake(visit->tls) == TLS_DONE)
        decrypt(visit);
    flush(visit);
}

void visit_write(struct visit *visit, const void *data, size_t size) {
    if (visit->tls == NULL)
        link_write(&visit->link, data, size);
    else if (tls_write(visit->tls, bytes_make(data, size)) == ERROR_NONE)
        flush(visit);
}

/* `drained` calls again when the goodbye is out. */
void visit_hang_up(struct visit *visit) {
    bool silent = visit->tls == NULL || visit->abrupt || visit->said_goodbye;
    visit->said_goodbye = true;
    if (silent)
        link_close(&visit->link);
    else if (tls_close(visit->tls) == ERROR_NONE)
        flush(visit);
}

void visit_fini(struct visit *visit) {
    tls_free(visit->tls);
    buffer_fini(&visit->in);
}

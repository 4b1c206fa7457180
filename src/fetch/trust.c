/* The TLS contexts of a session: one for each set of options that its requests came with. */
#include <string.h>

#include "base/memory.h"
#include "session_internal.h"

static bool same_text(const char *a, const char *b) {
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool same_options(const struct tls_client_options *a, const struct tls_client_options *b) {
    return a->accept_any_certificate == b->accept_any_certificate &&
           same_text(a->authority_file, b->authority_file) &&
           same_text(a->certificate_file, b->certificate_file) &&
           same_text(a->key_file, b->key_file);
}

/* Texts of options belong to those who asked, and may go before the connections do. */
static bool copy_text(const char **text) {
    if (*text == NULL)
        return true;
    *text = memory_copy_text(*text, strlen(*text));
    return *text != NULL;
}

/* After a failure the rest is NULL: what was copied can be freed. */
static bool copy_texts(struct tls_client_options *options) {
    bool copied = copy_text(&options->authority_file);
    if (!copied)
        options->certificate_file = NULL;
    copied = copied && copy_text(&options->certificate_file);
    if (!copied)
        options->key_file = NULL;
    return copied && copy_text(&options->key_file);
}

static void free_texts(struct tls_client_options *options) {
    memory_free((char *)(uintptr_t)options->authority_file);
    memory_free((char *)(uintptr_t)options->certificate_file);
    memory_free((char *)(uintptr_t)options->key_file);
}

static struct trust *trust_new(struct session *session, const struct tls_client_options *options) {
    struct trust *trust = memory_allocate_zeroed(sizeof *trust);
    if (trust == NULL)
        return NULL;
    trust->options = *options;
    if (!copy_texts(&trust->options)) {
        free_texts(&trust->options);
        memory_free(trust);
        return NULL;
    }
    trust->number = list_is_empty(&session->trusts)
                        ? 0
                        : container_of(session->trusts.previous, struct trust, link)->number + 1;
    list_append(&session->trusts, &trust->link);
    return trust;
}

struct trust *trust_of(struct session *session, const struct tls_client_options *options) {
    struct tls_client_options wanted = *options;
    if (wanted.authority_file == NULL && !wanted.accept_any_certificate)
        wanted.authority_file = session->options.authorities;
    list_for_each (node, &session->trusts) {
        struct trust *trust = container_of(node, struct trust, link);
        if (same_options(&trust->options, &wanted))
            return trust;
    }
    return trust_new(session, &wanted);
}

enum error trust_open(struct trust *trust, struct tls_detail *detail) {
    if (trust->context != NULL)
        return ERROR_NONE;
    return tls_context_new_client(&trust->options, &trust->context, detail);
}

void trust_free_all(struct session *session) {
    struct list_node *node;
    while ((node = list_take_first(&session->trusts)) != NULL) {
        struct trust *trust = container_of(node, struct trust, link);
        tls_context_free(trust->context);
        free_texts(&trust->options);
        memory_free(trust);
    }
}

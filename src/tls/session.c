/*
 * A session as bytes of our own: the library's form of one takes 55 KiB, for the certificates of
 * the chain that it might hold.
 */
#include "session.h"

#include <string.h>

#include "base/memory.h"

struct tls_session {
    uint64_t context_number;
    char host[TLS_HOST_NAME_MAX + 1];
    struct buffer encoded;
};

/* In TLS 1.3 only a ticket resumes; the session ID that the library shows is made up. */
static bool is_resumable(WOLFSSL *library, const WOLFSSL_SESSION *session) {
    if (wolfSSL_version(library) == TLS1_3_VERSION)
        return wolfSSL_SESSION_has_ticket(session) == WOLFSSL_SUCCESS;
    return wolfSSL_SESSION_is_resumable(session) == 1;
}

static enum error encode(WOLFSSL_SESSION *session, struct buffer *encoded) {
    int size = wolfSSL_i2d_SSL_SESSION(session, NULL);
    if (size <= 0 || buffer_reserve(encoded, (size_t)size) != ERROR_NONE)
        return ERROR_NO_MEMORY;
    unsigned char *data = encoded->data;
    if (wolfSSL_i2d_SSL_SESSION(session, &data) != size)
        return ERROR_TLS_FAILED;
    encoded->size = (size_t)size;
    return ERROR_NONE;
}

static struct tls_session *session_new(const struct tls *tls, WOLFSSL_SESSION *library_session) {
    struct tls_session *session = memory_allocate_zeroed(sizeof *session);
    if (session == NULL)
        return NULL;
    session->context_number = tls->context->number;
    memcpy(session->host, tls->host.name, sizeof session->host);
    if (encode(library_session, &session->encoded) == ERROR_NONE)
        return session;
    tls_session_free(session);
    return NULL;
}

struct tls_session *tls_session_take(const struct tls *tls) {
    if (!tls->established || tls->host.name[0] == '\0')
        return NULL;
    WOLFSSL_SESSION *library_session = wolfSSL_get1_session(tls->library);
    if (library_session == NULL)
        return NULL;
    struct tls_session *session = NULL;
    if (is_resumable(tls->library, library_session))
        session = session_new(tls, library_session);
    wolfSSL_SESSION_free(library_session);
    return session;
}

void tls_session_free(struct tls_session *session) {
    if (session == NULL)
        return;
    if (session->encoded.data != NULL)
        explicit_bzero(session->encoded.data, session->encoded.capacity);
    buffer_fini(&session->encoded);
    memory_free(session);
}

void tls_session_apply(struct tls *tls, const struct tls_session *session) {
    if (session == NULL || session->context_number != tls->context->number ||
        strcmp(session->host, tls->host.name) != 0)
        return;
    const unsigned char *data = session->encoded.data;
    WOLFSSL_SESSION *library_session =
        wolfSSL_d2i_SSL_SESSION(NULL, &data, (long)session->encoded.size);
    if (library_session == NULL)
        return;
    wolfSSL_set_session(tls->library, library_session);
    wolfSSL_SESSION_free(library_session);
}

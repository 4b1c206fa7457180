/*
 * One TLS connection as a function over bytes: ciphertext in, plaintext out, and back. It has no
 * descriptor, does not wait and calls nobody. Its only look outside is the library's: the date, to
 * judge certificates, and the system's random numbers.
 *
 * The order of use: make it; call tls_handshake() once (a client has its first message to send);
 * then, whenever bytes arrive,
 *
 *     tls_receive(tls, ciphertext)         once per piece
 *     tls_handshake(tls)                   until it has said TLS_DONE
 *     tls_read(tls, …)                     until it says TLS_WANT_MORE
 *
 * and after *every* call send what tls_output() holds, after a failure too: the alert that tells
 * the peer why stands there. When the stream ends, tls_end_of_stream(), and read on as above.
 *
 * A failure is final: every later call says the same. tls_error() and tls_error_detail() tell it.
 * One thread at a time uses a connection (it may be handed from one to another). It keeps what it
 * needs of its context.
 */
#ifndef RINGCAST_TLS_TLS_H
#define RINGCAST_TLS_TLS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/error.h"
#include "tls/context.h"

struct tls;
struct tls_session;

enum tls_status {
    TLS_DONE,      /* the handshake is complete; or: there is data */
    TLS_WANT_MORE, /* nothing to do before more ciphertext arrives */
    TLS_CLOSED,    /* the peer has said close_notify: the orderly end */
    TLS_ERROR,     /* see tls_error() */
};

/* Ciphertext that may wait unread. Beyond it tls_receive() refuses. */
enum { TLS_INPUT_MAX = 256 * 1024 };

/*
 * A client's connection to `host`: a domain name in ASCII, or an IP address as text (IPv6 with or
 * without brackets). A name is sent as SNI (RFC 6066); an address is not. The server's certificate
 * must carry it: RFC 9525, subject alternative names only, never the common name.
 *
 * `resume` (borrowed, NULL for none) is a session of an earlier connection. One that was made under
 * another context or for another host is ignored: resumption skips the certificate.
 *
 * ERROR_INVALID_ARGUMENT: not a host. ERROR_NO_MEMORY.
 */
enum error tls_client_new(struct tls_context *context, struct bytes host,
                          const struct tls_session *resume, struct tls **out);

/* A server's connection from a client. ERROR_NO_MEMORY. */
enum error tls_server_new(struct tls_context *context, struct tls **out);

/* Ends a connection at any time, without a word to the peer; NULL is allowed. */
void tls_free(struct tls *tls);

/*
 * Takes ciphertext over (it is copied). ERROR_LIMIT_REACHED: more than TLS_INPUT_MAX would wait,
 * nothing was taken, and the connection is as before. ERROR_NO_MEMORY is final. The connection's
 * own error if it has failed.
 */
enum error tls_receive(struct tls *tls, struct bytes ciphertext);

/*
 * The stream below has ended. What was received can still be read; where TLS_WANT_MORE would have
 * been the answer it is now ERROR_TLS_TRUNCATED, unless close_notify came.
 */
void tls_end_of_stream(struct tls *tls);

/*
 * The ciphertext to send. The caller consumes what it has sent, or moves the whole buffer out and
 * leaves an empty one in its place.
 */
struct buffer *tls_output(struct tls *tls);

/* Goes on with the handshake. TLS_DONE once it is complete, also later. */
enum tls_status tls_handshake(struct tls *tls);

/*
 * Reads plaintext, up to `capacity` (> 0) bytes; `*size` of them with TLS_DONE, else 0. Goes on
 * with the handshake first if that is not complete. One call returns at most one record.
 */
enum tls_status tls_read(struct tls *tls, void *out, size_t capacity, size_t *size);

/*
 * Encrypts all of `plaintext` to the output; how much may wait there is for the caller to bound.
 * Only after the handshake and before tls_close().
 */
enum error tls_write(struct tls *tls, struct bytes plaintext);

/*
 * Says close_notify, once; before the end of the handshake nothing. Nothing may be written
 * afterwards; reading goes on.
 */
enum error tls_close(struct tls *tls);

/*
 * Why the connection failed, as a row and in words; ERROR_NONE and "" if it has not. The words may
 * quote names from the peer's certificate. When memory runs out inside the library, it may report
 * another failure than ERROR_NO_MEMORY; it never accepts what it has not checked.
 */
enum error tls_error(const struct tls *tls);
const char *tls_error_detail(const struct tls *tls);

/* After the handshake, for reports: "TLSv1.3", the name of the suite and of the key exchange. */
const char *tls_version_name(const struct tls *tls);
const char *tls_cipher_name(const struct tls *tls);
const char *tls_group_name(const struct tls *tls);

/* Did this handshake resume a session? */
bool tls_resumed(const struct tls *tls);

/*
 * A session to resume from, or NULL if the server gave none yet or memory is short. Servers of
 * TLS 1.3 hand it out after the handshake: ask again after reading. The caller owns it; it depends
 * neither on the connection nor on the context, and may be used many times.
 */
struct tls_session *tls_session_take(const struct tls *tls);

/* Ends a session and wipes its secrets; NULL is allowed. */
void tls_session_free(struct tls_session *session);

#endif

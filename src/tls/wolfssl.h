/*
 * Private to src/tls: the TLS library's headers and the structures that hold its objects. Nothing
 * else in the tree sees either.
 */
#ifndef RINGCAST_TLS_WOLFSSL_H
#define RINGCAST_TLS_WOLFSSL_H

/* options.h comes first: it says how the library was built, and the others depend on it. */
#include <wolfssl/options.h>

#include <wolfssl/error-ssl.h>
#include <wolfssl/ssl.h>
#include <wolfssl/wolfcrypt/asn.h>
#include <wolfssl/wolfcrypt/error-crypt.h>

#include <stdatomic.h>
#include <stdint.h>

#include "host.h"
#include "tls/tls.h"

struct tls_context {
    WOLFSSL_CTX *library;
    atomic_uint references; /* its owner's, and one of each connection */
    uint64_t number;        /* never used twice: sessions remember which context made them */
    size_t authorities;
    size_t skipped;
    bool verifies;
};

struct tls {
    WOLFSSL *library;
    struct tls_context *context; /* one reference */
    struct buffer input;         /* received; the library has taken the first `input_taken` bytes */
    size_t input_taken;
    struct buffer output;
    bool heard;   /* the peer has said something */
    bool not_tls; /* … but not a TLS record */
    bool established;
    bool ended;       /* the stream below has */
    bool close_seen;  /* the peer's close_notify */
    bool close_said;  /* ours */
    enum error error; /* the first failure */
    struct tls_detail detail;
    struct tls_host host; /* of a client: who the server must be */
};

/* One more reference, which tls_context_free() ends. */
void tls_context_reference(struct tls_context *context);

/* Records the failure of a library call that returned `result`. Returns the connection's error. */
enum error tls_fail(struct tls *tls, int result);

/* Records a failure of our own finding; the first one stays. */
enum error tls_fail_with(struct tls *tls, enum error error, const char *reason);

/* The library's code as a row of the table of errors. */
enum error tls_error_of(int code);

/* The library's words for a code; never NULL. */
const char *tls_reason_of(int code);

/* The library asks this about every certificate of a server's chain (verify.c). */
int tls_verify_peer(int verified, WOLFSSL_X509_STORE_CTX *store);

/* Sets up the library; the same answer each time (library.c). */
enum error tls_library_start(void);

/* What the library is about to keep for the calling thread ends with the thread (library.c). */
void tls_thread_enter(void);

/* Shakes hands with a client in memory, to see that certificate and key belong together (trial.c).
 */
enum error tls_context_try_server(struct tls_context *server_context);

/* The callbacks between the library and the two buffers of a connection (tls.c). */
int tls_take_input(WOLFSSL *library, char *out, int capacity, void *connection);
int tls_put_output(WOLFSSL *library, char *data, int size, void *connection);

#endif

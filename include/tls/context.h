/*
 * What many TLS connections share: trusted authorities and rules on the client side, the
 * certificate and its key on the server side.
 *
 * A client context verifies: the chain up to an authority, the dates, and the name or address of
 * the host. The TLS library as Debian builds it verifies nothing unless told to; it is told here
 * and nowhere else. TLS 1.2 and 1.3 only, forward-secret AEAD suites only, X25519 first; RSA keys
 * of 2048 bits and elliptic ones of 256 at least, no signatures over MD5 or SHA-1.
 *
 * Life cycle: made at start-up or later (it reads files); connections keep what they need of it. A
 * context may be used by several threads at a time; each connection belongs to one thread. The
 * first context sets up the library: it must be made before other threads use TLS.
 */
#ifndef RINGCAST_TLS_CONTEXT_H
#define RINGCAST_TLS_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct tls_context;

/* What went wrong in words for a person, with names of files; "" if nothing did. */
enum { TLS_DETAIL_MAX = 256 };
struct tls_detail {
    char text[TLS_DETAIL_MAX];
};

/* All zeros are the safe defaults. */
struct tls_client_options {
    const char *authority_file;  /* PEM certificates to trust; NULL: the system's */
    bool accept_any_certificate; /* no verification at all; authority_file is not read */
    /* Who we are, where a server wants to know: as in tls_server_options. NULL: nobody. */
    const char *certificate_file;
    const char *key_file; /* NULL: in certificate_file */
};

struct tls_server_options {
    const char *certificate_file; /* PEM: the server's certificate, then its intermediates */
    const char *key_file;         /* PEM, without a passphrase */
};

/*
 * Makes a context for connections to servers. A certificate in the authority file that the library
 * cannot use is skipped; a file without a usable one is an error.
 *
 * ERROR_NOT_FOUND and the like: a file cannot be read. ERROR_CONFIG_INVALID: nothing usable in it,
 * or the key is not the certificate's. ERROR_NO_MEMORY. On failure `*out` is NULL. `detail` is
 * always written.
 */
enum error tls_context_new_client(const struct tls_client_options *options,
                                  struct tls_context **out, struct tls_detail *detail);

/*
 * Makes a context for connections from clients, which are not asked for certificates. Errors as
 * above; ERROR_CONFIG_INVALID also says that the key is not the certificate's.
 */
enum error tls_context_new_server(const struct tls_server_options *options,
                                  struct tls_context **out, struct tls_detail *detail);

/* Ends a context; NULL is allowed. Its connections and sessions may live on. */
void tls_context_free(struct tls_context *context);

/* How many authorities the context trusts, and how many of the file's could not be used. */
size_t tls_context_authority_count(const struct tls_context *context);
size_t tls_context_skipped_count(const struct tls_context *context);

/* The library's version: "5.5.4". */
const char *tls_library_version(void);

/*
 * Frees what the library keeps for the calling thread (tables of curve points, at most some 12
 * MiB). Happens by itself at the end of every thread but the first.
 */
void tls_thread_fini(void);

/*
 * How many of memory_live_blocks() are the library's, for tests: it loses some when it finds no
 * memory for what comes next.
 */
size_t tls_library_blocks(void);

/* Frees what the library keeps for the process, the calling thread's part too. Nothing of this
 * layer may be called afterwards. */
void tls_library_fini(void);

#endif

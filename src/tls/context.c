#include <stdatomic.h>
#include <stdio.h>

#include "aes_gcm.h"
#include "base/memory.h"
#include "offload.h"
#include "pem.h"
#include "wolfssl.h"

static const char SYSTEM_AUTHORITIES[] = "/etc/ssl/certs/ca-certificates.crt";

/*
 * Forward secret and authenticated only. AES-GCM leads where the processor has instructions for it:
 * then it is eight times as fast as ChaCha20 here, and elsewhere half as fast.
 */
#define GCM_13    "TLS13-AES128-GCM-SHA256:TLS13-AES256-GCM-SHA384:"
#define CHACHA_13 "TLS13-CHACHA20-POLY1305-SHA256:"
#define GCM_12                                                   \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:" \
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
#define CHACHA_12 "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"

static const char suites_with_aes[] = GCM_13 CHACHA_13 GCM_12 CHACHA_12;
static const char suites_without[] = CHACHA_13 GCM_13 CHACHA_12 GCM_12;

/*
 * Left alone, the library picks P-521 in TLS 1.2, seven times the work of X25519. P-256 must be on
 * the list, else servers with an ECDSA certificate fail in TLS 1.2.
 */
static int groups[] = {WOLFSSL_ECC_X25519, WOLFSSL_ECC_SECP256R1, WOLFSSL_ECC_SECP384R1};

static atomic_uint_fast64_t last_number;

static enum error explain(struct tls_detail *detail, enum error error, const char *subject,
                          const char *reason) {
    snprintf(detail->text, sizeof detail->text, "%s: %s", subject, reason);
    return error;
}

static bool set_rules(WOLFSSL_CTX *library) {
    wolfSSL_CTX_SetIORecv(library, tls_take_input);
    wolfSSL_CTX_SetIOSend(library, tls_put_output);
    /* sessions live in tickets and with our callers, not in the library's process-wide table */
    wolfSSL_CTX_set_session_cache_mode(library, WOLFSSL_SESS_CACHE_NO_INTERNAL);
    const char *suites = aes_gcm_is_accelerated() ? suites_with_aes : suites_without;
    return wolfSSL_CTX_SetDevId(library, TLS_OFFLOAD_DEVICE) == WOLFSSL_SUCCESS &&
           wolfSSL_CTX_SetMinVersion(library, WOLFSSL_TLSV1_2) == WOLFSSL_SUCCESS &&
           wolfSSL_CTX_set_cipher_list(library, suites) == WOLFSSL_SUCCESS &&
           wolfSSL_CTX_set_groups(library, groups, sizeof groups / sizeof *groups) ==
               WOLFSSL_SUCCESS;
}

/* A context with the rules that both sides share. `method` is taken over. */
static enum error context_new(WOLFSSL_METHOD *method, struct tls_context **out,
                              struct tls_detail *detail) {
    struct tls_context *context = memory_allocate_zeroed(sizeof *context);
    if (method == NULL || context == NULL) {
        wolfSSL_Free(method);
        memory_free(context);
        return explain(detail, ERROR_NO_MEMORY, "TLS", error_text(ERROR_NO_MEMORY));
    }
    atomic_init(&context->references, 1);
    context->number = atomic_fetch_add(&last_number, 1) + 1;
    context->library = wolfSSL_CTX_new(method);
    if (context->library == NULL || !set_rules(context->library)) {
        tls_context_free(context);
        return explain(detail, ERROR_NO_MEMORY, "TLS", "the library refused its settings");
    }
    *out = context;
    return ERROR_NONE;
}

void tls_context_reference(struct tls_context *context) {
    atomic_fetch_add_explicit(&context->references, 1, memory_order_relaxed);
}

void tls_context_free(struct tls_context *context) {
    if (context == NULL ||
        atomic_fetch_sub_explicit(&context->references, 1, memory_order_acq_rel) > 1)
        return;
    wolfSSL_CTX_free(context->library);
    memory_free(context);
}

/* A new context has a beginning and an end that both sides share; between them it is set up. */
static enum error begin_context(WOLFSSL_METHOD *(*method)(void), struct tls_context **out,
                                struct tls_detail *detail) {
    *out = NULL;
    detail->text[0] = '\0';
    enum error error = tls_library_start();
    if (error != ERROR_NONE)
        return explain(detail, error, "TLS", "the library did not start");
    return context_new(method(), out, detail);
}

static enum error finish_context(enum error error, struct tls_context **context) {
    wolfSSL_ERR_clear_error();
    if (error == ERROR_NONE)
        return ERROR_NONE;
    tls_context_free(*context);
    *context = NULL;
    return error;
}

/* ---- who we are ------------------------------------------------------------------------------ */

static enum error error_of_file(int code) {
    return tls_error_of(code) == ERROR_NO_MEMORY ? ERROR_NO_MEMORY : ERROR_CONFIG_INVALID;
}

static enum error use_certificates(struct tls_context *context, const char *path,
                                   struct tls_detail *detail) {
    struct buffer content = {0};
    enum error error = tls_pem_read(path, &content);
    if (error != ERROR_NONE)
        return explain(detail, error, path, error_text(error));
    int code = wolfSSL_CTX_use_certificate_chain_buffer(context->library, content.data,
                                                        (long)content.size);
    tls_pem_fini(&content);
    if (code == WOLFSSL_SUCCESS)
        return ERROR_NONE;
    return explain(detail, error_of_file(code), path, "not a PEM certificate chain");
}

static enum error use_key(struct tls_context *context, const char *path,
                          struct tls_detail *detail) {
    struct buffer content = {0};
    enum error error = tls_pem_read(path, &content);
    if (error != ERROR_NONE)
        return explain(detail, error, path, error_text(error));
    int code = wolfSSL_CTX_use_PrivateKey_buffer(context->library, content.data, (long)content.size,
                                                 WOLFSSL_FILETYPE_PEM);
    tls_pem_fini(&content);
    if (code != WOLFSSL_SUCCESS)
        return explain(detail, error_of_file(code), path, "not a PEM private key");
    return ERROR_NONE;
}

/* ---- clients --------------------------------------------------------------------------------- */

/* Trusts every usable certificate of `content`; returns the code of the last unusable one. */
static int trust_all(struct tls_context *context, struct bytes content) {
    int last_code = 0;
    struct bytes certificate;
    while (tls_pem_next_certificate(&content, &certificate)) {
        int code = wolfSSL_CTX_load_verify_buffer(context->library, certificate.data,
                                                  (long)certificate.size, WOLFSSL_FILETYPE_PEM);
        if (code == WOLFSSL_SUCCESS) {
            context->authorities++;
        } else {
            context->skipped++;
            last_code = code;
        }
        if (tls_error_of(code) == ERROR_NO_MEMORY)
            break;
    }
    wolfSSL_ERR_clear_error();
    return last_code;
}

static enum error trust_file(struct tls_context *context, const char *path,
                             struct tls_detail *detail) {
    struct buffer content = {0};
    enum error error = tls_pem_read(path, &content);
    if (error != ERROR_NONE)
        return explain(detail, error, path, error_text(error));
    int code = trust_all(context, buffer_bytes(&content));
    tls_pem_fini(&content);
    if (tls_error_of(code) == ERROR_NO_MEMORY)
        return explain(detail, ERROR_NO_MEMORY, path, error_text(ERROR_NO_MEMORY));
    if (context->authorities > 0)
        return ERROR_NONE;
    if (context->skipped == 0)
        return explain(detail, ERROR_CONFIG_INVALID, path, "no certificate in it");
    return explain(detail, ERROR_CONFIG_INVALID, path, tls_reason_of(code));
}

/* The files must serve a server, too: that is how they are tried. */
static enum error identify(struct tls_context *context, const struct tls_client_options *options,
                           struct tls_detail *detail) {
    const struct tls_server_options files = {
        .certificate_file = options->certificate_file,
        .key_file = options->key_file != NULL ? options->key_file : options->certificate_file,
    };
    struct tls_context *trial = NULL;
    enum error error = tls_context_new_server(&files, &trial, detail);
    tls_context_free(trial);
    if (error == ERROR_NONE)
        error = use_certificates(context, files.certificate_file, detail);
    if (error == ERROR_NONE)
        error = use_key(context, files.key_file, detail);
    return error;
}

/* The one place that asks for verification: without it the library accepts everything. */
static bool set_verification(const struct tls_context *context) {
    enum { RSA_BITS_LEAST = 2048, ECC_BITS_LEAST = 256 };
    wolfSSL_CTX_set_verify(context->library,
                           context->verifies ? WOLFSSL_VERIFY_PEER : WOLFSSL_VERIFY_NONE,
                           context->verifies ? tls_verify_peer : NULL);
    return !context->verifies ||
           (wolfSSL_CTX_SetMinRsaKey_Sz(context->library, RSA_BITS_LEAST) == WOLFSSL_SUCCESS &&
            wolfSSL_CTX_SetMinEccKey_Sz(context->library, ECC_BITS_LEAST) == WOLFSSL_SUCCESS);
}

static enum error set_up_client(struct tls_context *context,
                                const struct tls_client_options *options,
                                struct tls_detail *detail) {
    const char *path = options->authority_file;
    enum error error = ERROR_NONE;
    context->verifies = !options->accept_any_certificate;
    if (!set_verification(context) ||
        wolfSSL_CTX_UseSessionTicket(context->library) != WOLFSSL_SUCCESS)
        error = explain(detail, ERROR_NO_MEMORY, "TLS", "the library refused its settings");
    if (error == ERROR_NONE && context->verifies)
        error = trust_file(context, path == NULL ? SYSTEM_AUTHORITIES : path, detail);
    if (error == ERROR_NONE && options->certificate_file != NULL)
        error = identify(context, options, detail);
    return error;
}

enum error tls_context_new_client(const struct tls_client_options *options,
                                  struct tls_context **out, struct tls_detail *detail) {
    enum error error = begin_context(wolfTLS_client_method, out, detail);
    if (error == ERROR_NONE)
        error = set_up_client(*out, options, detail);
    return finish_context(error, out);
}

/* ---- servers --------------------------------------------------------------------------------- */

/* Do the two belong together? */
static enum error check_key(struct tls_context *context, const char *path,
                            struct tls_detail *detail) {
    enum error error = tls_context_try_server(context);
    if (error == ERROR_NO_MEMORY)
        return explain(detail, error, path, error_text(error));
    if (error != ERROR_NONE)
        return explain(detail, ERROR_CONFIG_INVALID, path, "not the key of the certificate");
    return ERROR_NONE;
}

static enum error set_up_server(struct tls_context *context,
                                const struct tls_server_options *options,
                                struct tls_detail *detail) {
    wolfSSL_CTX_set_verify(context->library, WOLFSSL_VERIFY_NONE, NULL);
    enum error error = use_certificates(context, options->certificate_file, detail);
    if (error == ERROR_NONE)
        error = use_key(context, options->key_file, detail);
    return error == ERROR_NONE ? check_key(context, options->key_file, detail) : error;
}

enum error tls_context_new_server(const struct tls_server_options *options,
                                  struct tls_context **out, struct tls_detail *detail) {
    enum error error = begin_context(wolfTLS_server_method, out, detail);
    if (error == ERROR_NONE)
        error = set_up_server(*out, options, detail);
    return finish_context(error, out);
}

size_t tls_context_authority_count(const struct tls_context *context) {
    return context->authorities;
}

size_t tls_context_skipped_count(const struct tls_context *context) {
    return context->skipped;
}

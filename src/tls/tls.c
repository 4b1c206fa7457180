#include <assert.h>
#include <string.h>

#include "base/memory.h"
#include "session.h"
#include "wolfssl.h"

static const char APPLICATION_PROTOCOL[] = "http/1.1"; /* RFC 7301, section 6 */

/* ---- making and ending ----------------------------------------------------------------------- */

static enum error connection_new(struct tls_context *context, struct tls **out) {
    struct tls *tls = memory_allocate_zeroed(sizeof *tls);
    if (tls == NULL)
        return ERROR_NO_MEMORY;
    tls->context = context;
    tls_context_reference(context);
    tls->library = wolfSSL_new(context->library);
    if (tls->library == NULL) {
        tls_free(tls);
        return ERROR_NO_MEMORY;
    }
    wolfSSL_SetIOReadCtx(tls->library, tls);
    wolfSSL_SetIOWriteCtx(tls->library, tls);
    wolfSSL_SetCertCbCtx(tls->library, tls);
    *out = tls;
    return ERROR_NONE;
}

static bool use_application_protocol(WOLFSSL *library) {
    return wolfSSL_UseALPN(library, (char *)APPLICATION_PROTOCOL, strlen(APPLICATION_PROTOCOL),
                           WOLFSSL_ALPN_CONTINUE_ON_MISMATCH) == WOLFSSL_SUCCESS;
}

/* RFC 6066, section 3: addresses are not permitted in server_name. */
static bool use_server_name(WOLFSSL *library, const struct tls_host *host) {
    return host->address_size > 0 ||
           wolfSSL_UseSNI(library, WOLFSSL_SNI_HOST_NAME, host->name,
                          (unsigned short)strlen(host->name)) == WOLFSSL_SUCCESS;
}

enum error tls_client_new(struct tls_context *context, struct bytes host,
                          const struct tls_session *resume, struct tls **out) {
    struct tls_host parsed;
    struct tls *tls;
    *out = NULL;
    if (!tls_host_parse(&parsed, host))
        return ERROR_INVALID_ARGUMENT;
    enum error error = connection_new(context, &tls);
    if (error != ERROR_NONE)
        return error;
    tls->host = parsed;
    if (!use_application_protocol(tls->library) || !use_server_name(tls->library, &tls->host)) {
        tls_free(tls);
        return ERROR_NO_MEMORY;
    }
    tls_session_apply(tls, resume);
    *out = tls;
    return ERROR_NONE;
}

enum error tls_server_new(struct tls_context *context, struct tls **out) {
    struct tls *tls;
    *out = NULL;
    enum error error = connection_new(context, &tls);
    if (error != ERROR_NONE)
        return error;
    if (!use_application_protocol(tls->library)) {
        tls_free(tls);
        return ERROR_NO_MEMORY;
    }
    *out = tls;
    return ERROR_NONE;
}

void tls_free(struct tls *tls) {
    if (tls == NULL)
        return;
    wolfSSL_free(tls->library);
    tls_context_free(tls->context);
    buffer_fini(&tls->input);
    buffer_fini(&tls->output);
    memory_free(tls);
}

/* ---- ciphertext ------------------------------------------------------------------------------ */

static struct bytes waiting_input(const struct tls *tls) {
    return bytes_after(buffer_bytes(&tls->input), tls->input_taken);
}

int tls_take_input(WOLFSSL *library, char *out, int capacity, void *connection) {
    (void)library;
    struct tls *tls = connection;
    struct bytes waiting = waiting_input(tls);
    if (waiting.size == 0)
        return WOLFSSL_CBIO_ERR_WANT_READ;
    size_t size = waiting.size < (size_t)capacity ? waiting.size : (size_t)capacity;
    memcpy(out, waiting.data, size);
    tls->input_taken += size;
    return (int)size;
}

int tls_put_output(WOLFSSL *library, char *data, int size, void *connection) {
    (void)library;
    struct tls *tls = connection;
    if (buffer_append(&tls->output, data, (size_t)size) == ERROR_NONE)
        return size;
    tls_fail_with(tls, ERROR_NO_MEMORY, NULL);
    return WOLFSSL_CBIO_ERR_GENERAL;
}

/* An idle connection keeps no input buffer: there are many of them, and it costs little to make. */
static void drop_taken_input(struct tls *tls) {
    if (tls->input_taken == tls->input.size)
        buffer_fini(&tls->input);
    else
        buffer_consume(&tls->input, tls->input_taken);
    tls->input_taken = 0;
}

/* RFC 8446, section 5.1: a record begins with its type, 20 to 23. Plain HTTP gets a clear answer.
 */
static void look_at_first_byte(struct tls *tls, struct bytes ciphertext) {
    if (tls->heard || ciphertext.size == 0)
        return;
    tls->heard = true;
    tls->not_tls = ciphertext.data[0] < 20 || ciphertext.data[0] > 23;
}

enum error tls_receive(struct tls *tls, struct bytes ciphertext) {
    if (tls->error != ERROR_NONE)
        return tls->error;
    size_t waiting = waiting_input(tls).size;
    if (ciphertext.size > TLS_INPUT_MAX - waiting)
        return ERROR_LIMIT_REACHED;
    drop_taken_input(tls);
    look_at_first_byte(tls, ciphertext);
    if (buffer_append(&tls->input, ciphertext.data, ciphertext.size) == ERROR_NONE)
        return ERROR_NONE;
    return tls_fail_with(tls, ERROR_NO_MEMORY, NULL);
}

void tls_end_of_stream(struct tls *tls) {
    tls->ended = true;
}

struct buffer *tls_output(struct tls *tls) {
    return &tls->output;
}

/* ---- the handshake --------------------------------------------------------------------------- */

static bool wants_more(const struct tls *tls, int result) {
    int code = wolfSSL_get_error(tls->library, result);
    return code == WOLFSSL_ERROR_WANT_READ && tls->error == ERROR_NONE;
}

/* The library has used up the input: the answer depends on whether there can be more. */
static enum tls_status wait_for_input(struct tls *tls, const char *where) {
    drop_taken_input(tls);
    if (!tls->ended)
        return TLS_WANT_MORE;
    tls_fail_with(tls, ERROR_TLS_TRUNCATED, where);
    return TLS_ERROR;
}

enum tls_status tls_handshake(struct tls *tls) {
    if (tls->error != ERROR_NONE)
        return TLS_ERROR;
    if (tls->established)
        return TLS_DONE;
    tls_thread_enter();
    int result = wolfSSL_negotiate(tls->library);
    if (result == WOLFSSL_SUCCESS) {
        tls->established = true;
        /* needed for handshakes only; the library has let go of the rest by itself */
        wolfSSL_FreeArrays(tls->library);
        return TLS_DONE;
    }
    if (wants_more(tls, result))
        return wait_for_input(tls, "during the handshake");
    tls_fail(tls, result);
    return TLS_ERROR;
}

/* ---- plaintext ------------------------------------------------------------------------------- */

static enum tls_status read_failed(struct tls *tls, int result) {
    if (wants_more(tls, result))
        return wait_for_input(tls, NULL);
    if (tls->error == ERROR_NONE &&
        wolfSSL_get_error(tls->library, result) == WOLFSSL_ERROR_ZERO_RETURN) {
        tls->close_seen = true;
        wolfSSL_ERR_clear_error();
        return TLS_CLOSED;
    }
    tls_fail(tls, result);
    return TLS_ERROR;
}

enum tls_status tls_read(struct tls *tls, void *out, size_t capacity, size_t *size) {
    assert(capacity > 0);
    *size = 0;
    if (tls->close_seen)
        return TLS_CLOSED;
    enum tls_status status = tls_handshake(tls);
    if (status != TLS_DONE)
        return status;
    int result = wolfSSL_read(tls->library, out, capacity > INT32_MAX ? INT32_MAX : (int)capacity);
    if (result <= 0)
        return read_failed(tls, result);
    *size = (size_t)result;
    return TLS_DONE;
}

enum error tls_write(struct tls *tls, struct bytes plaintext) {
    enum { STEP = 1 << 20 };
    assert(tls->established && !tls->close_said);
    while (plaintext.size > 0 && tls->error == ERROR_NONE) {
        int step = plaintext.size < STEP ? (int)plaintext.size : STEP;
        int result = wolfSSL_write(tls->library, plaintext.data, step);
        if (result <= 0)
            return tls_fail(tls, result);
        plaintext = bytes_after(plaintext, (size_t)result);
    }
    return tls->error;
}

enum error tls_close(struct tls *tls) {
    if (tls->error != ERROR_NONE || tls->close_said)
        return tls->error;
    tls->close_said = true;
    if (!tls->established)
        return ERROR_NONE;
    int result = wolfSSL_shutdown(tls->library);
    return result < 0 ? tls_fail(tls, result) : ERROR_NONE;
}

/* ---- reports --------------------------------------------------------------------------------- */

enum error tls_error(const struct tls *tls) {
    return tls->error;
}

const char *tls_error_detail(const struct tls *tls) {
    return tls->detail.text;
}

const char *tls_version_name(const struct tls *tls) {
    return wolfSSL_get_version(tls->library);
}

const char *tls_cipher_name(const struct tls *tls) {
    return wolfSSL_get_cipher_name(tls->library);
}

const char *tls_group_name(const struct tls *tls) {
    const char *name = wolfSSL_get_curve_name(tls->library);
    return name == NULL ? "" : name;
}

bool tls_resumed(const struct tls *tls) {
    return wolfSSL_session_reused(tls->library) == 1;
}

/*
 * A server's TLS connection. Byte 0, even: the rest is what a client sends. Odd: a client of ours
 * talks to it, and what that sends is changed on its way: three bytes each say at which place of
 * the stream, and which bits are turned over there (none: the byte is lost). Byte 1: how it is cut;
 * 2: which allocation fails as a connection is made (0: none). Later ones do not: where its memory
 * ends in a handshake, the library forgets blocks, which tests/unit/tls looks at.
 *
 * Oracles: every cut of a client's bytes ends alike, in an error once the stream has ended; what
 * the server says stays small; what it reads is a beginning of what the client of ours has written,
 * and all of it if nothing was changed; nothing is left of it.
 */
#include "fuzz.h"
#include "tls/tls.h"

enum { OUTPUT_MOST = 32 * 1024, ROUNDS_MOST = 12 };

static struct tls_context *server_context, *client_context;

static void make_contexts(void) {
    static const char good[] = TEST_DATA "/tls/good.pem", root[] = TEST_DATA "/tls/root.pem";
    const struct tls_server_options server = {good, good};
    const struct tls_client_options client = {.authority_file = root};
    struct tls_detail detail;
    FUZZ_CHECK(tls_context_new_server(&server, &server_context, &detail) == ERROR_NONE);
    FUZZ_CHECK(tls_context_new_client(&client, &client_context, &detail) == ERROR_NONE);
}

/* Reads all there is, after a step of the handshake if that is due. */
static enum tls_status read_all(struct tls *tls, struct buffer *got) {
    uint8_t data[512];
    size_t size;
    enum tls_status status;
    while ((status = tls_read(tls, data, sizeof data, &size)) == TLS_DONE)
        FUZZ_CHECK(buffer_append(got, data, size) == ERROR_NONE);
    FUZZ_CHECK(size == 0);
    FUZZ_CHECK((status == TLS_ERROR) == (tls_error(tls) != ERROR_NONE));
    FUZZ_CHECK((status == TLS_ERROR) == (tls_error_detail(tls)[0] != '\0'));
    FUZZ_CHECK(tls_output(tls)->size <= OUTPUT_MOST);
    return status;
}

static enum tls_status feed(struct tls *tls, struct bytes input, unsigned cut, struct buffer *got) {
    struct fuzz_pieces pieces = fuzz_pieces_begin(input, cut);
    enum tls_status status = read_all(tls, got);
    uint8_t *data;
    size_t size;
    while (status == TLS_WANT_MORE && fuzz_pieces_next(&pieces, &data, &size)) {
        FUZZ_CHECK(tls_receive(tls, bytes_make(data, size)) == ERROR_NONE);
        status = read_all(tls, got);
    }
    return status;
}

/* ---- bytes of anybody ------------------------------------------------------------------------ */

struct ending {
    enum tls_status status;
    enum error error;
};

static struct ending serve(struct bytes input, unsigned cut) {
    struct buffer got = {0};
    struct tls *tls;
    FUZZ_CHECK(tls_server_new(server_context, &tls) == ERROR_NONE);
    struct ending ending = {feed(tls, input, cut, &got), ERROR_NONE};
    ending.error = tls_error(tls);
    tls_end_of_stream(tls);
    enum tls_status status = read_all(tls, &got);
    FUZZ_CHECK(status == TLS_ERROR || status == TLS_CLOSED);
    FUZZ_CHECK(status == ending.status || ending.status == TLS_WANT_MORE);
    tls_free(tls);
    buffer_fini(&got);
    return ending;
}

static void check_bytes(struct bytes input, unsigned cut) {
    const unsigned cuts[] = {FUZZ_BYTES, cut};
    struct ending whole = serve(input, FUZZ_WHOLE);
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        struct ending other = serve(input, cuts[i]);
        FUZZ_CHECK(other.status == whole.status && other.error == whole.error);
    }
}

/* ---- a client of ours ------------------------------------------------------------------------ */

/* Changes what stands at [from, from + flight's size) of the client's stream. */
static bool change(struct buffer *flight, size_t from, struct bytes edits) {
    bool changed = false;
    size_t lost = 0, size = flight->size;
    while (edits.size > 0) {
        size_t place = fuzz_take(&edits);
        place |= (size_t)fuzz_take(&edits) << 8;
        uint8_t bits = fuzz_take(&edits);
        if (place < from || place - from >= size || place - from < lost)
            continue;
        size_t at = place - from - lost;
        changed = true;
        flight->data[at] ^= bits;
        if (bits != 0)
            continue;
        memmove(flight->data + at, flight->data + at + 1, flight->size - at - 1);
        flight->size--;
        lost++;
    }
    return changed;
}

static struct buffer take_output(struct tls *tls) {
    struct buffer output = *tls_output(tls);
    *tls_output(tls) = (struct buffer){0};
    return output;
}

static const char text[] = "GET / HTTP/1.1\r\nHost: good.test\r\n\r\n";

/* What the client says next: its part of the handshake, then the text and a goodbye. */
static struct buffer speak(struct tls *client, bool *written) {
    struct buffer answered = {0};
    if (read_all(client, &answered) == TLS_WANT_MORE && !*written &&
        tls_handshake(client) == TLS_DONE) {
        *written = tls_write(client, bytes_of(text)) == ERROR_NONE;
        tls_close(client);
    }
    buffer_fini(&answered);
    return take_output(client);
}

/* Returns whether anything was changed on its way. */
static bool talk(struct tls *client, struct tls *server, struct bytes edits, unsigned cut,
                 struct buffer *heard) {
    bool changed = false, written = false;
    size_t sent = 0;
    enum tls_status status = TLS_WANT_MORE;
    for (size_t round = 0; round < ROUNDS_MOST && status == TLS_WANT_MORE; round++) {
        struct buffer flight = speak(client, &written);
        size_t size = flight.size;
        changed |= change(&flight, sent, edits);
        sent += size;
        status = feed(server, buffer_bytes(&flight), cut, heard);
        buffer_fini(&flight);
        flight = take_output(server);
        if (flight.size > 0)
            tls_receive(client, buffer_bytes(&flight));
        buffer_fini(&flight);
    }
    FUZZ_CHECK(changed || status == TLS_CLOSED);
    return changed;
}

static void check_talk(struct bytes edits, unsigned cut, size_t failing) {
    struct buffer heard = {0};
    struct tls *client, *server;
    if (failing > 0)
        memory_fail_after(failing - 1, 1);
    enum error error = tls_client_new(client_context, bytes_of("good.test"), NULL, &client);
    FUZZ_CHECK(error == ERROR_NONE || memory_failures() > 0);
    error = tls_server_new(server_context, &server);
    FUZZ_CHECK(error == ERROR_NONE || memory_failures() > 0);
    memory_fail_after(0, 0);
    bool changed = true;
    if (client != NULL && server != NULL)
        changed = talk(client, server, edits, cut, &heard);
    FUZZ_CHECK(heard.size < sizeof text &&
               memcmp(text, heard.data == NULL ? (uint8_t *)text : heard.data, heard.size) == 0);
    FUZZ_CHECK(changed || heard.size == sizeof text - 1);
    if (!changed)
        FUZZ_CHECK(strcmp(tls_version_name(server), "TLSv1.3") == 0 && !tls_resumed(server) &&
                   tls_cipher_name(server)[0] != '\0' && tls_group_name(server)[0] != '\0');
    tls_free(client);
    tls_free(server);
    buffer_fini(&heard);
}

/* The library keeps tables for the points of a few keys that it has seen, until told not to. */
static void check_nothing_is_left(size_t blocks) {
    static size_t bare;
    if (bare == 0) {
        tls_thread_fini();
        bare = memory_live_blocks();
    } else if (memory_live_blocks() != blocks) {
        tls_thread_fini();
        FUZZ_CHECK(memory_live_blocks() == bare);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bytes input = bytes_make(data, size);
    uint8_t choice = fuzz_take(&input);
    unsigned cut = fuzz_take(&input);
    size_t failing = fuzz_take(&input);
    if (server_context == NULL) {
        make_contexts();
        check_talk((struct bytes){0}, FUZZ_WHOLE, 0); /* the library's own memory comes with it */
        check_nothing_is_left(0);
    }
    size_t blocks = memory_live_blocks();
    if (input.size > 4000)
        return 0;
    if (choice % 2 == 0)
        check_bytes(input, cut);
    else
        check_talk(input, cut, failing);
    check_nothing_is_left(blocks);
    return 0;
}

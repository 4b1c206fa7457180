/*
 * The server name in a ClientHello. Byte 0, even: the rest is the beginning of a connection. Odd: a
 * hello is made of it: byte 1 is the length of the session, 2 of the suites, 3 of the compressions;
 * then a line with the name, and what stands in the extensions around it, each with its kind and
 * its size in front.
 *
 * Oracles: a second reading of RFC 8446 section 4.1.2 and RFC 6066, by offsets; a name lies in the
 * input; the answer to every beginning of the input is NEEDS_MORE or that to all of it; of a hello
 * that was made, the name is the one that went into it.
 */
#include "fuzz.h"
#include "tls/identities.h"

static size_t ref_number(const uint8_t *data, size_t size) {
    size_t number = 0;
    for (size_t i = 0; i < size; i++)
        number = number * 256 + data[i];
    return number;
}

/* Behind a vector whose length takes `size` bytes, or beyond every end. */
static size_t ref_behind(const uint8_t *data, size_t at, size_t end, size_t size) {
    return at + size > end ? SIZE_MAX / 2 : at + size + ref_number(data + at, size);
}

/* RFC 6066 section 3: the first host name of the list between `at` and `end`. */
static struct bytes ref_first_name(const uint8_t *data, size_t at, size_t end) {
    size_t list_end = ref_behind(data, at, end, 2);
    for (at += 2; list_end <= end && at < list_end;) {
        size_t next = at + 1 > list_end ? SIZE_MAX / 2 : ref_behind(data, at + 1, list_end, 2);
        if (next > list_end)
            break;
        if (data[at] == 0)
            return bytes_make(data + at + 3, next - at - 3);
        at = next;
    }
    return (struct bytes){0};
}

/* The message between `at` and `end`. */
static struct bytes ref_name(const uint8_t *data, size_t at, size_t end) {
    if (at == end || data[at] != 1 || ref_behind(data, at + 1, end, 3) > end)
        return (struct bytes){0};
    end = ref_behind(data, at + 1, end, 3);
    at += 4 + 34;
    const size_t vectors[] = {1, 2, 1};
    for (size_t i = 0; i < 3; i++)
        at = at > end ? at : ref_behind(data, at, end, vectors[i]);
    if (at > end || ref_behind(data, at, end, 2) > end)
        return (struct bytes){0};
    end = ref_behind(data, at, end, 2);
    for (at += 2; at + 4 <= end;) {
        size_t next = ref_behind(data, at + 2, end, 2);
        if (next > end)
            break;
        if (ref_number(data + at, 2) == 0)
            return ref_first_name(data, at + 4, next);
        at = next;
    }
    return (struct bytes){0};
}

static enum tls_hello ref_read(struct bytes input, struct bytes *name) {
    *name = (struct bytes){0};
    if (input.size == 0)
        return TLS_HELLO_NEEDS_MORE;
    if (input.data[0] != 22)
        return TLS_HELLO_NOT_TLS;
    if (input.size < 5)
        return TLS_HELLO_NEEDS_MORE;
    size_t size = ref_number(input.data + 3, 2);
    if (size > 16384)
        return TLS_HELLO_READ;
    if (input.size < 5 + size)
        return TLS_HELLO_NEEDS_MORE;
    *name = ref_name(input.data, 5, 5 + size);
    return TLS_HELLO_READ;
}

static bool same_view(struct bytes a, struct bytes b) {
    return a.size == b.size && (a.size == 0 || a.data == b.data);
}

static void check_input(struct bytes input) {
    struct bytes name, expected, part;
    enum tls_hello whole = tls_hello_read(input, &name);
    FUZZ_CHECK(whole == ref_read(input, &expected));
    FUZZ_CHECK(same_view(name, expected));
    for (size_t size = 0; size < input.size; size++) {
        enum tls_hello answer = tls_hello_read(bytes_make(input.data, size), &part);
        FUZZ_CHECK(answer == TLS_HELLO_NEEDS_MORE || (answer == whole && same_view(part, name)));
    }
}

/* ---- hellos that are made -------------------------------------------------------------------- */

enum { ROOM = 1 << 14 };

struct maker {
    uint8_t bytes[ROOM];
    size_t size;
};

static void put_number(struct maker *maker, size_t number, size_t size) {
    FUZZ_CHECK(maker->size + size <= ROOM);
    while (size-- > 0)
        maker->bytes[maker->size++] = (uint8_t)(number >> 8 * size);
}

static void put_filler(struct maker *maker, size_t size) {
    FUZZ_CHECK(maker->size + size <= ROOM);
    memset(maker->bytes + maker->size, 0x16, size);
    maker->size += size;
}

/* The length in front of what stands behind `at`. */
static void set_length(struct maker *maker, size_t at, size_t size) {
    size_t end = maker->size;
    maker->size = at;
    put_number(maker, end - at - size, size);
    maker->size = end;
}

static void put_name(struct maker *maker, struct bytes name) {
    put_number(maker, 0, 2);
    put_number(maker, name.size + 5, 2);
    put_number(maker, name.size + 3, 2);
    put_number(maker, 0, 1);
    put_number(maker, name.size, 2);
    for (size_t i = 0; i < name.size; i++)
        put_number(maker, name.data[i], 1);
}

/* The first of them is the name, or the last. */
static void put_extensions(struct maker *maker, struct bytes name, bool first, struct bytes input) {
    size_t at = maker->size;
    put_number(maker, 0, 2);
    if (first)
        put_name(maker, name);
    while (input.size > 0) {
        size_t kind = fuzz_take(&input);
        struct bytes content = fuzz_take_bytes(&input, fuzz_take(&input));
        put_number(maker, kind + (!first && kind == 0), 2);
        put_number(maker, content.size, 2);
        for (size_t i = 0; i < content.size; i++)
            put_number(maker, content.data[i], 1);
    }
    if (!first)
        put_name(maker, name);
    set_length(maker, at, 2);
}

static void check_made(struct bytes input, bool first) {
    static struct maker maker;
    const size_t sizes[] = {1, 2, 1};
    struct bytes found;
    maker.size = 0;
    put_number(&maker, 0x1603010000, 5);
    put_number(&maker, 1, 1);
    put_number(&maker, 0, 3);
    put_filler(&maker, 34);
    for (size_t i = 0; i < 3; i++) {
        size_t length = fuzz_take(&input);
        put_number(&maker, length, sizes[i]);
        put_filler(&maker, length);
    }
    struct bytes name = fuzz_take_until(&input, '\n');
    put_extensions(&maker, name, first, input);
    set_length(&maker, 6, 3);
    set_length(&maker, 3, 2);
    FUZZ_CHECK(tls_hello_read(bytes_make(maker.bytes, maker.size), &found) == TLS_HELLO_READ);
    FUZZ_CHECK(bytes_equal(found, name));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bytes input = bytes_make(data, size);
    uint8_t choice = fuzz_take(&input);
    if (input.size > ROOM / 8)
        return 0;
    if (choice % 2 == 0)
        check_input(input);
    else
        check_made(input, choice / 2 % 2 == 0);
    return 0;
}

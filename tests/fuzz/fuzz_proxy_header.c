/*
 * The PROXY protocol. The input is the beginning of a connection.
 *
 * Oracle: a second reading of the same specification, with the C library's own parsers of addresses
 * and numbers; and the answer to every beginning of the input is NEEDS_MORE or that to all of it.
 */
#include <arpa/inet.h>

#include "fuzz.h"
#include "proxy_header.h"

struct ref_answer {
    enum proxy_header_answer answer;
    size_t size;
    char text[ADDRESS_TEXT_SIZE]; /* where it comes from, as the code under test prints it */
};

static const uint8_t ref_signature[] = "\x0D\x0A\x0D\x0A\x00\x0D\x0A\x51\x55\x49\x54\x0A";

static void ref_print(struct ref_answer *answer, int family, const void *bytes, unsigned port) {
    char host[INET6_ADDRSTRLEN];
    FUZZ_CHECK(inet_ntop(family, bytes, host, sizeof host) != NULL);
    snprintf(answer->text, sizeof answer->text, family == AF_INET ? "%s:%u" : "[%s]:%u", host,
             port);
}

static bool ref_port(struct bytes text, unsigned *port) {
    *port = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || *port > 65535)
            return false;
        *port = *port * 10 + (text.data[i] - '0');
    }
    return text.size > 0 && *port <= 65535;
}

static bool ref_host(int family, struct bytes text, uint8_t out[16]) {
    char copy[64];
    if (text.size >= sizeof copy || (text.size > 0 && memchr(text.data, 0, text.size) != NULL))
        return false;
    snprintf(copy, sizeof copy, "%.*s", (int)text.size, (const char *)text.data);
    return inet_pton(family, copy, out) == 1;
}

/* `line` is what stands between "PROXY " and CR LF. */
static bool ref_line(struct bytes line, struct ref_answer *answer) {
    struct bytes words[6];
    size_t count = 0;
    struct bytes rest = line, protocol = fuzz_take_until(&rest, ' ');
    answer->answer = PROXY_HEADER_NAMELESS;
    if (protocol.size == 7 && memcmp(protocol.data, "UNKNOWN", 7) == 0)
        return true;
    for (size_t i = 0; i < line.size; i++)
        count += line.data[i] == ' ';
    if (count != 4 || protocol.size != 4 || memcmp(protocol.data, "TCP", 3) != 0)
        return false;
    int family = protocol.data[3] == '4' ? AF_INET : AF_INET6;
    for (size_t i = 0; i < 4; i++)
        words[i] = fuzz_take_until(&rest, ' ');
    uint8_t source[16], target[16];
    unsigned ports[2];
    if ((family == AF_INET6 && protocol.data[3] != '6') || !ref_host(family, words[0], source) ||
        !ref_host(family, words[1], target) || !ref_port(words[2], &ports[0]) ||
        !ref_port(words[3], &ports[1]))
        return false;
    ref_print(answer, family, source, ports[0]);
    answer->answer = PROXY_HEADER_READ;
    return true;
}

static void ref_read_line(struct bytes input, struct ref_answer *answer) {
    for (size_t end = 0; end + 1 < input.size && end + 2 <= 107; end++) {
        if (input.data[end] != '\r' || input.data[end + 1] != '\n')
            continue;
        bool good = end >= 6 && ref_line(bytes_make(input.data + 6, end - 6), answer);
        if (!good)
            answer->answer = PROXY_HEADER_BAD;
        answer->size = end + 2;
        return;
    }
    answer->answer = input.size < 107 ? PROXY_HEADER_NEEDS_MORE : PROXY_HEADER_BAD;
}

static void ref_read_binary(struct bytes input, struct ref_answer *answer) {
    if (input.size < 16)
        return;
    const uint8_t *data = input.data;
    size_t length = (size_t)data[14] << 8 | data[15];
    answer->answer = PROXY_HEADER_BAD;
    if ((data[12] != 0x20 && data[12] != 0x21) || length > 2048)
        return;
    answer->answer = PROXY_HEADER_NEEDS_MORE;
    if (input.size < 16 + length)
        return;
    bool v4 = data[12] == 0x21 && data[13] == 0x11, v6 = data[12] == 0x21 && data[13] == 0x21;
    answer->answer = PROXY_HEADER_BAD;
    if ((v4 && length < 12) || (v6 && length < 36) ||
        (data[12] == 0x21 && (data[13] >= 0x40 || data[13] % 16 > 2)))
        return;
    answer->answer = v4 || v6 ? PROXY_HEADER_READ : PROXY_HEADER_NAMELESS;
    answer->size = 16 + length;
    if (v4)
        ref_print(answer, AF_INET, data + 16, (unsigned)data[24] << 8 | data[25]);
    if (v6)
        ref_print(answer, AF_INET6, data + 16, (unsigned)data[48] << 8 | data[49]);
}

static struct ref_answer ref_read(struct bytes input) {
    struct ref_answer answer = {.answer = PROXY_HEADER_NEEDS_MORE, .text = "[::1]:9"};
    size_t binary = 0, line = 0;
    while (binary < 12 && binary < input.size && input.data[binary] == ref_signature[binary])
        binary++;
    while (line < 6 && line < input.size && input.data[line] == (uint8_t)"PROXY "[line])
        line++;
    if (binary == 12)
        ref_read_binary(input, &answer);
    else if (line == 6)
        ref_read_line(input, &answer);
    else if (binary < input.size && line < input.size)
        answer.answer = PROXY_HEADER_BAD;
    return answer;
}

static struct ref_answer read_header(struct bytes input) {
    static const uint8_t host[16] = {[15] = 1};
    struct address address = address_v6(host, 9);
    struct ref_answer answer = {0};
    answer.answer = proxy_header_read(input, &answer.size, &address);
    address_format(&address, answer.text);
    return answer;
}

static void check(const struct ref_answer *answer, const struct ref_answer *expected) {
    FUZZ_CHECK(answer->answer == expected->answer);
    if (answer->answer != PROXY_HEADER_READ && answer->answer != PROXY_HEADER_NAMELESS)
        return;
    FUZZ_CHECK(answer->size == expected->size);
    FUZZ_CHECK(strcmp(answer->text, expected->text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bytes input = bytes_make(data, size);
    struct ref_answer whole = read_header(input), expected = ref_read(input);
    check(&whole, &expected);
    FUZZ_CHECK(size < PROXY_HEADER_MAX || whole.answer != PROXY_HEADER_NEEDS_MORE);
    for (size_t i = 0; i < size && i < PROXY_HEADER_MAX; i++) {
        struct ref_answer part = read_header(bytes_make(data, i));
        if (part.answer != PROXY_HEADER_NEEDS_MORE)
            check(&part, &whole);
    }
    return 0;
}

#include "command.h"

#include <string.h>

/* What is left of the text; `fault` is set once and ends the reading. */
struct reader_state {
    struct bytes rest;
    struct buffer *strings; /* has room for all of them: none is longer than it was written */
    const char *fault;
};

static void skip_blanks(struct reader_state *state) {
    while (state->rest.size > 0 && strchr(" \t\r\n", state->rest.data[0]) != NULL &&
           state->rest.data[0] != '\0')
        state->rest = bytes_after(state->rest, 1);
}

static int peek(struct reader_state *state) {
    skip_blanks(state);
    return state->rest.size > 0 ? state->rest.data[0] : -1;
}

static bool take(struct reader_state *state, char expected) {
    if (peek(state) != expected)
        return false;
    state->rest = bytes_after(state->rest, 1);
    return true;
}

static void fail(struct reader_state *state, const char *fault) {
    if (state->fault == NULL)
        state->fault = fault;
}

/* ---- strings --------------------------------------------------------------------------------- */

static int hexadecimal(uint8_t digit) {
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    digit |= 0x20;
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* The four digits behind "\u", or -1. */
static int32_t take_unit(struct reader_state *state) {
    int32_t unit = 0;
    if (state->rest.size < 4)
        return -1;
    for (size_t i = 0; i < 4; i++) {
        int digit = hexadecimal(state->rest.data[i]);
        if (digit < 0)
            return -1;
        unit = unit << 4 | digit;
    }
    state->rest = bytes_after(state->rest, 4);
    return unit;
}

static void put(struct reader_state *state, uint32_t byte) {
    state->strings->data[state->strings->size++] = (uint8_t)byte;
}

static void put_character(struct reader_state *state, uint32_t code) {
    if (code < 0x80) {
        put(state, code);
    } else if (code < 0x800) {
        put(state, 0xC0 | code >> 6);
        put(state, 0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        put(state, 0xE0 | code >> 12);
        put(state, 0x80 | (code >> 6 & 0x3F));
        put(state, 0x80 | (code & 0x3F));
    } else {
        put(state, 0xF0 | code >> 18);
        put(state, 0x80 | (code >> 12 & 0x3F));
        put(state, 0x80 | (code >> 6 & 0x3F));
        put(state, 0x80 | (code & 0x3F));
    }
}

/* A character by its number; above U+FFFF it is a pair of two (RFC 8259 section 7). */
static void take_escaped_character(struct reader_state *state) {
    int32_t code = take_unit(state);
    if (code >= 0xD800 && code < 0xDC00) {
        int32_t low = -1;
        if (state->rest.size >= 2 && memcmp(state->rest.data, "\\u", 2) == 0) {
            state->rest = bytes_after(state->rest, 2);
            low = take_unit(state);
        }
        code =
            low >= 0xDC00 && low < 0xE000 ? 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00) : -1;
    } else if (code >= 0xDC00 && code < 0xE000) {
        code = -1;
    }
    if (code < 0)
        fail(state, "a bad escape in a string");
    else
        put_character(state, (uint32_t)code);
}

static void take_escape(struct reader_state *state) {
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    uint8_t name = state->rest.size > 0 ? state->rest.data[0] : 0;
    const char *found = name != '\0' ? strchr(names, name) : NULL;
    if (state->rest.size > 0)
        state->rest = bytes_after(state->rest, 1);
    if (name == 'u')
        take_escaped_character(state);
    else if (found != NULL)
        put(state, (uint8_t)values[found - names]);
    else
        fail(state, "a bad escape in a string");
}

/* Behind its opening quote. */
static struct bytes take_string(struct reader_state *state) {
    size_t start = state->strings->size;
    while (state->fault == NULL) {
        if (state->rest.size == 0 || state->rest.data[0] < 0x20) {
            fail(state, "a string without an end");
            break;
        }
        uint8_t byte = state->rest.data[0];
        state->rest = bytes_after(state->rest, 1);
        if (byte == '"')
            break;
        if (byte == '\\')
            take_escape(state);
        else
            put(state, byte);
    }
    return bytes_make(state->strings->data + start, state->strings->size - start);
}

/* ---- values ---------------------------------------------------------------------------------- */

static bool ends_word(uint8_t byte) {
    return strchr(" \t\r\n,}", byte) != NULL;
}

/* A number or a word, up to what must follow it. */
static struct bytes take_word(struct reader_state *state) {
    struct bytes word = {state->rest.data, 0};
    while (word.size < state->rest.size && !ends_word(state->rest.data[word.size]))
        word.size++;
    state->rest = bytes_after(state->rest, word.size);
    return word;
}

struct text_member {
    const char *name;
    struct bytes *value;
    bool *there;
};

struct number_member {
    const char *name;
    uint64_t *value;
    bool *there;
};

static void set_text(struct command *command, struct bytes name, struct bytes value) {
    bool there;
    const struct text_member members[] = {
        {"type", &command->type, &there},
        {"channel", &command->channel, &there},
        {"epoch", &command->epoch, &there},
        {"text", &command->text, &command->has_text},
        {"base64", &command->base64, &command->has_base64},
    };
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        if (!bytes_equal(name, bytes_of(members[i].name)))
            continue;
        *members[i].value = value;
        *members[i].there = true;
    }
}

static bool is_literal(struct bytes word) {
    return bytes_equal(word, bytes_of("true")) || bytes_equal(word, bytes_of("false")) ||
           bytes_equal(word, bytes_of("null"));
}

static bool take_digits(struct bytes *rest) {
    size_t count = 0;
    while (count < rest->size && rest->data[count] >= '0' && rest->data[count] <= '9')
        count++;
    *rest = bytes_after(*rest, count);
    return count > 0;
}

static bool take_one_of(struct bytes *rest, const char *characters) {
    if (rest->size == 0 || rest->data[0] == '\0' || strchr(characters, rest->data[0]) == NULL)
        return false;
    *rest = bytes_after(*rest, 1);
    return true;
}

/* RFC 8259 section 6. */
static bool is_number(struct bytes word) {
    take_one_of(&word, "-");
    if (!take_one_of(&word, "0") && !take_digits(&word))
        return false;
    if (take_one_of(&word, ".") && !take_digits(&word))
        return false;
    if (take_one_of(&word, "eE")) {
        take_one_of(&word, "+-");
        if (!take_digits(&word))
            return false;
    }
    return word.size == 0;
}

static void set_word(struct reader_state *state, struct command *command, struct bytes name,
                     struct bytes word) {
    const struct number_member members[] = {
        {"id", &command->id, &command->has_id},
        {"offset", &command->offset, &command->has_offset},
        {"last", &command->last, &command->has_last},
        {"limit", &command->limit, &command->has_limit},
    };
    if (!is_literal(word) && !is_number(word)) {
        fail(state, "a value is neither a string nor a number");
        return;
    }
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        if (!bytes_equal(name, bytes_of(members[i].name)))
            continue;
        if (!bytes_to_unsigned(word, members[i].value))
            fail(state, "id, offset, last and limit are whole numbers");
        *members[i].there = true;
    }
}

static void read_member(struct reader_state *state, struct command *command) {
    if (!take(state, '"')) {
        fail(state, "a member's name is missing");
        return;
    }
    struct bytes name = take_string(state);
    if (!take(state, ':'))
        fail(state, "a colon is missing");
    else if (take(state, '"'))
        set_text(command, name, take_string(state));
    else if (peek(state) >= 0)
        set_word(state, command, name, take_word(state));
}

static void read_object(struct reader_state *state, struct command *command) {
    if (!take(state, '{'))
        fail(state, "not a JSON object");
    bool empty = peek(state) == '}';
    while (state->fault == NULL && !empty) {
        read_member(state, command);
        if (!take(state, ','))
            break;
    }
    if (!take(state, '}') || peek(state) >= 0)
        fail(state, "not one whole JSON object");
}

const char *command_read(struct bytes text, struct command *command) {
    *command = (struct command){0};
    struct reader_state state = {.rest = text, .strings = &command->strings};
    if (buffer_reserve(&command->strings, text.size + 1) != ERROR_NONE)
        return "out of memory";
    read_object(&state, command);
    if (state.fault == NULL && command->type.size == 0)
        fail(&state, "there is no type");
    if (state.fault != NULL)
        command_fini(command);
    return state.fault;
}

void command_fini(struct command *command) {
    buffer_fini(&command->strings);
    *command = (struct command){0};
}

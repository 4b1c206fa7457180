#include "rules.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "file.h"

enum { FILE_MAX = 1024 * 1024, TOKEN_MIN = 16, TOKEN_MAX = 1024 };

static enum error explain(struct rules_detail *detail, const char *path, enum error error,
                          const char *why) {
    snprintf(detail->text, sizeof detail->text, "%s: %s", path,
             why != NULL ? why : error_text(error));
    return error;
}

static void wipe(struct buffer *buffer) {
    if (buffer->data != NULL)
        explicit_bzero(buffer->data, buffer->capacity);
    buffer_fini(buffer);
}

/* ---- keys ------------------------------------------------------------------------------------ */

static enum error add_secret(struct rules *rules, struct bytes content) {
    while (content.size > 0 && strchr("\r\n", content.data[content.size - 1]) != NULL)
        content.size--;
    return token_key_from_secret(&rules->keys[rules->access.rules.key_count], content);
}

static enum error add_public_key(struct rules *rules, struct bytes content) {
    return token_key_from_pem(&rules->keys[rules->access.rules.key_count], content);
}

static enum error add_key_file(struct rules *rules, const char *path,
                               enum error (*add)(struct rules *rules, struct bytes content),
                               const char *expected, struct rules_detail *detail) {
    struct buffer content = {0};
    enum error error = file_read(path, FILE_MAX, &content);
    if (error != ERROR_NONE) {
        wipe(&content);
        return explain(detail, path, error, NULL);
    }
    error = add(rules, buffer_bytes(&content));
    wipe(&content);
    if (error != ERROR_NONE)
        return explain(detail, path, ERROR_CONFIG_INVALID, expected);
    rules->access.rules.key_count++;
    return ERROR_NONE;
}

static enum error read_keys(struct rules *rules, const struct config_auth *auth,
                            struct rules_detail *detail) {
    size_t most = auth->jwt_public_key_files.count + 1;
    rules->keys = memory_allocate_zeroed(most * sizeof *rules->keys);
    if (rules->keys == NULL)
        return explain(detail, "tokens", ERROR_NO_MEMORY, NULL);
    rules->access.rules.keys = rules->keys;
    enum error error = ERROR_NONE;
    if (auth->jwt_secret_file != NULL)
        error = add_key_file(rules, auth->jwt_secret_file, add_secret,
                             "expected a secret of 32 to 1024 bytes", detail);
    for (size_t i = 0; i < auth->jwt_public_key_files.count && error == ERROR_NONE; i++)
        error = add_key_file(rules, auth->jwt_public_key_files.entries[i], add_public_key,
                             "expected a PEM public key of P-256 or Ed25519", detail);
    return error;
}

/* ---- static tokens: lines of TOKEN [PATTERN...] ---------------------------------------------- */

static bool take_word(struct bytes *line, struct bytes *word) {
    *line = bytes_trimmed(*line);
    *word = *line;
    for (size_t i = 0; i < line->size; i++) {
        if (line->data[i] == ' ' || line->data[i] == '\t') {
            word->size = i;
            break;
        }
    }
    *line = bytes_after(*line, word->size);
    return word->size > 0;
}

/* What can stand in a query as it is. */
static bool is_good_token(struct bytes text) {
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i], letter = (uint8_t)((byte | 0x20) - 'a');
        if (letter > 25 && (byte < '0' || byte > '9') &&
            memchr("-._~", byte, sizeof "-._~" - 1) == NULL)
            return false;
    }
    return text.size >= TOKEN_MIN && text.size <= TOKEN_MAX;
}

static enum error read_line(struct bytes line, struct access_token *token) {
    struct bytes word;
    take_word(&line, &word);
    if (!is_good_token(word))
        return ERROR_CONFIG_INVALID;
    enum error error = buffer_append(&token->text, word.data, word.size);
    bool any = false;
    while (error == ERROR_NONE && take_word(&line, &word)) {
        error = token_channels_add(&token->publish, word);
        any = true;
    }
    if (error == ERROR_NONE && !any)
        error = token_channels_add(&token->publish, bytes_of("*"));
    return error;
}

static struct bytes take_line(struct bytes *rest) {
    const uint8_t *end = memchr(rest->data, '\n', rest->size);
    size_t size = end == NULL ? rest->size : (size_t)(end - rest->data);
    struct bytes line = bytes_make(rest->data, size);
    *rest = bytes_after(*rest, size < rest->size ? size + 1 : size);
    if (line.size > 0 && line.data[line.size - 1] == '\r')
        line.size--;
    return bytes_trimmed(line);
}

static size_t count_lines(struct bytes content) {
    size_t count = 1;
    for (size_t i = 0; i < content.size; i++)
        count += content.data[i] == '\n';
    return count;
}

static enum error read_token_lines(struct rules *rules, const char *path, struct bytes content,
                                   struct rules_detail *detail) {
    rules->tokens = memory_allocate_zeroed(count_lines(content) * sizeof *rules->tokens);
    if (rules->tokens == NULL)
        return explain(detail, path, ERROR_NO_MEMORY, NULL);
    rules->access.tokens = rules->tokens;
    for (unsigned number = 1; content.size > 0; number++) {
        struct bytes line = take_line(&content);
        if (line.size == 0 || line.data[0] == '#')
            continue;
        enum error error = read_line(line, &rules->tokens[rules->access.token_count++]);
        if (error == ERROR_NO_MEMORY)
            return explain(detail, path, error, NULL);
        if (error != ERROR_NONE) {
            char why[128];
            snprintf(why, sizeof why,
                     "line %u: expected a token of %d to %d of A-Z a-z 0-9 . _ ~ -, then channels",
                     number, TOKEN_MIN, TOKEN_MAX);
            return explain(detail, path, error, why);
        }
    }
    return ERROR_NONE;
}

static enum error read_tokens(struct rules *rules, const struct config_auth *auth,
                              struct rules_detail *detail) {
    struct buffer content = {0};
    if (auth->tokens_file == NULL)
        return ERROR_NONE;
    enum error error = file_read(auth->tokens_file, FILE_MAX, &content);
    if (error != ERROR_NONE)
        explain(detail, auth->tokens_file, error, NULL);
    else
        error = read_token_lines(rules, auth->tokens_file, buffer_bytes(&content), detail);
    wipe(&content);
    return error;
}

/* ---- all ------------------------------------------------------------------------------------- */

enum error rules_init(struct rules *rules, const struct config_hub *hub,
                      struct rules_detail *detail) {
    detail->text[0] = '\0';
    *rules = (struct rules){.access = {
                                .origins = hub->origins.entries,
                                .origin_count = hub->origins.count,
                                .missing_origin = hub->missing_origin == CONFIG_ORIGIN_ALLOW,
                                .anonymous = hub->auth.anonymous,
                                .rules.audience = hub->auth.jwt_audience,
                            }};
    enum error error = read_keys(rules, &hub->auth, detail);
    if (error == ERROR_NONE)
        error = read_tokens(rules, &hub->auth, detail);
    if (error != ERROR_NONE)
        rules_fini(rules);
    return error;
}

void rules_fini(struct rules *rules) {
    for (size_t i = 0; i < rules->access.rules.key_count; i++)
        token_key_fini(&rules->keys[i]);
    for (size_t i = 0; i < rules->access.token_count; i++) {
        wipe(&rules->tokens[i].text);
        buffer_fini(&rules->tokens[i].publish.patterns);
    }
    memory_free(rules->keys);
    memory_free(rules->tokens);
    *rules = (struct rules){0};
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "ws/handshake.h"

/* A request or response head that the tests vary: a field set to NULL is absent. */
enum { FIELDS_MAX = 16 };

struct head {
    struct http_field array[FIELDS_MAX];
    size_t count;
};

static void put(struct head *head, const char *name, const char *value) {
    assert_true(head->count < FIELDS_MAX);
    head->array[head->count++] = (struct http_field){bytes_of(name), bytes_of(value)};
}

static struct http_field *field(struct head *head, const char *name) {
    for (size_t i = 0; i < head->count; i++)
        if (bytes_equal(head->array[i].name, bytes_of(name)))
            return &head->array[i];
    fail_msg("no field %s", name);
    return NULL;
}

static void change(struct head *head, const char *name, const char *value) {
    field(head, name)->value = bytes_of(value);
}

static void leave_out(struct head *head, const char *name) {
    field(head, name)->name = bytes_of("X-Left-Out");
}

/* The request of RFC 6455 section 1.2. */
static struct head rfc_request(void) {
    struct head head = {0};
    put(&head, "Host", "server.example.com");
    put(&head, "Upgrade", "websocket");
    put(&head, "Connection", "Upgrade");
    put(&head, "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
    put(&head, "Origin", "http://example.com");
    put(&head, "Sec-WebSocket-Protocol", "chat, superchat");
    put(&head, "Sec-WebSocket-Version", "13");
    return head;
}

static struct http_fields fields_of(const struct head *head) {
    return (struct http_fields){head->array, head->count};
}

/* As the parser leaves it at HTTP_HEAD. */
static struct http_request request_of(const struct head *head) {
    return (struct http_request){
        .method = bytes_of("GET"), .minor_version = 1, .fields = fields_of(head)};
}

static struct ws_handshake judge_request(const struct http_request *request) {
    struct ws_handshake handshake;
    ws_handshake_judge(request, &handshake);
    assert_int_equal(handshake.reason == NULL, handshake.status == 101);
    assert_int_equal(handshake.accept[0] != '\0', handshake.status == 101);
    return handshake;
}

static unsigned judge(struct head head) {
    struct http_request request = request_of(&head);
    return judge_request(&request).status;
}

static unsigned judge_with(const char *name, const char *value) {
    struct head head = rfc_request();
    change(&head, name, value);
    return judge(head);
}

static unsigned judge_without(const char *name) {
    struct head head = rfc_request();
    leave_out(&head, name);
    return judge(head);
}

static unsigned judge_adding(const char *name, const char *value) {
    struct head head = rfc_request();
    put(&head, name, value);
    return judge(head);
}

static void ok_the_rfc_example(void **state) {
    (void)state;
    struct head head = rfc_request();
    struct http_request request = request_of(&head);
    struct ws_handshake handshake = judge_request(&request);
    assert_int_equal(handshake.status, 101);
    assert_null(handshake.reason);
    assert_string_equal(handshake.accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_true(bytes_equal(handshake.host, bytes_of("server.example.com")));
    assert_true(handshake.has_origin);
    assert_true(bytes_equal(handshake.origin, bytes_of("http://example.com")));
}

static void ok_as_real_clients_vary_it(void **state) {
    (void)state;
    assert_int_equal(judge_with("Connection", "keep-alive, Upgrade"), 101);
    assert_int_equal(judge_with("Connection", "UPGRADE"), 101);
    assert_int_equal(judge_with("Upgrade", "WebSocket"), 101);
    assert_int_equal(judge_with("Upgrade", "h2c, websocket"), 101);
    assert_int_equal(judge_without("Sec-WebSocket-Protocol"), 101);
    assert_int_equal(judge_adding("Sec-WebSocket-Protocol", "more"), 101);
    assert_int_equal(
        judge_adding("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"),
        101);
}

static void ok_without_origin(void **state) {
    (void)state;
    struct head head = rfc_request();
    leave_out(&head, "Origin");
    struct http_request request = request_of(&head);
    struct ws_handshake handshake = judge_request(&request);
    assert_int_equal(handshake.status, 101);
    assert_false(handshake.has_origin);
}

static void refused_method(void **state) {
    (void)state;
    static const char *const methods[] = {"POST", "HEAD", "get", "GETT", "GE", ""};
    struct head head = rfc_request();
    struct http_request request = request_of(&head);
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        request.method = bytes_of(methods[i]);
        assert_int_equal(judge_request(&request).status, 405);
    }
}

static void refused_http_version(void **state) {
    (void)state;
    struct head head = rfc_request();
    struct http_request request = request_of(&head);
    request.minor_version = 0;
    assert_int_equal(judge_request(&request).status, 400);
}

static void refused_host(void **state) {
    (void)state;
    assert_int_equal(judge_without("Host"), 400);
    assert_int_equal(judge_with("Host", ""), 400);
    assert_int_equal(judge_adding("host", "server.example.com"), 400);
}

static void refused_upgrade_and_connection(void **state) {
    (void)state;
    assert_int_equal(judge_without("Upgrade"), 400);
    assert_int_equal(judge_with("Upgrade", "websockets"), 400);
    assert_int_equal(judge_with("Upgrade", "web socket"), 400);
    assert_int_equal(judge_without("Connection"), 400);
    assert_int_equal(judge_with("Connection", "keep-alive"), 400);
    assert_int_equal(judge_with("Connection", "Upgraded"), 400);
}

static void refused_key(void **state) {
    (void)state;
    assert_int_equal(judge_without("Sec-WebSocket-Key"), 400);
    assert_int_equal(judge_adding("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="), 400);
    assert_int_equal(judge_with("Sec-WebSocket-Key", ""), 400);
    assert_int_equal(judge_with("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ"), 400);
    assert_int_equal(judge_with("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25j"), 400);
    assert_int_equal(judge_with("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZWU="), 400);
    assert_int_equal(judge_with("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZR=="), 400);
    assert_int_equal(judge_with("Sec-WebSocket-Key", "dGhlIHNhbXBs ZSBub25jZQ="), 400);
    assert_int_equal(judge_with("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==, x"), 400);
}

static void refused_version_asks_for_13(void **state) {
    (void)state;
    static const char *const versions[] = {"8", "12", "14", "013", "13.0", "", "13, 8", "-13"};
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++)
        assert_int_equal(judge_with("Sec-WebSocket-Version", versions[i]), 426);
    assert_int_equal(judge_without("Sec-WebSocket-Version"), 426);
    assert_int_equal(judge_adding("Sec-WebSocket-Version", "13"), 400);
}

static void refused_body(void **state) {
    (void)state;
    static const int64_t lengths[] = {-1, 1, INT64_MAX};
    struct head head = rfc_request();
    struct http_request request = request_of(&head);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        request.content_length = lengths[i];
        assert_int_equal(judge_request(&request).status, 400);
    }
}

static void refused_malformed_offers_and_two_origins(void **state) {
    (void)state;
    assert_int_equal(judge_with("Sec-WebSocket-Protocol", "chat, a b"), 400);
    assert_int_equal(judge_with("Sec-WebSocket-Protocol", "a/b"), 400);
    assert_int_equal(judge_adding("Sec-WebSocket-Extensions", "a; b=\"c d\""), 400);
    assert_int_equal(judge_adding("Sec-WebSocket-Extensions", "a=b"), 400);
    assert_int_equal(judge_adding("Origin", "http://example.com"), 400);
}

/* The status for a GET with these lines beside the ones that every handshake has. */
static unsigned judge_text(const char *version, const char *lines) {
    char text[512];
    snprintf(text, sizeof text,
             "GET /chat HTTP/1.%s\r\nHost: server.example.com\r\nUpgrade: websocket\r\n"
             "Connection: Upgrade\r\nSec-WebSocket-Version:\t13 \r\n%s\r\n",
             version, lines);
    struct bytes input = bytes_of(text), body;
    struct http_request request;
    http_request_init(&request, &http_request_limits);
    assert_int_equal(http_request_next(&request, &input, &body), HTTP_HEAD);
    unsigned status = judge_request(&request).status;
    http_request_fini(&request);
    return status;
}

#define KEY_LINE "Sec-WebSocket-Key:   dGhlIHNhbXBsZSBub25jZQ==\t\r\n"

static void ok_and_refused_as_the_parser_hands_them_over(void **state) {
    (void)state;
    assert_int_equal(judge_text("1", KEY_LINE), 101);
    assert_int_equal(judge_text("1", KEY_LINE "Content-Length: 0\r\n"), 101);
    assert_int_equal(judge_text("1", KEY_LINE "Content-Length: 1\r\n"), 400);
    assert_int_equal(judge_text("1", KEY_LINE "Transfer-Encoding: chunked\r\n"), 400);
    assert_int_equal(judge_text("1", KEY_LINE KEY_LINE), 400);
    assert_int_equal(judge_text("0", KEY_LINE), 400);
    assert_int_equal(judge_text("1", ""), 400);
}

static void upgrades_are_told_from_plain_requests(void **state) {
    (void)state;
    struct head head = rfc_request();
    assert_true(ws_is_upgrade(fields_of(&head)));
    change(&head, "Upgrade", "h2c");
    assert_false(ws_is_upgrade(fields_of(&head)));
    assert_false(ws_is_upgrade((struct http_fields){0}));
}

static void offers_are_found_with_their_case(void **state) {
    (void)state;
    struct head head = rfc_request();
    put(&head, "sec-websocket-protocol", "ringcast.v1.json");
    struct http_fields fields = fields_of(&head);
    assert_true(ws_handshake_offers(fields, "chat"));
    assert_true(ws_handshake_offers(fields, "superchat"));
    assert_true(ws_handshake_offers(fields, "ringcast.v1.json"));
    assert_false(ws_handshake_offers(fields, "Chat"));
    assert_false(ws_handshake_offers(fields, "super"));
}

/* The client's side. */

static void keys_are_nonces_in_base64(void **state) {
    (void)state;
    char key[WS_KEY_SIZE], accept[WS_ACCEPT_SIZE];
    ws_key_make((const uint8_t *)"the sample nonce", key);
    assert_string_equal(key, "dGhlIHNhbXBsZSBub25jZQ==");
    ws_accept_key(bytes_of(key), accept);
    assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

/* The response of RFC 6455 section 1.2. */
static struct head rfc_response(void) {
    struct head head = {0};
    put(&head, "Upgrade", "websocket");
    put(&head, "Connection", "Upgrade");
    put(&head, "Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    put(&head, "Sec-WebSocket-Protocol", "chat");
    return head;
}

static enum error check(unsigned status, struct head *head, struct bytes *subprotocol) {
    struct ws_offer offer = {.key = "dGhlIHNhbXBsZSBub25jZQ==",
                             .subprotocols = bytes_of("superchat, chat"),
                             .extensions = bytes_of("x-a; p=1, x-b")};
    const char *reason;
    enum error error = ws_response_check(status, fields_of(head), &offer, subprotocol, &reason);
    assert_int_equal(reason == NULL, error == ERROR_NONE);
    return error;
}

static enum error check_with(const char *name, const char *value) {
    struct head head = rfc_response();
    struct bytes subprotocol;
    change(&head, name, value);
    return check(101, &head, &subprotocol);
}

static enum error check_adding(const char *name, const char *value) {
    struct head head = rfc_response();
    struct bytes subprotocol;
    put(&head, name, value);
    return check(101, &head, &subprotocol);
}

static void response_ok(void **state) {
    (void)state;
    struct head head = rfc_response();
    struct bytes subprotocol;
    assert_int_equal(check(101, &head, &subprotocol), ERROR_NONE);
    assert_true(bytes_equal(subprotocol, bytes_of("chat")));
    leave_out(&head, "Sec-WebSocket-Protocol");
    assert_int_equal(check(101, &head, &subprotocol), ERROR_NONE);
    assert_int_equal(subprotocol.size, 0);
    assert_int_equal(check_with("Upgrade", "WEBSOCKET"), ERROR_NONE);
    assert_int_equal(check_with("Connection", "keep-alive, upgrade"), ERROR_NONE);
    assert_int_equal(check_adding("Sec-WebSocket-Extensions", "x-b"), ERROR_NONE);
    assert_int_equal(check_adding("Sec-WebSocket-Extensions", "x-a; q, x-b"), ERROR_NONE);
}

static void response_refused_by_status(void **state) {
    (void)state;
    static const unsigned statuses[] = {0, 100, 102, 200, 301, 400, 426, 503};
    struct head head = rfc_response();
    struct bytes subprotocol;
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        assert_int_equal(check(statuses[i], &head, &subprotocol), ERROR_WS_HANDSHAKE);
}

static void response_refused_by_fields(void **state) {
    (void)state;
    static const char *const needed[] = {"Upgrade", "Connection", "Sec-WebSocket-Accept"};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        struct head head = rfc_response();
        struct bytes subprotocol;
        leave_out(&head, needed[i]);
        assert_int_equal(check(101, &head, &subprotocol), ERROR_WS_HANDSHAKE);
        assert_int_equal(check_with(needed[i], "wrong"), ERROR_WS_HANDSHAKE);
    }
    assert_int_equal(check_with("Sec-WebSocket-Accept", "S3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
                     ERROR_WS_HANDSHAKE);
    assert_int_equal(check_adding("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
                     ERROR_WS_HANDSHAKE);
}

static void response_refused_by_what_was_not_offered(void **state) {
    (void)state;
    assert_int_equal(check_with("Sec-WebSocket-Protocol", "other"), ERROR_WS_HANDSHAKE);
    assert_int_equal(check_with("Sec-WebSocket-Protocol", "CHAT"), ERROR_WS_HANDSHAKE);
    assert_int_equal(check_with("Sec-WebSocket-Protocol", "chat, superchat"), ERROR_WS_HANDSHAKE);
    assert_int_equal(check_with("Sec-WebSocket-Protocol", ""), ERROR_WS_HANDSHAKE);
    assert_int_equal(check_adding("Sec-WebSocket-Protocol", "superchat"), ERROR_WS_HANDSHAKE);
    assert_int_equal(check_adding("Sec-WebSocket-Extensions", "x-c"), ERROR_WS_HANDSHAKE);
    assert_int_equal(check_adding("Sec-WebSocket-Extensions", "x-a, x-c"), ERROR_WS_HANDSHAKE);
    assert_int_equal(check_adding("Sec-WebSocket-Extensions", "x-a;"), ERROR_WS_HANDSHAKE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ok_the_rfc_example),
        cmocka_unit_test(ok_as_real_clients_vary_it),
        cmocka_unit_test(ok_without_origin),
        cmocka_unit_test(refused_method),
        cmocka_unit_test(refused_http_version),
        cmocka_unit_test(refused_host),
        cmocka_unit_test(refused_upgrade_and_connection),
        cmocka_unit_test(refused_key),
        cmocka_unit_test(refused_version_asks_for_13),
        cmocka_unit_test(refused_body),
        cmocka_unit_test(refused_malformed_offers_and_two_origins),
        cmocka_unit_test(ok_and_refused_as_the_parser_hands_them_over),
        cmocka_unit_test(upgrades_are_told_from_plain_requests),
        cmocka_unit_test(offers_are_found_with_their_case),
        cmocka_unit_test(keys_are_nonces_in_base64),
        cmocka_unit_test(response_ok),
        cmocka_unit_test(response_refused_by_status),
        cmocka_unit_test(response_refused_by_fields),
        cmocka_unit_test(response_refused_by_what_was_not_offered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

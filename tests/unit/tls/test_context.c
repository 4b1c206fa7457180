/* Contexts from files: good, missing, empty, damaged, with a foreign key; out of memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/wait.h>

#include "base/memory.h"
#include "certificates.h"
#include "pem.h"
#include "tls/context.h"

static struct tls_context *context;
static struct tls_detail detail;

static enum error client(const char *authorities) {
    struct tls_client_options options = {.authority_file = path_of(authorities)};
    return tls_context_new_client(&options, &context, &detail);
}

static enum error server(const char *certificate, const char *key) {
    struct tls_server_options options = {path_of(certificate), path_of(key)};
    return tls_context_new_server(&options, &context, &detail);
}

static void assert_refused(enum error got, enum error wanted, const char *words) {
    assert_int_equal(got, wanted);
    assert_null(context);
    if (strstr(detail.text, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", detail.text, words);
}

static void client_ok(void **state) {
    (void)state;
    assert_int_equal(client("authorities.pem"), ERROR_NONE);
    assert_string_equal(detail.text, "");
    assert_int_equal(tls_context_authority_count(context), 2);
    assert_int_equal(tls_context_skipped_count(context), 0);
    tls_context_free(context);
    tls_context_free(NULL);
}

static void client_of_the_system_ok(void **state) {
    (void)state;
    struct tls_client_options options = {0};
    if (access("/etc/ssl/certs/ca-certificates.crt", R_OK) != 0)
        skip();
    assert_int_equal(tls_context_new_client(&options, &context, &detail), ERROR_NONE);
    assert_true(tls_context_authority_count(context) > 50);
    assert_true(tls_context_skipped_count(context) < 10);
    tls_context_free(context);
}

static void client_skips_unusable_certificates(void **state) {
    (void)state;
    run("{ cat root.pem; echo words; sed 's/^M/!/' good.crt; cat expired.crt rsa-root.pem; "
        "echo -----BEGIN CERTIFICATE-----; } > mixed.pem");
    assert_int_equal(client("mixed.pem"), ERROR_NONE);
    assert_int_equal(tls_context_authority_count(context), 2);
    assert_int_equal(tls_context_skipped_count(context), 2);
    tls_context_free(context);
}

static void client_refused(void **state) {
    (void)state;
    assert_refused(client("missing.pem"), ERROR_NOT_FOUND, "/missing.pem: not found");
    write_file("empty.pem", "");
    assert_refused(client("empty.pem"), ERROR_CONFIG_INVALID, "/empty.pem: no certificate in it");
    assert_refused(client("root.key"), ERROR_CONFIG_INVALID, "/root.key: no certificate in it");
    run("sed 's/^M/!/' root.pem > damaged.pem");
    assert_refused(client("damaged.pem"), ERROR_CONFIG_INVALID, "/damaged.pem: ");
    run("mkdir -p directory");
    client("directory");
    assert_null(context);
}

static enum error client_with(const char *certificate, const char *key) {
    const struct tls_client_options options = {
        .authority_file = path_of("authorities.pem"),
        .certificate_file = path_of(certificate),
        .key_file = path_of(key),
    };
    return tls_context_new_client(&options, &context, &detail);
}

static void client_certificate_ok_and_refused(void **state) {
    (void)state;
    assert_int_equal(client_with("good.pem", "good.key"), ERROR_NONE);
    tls_context_free(context);
    assert_refused(client_with("missing.pem", "good.key"), ERROR_NOT_FOUND, "/missing.pem: ");
    assert_refused(client_with("good.pem", "missing.key"), ERROR_NOT_FOUND, "/missing.key: ");
    assert_refused(client_with("good.key", "good.key"), ERROR_CONFIG_INVALID, "not a PEM cert");
    assert_refused(client_with("good.pem", "expired.key"), ERROR_CONFIG_INVALID, "not the key");
}

static void server_ok(void **state) {
    (void)state;
    assert_int_equal(server("good.pem", "good.key"), ERROR_NONE);
    tls_context_free(context);
    assert_int_equal(server("rsa.pem", "rsa.key"), ERROR_NONE);
    tls_context_free(context);
}

static void server_refused(void **state) {
    (void)state;
    assert_refused(server("missing.pem", "good.key"), ERROR_NOT_FOUND, "/missing.pem: ");
    assert_refused(server("good.pem", "missing.key"), ERROR_NOT_FOUND, "/missing.key: ");
    assert_refused(server("good.key", "good.key"), ERROR_CONFIG_INVALID, "not a PEM certificate");
    assert_refused(server("good.pem", "good.pem"), ERROR_CONFIG_INVALID, "not a PEM private key");
    assert_refused(server("good.pem", "expired.key"), ERROR_CONFIG_INVALID, "not the key");
    assert_refused(server("rsa.pem", "rsa-root.key"), ERROR_CONFIG_INVALID, "not the key");
    assert_refused(server("good.pem", "rsa.key"), ERROR_CONFIG_INVALID, "key");
}

static void version_told(void **state) {
    (void)state;
    assert_true(strchr(tls_library_version(), '.') != NULL);
}

/* ---- out of memory: every allocation fails once ---------------------------------------------- */

static enum error client_again(void) {
    return client("authorities.pem");
}

static enum error server_again(void) {
    return server("good.pem", "good.key");
}

/* The library keeps tables for a thread once it has used a curve: they are no leak. */
static size_t blocks_without_tables(void) {
    tls_thread_fini();
    return memory_live_blocks();
}

/*
 * Makes a context with each allocation failing in turn. False if an answer contradicts itself, or
 * more than `lost` blocks are lost in a round.
 */
static bool survives_short_memory(enum error (*make)(void), size_t lost) {
    bool failed = true;
    bool good = true;
    for (size_t k = 0; failed && good; k++) {
        size_t blocks = blocks_without_tables();
        memory_fail_after(k, 1);
        enum error error = make();
        failed = memory_failures() > 0;
        memory_fail_after(0, 0);
        good = (error == ERROR_NONE) == (context != NULL) &&
               (error == ERROR_NONE) == (detail.text[0] == '\0') && (failed || error == ERROR_NONE);
        tls_context_free(context);
        good = good && blocks_without_tables() <= blocks + lost;
    }
    return good;
}

static void client_out_of_memory(void **state) {
    (void)state;
    assert_true(survives_short_memory(client_again, 0));
}

/* The trial handshake: where its memory ends, the library forgets an extension. In a process of its
 * own, where that is not counted as a leak of ours. */
static void server_out_of_memory(void **state) {
    (void)state;
    pid_t child = fork();
    if (child == 0)
        _exit(survives_short_memory(server_again, 1) ? 0 : 1);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- PEM ------------------------------------------------------------------------------------- */

static void pem_finds_each_certificate(void **state) {
    (void)state;
    struct bytes rest = bytes_of("x-----BEGIN CERTIFICATE-----a-----END CERTIFICATE-----\n"
                                 "-----BEGIN CERTIFICATE-----b-----END CERTIFICATE-----y"
                                 "-----BEGIN CERTIFICATE-----c-----END");
    struct bytes found;
    assert_true(tls_pem_next_certificate(&rest, &found));
    assert_true(
        bytes_equal(found, bytes_of("-----BEGIN CERTIFICATE-----a-----END CERTIFICATE-----")));
    assert_true(tls_pem_next_certificate(&rest, &found));
    assert_true(
        bytes_equal(found, bytes_of("-----BEGIN CERTIFICATE-----b-----END CERTIFICATE-----")));
    assert_false(tls_pem_next_certificate(&rest, &found));
}

static void pem_too_large_refused(void **state) {
    (void)state;
    struct buffer content = {0};
    run("truncate -s 17M large.pem");
    assert_int_equal(tls_pem_read(path_of("large.pem"), &content), ERROR_LIMIT_REACHED);
    assert_null(content.data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(client_ok),
        cmocka_unit_test(client_of_the_system_ok),
        cmocka_unit_test(client_skips_unusable_certificates),
        cmocka_unit_test(client_refused),
        cmocka_unit_test(client_certificate_ok_and_refused),
        cmocka_unit_test(server_ok),
        cmocka_unit_test(server_refused),
        cmocka_unit_test(version_told),
        cmocka_unit_test(client_out_of_memory),
        cmocka_unit_test(server_out_of_memory),
        cmocka_unit_test(pem_finds_each_certificate),
        cmocka_unit_test(pem_too_large_refused),
    };
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}

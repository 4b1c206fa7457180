/*
 * Certificates for the tests of this folder, made by the openssl command in a new temporary folder.
 *
 *   root ── intermediate ── good, expired, future, common-name, other-name, address-as-name, nul
 *       └── constrained ── inside, outside
 *   rsa-root ── rsa, weak, sha1      stranger-root ── stranger           self (signs itself)
 *
 * NAME.pem is a chain as a server sends it, NAME.key its key.
 */
#ifndef RINGCAST_TEST_CERTIFICATES_H
#define RINGCAST_TEST_CERTIFICATES_H

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_SIZE = 128 };

static char folder[64];

__attribute__((format(printf, 1, 2))) static void run(const char *format, ...) {
    char command[2048];
    int used = snprintf(command, sizeof command, "cd %s && { ", folder);
    va_list arguments;
    va_start(arguments, format);
    used += vsnprintf(command + used, sizeof command - (size_t)used, format, arguments);
    va_end(arguments);
    snprintf(command + used, sizeof command - (size_t)used, " ; } >>log 2>&1");
    /* the names in the command are this file's own */
    int status = system(command); /* NOLINT(bugprone-command-processor) */
    if (status != 0)
        fprintf(stderr, "%s\nsee %s/log\n", command, folder);
    assert(status == 0);
}

/* The path of a file in the folder; the next two calls leave it alone. */
static const char *path_of(const char *name) {
    static char paths[3][PATH_SIZE];
    static size_t next;
    char *path = paths[next++ % 3];
    snprintf(path, PATH_SIZE, "%s/%s", folder, name);
    return path;
}

static void write_file(const char *name, const char *text) {
    FILE *file = fopen(path_of(name), "we");
    assert(file != NULL);
    assert(fputs(text, file) >= 0);
    assert(fclose(file) == 0);
}

static void make_key(const char *name) {
    if (strcmp(name, "weak") == 0)
        run("openssl genrsa -out %s.key 1024", name);
    else if (strncmp(name, "rsa", 3) == 0)
        run("openssl genrsa -out %s.key 2048", name);
    else
        run("openssl ecparam -name prime256v1 -genkey -noout -out %s.key", name);
}

static void make_root(const char *name) {
    make_key(name);
    run("openssl req -x509 -new -key %s.key -out %s.pem -days 30 -subj /CN=%s "
        "-addext basicConstraints=critical,CA:TRUE -addext keyUsage=keyCertSign",
        name, name, name);
}

static const char *digest = "sha256";

/* Signs NAME.crt by ISSUER.crt, valid between two dates of the form YYYYMMDDHHMMSSZ. */
static void sign(const char *name, const char *issuer, const char *common_name,
                 const char *extensions, const char *from, const char *until) {
    char file[PATH_SIZE];
    snprintf(file, sizeof file, "%s.ext", name);
    write_file(file, extensions);
    make_key(name);
    run("openssl req -new -key %s.key -subj /CN=%s -out %s.csr", name, common_name, name);
    run("openssl ca -batch -config ca.conf -notext -in %s.csr -out %s.crt "
        "-cert %s.pem -keyfile %s.key -extfile %s.ext -startdate %s -enddate %s -md %s",
        name, name, issuer, issuer, name, from, until, digest);
}

#define PAST      "20200101000000Z"
#define LONG_PAST "20200201000000Z"
#define FUTURE    "20960101000000Z"
#define FAR       "20970101000000Z"

static void make_leaf(const char *name, const char *common_name, const char *extensions,
                      const char *from, const char *until) {
    sign(name, "intermediate", common_name, extensions, from, until);
    run("cat %s.crt intermediate.pem > %s.pem", name, name);
}

/* By an authority that may only vouch for example.test. */
static void make_constrained(const char *name, const char *extensions) {
    sign(name, "constrained", "x", extensions, PAST, FUTURE);
    run("cat %s.crt constrained.pem > %s.pem", name, name);
}

static void make_authorities(void) {
    make_root("root");
    make_root("rsa-root");
    make_root("stranger-root");
    sign("intermediate", "root", "intermediate",
         "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign\n", PAST, FUTURE);
    run("cp intermediate.crt intermediate.pem");
    sign("constrained", "root", "constrained",
         "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign\n"
         "nameConstraints=critical,permitted;DNS:example.test\n",
         PAST, FUTURE);
    run("cp constrained.crt constrained.pem");
    run("cat rsa-root.pem root.pem > authorities.pem");
}

static int make_certificates(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/ringcast-test-tls-XXXXXX");
    assert(mkdtemp(folder) != NULL);
    write_file("ca.conf", "[ca]\ndefault_ca=c\n[c]\ndatabase=index\nnew_certs_dir=.\npolicy=p\n"
                          "unique_subject=no\nrand_serial=yes\n[p]\ncommonName=supplied\n");
    run("touch index");
    make_authorities();
    const char *names = "subjectAltName=DNS:example.test,DNS:*.wild.test,IP:127.0.0.1,IP:::1\n";
    make_leaf("good", "anything", names, PAST, FUTURE);
    make_leaf("expired", "anything", names, PAST, LONG_PAST);
    make_leaf("future", "anything", names, FUTURE, FAR);
    make_leaf("common-name", "example.test", "keyUsage=digitalSignature\n", PAST, FUTURE);
    make_leaf("other-name", "example.test", "subjectAltName=DNS:other.test\n", PAST, FUTURE);
    make_leaf("address-as-name", "x", "subjectAltName=DNS:127.0.0.1,URI:example.test\n", PAST,
              FUTURE);
    make_leaf("client-only", "x", "subjectAltName=DNS:example.test\nextendedKeyUsage=clientAuth\n",
              PAST, FUTURE);
    /* a DNS name of "example.test", a NUL and ".evil.test" */
    make_leaf("nul", "x",
              "subjectAltName=DER:301982176578616d706c652e74657374002e6576696c2e74657374\n", PAST,
              FUTURE);
    make_constrained("inside", "subjectAltName=DNS:example.test\n");
    make_constrained("outside", "subjectAltName=DNS:other.test\n");
    sign("rsa", "rsa-root", "x", names, PAST, FUTURE);
    run("cp rsa.crt rsa.pem");
    sign("weak", "rsa-root", "x", names, PAST, FUTURE);
    run("cp weak.crt weak.pem");
    digest = "sha1";
    sign("sha1", "rsa-root", "x", names, PAST, FUTURE);
    run("cp sha1.crt sha1.pem");
    digest = "sha256";
    sign("stranger", "stranger-root", "x", names, PAST, FUTURE);
    run("cp stranger.crt stranger.pem");
    make_key("self");
    run("openssl req -x509 -new -key self.key -out self.pem -days 30 -subj /CN=example.test "
        "-addext subjectAltName=DNS:example.test");
    return 0;
}

static int remove_certificates(void **state) {
    (void)state;
    char command[PATH_SIZE];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command); /* NOLINT(bugprone-command-processor) */
}

#endif

/* The files of src/app/web/ are parts of the program: they are found nowhere at run time. */
#include "page.h"

#define EMBED(symbol, file)                                                            \
    __asm__(".pushsection .rodata\n" #symbol "_begin:\n"                               \
            ".incbin \"" RINGCAST_WEB "/" file "\"\n" #symbol "_end:\n.popsection\n"); \
    extern const uint8_t symbol##_begin[], symbol##_end[];

EMBED(web_page, "page.html")
EMBED(web_script, "page.js")
EMBED(web_client, "ringcast.js")

static const struct {
    const char *path, *type;
    const uint8_t *begin, *end;
} files[] = {
    {"/", "text/html; charset=utf-8", web_page_begin, web_page_end},
    {"/page.js", "text/javascript; charset=utf-8", web_script_begin, web_script_end},
    {"/ringcast.js", "text/javascript; charset=utf-8", web_client_begin, web_client_end},
};

/* Nothing of another origin, and no script but those files. */
static const char policy[] = "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; "
                             "connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'";

static void respond(struct http_connection *connection, const char *type, struct bytes body) {
    const struct http_field fields[] = {
        {bytes_of("Content-Security-Policy"), bytes_of(policy)},
        {bytes_of("X-Content-Type-Options"), bytes_of("nosniff")},
        {bytes_of("Cache-Control"), bytes_of("no-cache")},
    };
    const struct http_response_head head = {
        .status = HTTP_STATUS_OK,
        .content_type = bytes_of(type),
        .fields = {fields, sizeof fields / sizeof *fields},
    };
    http_connection_respond(connection, &head, body, false);
}

static void respond_results(struct results *results, struct http_connection *connection) {
    struct buffer json = {0};
    if (results_append(results, &json) == ERROR_NONE)
        respond(connection, "application/json", buffer_bytes(&json));
    else
        http_connection_refuse(connection, HTTP_STATUS_SERVICE_UNAVAILABLE, "out of memory");
    buffer_fini(&json);
}

void page_respond(struct results *results, struct http_connection *connection,
                  const struct http_request *request) {
    struct bytes target = http_request_origin_form(request);
    bool is_results = bytes_equal(target, bytes_of("/results"));
    size_t found = 0;
    while (found < sizeof files / sizeof *files &&
           !bytes_equal(target, bytes_of(files[found].path)))
        found++;
    if (!is_results && found == sizeof files / sizeof *files)
        http_connection_refuse(connection, HTTP_STATUS_NOT_FOUND, "nothing is here");
    else if (!http_request_reads(request))
        http_connection_refuse_method(connection, "GET, HEAD");
    else if (is_results)
        respond_results(results, connection);
    else
        respond(connection, files[found].type,
                bytes_make(files[found].begin, (size_t)(files[found].end - files[found].begin)));
}

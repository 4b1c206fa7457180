/* What this kernel's io_uring can do, for `ringcast --version`. */
#include <liburing.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "refusal.h"
#include "ring/ring.h"

/* Features that ringcast uses or would use, each told by an operation that came with it. */
static const struct {
    const char *name;
    int operation;
} features[] = {
    {"multishot receive", IORING_OP_SEND_ZC}, /* both came with Linux 6.0 */
    {"zero-copy send", IORING_OP_SEND_ZC},
    {"message ring", IORING_OP_MSG_RING},
};

static size_t append(char *text, size_t size, size_t used, const char *piece) {
    int written = snprintf(text + used, size - used, "%s", piece);
    return used + (size_t)written < size ? used + (size_t)written : size - 1;
}

void ring_describe_features(char *text, size_t size) {
    struct utsname system;
    uname(&system);
    size_t used = append(text, size, 0, "Linux ");
    used = append(text, size, used, system.release);
    struct ring *ring;
    struct ring_refusal refusal;
    struct ring_options smallest = {
        .entries = 8, .buffer_count = 8, .buffer_size = 512, .bundle = 2};
    if (ring_open(&smallest, &ring, &refusal) != ERROR_NONE) {
        used = append(text, size, used, ", io_uring refused: ");
        append(text, size, used, refusal.text);
        return;
    }
    used = append(text, size, used, ", io_uring with deferred task work, provided buffer rings");
    if (ring->receive_most > smallest.buffer_size)
        used = append(text, size, used, ", receive bundles");
    ring_free(ring);
    struct io_uring_probe *probe = io_uring_get_probe();
    for (size_t i = 0; probe != NULL && i < sizeof features / sizeof *features; i++) {
        if (io_uring_opcode_supported(probe, features[i].operation)) {
            used = append(text, size, used, ", ");
            used = append(text, size, used, features[i].name);
        }
    }
    io_uring_free_probe(probe);
}

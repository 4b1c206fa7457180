/* Listening sockets: whose place is it, and how do the workers of one process share it? */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "kernel.h"

static int switch_on(int descriptor, int level, int option) {
    const int on = 1;
    return setsockopt(descriptor, level, option, &on, sizeof on);
}

/* ---- Internet addresses ---------------------------------------------------------------------- */

/*
 * The first listener of a place listens before it agrees to share (SO_REUSEPORT): bind() and
 * listen() then fail if any other process is there, even one that shares. The kernel takes the
 * option into account when the next one joins, so no moment is left in which two could be first.
 */
static int listen_internet(int descriptor, const struct sockaddr *address, socklen_t size,
                           bool join) {
    if (switch_on(descriptor, SOL_SOCKET, SO_REUSEADDR) != 0)
        return -1;
    if (join && switch_on(descriptor, SOL_SOCKET, SO_REUSEPORT) != 0)
        return -1;
    if (address->sa_family == AF_INET6 && switch_on(descriptor, IPPROTO_IPV6, IPV6_V6ONLY) != 0)
        return -1;
    if (bind(descriptor, address, size) != 0 || listen(descriptor, SOMAXCONN) != 0)
        return -1;
    return join ? 0 : switch_on(descriptor, SOL_SOCKET, SO_REUSEPORT);
}

/* ---- Unix sockets ---------------------------------------------------------------------------- */

/* The folder of a path is locked while somebody looks whose socket is there and makes its own. */
static int lock_folder(const char *path) {
    char folder[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
    const char *slash = strrchr(path, '/');
    int length = slash == NULL ? 0 : (int)(slash - path);
    snprintf(folder, sizeof folder, "%.*s", length == 0 ? 1 : length, slash == NULL ? "." : path);
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor >= 0 && flock(descriptor, LOCK_EX) != 0) {
        close(descriptor);
        return -1;
    }
    return descriptor;
}

/* Removes a socket that nobody listens on any more, and nothing else. */
static int remove_stale(const struct sockaddr *address, socklen_t size) {
    const char *path = ((const struct sockaddr_un *)(const void *)address)->sun_path;
    struct stat status;
    if (lstat(path, &status) != 0)
        return errno == ENOENT ? 0 : -1;
    int probe = -1;
    bool stale = false;
    if (S_ISSOCK(status.st_mode)) {
        probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        stale = probe >= 0 && connect(probe, address, size) != 0 && errno == ECONNREFUSED;
    }
    if (probe >= 0)
        close(probe);
    if (stale)
        return unlink(path);
    errno = EADDRINUSE;
    return -1;
}

static int listen_local(int descriptor, const struct sockaddr *address, socklen_t size) {
    int folder = lock_folder(((const struct sockaddr_un *)(const void *)address)->sun_path);
    if (folder < 0)
        return -1;
    int result = remove_stale(address, size);
    if (result == 0)
        result = bind(descriptor, address, size);
    if (result == 0)
        result = listen(descriptor, SOMAXCONN);
    int number = errno;
    close(folder);
    errno = number;
    return result;
}

/* ---- both ------------------------------------------------------------------------------------ */

int kernel_listen(struct ring *ring, const struct sockaddr *address, socklen_t size, bool join) {
    int descriptor = kernel_sockets.open(ring, address->sa_family, SOCK_STREAM);
    if (descriptor < 0)
        return descriptor;
    int result = address->sa_family == AF_UNIX ? listen_local(descriptor, address, size)
                                               : listen_internet(descriptor, address, size, join);
    if (result == 0)
        return descriptor;
    int number = errno;
    close(descriptor);
    return -number;
}

int kernel_share(struct ring *ring, int descriptor) {
    (void)ring;
    int copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    return copy < 0 ? -errno : copy;
}

void kernel_forget(struct ring *ring, const struct sockaddr *address) {
    (void)ring;
    unlink(((const struct sockaddr_un *)(const void *)address)->sun_path);
}

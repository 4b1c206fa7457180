#include "ares_channel.h"

#include <ares.h>
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "ares_memory.h"
#include "base/clock.h"
#include "base/memory.h"
#include "ring/socket.h"

/*
 * The first try waits so long, each next one up to twice as long as the one before. Newer versions
 * of c-ares shorten each by up to half, and never wait less than this.
 */
enum { FIRST_TRY = 250 * MILLISECOND, ADDRESSES_MAX = 16 };

/* One socket of c-ares, polled while c-ares wants it. */
struct watch {
    struct operation poll;
    struct ares_channel_on_loop *channel;
    struct list_node link;
    ares_socket_t socket;
    unsigned wanted; /* enum poll_for; 0 when c-ares is done with the socket */
    unsigned polled;
    bool socket_closed;
};

struct ares_channel_on_loop {
    struct loop *loop;
    ares_channel channel;
    struct timer timeout;
    struct list_node watches;
    struct task finish;
    bool short_of_memory; /* while its queries are given up for want of memory */
    bool closing;
    void (*closed)(void *context);
    void *closed_context;
};

struct query {
    struct ares_channel_on_loop *channel;
    ares_answer *answer;
    void *context;
};

static pthread_once_t library_once = PTHREAD_ONCE_INIT;
static int library_status;

static void start_library(void) {
    library_status = ares_library_init_mem(ARES_LIB_INIT_ALL, ares_memory_allocate,
                                           ares_memory_free, ares_memory_resize);
}

/* After each call into c-ares, which was spared the news that there is no memory. */
static void give_up_if_short(struct ares_channel_on_loop *channel) {
    if (!ares_memory_was_short())
        return;
    channel->short_of_memory = true;
    ares_cancel(channel->channel);
    channel->short_of_memory = false;
    ares_memory_was_short(); /* cancelling wants some, too */
}

static enum error error_from_ares(int status) {
    switch (status) {
    case ARES_SUCCESS:
        return ERROR_NONE;
    case ARES_ENOTFOUND:
    case ARES_ENODATA:
    case ARES_EBADNAME:
        return ERROR_NAME_NOT_FOUND;
    case ARES_ETIMEOUT:
        return ERROR_TIMED_OUT;
    case ARES_ENOMEM:
        return ERROR_NO_MEMORY;
    case ARES_ECANCELLED:
    case ARES_EDESTRUCTION:
        return ERROR_CANCELLED;
    default:
        return ERROR_NAME_SERVER_FAILED;
    }
}

/* ---- time-outs ------------------------------------------------------------------------------- */

static void restart_timer(struct ares_channel_on_loop *channel) {
    struct timeval wait;
    if (ares_timeout(channel->channel, NULL, &wait) == NULL) {
        loop_stop_timer(channel->loop, &channel->timeout);
        return;
    }
    uint64_t duration = (uint64_t)wait.tv_sec * SECOND + (uint64_t)wait.tv_usec * MICROSECOND;
    loop_start_timer(channel->loop, &channel->timeout, channel->loop->now + duration);
}

/* What has come for these sockets, and what has timed out. */
static void process(struct ares_channel_on_loop *channel, ares_socket_t readable,
                    ares_socket_t writable) {
    ares_process_fd(channel->channel, readable, writable);
    give_up_if_short(channel);
    restart_timer(channel);
}

static void timed_out(struct timer *timer) {
    struct ares_channel_on_loop *channel =
        container_of(timer, struct ares_channel_on_loop, timeout);
    process(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

static const struct timer_handler timeout_handler = {"dns_timeout", timed_out};

/* ---- sockets --------------------------------------------------------------------------------- */

static void finish_if_drained(struct ares_channel_on_loop *channel) {
    if (channel->closing && list_is_empty(&channel->watches))
        loop_post(channel->loop, &channel->finish);
}

static void poll_again(struct watch *watch) {
    watch->polled = watch->wanted;
    ring_poll(watch->channel->loop->ring, &watch->poll, watch->socket, watch->wanted);
}

static void end_watch(struct watch *watch) {
    struct ares_channel_on_loop *channel = watch->channel;
    list_remove(&watch->link);
    loop_close_descriptor(channel->loop, watch->socket);
    memory_free(watch);
    finish_if_drained(channel);
}

static void poll_completed(struct operation *operation, const struct completion *completion) {
    struct watch *watch = container_of(operation, struct watch, poll);
    struct ares_channel_on_loop *channel = watch->channel;
    if (watch->socket_closed) {
        end_watch(watch);
        return;
    }
    if (completion->error != ERROR_CANCELLED) {
        ares_socket_t socket = watch->socket;
        bool reading = (watch->polled & POLL_FOR_READING) != 0;
        bool writing = (watch->polled & POLL_FOR_WRITING) != 0;
        /* armed first, so that closing the socket from inside c-ares finds a consistent watch */
        if (watch->wanted != 0)
            poll_again(watch);
        process(channel, reading ? socket : ARES_SOCKET_BAD, writing ? socket : ARES_SOCKET_BAD);
    } else if (watch->wanted != 0) {
        poll_again(watch);
    }
}

static const struct handler poll_handler = {"dns_socket", poll_completed};

static struct watch *find_watch(struct ares_channel_on_loop *channel, ares_socket_t socket) {
    list_for_each (node, &channel->watches) {
        struct watch *watch = container_of(node, struct watch, link);
        if (watch->socket == socket && !watch->socket_closed)
            return watch;
    }
    return NULL;
}

static void socket_state_changed(void *context, ares_socket_t socket, int readable, int writable) {
    struct watch *watch = find_watch(context, socket);
    if (watch == NULL)
        return;
    watch->wanted =
        (readable ? (unsigned)POLL_FOR_READING : 0) | (writable ? (unsigned)POLL_FOR_WRITING : 0);
    if (watch->wanted != 0 && !operation_is_armed(&watch->poll))
        poll_again(watch);
    else if (watch->wanted != watch->polled)
        ring_cancel(watch->channel->loop->ring, &watch->poll);
}

/* ---- socket calls, through the seam ---------------------------------------------------------- */

static struct ring *ring_of(void *context) {
    return ((struct ares_channel_on_loop *)context)->loop->ring;
}

static ares_ssize_t with_errno(ssize_t result) {
    if (result >= 0)
        return result;
    errno = (int)-result;
    return -1;
}

static ares_socket_t open_socket(int family, int type, int protocol, void *context) {
    (void)protocol;
    struct ares_channel_on_loop *channel = context;
    struct watch *watch = memory_allocate_zeroed(sizeof *watch);
    if (watch == NULL) {
        errno = ENOMEM;
        return ARES_SOCKET_BAD;
    }
    enum error error =
        socket_open(channel->loop->ring, family, type | SOCK_NONBLOCK, &watch->socket);
    if (error != ERROR_NONE) {
        memory_free(watch);
        errno = EMFILE;
        return ARES_SOCKET_BAD;
    }
    watch->channel = channel;
    watch->poll.handler = &poll_handler;
    list_append(&channel->watches, &watch->link);
    return watch->socket;
}

/* The descriptor may only be closed when no poll is armed on it. */
static int close_socket(ares_socket_t socket, void *context) {
    struct watch *watch = find_watch(context, socket);
    assert(watch != NULL);
    watch->socket_closed = true;
    if (operation_is_armed(&watch->poll))
        ring_cancel(watch->channel->loop->ring, &watch->poll);
    else
        end_watch(watch);
    return 0;
}

static int connect_socket(ares_socket_t socket, const struct sockaddr *address, ares_socklen_t size,
                          void *context) {
    struct ring *ring = ring_of(context);
    return (int)with_errno(ring->backend->sockets->connect(ring, socket, address, size));
}

static ares_ssize_t receive_socket(ares_socket_t socket, void *data, size_t size, int flags,
                                   struct sockaddr *from, ares_socklen_t *from_size,
                                   void *context) {
    (void)flags;
    struct ring *ring = ring_of(context);
    return with_errno(ring->backend->sockets->receive(ring, socket, data, size, from, from_size));
}

static ares_ssize_t send_socket(ares_socket_t socket, const struct iovec *parts, int count,
                                void *context) {
    struct ring *ring = ring_of(context);
    return with_errno(ring->backend->sockets->send(ring, socket, parts, count));
}

static const struct ares_socket_functions socket_functions = {
    .asocket = open_socket,
    .aclose = close_socket,
    .aconnect = connect_socket,
    .arecvfrom = receive_socket,
    .asendv = send_socket,
};

/* ---- queries --------------------------------------------------------------------------------- */

static size_t copy_addresses(const struct ares_addrinfo *information, struct address *addresses,
                             unsigned *ttl) {
    size_t count = 0;
    *ttl = UINT32_MAX;
    for (const struct ares_addrinfo_node *node = information->nodes;
         node != NULL && count < ADDRESSES_MAX; node = node->ai_next) {
        if (node->ai_family == AF_INET)
            addresses[count].socket.v4 = *(const struct sockaddr_in *)(const void *)node->ai_addr;
        else if (node->ai_family == AF_INET6)
            addresses[count].socket.v6 = *(const struct sockaddr_in6 *)(const void *)node->ai_addr;
        else
            continue;
        count++;
        if (node->ai_ttl >= 0 && (unsigned)node->ai_ttl < *ttl)
            *ttl = (unsigned)node->ai_ttl;
    }
    return count;
}

static void answered(void *context, int status, int timeouts, struct ares_addrinfo *information) {
    (void)timeouts;
    struct query query = *(struct query *)context;
    memory_free(context);
    struct address addresses[ADDRESSES_MAX] = {0};
    unsigned ttl = 0;
    size_t count = information == NULL ? 0 : copy_addresses(information, addresses, &ttl);
    enum error error = query.channel->short_of_memory ? ERROR_NO_MEMORY : error_from_ares(status);
    if (error == ERROR_NONE && count == 0)
        error = ERROR_NAME_NOT_FOUND;
    if (information != NULL)
        ares_freeaddrinfo(information);
    query.answer(query.context, error, addresses, count, ttl);
}

void ares_channel_query(struct ares_channel_on_loop *channel, const char *name, ares_answer *answer,
                        void *context) {
    struct query *query = memory_allocate(sizeof *query);
    if (query == NULL) {
        answer(context, ERROR_NO_MEMORY, NULL, 0, 0);
        return;
    }
    *query = (struct query){channel, answer, context};
    const struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC, .ai_flags = ARES_AI_NOSORT};
    ares_getaddrinfo(channel->channel, name, NULL, &hints, answered, query);
    give_up_if_short(channel);
    restart_timer(channel);
}

/* ---- life cycle ------------------------------------------------------------------------------ */

static void finish(struct task *task) {
    struct ares_channel_on_loop *channel = container_of(task, struct ares_channel_on_loop, finish);
    void (*closed)(void *) = channel->closed;
    void *context = channel->closed_context;
    memory_free(channel);
    closed(context);
}

static const struct task_handler finish_handler = {"dns_closed", finish};

/* Whatever c-ares would read from files is given; the servers' names follow when it is open. */
static int ask_servers_only(struct ares_options *options) {
    static struct in_addr none;
    static char dns_only[] = "b";
    options->servers = &none;
    options->nservers = 1;
    options->lookups = dns_only;
    options->ndomains = 0;
    options->nsort = 0;
    options->ndots = 1;
    return ARES_OPT_SERVERS | ARES_OPT_LOOKUPS | ARES_OPT_DOMAINS | ARES_OPT_SORTLIST |
           ARES_OPT_NDOTS;
}

/* So many that c-ares gives up by itself after `timeout`, not before. */
static int tries_for(uint64_t timeout) {
    int tries = 2;
    for (uint64_t waited = 2 * (uint64_t)FIRST_TRY; waited < timeout; waited *= 2)
        tries++;
    return tries;
}

static int open_channel(struct ares_channel_on_loop *channel, uint64_t timeout,
                        const char *servers) {
    struct ares_options options = {
        .timeout = FIRST_TRY / MILLISECOND,
        .tries = tries_for(timeout),
        .sock_state_cb = socket_state_changed,
        .sock_state_cb_data = channel,
    };
    int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
#ifdef ARES_OPT_QUERY_CACHE
    options.qcache_max_ttl = 0; /* the resolver has its own, with its own rules */
    mask |= ARES_OPT_QUERY_CACHE;
#endif
#ifdef ARES_OPT_UDP_MAX_QUERIES
    /* Where this exists, an answer that cannot be parsed ends its socket and costs every query on
     * it a try: one bad name would fail the others. A port of its own for each query is also what
     * RFC 5452 section 9.2 asks for. */
    options.udp_max_queries = 1;
    mask |= ARES_OPT_UDP_MAX_QUERIES;
#endif
    if (servers != NULL)
        mask |= ask_servers_only(&options);
    ares_memory_was_short(); /* of this channel's opening alone */
    int status = ares_init_options(&channel->channel, &options, mask);
    if (status != ARES_SUCCESS)
        return status;
    /* newer versions call this one deprecated; Debian 12's has no other */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    ares_set_socket_functions(channel->channel, &socket_functions, channel);
#pragma GCC diagnostic pop
    if (servers != NULL)
        status = ares_set_servers_ports_csv(channel->channel, servers);
    if (ares_memory_was_short())
        status = ARES_ENOMEM;
    if (status != ARES_SUCCESS)
        ares_destroy(channel->channel);
    return status;
}

enum error ares_channel_new(struct loop *loop, uint64_t timeout, const char *servers,
                            struct ares_channel_on_loop **channel_out) {
    pthread_once(&library_once, start_library);
    if (library_status != ARES_SUCCESS)
        return error_from_ares(library_status);
    struct ares_channel_on_loop *channel = memory_allocate_zeroed(sizeof *channel);
    if (channel == NULL)
        return ERROR_NO_MEMORY;
    channel->loop = loop;
    channel->timeout.handler = &timeout_handler;
    channel->finish.handler = &finish_handler;
    list_init(&channel->watches);
    int status = open_channel(channel, timeout, servers);
    if (status != ARES_SUCCESS) {
        memory_free(channel);
        return error_from_ares(status);
    }
    *channel_out = channel;
    return ERROR_NONE;
}

void ares_channel_close(struct ares_channel_on_loop *channel, void (*closed)(void *context),
                        void *context) {
    channel->closing = true;
    channel->closed = closed;
    channel->closed_context = context;
    loop_stop_timer(channel->loop, &channel->timeout);
    ares_destroy(channel->channel);
    finish_if_drained(channel);
}

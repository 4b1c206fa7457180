#include "server/admission.h"

#include <assert.h>
#include <string.h>

#include "base/list.h"
#include "base/memory.h"

enum { KEY_V4 = 4, KEY_V6 = 8 }; /* who has one IPv6 address has its whole /64 */

struct admission_address {
    struct map_node node;
    unsigned count;
    uint8_t key[KEY_V6];
};

void admission_init(struct admission *admission, const struct admission_limits *limits) {
    *admission = (struct admission){.limits = *limits};
    pthread_mutex_init(&admission->lock, NULL);
}

void admission_fini(struct admission *admission) {
    assert(admission->open == 0 && admission->addresses.size == 0);
    map_fini(&admission->addresses);
    pthread_mutex_destroy(&admission->lock);
}

void admission_set_limits(struct admission *admission, const struct admission_limits *limits) {
    pthread_mutex_lock(&admission->lock);
    admission->limits = *limits;
    pthread_mutex_unlock(&admission->lock);
}

/* ---- in all ---------------------------------------------------------------------------------- */

static enum admission_answer judge(struct admission *admission, uint64_t now) {
    const struct admission_limits *limits = &admission->limits;
    if (limits->connections > 0 && admission->open >= limits->connections)
        return ADMISSION_TOO_MANY;
    if (!bucket_take(&admission->accepts, &limits->accepts, 1, now))
        return ADMISSION_TOO_FAST;
    admission->open++;
    return ADMISSION_GRANTED;
}

enum admission_answer admission_enter(struct admission *admission, uint64_t now) {
    pthread_mutex_lock(&admission->lock);
    enum admission_answer answer = judge(admission, now);
    pthread_mutex_unlock(&admission->lock);
    return answer;
}

void admission_spare_accept(struct admission *admission) {
    pthread_mutex_lock(&admission->lock);
    bucket_give(&admission->accepts, &admission->limits.accepts, 1);
    pthread_mutex_unlock(&admission->lock);
}

void admission_leave(struct admission *admission) {
    pthread_mutex_lock(&admission->lock);
    assert(admission->open > 0);
    admission->open--;
    pthread_mutex_unlock(&admission->lock);
}

/* ---- by address ------------------------------------------------------------------------------ */

static struct bytes key_of(const struct address *address) {
    if (address->socket.any.sa_family == AF_INET6)
        return bytes_make(&address->socket.v6.sin6_addr, KEY_V6);
    return bytes_make(&address->socket.v4.sin_addr, KEY_V4);
}

static enum error add(struct admission *admission, struct bytes key,
                      struct admission_address **added) {
    struct admission_address *address = memory_allocate_zeroed(sizeof *address);
    if (address == NULL)
        return ERROR_NO_MEMORY;
    memcpy(address->key, key.data, key.size);
    enum error error =
        map_insert(&admission->addresses, &address->node, bytes_make(address->key, key.size));
    if (error != ERROR_NONE) {
        memory_free(address);
        return error;
    }
    *added = address;
    return ERROR_NONE;
}

static enum error count(struct admission *admission, struct bytes key,
                        struct admission_address **counted) {
    struct map_node *node = map_find(&admission->addresses, key);
    struct admission_address *address =
        node == NULL ? NULL : container_of(node, struct admission_address, node);
    if (address != NULL && address->count >= admission->limits.per_address)
        return ERROR_LIMIT_REACHED;
    enum error error = address == NULL ? add(admission, key, &address) : ERROR_NONE;
    if (error != ERROR_NONE)
        return error;
    address->count++;
    *counted = address;
    return ERROR_NONE;
}

enum error admission_count(struct admission *admission, const struct address *address,
                           struct admission_address **counted) {
    enum error error = ERROR_NONE;
    *counted = NULL;
    if (address_is_local(address))
        return ERROR_NONE;
    pthread_mutex_lock(&admission->lock);
    if (admission->limits.per_address > 0)
        error = count(admission, key_of(address), counted);
    pthread_mutex_unlock(&admission->lock);
    return error;
}

void admission_uncount(struct admission *admission, struct admission_address *counted) {
    if (counted == NULL)
        return;
    pthread_mutex_lock(&admission->lock);
    if (--counted->count == 0) {
        map_remove(&admission->addresses, &counted->node);
        memory_free(counted);
    }
    pthread_mutex_unlock(&admission->lock);
}

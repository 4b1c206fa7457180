/*
 * How a message comes to the home of its channel: at once where that is, or by letter and back with
 * the answer.
 */
#include <string.h>

#include "base/memory.h"
#include "channel.h"
#include "worker.h"

static void deliver_publish(struct letter *letter) {
    struct publish *publish = container_of(letter, struct publish, letter);
    struct bytes name = bytes_make(publish->data + publish->prefix_size, publish->name_size);
    home_handle_publish(hub_home_worker(publish->hub, name), publish);
}

static const struct letter_handler publish_handler = {"hub_publish", deliver_publish};

static enum error send_publish(struct hub_worker *from, struct bytes name,
                               struct subscription *source, struct bytes prefix, bool binary,
                               struct bytes payload) {
    struct publish *publish =
        memory_allocate(sizeof *publish + prefix.size + name.size + payload.size);
    if (publish == NULL)
        return ERROR_NO_MEMORY;
    *publish = (struct publish){
        .letter.handler = &publish_handler,
        .hub = from->hub,
        .source = source,
        .sender = from->index,
        .binary = binary,
        .prefix_size = (uint8_t)prefix.size,
        .name_size = (uint8_t)name.size,
        .payload_size = payload.size,
    };
    uint8_t *data = publish->data;
    const struct bytes parts[] = {prefix, name, payload};
    for (size_t i = 0; i < 3; i++) {
        if (parts[i].size > 0)
            memcpy(data, parts[i].data, parts[i].size);
        data += parts[i].size;
    }
    if (source != NULL)
        subscription_begin_publish(source);
    loop_send(hub_home_worker(from->hub, name)->loop, &publish->letter);
    return ERROR_NONE;
}

enum error channel_publish(struct channel *channel, struct subscription *source,
                           struct bytes prefix, bool binary, struct bytes payload) {
    struct hub_worker *worker = channel->worker;
    struct home *home = channel->home;
    uint64_t offset;
    if (home->worker != worker)
        return send_publish(worker, bytes_of(channel->name), source, prefix, binary, payload);
    enum error error = home_append(home, prefix, binary, payload, &offset);
    if (error == ERROR_NONE && !home->settings.echo &&
        subscription_exclude(source, offset) != ERROR_NONE)
        subscription_events.published(
            source, ERROR_NO_MEMORY); /* accepted, but its own exclusion is lost */
    return error;
}

enum error hub_publish(struct hub *hub, unsigned worker, struct bytes name, struct bytes payload) {
    struct hub_worker *from = &hub->workers[worker];
    struct hub_worker *to = hub_home_worker(hub, name);
    const struct bytes no_prefix = {0};
    if (!channel_name_is_valid(name))
        return ERROR_INVALID_ARGUMENT;
    if (to != from)
        return send_publish(from, name, NULL, no_prefix, false, payload);
    struct home *home;
    uint64_t offset;
    enum error error = home_find(to, name, &home);
    return error == ERROR_NONE ? home_append(home, no_prefix, false, payload, &offset) : error;
}

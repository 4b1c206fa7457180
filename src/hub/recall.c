/*
 * The past of a channel: messages that are retained, and readers that begin with them. A rendition
 * that somebody began to read late is made to reach back as far as is wanted.
 */
#include <assert.h>

#include "base/memory.h"
#include "channel.h"
#include "worker.h"

enum {
    PAST_MAX = 32 * 1024 * 1024,       /* bytes of history that a late rendition is made from */
    PAST_COMPRESSED_MAX = 1024 * 1024, /* of these, how many are compressed */
};

struct published home_message(struct home *home, uint64_t offset) {
    const struct segment *segment = log_find(home_history(home), offset);
    uint32_t messages = atomic_load(&((struct segment *)(uintptr_t)segment)->messages);
    uint32_t index = (uint32_t)(offset - segment->offset);
    uint32_t start = segment->marks[index].start;
    uint32_t end = index + 1 < messages
                       ? segment->marks[index + 1].start
                       : atomic_load(&((struct segment *)(uintptr_t)segment)->filled);
    struct published message = {.channel = home->name, .epoch = home->epoch, .offset = offset};
    rendition_decode(bytes_make(segment->data + start, end - start), &message);
    return message;
}

/* How much of the history the messages from `offset` up to `end` are. */
static uint64_t history_bytes(struct home *home, uint64_t offset, uint64_t end) {
    struct log *history = home_history(home);
    const struct segment *first = log_find(history, offset);
    uint64_t from = first->base + first->marks[offset - first->offset].start;
    if (end == history->next_offset)
        return history->head - from;
    const struct segment *last = log_find(history, end);
    return last->base + last->marks[end - last->offset].start - from;
}

static enum error encode_past(struct home *home, enum rendition_kind kind, uint64_t offset,
                              uint64_t end, struct log *past) {
    struct encoder *encoder = &home->worker->encoder;
    uint64_t now = home->worker->loop->now, start;
    bool fresh;
    enum error error = ERROR_NONE;
    log_begin_at(past, 0, offset);
    for (; offset < end && error == ERROR_NONE; offset++) {
        struct published message = home_message(home, offset);
        struct encoded encoded;
        encoder_begin(encoder);
        error = encoder_encode(encoder, &message, kind, &encoded);
        if (error == ERROR_NONE)
            error = log_append(past, encoded.parts, encoded.count, now, &start, &fresh);
    }
    return error;
}

/* The uncompressed form: what is much is not compressed at once, which would hold the loop. Events
 * in a deflate stream are stored there. */
static enum rendition_kind without_compression(enum rendition_kind kind) {
    if (kind == RENDITION_JSON_DEFLATED)
        return RENDITION_JSON;
    return kind == RENDITION_RAW_DEFLATED ? RENDITION_RAW : kind;
}

/* Makes a rendition reach back to `offset`. False: it is too much, or there is no memory. */
static bool reach_back(struct home *home, enum rendition_kind kind, uint64_t offset) {
    struct log *log = &home->renditions[kind].log;
    struct log past;
    if (offset >= log->tail_offset)
        return true;
    uint64_t bytes = history_bytes(home, offset, log->tail_offset);
    if (bytes > PAST_MAX)
        return false;
    home_init_log(home, &past);
    bool much = bytes > PAST_COMPRESSED_MAX;
    home->worker->encoder.stores = much;
    enum error error =
        encode_past(home, much ? without_compression(kind) : kind, offset, log->tail_offset, &past);
    home->worker->encoder.stores = false;
    if (error != ERROR_NONE) {
        log_fini(&past);
        return false;
    }
    log_prepend(log, &past);
    home_count_memory(home);
    return true;
}

/* The offset that is wanted, if everything from there on is there. */
static bool find_start(struct home *home, const struct start *start, uint64_t *offset) {
    const struct log *history = home_history(home);
    uint64_t retained = history->next_offset - history->tail_offset;
    if (start->place == PLACE_AFTER) {
        *offset = start->offset;
        return start->epoch == home->epoch && start->offset >= history->tail_offset &&
               start->offset <= history->next_offset;
    }
    *offset = history->next_offset - (start->count < retained ? start->count : retained);
    return true;
}

static enum error collect_segments(struct log *log, uint64_t offset, struct recall *recall) {
    struct list_node *first = &log_find(log, offset)->link;
    size_t count = 0;
    for (struct list_node *node = first; node != &log->segments; node = node->next)
        count++;
    recall->segments = memory_allocate(count * sizeof(struct segment *));
    if (recall->segments == NULL)
        return ERROR_NO_MEMORY;
    for (struct list_node *node = first; node != &log->segments; node = node->next) {
        struct segment *segment = container_of(node, struct segment, link);
        segment_reference(segment);
        recall->segments[recall->count++] = segment;
    }
    return ERROR_NONE;
}

static void deliver_recall_answer(struct letter *letter) {
    channel_recalled(container_of(letter, struct recall, letter));
}

static const struct letter_handler recall_answer_handler = {"hub_recalled", deliver_recall_answer};

void home_handle_recall(struct recall *recall) {
    struct home *home = recall->home;
    enum rendition_kind kind = recall->channel->kind;
    struct log *log = &home->renditions[kind].log;
    home_trim(home);
    recall->found =
        find_start(home, &recall->start, &recall->offset) && reach_back(home, kind, recall->offset);
    if (recall->found && recall->offset < log->next_offset)
        recall->found = collect_segments(log, recall->offset, recall) == ERROR_NONE;
    if (!recall->found)
        recall->offset = log->next_offset;
    recall->letter.handler = &recall_answer_handler;
    if (recall->channel->worker == home->worker)
        channel_recalled(recall);
    else
        loop_send(recall->channel->worker->loop, &recall->letter);
}

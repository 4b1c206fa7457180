/*
 * An intrusive doubly linked list: nodes are embedded in what they link, nothing is allocated.
 * A list head is a node of its own. Not thread-safe.
 */
#ifndef RINGCAST_BASE_LIST_H
#define RINGCAST_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list_node {
    struct list_node *next;
    struct list_node *previous;
};

/* The struct of type `type` whose field `field` is at `pointer`. */
#define container_of(pointer, type, field) ((type *)((char *)(pointer) - offsetof(type, field)))

/* Makes a head empty, or a node linked to nothing. */
static inline void list_init(struct list_node *node) {
    node->next = node;
    node->previous = node;
}

static inline bool list_is_empty(const struct list_node *head) {
    return head->next == head;
}

/* Is this node in a list? Only for nodes that were list_init()ed or removed. */
static inline bool list_is_linked(const struct list_node *node) {
    return node->next != node;
}

static inline void list_insert_before(struct list_node *place, struct list_node *node) {
    node->next = place;
    node->previous = place->previous;
    place->previous->next = node;
    place->previous = node;
}

static inline void list_append(struct list_node *head, struct list_node *node) {
    list_insert_before(head, node);
}

static inline void list_prepend(struct list_node *head, struct list_node *node) {
    list_insert_before(head->next, node);
}

/* Takes a node out; harmless for one that is in no list. */
static inline void list_remove(struct list_node *node) {
    node->next->previous = node->previous;
    node->previous->next = node->next;
    list_init(node);
}

/* Takes the first node out, or NULL. */
static inline struct list_node *list_take_first(struct list_node *head) {
    struct list_node *first = head->next;
    if (first == head)
        return NULL;
    list_remove(first);
    return first;
}

/* Moves all of `from` to the end of `to`; `from` is empty afterwards. */
static inline void list_splice(struct list_node *to, struct list_node *from) {
    if (list_is_empty(from))
        return;
    from->next->previous = to->previous;
    to->previous->next = from->next;
    from->previous->next = to;
    to->previous = from->previous;
    list_init(from);
}

#define list_for_each(node, head) \
    for (struct list_node *node = (head)->next; node != (head); node = node->next)

/* The body may remove `node`, and no other. */
#define list_for_each_safe(node, head)                                                     \
    for (struct list_node *node = (head)->next, *node##_next = node->next; node != (head); \
         node = node##_next, node##_next = node->next)

#endif

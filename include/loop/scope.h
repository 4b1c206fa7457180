/*
 * A scope: the owner of concurrent work, as a task group is in other languages.
 *
 * Whatever runs concurrently enters a scope as a member and leaves it when it has wholly ended. A
 * scope can cancel all its members, ends when the last has left and somebody joined it, and keeps
 * the first error. A scope inside another is a member of it, so a service is a tree and shutdown is
 * one ordered cancel at the root.
 *
 * Cancelling is sticky: a cancelled scope admits nobody. Cancelling a member only asks it to end;
 * it leaves when it has.
 *
 * Life cycle: scope_init(); members enter and leave; scope_join(); the `ended` callback runs from
 * the ready list, once, and may take the error; scope_fini(), there or later, gives the scope's
 * memory back to its owner. Belongs to one loop's thread.
 */
#ifndef RINGCAST_LOOP_SCOPE_H
#define RINGCAST_LOOP_SCOPE_H

#include "loop/loop.h"

enum scope_policy {
    SCOPE_COLLECT,   /* a member's error leaves the others alone */
    SCOPE_FAIL_FAST, /* the first error cancels the others */
};

struct scope;
struct scope_member;

/* How to ask a member to end. Constant and static. */
struct scope_member_handler {
    const char *name;
    void (*cancel)(struct scope_member *member);
};

/* One piece of work in a scope, embedded in its owner. `{0}` is in no scope. */
struct scope_member {
    const struct scope_member_handler *handler;
    struct scope *scope; /* NULL outside */
    struct list_node link;
};

struct scope {
    struct loop *loop;
    enum scope_policy policy;
    bool cancelled;
    bool joined;
    enum error error;          /* the first one of a member; ERROR_NONE */
    const char *error_source;  /* the member that it came from */
    struct list_node members;  /* not asked to end yet */
    struct list_node ending;   /* asked to end */
    struct scope_member place; /* in the scope around this one */
    struct task ended_task;
    struct timer deadline;
    void (*ended)(struct scope *scope);
};

/*
 * A scope on `loop`, inside `parent` (or NULL). `ended` runs once, after scope_join() and the last
 * leave. A scope inside a cancelled one is born cancelled.
 */
void scope_init(struct scope *scope, struct loop *loop, struct scope *parent,
                enum scope_policy policy, void (*ended)(struct scope *scope));

/* Enters. ERROR_CANCELLED when the scope is cancelled; then the work must not begin. */
enum error scope_enter(struct scope *scope, struct scope_member *member);

/*
 * Leaves, having wholly ended. `error` is a failure that the member could not handle itself, or
 * ERROR_NONE; ERROR_CANCELLED does not count as a failure of a cancelled scope.
 */
void scope_leave(struct scope_member *member, enum error error);

/* Asks every member to end, and refuses new ones. Repeating it does nothing. */
void scope_cancel(struct scope *scope);

/* Lets the scope end: `ended` runs when it is empty, now or later. */
void scope_join(struct scope *scope);

/* The same, and cancels what is still there at `deadline` (by loop->now). */
void scope_join_by(struct scope *scope, uint64_t deadline);

/*
 * Visits the members, those who were asked to end behind the others, until a visit returns false;
 * then it is false, too. A visit may make its own member leave.
 */
bool scope_visit(struct scope *scope, bool (*visit)(struct scope_member *member, void *context),
                 void *context);

/*
 * Visits the first member after it has been put behind all others; those who were asked to end are
 * not visited. A round in parts: as many calls as there are members visit all that stay. False if
 * there is nobody. The visit may make the member leave.
 */
bool scope_visit_next(struct scope *scope,
                      void (*visit)(struct scope_member *member, void *context), void *context);

/* Takes the first error, leaving ERROR_NONE. */
enum error scope_take_error(struct scope *scope);

/*
 * Ends an empty scope. An error that was not taken goes to the scope around it; where there is
 * none, it is logged and counted (scope_untaken_errors()), never dropped.
 */
void scope_fini(struct scope *scope);

/* Was it asked to end? */
static inline bool scope_is_cancelled(const struct scope *scope) {
    return scope->cancelled;
}

/* Is there no member? */
static inline bool scope_is_empty(const struct scope *scope) {
    return list_is_empty(&scope->members) && list_is_empty(&scope->ending);
}

/* Errors that nobody took, in the whole process. */
uint64_t scope_untaken_errors(void);

#endif

#include "loop/scope.h"

#include <assert.h>

#include "base/log.h"

static _Atomic uint64_t untaken_errors;

/* ---- cancelling ------------------------------------------------------------------------------ */

/* A member is moved to `ending` before it is asked, since it may leave at once. */
void scope_cancel(struct scope *scope) {
    scope->cancelled = true;
    struct list_node *node;
    while ((node = list_take_first(&scope->members)) != NULL) {
        struct scope_member *member = container_of(node, struct scope_member, link);
        list_append(&scope->ending, node);
        member->handler->cancel(member);
    }
}

static void cancel_place(struct scope_member *place) {
    scope_cancel(container_of(place, struct scope, place));
}

static const struct scope_member_handler place_handler = {"scope", cancel_place};

/* ---- visiting -------------------------------------------------------------------------------- */

static bool visit_list(struct list_node *members,
                       bool (*visit)(struct scope_member *member, void *context), void *context) {
    list_for_each_safe (node, members)
        if (!visit(container_of(node, struct scope_member, link), context))
            return false;
    return true;
}

bool scope_visit(struct scope *scope, bool (*visit)(struct scope_member *member, void *context),
                 void *context) {
    return visit_list(&scope->members, visit, context) &&
           visit_list(&scope->ending, visit, context);
}

bool scope_visit_next(struct scope *scope,
                      void (*visit)(struct scope_member *member, void *context), void *context) {
    struct list_node *node = list_take_first(&scope->members);
    if (node == NULL)
        return false;
    list_append(&scope->members, node);
    visit(container_of(node, struct scope_member, link), context);
    return true;
}

/* ---- the end --------------------------------------------------------------------------------- */

static void end_if_empty(struct scope *scope) {
    if (scope->joined && scope_is_empty(scope))
        loop_post(scope->loop, &scope->ended_task);
}

/* Somebody may have entered between the last leave and now: then the end is still to come. */
static void run_ended(struct task *task) {
    struct scope *scope = container_of(task, struct scope, ended_task);
    if (!scope_is_empty(scope))
        return;
    loop_stop_timer(scope->loop, &scope->deadline);
    scope->cancelled = true; /* nobody may enter any more, so this happens once */
    scope->ended(scope);
}

static const struct task_handler ended_handler = {"scope_ended", run_ended};

static void deadline_passed(struct timer *timer) {
    scope_cancel(container_of(timer, struct scope, deadline));
}

static const struct timer_handler deadline_handler = {"scope_deadline", deadline_passed};

/* ---- life cycle ------------------------------------------------------------------------------ */

void scope_init(struct scope *scope, struct loop *loop, struct scope *parent,
                enum scope_policy policy, void (*ended)(struct scope *scope)) {
    *scope = (struct scope){
        .loop = loop,
        .policy = policy,
        .place.handler = &place_handler,
        .ended_task.handler = &ended_handler,
        .deadline.handler = &deadline_handler,
        .ended = ended,
    };
    list_init(&scope->members);
    list_init(&scope->ending);
    if (parent != NULL && scope_enter(parent, &scope->place) != ERROR_NONE)
        scope->cancelled = true;
}

enum error scope_enter(struct scope *scope, struct scope_member *member) {
    assert(member->scope == NULL && member->handler != NULL);
    if (scope->cancelled)
        return ERROR_CANCELLED;
    member->scope = scope;
    list_append(&scope->members, &member->link);
    return ERROR_NONE;
}

void scope_leave(struct scope_member *member, enum error error) {
    struct scope *scope = member->scope;
    assert(scope != NULL);
    list_remove(&member->link);
    member->scope = NULL;
    bool failed = error != ERROR_NONE && !(error == ERROR_CANCELLED && scope->cancelled);
    if (failed && scope->error == ERROR_NONE) {
        scope->error = error;
        scope->error_source = member->handler->name;
    }
    if (failed && scope->policy == SCOPE_FAIL_FAST)
        scope_cancel(scope);
    end_if_empty(scope);
}

void scope_join(struct scope *scope) {
    scope->joined = true;
    end_if_empty(scope);
}

void scope_join_by(struct scope *scope, uint64_t deadline) {
    loop_start_timer(scope->loop, &scope->deadline, deadline);
    scope_join(scope);
}

enum error scope_take_error(struct scope *scope) {
    enum error error = scope->error;
    scope->error = ERROR_NONE;
    return error;
}

void scope_fini(struct scope *scope) {
    assert(scope_is_empty(scope));
    loop_unpost(&scope->ended_task);
    loop_stop_timer(scope->loop, &scope->deadline);
    if (scope->place.scope != NULL) {
        scope_leave(&scope->place, scope->error);
    } else if (scope->error != ERROR_NONE) {
        atomic_fetch_add(&untaken_errors, 1);
        log_write(LOG_ERROR, "scope", "an error that nobody took",
                  LOG_TEXT("source", scope->error_source),
                  LOG_TEXT("error", error_text(scope->error)));
    }
}

uint64_t scope_untaken_errors(void) {
    return atomic_load(&untaken_errors);
}

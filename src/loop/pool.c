#include "loop/pool.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>

#include "base/memory.h"

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t arrived;
    struct list_node queue;
    bool closing;
    struct pool_runner runner; /* `start` is NULL where there are threads */
    unsigned thread_count;
    pthread_t threads[];
};

/* ---- on the pool's threads ------------------------------------------------------------------- */

static struct work *take_work(struct pool *pool) {
    pthread_mutex_lock(&pool->lock);
    while (list_is_empty(&pool->queue) && !pool->closing)
        pthread_cond_wait(&pool->arrived, &pool->lock);
    struct list_node *node = list_take_first(&pool->queue);
    pthread_mutex_unlock(&pool->lock);
    return node == NULL ? NULL : container_of(node, struct work, link);
}

static void run_work(void *argument) {
    struct work *work = argument;
    work->handler->run(work);
    loop_send(work->loop, &work->letter);
}

static void *serve(void *argument) {
    struct pool *pool = argument;
    struct work *work;
    while ((work = take_work(pool)) != NULL)
        run_work(work);
    return NULL;
}

/* ---- on a loop's thread ---------------------------------------------------------------------- */

static void deliver_done(struct letter *letter) {
    struct work *work = container_of(letter, struct work, letter);
    work->sent = false;
    work->handler->done(work);
}

static const struct letter_handler done_handler = {"pool_done", deliver_done};

static void start_each(const struct pool_runner *runner, struct list_node *outgoing) {
    struct list_node *node;
    while ((node = list_take_first(outgoing)) != NULL)
        runner->start(runner->context, run_work, container_of(node, struct work, link));
}

static void flush_outgoing(struct task *task) {
    struct pool_port *port = container_of(task, struct pool_port, flush);
    struct pool *pool = port->pool;
    if (pool->runner.start != NULL) {
        start_each(&pool->runner, &port->outgoing);
        return;
    }
    bool several = port->outgoing.next != port->outgoing.previous;
    pthread_mutex_lock(&pool->lock);
    list_splice(&pool->queue, &port->outgoing);
    pthread_mutex_unlock(&pool->lock);
    if (several)
        pthread_cond_broadcast(&pool->arrived);
    else
        pthread_cond_signal(&pool->arrived);
}

static const struct task_handler flush_handler = {"pool_flush", flush_outgoing};

void pool_port_init(struct pool_port *port, struct pool *pool, struct loop *loop) {
    *port = (struct pool_port){.pool = pool, .loop = loop, .flush.handler = &flush_handler};
    list_init(&port->outgoing);
}

void pool_send(struct pool_port *port, struct work *work) {
    assert(!work->sent && work->handler != NULL);
    work->sent = true;
    work->loop = port->loop;
    work->letter.handler = &done_handler;
    list_append(&port->outgoing, &work->link);
    loop_post_turn_end(port->loop, &port->flush);
}

/* ---- life cycle ------------------------------------------------------------------------------ */

static void stop_threads(struct pool *pool) {
    pthread_mutex_lock(&pool->lock);
    pool->closing = true;
    pthread_cond_broadcast(&pool->arrived);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->thread_count; i++)
        pthread_join(pool->threads[i], NULL);
}

/* New threads inherit the mask, so signals reach only the thread that asked for them. */
static enum error start_threads(struct pool *pool, unsigned threads) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int result = 0;
    while (result == 0 && pool->thread_count < threads) {
        result = pthread_create(&pool->threads[pool->thread_count], NULL, serve, pool);
        pool->thread_count += result == 0;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error_from_errno(result);
}

static struct pool *allocate(unsigned threads) {
    struct pool *pool = memory_allocate_zeroed(sizeof *pool + threads * sizeof(pthread_t));
    if (pool == NULL)
        return NULL;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->arrived, NULL);
    list_init(&pool->queue);
    return pool;
}

enum error pool_new_with(const struct pool_runner *runner, struct pool **pool_out) {
    struct pool *pool = allocate(0);
    if (pool == NULL)
        return ERROR_NO_MEMORY;
    pool->runner = *runner;
    *pool_out = pool;
    return ERROR_NONE;
}

enum error pool_new(unsigned threads, struct pool **pool_out) {
    struct pool *pool = allocate(threads);
    if (pool == NULL)
        return ERROR_NO_MEMORY;
    enum error error = start_threads(pool, threads);
    if (error != ERROR_NONE) {
        pool_free(pool);
        return error;
    }
    *pool_out = pool;
    return ERROR_NONE;
}

void pool_free(struct pool *pool) {
    stop_threads(pool);
    assert(list_is_empty(&pool->queue));
    pthread_cond_destroy(&pool->arrived);
    pthread_mutex_destroy(&pool->lock);
    memory_free(pool);
}

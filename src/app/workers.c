#include "workers.h"

#include <semaphore.h>

#include "base/log.h"
#include "base/memory.h"

/* ---- calls from worker 0, which waits for them ----------------------------------------------- */

struct call {
    struct letter letter;
    enum error (*run)(void *context, unsigned index);
    void *context;
    unsigned index;
    enum error error;
    sem_t done;
};

static void deliver_call(struct letter *letter) {
    struct call *call = container_of(letter, struct call, letter);
    call->error = call->run(call->context, call->index);
    sem_post(&call->done);
}

static const struct letter_handler call_handler = {"worker_call", deliver_call};

static void wait_for(sem_t *semaphore) {
    while (sem_wait(semaphore) != 0)
        ; /* interrupted */
}

enum error workers_call(struct workers *workers, unsigned index,
                        enum error (*run)(void *context, unsigned index), void *context) {
    if (index == 0 || workers->workers == NULL)
        return run(context, index);
    struct call call = {
        .letter.handler = &call_handler, .run = run, .context = context, .index = index};
    sem_init(&call.done, 0, 0);
    loop_send(&workers->workers[index].loop, &call.letter);
    wait_for(&call.done);
    sem_destroy(&call.done);
    return call.error;
}

/* ---- standing still -------------------------------------------------------------------------- */

struct stillness {
    sem_t standing, over, gone;
};

struct still_letter {
    struct letter letter;
    struct stillness *stillness;
};

static void deliver_stillness(struct letter *letter) {
    struct stillness *stillness = container_of(letter, struct still_letter, letter)->stillness;
    sem_post(&stillness->standing);
    wait_for(&stillness->over);
    sem_post(&stillness->gone);
}

static const struct letter_handler still_handler = {"workers_stand_still", deliver_stillness};

void workers_stand_still(struct workers *workers, void (*run)(void *context), void *context) {
    struct still_letter letters[WORKERS_MAX];
    struct stillness stillness;
    unsigned others = workers->workers == NULL ? 0 : workers->count - 1;
    sem_init(&stillness.standing, 0, 0);
    sem_init(&stillness.over, 0, 0);
    sem_init(&stillness.gone, 0, 0);
    for (unsigned i = 0; i < others; i++) {
        letters[i] = (struct still_letter){{.handler = &still_handler}, &stillness};
        loop_send(workers->loops[i + 1], &letters[i].letter);
    }
    for (unsigned i = 0; i < others; i++)
        wait_for(&stillness.standing);
    run(context);
    for (unsigned i = 0; i < others; i++)
        sem_post(&stillness.over);
    for (unsigned i = 0; i < others; i++)
        wait_for(&stillness.gone);
    sem_destroy(&stillness.standing);
    sem_destroy(&stillness.over);
    sem_destroy(&stillness.gone);
}

/* ---- threads --------------------------------------------------------------------------------- */

struct start {
    struct worker *worker;
    sem_t running;
};

static enum error open_worker(struct worker *worker) {
    worker->error = ring_open(&ring_default_options, &worker->ring, &worker->refusal);
    if (worker->error == ERROR_NONE)
        loop_init(&worker->loop, worker->ring);
    return worker->error;
}

static void *serve(void *argument) {
    struct start *start = argument;
    struct worker *worker = start->worker;
    enum error error = open_worker(worker);
    sem_post(&start->running); /* `start` is gone from here on */
    if (error != ERROR_NONE)
        return NULL;
    loop_run(&worker->loop);
    loop_turn(&worker->loop, 0); /* submits what the last callbacks armed: closes, above all */
    return NULL;
}

static enum error start_thread(struct worker *worker) {
    struct start start = {.worker = worker};
    sem_init(&start.running, 0, 0);
    int result = pthread_create(&worker->thread, NULL, serve, &start);
    if (result == 0)
        wait_for(&start.running);
    sem_destroy(&start.running);
    if (result == 0 && worker->error != ERROR_NONE)
        pthread_join(worker->thread, NULL);
    return result == 0 ? worker->error : error_from_errno(result);
}

enum error workers_start(struct workers *workers, unsigned count, struct ring_refusal *refusal) {
    *workers = (struct workers){0};
    workers->workers = memory_allocate_zeroed(count * sizeof *workers->workers);
    workers->loops = memory_allocate_zeroed(count * sizeof(struct loop *));
    enum error error =
        workers->workers == NULL || workers->loops == NULL ? ERROR_NO_MEMORY : ERROR_NONE;
    *refusal = (struct ring_refusal){"out of memory"};
    for (unsigned i = 0; i < count && error == ERROR_NONE; i++) {
        struct worker *worker = &workers->workers[i];
        *worker = (struct worker){.index = i, .workers = workers};
        error = i == 0 ? open_worker(worker) : start_thread(worker);
        *refusal = worker->refusal;
        workers->loops[i] = &worker->loop;
        workers->count += error == ERROR_NONE;
    }
    if (error != ERROR_NONE)
        workers_stop(workers);
    return error;
}

enum error workers_borrow(struct workers *workers, struct loop *const *loops, unsigned count) {
    *workers = (struct workers){.count = count};
    workers->loops = memory_allocate(count * sizeof *workers->loops);
    if (workers->loops == NULL)
        return ERROR_NO_MEMORY;
    for (unsigned i = 0; i < count; i++)
        workers->loops[i] = loops[i];
    return ERROR_NONE;
}

void workers_release(struct workers *workers) {
    memory_free(workers->loops);
    *workers = (struct workers){0};
}

static enum error stop_loop(void *context, unsigned index) {
    struct workers *workers = context;
    loop_stop(&workers->workers[index].loop);
    return ERROR_NONE;
}

/* A ring may be woken as long as any thread runs, so all threads end before any ring. */
void workers_stop(struct workers *workers) {
    for (unsigned i = 1; i < workers->count; i++)
        workers_call(workers, i, stop_loop, workers);
    for (unsigned i = 1; i < workers->count; i++)
        pthread_join(workers->workers[i].thread, NULL);
    for (unsigned i = 0; i < workers->count; i++) {
        if (i == 0)
            loop_turn(&workers->workers[0].loop, 0);
        loop_fini(&workers->workers[i].loop);
        ring_free(workers->workers[i].ring);
    }
    memory_free(workers->workers);
    memory_free(workers->loops);
    *workers = (struct workers){0};
}

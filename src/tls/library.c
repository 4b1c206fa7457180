/* The TLS library as a whole: its start, its allocations, its end. */
#include <pthread.h>
#include <stdatomic.h>

#include <wolfssl/options.h>

#include <wolfssl/wolfcrypt/ecc.h>
#include <wolfssl/wolfcrypt/memory.h>

#include "base/memory.h"
#include "offload.h"
#include "wolfssl.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static enum error start_error;
static pthread_key_t thread_key; /* set in threads that have shaken hands */

/* ---- its allocations ------------------------------------------------------------------------- */

static atomic_size_t live_blocks;

static void *allocate(size_t size) {
    void *block = memory_allocate(size);
    if (block != NULL)
        atomic_fetch_add_explicit(&live_blocks, 1, memory_order_relaxed);
    return block;
}

static void *resize(void *block, size_t size) {
    return block == NULL ? allocate(size) : memory_resize(block, size);
}

static void release(void *block) {
    if (block != NULL)
        atomic_fetch_sub_explicit(&live_blocks, 1, memory_order_relaxed);
    memory_free(block);
}

size_t tls_library_blocks(void) {
    return atomic_load_explicit(&live_blocks, memory_order_relaxed);
}

/* ---- start and end --------------------------------------------------------------------------- */

static void end_thread(void *key) {
    (void)key;
    tls_thread_fini();
}

static void start(void) {
    if (wolfSSL_SetAllocators(allocate, release, resize) != 0)
        start_error = ERROR_TLS_FAILED;
    else if (wolfSSL_Init() != WOLFSSL_SUCCESS || !tls_offload_start() ||
             pthread_key_create(&thread_key, end_thread) != 0)
        start_error = ERROR_NO_MEMORY;
}

enum error tls_library_start(void) {
    pthread_once(&once, start);
    return start_error;
}

void tls_thread_enter(void) {
    static _Thread_local bool entered;
    if (!entered)
        entered = pthread_setspecific(thread_key, &thread_key) == 0;
}

const char *tls_library_version(void) {
    return wolfSSL_lib_version();
}

void tls_thread_fini(void) {
    wolfSSL_ERR_remove_thread_state(NULL);
    wc_ecc_fp_free();
}

void tls_library_fini(void) {
    tls_thread_fini();
    wolfSSL_Cleanup();
}

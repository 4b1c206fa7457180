/* The TLS library as a whole: its start, its allocations, its end. */
#include <pthread.h>

#include <wolfssl/options.h>

#include <wolfssl/wolfcrypt/ecc.h>
#include <wolfssl/wolfcrypt/memory.h>

#include "base/memory.h"
#include "offload.h"
#include "wolfssl.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static enum error start_error;
static pthread_key_t thread_key; /* set in threads that have shaken hands */

static void end_thread(void *key) {
    (void)key;
    tls_thread_fini();
}

static void start(void) {
    if (wolfSSL_SetAllocators(memory_allocate, memory_free, memory_resize) != 0)
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

/* Marks memory that the kernel owns, so that AddressSanitizer catches who touches it meanwhile. */
#ifndef RINGCAST_RING_POISON_H
#define RINGCAST_RING_POISON_H

#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define RINGCAST_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RINGCAST_ADDRESS_SANITIZER 1
#endif
#endif

#ifdef RINGCAST_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#endif

static inline void poison(const void *memory, size_t size) {
#ifdef RINGCAST_ADDRESS_SANITIZER
    __asan_poison_memory_region(memory, size);
#else
    (void)memory;
    (void)size;
#endif
}

static inline void unpoison(const void *memory, size_t size) {
#ifdef RINGCAST_ADDRESS_SANITIZER
    __asan_unpoison_memory_region(memory, size);
#else
    (void)memory;
    (void)size;
#endif
}

#endif

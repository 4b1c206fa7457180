/* AES-GCM: known answers, the TLS library's own as a second opinion, and what is not authentic. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "aes_gcm.h"
#include "digest/sha256.h"
#include "offload.h"
#include "wolfssl.h"

#include <wolfssl/wolfcrypt/aes.h>

enum { TEXT_MAX = 17000 };

static size_t from_hex(const char *hex, uint8_t *out) {
    size_t size = strlen(hex) / 2;
    for (size_t i = 0; i < size; i++) {
        unsigned value;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &value), 1);
        out[i] = (uint8_t)value;
    }
    return size;
}

/* Cases 1 to 4 and 13 to 16 of the GCM specification (McGrew and Viega), with 96-bit nonces. */
static const struct {
    const char *key, *nonce, *additional, *text, *encrypted, *tag;
} answers[] = {
    {"00000000000000000000000000000000", "000000000000000000000000", "", "", "",
     "58e2fccefa7e3061367f1d57a4e7455a"},
    {"00000000000000000000000000000000", "000000000000000000000000", "",
     "00000000000000000000000000000000", "0388dace60b6a392f328c2b971b2fe78",
     "ab6e47d42cec13bdf53a67b21257bddf"},
    {"feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888", "",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
     "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
     "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
     "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091473f5985",
     "4d5c2af327cd64a62cf35abd2ba6fab4"},
    {"feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
     "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
     "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
     "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091",
     "5bc94fbc3221a5db94fae95ae7121a47"},
    {"0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000",
     "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
    {"0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000",
     "", "00000000000000000000000000000000", "cea7403d4d606b6e074ec5d3baf39d18",
     "d0d1c8a799996bf0265b98b5d48ab919"},
    {"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
     "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
     "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
     "76fc6ece0f4e1768cddf8853bb2d551b"},
};

static void known_answers(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        uint8_t key[32], nonce[12], additional[64], text[64], wanted[64], wanted_tag[16];
        uint8_t out[64], back[64], tag[16];
        struct aes_gcm gcm = {.key = key, .nonce = nonce};
        gcm.key_size = from_hex(answers[i].key, key);
        from_hex(answers[i].nonce, nonce);
        gcm.additional = bytes_make(additional, from_hex(answers[i].additional, additional));
        size_t size = from_hex(answers[i].text, text);
        from_hex(answers[i].encrypted, wanted);
        from_hex(answers[i].tag, wanted_tag);
        aes_gcm_encrypt(&gcm, bytes_make(text, size), out, tag);
        assert_memory_equal(out, wanted, size);
        assert_memory_equal(tag, wanted_tag, sizeof tag);
        assert_true(aes_gcm_decrypt(&gcm, bytes_make(out, size), back, tag));
        assert_memory_equal(back, text, size);
    }
}

/* Bytes that look random and are the same every time. */
static void fill(uint8_t *out, size_t size, uint32_t seed) {
    for (size_t i = 0; i < size; i++) {
        seed = seed * 1664525 + 1013904223;
        out[i] = (uint8_t)(seed >> 24);
    }
}

static uint8_t text[TEXT_MAX], ours[TEXT_MAX], theirs[TEXT_MAX];

static const size_t sizes[] = {0, 1, 15, 16, 17, 63, 64, 100, 255, 1024, 4095, 16384, TEXT_MAX};

static void same_as_the_librarys_own(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (size_t key_size = 16; key_size <= 32; key_size += 16) {
            uint8_t key[32], nonce[12], additional[13], tag[16], their_tag[16];
            fill(key, sizeof key, (uint32_t)i);
            fill(nonce, sizeof nonce, (uint32_t)i + 100);
            fill(additional, sizeof additional, (uint32_t)i + 200);
            fill(text, sizes[i], (uint32_t)i + 300);
            const struct aes_gcm gcm = {key, key_size, nonce,
                                        bytes_make(additional, sizeof additional)};
            aes_gcm_encrypt(&gcm, bytes_make(text, sizes[i]), ours, tag);
            Aes aes;
            assert_int_equal(wc_AesInit(&aes, NULL, INVALID_DEVID), 0);
            assert_int_equal(wc_AesGcmSetKey(&aes, key, (word32)key_size), 0);
            assert_int_equal(wc_AesGcmEncrypt(&aes, theirs, text, (word32)sizes[i], nonce, 12,
                                              their_tag, 16, additional, sizeof additional),
                             0);
            wc_AesFree(&aes);
            assert_memory_equal(ours, theirs, sizes[i]);
            assert_memory_equal(tag, their_tag, sizeof tag);
            assert_true(aes_gcm_decrypt(&gcm, bytes_make(theirs, sizes[i]), ours, tag));
            assert_memory_equal(ours, text, sizes[i]);
        }
    }
}

/* Every bit of the tag, the text and what is only authenticated counts. */
static void what_was_changed_is_not_given_out(void **state) {
    (void)state;
    uint8_t key[16], nonce[12], additional[5], tag[16];
    static const uint8_t zeros[100];
    fill(key, sizeof key, 1);
    fill(nonce, sizeof nonce, 2);
    fill(additional, sizeof additional, 3);
    fill(text, 100, 4);
    const struct aes_gcm gcm = {key, sizeof key, nonce, bytes_make(additional, sizeof additional)};
    aes_gcm_encrypt(&gcm, bytes_make(text, 100), ours, tag);
    struct {
        uint8_t *bytes;
        size_t size;
    } parts[] = {{tag, 16}, {ours, 100}, {additional, 5}, {nonce, 12}, {key, 16}};
    for (size_t part = 0; part < sizeof parts / sizeof *parts; part++) {
        for (size_t bit = 0; bit < 8 * parts[part].size; bit++) {
            parts[part].bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            memset(theirs, 0xAA, 100);
            assert_false(aes_gcm_decrypt(&gcm, bytes_make(ours, 100), theirs, tag));
            assert_memory_equal(theirs, zeros, 100);
            parts[part].bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    }
    assert_true(aes_gcm_decrypt(&gcm, bytes_make(ours, 100), theirs, tag));
}

static void in_place(void **state) {
    (void)state;
    uint8_t key[32], nonce[12], tag[16];
    fill(key, sizeof key, 5);
    fill(nonce, sizeof nonce, 6);
    fill(text, 1000, 7);
    const struct aes_gcm gcm = {key, sizeof key, nonce, {0}};
    memcpy(ours, text, 1000);
    aes_gcm_encrypt(&gcm, bytes_make(ours, 1000), ours, tag);
    assert_true(aes_gcm_decrypt(&gcm, bytes_make(ours, 1000), ours, tag));
    assert_memory_equal(ours, text, 1000);
}

/* The same through the library, as a connection's records go: the device answers, not it. */
static void the_library_hands_over(void **state) {
    (void)state;
    uint8_t key[16], nonce[12], tag[16], wanted[16];
    assert_int_equal(tls_library_start(), ERROR_NONE);
    fill(key, sizeof key, 8);
    fill(nonce, sizeof nonce, 9);
    fill(text, 100, 10);
    const struct aes_gcm gcm = {key, sizeof key, nonce, {0}};
    aes_gcm_encrypt(&gcm, bytes_make(text, 100), ours, wanted);
    Aes aes;
    assert_int_equal(wc_AesInit(&aes, NULL, TLS_OFFLOAD_DEVICE), 0);
    assert_int_equal(wc_AesGcmSetKey(&aes, key, sizeof key), 0);
    assert_int_equal(wc_AesGcmEncrypt(&aes, theirs, text, 100, nonce, 12, tag, 16, NULL, 0), 0);
    assert_memory_equal(theirs, ours, 100);
    assert_memory_equal(tag, wanted, 16);
    assert_int_equal(wc_AesGcmDecrypt(&aes, ours, theirs, 100, nonce, 12, tag, 16, NULL, 0), 0);
    assert_memory_equal(ours, text, 100);
    tag[15] ^= 1;
    assert_int_equal(wc_AesGcmDecrypt(&aes, ours, theirs, 100, nonce, 12, tag, 16, NULL, 0),
                     AES_GCM_AUTH_E);
    wc_AesFree(&aes);
}

static void hash_by(int device, size_t step, size_t size, uint8_t digest[SHA256_SIZE],
                    uint8_t in_the_middle[SHA256_SIZE]) {
    wc_Sha256 hash;
    assert_int_equal(wc_InitSha256_ex(&hash, NULL, device), 0);
    for (size_t at = 0; at < size; at += step) {
        size_t more = size - at < step ? size - at : step;
        assert_int_equal(wc_Sha256Update(&hash, text + at, (word32)more), 0);
        if (at <= size / 2 && at + step > size / 2)
            assert_int_equal(wc_Sha256GetHash(&hash, in_the_middle), 0);
    }
    assert_int_equal(wc_Sha256Final(&hash, digest), 0);
    /* and again with the same struct, as the library does */
    uint8_t again[SHA256_SIZE];
    assert_int_equal(wc_Sha256Update(&hash, text, (word32)size), 0);
    assert_int_equal(wc_Sha256Final(&hash, again), 0);
    assert_memory_equal(again, digest, SHA256_SIZE);
    wc_Sha256Free(&hash);
}

static void sha256_same_as_the_librarys_own(void **state) {
    (void)state;
    static const size_t steps[] = {1, 3, 63, 64, 65, 1000, TEXT_MAX};
    assert_int_equal(tls_library_start(), ERROR_NONE);
    fill(text, TEXT_MAX, 11);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (size_t j = 0; j < sizeof steps / sizeof *steps; j++) {
            uint8_t digest[SHA256_SIZE], theirs_digest[SHA256_SIZE];
            uint8_t middle[SHA256_SIZE] = {0}, theirs_middle[SHA256_SIZE] = {0};
            hash_by(TLS_OFFLOAD_DEVICE, steps[j], sizes[i], digest, middle);
            hash_by(INVALID_DEVID, steps[j], sizes[i], theirs_digest, theirs_middle);
            assert_memory_equal(digest, theirs_digest, SHA256_SIZE);
            assert_memory_equal(middle, theirs_middle, SHA256_SIZE);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(same_as_the_librarys_own),
        cmocka_unit_test(what_was_changed_is_not_given_out),
        cmocka_unit_test(in_place),
        cmocka_unit_test(the_library_hands_over),
        cmocka_unit_test(sha256_same_as_the_librarys_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

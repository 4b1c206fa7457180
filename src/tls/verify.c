/*
 * Does the server's certificate name the host? The library has checked signatures and dates by
 * then; names are checked here, in host.c's way, before the handshake goes on.
 */
#include <stdio.h>

#include "wolfssl.h"

/* The kinds of name in a certificate that may name a host: RFC 5280, section 4.2.1.6. */
enum { NAME_DNS = 2, NAME_ADDRESS = 7 };

static struct bytes content_of(const WOLFSSL_GENERAL_NAME *name) {
    const unsigned char *data = wolfSSL_ASN1_STRING_get0_data(name->d.dNSName);
    int size = wolfSSL_ASN1_STRING_length(name->d.dNSName);
    return bytes_make(data, data == NULL || size < 0 ? 0 : (size_t)size);
}

static bool names_host(const WOLFSSL_GENERAL_NAME *name, const struct tls_host *host) {
    if (name->type == NAME_DNS)
        return tls_host_matches_name(host, content_of(name));
    if (name->type == NAME_ADDRESS)
        return tls_host_matches_address(host, content_of(name));
    return false;
}

/* Writes up to three of the names; 64 bytes of each, so that they fit. */
static void list_names(struct tls_detail *list, WOLFSSL_STACK *names) {
    int count = names == NULL ? 0 : wolfSSL_sk_GENERAL_NAME_num(names);
    int listed = 0;
    size_t used = 0;
    for (int i = 0; i < count && listed < 3; i++) {
        const WOLFSSL_GENERAL_NAME *name = wolfSSL_sk_GENERAL_NAME_value(names, i);
        if (name->type != NAME_DNS)
            continue;
        struct bytes text = content_of(name);
        int length = snprintf(list->text + used, sizeof list->text - used, "%s%.*s",
                              listed++ == 0 ? "it names " : ", ",
                              (int)(text.size > 64 ? 64 : text.size), (const char *)text.data);
        used += (size_t)length;
    }
}

static void fail_for_name(struct tls *tls, WOLFSSL_STACK *names) {
    struct tls_detail list = {"it names no host"};
    list_names(&list, names);
    tls_fail_with(tls, tls->host.address_size > 0 ? ERROR_TLS_WRONG_ADDRESS : ERROR_TLS_WRONG_NAME,
                  list.text);
}

static bool certificate_names_host(struct tls *tls, WOLFSSL_X509 *certificate) {
    WOLFSSL_STACK *names = wolfSSL_X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    int count = names == NULL ? 0 : wolfSSL_sk_GENERAL_NAME_num(names);
    bool found = false;
    for (int i = 0; i < count && !found; i++)
        found = names_host(wolfSSL_sk_GENERAL_NAME_value(names, i), &tls->host);
    if (!found)
        fail_for_name(tls, names);
    wolfSSL_sk_GENERAL_NAME_pop_free(names, NULL);
    return found;
}

static bool is_self_issued(WOLFSSL_X509 *certificate) {
    return wolfSSL_X509_NAME_cmp(wolfSSL_X509_get_issuer_name(certificate),
                                 wolfSSL_X509_get_subject_name(certificate)) == 0;
}

/*
 * MD5 and SHA-1 are broken for signatures (RFC 9155). What a root says about itself is no matter:
 * it is trusted because it is in our list.
 */
static bool signature_is_strong(struct tls *tls, WOLFSSL_X509 *certificate) {
    switch (wolfSSL_X509_get_signature_type(certificate)) {
    case CTC_MD5wRSA:
    case CTC_SHAwRSA:
    case CTC_SHAwDSA:
    case CTC_SHAwECDSA:
        if (is_self_issued(certificate))
            return true;
        tls_fail_with(tls, ERROR_TLS_WEAK_KEY, "signed with MD5 or SHA-1");
        return false;
    default:
        return true;
    }
}

/* The library's versions differ in whether they tell the self-signed from the unknown issuer. */
static void note_self_signed(struct tls *tls, const WOLFSSL_X509_STORE_CTX *store) {
    if (store->error == ASN_NO_SIGNER_E && store->error_depth == 0 && store->current_cert != NULL &&
        is_self_issued(store->current_cert))
        tls_fail_with(tls, ERROR_TLS_SELF_SIGNED, NULL);
}

/*
 * Returns 1 to accept, 0 to refuse. What the library refused stays refused. It asks about every
 * certificate of the chain in every full handshake; depth 0 is the server's own.
 */
int tls_verify_peer(int verified, WOLFSSL_X509_STORE_CTX *store) {
    struct tls *tls = store->userCtx;
    if (!verified && tls != NULL)
        note_self_signed(tls, store);
    if (!verified || tls == NULL || store->current_cert == NULL ||
        !signature_is_strong(tls, store->current_cert))
        return 0;
    return store->error_depth > 0 || certificate_names_host(tls, store->current_cert);
}

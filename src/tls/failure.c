/* The library's codes become rows of the table of errors here, and nowhere else. */
#include <stdio.h>
#include <string.h>

#include "wolfssl.h"

enum error tls_error_of(int code) {
    switch (code) {
    case MEMORY_E:
    case MEMORY_ERROR:
        return ERROR_NO_MEMORY;
    case ASN_SELF_SIGNED_E:
        return ERROR_TLS_SELF_SIGNED;
    case ASN_NO_SIGNER_E:
    case ASN_SIG_CONFIRM_E:
    case ASN_PATHLEN_SIZE_E:
    case ASN_PATHLEN_INV_E:
    case ASN_NAME_INVALID_E:
    case MAX_CHAIN_ERROR:
    case VERIFY_CERT_ERROR:
    case EXTKEYUSE_AUTH_E:
    case NO_PEER_CERT:
        return ERROR_TLS_UNTRUSTED;
    case ASN_AFTER_DATE_E:
        return ERROR_TLS_EXPIRED;
    case ASN_BEFORE_DATE_E:
        return ERROR_TLS_NOT_YET_VALID;
    case DOMAIN_NAME_MISMATCH:
        return ERROR_TLS_WRONG_NAME;
    case IPADDR_MISMATCH:
        return ERROR_TLS_WRONG_ADDRESS;
    case RSA_KEY_SIZE_E:
    case ECC_KEY_SIZE_E:
    case SIG_TYPE_E:
        return ERROR_TLS_WEAK_KEY;
    case VERSION_ERROR:
        return ERROR_TLS_OLD_VERSION;
    case MATCH_SUITE_ERROR:
    case UNSUPPORTED_SUITE:
    case ECC_CURVE_ERROR:
        return ERROR_TLS_PROTOCOL;
    default:
        return ERROR_TLS_FAILED;
    }
}

const char *tls_reason_of(int code) {
    const char *reason = wolfSSL_ERR_reason_error_string((unsigned long)code);
    return reason == NULL || *reason == '\0' ? "unknown reason" : reason;
}

/* RFC 8446, section 6.2: the alerts that say that there is no common ground. */
static enum error error_of_alert(int alert) {
    enum { HANDSHAKE_FAILURE = 40, PROTOCOL_VERSION = 70, INSUFFICIENT_SECURITY = 71 };
    switch (alert) {
    case PROTOCOL_VERSION:
        return ERROR_TLS_OLD_VERSION;
    case HANDSHAKE_FAILURE:
    case INSUFFICIENT_SECURITY:
        return ERROR_TLS_PROTOCOL;
    default:
        return ERROR_TLS_FAILED;
    }
}

enum error tls_fail_with(struct tls *tls, enum error error, const char *reason) {
    if (tls->error != ERROR_NONE)
        return tls->error;
    tls->error = error;
    if (reason == NULL)
        snprintf(tls->detail.text, sizeof tls->detail.text, "%s", error_text(error));
    else
        snprintf(tls->detail.text, sizeof tls->detail.text, "%s: %s", error_text(error), reason);
    return error;
}

/* The library says "fatal error" for an alert from the peer, and tells the alert apart. */
static bool fail_for_alert(struct tls *tls) {
    WOLFSSL_ALERT_HISTORY history;
    if (wolfSSL_get_alert_history(tls->library, &history) != WOLFSSL_SUCCESS ||
        history.last_rx.level != alert_fatal)
        return false;
    char reason[64];
    snprintf(reason, sizeof reason, "the peer sent alert %d, %s", history.last_rx.code,
             wolfSSL_alert_desc_string_long(history.last_rx.code));
    tls_fail_with(tls, error_of_alert(history.last_rx.code), reason);
    return true;
}

enum error tls_fail(struct tls *tls, int result) {
    int code = wolfSSL_get_error(tls->library, result);
    wolfSSL_ERR_clear_error();
    if (tls->not_tls)
        return tls_fail_with(tls, ERROR_TLS_FAILED, "the peer does not speak TLS");
    if (code == FATAL_ERROR && fail_for_alert(tls))
        return tls->error;
    return tls_fail_with(tls, tls_error_of(code), tls_reason_of(code));
}

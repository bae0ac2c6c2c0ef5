// Low-level SHA-256 is marked deprecated since OpenSSL 3.0 in favour of EVP, whose set-up costs more than
// hashing one short message does; see Sources/Cryptography/SHA256.swift.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <stdint.h>
#include <time.h>

#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/ts.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

// Macros that Swift cannot evaluate, used by Sources/TLS.
static const uint64_t tls_server_options =
    SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_TICKET;
static const int tls_retry_flags = BIO_FLAGS_RWS | BIO_FLAGS_SHOULD_RETRY;
// Subjects as RFC 2253 writes them, but with UTF-8 as it is.
static const unsigned long tls_name_flags = XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB;

// When a certificate begins to be valid, seconds since 1970 UTC; the smallest number if that cannot be read.
static inline int64_t tls_begin(const X509 *certificate) {
    struct tm begin;
    if (ASN1_TIME_to_tm(X509_get0_notBefore(certificate), &begin) != 1) return INT64_MIN;
    return (int64_t)timegm(&begin);
}

// When a certificate expires, seconds since 1970 UTC; the largest number if that cannot be read.
static inline int64_t tls_expiry(const X509 *certificate) {
    struct tm end;
    if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) != 1) return INT64_MAX;
    return (int64_t)timegm(&end);
}

// When the first of a context's trusted authorities expires; the largest number if there is none.
static inline int64_t tls_first_authority_expiry(const SSL_CTX *context) {
    STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(SSL_CTX_get_cert_store(context));
    int64_t first = INT64_MAX;
    for (int place = 0; place < sk_X509_OBJECT_num(objects); place++) {
        X509 *authority = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, place));
        if (authority == NULL) continue;
        int64_t expiry = tls_expiry(authority);
        if (expiry < first) first = expiry;
    }
    return first;
}

// Whether the authorities of `context` have signed the certificate that the peer of `session` has shown; without a
// certificate, whether none is needed. That one has expired since then does not count.
static inline int tls_trusts_peer(const SSL *session, SSL_CTX *context, int is_required) {
    if (SSL_get_SSL_CTX(session) == context) return 1;
    X509 *peer = SSL_get0_peer_certificate(session);
    if (peer == NULL) return !is_required;
    X509_STORE_CTX *check = X509_STORE_CTX_new();
    int is_trusted = 0;
    if (check != NULL && X509_STORE_CTX_init(check, SSL_CTX_get_cert_store(context), peer,
                                             SSL_get_peer_cert_chain(session)) == 1) {
        X509_STORE_CTX_set_default(check, "ssl_client");
        X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(check), X509_V_FLAG_NO_CHECK_TIME);
        is_trusted = X509_verify_cert(check) == 1;
    }
    X509_STORE_CTX_free(check);
    return is_trusted;
}

// The subject alternative names of a certificate, to be freed with `tls_free_names`; NULL for none.
static inline GENERAL_NAMES *tls_names(const X509 *certificate) {
    return X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
}

static inline int tls_name_count(const GENERAL_NAMES *names) { return sk_GENERAL_NAME_num(names); }

// Bytes of the name at `place`, and its kind (GEN_DNS, GEN_IPADD, ...); NULL for kinds that are no plain bytes.
static inline const unsigned char *tls_name(const GENERAL_NAMES *names, int place, int *kind, int *count) {
    ASN1_STRING *value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, place), kind);
    if (*kind != GEN_DNS && *kind != GEN_IPADD && *kind != GEN_URI && *kind != GEN_EMAIL) return NULL;
    *count = ASN1_STRING_length(value);
    return ASN1_STRING_get0_data(value);
}

static inline void tls_free_names(GENERAL_NAMES *names) { GENERAL_NAMES_free(names); }

// Low-level SHA-256 is marked deprecated since OpenSSL 3.0 in favour of EVP, whose set-up costs more than
// hashing one short message does; see Sources/Cryptography/SHA256.swift.
#define OPENSSL_SUPPRESS_DEPRECATED
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
    SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE;
static const int tls_retry_flags = BIO_FLAGS_RWS | BIO_FLAGS_SHOULD_RETRY;
// Subjects as RFC 2253 writes them, but with UTF-8 as it is.
static const unsigned long tls_name_flags = XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB;

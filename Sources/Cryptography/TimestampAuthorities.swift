import Bytes
import COpenSSL

/// Certificates of the authorities whose tokens are believed.
@safe public struct TimestampAuthorities: ~Copyable {
  private let store: OpaquePointer

  /// Reads a file of certificates (PEM).
  public init(file path: String) throws(TimestampError) {
    defer { ERR_clear_error() }
    guard let store = unsafe X509_STORE_new() else {
      throw .authorities(path: path, reason: libcryptoReason())
    }
    guard unsafe X509_STORE_load_file(store, path) == 1 else {
      unsafe X509_STORE_free(store)
      throw .authorities(path: path, reason: libcryptoReason())
    }
    unsafe self.store = store
  }

  deinit { unsafe X509_STORE_free(store) }

  /// Throws unless one of these authorities vouches for the token's signer, as one who may sign timestamps
  /// (RFC 3161 section 2.3), at the token's own time: certificates that have expired since then are good.
  /// Whether one was revoked is not asked.
  public mutating func verify(_ token: TimestampToken) throws(TimestampError) {
    defer { ERR_clear_error() }
    try token.bytes.withView { (bytes) throws(TimestampError) in
      let reply = try TimestampReply(bytes)
      unsafe X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(store), Int(token.time / 1_000_000_000))
      guard let context = unsafe TS_VERIFY_CTX_new(), unsafe X509_STORE_up_ref(store) == 1 else {
        throw .untrusted(libcryptoReason())
      }
      // Takes over the reference to the store.
      defer { unsafe TS_VERIFY_CTX_free(context) }
      _ = unsafe TS_VERIFY_CTX_set_store(context, store)
      _ = unsafe TS_VERIFY_CTX_set_flags(
        context, Int32(TS_VFY_SIGNATURE | TS_VFY_VERSION | TS_VFY_SIGNER))
      guard unsafe TS_RESP_verify_token(context, reply.token) == 1 else {
        throw .untrusted(libcryptoReason())
      }
    }
  }
}

import COpenSSL

/// What the connections of a sender share: whom it trusts, and who it is. Immutable.
@safe public final class TLSClientContext: Sendable {
  nonisolated(unsafe) let context: OpaquePointer

  /// - Parameters:
  ///   - authorities: a PEM file with the authorities that sign servers' certificates; nil: the system's.
  ///   - certificateChain: a PEM file with the certificate for servers that ask for one, and `privateKey`
  ///     the file with its key (unencrypted).
  public init(
    authorities: String?, certificateChain: String? = nil, privateKey: String? = nil
  ) throws(TLSError) {
    guard let context = unsafe SSL_CTX_new(TLS_client_method()) else { throw .last("set up TLS") }
    do {
      try unsafe Self.trust(context, authorities)
      if let certificateChain, let privateKey { try unsafe Self.load(context, certificateChain, privateKey) }
    } catch {
      unsafe SSL_CTX_free(context)
      throw error
    }
    unsafe self.context = context
  }

  deinit { unsafe SSL_CTX_free(context) }

  private static func trust(_ context: OpaquePointer, _ authorities: String?) throws(TLSError) {
    ERR_clear_error()
    guard unsafe SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, Int(TLS1_2_VERSION), nil) == 1 else {
      throw .last("allow TLS 1.2 and later only")
    }
    unsafe SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
    unsafe SSL_CTX_set_default_passwd_cb(context) { _, _, _, _ in -1 }
    if let authorities {
      guard unsafe SSL_CTX_load_verify_locations(context, authorities, nil) == 1 else {
        throw .last("read the authorities", path: authorities)
      }
    } else {
      guard unsafe SSL_CTX_set_default_verify_paths(context) == 1 else {
        throw .last("read the system's authorities")
      }
    }
  }

  private static func load(
    _ context: OpaquePointer, _ certificateChain: String, _ privateKey: String
  ) throws(TLSError) {
    guard unsafe SSL_CTX_use_certificate_chain_file(context, certificateChain) == 1 else {
      throw .last("read the certificate", path: certificateChain)
    }
    guard unsafe SSL_CTX_use_PrivateKey_file(context, privateKey, SSL_FILETYPE_PEM) == 1,
      unsafe SSL_CTX_check_private_key(context) == 1
    else { throw .last("read the private key", path: privateKey) }
  }
}

import COpenSSL

/// What all TLS connections of one source share: certificate, key, and which clients may come. Immutable, and
/// safe to use from several threads.
@safe public final class TLSServerContext: Sendable {
  /// Whether clients show a certificate.
  public enum ClientCertificate: String, Sendable, CaseIterable {
    /// No certificate, or one that no given authority has signed: no connection.
    case required
    /// None is fine; one that no given authority has signed is not.
    case optional
    /// None is asked for.
    case none
  }

  nonisolated(unsafe) let context: OpaquePointer

  /// Reads the certificate with its chain, the key (unencrypted), and the authorities that sign clients'
  /// certificates, all PEM files. TLS 1.2 and 1.3; the ciphers are the system's (`/etc/ssl/openssl.cnf`).
  public init(
    certificateChain: String, privateKey: String, clientAuthorities: String?,
    clientCertificate: ClientCertificate
  ) throws(TLSError) {
    guard let context = unsafe SSL_CTX_new(TLS_server_method()) else { throw .last("set up TLS") }
    do {
      try unsafe Self.configure(context)
      try unsafe Self.load(context, certificateChain, privateKey)
      try unsafe Self.verify(context, clientAuthorities, clientCertificate)
    } catch {
      unsafe SSL_CTX_free(context)
      throw error
    }
    unsafe self.context = context
  }

  deinit { unsafe SSL_CTX_free(context) }

  private static func configure(_ context: OpaquePointer) throws(TLSError) {
    guard unsafe SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, Int(TLS1_2_VERSION), nil) == 1 else {
      throw .last("allow TLS 1.2 and later only")
    }
    unsafe SSL_CTX_set_options(context, tls_server_options)
    // An idle connection keeps no buffers: 16 KiB less for each of ten thousand.
    unsafe SSL_CTX_ctrl(context, SSL_CTRL_MODE, Int(SSL_MODE_RELEASE_BUFFERS), nil)
    // Clients that present certificates can only resume sessions that carry this server's mark.
    let mark = Array("stele".utf8)
    guard unsafe SSL_CTX_set_session_id_context(context, mark, UInt32(mark.count)) == 1 else {
      throw .last("set up TLS sessions")
    }
    // Sessions are in the clients' tickets; nothing is kept here.
    unsafe SSL_CTX_ctrl(context, SSL_CTRL_SET_SESS_CACHE_MODE, Int(SSL_SESS_CACHE_OFF), nil)
    // Never ask for a passphrase on a terminal that a daemon does not have.
    unsafe SSL_CTX_set_default_passwd_cb(context) { _, _, _, _ in -1 }
  }

  private static func load(
    _ context: OpaquePointer, _ certificateChain: String, _ privateKey: String
  ) throws(TLSError) {
    ERR_clear_error()
    guard unsafe SSL_CTX_use_certificate_chain_file(context, certificateChain) == 1 else {
      throw .last("read the certificate", path: certificateChain)
    }
    guard unsafe SSL_CTX_use_PrivateKey_file(context, privateKey, SSL_FILETYPE_PEM) == 1,
      unsafe SSL_CTX_check_private_key(context) == 1
    else { throw .last("read the private key", path: privateKey) }
  }

  private static func verify(
    _ context: OpaquePointer, _ authorities: String?, _ clientCertificate: ClientCertificate
  ) throws(TLSError) {
    guard clientCertificate != .none else {
      unsafe SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nil)
      return
    }
    guard let authorities else {
      throw TLSError(
        operation: "check clients' certificates",
        reason: "no file with the authorities that sign them was given")
    }
    guard unsafe SSL_CTX_load_verify_locations(context, authorities, nil) == 1,
      let names = unsafe SSL_load_client_CA_file(authorities)
    else { throw .last("read the client authorities", path: authorities) }
    // Told to clients, so that one with several certificates can choose. Owned by the context from here on.
    unsafe SSL_CTX_set_client_CA_list(context, names)
    let strict = clientCertificate == .required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0
    unsafe SSL_CTX_set_verify(context, SSL_VERIFY_PEER | strict, nil)
  }
}

import COpenSSL
import Platform
import Synchronization

/// What all TLS connections of one source share: certificate, key, and which clients may come. Safe to use from
/// several threads. Its files can be read again (`reload`) while connections come and go.
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

  /// The oldest version of the protocol that clients may speak.
  public enum Version: String, Sendable, CaseIterable {
    case tls12 = "1.2"
    case tls13 = "1.3"

    fileprivate var number: Int { Int(self == .tls12 ? TLS1_2_VERSION : TLS1_3_VERSION) }
  }

  /// What there is to know of the certificates in use.
  public struct Certificate: Equatable, Sendable {
    /// SHA-256 of the server certificate's DER form.
    public var fingerprint: [UInt8]
    /// From when until when it is valid, seconds since 1970 UTC.
    public var notBefore: Int64
    public var notAfter: Int64
    /// When the first of the client authorities expires; nil when there are none.
    public var authoritiesNotAfter: Int64?

    public init(
      fingerprint: [UInt8], notBefore: Int64 = .min, notAfter: Int64, authoritiesNotAfter: Int64?
    ) {
      self.fingerprint = fingerprint
      self.notBefore = notBefore
      self.notAfter = notAfter
      self.authoritiesNotAfter = authoritiesNotAfter
    }

    /// `notAfter` in nanoseconds; the year 2262 for what expires later.
    public var notAfterNanoseconds: Int64 { min(notAfter, Int64.max / 1_000_000_000) * 1_000_000_000 }
  }

  /// What OpenSSL has made of the files. Sessions keep theirs for as long as they live.
  @safe private final class Loaded: Sendable {
    nonisolated(unsafe) let context: OpaquePointer
    let certificate: Certificate

    init(owning context: OpaquePointer, _ certificate: Certificate) {
      unsafe self.context = context
      self.certificate = certificate
    }

    deinit { unsafe SSL_CTX_free(context) }
  }

  /// The certificate with its chain, the key (unencrypted), and the authorities that sign clients' certificates:
  /// PEM files, in this order.
  public let files: [String]
  /// What they were right before they were read first: whatever they are now, this much was seen of them.
  public let filesBefore: [FileStatus?]
  private let clientCertificate: ClientCertificate
  private let minimumVersion: Version
  private let loaded: Mutex<Loaded>

  /// Reads the certificate with its chain, the key (unencrypted), and the authorities that sign clients'
  /// certificates, all PEM files. TLS 1.2 and 1.3; the ciphers are the system's (`/etc/ssl/openssl.cnf`).
  public init(
    certificateChain: String, privateKey: String, clientAuthorities: String?,
    clientCertificate: ClientCertificate, minimumVersion: Version = .tls12
  ) throws(TLSError) {
    files = [certificateChain, privateKey] + (clientAuthorities.map { [$0] } ?? [])
    filesBefore = files.map { try? FileDescriptor(reading: $0).status() }
    self.clientCertificate = clientCertificate
    self.minimumVersion = minimumVersion
    loaded = Mutex(try Self.load(files, clientCertificate, minimumVersion))
  }

  /// Reads the files again. Connections that come from now on get what is in them; open ones go on with what
  /// they have, and `TLSServerConnection.isTrusted` tells whether they should. When it throws, nothing has changed.
  public func reload() throws(TLSError) {
    let new = try Self.load(files, clientCertificate, minimumVersion)
    loaded.withLock { $0 = new }
  }

  /// Whether another was made of the same files in the same way, whatever they held when they were read.
  public func hasSettings(of other: TLSServerContext) -> Bool {
    files == other.files && clientCertificate == other.clientCertificate
      && minimumVersion == other.minimumVersion
  }

  /// The certificates that connections get now.
  public var certificate: Certificate { loaded.withLock { $0.certificate } }

  func makeSession() -> OpaquePointer? {
    let now = loaded.withLock { $0 }
    return unsafe SSL_new(now.context)
  }

  func trustsPeer(of session: OpaquePointer) -> Bool {
    if clientCertificate == .none { return true }
    let now = loaded.withLock { $0 }
    ERR_clear_error()
    defer { ERR_clear_error() }
    return unsafe tls_trusts_peer(session, now.context, clientCertificate == .required ? 1 : 0) == 1
  }

  private static func load(
    _ files: [String], _ client: ClientCertificate, _ minimum: Version
  ) throws(TLSError) -> Loaded {
    guard let context = unsafe SSL_CTX_new(TLS_server_method()) else { throw .last("set up TLS") }
    do throws(TLSError) {
      try unsafe configure(context, minimum)
      try unsafe load(context, files[0], files[1])
      try unsafe verify(context, files.count > 2 ? files[2] : nil, client)
      guard let own = unsafe SSL_CTX_get0_certificate(context) else { throw .last("read the certificate") }
      let authorities = unsafe tls_first_authority_expiry(context)
      let certificate = unsafe Certificate(
        fingerprint: PeerCertificate.fingerprint(of: own), notBefore: tls_begin(own),
        notAfter: tls_expiry(own),
        authoritiesNotAfter: authorities == .max ? nil : authorities)
      return unsafe Loaded(owning: context, certificate)
    } catch {
      unsafe SSL_CTX_free(context)
      throw error
    }
  }

  private static func configure(_ context: OpaquePointer, _ minimum: Version) throws(TLSError) {
    guard unsafe SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, minimum.number, nil) == 1 else {
      throw .last("allow TLS \(minimum.rawValue) and later only")
    }
    unsafe SSL_CTX_set_options(context, tls_server_options)
    // An idle connection keeps no buffers: 16 KiB less for each of ten thousand.
    unsafe SSL_CTX_ctrl(context, SSL_CTRL_MODE, Int(SSL_MODE_RELEASE_BUFFERS), nil)
    // No session is ever resumed, for that skips the check of the client's certificate: with one ticket after the
    // other, who once came in would stay in when the certificate has long expired. And a sender that never reads
    // would close with tickets unread, for which its kernel resets the connection and drops what is under way.
    unsafe SSL_CTX_ctrl(context, SSL_CTRL_SET_SESS_CACHE_MODE, Int(SSL_SESS_CACHE_OFF), nil)
    guard unsafe SSL_CTX_set_num_tickets(context, 0) == 1 else { throw .last("set up TLS sessions") }
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
    unsafe SSL_CTX_set_verify(context, SSL_VERIFY_PEER | strict) { isTrusted, store in
      if isTrusted == 0, let store = unsafe store { unsafe MemoryTransport.noteRefusal(store) }
      return isTrusted
    }
  }
}

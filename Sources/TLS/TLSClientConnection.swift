import Bytes
import COpenSSL

/// The client's side of one TLS connection, for sending only: what the server says is read, and dropped, to
/// learn of alerts. Like `TLSServerConnection` it has no socket: the caller gives in what it received and
/// sends `output`.
///
/// One thread at a time may use it.
@safe public struct TLSClientConnection: ~Copyable, @unchecked Sendable {
  private let session: OpaquePointer
  private let transport: UnsafeMutablePointer<MemoryTransport>
  /// Whether the handshake is complete.
  public private(set) var isEstablished = false
  /// Whether the server has said that it sends no more.
  public private(set) var isClosed = false

  /// A connection to `host`, a name or an address, for which the server's certificate must be.
  public init(_ context: TLSClientContext, host: String) throws(TLSError) {
    ERR_clear_error()
    guard let session = unsafe SSL_new(context.context) else { throw .last("set up a TLS connection") }
    let transport = UnsafeMutablePointer<MemoryTransport>.allocate(capacity: 1)
    unsafe transport.initialize(to: MemoryTransport())
    guard unsafe Self.expect(host, session), let bio = unsafe MemoryTransport.makeBIO(transport) else {
      unsafe SSL_free(session)
      unsafe transport.deinitialize(count: 1)
      unsafe transport.deallocate()
      throw .last("set up a TLS connection")
    }
    // Both directions use the one BIO, which belongs to the session from here on.
    unsafe SSL_set_bio(session, bio, bio)
    unsafe SSL_set_connect_state(session)
    unsafe self.session = session
    unsafe self.transport = transport
  }

  deinit {
    unsafe SSL_free(session)
    unsafe transport.deinitialize(count: 1)
    unsafe transport.deallocate()
  }

  private static func expect(_ host: String, _ session: OpaquePointer) -> Bool {
    // An address is looked for among the certificate's addresses, and never sent as a server name (RFC 6066
    // section 3).
    if unsafe X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), host) == 1 { return true }
    ERR_clear_error()
    var name = Array(host.utf8CString)
    let isNamed = unsafe name.withUnsafeMutableBufferPointer { name in
      unsafe SSL_ctrl(session, SSL_CTRL_SET_TLSEXT_HOSTNAME, Int(TLSEXT_NAMETYPE_host_name), name.baseAddress)
    }
    return unsafe isNamed == 1 && SSL_set1_host(session, host) == 1
  }

  /// Goes on with the handshake, given what was received (nothing, at first). True once it is complete.
  public mutating func handshake(_ received: ByteView) throws(TLSError) -> Bool {
    precondition(!isEstablished)
    unsafe transport.pointee.input = received
    defer { unsafe transport.pointee.input = ByteView() }
    ERR_clear_error()
    let result = unsafe SSL_do_handshake(session)
    if result == 1 {
      isEstablished = true
      try readAlerts()
      return true
    }
    guard unsafe SSL_get_error(session, result) == SSL_ERROR_WANT_READ else { throw handshakeError() }
    return false
  }

  private func handshakeError() -> TLSError {
    var error = TLSError.last("shake hands")
    let verdict = unsafe SSL_get_verify_result(session)
    if verdict != Int(X509_V_OK) {
      error.reason += " (\(unsafe String(cString: X509_verify_cert_error_string(verdict))))"
    }
    return error
  }

  /// Enciphers `bytes` into `output`.
  public mutating func write(_ bytes: ByteView) throws(TLSError) {
    precondition(isEstablished)
    if bytes.isEmpty { return }
    ERR_clear_error()
    var done = 0
    let result = unsafe bytes.withUnsafeBytes { buffer in
      unsafe SSL_write_ex(session, buffer.baseAddress, buffer.count, &done)
    }
    guard result == 1, done == bytes.count else { throw .last("write to a TLS connection") }
  }

  /// Takes what the server sent. Throws when it has refused the connection: in TLS 1.3 a server judges the
  /// client's certificate only after the client has begun to send.
  public mutating func receive(_ received: ByteView) throws(TLSError) {
    unsafe transport.pointee.input = received
    defer { unsafe transport.pointee.input = ByteView() }
    try readAlerts()
  }

  private mutating func readAlerts() throws(TLSError) {
    var bytes = [UInt8](repeating: 0, count: 4096)
    while !isClosed {
      ERR_clear_error()
      var count = 0
      let result = unsafe SSL_read_ex(session, &bytes, bytes.count, &count)
      if result == 1 { continue }
      switch unsafe SSL_get_error(session, result) {
      case SSL_ERROR_WANT_READ: return
      case SSL_ERROR_ZERO_RETURN: isClosed = true
      default: throw .last("go on with a TLS connection")
      }
    }
  }

  /// Bytes to be sent to the server. Valid until the next call of a mutating method.
  public var output: ByteView { unsafe transport.pointee.output.view }

  /// Takes the first `count` bytes of `output` as sent.
  public mutating func removeOutput(_ count: Int) { unsafe transport.pointee.output.removeFirst(count) }

  /// Tells the server, in `output`, that nothing more comes from here.
  public mutating func close() {
    ERR_clear_error()
    if isEstablished { _ = unsafe SSL_shutdown(session) }
    ERR_clear_error()
  }

  /// The protocol's name: "TLSv1.3".
  public var version: String { unsafe String(cString: SSL_get_version(session)) }
}

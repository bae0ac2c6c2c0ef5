import Bytes
import COpenSSL
import Synchronization

/// The server's side of one TLS connection. It has no socket: the caller receives bytes and gives them in,
/// and sends what is in `output`, so it can be tested without a network, and memory for received bytes is
/// shared by all connections of a thread.
///
/// One thread at a time may use it.
@safe public struct TLSServerConnection: ~Copyable, @unchecked Sendable {
  /// What a call of `read` came to.
  public enum Progress: Equatable, Sendable {
    /// So many bytes were deciphered. There may be more: call again.
    case bytes(Int)
    /// All that was given has been used; more must come from the peer.
    case needsInput
    /// The peer has said that it sends no more (close_notify).
    case closed
  }

  /// Bytes of `output` that a connection may pile up before its peer has to read; more is an attack (each key
  /// update that a peer asks for makes an answer).
  public static let outputLimit = 65_536

  /// Bytes of libcrypto's secure heap that may be in use when a handshake goes on; 0: as many as there are. Each
  /// connection has the key of its handshake there for as long as it lives, and where there is no room left,
  /// not even the log's own keys can be made.
  public static let keyMemory = Atomic<Int>(0)

  private let session: OpaquePointer
  private let transport: UnsafeMutablePointer<MemoryTransport>
  /// Given, but not used by the handshake: the first application data.
  private var early = ByteBuffer(capacity: 16)
  /// Bytes of `early` that have been used.
  private var earlyUsed = 0
  /// Whether the handshake is complete.
  public private(set) var isEstablished = false

  public init(_ context: TLSServerContext) throws(TLSError) {
    ERR_clear_error()
    guard let session = unsafe context.makeSession() else { throw .last("set up a TLS connection") }
    let transport = UnsafeMutablePointer<MemoryTransport>.allocate(capacity: 1)
    unsafe transport.initialize(to: MemoryTransport())
    guard let bio = unsafe MemoryTransport.makeBIO(transport) else {
      unsafe SSL_free(session)
      unsafe Self.free(transport)
      throw .last("set up a TLS connection")
    }
    // Both directions use the one BIO, which belongs to the session from here on.
    unsafe SSL_set_bio(session, bio, bio)
    unsafe SSL_set_accept_state(session)
    unsafe MemoryTransport.join(session, transport)
    unsafe self.session = session
    unsafe self.transport = transport
  }

  deinit {
    unsafe SSL_free(session)
    unsafe Self.free(transport)
  }

  private static func free(_ transport: UnsafeMutablePointer<MemoryTransport>) {
    unsafe transport.deinitialize(count: 1)
    unsafe transport.deallocate()
  }

  /// Goes on with the handshake, given what was received. True once it is complete; what the peer has sent
  /// beyond it is kept for `read`. When it throws, `output` holds the alert that tells the peer why.
  public mutating func handshake(_ received: ByteView) throws(TLSError) -> Bool {
    precondition(!isEstablished)
    let keyMemory = Self.keyMemory.load(ordering: .relaxed)
    if keyMemory > 0, CRYPTO_secure_used() > keyMemory {
      throw TLSError(
        operation: "shake hands",
        reason: "the memory for keys is used up by other connections; raise LimitMEMLOCK to 2 MiB or more, "
          + "or allow fewer connections")
    }
    unsafe transport.pointee.input = received
    defer { unsafe transport.pointee.input = ByteView() }
    ERR_clear_error()
    let result = unsafe SSL_do_handshake(session)
    if result == 1 {
      isEstablished = true
      let rest = unsafe transport.pointee.input
      if !rest.isEmpty { early.append(rest) }
      return true
    }
    let error = unsafe SSL_get_error(session, result)
    guard error == SSL_ERROR_WANT_READ else {
      var failure = TLSError.last("shake hands")
      if let refusal = unsafe transport.pointee.refusal { failure.reason += ": \(refusal)" }
      throw failure
    }
    try checkOutput()
    return false
  }

  /// Deciphers into `buffer`, at most one record (16 KiB) a call, from what the handshake left and then from
  /// `received`, which it shortens by what it used.
  public mutating func read(
    _ received: inout ByteView, into buffer: UnsafeMutableRawBufferPointer
  ) throws(TLSError) -> Progress {
    precondition(isEstablished)
    while true {
      let isEarly = earlyUsed < early.count
      unsafe transport.pointee.input = isEarly ? early.view.dropFirst(earlyUsed) : received
      let progress: Progress
      do {
        progress = try unsafe readRecord(into: buffer)
      } catch {
        unsafe transport.pointee.input = ByteView()
        throw error
      }
      let rest = unsafe transport.pointee.input
      unsafe transport.pointee.input = ByteView()
      if isEarly {
        earlyUsed = early.count - rest.count
        if rest.isEmpty {
          early = ByteBuffer(capacity: 16)
          earlyUsed = 0
          if progress == .needsInput { continue }
        }
      } else {
        received = rest
      }
      return progress
    }
  }

  private func readRecord(into buffer: UnsafeMutableRawBufferPointer) throws(TLSError) -> Progress {
    ERR_clear_error()
    var count = 0
    let result = unsafe SSL_read_ex(session, buffer.baseAddress, buffer.count, &count)
    if result == 1 { return .bytes(count) }
    switch unsafe SSL_get_error(session, result) {
    case SSL_ERROR_WANT_READ:
      try checkOutput()
      return .needsInput
    case SSL_ERROR_ZERO_RETURN: return .closed
    default: throw .last("read from a TLS connection")
    }
  }

  private func checkOutput() throws(TLSError) {
    if output.count > Self.outputLimit {
      throw TLSError(operation: "answer a TLS client", reason: "it does not read what it asks for")
    }
  }

  /// Bytes to be sent to the peer. Valid until the next call of a mutating method.
  public var output: ByteView { unsafe transport.pointee.output.view }

  /// Takes the first `count` bytes of `output` as sent.
  public mutating func removeOutput(_ count: Int) {
    unsafe transport.pointee.output.removeFirst(count)
    guard output.isEmpty else { return }
    // An idle connection does not keep the room that its handshake took. SSL_MODE_RELEASE_BUFFERS alone
    // leaves OpenSSL 3.0 with its write buffer of 16 KiB.
    unsafe transport.pointee.output = ByteBuffer(capacity: 16)
    _ = unsafe SSL_free_buffers(session)
  }

  /// Tells the peer, in `output`, that nothing more comes from here.
  public mutating func close() {
    ERR_clear_error()
    if isEstablished { _ = unsafe SSL_shutdown(session) }
    ERR_clear_error()
  }

  /// The protocol's name: "TLSv1.3".
  public var version: String { unsafe String(cString: SSL_get_version(session)) }

  /// Whether the client, with the certificate that it has shown, may stay by what the context's files held when they
  /// were last read. That its certificate has expired meanwhile does not count.
  public func isTrusted(by context: TLSServerContext) -> Bool { unsafe context.trustsPeer(of: session) }

  /// Who the client is; nil when it has shown no certificate.
  public var peer: PeerCertificate? {
    guard let certificate = unsafe SSL_get1_peer_certificate(session) else { return nil }
    defer { unsafe X509_free(certificate) }
    return unsafe PeerCertificate(certificate)
  }
}

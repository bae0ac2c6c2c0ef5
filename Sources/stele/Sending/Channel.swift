import Bytes
import Platform
import TLS

/// A connection over which recorded messages are sent.
struct Channel: ~Copyable {
  private let socket: Socket
  private let poll: EventPoll
  private var tokens = HeapArray<UInt64>(count: 1) { _ in 0 }
  private let tls: TLSSession?
  private var received = ByteBuffer()
  let isStream: Bool

  /// Bytes that one datagram can carry.
  static let datagramLimit = 65_507
  /// How long the receiver may take to read what it was sent, nanoseconds.
  private static let patience: Int64 = 10_000_000_000

  /// Connects, and for `tls://` shakes hands.
  static func open(_ endpoint: Endpoint, _ context: TLSClientContext?) throws -> Channel {
    let socket = try connect(endpoint, endpoint.isStream ? .stream : .datagram)
    let poll = try EventPoll()
    try poll.add(socket.descriptor, token: 0, writable: true)
    let tls = try context.map { TLSSession(try TLSClientConnection($0, host: endpoint.host)) }
    var channel = Channel(socket, poll, tls, isStream: endpoint.isStream)
    if tls != nil { try channel.shakeHands() }
    return channel
  }

  private init(_ socket: consuming Socket, _ poll: consuming EventPoll, _ tls: TLSSession?, isStream: Bool) {
    self.socket = socket
    self.poll = poll
    self.tls = tls
    self.isStream = isStream
  }

  /// Tries the host's addresses in turn.
  private static func connect(_ endpoint: Endpoint, _ kind: Socket.Kind) throws -> Socket {
    var failure: (any Error)?
    for address in try endpoint.addresses() {
      do { return try Socket(kind, connectedTo: address) } catch { failure = error }
    }
    throw failure ?? Endpoint.Invalid(url: endpoint.url, reason: "it has no address")
  }

  private mutating func shakeHands() throws {
    var isDone = try tls?.connection.handshake(ByteView()) ?? true
    let deadline = Clock.monotonic() + Self.patience
    while !isDone {
      try flushTLS()
      try poll.change(socket.descriptor, token: 0, writable: false)
      defer { try? poll.change(socket.descriptor, token: 0, writable: true) }
      _ = try poll.wait(into: &tokens, timeout: max(0, deadline - Clock.monotonic()))
      received.removeAll()
      switch try socket.receive(appendingTo: &received) {
      case .bytes: isDone = try tls?.connection.handshake(received.view) ?? true
      case .end: throw TLSError(operation: "shake hands", reason: "the server has closed the connection")
      case .nothing:
        if Clock.monotonic() >= deadline {
          throw TLSError(operation: "shake hands", reason: "the server does not answer")
        }
      }
    }
    try flushTLS()
  }

  private mutating func flushTLS() throws {
    guard let tls else { return }
    while tls.connection.output.count > 0 {
      let sent = try sendOrExplain(tls.connection.output)
      tls.connection.removeOutput(sent)
      if sent == 0 { try waitUntilWritable() }
    }
  }

  /// Sends one datagram.
  mutating func send(datagram bytes: ByteView) throws {
    while try socket.send(bytes) == 0, !bytes.isEmpty { try waitUntilWritable() }
  }

  /// Sends bytes of a stream, all of them.
  mutating func send(stream bytes: ByteView) throws {
    if tls != nil {
      var rest = bytes
      while !rest.isEmpty {
        let count = min(rest.count, 16_384)
        try tls?.connection.write(rest.prefix(count))
        rest = rest.dropFirst(count)
        try flushTLS()
      }
      try readAnswer()
      return
    }
    var done = 0
    while done < bytes.count {
      let sent = try socket.send(bytes.dropFirst(done))
      done += sent
      if sent == 0 { try waitUntilWritable() }
    }
  }

  /// Sends; when the receiver has hung up, its last words tell more than the broken connection does.
  private mutating func sendOrExplain(_ bytes: ByteView) throws -> Int {
    do throws(SystemError) { return try socket.send(bytes) } catch {
      if error.errno == .brokenPipe || error.errno == .connectionReset { try readAnswer() }
      throw error
    }
  }

  private mutating func waitUntilWritable() throws {
    if isStream { try readAnswer() }
    _ = try poll.wait(into: &tokens, timeout: 100_000_000)
  }

  /// Reads what the receiver has sent, if anything. Returns whether it has closed its side.
  @discardableResult private mutating func readAnswer() throws -> Bool {
    while true {
      received.removeAll()
      switch try socket.receive(appendingTo: &received) {
      case .bytes: try tls?.connection.receive(received.view)
      case .end: return true
      case .nothing: return false
      }
    }
  }

  /// Ends the sending and waits until a stream's receiver has read everything and closes its side too.
  /// Returns false if it did not within ten seconds.
  mutating func finish() throws -> Bool {
    guard isStream else { return true }
    tls?.connection.close()
    try flushTLS()
    socket.shutdownSending()
    try poll.change(socket.descriptor, token: 0, writable: false)
    let deadline = Clock.monotonic() + Self.patience
    while true {
      if try readAnswer() { return true }
      let left = deadline - Clock.monotonic()
      if left <= 0 { return false }
      _ = try poll.wait(into: &tokens, timeout: left)
    }
  }
}

/// The TLS side of a channel.
private final class TLSSession {
  var connection: TLSClientConnection

  init(_ connection: consuming TLSClientConnection) { self.connection = connection }
}

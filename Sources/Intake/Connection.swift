import Bytes
import Platform
import Synchronization
import Syslog
import TLS

/// One accepted stream connection. Used by one thread at a time: the acceptor's until the connection is
/// ready, then one receiver's.
final class Connection: @unchecked Sendable {
  let socket: Socket
  private(set) var source: StreamSource
  /// Who has connected.
  private let address: SocketAddress?
  /// Who sends, as far as is known: whom the proxy speaks for, once it has said so.
  private(set) var peer: SocketAddress?
  let number: UInt64
  var scanner: FrameScanner
  /// One, or none for plain TCP.
  private var tls: HeapArray<TLSServerConnection>
  /// What of an unfinished frame has come. Empty, and without memory worth mentioning, most of the time.
  var carry = ByteBuffer(capacity: 16)
  /// What has come of the proxy's header; nil when none is expected, or it is whole.
  private var header: [UInt8]?
  private var envelope: Envelope
  /// In which slab the envelope is, and where.
  private var envelopeGeneration: UInt64 = 0
  private var envelopeIndex: UInt32 = 0
  /// When the handshake must be complete (`Clock.monotonic()`).
  let handshakeDeadline: Int64
  /// When something last came (`Clock.monotonic()`).
  var lastHeard: Int64
  /// It is not read for now, because its peer has sent more than its rate.
  var isPaused = false
  /// Whom the peer's limits count it for; nil where it has not been admitted by them.
  let limitedPeer: IPAddress?
  /// Which hosts its messages may name; nil: any.
  private(set) var hosts: HostCheck?

  init(_ socket: consuming Socket, source: StreamSource, number: UInt64) throws(TLSError) {
    if let context = source.tls {
      tls = HeapArray(try TLSServerConnection(context))
    } else {
      tls = HeapArray()
    }
    address = socket.peerAddress()
    peer = address
    self.socket = socket
    self.source = source
    self.number = number
    scanner = FrameScanner(
      source.framing, limit: source.messageLimit, expectsPriority: source.expectsPriority)
    header = source.expectsProxy ? [] : nil
    envelope = Self.envelope(source, number, peer, proxy: nil)
    if source.transport == .unixStream, let who = self.socket.peerCredentials {
      envelope.add(processID: who.process, userID: who.user, groupID: who.group)
    }
    limitedPeer = peer?.limitedPeer
    lastHeard = Clock.monotonic()
    handshakeDeadline = lastHeard + source.handshakeTimeout
    source.counters.connectionsAccepted.add(1)
    source.counters.connectionsOpen.wrappingAdd(1, ordering: .relaxed)
  }

  deinit {
    source.counters.connectionsOpen.wrappingSubtract(1, ordering: .relaxed)
    if let limitedPeer { source.peers?.release(limitedPeer) }
  }

  private static func envelope(
    _ source: StreamSource, _ number: UInt64, _ peer: SocketAddress?, proxy: SocketAddress?
  ) -> Envelope {
    var envelope = Envelope(source.transport)
    if case .ip(let address, let port) = peer { envelope.add(peer: address, port: port) }
    if case .ip(let address, let port) = proxy { envelope.add(proxy: address, port: port) }
    envelope.add(connection: number)
    return envelope
  }

  var isTLS: Bool { tls.count > 0 }
  /// The proxy's header is not whole yet.
  var awaitsProxy: Bool { header != nil }

  /// Goes on with the proxy's header, given what is there to be received. Returns how many bytes of it belong to
  /// the header.
  func introduce(_ received: ByteView) throws(ProxyHeader.Invalid) -> Int {
    guard var bytes = header else { return 0 }
    let before = bytes.count
    bytes += received.array
    let found = try bytes.withView { (view) throws(ProxyHeader.Invalid) in try ProxyHeader(view) }
    guard let whole = found else {
      header = bytes
      return received.count
    }
    header = nil
    if let named = whole.peer {
      envelope = Self.envelope(source, number, named, proxy: peer)
      peer = named
    }
    return whole.byteCount - before
  }

  /// Adds the client's certificate to the envelope, once the handshake is complete. Returns why the client may
  /// not come, or nil when it may.
  func identify() -> String? {
    guard isTLS else { return nil }
    let certificate = tls[0].peer
    if let certificate { envelope.add(certificate) }
    return authorize(certificate).map { "client refused: \($0)" }
  }

  /// Why the client that has shown `certificate` may not send, or nil when it may.
  private func authorize(_ certificate: PeerCertificate?) -> String? {
    let shown =
      certificate.map { "\($0.text), \(PeerCertificate.text(fingerprint: $0.fingerprint))" } ?? "none"
    if let context = source.tls, !tls[0].isTrusted(by: context) {
      return "no authority in client_ca stands for its certificate (\(shown))"
    }
    guard let clients = source.clients else {
      hosts = nil
      return nil
    }
    guard let certificate, let names = clients.hosts(of: certificate) else {
      return "its certificate is not among the source's clients (\(shown))"
    }
    hosts = HostCheck(names)
    return nil
  }

  /// Goes on under other settings of its source. Returns why these do not let it in, or nil when they do. How it is
  /// framed stays as it began.
  func adopt(_ new: StreamSource) -> String? {
    if new.peers !== source.peers, let limitedPeer {
      source.peers?.release(limitedPeer)
      new.peers?.add(limitedPeer)
    }
    source = new
    scanner.limit = new.messageLimit
    if !new.allows(address) { return "the source does not allow its address any more" }
    // The client of a handshake that is not complete is not known yet.
    guard isTLS, tls[0].isEstablished else { return nil }
    return authorize(tls[0].peer)
  }

  /// How long the peer's rate has it wait, nanoseconds.
  func delay(now: Int64) -> Int64 {
    guard let rates = source.rates, let limitedPeer else { return 0 }
    return rates.delay(of: limitedPeer, now: now)
  }

  /// Counts messages towards the peer's rate.
  func charge(_ messages: Int, now: Int64) {
    if let rates = source.rates, let limitedPeer { rates.charge(limitedPeer, messages, now: now) }
  }

  /// Carries `rest` to the next read, in place of what was carried before.
  func carry(_ rest: ByteView) {
    // What one long message needed is not kept for ever.
    if carry.count + carry.room > 2048, rest.count < 512 { carry = ByteBuffer(capacity: rest.count) }
    carry.removeAll()
    carry.append(rest)
  }

  /// The envelope's place in `slab`, which must have room for it.
  func envelope(in slab: inout Slab) -> UInt32? {
    if envelopeGeneration == slab.generation { return envelopeIndex }
    guard let index = slab.addEnvelope(envelope.view) else { return nil }
    envelopeGeneration = slab.generation
    envelopeIndex = index
    return index
  }

  /// Goes on with the TLS handshake, given what was received. True once it is complete.
  func handshake(_ received: ByteView) throws(TLSError) -> Bool { try tls[0].handshake(received) }

  /// Deciphers one record; see `TLSServerConnection`.
  func decipher(
    _ received: inout ByteView, into buffer: UnsafeMutableRawBufferPointer
  ) throws(TLSError) -> TLSServerConnection.Progress {
    try unsafe tls[0].read(&received, into: buffer)
  }

  /// Sends what TLS wants sent, as far as the kernel takes it. False when something is left.
  func flush() throws(SystemError) -> Bool {
    guard isTLS, !tls[0].output.isEmpty else { return true }
    let sent = try socket.send(tls[0].output)
    tls[0].removeOutput(sent)
    return tls[0].output.isEmpty
  }

  /// Says goodbye, as far as the kernel takes it.
  func end() {
    if isTLS { tls[0].close() }
    _ = try? flush()
  }
}

/// What all connections of one source share.
final class StreamSource: Sendable {
  let id: UInt32
  let name: String
  let transport: Envelope.Transport
  let framing: FrameScanner.Framing
  let expectsPriority: Bool
  let messageLimit: Int
  let connectionLimit: Int
  let handshakeTimeout: Int64
  let allow: AllowList?
  let expectsProxy: Bool
  let idleTimeout: Int64?
  let clients: ClientList?
  /// Nil where peers may have as many connections as the source.
  let peers: PeerConnections?
  /// Nil where peers may send as much as they can.
  let rates: StreamRates?
  let tls: TLSServerContext?
  let counters: SourceCounters

  /// The same with the peers of `old`, as far as their limits are the same: what is open, and what they owe, counts
  /// on.
  func counting(with old: StreamSource) -> StreamSource {
    if let peers, let oldPeers = old.peers { oldPeers.setLimit(peers.limit) }
    return StreamSource(
      self, peers: peers == nil ? nil : old.peers ?? peers,
      rates: rates?.limit == old.rates?.limit ? old.rates : rates)
  }

  private init(_ other: StreamSource, peers: PeerConnections?, rates: StreamRates?) {
    id = other.id
    name = other.name
    transport = other.transport
    framing = other.framing
    expectsPriority = other.expectsPriority
    messageLimit = other.messageLimit
    connectionLimit = other.connectionLimit
    handshakeTimeout = other.handshakeTimeout
    allow = other.allow
    expectsProxy = other.expectsProxy
    idleTimeout = other.idleTimeout
    clients = other.clients
    tls = other.tls
    counters = other.counters
    self.peers = peers
    self.rates = rates
  }

  init(_ source: Source, tls: TLSServerContext?, counters: SourceCounters) {
    id = source.id
    name = source.name
    transport = source.streamTransport ?? .tcp
    framing = source.framing
    expectsPriority = source.expectsPriority
    messageLimit = source.messageLimit
    connectionLimit = source.connectionLimit
    handshakeTimeout = source.handshakeTimeout
    allow = source.allow
    expectsProxy = source.expectsProxy
    idleTimeout = source.idleTimeout
    clients = source.clients
    peers = source.connectionsPerPeer.map { PeerConnections(limit: $0) }
    rates = source.rate.map { StreamRates($0) }
    self.tls = tls
    self.counters = counters
  }

  /// Whether the source lets that peer in. Whoever is gone already is nobody who was allowed.
  func allows(_ peer: SocketAddress?) -> Bool {
    guard let allow else { return true }
    guard case .ip(let address, _) = peer else { return false }
    return allow.contains(address)
  }
}

import Bytes
import Events
import Platform
import Synchronization
import TLS

/// The thread that accepts connections and shakes hands, so that the public-key work of a thousand clients
/// that come back at once does not keep messages waiting. An established connection goes to a receiving
/// thread and stays there.
struct StreamAcceptor: ~Copyable {
  /// By token: at least 2, and below all connections'.
  private var listeners: [UInt64: StreamListener] = [:]
  private var lastToken: UInt64 = 1
  /// Connections that sources did not let in, by source number.
  private var refusals: [UInt32: RefusalTally] = [:]
  private let inboxes: [StreamInbox]
  private let losses: LossLedger
  private var notices: NoticeLimiter
  private let poll: EventPoll
  private var tokens = HeapArray<UInt64>(count: 256) { _ in 0 }
  private var handshaking = ConnectionTable()
  private let received: PageRegion
  /// Connections accepted so far.
  private var accepted: UInt64 = 0
  private var nextCheck: Int64 = 0
  /// How often unfinished handshakes are looked at.
  private var checkInterval: Int64 = 0
  private let mailbox: Mailbox<AcceptorOrder>

  init(
    listeners: [StreamListener], inboxes: [StreamInbox], losses: LossLedger,
    mailbox: Mailbox<AcceptorOrder>, stop: borrowing EventFlag,
    notice: @escaping @Sendable (IntakeNotice) -> Void
  ) throws(SystemError) {
    precondition(!inboxes.isEmpty)
    let poll = try EventPoll()
    try poll.add(stop.descriptor, token: 0)
    try poll.add(mailbox.flag.descriptor, token: 1)
    var tokens: [UInt64: StreamListener] = [:]
    for (token, listener) in zip(UInt64(2)..., listeners) {
      try poll.add(listener.socket.socket.descriptor, token: token)
      tokens[token] = listener
    }
    let received = try PageRegion(count: 65_536)
    self.poll = poll
    self.received = received
    self.inboxes = inboxes
    self.losses = losses
    self.mailbox = mailbox
    notices = NoticeLimiter(notice)
    self.listeners = tokens
    lastToken += UInt64(listeners.count)
    setCheckInterval()
  }

  private mutating func add(_ listener: StreamListener) throws(SystemError) {
    lastToken += 1
    try poll.add(listener.socket.socket.descriptor, token: lastToken)
    listeners[lastToken] = listener
  }

  private mutating func setCheckInterval() {
    checkInterval = (listeners.values.map(\.source.handshakeTimeout).min() ?? Limits.handshake) / 10
  }

  /// Accepts until `stopping`. Handshakes that are not complete then are given up.
  mutating func run(_ stopping: borrowing Atomic<Bool>) {
    while !stopping.load(ordering: .acquiring) {
      let count = (try? poll.wait(into: &tokens, timeout: timeout)) ?? 0
      if stopping.load(ordering: .acquiring) { break }
      for index in 0..<count {
        let token = tokens[index]
        if token == 1 {
          carryOutOrders()
        } else if let listener = listeners[token] {
          accept(listener)
        } else if let connection = handshaking[token] {
          advance(connection, token)
        }
      }
      endLateHandshakes()
      reportRefusals()
    }
    reportRefusals(isLast: true)
  }

  /// How long nothing need be done unless something happens, nanoseconds; negative: for ever.
  private var timeout: Int64 {
    var least = handshaking.count > 0 ? checkInterval : .max
    let now = Clock.monotonic()
    for tally in refusals.values { least = min(least, tally.wait(now: now) ?? .max) }
    return least == .max ? -1 : least
  }

  private mutating func reportRefusals(isLast: Bool = false) {
    let now = Clock.monotonic()
    for source in refusals.keys {
      refusals[source]?.report(losses, now: now, isLast: isLast) { notices.give($0, now: now) }
    }
  }

  /// Whether more connections may be waiting.
  @discardableResult private mutating func accept(_ listener: StreamListener) -> Bool {
    for _ in 0..<Limits.acceptRun {
      do throws(SystemError) {
        guard let socket = try listener.socket.socket.accept() else { return false }
        let source = listener.source
        let peer = socket.peerAddress()
        if source.allows(peer) {
          admit(socket, source)
        } else {
          source.counters.refused.add(1)
          refusals[source.id, default: RefusalTally(source.id, source.name, .connections)]
            .add(peer, time: Clock.realtime())
        }
      } catch {
        // Out of descriptors or memory: the connections stay in the kernel's queue until some are free.
        give(listener.source, nil, "\(error)")
        Clock.sleep(nanoseconds: 100_000_000)
        return false
      }
    }
    return true
  }

  // MARK: Orders

  private mutating func carryOutOrders() {
    let mailbox = mailbox
    mailbox.serve { order in
      switch order {
      case .add(let listener):
        do throws(SystemError) { try add(listener) } catch { give(listener.source, nil, "\(error)") }
      case .hand(let old, let source): hand(old, to: source)
      case .remove(let source): remove(source)
      }
      setCheckInterval()
    }
  }

  /// New connections of `old` belong to `source`, which may be the same with other settings.
  private mutating func hand(_ old: UInt32, to source: StreamSource) {
    for token in Array(listeners.keys) where listeners[token]?.source.id == old {
      if source.id != old, let listener = listeners[token] { accept(listener) }
      listeners[token]?.source = source
    }
    if source.id != old { endHandshakes(of: old) }
    for token in handshaking.tokens {
      guard let connection = handshaking[token], connection.source.id == source.id,
        let reason = connection.adopt(source)
      else { continue }
      refuse(connection, token, "connection refused: \(reason)")
    }
  }

  /// Who has connected by now is let in, and then nobody any more.
  private mutating func remove(_ source: UInt32) {
    let deadline = Clock.monotonic() + Limits.drain
    for (token, listener) in listeners where listener.source.id == source {
      while accept(listener), Clock.monotonic() < deadline {}
      listeners[token] = nil
      try? poll.remove(listener.socket.socket.descriptor)
    }
    endHandshakes(of: source)
    let now = Clock.monotonic()
    refusals[source]?.report(losses, now: now, isLast: true) { notices.give($0, now: now) }
    refusals[source] = nil
  }

  private mutating func endHandshakes(of source: UInt32) {
    for token in handshaking.tokens {
      guard let connection = handshaking[token], connection.source.id == source else { continue }
      fail(connection, token, "the source is no more")
    }
  }

  // MARK: Connections

  private mutating func admit(_ socket: consuming Socket, _ source: StreamSource) {
    let peer = socket.peerAddress()
    let open = source.counters.connectionsOpen.load(ordering: .relaxed)
    if open >= source.connectionLimit {
      refuse(source, peer, .connectionLimit, "connection refused: \(open) are open, which is the limit")
      return
    }
    if let peers = source.peers, let limited = peer?.limitedPeer, !peers.admit(limited) {
      let text = "connection refused: \(peers.limit) of this peer are open, which is its limit"
      refuse(source, peer, .connectionLimit, text)
      return
    }
    if source.transport != .unixStream { socket.enableKeepAlive() }
    accepted += 1
    do throws(TLSError) {
      let connection = try Connection(socket, source: source, number: accepted)
      if !connection.isTLS, !connection.awaitsProxy {
        hand(connection)
        return
      }
      if handshaking.count >= Limits.handshakes { endOldestHandshake() }
      let token = handshaking.add(connection)
      do throws(SystemError) {
        try poll.add(connection.socket.descriptor, token: token)
      } catch {
        fail(connection, token, "\(error)")
      }
    } catch {
      if let limited = peer?.limitedPeer { source.peers?.release(limited) }
      source.counters.tlsFailures.add(1)
      give(source, nil, "\(error)")
    }
  }

  /// Accounts for a connection that is closed because it may not come.
  private mutating func refuse(
    _ source: StreamSource, _ peer: SocketAddress?, _ layer: LossLayer, _ text: String
  ) {
    source.counters.connectionsRefused.add(1)
    let now = Clock.realtime()
    losses.note(
      LossEvent(
        source: source.id, layer: layer, count: 1, from: now, to: now, peer: peer, unit: .connections))
    give(source, peer, text)
  }

  private mutating func refuse(_ connection: Connection, _ token: UInt64, _ text: String) {
    refuse(connection.source, connection.peer, .refused, text)
    _ = handshaking.remove(token)
    connection.end()
  }

  private mutating func give(_ source: StreamSource, _ peer: SocketAddress?, _ text: String) {
    notices.give(IntakeNotice(source: source.name, peer: peer, text: text), now: Clock.monotonic())
  }

  private func hand(_ connection: Connection) {
    inboxes[Int(connection.number % UInt64(inboxes.count))].put(connection)
  }

  /// Goes on with a handshake whose peer has sent something, or can take something.
  private mutating func advance(_ connection: Connection, _ token: UInt64) {
    if connection.awaitsProxy { return introduce(connection, token) }
    do throws(SystemError) {
      let room = unsafe UnsafeMutableRawBufferPointer(start: received.base, count: received.count)
      var isComplete = false
      switch try unsafe connection.socket.receive(into: room) {
      case .end:
        fail(connection, token, "the client ended the connection during the TLS handshake")
        return
      case .nothing: break
      case .bytes(let count):
        let bytes = unsafe ByteView(UnsafeRawBufferPointer(rebasing: room[..<count]))
        do throws(TLSError) {
          isComplete = try connection.handshake(bytes)
        } catch {
          fail(connection, token, "\(error)")
          return
        }
      }
      if isComplete, let reason = connection.identify() {
        return refuse(connection, token, reason)
      }
      if isComplete {
        // A client that takes no answer any more may have sent messages before it left.
        _ = try? connection.flush()
        try poll.remove(connection.socket.descriptor)
        _ = handshaking.remove(token)
        hand(connection)
      } else {
        let isFlushed = try connection.flush()
        try poll.change(connection.socket.descriptor, token: token, writable: !isFlushed)
      }
    } catch {
      fail(connection, token, "the connection broke off before it was set up: \(error.errno)")
    }
  }

  /// Reads the proxy's header and not one byte more, for what follows is the sender's.
  private mutating func introduce(_ connection: Connection, _ token: UInt64) {
    do throws(SystemError) {
      let room = unsafe UnsafeMutableRawBufferPointer(start: received.base, count: ProxyHeader.mostBytes)
      switch try unsafe connection.socket.peek(into: room) {
      case .end: fail(connection, token, "the connection ended before a whole PROXY protocol header had come")
      case .nothing: break
      case .bytes(let count):
        let taken: Int
        do throws(ProxyHeader.Invalid) {
          taken = try connection.introduce(unsafe ByteView(UnsafeRawBufferPointer(rebasing: room[..<count])))
        } catch {
          return fail(connection, token, "connection refused: \(error)")
        }
        _ = try unsafe connection.socket.receive(
          into: UnsafeMutableRawBufferPointer(rebasing: room[..<taken]))
        guard !connection.awaitsProxy, !connection.isTLS else { return }
        try poll.remove(connection.socket.descriptor)
        _ = handshaking.remove(token)
        hand(connection)
      }
    } catch {
      fail(connection, token, "the connection broke off before it was set up: \(error.errno)")
    }
  }

  private mutating func fail(_ connection: Connection, _ token: UInt64, _ text: String) {
    let counters = connection.source.counters
    if connection.awaitsProxy { counters.badProxyHeaders.add(1) } else { counters.tlsFailures.add(1) }
    give(connection.source, connection.peer, text)
    _ = handshaking.remove(token)
    connection.end()
  }

  private mutating func endOldestHandshake() {
    let numbered = handshaking.tokens.compactMap { token in
      handshaking[token].map { (token: token, number: $0.number) }
    }
    guard let token = numbered.min(by: { $0.number < $1.number })?.token, let connection = handshaking[token]
    else { return }
    fail(connection, token, "the TLS handshake gave way to newer ones: \(Limits.handshakes) were going on")
  }

  private mutating func endLateHandshakes() {
    let now = Clock.monotonic()
    if handshaking.count == 0 || now < nextCheck { return }
    nextCheck = now + checkInterval
    for token in handshaking.tokens {
      guard let connection = handshaking[token], connection.handshakeDeadline <= now else { continue }
      let limit = connection.source.handshakeTimeout / 1_000_000
      let what = connection.awaitsProxy ? "PROXY protocol header" : "TLS handshake"
      fail(connection, token, "the \(what) took longer than \(limit) ms")
    }
  }
}

/// A listening socket and what its connections belong to.
struct StreamListener: Sendable {
  /// Closed with the last one who has it; the file of a unix socket goes with it.
  final class Listening: Sendable {
    let socket: Socket
    private let file: SocketFile?

    init(_ socket: consuming Socket, file: SocketFile?) {
      self.socket = socket
      self.file = file
    }

    deinit { file?.remove() }
  }

  let socket: Listening
  var source: StreamSource
}

/// What the thread is told while it runs.
enum AcceptorOrder: Sendable {
  case add(StreamListener)
  case hand(from: UInt32, to: StreamSource)
  case remove(source: UInt32)
}

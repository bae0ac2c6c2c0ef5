import Bytes
import Platform
import Synchronization
import TLS

/// The thread that accepts connections and shakes hands, so that the public-key work of a thousand clients
/// that come back at once does not keep messages waiting. An established connection goes to a receiving
/// thread and stays there.
struct StreamAcceptor: ~Copyable {
  private let listeners: HeapArray<StreamListener>
  private let inboxes: [StreamInbox]
  private var notices: NoticeLimiter
  private let poll: EventPoll
  private var tokens = HeapArray<UInt64>(count: 256) { _ in 0 }
  private var handshaking = ConnectionTable()
  private let received: PageRegion
  /// Connections accepted so far.
  private var accepted: UInt64 = 0
  private var nextCheck: Int64 = 0
  /// How often unfinished handshakes are looked at.
  private let checkInterval: Int64

  init(
    listeners: consuming HeapArray<StreamListener>, inboxes: [StreamInbox], stop: borrowing EventFlag,
    notice: @escaping @Sendable (IntakeNotice) -> Void
  ) throws(SystemError) {
    precondition(!inboxes.isEmpty)
    let poll = try EventPoll()
    try poll.add(stop.descriptor, token: 0)
    var timeout = Limits.handshake
    for index in 0..<listeners.count {
      timeout = min(timeout, listeners[index].source.handshakeTimeout)
      try poll.add(listeners[index].socket.descriptor, token: UInt64(index + 1))
    }
    let received = try PageRegion(count: 65_536)
    checkInterval = timeout / 10
    self.poll = poll
    self.received = received
    self.listeners = listeners
    self.inboxes = inboxes
    notices = NoticeLimiter(notice)
  }

  /// Accepts until `stopping`. Handshakes that are not complete then are given up.
  mutating func run(_ stopping: borrowing Atomic<Bool>) {
    while !stopping.load(ordering: .acquiring) {
      let timeout = handshaking.count > 0 ? checkInterval : -1
      let count = (try? poll.wait(into: &tokens, timeout: timeout)) ?? 0
      if stopping.load(ordering: .acquiring) { break }
      for index in 0..<count {
        let token = tokens[index]
        if token == 0 { continue }
        if token <= UInt64(listeners.count) {
          accept(Int(token) - 1)
        } else if let connection = handshaking[token] {
          advance(connection, token)
        }
      }
      endLateHandshakes()
    }
  }

  private mutating func accept(_ index: Int) {
    for _ in 0..<Limits.acceptRun {
      do throws(SystemError) {
        guard let socket = try listeners[index].socket.accept() else { return }
        admit(socket, listeners[index].source)
      } catch {
        // Out of descriptors or memory: the connections stay in the kernel's queue until some are free.
        give(listeners[index].source, nil, "\(error)")
        Clock.sleep(nanoseconds: 100_000_000)
        return
      }
    }
  }

  private mutating func admit(_ socket: consuming Socket, _ source: StreamSource) {
    let open = source.counters.connectionsOpen.load(ordering: .relaxed)
    if open >= source.connectionLimit {
      source.counters.connectionsRefused.add(1)
      give(source, socket.peerAddress(), "connection refused: \(open) are open, which is the limit")
      return
    }
    socket.enableKeepAlive()
    accepted += 1
    do throws(TLSError) {
      let connection = try Connection(socket, source: source, number: accepted)
      if !connection.isTLS {
        hand(connection)
        return
      }
      let token = handshaking.add(connection)
      do throws(SystemError) {
        try poll.add(connection.socket.descriptor, token: token)
      } catch {
        fail(connection, token, "\(error)")
      }
    } catch {
      source.counters.tlsFailures.add(1)
      give(source, nil, "\(error)")
    }
  }

  private mutating func give(_ source: StreamSource, _ peer: SocketAddress?, _ text: String) {
    notices.give(IntakeNotice(source: source.name, peer: peer, text: text), now: Clock.monotonic())
  }

  private func hand(_ connection: Connection) {
    inboxes[Int(connection.number % UInt64(inboxes.count))].put(connection)
  }

  /// Goes on with a handshake whose peer has sent something, or can take something.
  private mutating func advance(_ connection: Connection, _ token: UInt64) {
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
      let isFlushed = try connection.flush()
      if isComplete {
        try poll.remove(connection.socket.descriptor)
        _ = handshaking.remove(token)
        connection.identify()
        hand(connection)
      } else {
        try poll.change(connection.socket.descriptor, token: token, writable: !isFlushed)
      }
    } catch {
      fail(connection, token, "\(error)")
    }
  }

  private mutating func fail(_ connection: Connection, _ token: UInt64, _ text: String) {
    connection.source.counters.tlsFailures.add(1)
    give(connection.source, connection.peer, text)
    _ = handshaking.remove(token)
    connection.end()
  }

  private mutating func endLateHandshakes() {
    let now = Clock.monotonic()
    if handshaking.count == 0 || now < nextCheck { return }
    nextCheck = now + checkInterval
    for token in handshaking.tokens {
      guard let connection = handshaking[token], connection.handshakeDeadline <= now else { continue }
      let limit = connection.source.handshakeTimeout / 1_000_000
      fail(connection, token, "the TLS handshake took longer than \(limit) ms")
    }
  }
}

/// A listening socket and what its connections belong to.
struct StreamListener: ~Copyable {
  let socket: Socket
  let source: StreamSource
}

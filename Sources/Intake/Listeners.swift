import Bytes
import Platform
import Synchronization
import Syslog
import TLS

/// All sources that are received from sockets, and the threads that read them:
///
///     intake-dgram      every UDP and unix datagram socket
///     intake-accept     accepts TCP and TLS connections, shakes hands
///     intake-stream-N   read established connections
///
/// Life: `bind` each source, `start`, `stop`, `join`; `stop` and `join` in any number and from any thread.
public final class Listeners: Sendable {
  private struct State {
    var datagrams: [Handover<DatagramSocket>] = []
    var streams: [Handover<StreamListener>] = []
    var addresses: [String: SocketAddress] = [:]
    var threads: [Thread] = []
    var inboxes: [StreamInbox] = []
    var acceptor: Thread?
    var started = false
  }

  private let queue: SlabQueue
  private let losses: LossLedger
  private let streamThreads: Int
  private let notice: @Sendable (IntakeNotice) -> Void
  private let state = Mutex(State())
  private let stopRequested = Atomic(false)
  /// The receiving threads stop after the accepting one, whose last connections they get.
  private let stopReceiving = Atomic(false)
  private let stopFlag: EventFlag

  /// - Parameters:
  ///   - queue: where slabs come from and go to.
  ///   - losses: where losses are noted, exactly.
  ///   - streamThreads: how many threads read TCP and TLS connections. One is enough for 5 million short
  ///     messages a second, or 2 million in TLS.
  ///   - notice: gets what is worth a line in the daemon's log, on the thread concerned; should not block.
  public init(
    queue: SlabQueue, losses: LossLedger, streamThreads: Int = 1,
    notice: @escaping @Sendable (IntakeNotice) -> Void = { _ in }
  ) throws(SystemError) {
    precondition(streamThreads > 0)
    self.queue = queue
    self.losses = losses
    self.streamThreads = streamThreads
    self.notice = notice
    stopFlag = try EventFlag()
  }

  // MARK: Binding

  /// Opens a source's sockets. Senders can connect from now on; nothing is read before `start`. Returns what
  /// counts its messages. Traps when already started.
  public func bind(_ source: Source) throws(ListenError) -> SourceCounters {
    precondition(Syslog.Limits.messageBytesAllowed.contains(source.messageLimit))
    // An empty slab must hold the longest carried frame and a read behind it, and the longest datagram.
    precondition(
      max(source.messageLimit + Limits.smallestRead, 65_536) + 2 * Envelope.mostBytes <= queue.byteCapacity)
    let counters = SourceCounters()
    do throws(SystemError) {
      switch source.endpoint {
      case .udp(let address, let sockets): try bindUDP(source, address, sockets, counters)
      case .unixDatagram(let path, let mode): try bindUnix(source, path, mode, counters)
      case .tcp(let address): try bindStream(source, address, nil, counters)
      case .tls(let address, let context): try bindStream(source, address, context, counters)
      }
    } catch {
      throw ListenError(source: source.name, url: source.url, cause: error)
    }
    return counters
  }

  private func bindUDP(
    _ source: Source, _ address: SocketAddress, _ sockets: Int, _ counters: SourceCounters
  ) throws(SystemError) {
    precondition(sockets > 0)
    var address = address
    for index in 0..<sockets {
      let socket = try Socket(.datagram, boundTo: address, reusePort: sockets > 1)
      // The kernel chose a port for 0: the others share it.
      if index == 0, let bound = socket.localAddress() { address = bound }
      let buffer = socket.setReceiveBuffer(source.receiveBuffer)
      // The kernel reports twice what was asked for.
      if index == 0 && buffer < source.receiveBuffer {
        let text =
          "receive buffer of \(buffer) bytes instead of \(source.receiveBuffer): "
          + "raise net.core.rmem_max, or give the daemon CAP_NET_ADMIN, or bursts will be lost"
        notice(IntakeNotice(source: source.name, peer: nil, text: text))
      }
      try socket.enableReceiveTimesAndDropCounts()
      add(DatagramSocket(socket, source: source.id, transport: .udp, counters: counters, file: nil))
    }
    note(source, address)
  }

  private func bindUnix(
    _ source: Source, _ path: String, _ mode: UInt32, _ counters: SourceCounters
  ) throws(SystemError) {
    var file: SocketFile?
    let socket = try SocketFile.bind(path, mode: mode, file: &file)
    socket.setReceiveBuffer(source.receiveBuffer)
    try socket.enableReceiveTimesAndDropCounts()
    try socket.enableCredentials()
    add(DatagramSocket(socket, source: source.id, transport: .unixDatagram, counters: counters, file: file))
    note(source, .unix(path: path))
  }

  private func bindStream(
    _ source: Source, _ address: SocketAddress, _ tls: TLSServerContext?, _ counters: SourceCounters
  ) throws(SystemError) {
    let socket = try Socket(.stream, boundTo: address)
    try socket.listen()
    note(source, socket.localAddress() ?? address)
    let listener = Handover(
      StreamListener(socket: socket, source: StreamSource(source, tls: tls, counters: counters)))
    state.withLock { state in
      precondition(!state.started)
      state.streams.append(listener)
    }
  }

  private func add(_ socket: consuming DatagramSocket) {
    let socket = Handover(socket)
    state.withLock { state in
      precondition(!state.started)
      state.datagrams.append(socket)
    }
  }

  private func note(_ source: Source, _ address: SocketAddress) {
    state.withLock { $0.addresses[source.name] = address }
  }

  /// Where a source is bound: tells the port that the kernel chose for port 0.
  public func address(of name: String) -> SocketAddress? { state.withLock { $0.addresses[name] } }

  // MARK: Running

  /// Starts the threads. Once.
  public func start() throws(SystemError) {
    try state.withLock { (state) throws(SystemError) in
      precondition(!state.started)
      state.started = true
      if !state.datagrams.isEmpty { try startDatagrams(&state) }
      if !state.streams.isEmpty { try startStreams(&state) }
    }
  }

  private func startDatagrams(_ state: inout State) throws(SystemError) {
    let bindings = state.datagrams
    state.datagrams = []
    let sockets = HeapArray(count: bindings.count) { bindings[$0].take() }
    let receiver = Handover(
      try DatagramReceiver(queue: queue, losses: losses, sockets: sockets, stop: stopFlag))
    state.threads.append(
      try Thread(name: "intake-dgram") { [self] in
        var receiver = receiver.take()
        receiver.run(stopRequested)
      })
  }

  private func startStreams(_ state: inout State) throws(SystemError) {
    for number in 0..<streamThreads {
      let inbox = try StreamInbox()
      let receiver = Handover(try StreamReceiver(inbox: inbox, queue: queue))
      state.inboxes.append(inbox)
      state.threads.append(
        try Thread(name: "intake-stream-\(number)") { [self] in
          var receiver = receiver.take()
          receiver.run(stopReceiving)
        })
    }
    let bindings = state.streams
    state.streams = []
    let listeners = HeapArray(count: bindings.count) { bindings[$0].take() }
    let acceptor = Handover(
      try StreamAcceptor(listeners: listeners, inboxes: state.inboxes, stop: stopFlag, notice: notice))
    state.acceptor = try Thread(name: "intake-accept") { [self] in
      var acceptor = acceptor.take()
      acceptor.run(stopRequested)
    }
  }

  /// Tells all threads to stop: nothing new is let in, what the kernel holds already is read (for at most
  /// `Limits.drain`), drop counters are read for the last time, and the last slabs are submitted. Needs the
  /// queue to be emptied meanwhile.
  public func stop() {
    stopRequested.store(true, ordering: .releasing)
    stopFlag.raise()
  }

  /// Waits until all threads have ended. Afterwards the queue may be closed.
  public func join() {
    let (acceptor, threads, inboxes) = state.withLock { ($0.acceptor, $0.threads, $0.inboxes) }
    acceptor?.join()
    if stopRequested.load(ordering: .acquiring) {
      stopReceiving.store(true, ordering: .releasing)
      for inbox in inboxes { inbox.wake() }
    }
    for thread in threads { thread.join() }
  }
}

/// Holds a value that cannot be copied for the one who takes it.
private final class Handover<Value: ~Copyable & Sendable>: Sendable {
  private let list: Mutex<Optional<Value>>

  init(_ value: consuming Value) { list = Mutex(Optional(value)) }

  /// The value. Traps the second time.
  func take() -> Value {
    list.withLock { held in
      guard let value = held.take() else { preconditionFailure() }
      return value
    }
  }
}

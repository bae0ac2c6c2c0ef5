import Bytes
import Platform
import Synchronization
import Syslog
import TLS

/// All sources, and the threads that read them:
///
///     intake-dgram      every UDP and unix datagram socket
///     intake-accept     accepts TCP, TLS and unix stream connections, shakes hands
///     intake-stream-N   read established connections
///     intake-files      follows files
///
/// Life: `bind` each source, `start`, `stop`, `join`; `stop` and `join` in any number and from any thread. In
/// between sources come and go: see `Listeners+Changes.swift`.
public final class Listeners: Sendable {
  struct State {
    /// Bound, and not yet given to a thread.
    var datagrams: [(source: UInt32, socket: Handover<DatagramSocket>)] = []
    var streams: [StreamListener] = []
    var files: [FileTarget] = []
    var history = FileHistory()
    var addresses: [(source: Source, address: SocketAddress)] = []
    var counters: [UInt32: SourceCounters] = [:]
    /// What the connections of sources share, by their numbers.
    var shared: [UInt32: StreamSource] = [:]
    var threads: [Thread] = []
    var inboxes: [StreamInbox] = []
    var acceptor: Thread?
    var started = false
    /// Of the threads that run.
    var datagramMail: Mailbox<DatagramOrder>?
    var acceptorMail: Mailbox<AcceptorOrder>?
    var fileMail: Mailbox<FileOrder>?
  }

  private let queue: SlabQueue
  private let losses: LossLedger
  private let streamThreads: Int
  private let notice: @Sendable (IntakeNotice) -> Void
  private let inherited: InheritedSockets
  let makeCounters: @Sendable (Source) -> SourceCounters
  let state = Mutex(State())
  private let stopRequested = Atomic(false)
  /// The receiving threads stop after the accepting one, whose last connections they get.
  private let stopReceiving = Atomic(false)
  private let stopFlag: EventFlag

  /// - Parameters:
  ///   - queue: where slabs come from and go to.
  ///   - losses: where losses are noted, exactly.
  ///   - streamThreads: how many threads read connections. One is enough for 5 million short
  ///     messages a second, or 2 million in TLS.
  ///   - inherited: sockets that are open already; what is not among them is opened.
  ///   - notice: gets what is worth a line in the daemon's log, on the thread concerned; should not block.
  ///   - counters: makes what counts a source's messages.
  public init(
    queue: SlabQueue, losses: LossLedger, streamThreads: Int = 1, inherited: InheritedSockets = .ofProcess,
    notice: @escaping @Sendable (IntakeNotice) -> Void = { _ in },
    counters: @escaping @Sendable (Source) -> SourceCounters = { _ in SourceCounters() }
  ) throws(SystemError) {
    precondition(streamThreads > 0)
    makeCounters = counters
    self.queue = queue
    self.losses = losses
    self.streamThreads = streamThreads
    self.inherited = inherited
    self.notice = notice
    stopFlag = try EventFlag()
  }

  // MARK: Binding

  /// Opens a source's sockets. Senders can connect from now on; nothing is read before `start`, or, where that
  /// has been, `admit`. Returns what counts its messages.
  public func bind(_ source: Source) throws(ListenError) -> SourceCounters {
    precondition(Syslog.Limits.messageBytesAllowed.contains(source.messageLimit))
    // An empty slab must hold the longest carried frame and a read behind it, and the longest datagram.
    precondition(
      max(source.messageLimit + Limits.smallestRead, 65_536) + 2 * Envelope.mostBytes <= queue.byteCapacity)
    let counters = makeCounters(source)
    state.withLock { $0.counters[source.id] = counters }
    do throws(SystemError) {
      switch source.endpoint {
      case .udp(let address, let sockets): try bindUDP(source, address, sockets, counters)
      case .unixDatagram(let path, let mode): try bindUnix(source, path, mode, counters)
      case .tcp(let address): try bindStream(source, address, nil, counters)
      case .tls(let address, let context): try bindStream(source, address, context, counters)
      case .unixStream(let path, _): try bindStream(source, .unix(path: path), nil, counters)
      case .files(let pattern, let startsAtEnd):
        add(FileTarget(source, pattern, startsAtEnd: startsAtEnd, counters: counters))
      }
    } catch {
      discard(source.id)
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
      let socket = try inherited.socket(.datagram, at: address, named: source.name, number: index) {
        [address] () throws(SystemError) in
        try Socket(.datagram, boundTo: address, reusePort: sockets > 1)
      }
      // The kernel chose a port for 0: the others share it.
      if index == 0, let bound = socket.localAddress() { address = bound }
      let buffer = socket.setReceiveBuffer(source.receiveBuffer)
      // The kernel reports twice what was asked for.
      if index == 0 && buffer < source.receiveBuffer {
        let text =
          "receive buffer of \(buffer) bytes instead of \(source.receiveBuffer), and bursts will be lost: "
          + (socket.isInherited
            ? "set ReceiveBuffer=\(source.receiveBuffer) in its socket unit"
            : "sysctl -w net.core.rmem_max=\(source.receiveBuffer), and the same in /etc/sysctl.d/60-stele.conf, "
              + "which outlasts a reboot")
          + "; or give the daemon CAP_NET_ADMIN"
        notice(IntakeNotice(source: source.name, peer: nil, text: text))
      }
      try socket.enableReceiveTimesAndDropCounts()
      add(
        DatagramSocket(socket, source, transport: .udp, counters: counters, file: nil, rate: source.rate))
    }
    note(source, address)
  }

  private func bindUnix(
    _ source: Source, _ path: String, _ mode: UInt32, _ counters: SourceCounters
  ) throws(SystemError) {
    var file: SocketFile?
    let socket = try inherited.socket(.datagram, at: .unix(path: path), named: source.name) {
      () throws(SystemError) in try SocketFile.bind(.datagram, path, mode: mode, file: &file)
    }
    socket.setReceiveBuffer(source.receiveBuffer)
    try socket.enableReceiveTimesAndDropCounts()
    try socket.enableCredentials()
    add(DatagramSocket(socket, source, transport: .unixDatagram, counters: counters, file: file))
    note(source, .unix(path: path))
  }

  private func bindStream(
    _ source: Source, _ address: SocketAddress, _ tls: TLSServerContext?, _ counters: SourceCounters
  ) throws(SystemError) {
    var file: SocketFile?
    let socket = try inherited.socket(.stream, at: address, named: source.name) {
      () throws(SystemError) in
      guard case .unixStream(let path, let mode) = source.endpoint else {
        return try Socket(.stream, boundTo: address)
      }
      return try SocketFile.bind(.stream, path, mode: mode, file: &file)
    }
    try socket.listen()
    note(source, socket.localAddress() ?? address)
    let listener = StreamListener(
      socket: StreamListener.Listening(socket, file: file),
      source: StreamSource(source, tls: tls, counters: counters))
    state.withLock { state in
      state.streams.append(listener)
      state.shared[source.id] = listener.source
    }
  }

  private func add(_ socket: consuming DatagramSocket) {
    let source = socket.source
    let socket = Handover(socket)
    state.withLock { $0.datagrams.append((source, socket)) }
  }

  private func add(_ files: FileTarget) {
    state.withLock { $0.files.append(files) }
  }

  /// Says what the log knows of followed files. Before `start`.
  public func resume(_ history: FileHistory) { state.withLock { $0.history = history } }

  private func note(_ source: Source, _ address: SocketAddress) {
    state.withLock { $0.addresses.append((source, address)) }
  }

  /// Where a source is bound: tells the port that the kernel chose for port 0. Of two with one name, one of
  /// which takes the other's place, the newer.
  public func address(of name: String) -> SocketAddress? {
    state.withLock { state in state.addresses.last { $0.source.name == name }?.address }
  }

  /// Where the source with this number is bound.
  public func address(of source: UInt32) -> SocketAddress? {
    state.withLock { state in state.addresses.first { $0.source.id == source }?.address }
  }

  // MARK: Running

  /// Starts the threads. Once.
  public func start() throws(SystemError) {
    try state.withLock { (state) throws(SystemError) in
      precondition(!state.started)
      state.started = true
      if !state.datagrams.isEmpty { try startDatagrams(&state) }
      if !state.streams.isEmpty { try startStreams(&state) }
      if !state.files.isEmpty { try startFiles(&state) }
    }
  }

  func startDatagrams(_ state: inout State) throws(SystemError) {
    let bindings = state.datagrams
    let mailbox = try Mailbox<DatagramOrder>()
    state.datagrams = []
    let sockets = HeapArray(count: bindings.count) { bindings[$0].socket.take() }
    let receiver = Handover(
      try DatagramReceiver(
        queue: queue, losses: losses, sockets: sockets, mailbox: mailbox, stop: stopFlag, notice: notice))
    state.threads.append(
      try Thread(name: "intake-dgram") { [self] in
        var receiver = receiver.take()
        receiver.run(stopRequested)
        mailbox.close()
      })
    state.datagramMail = mailbox
  }

  func startStreams(_ state: inout State) throws(SystemError) {
    let mailbox = try Mailbox<AcceptorOrder>()
    for number in state.inboxes.count..<streamThreads {
      let inbox = try StreamInbox()
      let receiver = Handover(try StreamReceiver(inbox: inbox, queue: queue, losses: losses, notice: notice))
      state.threads.append(
        try Thread(name: "intake-stream-\(number)") { [self] in
          var receiver = receiver.take()
          receiver.run(stopReceiving)
          inbox.mailbox.close()
        })
      state.inboxes.append(inbox)
    }
    let acceptor = Handover(
      try StreamAcceptor(
        listeners: state.streams, inboxes: state.inboxes, losses: losses, mailbox: mailbox, stop: stopFlag,
        notice: notice))
    state.acceptor = try Thread(name: "intake-accept") { [self] in
      var acceptor = acceptor.take()
      acceptor.run(stopRequested)
      mailbox.close()
    }
    state.streams = []
    state.acceptorMail = mailbox
  }

  func startFiles(_ state: inout State) throws(SystemError) {
    let mailbox = try Mailbox<FileOrder>()
    let follower = Handover(
      try FileFollower(
        queue: queue, losses: losses, targets: state.files, history: state.history, mailbox: mailbox,
        stop: stopFlag, notice: notice))
    state.files = []
    state.threads.append(
      try Thread(name: "intake-files") { [self] in
        var follower = follower.take()
        follower.run(stopRequested)
        mailbox.close()
      })
    state.fileMail = mailbox
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
final class Handover<Value: ~Copyable & Sendable>: Sendable {
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

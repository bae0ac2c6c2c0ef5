import Platform
import Synchronization

/// What one source has received and lost since the start. Written by the receiving threads, a batch at a
/// time; read by anyone.
public final class SourceCounters: Sendable {
  let messages = Atomic<UInt64>(0)
  let bytes = Atomic<UInt64>(0)
  let kernelDrops = Atomic<UInt64>(0)
  let cutFrames = Atomic<UInt64>(0)
  let overlong = Atomic<UInt64>(0)
  let badProxyHeaders = Atomic<UInt64>(0)
  let refused = Atomic<UInt64>(0)
  let connectionsAccepted = Atomic<UInt64>(0)
  let connectionsRefused = Atomic<UInt64>(0)
  let connectionsOpen = Atomic<Int>(0)
  let tlsFailures = Atomic<UInt64>(0)
  let connectionsIdle = Atomic<UInt64>(0)
  let rateLimited = Atomic<UInt64>(0)
  let foreign = Atomic<UInt64>(0)
  let receiveQueue = ReceiveQueueGauge()
  let unread = Atomic<Int>(0)

  private let survivor: SurvivingCounter?

  public init(survivor: SurvivingCounter? = nil) { self.survivor = survivor }

  /// Counts messages, of which `expected` says how many outlive the process already.
  func count(messages count: Int, expected: Int = 0) {
    messages.add(count)
    if count != expected { survivor?.messages(count - expected) }
  }

  /// Messages are in this process that may yet turn out to be none of the source's. From here on they are not
  /// forgotten with it.
  func expect(messages count: Int) { survivor?.messages(count) }

  func count(kernelDrops count: Int) {
    kernelDrops.add(count)
    survivor?.kernelDrops(count)
  }

  /// The counters at one moment.
  public struct Reading: Equatable, Sendable {
    /// Messages handed on, pieces of over-long ones counted one by one.
    public var messages: UInt64 = 0
    /// Their bytes, without framing.
    public var bytes: UInt64 = 0
    /// Datagrams that the kernel dropped: each is in a `LossEvent` too.
    public var kernelDrops: UInt64 = 0
    /// Frames in which a stream ended.
    public var cutFrames: UInt64 = 0
    /// Messages stored in pieces (one for each piece), and datagrams that were cut.
    public var overlong: UInt64 = 0
    /// Datagrams, or connections, of senders that the source does not allow: each is in a `LossEvent` too.
    public var refused: UInt64 = 0
    public var connectionsAccepted: UInt64 = 0
    /// Connections closed because they did not begin with a PROXY protocol header.
    public var badProxyHeaders: UInt64 = 0
    /// Connections closed at once: the source, or the peer, had too many, or its certificate is not among the
    /// source's clients.
    public var connectionsRefused: UInt64 = 0
    public var connectionsOpen: Int = 0
    /// Handshakes that failed or took too long, and connections that broke TLS later.
    public var tlsFailures: UInt64 = 0
    /// Connections ended because nothing came on them for too long.
    public var connectionsIdle: UInt64 = 0
    /// Datagrams dropped because their peer sent more than its rate: each is in a `LossEvent` too.
    public var rateLimited: UInt64 = 0
    /// Messages that name a host for which their client's certificate may not speak. All are stored.
    public var foreign: UInt64 = 0
    /// Bytes of kernel memory that the receive queue of a UDP socket had in use when it was last looked at, the
    /// most ever seen, and how many may be. Of several sockets, each of the one where it is the most.
    public var receiveQueueBytes = 0
    public var receiveQueueHighest = 0
    public var receiveQueueLimit = 0
    /// Bytes of followed files that are there and not read yet.
    public var unread = 0

    public init() {}
  }

  public var reading: Reading {
    var reading = Reading()
    reading.messages = messages.load(ordering: .relaxed)
    reading.bytes = bytes.load(ordering: .relaxed)
    reading.kernelDrops = kernelDrops.load(ordering: .relaxed)
    reading.cutFrames = cutFrames.load(ordering: .relaxed)
    reading.overlong = overlong.load(ordering: .relaxed)
    reading.refused = refused.load(ordering: .relaxed)
    reading.badProxyHeaders = badProxyHeaders.load(ordering: .relaxed)
    reading.connectionsAccepted = connectionsAccepted.load(ordering: .relaxed)
    reading.connectionsRefused = connectionsRefused.load(ordering: .relaxed)
    reading.connectionsOpen = connectionsOpen.load(ordering: .relaxed)
    reading.tlsFailures = tlsFailures.load(ordering: .relaxed)
    reading.connectionsIdle = connectionsIdle.load(ordering: .relaxed)
    reading.rateLimited = rateLimited.load(ordering: .relaxed)
    reading.foreign = foreign.load(ordering: .relaxed)
    reading.receiveQueueBytes = receiveQueue.bytes.load(ordering: .relaxed)
    reading.receiveQueueHighest = receiveQueue.highest.load(ordering: .relaxed)
    reading.receiveQueueLimit = receiveQueue.limit.load(ordering: .relaxed)
    reading.unread = unread.load(ordering: .relaxed)
    return reading
  }
}

/// Counts of one source that outlive the process. Both are called by the receiving threads, with what is to be added.
public struct SurvivingCounter: Sendable {
  /// Messages received; what was counted too many is taken back.
  public let messages: @Sendable (Int) -> Void
  /// Datagrams that the kernel dropped.
  public let kernelDrops: @Sendable (Int) -> Void

  public init(messages: @escaping @Sendable (Int) -> Void, kernelDrops: @escaping @Sendable (Int) -> Void) {
    self.messages = messages
    self.kernelDrops = kernelDrops
  }
}

/// How full the kernel's receive queues of one source are. Written by one thread, now and then.
final class ReceiveQueueGauge: Sendable {
  let bytes = Atomic<Int>(0)
  let highest = Atomic<Int>(0)
  let limit = Atomic<Int>(0)

  /// Begins another look at all sockets.
  func begin() { bytes.store(0, ordering: .relaxed) }

  /// Notes one socket. One that has dropped something was full, whatever it holds now.
  func note(_ queue: Socket.ReceiveQueue, hasDropped: Bool) {
    let most = max(bytes.load(ordering: .relaxed), Int(queue.bytes))
    bytes.store(most, ordering: .relaxed)
    let peak = hasDropped ? max(most, Int(queue.limit)) : most
    highest.store(max(highest.load(ordering: .relaxed), peak), ordering: .relaxed)
    limit.store(max(limit.load(ordering: .relaxed), Int(queue.limit)), ordering: .relaxed)
  }
}

extension Atomic where Value == UInt64 {
  func add(_ count: Int) {
    if count > 0 { wrappingAdd(UInt64(count), ordering: .relaxed) }
  }
}

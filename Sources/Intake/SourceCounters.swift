import Synchronization

/// What one source has received and lost since the start. Written by the receiving threads, a batch at a
/// time; read by anyone.
public final class SourceCounters: Sendable {
  let messages = Atomic<UInt64>(0)
  let bytes = Atomic<UInt64>(0)
  let kernelDrops = Atomic<UInt64>(0)
  let cutFrames = Atomic<UInt64>(0)
  let overlong = Atomic<UInt64>(0)
  let connectionsAccepted = Atomic<UInt64>(0)
  let connectionsRefused = Atomic<UInt64>(0)
  let connectionsOpen = Atomic<Int>(0)
  let tlsFailures = Atomic<UInt64>(0)

  public init() {}

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
    public var connectionsAccepted: UInt64 = 0
    /// Connections closed at once because the source had too many.
    public var connectionsRefused: UInt64 = 0
    public var connectionsOpen: Int = 0
    /// Handshakes that failed or took too long, and connections that broke TLS later.
    public var tlsFailures: UInt64 = 0

    public init() {}
  }

  public var reading: Reading {
    var reading = Reading()
    reading.messages = messages.load(ordering: .relaxed)
    reading.bytes = bytes.load(ordering: .relaxed)
    reading.kernelDrops = kernelDrops.load(ordering: .relaxed)
    reading.cutFrames = cutFrames.load(ordering: .relaxed)
    reading.overlong = overlong.load(ordering: .relaxed)
    reading.connectionsAccepted = connectionsAccepted.load(ordering: .relaxed)
    reading.connectionsRefused = connectionsRefused.load(ordering: .relaxed)
    reading.connectionsOpen = connectionsOpen.load(ordering: .relaxed)
    reading.tlsFailures = tlsFailures.load(ordering: .relaxed)
    return reading
  }
}

extension Atomic where Value == UInt64 {
  func add(_ count: Int) {
    if count > 0 { wrappingAdd(UInt64(count), ordering: .relaxed) }
  }
}

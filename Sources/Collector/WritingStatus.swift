import Bytes
import Intake
import Platform
import Synchronization

/// How the way from the queue to the disk is doing.
public struct WritingStatus: Sendable {
  /// Nothing is stored any more.
  public var hasFailed: Bool
  /// Entries under the newest checkpoint.
  public var checkpointSize: UInt64
  /// How long ago that was written, nanoseconds; of one that was there at the start, since then.
  public var checkpointAge: Int64
  /// Entries received and not durable yet.
  public var waiting: UInt64
  /// How long the oldest of them has waited, nanoseconds.
  public var lag: Int64
  /// Buffers for messages on their way.
  public var slabs: Int
  public var queue: SlabQueue.Usage
  /// Bytes of the segment that is being written.
  public var openBytes: Int
  /// How long each `fdatasync` took, nanoseconds.
  public var syncs: Histogram.Reading
  /// Stored bytes of each block.
  public var blocks: Histogram.Reading
}

/// What a daemon tells of itself to those who ask; whoever runs it says how.
public final class DaemonReport: Sendable {
  private let make: Mutex<@Sendable () -> JSONValue>

  /// `first` is the answer until another is set.
  init(_ first: JSONValue = .null) { make = Mutex({ first }) }

  /// From now on, `make` is called for each who asks, on any thread.
  public func set(_ make: @escaping @Sendable () -> JSONValue) { self.make.withLock { $0 = make } }

  var value: JSONValue {
    let make = make.withLock { $0 }
    return make()
  }
}

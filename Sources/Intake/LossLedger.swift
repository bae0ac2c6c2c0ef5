import Synchronization

/// Messages of a source that are known to be lost.
public struct LossEvent: Equatable, Sendable {
  public enum Layer: String, Sendable {
    /// The kernel had no room in the socket's receive buffer (or the datagram was damaged).
    case kernelUDP = "kernel_udp"
  }

  /// The source's number.
  public var source: UInt32
  public var layer: Layer
  /// How many. Exact.
  public var count: UInt64
  /// They were lost after this (the receive time of the last message before), nanoseconds since 1970 UTC,
  public var from: Int64
  /// and before this (the receive time of the next, or the time when the counter was read).
  public var to: Int64

  public init(source: UInt32, layer: Layer, count: UInt64, from: Int64, to: Int64) {
    self.source = source
    self.layer = layer
    self.count = count
    self.from = from
    self.to = to
  }
}

/// Losses on their way from the threads that notice them to the log. Bounded: what is not fetched in time is
/// added up, never dropped, so the sum of all counts is always exact.
public final class LossLedger: Sendable {
  private let events = Mutex<[LossEvent]>([])

  public init() {}

  /// Notes a loss.
  public func note(_ event: LossEvent) {
    if event.count == 0 { return }
    events.withLock { events in
      let same = events.indices.filter {
        events[$0].source == event.source && events[$0].layer == event.layer
      }
      if let last = same.last, same.count >= Limits.lossEvents {
        events[last].count += event.count
        events[last].from = min(events[last].from, event.from)
        events[last].to = max(events[last].to, event.to)
      } else {
        events.append(event)
      }
    }
  }

  /// Takes what was noted since the last call, in the order noted.
  public func take() -> [LossEvent] {
    events.withLock { events in
      defer { events = [] }
      return events
    }
  }
}

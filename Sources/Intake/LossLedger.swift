import Events
import Platform
import Synchronization

/// Messages of a source that are known to be lost, or not to be whole.
public struct LossEvent: Equatable, Sendable {
  public typealias Layer = LossLayer

  /// The source's number.
  public var source: UInt32
  public var layer: Layer
  /// How many. Exact.
  public var count: UInt64
  /// What is counted.
  public var unit: LossUnit
  /// They were lost after this (the receive time of the last message before), nanoseconds since 1970 UTC,
  public var from: Int64
  /// and before this (the receive time of the next, or the time when the counter was read).
  public var to: Int64
  /// Whose they were; nil when that is not known, or they were of several peers.
  public var peer: SocketAddress?
  /// What else is known of whose they were; nil when nothing is, or they were of several.
  public var subject: String?
  /// Of the count, how many only look as if.
  public var suspected: UInt64 = 0

  /// - Parameter unit: what is counted; nil for what the layer counts mostly.
  public init(
    source: UInt32, layer: Layer, count: UInt64, from: Int64, to: Int64, peer: SocketAddress? = nil,
    unit: LossUnit? = nil
  ) {
    self.source = source
    self.layer = layer
    self.count = count
    self.unit = unit ?? layer.unit
    self.from = from
    self.to = to
    self.peer = peer
  }

  /// Whether the counts of both may be added up.
  func isLike(_ other: LossEvent) -> Bool {
    source == other.source && layer == other.layer && unit == other.unit
  }

  /// Adds a loss of the same source, layer and unit.
  mutating func add(_ other: LossEvent) {
    count = count.addingCapped(other.count)
    from = min(from, other.from)
    to = max(to, other.to)
    suspected = suspected.addingCapped(other.suspected)
    if peer != other.peer { peer = nil }
    if subject != other.subject { subject = nil }
  }
}

/// Losses on their way from the threads that notice them to the log. Bounded: what is not fetched in time is
/// added up, never dropped, so the sum of all counts is always exact.
public final class LossLedger: Sendable {
  private struct State {
    var events: [LossEvent] = []
    /// By source, since the start.
    var totals: [UInt32: LossTotals] = [:]
  }

  private let state = Mutex(State())

  public init() {}

  /// Notes a loss.
  public func note(_ event: LossEvent) {
    if event.count == 0 { return }
    state.withLock { state in
      let same = state.events.indices.filter { state.events[$0].isLike(event) }
      if let last = same.last, same.count >= Limits.lossEvents {
        state.events[last].add(event)
      } else {
        state.events.append(event)
      }
      state.totals[event.source, default: LossTotals()].add(event)
    }
  }

  /// Takes what was noted since the last call, in the order noted.
  public func take() -> [LossEvent] {
    state.withLock { state in
      defer { state.events = [] }
      return state.events
    }
  }

  /// What a source has lost since the start, by layer, each in the layer's unit.
  public func totals(of source: UInt32) -> LossTotals {
    state.withLock { $0.totals[source] ?? LossTotals() }
  }
}

/// What a source has lost, by layer.
public struct LossTotals: Equatable, Sendable {
  /// Each in the layer's unit; of layers with several only messages.
  public var counts: [LossLayer: UInt64] = [:]
  /// Connections that were not let in.
  public var connections: [LossLayer: UInt64] = [:]

  public init(counts: [LossLayer: UInt64] = [:]) { self.counts = counts }

  mutating func add(_ event: LossEvent) {
    if event.layer.unit == event.unit || event.unit == .messages {
      counts[event.layer] = (counts[event.layer] ?? 0).addingCapped(event.count)
    }
    if event.unit == .connections {
      connections[event.layer] = (connections[event.layer] ?? 0).addingCapped(event.count)
    }
  }

  /// All of them, in the order of the layers.
  public var sorted: [(layer: LossLayer, count: UInt64)] {
    LossLayer.allCases.compactMap { layer in counts[layer].map { (layer, $0) } }
  }

  /// Messages that are not in the log: what each layer counted, or what the sender's numbering misses, where that
  /// is more, for it counts the same messages again.
  public var messages: UInt64 {
    var lost: UInt64 = 0, missing: UInt64 = 0
    for (layer, count) in counts where layer.unit == .messages {
      switch layer.effect {
      case .lost: lost = lost.addingCapped(count)
      case .missing: missing = missing.addingCapped(count)
      case .damaged: break
      }
    }
    return max(lost, missing)
  }
}

extension UInt64 {
  /// The sum, or the highest number: a forged count must not end the program.
  public func addingCapped(_ other: UInt64) -> UInt64 {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? .max : sum
  }
}

import Synchronization

/// Counts of values by their size, in fixed steps. Any thread may add to it and read it: adding costs two
/// relaxed additions.
public final class Histogram: Sendable {
  /// What was counted up to one moment.
  public struct Reading: Equatable, Sendable {
    /// Largest value of each step, rising.
    public var bounds: [Int64]
    /// Values in each step, and last those beyond all.
    public var counts: [UInt64]
    public var sum: Int64

    public var count: UInt64 { counts.reduce(0, +) }

    public init(bounds: [Int64], counts: [UInt64], sum: Int64) {
      self.bounds = bounds
      self.counts = counts
      self.sum = sum
    }

    /// The bound below which a share (0 to 1) of all values lie; nil when there are none, or when the value
    /// lies beyond all bounds.
    public func quantile(_ share: Double) -> Int64? {
      let rank = UInt64((share * Double(count)).rounded(.up))
      var seen: UInt64 = 0
      for (bound, count) in zip(bounds, counts) {
        seen += count
        if seen > 0, seen >= rank { return bound }
      }
      return nil
    }
  }

  private final class Cell: Sendable {
    let value = Atomic<UInt64>(0)
  }

  private let bounds: [Int64]
  private let cells: [Cell]
  private let sum = Atomic<Int64>(0)

  /// - Parameter bounds: the largest value of each step, rising; larger values have a step of their own.
  public init(bounds: [Int64]) {
    self.bounds = bounds
    cells = (0...bounds.count).map { _ in Cell() }
  }

  /// Counts one value.
  public func record(_ value: Int64) {
    let place = bounds.firstIndex { value <= $0 } ?? bounds.count
    cells[place].value.wrappingAdd(1, ordering: .relaxed)
    sum.wrappingAdd(value, ordering: .relaxed)
  }

  public var reading: Reading {
    Reading(
      bounds: bounds, counts: cells.map { $0.value.load(ordering: .relaxed) },
      sum: sum.load(ordering: .relaxed))
  }
}

/// A load balancer's own counter held against what the log has of it.
///
/// Requests are counted when they begin and logged when they end, and log lines are on their way for a moment:
/// while there is traffic, the two numbers never belong to the same instant. So each look at them gives a range
/// for `stored + lost - counted`, which never changes as long as nothing goes astray. When the ranges of two
/// looks have nothing in common, at least the space between them is missing from the log (or is there too
/// much). In a quiet moment the range is one number, and one missing request is seen.
struct CounterBalance: Equatable {
  /// Everything counted since the start, at one look.
  struct Look: Equatable {
    /// By the load balancer, before and after what was stored has been looked at.
    var counted: Int64
    var countedAfter: Int64
    /// Requests that the load balancer has counted and may not have logged yet.
    var active: Int64 = 0
    /// Entries in the log.
    var stored: Int64
    /// Losses that are accounted for, and certainly of requests.
    var missing: Int64 = 0
    /// All losses that are accounted for, or may be soon.
    var lost: Int64 = 0
  }

  /// Where `stored + lost - counted` is; nil before the first look.
  private(set) var range: ClosedRange<Int64>?
  /// Requests without an entry and without a loss that would account for it: at least. Negative when there are
  /// more entries than requests.
  private(set) var difference: Int64 = 0
  /// The load balancer has restarted: what it counted and did not tell is not known.
  private(set) var isLoose = false

  mutating func take(_ look: Look) {
    let lower = look.stored + look.missing - look.countedAfter
    let upper = max(lower, look.stored + max(look.lost, look.missing) - look.counted + look.active)
    guard let range else {
      self.range = lower...upper
      return
    }
    if upper < range.lowerBound {
      difference += range.lowerBound - upper
      self.range = upper...upper
    } else if lower > range.upperBound {
      if !isLoose { difference -= lower - range.upperBound }
      self.range = lower...(isLoose ? upper : lower)
    } else {
      self.range = max(lower, range.lowerBound)...min(upper, range.upperBound)
    }
  }

  /// The counter began anew.
  mutating func restart() { isLoose = true }

  /// Gives the difference of a span, and begins the next.
  mutating func close() -> Int64 {
    defer {
      difference = 0
      isLoose = false
    }
    return difference
  }
}

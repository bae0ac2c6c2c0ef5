/// The time by which old entries are removed.
///
/// A clock that is set forward by mistake would make everything look old, and what is removed does not come back.
/// So a time that is later than it should be counts only once it has stood for a day; until then the time that was
/// known before goes on. Two weeks count at once while something keeps the clock to the right time: then a host was
/// switched off, or has no clock of its own. A clock that is set back is believed at once: then entries are kept for
/// longer.
///
/// How much time has passed in truth is told by the time since the host was started, which nobody can set.
struct SteadyClock {
  /// Larger steps forward are doubted, nanoseconds.
  static let tolerance: Int64 = 7_200_000_000_000
  /// Those of a synchronized clock, nanoseconds.
  static let credit: Int64 = 14 * patience
  /// For how long, nanoseconds.
  static let patience: Int64 = 86_400_000_000_000

  /// From the time since the host's start to the time that is believed.
  private(set) var offset: Int64
  /// The same to the time that steps forward count from, so that many small ones are not believed either. It follows a
  /// clock that was set back after a day: until then that may be a mistake, and mended at once.
  private var base: Int64
  /// An offset below that, and since when (time since the host's start) it has been seen.
  private var lower: (offset: Int64, since: Int64)?
  /// Another offset, and since when (time since the host's start) it has been seen.
  private var doubted: (offset: Int64, since: Int64)?

  /// - Parameters:
  ///   - known: a time that has been already, such as the newest entry's; nil when there is none.
  ///   - kept: an `offset` of before. Since another start of the host it tells less, and nothing wrong.
  init(known: Int64?, kept: Int64? = nil, realtime: Int64, sinceBoot: Int64) {
    base = [known.map { $0 - sinceBoot }, kept].compactMap { $0 }.max() ?? realtime - sinceBoot
    offset = min(base, realtime - sinceBoot)
  }

  /// The time that blocks tell, given the earliest and latest receive times of each, the newest block first: the
  /// newest, or, where the clock went forward less than a day of entries ago, what it would be without that.
  static func known(_ blocks: some Sequence<(first: Int64, last: Int64)>) -> Int64? {
    var times: (end: Int64, since: Int64)?
    for block in blocks {
      let (end, since) = times ?? (block.last, block.last)
      if since - block.last > tolerance { return block.last + (end - since) }
      if block.last - block.first > tolerance { return block.first + max(0, end - block.last) }
      if end - min(since, block.first) >= patience { return end }
      times = (end, min(since, block.first))
    }
    return times?.end
  }

  /// How far the clock is ahead of the time that is believed, nanoseconds; nil when it is believed.
  var lead: Int64? { doubted.map { $0.offset - offset } }

  mutating func now(realtime: Int64, sinceBoot: Int64, isSynchronized: Bool = false) -> Int64 {
    let current = realtime - sinceBoot
    if current <= offset || current - base <= (isSynchronized ? Self.credit : Self.tolerance) {
      offset = current
      doubted = nil
      follow(current, sinceBoot)
    } else if let doubted, abs(current - doubted.offset) <= Self.tolerance {
      if sinceBoot - doubted.since >= Self.patience {
        base = current
        offset = current
        self.doubted = nil
      }
    } else {
      doubted = (current, sinceBoot)
    }
    return sinceBoot + offset
  }

  private mutating func follow(_ current: Int64, _ sinceBoot: Int64) {
    if current >= base - Self.tolerance {
      lower = nil
    } else if let lower, abs(current - lower.offset) <= Self.tolerance {
      if sinceBoot - lower.since >= Self.patience {
        base = current
        self.lower = nil
      }
    } else {
      lower = (current, sinceBoot)
    }
  }
}

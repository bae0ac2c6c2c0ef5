import Platform
import Synchronization

/// The time by which old entries are removed.
///
/// A clock that is set forward by mistake would make everything look old, and what is removed does not come back.
/// So a time that is later than it should be counts only once it has stood for a day; until then the time that was
/// known before goes on. A clock that is set back is believed at once: then entries are kept for longer.
struct SteadyClock {
  /// Larger steps forward are doubted, nanoseconds.
  static let tolerance: Int64 = 7_200_000_000_000
  /// For how long, nanoseconds.
  static let patience: Int64 = 86_400_000_000_000

  /// From monotonic time to the time that is believed.
  private var offset: Int64
  /// Another offset, and since when (monotonic time) it has been seen.
  private var doubted: (offset: Int64, since: Int64)?

  /// `known` is a time that has been already, such as the newest entry's; nil when there is none.
  init(known: Int64?, realtime: Int64, monotonic: Int64) {
    offset = min(known ?? realtime, realtime) - monotonic
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

  mutating func now(realtime: Int64, monotonic: Int64) -> Int64 {
    let current = realtime - monotonic
    if current - offset <= Self.tolerance {
      offset = current
      doubted = nil
    } else if let doubted, abs(current - doubted.offset) <= Self.tolerance {
      if monotonic - doubted.since >= Self.patience {
        offset = current
        self.doubted = nil
      }
    } else {
      doubted = (current, monotonic)
    }
    return monotonic + offset
  }
}

/// A `SteadyClock` that lasts as long as the daemon, whatever becomes of its policies.
final class RetentionClock: Sendable {
  private let state = Mutex<SteadyClock?>(nil)

  /// The time that is believed, and how far the clock is ahead of it, where that has just been noticed. `known` is
  /// asked for once, as in `SteadyClock`.
  func read(known: () -> Int64?) -> (now: Int64, newLead: Int64?) {
    let realtime = Clock.realtime()
    let monotonic = Clock.monotonic()
    return state.withLock { state in
      var clock = state ?? SteadyClock(known: known(), realtime: realtime, monotonic: monotonic)
      defer { state = clock }
      let before = clock.lead
      let now = clock.now(realtime: realtime, monotonic: monotonic)
      return (now, clock.lead == before ? nil : clock.lead)
    }
  }
}

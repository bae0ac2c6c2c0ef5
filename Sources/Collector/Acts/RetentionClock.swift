import Bytes
import Platform
import SegmentWriter
import Synchronization

/// A `SteadyClock` that lasts as long as the daemon, whatever becomes of its policies, and of which the next daemon
/// knows: `DIRECTORY.clock` holds what was believed, so that a daemon that comes back after a weekend does not take
/// the silence for a clock that was set. Nobody has to keep the file.
final class RetentionClock: Sendable {
  struct Reading {
    var now: Int64
    /// How far the clock is ahead, where that has just been noticed.
    var newLead: Int64?
  }

  /// The file's directory, and its name there.
  private let parent: String
  private let name: String
  private let state = Mutex<(clock: SteadyClock?, kept: Int64?)>((nil, nil))

  init(_ directory: String) {
    (parent, name) = Directory.split(LogCreation.beside(directory) + ".clock")
  }

  /// `known` is asked for once, as in `SteadyClock`.
  func read(known: () -> Int64?) -> Reading {
    state.withLock { state in
      var clock = state.clock ?? load(known())
      let before = clock.lead
      let now = Self.look(&clock)
      // What the clock is disciplined by need not be written down.
      if clock.lead == nil, state.kept.map({ abs(clock.offset - $0) > 1_000_000_000 }) ?? true {
        state.kept = clock.offset
        keep(clock.offset)
      }
      state.clock = clock
      return Reading(now: now, newLead: clock.lead == before ? nil : clock.lead)
    }
  }

  /// How far the clock is ahead of what is known, for somebody who looks once.
  static func lead(_ directory: String, known: () -> Int64?) -> Int64? {
    var clock = RetentionClock(directory).load(known())
    _ = look(&clock)
    return clock.lead
  }

  private static func look(_ clock: inout SteadyClock) -> Int64 {
    clock.now(
      realtime: Clock.realtime(), sinceBoot: Clock.sinceBoot(), isSynchronized: Clock.isSynchronized == true)
  }

  private func load(_ known: Int64?) -> SteadyClock {
    var kept: Int64?
    if let bytes = try? Directory(parent).readFile(name, limit: 64) {
      // Something else than an offset of our age is none.
      kept = Int64(String(decoding: bytes.view.array, as: UTF8.self).prefix { $0 != "\n" })
        .flatMap { (0...Int64.max / 2).contains($0) ? $0 : nil }
    }
    return SteadyClock(
      known: known, kept: kept, realtime: Clock.realtime(), sinceBoot: Clock.sinceBoot())
  }

  /// Where that is not possible, the next daemon has less to go by.
  private func keep(_ offset: Int64) {
    Array("\(offset)\n".utf8).withView { text in try? Directory(parent).replaceFile(name, with: text) }
  }
}

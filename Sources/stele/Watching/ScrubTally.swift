import Bytes
import Events
import Platform
import Synchronization

/// What scrubbing has come to since the start.
final class ScrubTally: Sendable {
  struct Reading: Equatable, Sendable {
    /// Rounds that read every sealed segment.
    var rounds: UInt64 = 0
    var findings: UInt64 = 0
    /// When the last round ended, nanoseconds since 1970 UTC; nil before the first has.
    var end: Int64?

    var json: JSONValue {
      [
        "rounds": .number(rounds), "findings": .number(findings),
        "end": .optional(end.map { Timestamp.text($0, digits: 3) }),
      ]
    }
  }

  private let state = Mutex(Reading())

  var reading: Reading { state.withLock { $0 } }

  func noteFinding() { state.withLock { $0.findings += 1 } }

  func noteRound() {
    state.withLock { state in
      state.rounds += 1
      state.end = Clock.realtime()
    }
  }
}

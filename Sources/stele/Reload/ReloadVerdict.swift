import Bytes
import Platform
import Synchronization

/// What became of a file that was looked at because it has changed, or because somebody wants it looked at.
struct ReloadVerdict: Sendable {
  var path: String
  /// What is different now, one line each.
  var changes: [String] = []
  /// Why what it says is not taken over; nil when it is.
  var error: String?

  var json: JSONValue {
    let object: JSONValue = ["file": .text(path), "accepted": .flag(error == nil)]
    return object.adding("error", error.map { .text($0) })
      .adding("changes", error == nil ? .list(changes.map { .text($0) }) : nil)
  }
}

extension [ReloadVerdict]? {
  /// What the control channel answers.
  var answer: JSONValue {
    guard let self else { return ["error": "the daemon is being stopped"] }
    return ["done": .flag(true), "files": .list(self.map(\.json))]
  }
}

/// Whether the configuration file holds.
final class ReloadState: Sendable {
  struct Reading: Equatable, Sendable {
    /// When it was taken over last, nanoseconds since 1970 UTC; at first the start.
    var time = Clock.realtime()
    /// Why what it says now is not taken over; nil when it holds.
    var refusal: String?

    var json: JSONValue {
      let object: JSONValue = ["accepted": .flag(refusal == nil), "time_ms": .number(time / 1_000_000)]
      return object.adding("error", refusal.map { .text($0) })
    }
  }

  private let state = Mutex(Reading())

  var reading: Reading { state.withLock { $0 } }
  func accept() { state.withLock { $0 = Reading() } }
  func refuse(_ reason: String) { state.withLock { $0.refusal = reason } }
}

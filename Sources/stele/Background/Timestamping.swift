import Bytes
import Cryptography
import Events
import HTTP
import Logging
import Platform
import SegmentReader
import Segments
import Synchronization

/// Where timestamps come from, and how often.
struct TimestampSettings: Equatable, Sendable {
  var url: String
  /// File with the certificates (PEM) that vouch for the authority; nil: its tokens are stored unverified.
  var authorities: String?
  /// Longest time between two tokens over checkpoints, nanoseconds. Seals are stamped as they come.
  var interval: Int64 = 3_600_000_000_000
}

/// Has seals and checkpoints of a running log stamped. A thread of its own: nothing waits for it, and what
/// cannot be had now is asked for again.
final class Timestamping: Sendable {
  /// How far it is.
  struct State: Sendable {
    /// The newest token over a checkpoint.
    var newest: StoredTimestamp?
    /// What went wrong the last time; nil when nothing did.
    var failure: String?

    /// The state as one object: how old the newest token is, and why there is no newer one.
    func json(at now: Int64) -> JSONValue {
      let age = newest.map { max(0, now - $0.token.time) / 1_000_000_000 }
      return [
        "time": .optional(newest.map { Timestamp.text($0.token.time, digits: 3) }),
        "age_seconds": .optional(age), "size": .optional(newest?.size), "error": .optional(failure),
      ]
    }
  }

  private let settings: TimestampSettings
  private let directory: String
  private let logger: Logger
  private let record: @Sendable (TimestampRecord) -> Void
  private let client = TimestampClient.http()
  private let current = Mutex(State())

  /// How often it is looked whether there is a new seal, nanoseconds.
  private static let pollInterval: Int64 = 10_000_000_000
  /// Wait after the first failure, and longest wait, nanoseconds.
  private static let backOff: ClosedRange<Int64> = 5_000_000_000...900_000_000_000

  /// `record` puts what is said of a token into the log.
  init(
    _ settings: TimestampSettings, directory: String, logger: Logger,
    record: @escaping @Sendable (TimestampRecord) -> Void
  ) {
    self.settings = settings
    self.directory = directory
    self.logger = logger
    self.record = record
  }

  var state: State { current.withLock { $0 } }

  var thread: BackgroundThread {
    BackgroundThread("stele-time", interrupt: { [client] in client.cancel() }) { [self] in run($0) }
  }

  private func run(_ stop: StopSignal) {
    var failures = 0
    current.withLock { $0.newest = (try? LogDirectory(directory)).flatMap { TimestampRound.newest(in: $0) } }
    while !stop.isSet {
      var wait = min(Self.pollInterval, settings.interval)
      do {
        try round()
        if failures > 0 { logger.info("timestamps: \(settings.url) answers again") }
        failures = 0
        current.withLock { $0.failure = nil }
      } catch {
        if stop.isSet { return }
        failures += 1
        note("\(error)", failures)
        wait = Self.wait(after: failures, interval: settings.interval)
      }
      if stop.wait(until: Clock.monotonic() + wait) { return }
    }
  }

  private func round() throws {
    let log = try LogDirectory(directory)
    let newest = state.newest?.token.time
    let isDue = newest.map { Clock.realtime() - $0 >= settings.interval || Clock.realtime() < $0 } ?? true
    var client = try TimestampClient(settings.url, authorities: settings.authorities, self.client)
    for subject in try TimestampRound.subjects(of: log) {
      var isCheckpoint = false
      if case .checkpoint = subject.name { isCheckpoint = true }
      if isCheckpoint, !isDue { continue }
      let stored = try TimestampRound.store(try client.stamp(subject.text), over: subject, in: log)
      if isCheckpoint { current.withLock { $0.newest = stored } }
      record(stored.record)
    }
  }

  private func note(_ text: String, _ failures: Int) {
    let isNew = current.withLock { state in
      defer { state.failure = text }
      return state.failure != text
    }
    // As long as it stays the same, less and less often.
    if isNew || failures.nonzeroBitCount == 1 {
      logger.warning("timestamps: \(text) (failure \(failures) in a row; tried again)")
    }
  }

  /// How long to wait after so many failures in a row, nanoseconds: twice as long each time.
  static func wait(after failures: Int, interval: Int64) -> Int64 {
    let first = min(backOff.lowerBound, interval)
    let last = max(first, min(backOff.upperBound, interval))
    return min(first << Int64(min(failures - 1, 20)), last)
  }
}

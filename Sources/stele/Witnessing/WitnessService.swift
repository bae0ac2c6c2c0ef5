import SegmentWriter
import Collector
import Logging
import MerkleLog
import Platform
import Segments
import Synchronization

/// What `serve` is told about witnesses.
struct WitnessSettings: Equatable, Sendable {
  /// File with the policy (C2SP tlog-policy) that names the witnesses, their URLs, and how many are enough.
  var policy: String
  /// Time between two rounds, nanoseconds.
  var every: Int64 = 10_000_000_000
  /// File with the authorities (PEM) that sign the witnesses' certificates; nil: those of the system.
  var authorities: String?
}

/// Has witnesses cosign the daemon's log, on a thread of its own: collecting never waits for them.
final class WitnessService: Sendable {
  /// How far the witnesses have come.
  struct Status: Sendable {
    /// Entries of the tree that enough witnesses have cosigned.
    var size: UInt64 = 0
    /// When they had, nanoseconds of the monotonic clock.
    var time = Clock.monotonic()
    var failures: [String] = []
    var raised = RaisedAlarms()
  }

  private let daemon: Daemon
  private let directory: String
  private let circle: WitnessCircle
  private let every: Int64
  private let logger: Logger
  private let state: Mutex<Status>

  init(
    _ settings: WitnessSettings, _ daemon: Daemon, directory: String, keyStore: String?, logger: Logger
  ) throws {
    self.daemon = daemon
    self.directory = directory
    self.logger = logger
    every = settings.every
    circle = WitnessCircle(
      directory, keyStore: keyStore, try WitnessPolicy(file: settings.policy),
      authorities: settings.authorities)
    guard !circle.isEmpty else { throw PolicyFileError.noWitness(file: settings.policy) }
    state = Mutex(Status(size: PublishedCheckpoint.size(directory, FileNames.cosigned)))
  }

  var status: Status { state.withLock { $0 } }

  var thread: BackgroundThread {
    BackgroundThread("stele-witness", interrupt: { [circle] in circle.cancel() }) { [self] in run($0) }
  }

  private func run(_ stop: StopSignal) {
    while !stop.isSet {
      let start = Clock.monotonic()
      do {
        if let outcome = try circle.round(published: publish) { take(outcome, isLast: stop.isSet) }
      } catch { fail(["the log could not be read for its witnesses: \(error)"]) }
      if stop.wait(until: start + every) { return }
    }
  }

  private func publish(_ size: UInt64, _ lines: [String]) {
    state.withLock { state in
      state.size = max(state.size, size)
      state.time = Clock.monotonic()
    }
    daemon.nextKey.cosignatures = lines
  }

  private func take(_ outcome: WitnessCircle.Outcome, isLast: Bool) {
    for alarm in state.withLock({ $0.raised.takeNews(outcome) }) {
      logger.critical("\(alarm)", metadata: NotableMessage.witnessAlarm.metadata)
      daemon.record(alarm.record)
    }
    if !isLast { fail(outcome.failures.sorted()) }
  }

  /// Says what is wrong when that has changed, not every few seconds.
  private func fail(_ failures: [String]) {
    let before = state.withLock { state in
      defer { state.failures = failures }
      return state.failures
    }
    for text in failures where !before.contains(text) { logger.warning("witness: \(text)") }
    if failures.isEmpty, !before.isEmpty { logger.notice("all witnesses answer again") }
  }
}

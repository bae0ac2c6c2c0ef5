import SegmentWriter
import Collector
import Logging
import MerkleLog
import Platform
import Segments
import ServiceLifecycle
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
final class WitnessService: Service {
  /// How far the witnesses have come.
  struct Status: Sendable {
    /// Entries of the tree that enough witnesses have cosigned.
    var size: UInt64 = 0
    /// When they had, nanoseconds of the monotonic clock.
    var time = Clock.monotonic()
    /// What a witness said last that must not be.
    var alarms: Set<WitnessAlarm> = []
    var failures: [String] = []
  }

  private let daemon: Daemon
  private let directory: String
  private let circle: WitnessCircle
  private let every: Int64
  private let logger: Logger
  private let state: Mutex<Status>
  private let stopping = StopFlag()

  init(_ settings: WitnessSettings, _ daemon: Daemon, directory: String, logger: Logger) throws {
    self.daemon = daemon
    self.directory = directory
    self.logger = logger
    every = settings.every
    circle = WitnessCircle(
      directory, try WitnessPolicy(file: settings.policy), authorities: settings.authorities)
    guard !circle.isEmpty else { throw PolicyFileError.noWitness(file: settings.policy) }
    state = Mutex(Status(size: PublishedCheckpoint.size(directory, FileNames.cosigned)))
  }

  var status: Status { state.withLock { $0 } }

  func run() async throws {
    try await withGracefulShutdownHandler {
      try await onThread("stele-witnesses") { self.repeatRounds() }
    } onGracefulShutdown: {
      self.stopping.set()
      self.circle.cancel()
    }
  }

  private func repeatRounds() {
    while !stopping.isSet {
      let start = Clock.monotonic()
      do { if let outcome = try circle.round(published: publish) { take(outcome) } } catch {
        fail(["the log could not be read for its witnesses: \(error)"])
      }
      stopping.wait(until: start + every)
    }
  }

  private func publish(_ size: UInt64, _ lines: [String]) {
    state.withLock { state in
      state.size = size
      state.time = Clock.monotonic()
    }
    daemon.nextKey.cosignatures = lines
  }

  private func take(_ outcome: WitnessCircle.Outcome) {
    for alarm in outcome.alarms where state.withLock({ $0.alarms.insert(alarm).inserted }) {
      logger.critical("\(alarm)")
      daemon.record(alarm.record)
    }
    if !stopping.isSet { fail(outcome.failures.sorted()) }
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

/// A flag that a thread can wait for.
private final class StopFlag: Sendable {
  private let lock = Lock()
  private let changed = Condition()
  private let value = Atomic(false)

  var isSet: Bool { value.load(ordering: .acquiring) }

  func set() {
    lock.withLock { value.store(true, ordering: .releasing) }
    changed.broadcast()
  }

  func wait(until deadline: Int64) {
    lock.withLock { while !isSet, Clock.monotonic() < deadline { changed.wait(lock, until: deadline) } }
  }
}

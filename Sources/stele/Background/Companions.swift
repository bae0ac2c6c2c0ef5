import Collector
import Logging
import Platform
import Synchronization

/// What works beside the daemon, each on a thread of its own, as the settings say; other settings can take their
/// place while it runs.
final class Companions: Sendable {
  /// What the settings ask for, made and not started.
  struct Crew: Sendable {
    fileprivate var settings: Settings
    fileprivate var timestamping: Timestamping?
    fileprivate var witnesses: WitnessService?
    fileprivate var scrub: ScrubTally?
    fileprivate var threads: [Name: BackgroundThread] = [:]
  }

  fileprivate enum Name: Hashable, Sendable {
    case timestamps, scrub, witnesses
    /// Of the source with this name.
    case reconcile(String)
  }

  private enum Phase { case isNew, runs, hasEnded }

  private let daemon: Daemon
  private let directory: String
  private let logger: Logger
  private let ownRequests = OwnRequests()
  private let state: Mutex<(crew: Crew?, phase: Phase)>

  init(_ settings: Settings, _ daemon: Daemon, directory: String, logger: Logger) throws {
    self.daemon = daemon
    self.directory = directory
    self.logger = logger
    state = Mutex((nil, .isNew))
    let first = try crew(settings)
    state.withLock { $0.crew = first }
  }

  var timestamping: Timestamping? { state.withLock { $0.crew?.timestamping } }
  /// Nil when nobody cosigns the log.
  var witnesses: WitnessService? { state.withLock { $0.crew?.witnesses } }
  /// Nil when sealed segments are not read again.
  var scrub: ScrubTally? { state.withLock { $0.crew?.scrub } }

  /// Who is to work under these settings; those whose settings are what they were go on.
  func crew(_ settings: Settings) throws -> Crew { try crew(settings, readsPolicy: false) }

  private func crew(_ settings: Settings, readsPolicy: Bool) throws -> Crew {
    let old = state.withLock { $0.crew }
    var crew = Crew(settings: settings)
    if let old, old.settings.timestamps == settings.timestamps {
      crew.timestamping = old.timestamping
      crew.threads[.timestamps] = old.threads[.timestamps]
    } else if let timestamps = settings.timestamps {
      let timestamping = Timestamping(timestamps, directory: directory, logger: logger) {
        [daemon] in daemon.record($0)
      }
      crew.timestamping = timestamping
      crew.threads[.timestamps] = timestamping.thread
    }
    if let old, old.settings.scrub == settings.scrub {
      crew.scrub = old.scrub
      crew.threads[.scrub] = old.threads[.scrub]
    } else if let scrub = settings.scrub {
      let scrubbing = Scrubbing(settings: scrub, directory: directory, logger: logger) { [daemon] in
        daemon.record($0)
      }
      crew.scrub = scrubbing.tally
      crew.threads[.scrub] = scrubbing.thread
    }
    if let old, old.settings.witnesses == settings.witnesses, !readsPolicy {
      crew.witnesses = old.witnesses
      crew.threads[.witnesses] = old.threads[.witnesses]
    } else if let witnesses = settings.witnesses {
      let service = try WitnessService(
        witnesses, daemon, directory: directory, keyStore: settings.keyStorePath, logger: logger)
      crew.witnesses = service
      crew.threads[.witnesses] = service.thread
    }
    addReconciliations(&crew, old)
    return crew
  }

  private func addReconciliations(_ crew: inout Crew, _ old: Crew?) {
    for source in crew.settings.sources {
      guard let reconcile = source.reconcile else { continue }
      let name = Name.reconcile(source.name)
      if let old, let before = old.settings.sources.first(where: { $0.name == source.name }),
        before.reconcile == reconcile, before.format == source.format,
        old.settings.commit == crew.settings.commit
      {
        crew.threads[name] = old.threads[name]
      } else {
        crew.threads[name] =
          Reconciliation(source, reconcile, commit: crew.settings.commit, ownRequests, daemon, logger).thread
      }
    }
  }

  func start() throws(SystemError) {
    let threads = state.withLock { state in
      state.phase = .runs
      return state.crew?.threads ?? [:]
    }
    for thread in threads.values { try thread.start() }
  }

  /// Has the new crew work in place of the old one. Blocks until those who leave have ended.
  func replace(by crew: Crew) throws(SystemError) {
    let (old, phase) = state.withLock { state in
      defer { if state.phase != .hasEnded { state.crew = crew } }
      return (state.crew?.threads ?? [:], state.phase)
    }
    guard phase == .runs else { return }
    for name in Set(old.keys).union(crew.threads.keys) where old[name] !== crew.threads[name] {
      old[name]?.stop()
      try crew.threads[name]?.start()
    }
  }

  /// The file that names the witnesses; nil when there are none.
  var policy: String? { state.withLock { $0.crew?.settings.witnesses?.policy } }

  /// Has the witnesses be those that the policy's file names now. When it throws, they are who they were. Blocks.
  func rereadPolicy() throws {
    guard let settings = state.withLock({ $0.crew?.settings }) else { return }
    try replace(by: try crew(settings, readsPolicy: true))
  }

  func stop() {
    let threads = state.withLock { state in
      state.phase = .hasEnded
      return state.crew?.threads ?? [:]
    }
    for thread in threads.values { thread.stop() }
  }
}

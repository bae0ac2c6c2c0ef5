import Bytes
import Cryptography
import Events
import Intake
import Platform
import SegmentWriter
import Segments
import Synchronization
import TLS

/// What a daemon is to do.
public struct DaemonPlan: Sendable {
  /// One source: how it is received, and how its messages are read.
  public struct Input: Sendable {
    public var source: Source
    public var definition: SourceDefinition
    /// Of time stamps that name no zone; kept in the log's record of the source.
    public var timezone: String
    /// What the load balancer's configuration says, where the formats are read from there.
    public var formats: FormatChange?

    public init(_ source: Source, _ definition: SourceDefinition, timezone: String) {
      self.source = source
      self.definition = definition
      self.timezone = timezone
    }
  }

  /// The log's directory.
  public var directory: String
  /// The file with the log's private key.
  public var keyPath: String
  /// The sources' numbers must count from 1 in this order.
  public var inputs: [Input] = []
  public var writer = WriterOptions()
  public var pipeline = PipelineOptions()
  /// How long entries are kept; nil for ever.
  public var retention: RetentionPolicy?
  /// How often that is looked at, nanoseconds.
  public var retentionInterval: Int64 = 600_000_000_000
  /// Of the program, for the log's record.
  public var version = ""
  /// Whether the system's clock is synchronized at the start, for the log's record; nil when nobody knows.
  public var isClockSynchronized: Bool?

  /// As `pipeline` says, with what follows from the inputs.
  var pipelineOptions: PipelineOptions {
    var options = pipeline
    options.followsFiles = followsFiles
    options.countsAfterFailure = true
    return options
  }

  var followsFiles: Bool {
    inputs.contains { if case .files = $0.source.endpoint { true } else { false } }
  }

  public init(directory: String, keyPath: String) {
    self.directory = directory
    self.keyPath = keyPath
  }
}

/// Why a daemon could not start or go on.
public enum DaemonError: Error, Sendable, CustomStringConvertible {
  case write(WriteError)
  case listen(ListenError)
  case system(SystemError)
  /// Nothing can be changed any more.
  case stopping

  public var description: String {
    switch self {
    case .write(let error): "\(error)"
    case .listen(let error): "\(error)"
    case .system(let error): "\(error)"
    case .stopping: "the daemon is being stopped"
    }
  }
}

/// What a daemon has done so far.
public struct DaemonStatus: Sendable {
  public struct Input: Sendable {
    public var name: String
    /// Where it listens, with the port that the kernel chose.
    public var url: String
    public var counters: SourceCounters.Reading
    public var losses: LossTotals
    /// Messages that do not fit the source's format.
    public var unparsed: Int
    /// When its certificate expires, seconds since 1970 UTC; nil for all but TLS sources.
    public var certificateNotAfter: Int64?
    /// How its format is being chosen; nil where the format is given.
    public var format: FormatEvidence?
    /// How its format was given.
    public var givenFormat: String
    /// Messages that have become durable.
    public var stored: Int
  }

  /// Index behind the last entry that survives a power loss.
  public var durableIndex: UInt64
  public var inputs: [Input]
  public var writing: WritingStatus
  /// Messages are received now.
  public var isReady: Bool
}

/// Sources that are listened to, and the pipeline that they fill: all of `stele serve` but the process around
/// it.
///
///     init    opens the log (recovery, lock), binds the sockets
///     start   writes what is collected from where into the log; only then is anything received
///     reload  takes over another plan while it runs: see `Daemon+Reload.swift`
///     stop    sockets, then what they gave, then the last checkpoint and seal
public final class Daemon: Sendable {
  private let plan: DaemonPlan
  let pipeline: Pipeline
  let listeners: Listeners
  private let losses = LossLedger()
  let sources: Mutex<RunningSources>
  /// Held while the sources change, and by whoever stops the daemon.
  let reloading = Lock()
  private let recovery: RecoveryReport
  /// What writers before received and could not store, as the log says now.
  public let unstoredBefore: [UnstoredAccount.Report]
  /// The same of this one, once `stop` has thrown, for the next.
  public var unstored: UnstoredAccount.Report? { left.withLock { $0 } }
  private let left = Mutex<UnstoredAccount.Report?>(nil)
  /// For the case that this process is killed.
  private let survivors: SurvivingCounts?
  /// What the next `key` entry is to carry.
  public var nextKey: NextKeyEntry { pipeline.nextKey }
  /// What the last account said, and when.
  private let accounted = Mutex<(sums: [UInt32: SourceSum], time: Int64)>(([:], Clock.realtime()))
  private let lossReporter = Mutex<Thread?>(nil)
  let lock = Lock()
  let stopping = Condition()
  let isStarted = Atomic(false)
  let isStopping = Atomic(false)
  private let isReady = Atomic(false)
  private let hasFailed: FailureFlag
  private let acts = ActLock()
  private let control = Mutex<ControlServer?>(nil)
  let retention = Mutex<RetentionKeeper?>(nil)
  private let retentionClock: RetentionClock
  let note: @Sendable (String) -> Void
  /// What the control channel answers when it is asked for the status.
  public let report = DaemonReport()
  /// What it answers when it is asked to reload.
  public let reloader = DaemonReport(["error": "this daemon has no files that it takes over"])

  /// - Parameters:
  ///   - notice: gets what is worth a line in the daemon's log, on any thread.
  ///   - chosen: gets the format that a source's lines turned out to have, on any thread.
  ///   - note: gets what else is worth a line there, on any thread.
  ///   - alarm: gets what somebody should look after at once, and when that is over.
  ///   - failed: is called once, on another thread, if writing fails. Nothing is stored then, and the daemon must
  ///     be stopped.
  public init(
    _ plan: DaemonPlan, notice: @escaping @Sendable (IntakeNotice) -> Void,
    chosen: @escaping @Sendable (FormatChoice) -> Void = { _ in },
    note: @escaping @Sendable (String) -> Void = { _ in },
    alarm: @escaping @Sendable (String) -> Void = { _ in },
    failed: @escaping @Sendable (WriteError) -> Void
  ) throws(DaemonError) {
    self.plan = plan
    retentionClock = RetentionClock(plan.directory)
    self.note = note
    // A quarter is the log's own.
    TLSServerConnection.keyMemory.store(SecureMemory.byteCount / 4 * 3, ordering: .relaxed)
    let hasFailed = FailureFlag()
    self.hasFailed = hasFailed
    do throws(WriteError) {
      var said: [UnstoredAccount.Report] = []
      let writer = try LogOpening.open(
        directory: plan.directory, keyPath: plan.keyPath, options: plan.writer
      ) { said.append($0) }
      recovery = writer.recovery
      unstoredBefore = said
      survivors = SurvivingCounts(at: SurvivingCounts.paths(plan.directory), key: writer.logKeys)
      pipeline = try Pipeline(
        writer, SourceTable(plan.inputs.map(\.definition)), plan.pipelineOptions, losses: losses,
        survivors: survivors,
        stopped: { error in
          hasFailed.value.store(true, ordering: .releasing)
          failed(error)
        }, chosen: chosen, alarm: alarm)
    } catch { throw .write(error) }
    do throws(SystemError) {
      listeners = try Listeners(
        queue: pipeline.queue, losses: losses, notice: notice,
        counters: { [survivors] in SourceCounters(survivor: survivors?.counter(of: $0)) })
    } catch { throw .system(error) }
    do throws(ListenError) {
      var running = RunningSources()
      for input in plan.inputs { running.add(input, try listeners.bind(input.source)) }
      sources = Mutex(running)
    } catch {
      try? pipeline.finish()
      throw .listen(error)
    }
  }

  // MARK: Life

  public func start() throws(DaemonError) {
    pipeline.record(
      DaemonRecord.started(
        version: plan.version, isClockSynchronized: plan.isClockSynchronized, recovery: recovery))
    for input in plan.inputs {
      pipeline.record(DaemonRecord.source(input, url: url(of: input)))
      if let formats = input.formats { pipeline.record(formats.record(isTaken: true)) }
    }
    do throws(SystemError) {
      let reporter = try Thread(name: "stele-losses") { [self] in reportLosses() }
      lossReporter.withLock { $0 = reporter }
      try startActs()
      listeners.resume(
        FileHistory(positions: pipeline.positions.all, lastTime: pipeline.positions.lastTime) { [pipeline] in
          pipeline.record($0)
        })
      try listeners.start()
      isReady.store(true, ordering: .relaxed)
    } catch { throw .system(error) }
    lock.withLock {
      isStarted.store(true, ordering: .releasing)
      stopping.broadcast()
    }
  }

  /// Lets commands, and the retention policy, take entries away and hold them back.
  private func startActs() throws(SystemError) {
    let session = PipelineSession(pipeline)
    do throws(SystemError) {
      let server = try ControlServer(
        plan.directory, session, acts, status: { [report] in report.value },
        reload: { [reloader] in reloader.value })
      control.withLock { $0 = server }
    } catch { note("commands cannot reach this daemon: \(error)") }
    try keep(plan.retention)
  }

  /// Keeps to a policy from now on, in place of the one before.
  func keep(_ policy: RetentionPolicy?) throws(SystemError) {
    let old = retention.withLock { retention in
      defer { retention = nil }
      return retention
    }
    old?.stop()
    guard let policy else { return }
    let keeper = try RetentionKeeper(
      PruneAct(plan.directory, policy), PipelineSession(pipeline), acts, interval: plan.retentionInterval,
      clock: retentionClock, notice: note)
    retention.withLock { $0 = keeper }
  }

  /// Reads the messages of a source with `definition` from the next block on, and writes down what has
  /// changed before them.
  public func replaceFormat(_ definition: SourceDefinition, _ change: FormatChange) {
    reloading.withLock {
      guard let source = sources.withLock({ $0.all.first { $0.input.source.name == definition.name } })
      else { return }
      pipeline.replace(
        Int(source.input.source.id), by: definition, record: change.record(isTaken: true))
    }
  }

  /// Writes down that a source's formats were changed into something that cannot be used: the old ones stay.
  public func refuseFormat(_ change: FormatChange) { pipeline.record(change.record(isTaken: false)) }

  /// Waits no longer for room on the disk, because the daemon is to be stopped soon.
  public func hurry() { pipeline.useReserve() }

  /// Stops receiving at once, without waiting for anything. What has been read is stored, or counted as lost.
  public func stopReceiving() { listeners.stop() }

  /// Stops receiving, stores what the sockets hold, and writes the last checkpoint and seal. Throws what made
  /// the writer fail, if it did: then what was received after the last durable entry is not in the log.
  public func stop() throws(DaemonError) {
    isReady.store(false, ordering: .relaxed)
    pipeline.useReserve()
    control.withLock { $0 }?.stop()
    reloading.lock()
    defer { reloading.unlock() }
    retention.withLock { $0 }?.stop()
    // What fails here fails again in `finish`, which tells.
    try? pipeline.sealAhead()
    listeners.stop()
    listeners.join()
    lock.withLock {
      isStopping.store(true, ordering: .releasing)
      stopping.broadcast()
    }
    lossReporter.withLock { $0 }?.join()
    waitUntilParsed()
    pipeline.accounts?.settle(isDrained: true, isLast: true)
    recordLosses()
    pipeline.settleFormats()
    recordAccount()
    pipeline.record(DaemonRecord.stopped(status))
    do throws(WriteError) { try pipeline.finish() } catch {
      let account = UnstoredAccount(
        pipeline.unstored, sources.withLock { $0 }, pipeline.counters, survivors?.identity)
      left.withLock { $0 = account.leave(beside: plan.directory, survivors) }
      throw .write(error)
    }
    survivors?.remove()
  }

  /// Waits until the workers have seen everything that was received, so that the last counts are final. They
  /// leave nothing waiting for longer than the commit interval.
  private func waitUntilParsed() {
    let deadline = Clock.monotonic() + pipeline.commitTime + Self.parseTime
    while pipeline.queue.usage.free < pipeline.queue.slabCount, Clock.monotonic() < deadline,
      !hasFailed.value.load(ordering: .acquiring)
    {
      Clock.sleep(nanoseconds: 1_000_000)
    }
  }

  /// Longest time that parsing all slabs may take before the daemon stops waiting for exact counts,
  /// nanoseconds.
  private static let parseTime: Int64 = 10_000_000_000
  /// How often losses are written into the log, nanoseconds.
  private static let lossInterval: Int64 = 100_000_000

  /// How often it is written down what sources gave, by the clock, nanoseconds.
  private static let accountInterval: Int64 = 3_600_000_000_000

  // MARK: Losses

  private func reportLosses() {
    var due = Clock.monotonic()
    while !isStopping.load(ordering: .acquiring) {
      due = max(due + Self.lossInterval, Clock.monotonic())
      lock.withLock {
        while !isStopping.load(ordering: .acquiring), Clock.monotonic() < due {
          stopping.wait(lock, until: due)
        }
      }
      pipeline.accounts?.settle(isDrained: pipeline.isDrained)
      recordLosses()
      if Clock.realtime() / Self.accountInterval != accounted.withLock({ $0.time }) / Self.accountInterval {
        recordAccount()
      }
    }
  }

  /// Writes down what came since the last account.
  private func recordAccount() {
    let now = Clock.realtime()
    let accounts = sources.withLock(\.accounts)
    let (sums, from) = accounted.withLock { accounted in
      defer { accounted.time = now }
      return (accounts.map { sum(of: $0, since: &accounted.sums) }, accounted.time)
    }
    pipeline.record(DaemonRecord.account(sums, from: from, to: now), stating: .account(sums, time: now))
    sources.withLock { sources in
      sources.gone.removeAll { source in
        sums.contains { $0.source == source.id }
          && pipeline.counters.stored(Int(source.id)) >= Int(source.counters.reading.messages)
      }
    }
  }

  private func sum(of source: RunningSources.Account, since sums: inout [UInt32: SourceSum]) -> SourceSum {
    let all = SourceSum(
      source: source.id, name: source.name, received: Int(source.counters.reading.messages),
      unparsed: pipeline.counters.unparsed(Int(source.id)))
    var more = all
    if let before = sums.updateValue(all, forKey: source.id) {
      more.received = max(0, all.received - before.received)
      more.unparsed = max(0, all.unparsed - before.unparsed)
    }
    return more
  }

  func recordLosses() {
    for event in losses.take() {
      guard let name = sources.withLock({ $0.names[event.source] }) else { continue }
      pipeline.record(DaemonRecord.loss(event, source: name), stating: .loss(event))
    }
  }

  /// What a source has given since the start; nil when there is none of that name.
  public func account(of name: String) -> SourceAccount? {
    guard let source = sources.withLock({ $0.all.first { $0.input.source.name == name } }),
      let (totals, open) = pipeline.accounts?.totals(of: Int(source.input.source.id))
    else { return nil }
    // Read later, so that nothing that is on its way is left out.
    let received = source.counters.reading.messages
    return SourceAccount(
      source: source.input.source.id, access: totals.access, unparsed: totals.unparsed,
      losses: losses.totals(of: source.input.source.id), open: open,
      waiting: UInt64(received) - min(totals.messages, UInt64(received)))
  }

  // MARK: Entries of others

  /// Writes down what has to do with the log as a whole: one object of JSON. Waits while the pipeline is full;
  /// does nothing, and returns false, once it has ended.
  @discardableResult public func record(_ json: String) -> Bool { pipeline.record(json) }

  /// Has the next `key` entry name a timestamp token. One that has not been named yet gives way: the newer says
  /// as much.
  public func record(_ timestamp: TimestampRecord) { nextKey.timestamp = timestamp }

  // MARK: Status

  /// Where a source listens; as `holder`, for one that is to take over that one's sockets.
  func url(of input: DaemonPlan.Input, holder: UInt32? = nil) -> String {
    let url = input.source.url
    guard let address = listeners.address(of: holder ?? input.source.id), let scheme = url.firstIndex(of: ":")
    else {
      return url
    }
    return "\(url[..<scheme])://\(address)"
  }

  public var status: DaemonStatus {
    let inputs = sources.withLock(\.all).map { status(of: $0) }
    let writing = pipeline.writing
    return DaemonStatus(
      durableIndex: pipeline.durableIndex, inputs: inputs, writing: writing,
      isReady: isReady.load(ordering: .relaxed) && !writing.hasFailed)
  }

  func status(of source: RunningSources.One) -> DaemonStatus.Input {
    let id = Int(source.input.source.id)
    return DaemonStatus.Input(
      name: source.input.source.name, url: url(of: source.input), counters: source.counters.reading,
      losses: losses.totals(of: source.input.source.id), unparsed: pipeline.counters.unparsed(id),
      certificateNotAfter: source.input.source.tls?.certificate.notAfter,
      format: pipeline.formatEvidence(id), givenFormat: source.input.definition.format,
      stored: pipeline.counters.stored(id))
  }

  /// What recovery found when the log was opened.
  public var recovered: RecoveryReport { recovery }
}

/// Whether writing has failed. Nothing is stored then.
private final class FailureFlag: Sendable {
  let value = Atomic(false)
}

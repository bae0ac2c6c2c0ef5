import Bytes
import Events
import Intake
import Platform
import SegmentWriter
import Segments
import Synchronization

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

  public var description: String {
    switch self {
    case .write(let error): "\(error)"
    case .listen(let error): "\(error)"
    case .system(let error): "\(error)"
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
    /// Messages that do not fit the source's format.
    public var unparsed: Int
    /// How its format is being chosen; nil where the format is given.
    public var format: FormatEvidence?
  }

  /// Index behind the last entry that survives a power loss.
  public var durableIndex: UInt64
  public var inputs: [Input]
}

/// Sources that are listened to, and the pipeline that they fill: all of `stele serve` but the process around
/// it.
///
///     init    opens the log (recovery, lock), binds the sockets
///     start   writes what is collected from where into the log; only then is anything received
///     stop    sockets, then what they gave, then the last checkpoint and seal
public final class Daemon: Sendable {
  private let plan: DaemonPlan
  private let pipeline: Pipeline
  private let listeners: Listeners
  private let losses = LossLedger()
  private let counters: [SourceCounters]
  private let recovery: RecoveryReport
  /// What the next `key` entry is to carry.
  public var nextKey: NextKeyEntry { pipeline.nextKey }
  private let lossReporter = Mutex<Thread?>(nil)
  private let lock = Lock()
  private let stopping = Condition()
  private let isStopping = Atomic(false)
  private let hasFailed: FailureFlag
  private let acts = ActLock()
  private let control = Mutex<ControlServer?>(nil)
  private let retention = Mutex<RetentionKeeper?>(nil)
  private let note: @Sendable (String) -> Void

  /// - Parameters:
  ///   - notice: gets what is worth a line in the daemon's log, on any thread.
  ///   - chosen: gets the format that a source's lines turned out to have, on any thread.
  ///   - note: gets what else is worth a line there, on any thread.
  ///   - failed: is called once, on another thread, if writing fails. Nothing is stored then, and the daemon must
  ///     be stopped.
  public init(
    _ plan: DaemonPlan, notice: @escaping @Sendable (IntakeNotice) -> Void,
    chosen: @escaping @Sendable (FormatChoice) -> Void = { _ in },
    note: @escaping @Sendable (String) -> Void = { _ in },
    failed: @escaping @Sendable (WriteError) -> Void
  ) throws(DaemonError) {
    self.plan = plan
    self.note = note
    let hasFailed = FailureFlag()
    self.hasFailed = hasFailed
    do throws(WriteError) {
      let writer = try LogOpening.open(
        directory: plan.directory, keyPath: plan.keyPath, options: plan.writer)
      recovery = writer.recovery
      pipeline = try Pipeline(
        writer, SourceTable(plan.inputs.map(\.definition)), plan.pipeline,
        stopped: { error in
          hasFailed.value.store(true, ordering: .releasing)
          failed(error)
        }, chosen: chosen)
    } catch { throw .write(error) }
    do throws(SystemError) {
      listeners = try Listeners(queue: pipeline.queue, losses: losses, notice: notice)
    } catch { throw .system(error) }
    do throws(ListenError) {
      var counters: [SourceCounters] = []
      for input in plan.inputs { counters.append(try listeners.bind(input.source)) }
      self.counters = counters
    } catch {
      try? pipeline.finish()
      throw .listen(error)
    }
  }

  // MARK: Life

  public func start() throws(DaemonError) {
    pipeline.record(
      DaemonRecord.started(version: plan.version, recovery: recovery))
    for input in plan.inputs {
      pipeline.record(DaemonRecord.source(input, url: url(of: input)))
      if let formats = input.formats { pipeline.record(formats.record(isTaken: true)) }
    }
    do throws(SystemError) {
      let reporter = try Thread(name: "stele-losses") { [self] in reportLosses() }
      lossReporter.withLock { $0 = reporter }
      try startActs()
      try listeners.start()
    } catch { throw .system(error) }
  }

  /// Lets commands, and the retention policy, take entries away and hold them back.
  private func startActs() throws(SystemError) {
    let session = PipelineSession(pipeline)
    do throws(SystemError) {
      let server = try ControlServer(plan.directory, session, acts)
      control.withLock { $0 = server }
    } catch { note("commands cannot reach this daemon: \(error)") }
    guard let policy = plan.retention else { return }
    let keeper = try RetentionKeeper(
      PruneAct(plan.directory, policy), session, acts, interval: plan.retentionInterval, notice: note)
    retention.withLock { $0 = keeper }
  }

  /// Reads the messages of a source with `definition` from the next block on, and writes down what has
  /// changed before them.
  public func replaceFormat(_ definition: SourceDefinition, _ change: FormatChange) {
    guard let index = plan.inputs.firstIndex(where: { $0.source.name == definition.name }) else { return }
    pipeline.replace(index + 1, by: definition, record: change.record(isTaken: true))
  }

  /// Writes down that a source's formats were changed into something that cannot be used: the old ones stay.
  public func refuseFormat(_ change: FormatChange) { pipeline.record(change.record(isTaken: false)) }

  /// Stops receiving, stores what the sockets hold, and writes the last checkpoint and seal. Throws what made
  /// the writer fail, if it did: then what was received after the last durable entry is not in the log.
  public func stop() throws(DaemonError) {
    control.withLock { $0 }?.stop()
    retention.withLock { $0 }?.stop()
    listeners.stop()
    listeners.join()
    lock.withLock {
      isStopping.store(true, ordering: .releasing)
      stopping.broadcast()
    }
    lossReporter.withLock { $0 }?.join()
    recordLosses()
    waitUntilParsed()
    pipeline.settleFormats()
    pipeline.record(DaemonRecord.stopped(status))
    do throws(WriteError) { try pipeline.finish() } catch { throw .write(error) }
  }

  /// Waits until the workers have seen everything that was received, so that the last counts are final. They
  /// leave nothing waiting for longer than the commit interval.
  private func waitUntilParsed() {
    let deadline = Clock.monotonic() + plan.pipeline.commitInterval + Self.parseTime
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
      recordLosses()
    }
  }

  private func recordLosses() {
    for event in losses.take() {
      guard let input = plan.inputs.first(where: { $0.source.id == event.source }) else { continue }
      pipeline.record(DaemonRecord.loss(event, source: input.source.name))
    }
  }

  // MARK: Entries of others

  /// Writes down what has to do with the log as a whole: one object of JSON. Waits while the pipeline is full;
  /// does nothing, and returns false, once it has ended.
  @discardableResult public func record(_ json: String) -> Bool { pipeline.record(json) }

  /// Has the next `key` entry name a timestamp token. One that has not been named yet gives way: the newer says
  /// as much.
  public func record(_ timestamp: TimestampRecord) { nextKey.timestamp = timestamp }

  // MARK: Status

  private func url(of input: DaemonPlan.Input) -> String {
    let url = input.source.url
    guard let address = listeners.address(of: input.source.name), let scheme = url.firstIndex(of: ":") else {
      return url
    }
    return "\(url[..<scheme])://\(address)"
  }

  public var status: DaemonStatus {
    let inputs = plan.inputs.indices.map { index in
      DaemonStatus.Input(
        name: plan.inputs[index].source.name, url: url(of: plan.inputs[index]),
        counters: counters[index].reading, unparsed: pipeline.counters.unparsed(index + 1),
        format: pipeline.formatEvidence(index + 1))
    }
    return DaemonStatus(durableIndex: pipeline.durableIndex, inputs: inputs)
  }

  /// What recovery found when the log was opened.
  public var recovered: RecoveryReport { recovery }
}

/// Whether writing has failed. Nothing is taken from the queue then.
private final class FailureFlag: Sendable {
  let value = Atomic(false)
}

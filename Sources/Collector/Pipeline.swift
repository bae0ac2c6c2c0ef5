import Bytes
import Cryptography
import Intake
import MerkleLog
import Platform
import SegmentWriter
import Synchronization
import Syslog

/// How a pipeline works.
public struct PipelineOptions: Sendable {
  /// Longest time a message waits for its `fdatasync`, nanoseconds.
  public var commitInterval: Int64 = 250_000_000
  /// Shortest time between two checkpoints while entries arrive, nanoseconds.
  public var checkpointInterval: Int64 = 1_000_000_000
  /// Longest time without an entry: then Stele writes one of its own, so that silence is evidence too.
  public var heartbeatInterval: Int64 = 60_000_000_000
  /// Threads that parse and hash.
  public var workers = Parallel.processors
  /// Slabs of messages on their way: enough for large blocks, and no more, for they are much of the memory.
  public var slabCount = 28
  /// Messages come from followed files: each segment's end tells how far they are stored.
  public var followsFiles = false
  /// When writing has failed, messages are still taken, so that whoever receives them can count to the last one
  /// what is lost. Else nothing is taken from then on.
  public var countsAfterFailure = false
  /// Stored bytes that are sealed in about a second: what `sealAhead` leaves to `finish`.
  public var quickSeal = 64 << 20

  public init() {}
}

/// The assembled write path: queue, workers, writer.
///
///     listeners ─► SlabQueue ─► workers: match, columns, hashes ─► BlockExchange ─► writer: file, fdatasync,
///                  (bounded)    (take runs in order: Sequencer)    (in order)       checkpoint, segments
///
/// Whoever fills slabs stops first; then `finish` drains everything, writes the last checkpoint and seals.
public final class Pipeline: Sendable {
  public let queue: SlabQueue
  public let counters: ParseCounters
  /// What the next checkpoint's `key` entry is to carry.
  public let nextKey: NextKeyEntry
  /// How far followed files were stored when the log was opened.
  public let positions: PositionTable
  /// When segments are finished; may be set at any time.
  public let segmentLimits: SegmentLimits
  /// Room on the disk for the end; may be set at any time.
  let reserve: DiskReserve
  private let formats: FormatLedger
  /// What messages tell of losses; nil when nobody asks.
  let accounts: AccountLedger?
  private let log: PipelineLog
  private let control: ControlQueue
  private let exchange: BlockExchange
  private let sequencer: Sequencer
  private let options: PipelineOptions
  private let commitInterval: CommitInterval
  private let table: Mutex<SourceTable>
  private let threads = Mutex<[Thread]>([])

  /// How long a worker waits for messages before it gives back the memory of its columns, nanoseconds.
  private static let idleTime: Int64 = 5_000_000_000

  /// Starts the threads. `writer` belongs to the pipeline from here on.
  public convenience init(_ writer: sending LogWriter, _ sources: SourceTable) throws(WriteError) {
    try self.init(writer, sources, PipelineOptions())
  }

  /// Starts the threads. `writer` belongs to the pipeline from here on. What messages tell of lost ones goes to
  /// `losses`. `stopped` is called once, from another thread, if writing fails: nothing is stored any more. `chosen`
  /// is called, on another thread too, when a source's format has been found out; `alarm`, on the writer's, with what
  /// somebody should look after, and when that is over.
  init(
    _ writer: sending LogWriter, _ sources: SourceTable, _ options: PipelineOptions,
    losses: LossLedger? = nil, survivors: SurvivingCounts? = nil,
    stopped: @escaping @Sendable (WriteError) -> Void = { _ in },
    chosen: @escaping @Sendable (FormatChoice) -> Void = { _ in },
    alarm: @escaping @Sendable (String) -> Void = { _ in }
  ) throws(WriteError) {
    self.options = options
    let plan = if let open = writer.plan { open } else { try writer.makePlan() }
    do throws(SystemError) {
      queue = try SlabQueue(slabCount: options.slabCount, separatesControl: plan.key != nil)
    } catch { throw .system(error) }
    control = ControlQueue(queue)
    counters = ParseCounters()
    commitInterval = CommitInterval(options.commitInterval)
    segmentLimits = writer.limits
    reserve = writer.reserve
    nextKey = writer.nextKey
    positions = writer.positions
    formats = FormatLedger(sources, next: writer.tree.size, chosen: chosen)
    accounts = losses.map { AccountLedger($0, next: writer.tree.size) }
    sequencer = Sequencer(next: writer.tree.size, plan: plan, sources: sources)
    table = Mutex(sources)
    exchange = BlockExchange(
      blocks: (0..<options.workers + 2).map { _ in EncodedBlock(plan: plan) }, workers: options.workers)
    log = PipelineLog(
      writer, exchange, sequencer, queue, control, formats, accounts, counters, survivors, options,
      commitInterval,
      stopped, alarm)
    do throws(SystemError) {
      var started: [Thread] = []
      for number in 0..<options.workers {
        started.append(
          try Thread(name: "stele-parse-\(number)", stackSize: 1 << 20) { [self] in work(sources, plan) })
      }
      started.append(try Thread(name: "stele-write", stackSize: 1 << 20) { [log] in log.run() })
      let all = started
      threads.withLock { $0 = all }
    } catch { throw .system(error) }
  }

  /// Index behind the last entry that survives a power loss.
  public var durableIndex: UInt64 { log.durableIndex }

  /// How the writing goes.
  var writing: WritingStatus {
    let backlog = queue.backlog
    let oldest = [backlog.since, sequencer.waitingSince].compactMap { $0 }.min()
    let now = Clock.monotonic()
    let durable = log.durableIndex
    let next = sequencer.next
    return WritingStatus(
      hasFailed: log.failure != nil, checkpointSize: log.checkpointSize,
      checkpointAge: max(0, now - log.checkpointTime),
      waiting: next - min(next, durable) + UInt64(backlog.messages),
      lag: oldest.map { max(0, now - $0) } ?? 0, slabs: queue.slabCount, queue: queue.usage,
      openBytes: log.gauges.openBytes, syncs: log.gauges.syncs.reading, blocks: log.gauges.blocks.reading)
  }

  /// Appends an entry of Stele itself: one object of JSON. False when the pipeline has ended.
  @discardableResult public func record(_ json: String) -> Bool { control.submit(json) }

  /// The same of one that the next who opens the log appends if this one does not come to it.
  @discardableResult func record(_ json: String, stating statement: Statement) -> Bool {
    control.submit(json, stating: statement)
  }

  /// What was on its way when writing failed, in blocks that may have reached the file; and what of the entries of
  /// Stele itself had not. Once `finish` has failed.
  var unstored: UnstoredBlocks {
    var rest = control.waiting[...]
    var unstored = UnstoredBlocks(since: log.oldestUnstored)
    for (end, tally) in log.unsynced {
      let count = min(tally.first ?? 0, rest.count)
      unstored.written.append((end, tally, rest.prefix(count).compactMap { $0 }))
      rest = rest.dropFirst(count)
    }
    unstored.statements = rest.compactMap { $0 }
    return unstored
  }

  /// Gives a source another format: `record` becomes an entry, and messages in blocks behind that entry's are
  /// read with `definition`. False when the pipeline has ended.
  @discardableResult public func replace(_ source: Int, by definition: SourceDefinition, record: String)
    -> Bool
  {
    change([record]) { $0.replace(source, by: definition) }
  }

  /// Changes the sources: the records become entries, and blocks behind the last of them are read by the
  /// changed table. False when the pipeline has ended.
  @discardableResult func change(_ records: [String], _ edit: (inout SourceTable) -> Void) -> Bool {
    table.withLock { table in
      edit(&table)
      let changed = table
      formats.adopt(changed)
      for record in records where !control.submit(record) { return false }
      queue.withQueued { [sequencer] in sequencer.change(to: changed, behind: $0) }
      return true
    }
  }

  /// Waits until everything that is queued by now is in blocks, and counted: then messages that come are read
  /// by the newest table. False when the pipeline has ended.
  func settle() -> Bool {
    var end: UInt64 = 0
    queue.withQueued { [sequencer] in end = sequencer.end(behind: $0) }
    queue.hurry()
    defer { queue.relax() }
    while formats.counted < end {
      if log.failure != nil || queue.isFinished { return false }
      Clock.sleep(nanoseconds: 1_000_000)
    }
    return true
  }

  /// Messages may come from followed files from now on.
  func beginFollowingFiles() { log.followsFiles.store(true, ordering: .releasing) }

  /// Longest time a message waits for its `fdatasync`, nanoseconds.
  var commitTime: Int64 {
    get { commitInterval.nanoseconds }
    set { commitInterval.set(newValue) }
  }

  /// Appends entries of Stele itself and waits until a checkpoint covers them. Returns the index behind the
  /// last.
  func recordCheckpointed(_ texts: [String]) throws(WriteError) -> UInt64 {
    let request = ControlRequest(texts)
    log.take(request)
    while true {
      let hasEnded = log.hasEnded
      if let end = request.end { return end }
      if hasEnded { throw log.failure ?? .daemon(path: log.path, reason: "it is being stopped") }
      Clock.sleep(nanoseconds: 2_000_000)
    }
  }

  /// Lets the next run begin another segment, and waits until the one before is sealed.
  func finishSegment() throws(WriteError) {
    log.requestRoll()
    // The first makes sure that there is something to end a segment with, the second begins the next.
    record(#"{"type":"heartbeat"}"#)
    while !log.hasRolled {
      if let failure = log.failure { throw failure }
      Clock.sleep(nanoseconds: 2_000_000)
    }
    var end: UInt64 = 0
    let isTaken = control.submit(#"{"type":"heartbeat"}"#) { [sequencer] in
      end = sequencer.end(behind: $0)
    }
    if !isTaken { throw log.failure ?? .daemon(path: log.path, reason: "it is being stopped") }
    while log.checkpointSize < end {
      if let failure = log.failure { throw failure }
      Clock.sleep(nanoseconds: 2_000_000)
    }
    try log.waitForSeals()
  }

  /// Replaces the log's origin key. Messages go on coming in; the writer pauses for the seal of a segment that
  /// has just begun.
  func rotate(to key: NextKeySource, reason: String?) throws(WriteError) -> RotationOutcome {
    let next = try NextKey(directory: log.path, keyPath: log.keyPath, key)
    try finishSegment()
    log.rotation.request(next, reason)
    // So that there is something to put a checkpoint over.
    record(#"{"type":"heartbeat"}"#)
    while true {
      if let outcome = log.rotation.takeOutcome() { return outcome }
      if let failure = log.failure { throw failure }
      Clock.sleep(nanoseconds: 2_000_000)
    }
  }

  /// Seals what would take long to seal, while messages still come in: so that a restart, during which nobody
  /// reads the sockets, is short however large the segment is. Call it before whoever fills slabs stops.
  public func sealAhead() throws(WriteError) {
    if log.gauges.openBytes > options.quickSeal { try finishSegment() } else { try log.waitForSeals() }
  }

  /// How far the choice of a source's format is; nil where the format is given.
  public func formatEvidence(_ source: Int) -> FormatEvidence? { formats.evidence(source) }

  /// Waits until everything submitted is parsed, at most `patience` nanoseconds, and chooses the format of
  /// sources that had too few lines to choose it earlier. Nothing may be filling slabs any more.
  public func settleFormats(_ patience: Int64 = 10_000_000_000) {
    let deadline = Clock.monotonic() + patience
    queue.hurry()
    while queue.usage.free < queue.slabCount, Clock.monotonic() < deadline, log.failure == nil {
      Clock.sleep(nanoseconds: 500_000)
    }
    formats.conclude()
    for choice in formats.takeChoices() { record(choice.record) }
  }

  /// Stores what is still on its way even if the disk is full: the room that was kept is for that.
  public func useReserve() { log.useReserve() }

  /// Whether nothing that was received is still on its way to the workers.
  var isDrained: Bool { queue.usage.free == queue.slabCount }

  /// Waits until everything in the queue is written and sealed. Nothing may be filling slabs any more.
  public func finish() throws(WriteError) {
    useReserve()
    queue.close()
    for thread in threads.withLock({ $0 }) { thread.join() }
    if let failure = log.failure { throw failure }
  }

  private func work(_ sources: SourceTable, _ plan: SegmentPlan) {
    do throws(CryptoError) {
      var worker = try Worker(sources, plan, formats, accounts, counters)
      try encodeRuns(&worker)
    } catch {
      formats.close()
      log.fail(.crypto(error))
    }
    exchange.workerEnded()
    if options.countsAfterFailure { discardRuns() }
  }

  /// After a failure, takes what still comes until nobody fills slabs any more.
  private func discardRuns() {
    while let batch = queue.nextBatch(BatchLimits(age: 0), assign: { _, _ in 0 }) { queue.recycle(batch) }
  }

  private func encodeRuns(_ worker: inout Worker) throws(CryptoError) {
    var holdsMemory = false
    while let block = exchange.takeEmpty() {
      var place: Sequencer.Place?
      let deadline = holdsMemory ? Clock.monotonic() + Self.idleTime : .max
      let limits = BatchLimits(age: commitInterval.nanoseconds)
      let batch = queue.nextBatch(limits, until: deadline) { messages, _ in
        let assigned = sequencer.assign(messages)
        place = assigned
        return assigned.firstIndex
      }
      guard var batch, let place else {
        exchange.recycle(block)
        if queue.isFinished { return }
        worker.releaseMemory()
        exchange.releaseMemory()
        Process.trimMemory()
        holdsMemory = false
        continue
      }
      holdsMemory = true
      sequencer.note(place.firstIndex, since: batch.since)
      do throws(CryptoError) { try worker.encode(&batch, of: queue, at: place, into: block) } catch {
        // Others wait for its slabs.
        queue.recycle(batch)
        throw error
      }
      recordFormats()
      queue.recycle(batch)
      exchange.put(block)
    }
  }

  /// Writes what has been chosen into the log, as soon as a slab is free: a worker must never wait for one.
  private func recordFormats() {
    let choices = formats.takeChoices()
    for (place, choice) in choices.enumerated()
    where !control.submit(choice.record, until: 0) {
      return formats.putBack(Array(choices[place...]))
    }
  }
}

/// Longest time a message waits for its `fdatasync`: set by one thread, asked for by others.
final class CommitInterval: Sendable {
  private let value: Atomic<Int64>

  init(_ nanoseconds: Int64) { value = Atomic(nanoseconds) }

  var nanoseconds: Int64 { value.load(ordering: .relaxed) }
  func set(_ nanoseconds: Int64) { value.store(nanoseconds, ordering: .relaxed) }
}

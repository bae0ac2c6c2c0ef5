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
  /// Bytes of all messages on their way.
  public var slabCount = 40

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
  private let formats: FormatLedger?
  private let log: PipelineLog
  private let exchange: BlockExchange
  private let sequencer: Sequencer
  private let options: PipelineOptions
  private let table: Mutex<SourceTable>
  private let threads = Mutex<[Thread]>([])

  /// How long a worker waits for messages before it gives back the memory of its columns, nanoseconds.
  private static let idleTime: Int64 = 5_000_000_000

  /// Starts the threads. `writer` belongs to the pipeline from here on. `stopped` is called once, from
  /// another thread, if writing fails: nothing is taken from the queue any more. `chosen` is called, on
  /// another thread too, when a source's format has been found out.
  public init(
    _ writer: sending LogWriter, _ sources: SourceTable, _ options: PipelineOptions = PipelineOptions(),
    stopped: @escaping @Sendable (WriteError) -> Void = { _ in },
    chosen: @escaping @Sendable (FormatChoice) -> Void = { _ in }
  ) throws(WriteError) {
    self.options = options
    let plan = if let open = writer.plan { open } else { try writer.makePlan() }
    do throws(SystemError) {
      queue = try SlabQueue(slabCount: options.slabCount, separatesControl: plan.key != nil)
    } catch { throw .system(error) }
    counters = ParseCounters(sources: sources.definitions.count)
    nextKey = writer.nextKey
    formats = FormatLedger(sources, next: writer.tree.size, chosen: chosen)
    sequencer = Sequencer(next: writer.tree.size, plan: plan, sources: sources)
    table = Mutex(sources)
    exchange = BlockExchange(
      blocks: (0..<options.workers + 2).map { _ in EncodedBlock(plan: plan) }, workers: options.workers)
    log = PipelineLog(writer, exchange, sequencer, queue, formats, options, stopped)
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

  /// Appends an entry of Stele itself: one object of JSON. False when the pipeline has ended.
  @discardableResult public func record(_ json: String) -> Bool { ControlText.submit(json, to: queue) }

  /// Gives a source another format: `record` becomes an entry, and messages in blocks behind that entry's are
  /// read with `definition`. False when the pipeline has ended.
  @discardableResult public func replace(_ source: Int, by definition: SourceDefinition, record: String)
    -> Bool
  {
    table.withLock { table in
      table.replace(source, by: definition)
      let changed = table
      return ControlText.submit(record, to: queue) { [sequencer] queued in
        sequencer.change(to: changed, behind: queued)
      }
    }
  }

  /// Appends entries of Stele itself and waits until a checkpoint covers them. Returns the index behind the
  /// last.
  func recordCheckpointed(_ texts: [String]) throws(WriteError) -> UInt64 {
    var end: UInt64 = 0
    for text in texts {
      let isTaken = ControlText.submit(text, to: queue) { [sequencer] in end = sequencer.end(behind: $0) }
      if !isTaken { throw log.failure ?? .daemon(path: log.path, reason: "it is being stopped") }
    }
    while log.checkpointSize < end {
      if let failure = log.failure { throw failure }
      Clock.sleep(nanoseconds: 2_000_000)
    }
    return end
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
    _ = try recordCheckpointed([#"{"type":"heartbeat"}"#])
    try log.waitForSeals()
  }

  /// How far the choice of a source's format is; nil where the format is given.
  public func formatEvidence(_ source: Int) -> FormatEvidence? { formats?.election(source)?.evidence }

  /// Waits until everything submitted is parsed, at most `patience` nanoseconds, and chooses the format of
  /// sources that had too few lines to choose it earlier. Nothing may be filling slabs any more.
  public func settleFormats(_ patience: Int64 = 10_000_000_000) {
    guard let formats else { return }
    let deadline = Clock.monotonic() + patience
    queue.hurry()
    while queue.usage.free < queue.slabCount, Clock.monotonic() < deadline, log.failure == nil {
      Clock.sleep(nanoseconds: 500_000)
    }
    formats.conclude()
    for choice in formats.takeChoices() { record(choice.record) }
  }

  /// Waits until everything in the queue is written and sealed. Nothing may be filling slabs any more.
  public func finish() throws(WriteError) {
    queue.close()
    for thread in threads.withLock({ $0 }) { thread.join() }
    if let failure = log.failure { throw failure }
  }

  private func work(_ sources: SourceTable, _ plan: SegmentPlan) {
    defer { exchange.workerEnded() }
    do throws(CryptoError) {
      var worker = try Worker(sources, plan, formats)
      try encodeRuns(&worker)
    } catch {
      formats?.close()
      log.fail(.crypto(error))
    }
  }

  private func encodeRuns(_ worker: inout Worker) throws(CryptoError) {
    let limits = BatchLimits(age: options.commitInterval)
    var holdsMemory = false
    while let block = exchange.takeEmpty() {
      var place: Sequencer.Place?
      let deadline = holdsMemory ? Clock.monotonic() + Self.idleTime : .max
      let batch = queue.nextBatch(limits, until: deadline) { messages, _ in
        let assigned = sequencer.assign(messages)
        place = assigned
        return assigned.firstIndex
      }
      guard let batch, let place else {
        exchange.recycle(block)
        if queue.isFinished { return }
        worker.releaseMemory()
        exchange.releaseMemory()
        Process.trimMemory()
        holdsMemory = false
        continue
      }
      holdsMemory = true
      try worker.encode(batch, at: place, into: block, counters)
      // While the batch is held, nobody takes the queue for settled.
      recordFormats()
      queue.recycle(batch)
      exchange.put(block)
    }
  }

  /// Writes what has been chosen into the log, as soon as a slab is free: a worker must never wait for one.
  private func recordFormats() {
    guard let formats else { return }
    let choices = formats.takeChoices()
    for (place, choice) in choices.enumerated()
    where !ControlText.submit(choice.record, to: queue, until: 0) {
      return formats.putBack(Array(choices[place...]))
    }
  }
}

/// Entries of Stele itself on their way into the log.
enum ControlText {
  /// `deadline` as in `SlabQueue.take`: the writer itself must never wait for a slab.
  static func submit(
    _ json: String, to queue: SlabQueue, until deadline: Int64? = nil,
    then: (_ queued: Int) -> Void = { _ in }
  ) -> Bool {
    guard var slab = queue.take(.datagrams, until: deadline) else { return false }
    guard let envelope = ControlEntry.envelope.withView({ slab.addEnvelope($0) }) else { return false }
    let isWritten = Array(json.utf8).withView {
      slab.append(
        $0, time: Clock.realtime(), source: 0, envelope: envelope,
        flags: FrameFlags(rawValue: ControlEntry.flags))
    }
    queue.submit(slab, then: then)
    return isWritten
  }
}

/// The writing end: the one thread that touches the log.
final class PipelineLog: Sendable {
  nonisolated(unsafe) private let writer: LogWriter
  private let exchange: BlockExchange
  private let sequencer: Sequencer
  private let queue: SlabQueue
  private let formats: FormatLedger?
  private let options: PipelineOptions
  private let stopped: @Sendable (WriteError) -> Void
  private let failed = Mutex<WriteError?>(nil)

  init(
    _ writer: sending LogWriter, _ exchange: BlockExchange, _ sequencer: Sequencer, _ queue: SlabQueue,
    _ formats: FormatLedger?, _ options: PipelineOptions, _ stopped: @escaping @Sendable (WriteError) -> Void
  ) {
    unsafe self.writer = writer
    self.exchange = exchange
    self.sequencer = sequencer
    self.queue = queue
    self.formats = formats
    self.options = options
    self.stopped = stopped
  }

  var failure: WriteError? { failed.withLock { $0 } }
  var durableIndex: UInt64 { unsafe writer.durableIndex }
  var path: String { unsafe writer.path }
  /// Size of the tree under the newest checkpoint; read by other threads.
  var checkpointSize: UInt64 { checkpointed.load(ordering: .acquiring) }
  private let checkpointed = Atomic<UInt64>(0)

  /// Lets the segment end with the next checkpoint; called by other threads.
  func requestRoll() { wantsRoll.store(true, ordering: .releasing) }
  /// Whether that has come.
  var hasRolled: Bool { !wantsRoll.load(ordering: .acquiring) }
  private let wantsRoll = Atomic(false)

  /// Waits until every finished segment is sealed; called by other threads.
  func waitForSeals() throws(WriteError) { try unsafe writer.waitForSeals() }

  /// Ends the pipeline after a failure. What is in the queue is lost, and what the log holds stays intact.
  func fail(_ error: WriteError) {
    let isFirst = failed.withLock { failed in
      defer { failed = failed ?? error }
      return failed == nil
    }
    exchange.close()
    queue.close()
    if isFirst { stopped(error) }
  }

  func run() {
    do throws(WriteError) {
      try writeBlocks()
      if failure == nil { try unsafe writer.close() }
      checkpointed.store(unsafe writer.checkpointSize, ordering: .releasing)
    } catch { fail(error) }
  }

  private func writeBlocks() throws(WriteError) {
    var lastCheckpoint = Clock.monotonic()
    var lastEntry = lastCheckpoint
    // The index kept back for the entry that the next checkpoint ends with, once one is due: blocks that were
    // given lower indexes are still on their way.
    var checkpointIndex: UInt64?
    while failure == nil {
      if checkpointIndex == (unsafe writer.tree.size) {
        try unsafe writer.checkpoint()
        checkpointed.store(unsafe writer.checkpointSize, ordering: .releasing)
        checkpointIndex = nil
        lastCheckpoint = Clock.monotonic()
      }
      let isDue = unsafe checkpointIndex == nil && writer.tree.size > writer.checkpointSize
      let deadline =
        isDue ? lastCheckpoint + options.checkpointInterval : lastEntry + options.heartbeatInterval
      switch exchange.take(unsafe writer.tree.size, until: deadline) {
      case .end: return
      case .timeout: break
      case .block(let block):
        try appendReady(block)
        lastEntry = Clock.monotonic()
      }
      if let failure = unsafe writer.sealFailure { throw failure }
      let now = Clock.monotonic()
      if checkpointIndex == nil, unsafe writer.tree.size > writer.checkpointSize {
        checkpointIndex = try reserve(isTime: now - lastCheckpoint >= options.checkpointInterval)
      }
      if now - lastEntry >= options.heartbeatInterval {
        lastEntry = now
        _ = ControlText.submit(#"{"type":"heartbeat"}"#, to: queue, until: 0)
      }
    }
  }

  /// The index of the next checkpoint's `key` entry, when a checkpoint is due: it is time, or the segment is
  /// full, which ends with one.
  private func reserve(isTime: Bool) throws(WriteError) -> UInt64? {
    var plan: SegmentPlan?
    let isFull = unsafe writer.shouldRoll(now: Clock.realtime()) || !hasRolled
    if unsafe isFull && !sequencer.isRolling(from: writer.plan) {
      plan = try unsafe writer.makePlan()
      wantsRoll.store(false, ordering: .releasing)
    }
    if plan == nil, !isTime { return nil }
    let index = sequencer.reserve(beginning: plan)
    formats?.finish(index, end: index + 1, [])
    return index
  }

  /// Appends the block and all that are ready behind it, then syncs once. However fast blocks come, the first
  /// does not wait longer than the commit interval.
  private func appendReady(_ first: EncodedBlock) throws(WriteError) {
    var next: EncodedBlock? = first
    let due = Clock.monotonic() + options.commitInterval
    while let block = next {
      try unsafe writer.append(block)
      exchange.recycle(block)
      next = nil
      if Clock.monotonic() >= due { break }
      if case .block(let ready) = exchange.take(unsafe writer.tree.size, until: 0) { next = ready }
    }
    try unsafe writer.commit()
  }
}

import Bytes
import Cryptography
import Intake
import MerkleLog
import Platform
import SegmentWriter
import Synchronization
import Syslog

/// The writing end: the one thread that touches the log.
final class PipelineLog: Sendable {
  nonisolated(unsafe) private let writer: LogWriter
  private let exchange: BlockExchange
  private let sequencer: Sequencer
  private let queue: SlabQueue
  private let control: ControlQueue
  private let formats: FormatLedger
  private let accounts: AccountLedger?
  private let counters: ParseCounters
  private let survivors: SurvivingCounts?
  private let options: PipelineOptions
  /// Each segment's end tells how far files are stored, though nothing of them is yet.
  let followsFiles: Atomic<Bool>
  private let commitInterval: CommitInterval
  private let stopped: @Sendable (WriteError) -> Void
  private let alarm: @Sendable (String) -> Void
  private let failed = Mutex<WriteError?>(nil)
  private let requests = Mutex<[ControlRequest]>([])

  init(
    _ writer: sending LogWriter, _ exchange: BlockExchange, _ sequencer: Sequencer, _ queue: SlabQueue,
    _ control: ControlQueue, _ formats: FormatLedger, _ accounts: AccountLedger?, _ counters: ParseCounters,
    _ survivors: SurvivingCounts?, _ options: PipelineOptions, _ commitInterval: CommitInterval,
    _ stopped: @escaping @Sendable (WriteError) -> Void, _ alarm: @escaping @Sendable (String) -> Void
  ) {
    checkpointed = Atomic(writer.checkpointSize)
    gauges = writer.gauges
    unsafe self.writer = writer
    self.counters = counters
    self.survivors = survivors
    self.exchange = exchange
    self.sequencer = sequencer
    self.queue = queue
    self.control = control
    self.formats = formats
    self.accounts = accounts
    self.options = options
    followsFiles = Atomic(options.followsFiles)
    self.commitInterval = commitInterval
    self.stopped = stopped
    self.alarm = alarm
  }

  var failure: WriteError? { failed.withLock { $0 } }
  var durableIndex: UInt64 { unsafe writer.durableIndex }
  var path: String { unsafe writer.path }
  var keyPath: String? { unsafe writer.keyPath }
  /// Size of the tree under the newest checkpoint; read by other threads.
  var checkpointSize: UInt64 { checkpointed.load(ordering: .acquiring) }
  private let checkpointed: Atomic<UInt64>
  /// When that was written (`Clock.monotonic()`).
  var checkpointTime: Int64 { checkpointMoment.load(ordering: .relaxed) }
  private let checkpointMoment = Atomic(Clock.monotonic())
  let gauges: WriterGauges

  /// Lets the segment end with the next checkpoint; called by other threads.
  func requestRoll() { wantsRoll.store(true, ordering: .releasing) }
  /// Whether that has come.
  var hasRolled: Bool { !wantsRoll.load(ordering: .acquiring) }
  private let wantsRoll = Atomic(false)

  /// Has entries appended with the next checkpoint, which comes at once; called by other threads.
  func take(_ request: ControlRequest) {
    requests.withLock { $0.append(request) }
    exchange.nudge()
  }

  /// Whether nothing is appended any more.
  var hasEnded: Bool { ended.load(ordering: .acquiring) }
  private let ended = Atomic(false)

  /// Ends waiting for room on the disk, for good; called by other threads.
  func useReserve() {
    isReserveFree.store(true, ordering: .releasing)
    exchange.nudge()
  }
  private let isReserveFree = Atomic(false)

  /// A change of the origin key that other threads ask for.
  let rotation = PendingRotation()

  /// Waits until every finished segment is sealed; called by other threads.
  func waitForSeals() throws(WriteError) { try unsafe writer.waitForSeals() }

  /// Ends the pipeline after a failure. What is in the queue is not stored, and what the log holds stays intact.
  func fail(_ error: WriteError) {
    let waiting = [sequencer.waitingSince, queue.backlog.since].compactMap { $0 }.min()
    let isFirst = failed.withLock { failed in
      defer { failed = failed ?? error }
      return failed == nil
    }
    if isFirst {
      let age = waiting.map { Clock.monotonic() - $0 } ?? 0
      oldest.store(Clock.realtime() - age, ordering: .relaxed)
    }
    exchange.close()
    if !options.countsAfterFailure { queue.close() }
    if isFirst { stopped(error) }
  }

  /// Blocks that were written, or half written, when writing failed, and that no `fdatasync` vouches for: the index
  /// behind each, and its entries by source.
  var unsynced: [(end: UInt64, tally: [Int])] { unsyncedBlocks.withLock { $0 } }
  private let unsyncedBlocks = Mutex<[(end: UInt64, tally: [Int])]>([])
  /// When the oldest message was received that was not durable then, nanoseconds since 1970 UTC.
  var oldestUnstored: Int64 { oldest.load(ordering: .relaxed) }
  private let oldest = Atomic<Int64>(0)

  func run() {
    defer { ended.store(true, ordering: .releasing) }
    do throws(WriteError) {
      try unsafe writer.keepReserve()
      try writeBlocks()
      // The room that was kept is for what comes now.
      try unsafe writer.releaseReserve()
      if failure == nil { try unsafe writer.close() }
      checkpointed.store(unsafe writer.checkpointSize, ordering: .releasing)
    } catch {
      // A name that is not there any more was there when the log was opened.
      guard case .system(let cause) = error, cause.errno == .noSuchFile else { return fail(error) }
      fail(.removed(path: cause.path))
    }
  }

  private func writeBlocks() throws(WriteError) {
    var lastCheckpoint = Clock.monotonic()
    var lastEntry = lastCheckpoint
    // Kept back for the entries that the next checkpoint ends with, once one is due: blocks that were given lower
    // indexes are still on their way.
    var place: CheckpointPlace?
    var disk = unsafe DiskWatch(reserve: writer.reserve.byteCount)
    var clock = ClockWatch()
    while failure == nil {
      if let due = place, due.first == (unsafe writer.tree.size) {
        if due.isRotation, let (key, reason, plan) = rotation.take() {
          rotation.finish(
            try unsafe writer.rotate(
              to: key, reason: reason, plan: plan, carryingPositions: due.carriesPositions))
        } else {
          try unsafe writer.checkpoint(recording: due.texts, carryingPositions: due.carriesPositions)
        }
        checkpointed.store(unsafe writer.checkpointSize, ordering: .releasing)
        due.finish()
        place = nil
        lastCheckpoint = Clock.monotonic()
        checkpointMoment.store(lastCheckpoint, ordering: .relaxed)
      }
      try look(&disk)
      let isDue = unsafe place == nil && writer.tree.size > writer.checkpointSize
      var deadline =
        isDue ? lastCheckpoint + options.checkpointInterval : lastEntry + options.heartbeatInterval
      if let patience = disk.patience { deadline = min(deadline, Clock.monotonic() + patience) }
      switch exchange.take(unsafe writer.tree.size, until: deadline) {
      case .end: return
      case .timeout: break
      case .block(let block):
        try appendReady(block)
        lastEntry = Clock.monotonic()
      }
      if let failure = unsafe writer.sealFailure { throw failure }
      let now = Clock.monotonic()
      if place == nil { place = try reserve(isTime: now - lastCheckpoint >= options.checkpointInterval) }
      // Everybody waits for room: a slab that they fill would only be one less.
      if disk.isFull { continue }
      if let step = clock.step() {
        tell(ClockWatch.record(step))
        if let text = ClockWatch.text(step) { alarm(text) }
      }
      if now - lastEntry >= options.heartbeatInterval {
        lastEntry = now
        tell(#"{"type":"heartbeat"}"#)
      }
    }
  }

  /// Appends an entry of Stele itself if there is a slab for it: this thread must never wait for one.
  private func tell(_ json: String) { _ = control.submit(json, until: 0) }

  /// Stands still while the disk is full, and goes on afterwards.
  private func look(_ disk: inout DiskWatch) throws(WriteError) {
    if isReserveFree.load(ordering: .acquiring) {
      if disk.isFull {
        try unsafe writer.releaseReserve()
        exchange.hold(false)
      }
      return
    }
    switch try unsafe disk.look(writer) {
    case .full(let text):
      exchange.hold(true)
      alarm(text)
    case .room(let text, let record):
      exchange.hold(false)
      alarm(text)
      take(ControlRequest([record]))
    case nil: break
    }
  }

  /// The place of the next checkpoint's entries, when one is due: somebody waits for it, or it is time, or the
  /// segment is full, which ends with one.
  private func reserve(isTime: Bool) throws(WriteError) -> CheckpointPlace? {
    if let place = try reserveRotation() { return place }
    let asked = requests.withLock { requests in
      defer { requests = [] }
      return requests
    }
    guard unsafe writer.tree.size > writer.checkpointSize || !asked.isEmpty else { return nil }
    var plan: SegmentPlan?
    let isFull = unsafe writer.shouldRoll || !hasRolled
    if unsafe isFull && !sequencer.isRolling(from: writer.plan) {
      plan = try unsafe writer.makePlan()
      wantsRoll.store(false, ordering: .releasing)
    }
    if plan == nil, !isTime, asked.isEmpty { return nil }
    // What is recorded may be that older segments, which told of files, are removed.
    let carries = (plan != nil || !asked.isEmpty) && carriesPositions
    let count = asked.reduce(carries ? 2 : 1) { $0 + $1.texts.count }
    return CheckpointPlace(first: keep(count, plan), requests: asked, carriesPositions: carries)
  }

  /// At a segment's end, and with what acts record, the positions of files stand in front of the key.
  private var carriesPositions: Bool {
    unsafe followsFiles.load(ordering: .acquiring) || !writer.positions.isEmpty
  }

  /// Keeps `count` places back for entries that the writer appends itself.
  private func keep(_ count: Int, _ plan: SegmentPlan?) -> UInt64 {
    let first = sequencer.reserve(count, beginning: plan)
    accounts?.pass(first, end: first + UInt64(count))
    formats.finish(first, end: first + UInt64(count))
    return first
  }

  /// The place of a change of the origin key, when one is asked for: the entries that end the segment, and, at the
  /// start of the next, the entry that says so with the `key` entry of its checkpoint.
  private func reserveRotation() throws(WriteError) -> CheckpointPlace? {
    guard rotation.isRequested,
      unsafe writer.tree.size > writer.checkpointSize && !sequencer.isRolling(from: writer.plan)
    else { return nil }
    let plan = try unsafe writer.makePlan()
    let carries = carriesPositions
    let first = keep(carries ? 4 : 3, plan)
    rotation.begin(plan)
    return CheckpointPlace(first: first, isRotation: true, carriesPositions: carries)
  }

  /// Appends the block and all that are ready behind it, then syncs once. However fast blocks come, the first
  /// does not wait longer than the commit interval.
  private func appendReady(_ first: EncodedBlock) throws(WriteError) {
    var next: EncodedBlock? = first
    let due = Clock.monotonic() + commitInterval.nanoseconds
    var count = 0
    while let block = next {
      unsyncedBlocks.withLock { $0.append((block.endIndex, block.tally)) }
      let statements = control.write(block.tally.first ?? 0)
      survivors?.note(block: block.endIndex, tally: block.tally, statements)
      try unsafe writer.append(block)
      exchange.recycle(block)
      next = nil
      count += 1
      if Clock.monotonic() >= due || count == SurvivingCounts.blocks { break }
      if case .block(let ready) = exchange.take(unsafe writer.tree.size, until: 0) { next = ready }
    }
    try unsafe writer.commit()
    survivors?.note(commit: unsafe writer.durableIndex, counters)
    sequencer.settle(unsafe writer.durableIndex)
    let synced = unsyncedBlocks.withLock { blocks in
      defer { blocks.removeAll(keepingCapacity: true) }
      return blocks
    }
    for (_, tally) in synced {
      counters.add(stored: tally)
      control.settle(tally.first ?? 0)
    }
  }
}

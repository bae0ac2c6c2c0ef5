import Bytes
import Cryptography
import MerkleLog
import Platform
import Segments
import Synchronization

/// When segments end, and how they are finished.
public struct WriterOptions: Sendable {
  /// Stored bytes at which a segment is finished.
  public var segmentByteLimit = 1 << 30
  /// Age at which a segment is finished, in nanoseconds.
  public var segmentAgeLimit: Int64 = 3_600_000_000_000
  /// Threads that check a finished segment before it is sealed.
  public var sealThreads = Parallel.processors
  /// The file with the private one-time keys; nil for the usual place beside the directory.
  public var keyStorePath: String?
  /// The file that the private key was read from; a rotation replaces it. Nil for one that is nobody's to
  /// replace.
  public var keyPath: String?
  /// Who may read messages; when there is nobody, they are stored in the clear.
  public var recipients: [Recipient] = []
  /// Bytes of the file system that are kept for the last entries, checkpoint and seal; 0: none.
  public var reserve = 0

  public init() {}
}

/// When a segment is finished: set by one thread, asked for by the writer's.
public final class SegmentLimits: Sendable {
  private let bytes: Atomic<Int>
  private let age: Atomic<Int64>

  init(bytes: Int, age: Int64) {
    self.bytes = Atomic(bytes)
    self.age = Atomic(age)
  }

  /// Stored bytes, and nanoseconds.
  public func set(bytes: Int, age: Int64) {
    self.bytes.store(bytes, ordering: .relaxed)
    self.age.store(age, ordering: .relaxed)
  }

  func areReached(bytes: Int, age: Int64) -> Bool {
    bytes >= self.bytes.load(ordering: .relaxed) || age >= self.age.load(ordering: .relaxed)
  }
}

/// Appends blocks to a log: the one writer of its directory.
///
/// Used by one thread. The order of what becomes durable is the order of the calls:
///
///     append    pwrite(block)                                     to NNN.open
///     commit    fdatasync                                         then, and only then, `durableIndex` moves
///     checkpoint  next one-time key to the key store; its `key` entry, commit; pread what was added since the
///                 last, recompute its chain, sign, replace `checkpoint`; erase the one-time key that signed
///     roll      checkpoint, hand NNN.open to the sealer, create the next: pwrite(header) fsync fsync(directory)
///
/// A call that throws leaves the writer unusable, and the file it was writing is not written to again: after
/// a failed fsync nobody knows what is on disk. The process ends, and the next one recovers.
public final class LogWriter {
  public let path: String
  /// The file with the private key, where there is one.
  public var keyPath: String? { options.keyPath }
  public let origin: KeyName
  let directory: Directory
  /// Room on the disk for the end.
  public let reserve: DiskReserve
  var key: OriginKey
  let options: WriterOptions
  let sealer: Sealer
  /// The log's verifier keys, as `vkey` has them.
  public internal(set) var logKeys: LogKeys
  private var keys: CheckpointKeys
  /// What the next `key` entry is to carry; other threads fill it.
  public let nextKey = NextKeyEntry()
  /// When segments are finished; other threads may set it.
  public let limits: SegmentLimits
  private let segmentKeys: any SegmentKeyStore

  /// The tree with every appended entry.
  public private(set) var tree: CompactRange
  /// Size of the tree that the published checkpoint signs.
  public private(set) var checkpointSize: UInt64
  /// Index behind the last entry that survives a power loss; read by other threads.
  public var durableIndex: UInt64 { durable.load(ordering: .acquiring) }
  private let durable: Atomic<UInt64>
  /// What it does, for those who watch it.
  public let gauges = WriterGauges()
  /// What recovery found and cut off.
  public let recovery: RecoveryReport
  /// Entries that were found, without those that opening the log has added.
  public let recoveredSize: UInt64

  /// How far followed files are stored.
  public private(set) var positions: PositionTable
  /// The last block of the segment that is being written says so.
  private var carriesPositions = false

  private var open: OpenSegment?
  /// The plan of the segment that is being written.
  public var plan: SegmentPlan? { open?.plan }
  private var previousID: SegmentID
  private var header = ByteBuffer()

  /// Opens the log in `directory`, takes its lock, and recovers what a crash left. `begin` may append what is to
  /// come before everything else: whoever is cut off in it finds the log as it was.
  public init(
    directory path: String, key: consuming SignerKey, options: WriterOptions = WriterOptions(),
    begin: (LogWriter) throws(WriteError) -> Void = { _ in }
  ) throws(WriteError) {
    SecureMemory.prepare()
    let directory = try Self.openDirectory(path)
    guard try system({ () throws(SystemError) in try directory.tryLock() }) else { throw .locked(path: path) }
    // On a full disk, opening the log must be possible: only then can old segments be removed.
    try system { () throws(SystemError) in
      let reserve = DiskReserve(byteCount: max(options.reserve, 1 << 20))
      if try reserve.isShort(directory) { try reserve.release(directory) }
    }
    var recovered = try Recovery.run(directory)
    let settled = try KeyRotationRecovery.settle(directory, recovered, key, options.keyPath)
    let key = settled.key
    let store = try KeyStore.open(
      options.keyStorePath ?? LogCreation.defaultKeyStorePath(path), origin: key.signer.name)
    keys = try KeyResumption.run(&recovered, directory, key, store)
    segmentKeys = store
    sealer = try Sealer(path, key, store, options, recovered)
    self.path = path
    origin = key.signer.name
    tree = recovered.tree
    recoveredSize = recovered.tree.size
    checkpointSize = recovered.checkpointSize
    logKeys = recovered.keys
    durable = Atomic(recovered.tree.size)
    previousID = recovered.lastID
    recovery = try recovered.reportWithKeys(segmentKeys)
    positions = try PositionRecovery.run(directory, recovered, segmentKeys)
    self.options = options
    reserve = DiskReserve(byteCount: options.reserve)
    limits = SegmentLimits(bytes: options.segmentByteLimit, age: options.segmentAgeLimit)
    self.directory = directory
    self.key = key
    try begin(self)
    if let epoch = recovered.epoch { try append(control: [epoch.text]) }
    // Once an encrypted segment is sealed, nobody here can read how far its lines go.
    if !recovered.unfinished.isEmpty, !positions.isEmpty {
      try append(control: [PositionsRecord(positions.all).text])
    }
    try checkpoint()
    try settled.replaced?.replace()
    for segment in recovered.unsettled { try Erasure.recover(self.directory, segment, logKeys) }
    for segment in recovered.unshredded { try Shredding.recover(self.directory, segment) }
    for segment in recovered.unfinished { sealer.enqueue(segment) }
  }

  /// A writer that is let go without `close` leaves the log as a crash would, but not before its background
  /// work has ended: the lock goes with the directory, and the next writer must be alone.
  deinit { sealer.stop() }

  /// A plan for the next segment.
  public func makePlan() throws(WriteError) -> SegmentPlan {
    try crypto { () throws(CryptoError) in try SegmentPlan(recipients: options.recipients) }
  }

  private static func openDirectory(_ path: String) throws(WriteError) -> Directory {
    do throws(SystemError) { return try Directory(path) } catch {
      throw error.errno == .noSuchFile ? .missing(path: path) : .system(error)
    }
  }

  /// Whether the segment that is being written has reached its size or age, so that the next block should
  /// belong to a new plan. However the system's clock is set, the age is the time that has passed.
  public var shouldRoll: Bool {
    guard let open else { return false }
    return limits.areReached(bytes: open.offset, age: Clock.monotonic() - open.plan.born)
  }

  /// Appends a block, which must continue the tree. Its plan decides the segment.
  public func append(_ block: EncodedBlock) throws(WriteError) {
    precondition(block.firstIndex == tree.size)
    if open?.plan !== block.plan { try roll(to: block.plan) }
    guard let open else { preconditionFailure("roll opens a segment") }
    tree.append(block.run)
    let blockHeader = BlockHeader(
      segment: open.plan.id, number: open.blockCount, firstIndex: block.firstIndex, contents: block.contents,
      storedByteCount: block.payload.count, previousChain: open.chain, tree: tree,
      isEncrypted: block.isEncrypted)
    header.removeAll()
    blockHeader.encode(to: &header)
    let chain = BlockHeader.chain(previous: open.chain, header: header.view, stored: block.payload.view)
    try open.append(header.view, block.payload.view, chain)
    carriesPositions = false
    if !block.positions.isEmpty { positions.apply(block.positions, time: block.contents.lastTime) }
    gauges.open.store(open.offset, ordering: .relaxed)
    gauges.blocks.record(Int64(block.payload.count))
  }

  /// Appends control entries, durable when this returns. With a plan they belong to its segment.
  public func append(control texts: [String], plan: SegmentPlan? = nil) throws(WriteError) {
    let plan = if let plan = plan ?? open?.plan { plan } else { try makePlan() }
    let block = EncodedBlock(plan: plan)
    try crypto { () throws(CryptoError) in
      try block.fill(control: texts, first: tree.size, time: Clock.realtime())
    }
    try append(block)
    try commit()
  }

  /// Makes everything appended durable.
  public func commit() throws(WriteError) {
    if let open, open.isDirty {
      let begun = Clock.monotonic()
      try open.synchronize()
      gauges.syncs.record(Clock.monotonic() - begun)
    }
    durable.store(tree.size, ordering: .releasing)
  }

  /// Signs and publishes the tree, if it grew since the last time, together with the entry that names the next
  /// one-time key, which is appended here behind what else is to be recorded. What is signed has been read back.
  ///
  /// With `carryingPositions` one more entry is appended, in front of that one: how far followed files are stored.
  /// That is for the last of a segment, and for an act that may take the segments away which said so.
  public func checkpoint(
    recording texts: [String] = [], carryingPositions: Bool = false
  ) throws(WriteError) {
    guard tree.size > checkpointSize || !texts.isEmpty || carryingPositions else { return }
    try open?.checkPresence()
    let next = try keys.keepNext(nextKey.take()).text
    try append(control: texts + (carryingPositions ? [PositionsRecord(positions.all).text] : []) + [next])
    if carryingPositions { carriesPositions = true }
    try open?.readBack()
    let checkpoint = Checkpoint(origin: origin, size: tree.size, root: tree.root)
    var signed = try key.sign(checkpoint)
    try keys.sign(&signed)
    try publish(signed, directory)
    checkpointSize = tree.size
    try keys.spend()
  }

  /// Ends the segment that is being written: it is sealed in the background, and the next block starts
  /// another. A checkpoint comes first: one that is older than a seal is then always one that was put back.
  public func finishSegment() throws(WriteError) {
    guard let open else { return }
    try checkpoint(carryingPositions: !positions.isEmpty && !carriesPositions)
    previousID = open.plan.id
    sealer.enqueue(FinishedSegment(firstIndex: open.firstIndex, named: keys.named))
    // All its blocks are encrypted; the sealer takes the key from the store.
    open.plan.key?.wipe()
    self.open = nil
    gauges.open.store(0, ordering: .relaxed)
  }

  private func roll(to plan: SegmentPlan) throws(WriteError) {
    try finishSegment()
    try keepKey(of: plan)
    carriesPositions = false
    open = try OpenSegment(directory, plan, origin: "\(origin)", previous: previousID, tree: tree)
  }

  /// Makes the key of an encrypted segment and its sidecar durable, in this order, before the segment's header
  /// is.
  private func keepKey(of plan: SegmentPlan) throws(WriteError) {
    guard let key = plan.key, let envelope = plan.envelope else { return }
    // Every place is taken while so many segments are being sealed.
    if try !segmentKeys.keep(key, of: tree.size) {
      try waitForSeals()
      guard try segmentKeys.keep(key, of: tree.size) else { throw .noRoomForKey(path: path) }
    }
    try Sidecar.write(directory, tree.size, envelope)
  }

  /// What failed in the background, if anything did. The writer should stop then.
  public var sealFailure: WriteError? { sealer.failure }

  /// Waits until every finished segment is sealed.
  public func waitForSeals() throws(WriteError) {
    sealer.drain()
    if let failure = sealer.failure { throw failure }
  }

  /// Writes the last checkpoint, seals everything, and gives the log back.
  public func close() throws(WriteError) {
    defer {
      sealer.stop()
      directory.unlock()
    }
    try finishSegment()
    try waitForSeals()
  }
}

/// What the next `key` entry is to carry beside the key. Filled by any thread; the writer takes it.
public final class NextKeyEntry: Sendable {
  private let additions = Mutex(KeyAdditions())

  init() {}

  /// Signature lines of witnesses under the newest checkpoint that they saw.
  public var cosignatures: [String] {
    get { additions.withLock { $0.cosignatures } }
    set { additions.withLock { $0.cosignatures = newValue } }
  }

  /// The newest time-stamp token.
  public var timestamp: TimestampRecord? {
    get { additions.withLock { $0.timestamp } }
    set { additions.withLock { $0.timestamp = newValue } }
  }

  func take() -> KeyAdditions {
    additions.withLock { additions in
      defer { additions = KeyAdditions() }
      return additions
    }
  }
}

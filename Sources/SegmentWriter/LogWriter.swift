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

  public init() {}
}

/// Appends blocks to a log: the one writer of its directory.
///
/// Used by one thread. The order of what becomes durable is the order of the calls:
///
///     append    pwrite(block)                                     to NNN.open
///     commit    fdatasync                                         then, and only then, `durableIndex` moves
///     checkpoint  pread what was added since the last, recompute its chain, sign, replace `checkpoint`
///     roll      checkpoint, hand NNN.open to the sealer, create the next: pwrite(header) fsync fsync(directory)
///
/// A call that throws leaves the writer unusable, and the file it was writing is not written to again: after
/// a failed fsync nobody knows what is on disk. The process ends, and the next one recovers.
public final class LogWriter {
  public let path: String
  public let origin: KeyName
  private let directory: Directory
  private let key: OriginKey
  private let options: WriterOptions
  private let sealer: Sealer

  /// The tree with every appended entry.
  public private(set) var tree: CompactRange
  /// Size of the tree that the published checkpoint signs.
  public private(set) var checkpointSize: UInt64
  /// Index behind the last entry that survives a power loss; read by other threads.
  public var durableIndex: UInt64 { durable.load(ordering: .acquiring) }
  private let durable: Atomic<UInt64>
  /// What recovery found and cut off.
  public let recovery: RecoveryReport

  private var open: OpenSegment?
  /// The plan of the segment that is being written.
  public var plan: SegmentPlan? { open?.plan }
  private var previousID: SegmentID
  private var header = ByteBuffer()

  /// Opens the log in `directory`, takes its lock, and recovers what a crash left.
  public init(directory path: String, key: consuming SignerKey, options: WriterOptions = WriterOptions())
    throws(WriteError)
  {
    let directory = try Self.openDirectory(path)
    guard try system({ () throws(SystemError) in try directory.tryLock() }) else { throw .locked(path: path) }
    let key = OriginKey(key)
    let recovered = try Recovery.run(directory, key.signer.verifier)
    sealer = try Sealer(path, key, options, recovered)
    self.path = path
    origin = key.signer.name
    tree = recovered.tree
    checkpointSize = recovered.checkpointSize
    durable = Atomic(recovered.tree.size)
    previousID = recovered.lastID
    recovery = recovered.report
    self.options = options
    self.directory = directory
    self.key = key
    if !recovered.unfinished.isEmpty { try checkpoint() }
    for segment in recovered.unfinished { sealer.enqueue(segment) }
  }

  /// A writer that is let go without `close` leaves the log as a crash would, but not before its background
  /// work has ended: the lock goes with the directory, and the next writer must be alone.
  deinit { sealer.stop() }

  private static func openDirectory(_ path: String) throws(WriteError) -> Directory {
    do throws(SystemError) { return try Directory(path) } catch {
      throw error.errno == .noSuchFile ? .missing(path: path) : .system(error)
    }
  }

  /// Whether the segment that is being written has reached its size or age, so that the next block should
  /// belong to a new plan.
  public func shouldRoll(now: Int64) -> Bool {
    guard let open else { return false }
    return open.offset >= options.segmentByteLimit || now - open.plan.created >= options.segmentAgeLimit
  }

  /// Appends a block, which must continue the tree. Its plan decides the segment.
  public func append(_ block: EncodedBlock) throws(WriteError) {
    precondition(block.firstIndex == tree.size)
    if open?.plan !== block.plan { try roll(to: block.plan) }
    guard let open else { preconditionFailure("roll opens a segment") }
    tree.append(block.run)
    let blockHeader = BlockHeader(
      segment: open.plan.id, number: open.blockCount, firstIndex: block.firstIndex, contents: block.contents,
      storedByteCount: block.payload.count, previousChain: open.chain, tree: tree)
    header.removeAll()
    blockHeader.encode(to: &header)
    let chain = BlockHeader.chain(previous: open.chain, header: header.view, stored: block.payload.view)
    try open.append(header.view, block.payload.view, chain)
  }

  /// Appends control entries, durable when this returns.
  public func append(control texts: [String]) throws(WriteError) {
    let plan: SegmentPlan
    if let open {
      plan = open.plan
    } else {
      plan = try crypto { () throws(CryptoError) in try SegmentPlan() }
    }
    let block = EncodedBlock(plan: plan)
    try crypto { () throws(CryptoError) in
      try block.fill(control: texts, first: tree.size, time: Clock.realtime())
    }
    try append(block)
    try commit()
  }

  /// Makes everything appended durable.
  public func commit() throws(WriteError) {
    try open?.synchronize()
    durable.store(tree.size, ordering: .releasing)
  }

  /// Signs and publishes the tree as it is, if it grew since the last time. What is signed has been read
  /// back.
  public func checkpoint() throws(WriteError) {
    guard tree.size > checkpointSize else { return }
    try commit()
    try open?.readBack()
    let checkpoint = Checkpoint(origin: origin, size: tree.size, root: tree.root)
    let signed = try note(FileNames.checkpoint) { () throws(NoteError) in
      try SignedCheckpoint(checkpoint, signedBy: key.signer)
    }
    try signed.note.bytes.withView { (bytes) throws(WriteError) in
      try system { () throws(SystemError) in
        try directory.replaceFile(FileNames.checkpoint, with: bytes, mode: 0o444)
      }
    }
    checkpointSize = tree.size
  }

  /// Ends the segment that is being written: it is sealed in the background, and the next block starts
  /// another. A checkpoint comes first: one that is older than a seal is then always one that was put back.
  public func finishSegment() throws(WriteError) {
    guard let open else { return }
    try checkpoint()
    previousID = open.plan.id
    sealer.enqueue(open.firstIndex)
    self.open = nil
  }

  private func roll(to plan: SegmentPlan) throws(WriteError) {
    try finishSegment()
    open = try OpenSegment(directory, plan, origin: "\(origin)", previous: previousID, tree: tree)
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
    try checkpoint()
    try finishSegment()
    try waitForSeals()
  }
}

/// The private key, shared by the threads that sign.
final class OriginKey: Sendable {
  let signer: SignerKey
  init(_ signer: consuming SignerKey) { self.signer = signer }
}

import Bytes
import Cryptography
import MerkleLog
import Platform
import Segments

/// What recovery did, for the first control entry after a start.
public struct RecoveryReport: Sendable, Equatable {
  /// Bytes behind the last whole block that were copied to `NNN.torn` and cut off.
  public var tornBytes = 0
  /// Segments that were not finished when the writer before ended.
  public var unfinishedSegments = 0
  /// Why the one-time keys had to begin anew, if they had to.
  public var keyEpoch: KeyEpochRecord.Reason?
  /// First indexes of unfinished segments that are encrypted, and whose key is lost: they are sealed as they
  /// are, without being decoded.
  public var unreadSegments: [UInt64] = []
}

/// The state from which a writer continues.
struct RecoveredLog: Sendable {
  var tree = CompactRange()
  var checkpointSize: UInt64 = 0
  /// The published checkpoint.
  var checkpoint: SignedNote?
  /// The origin keys, as the directory names them, and as the last segment says in addition.
  var keys: LogKeys
  /// The last segment begins with a rotation that the directory's keys do not tell of yet.
  var isRotationPending = false
  /// The first one-time key, as the directory names it.
  var firstKey: PublicKey
  var trail: KeyTrail
  /// Begins a new epoch of checkpoint keys, to be appended before anything else; nil when the chain goes on.
  var epoch: KeyEpochRecord?
  /// The newest segment's id, and the newest seal.
  var lastID = SegmentID(high: 0, low: 0)
  var lastSeal: Seal?
  /// The seal of the segment before, when its file was removed.
  var removed: Seal?
  /// Segments that must still be sealed, in order.
  var unfinished: [FinishedSegment] = []
  /// First indexes of those of them that are encrypted.
  var encrypted: [UInt64] = []
  /// First indexes of sealed segments whose amendment a crash may have left half made.
  var unsettled: [UInt64] = []
  /// First indexes of sealed segments whose key somebody was about to destroy.
  var unshredded: [UInt64] = []
  var report = RecoveryReport()
}

/// A segment to which nothing is added any more.
struct FinishedSegment: Sendable {
  var firstIndex: UInt64
  /// What the last entry before its end says that names a key for a checkpoint.
  var named: NamedKey
}

/// Brings a log directory that a crash may have left in any state to one from which writing can go on.
///
/// Only bytes behind the last whole block of an open segment are ever cut off, and only when no checkpoint
/// covers them; they are copied to `NNN.torn` first. Anything else that is wrong stops the writer with the
/// place.
struct Recovery: ~Copyable {
  private var log: RecoveredLog

  static func run(_ directory: borrowing Directory) throws(WriteError) -> RecoveredLog {
    let keys = try keys(directory)
    guard let first = keys.first?.publicKey else { throw .noFirstKey(path: directory.path) }
    var recovery = Recovery(log: RecoveredLog(keys: keys, firstKey: first, trail: KeyTrail(first: first)))
    try recovery.readCheckpoint(directory)
    try recovery.readSegments(directory)
    if recovery.log.tree.size < recovery.log.checkpointSize {
      throw .damaged(
        file: FileNames.name(recovery.log.tree.size, .open), offset: 0,
        reason: "the checkpoint covers \(recovery.log.checkpointSize) entries, but only "
          + "\(recovery.log.tree.size) are here; some are missing")
    }
    return recovery.log
  }

  /// The log's keys, as the directory names them.
  static func keys(_ directory: borrowing Directory) throws(WriteError) -> LogKeys {
    let text = try read(directory, FileNames.verifierKey, limit: LogKeys.sizeLimit)
    guard let text else { throw .missing(path: directory.path) }
    do throws(KeyError) { return try LogKeys(text.view) } catch {
      throw .key(file: FileNames.verifierKey, error)
    }
  }

  static func read(
    _ directory: borrowing Directory, _ name: String, limit: Int
  ) throws(WriteError) -> ByteBuffer? {
    do throws(SystemError) { return try directory.readFile(name, limit: limit) } catch {
      if error.errno == .noSuchFile { return nil }
      throw .system(error)
    }
  }

  private mutating func readCheckpoint(_ directory: borrowing Directory) throws(WriteError) {
    guard let bytes = try Self.read(directory, FileNames.checkpoint, limit: SignedNote.maximumSize) else {
      return
    }
    let signed = try note(FileNames.checkpoint) { () throws(NoteError) in
      try SignedCheckpoint(bytes.view, keys: log.keys)
    }
    log.checkpointSize = signed.checkpoint.size
    log.checkpoint = signed.note
  }

  // MARK: Segments

  private mutating func readSegments(_ directory: borrowing Directory) throws(WriteError) {
    let names = try system { () throws(SystemError) in try directory.names() }
    var kinds: [UInt64: Set<FileNames.Kind>] = [:]
    for name in names {
      if let (index, kind) = FileNames.parse(name) { kinds[index, default: []].insert(kind) }
    }
    log.unsettled = kinds.keys.filter { index in
      kinds[index]?.contains(.segment) == true
        && (kinds[index]?.contains(.rewrite) == true || names.contains(Amendment.pendingName(index)))
    }
    log.unshredded = kinds.keys.filter { index in
      kinds[index]?.contains(.segment) == true && names.contains(Shredding.pendingName(index))
    }
    let kept = kinds.filter { !$0.value.isDisjoint(with: [.segment, .open]) }.keys.min() ?? 0
    let indexes = kinds.keys.filter { !(kinds[$0] ?? []).subtracting([.torn, .cms]).isEmpty }.sorted()
    for (place, index) in indexes.enumerated() {
      guard let kinds = kinds[index]?.subtracting([.torn, .cms]) else { continue }
      if index < kept, kinds.contains(.seal) {
        try readRemoved(directory, index)
      } else if kinds.contains(.segment) {
        try readFinished(directory, index, kinds)
      } else if kinds.contains(.open) {
        let next = place + 1 < indexes.count ? indexes[place + 1] : nil
        try readOpen(directory, index, kinds, next: next)
      } else if kinds == [.rewrite] {
        try remove(directory, index, .rewrite)
      } else {
        throw .damaged(
          file: FileNames.name(index, .segment), offset: 0, reason: "the sealed segment is not here")
      }
    }
    // The crash came before the header of the segment that the key is for.
    for (index, all) in kinds where all == [.cms] && index >= log.tree.size {
      try remove(directory, index, .cms)
    }
  }

  private func remove(_ directory: borrowing Directory, _ index: UInt64, _ kind: FileNames.Kind)
    throws(WriteError)
  {
    try system { () throws(SystemError) in
      try directory.remove(FileNames.name(index, kind))
      try directory.synchronize()
    }
  }

  /// A finished segment is believed by its seal; `verify` reads it whole. What the rename left over is
  /// removed.
  private mutating func readFinished(
    _ directory: borrowing Directory, _ index: UInt64, _ kinds: Set<FileNames.Kind>
  ) throws(WriteError) {
    let name = FileNames.name(index, .segment)
    let seal = try Self.readSeal(directory, index, log.keys)
    let amendment = try Erasure.amendment(directory, FileNames.name(index, .amendment), log.keys)
    let isUnsettled = log.unsettled.contains(index)
    try enter(directory, index, name)
    let before = log.tree.size
    log.tree = try Self.mapped(directory, name) { (view) throws(WriteError) in
      do throws(DecodeError) {
        let header = try SegmentHeader.decode(view).header
        let footer = try SegmentFooter.decode(view).footer
        guard let last = footer.blocks.last, header.firstIndex == before, header.id == seal.segment,
          view.count == amendment?.byteCount ?? seal.byteCount || isUnsettled
        else { throw DecodeError(.invalid, at: view.count) }
        let block = try BlockHeader(view.dropFirst(min(last.offset, view.count)))
        guard block.endIndex == seal.endIndex, block.tree.root == seal.root
        else { throw DecodeError(.invalid, at: last.offset) }
        return block.tree
      } catch {
        throw .damaged(file: name, offset: error.offset, reason: "the segment does not agree with its seal")
      }
    }
    log.lastID = seal.segment
    log.lastSeal = seal
    log.trail.take(seal)
    for kind in [FileNames.Kind.open] where kinds.contains(kind) {
      try remove(directory, index, kind)
    }
  }

  /// A segment that was removed by age or size: its seal stands for it. Whether that was allowed, `verify`
  /// judges.
  private mutating func readRemoved(_ directory: borrowing Directory, _ index: UInt64) throws(WriteError) {
    let seal = try Self.readSeal(directory, index, log.keys)
    log.removed = seal
    log.lastID = seal.segment
    log.lastSeal = seal
    log.trail.take(seal)
  }

  /// Behind segments that were removed, the first that is there says which tree it continues; the last seal
  /// signs its root.
  private mutating func enter(
    _ directory: borrowing Directory, _ index: UInt64, _ name: String
  ) throws(WriteError) {
    guard let seal = log.removed else { return }
    log.removed = nil
    log.tree = try Self.mapped(directory, name) { (view) throws(WriteError) in
      guard let tree = try? SegmentHeader.decode(view).header.tree, tree.size == seal.endIndex,
        tree.root == seal.root
      else {
        throw .damaged(
          file: name, offset: 0, reason: "the segment does not continue the removed ones before it")
      }
      return tree
    }
  }

  static func readSeal(
    _ directory: borrowing Directory, _ index: UInt64, _ keys: LogKeys
  ) throws(WriteError) -> Seal {
    let name = FileNames.name(index, .seal)
    guard let bytes = try read(directory, name, limit: SignedNote.maximumSize)
    else { throw .damaged(file: name, offset: 0, reason: "the seal of a finished segment is not here") }
    let seal = try note(name) { () throws(NoteError) -> Seal? in
      let note = try SignedNote(bytes.view)
      guard let seal = note.text.withView({ Seal($0) }) else { return nil }
      try note.verify(with: keys, at: seal.endIndex)
      return seal
    }
    guard let seal else {
      throw .damaged(file: name, offset: 0, reason: "this is no seal with the log's signature")
    }
    return seal
  }

  private static func mapped<R>(
    _ directory: borrowing Directory, _ name: String, _ body: (ByteView) throws(WriteError) -> R
  ) throws(WriteError) -> R {
    let file = try system { () throws(SystemError) in try MappedFile(try directory.openFile(name)) }
    return try body(file.view)
  }

  // MARK: Open segments

  /// What an open segment holds.
  private struct OpenTail {
    /// Offset behind the last whole block; nil when there is not one.
    var end: Int?
    /// Offset behind the last block that the checkpoint covers.
    var vouched = 0
    /// The header is whole and nothing stands behind it.
    var isFresh = false
    var isEncrypted = false
    /// Size of the file.
    var size: Int
    var tree: CompactRange
    var id: SegmentID
    var trail: KeyTrail
    /// The rotation of the origin key that the segment begins with.
    var rotation: WrittenControlEntry?
  }

  private mutating func readOpen(
    _ directory: borrowing Directory, _ index: UInt64, _ kinds: Set<FileNames.Kind>,
    next: UInt64?
  ) throws(WriteError) {
    let name = FileNames.name(index, .open)
    if kinds.contains(.rewrite), !kinds.contains(.seal) { try remove(directory, index, .rewrite) }
    try enter(directory, index, name)
    let before = log.tree.size
    guard index == before
    else { throw .damaged(file: name, offset: 0, reason: "the entries from \(before) on are missing") }
    let log = self.log
    let tail = try Self.mapped(directory, name) { (view) throws(WriteError) in try Self.scan(view, name, log)
    }
    guard let end = tail.end else {
      guard log.checkpointSize <= before, !kinds.contains(.seal)
      else { throw .damaged(file: name, offset: 0, reason: "the segment has no readable block") }
      if !tail.isFresh { try cut(directory, index, at: 0, size: tail.size) }
      try remove(directory, index, .open)
      return try remove(directory, index, .cms)
    }
    // Behind the blocks there may be the footer, whole or torn; the sealer writes it anew.
    if end < tail.size, !kinds.contains(.seal) {
      // Where the next segment follows on, the checkpoint may cover that one too, for sealing takes its time.
      let isComplete = tail.tree.size == next
      guard isComplete || log.checkpointSize <= tail.tree.size
      else { throw .damaged(file: name, offset: end, reason: "no whole block follows") }
      try cut(directory, index, at: end, size: tail.size, isFooter: isComplete)
    }
    try system { () throws(SystemError) in
      try Self.makeDurable(directory, name, kinds.contains(.seal) ? end..<end : tail.vouched..<end)
    }
    if let entry = tail.rotation { try take(entry, name) }
    self.log.tree = tail.tree
    self.log.lastID = tail.id
    self.log.trail = tail.trail
    self.log.unfinished.append(FinishedSegment(firstIndex: index, named: tail.trail.named))
    if tail.isEncrypted { self.log.encrypted.append(index) }
    self.log.report.unfinishedSegments += 1
  }

  /// A rotation that the directory's keys do not tell of, for a crash came between.
  private mutating func take(_ entry: WrittenControlEntry, _ name: String) throws(WriteError) {
    guard let rotation = KeyRotationRecord(entry.json)?.rotation, rotation.index <= entry.index else {
      throw .damaged(
        file: name, offset: 0, reason: "the entry that replaces the log's key is not signed by both keys")
    }
    if rotation.index < entry.index || log.keys.rotations.contains(rotation) { return }
    guard log.keys.isFollowed(by: rotation) else {
      throw .damaged(
        file: name, offset: 0, reason: "the entry that replaces the log's key does not follow the last key")
    }
    log.keys.rotate(rotation)
    log.isRotationPending = true
  }

  /// Walks the blocks. Those behind the checkpoint are read whole, for nothing has vouched for them yet.
  private static func scan(_ view: ByteView, _ name: String, _ log: RecoveredLog) throws(WriteError)
    -> OpenTail
  {
    guard var scan = try? SegmentScan(view)
    else {
      return OpenTail(end: nil, size: view.count, tree: log.tree, id: log.lastID, trail: log.trail)
    }
    guard scan.header.tree == log.tree
    else { throw .damaged(file: name, offset: 0, reason: "the segment does not continue the one before it") }
    var tail = OpenTail(
      end: nil, isFresh: scan.offset == view.count, size: view.count, tree: log.tree, id: scan.header.id,
      trail: log.trail)
    tail.isEncrypted = scan.header.isEncrypted
    var blocks: [ScannedBlock] = []
    while case .block(let block)? = try? scan.next() {
      if block.header.endIndex > log.checkpointSize, !block.isIntact() { break }
      tail.end = block.end
      if block.header.endIndex <= log.checkpointSize { tail.vouched = block.end }
      tail.tree = block.header.tree
      blocks.append(block)
    }
    tail.trail.take(blocks)
    tail.rotation = blocks.first.flatMap { ControlEntries.rotation(in: $0) }
    return tail
  }

  /// What is found counts as durable from now on, but the writer before need not have synced it; and where a
  /// sync failed, the kernel takes pages for written that the disk never saw, and another sync writes nothing.
  /// So what no checkpoint vouches for is written once more.
  private static func makeDurable(_ directory: borrowing Directory, _ name: String, _ doubtful: Range<Int>)
    throws(SystemError)
  {
    // A file that is about to get its last name may be read-only already.
    let file = try directory.openFile(name, doubtful.isEmpty ? .read : .readWrite)
    var buffer = ByteBuffer()
    var offset = doubtful.lowerBound
    while offset < doubtful.upperBound {
      buffer.removeAll()
      try file.read(min(doubtful.upperBound - offset, 1 << 20), at: offset, appendingTo: &buffer)
      if buffer.isEmpty { break }
      try file.write(buffer.view, at: offset)
      offset += buffer.count
    }
    try file.synchronize()
    try directory.synchronize()
  }

  /// Copies what stands from `offset` on to the `.torn` file and cuts it off, unless it is a footer.
  private mutating func cut(
    _ directory: borrowing Directory, _ index: UInt64, at offset: Int, size: Int, isFooter: Bool = false
  ) throws(WriteError) {
    let name = FileNames.name(index, .open)
    let torn = FileNames.name(index, .torn)
    var isFooter = isFooter
    if offset < size, !isFooter {
      isFooter = try Self.mapped(directory, name) { (view) throws(WriteError) in
        let tail = view.dropFirst(offset)
        if tail.count >= 4, offset > 0, tail.load32(at: 0) == SegmentFooter.magic { return true }
        try system { () throws(SystemError) in try directory.replaceFile(torn, with: tail) }
        return false
      }
    }
    if !isFooter { log.report.tornBytes += size - offset }
    try system { () throws(SystemError) in
      let file = try directory.openFile(name, .readWrite)
      try file.truncate(to: offset)
      try file.synchronize()
    }
  }
}

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
}

/// The state from which a writer continues.
struct RecoveredLog: Sendable {
  var tree = CompactRange()
  var checkpointSize: UInt64 = 0
  /// The newest segment's id, and the hash of the newest seal.
  var lastID = SegmentID(high: 0, low: 0)
  var lastSeal: Digest?
  /// First indexes of segments that must still be sealed, in order.
  var unfinished: [UInt64] = []
  var report = RecoveryReport()
}

/// Brings a log directory that a crash may have left in any state to one from which writing can go on.
///
/// Only bytes behind the last whole block of an open segment are ever cut off, and only when no checkpoint
/// covers them; they are copied to `NNN.torn` first. Anything else that is wrong stops the writer with the
/// place.
struct Recovery: ~Copyable {
  private var log = RecoveredLog()

  static func run(_ directory: borrowing Directory, _ key: VerifierKey) throws(WriteError) -> RecoveredLog {
    try checkKey(directory, key)
    var recovery = Recovery()
    recovery.log.checkpointSize = try checkpointSize(directory, key)
    try recovery.readSegments(directory, key)
    if recovery.log.tree.size < recovery.log.checkpointSize {
      throw .damaged(
        file: FileNames.name(recovery.log.tree.size, .open), offset: 0,
        reason: "the checkpoint covers \(recovery.log.checkpointSize) entries, but only "
          + "\(recovery.log.tree.size) are here; some are missing")
    }
    return recovery.log
  }

  private static func checkKey(_ directory: borrowing Directory, _ key: VerifierKey) throws(WriteError) {
    let line = try read(directory, FileNames.verifierKey, limit: 4096)
    guard let line else { throw .missing(path: directory.path) }
    let expected: VerifierKey
    do throws(KeyError) { expected = try VerifierKey(line.view) } catch {
      throw .key(file: FileNames.verifierKey, error)
    }
    if expected != key {
      throw .wrongKey(path: directory.path, expected: "\(expected)", found: "\(key)")
    }
  }

  private static func read(
    _ directory: borrowing Directory, _ name: String, limit: Int
  ) throws(WriteError) -> ByteBuffer? {
    do throws(SystemError) { return try directory.readFile(name, limit: limit) } catch {
      if error.errno == .noSuchFile { return nil }
      throw .system(error)
    }
  }

  private static func checkpointSize(_ directory: borrowing Directory, _ key: VerifierKey) throws(WriteError)
    -> UInt64
  {
    guard let bytes = try read(directory, FileNames.checkpoint, limit: SignedNote.maximumSize) else {
      return 0
    }
    return try note(FileNames.checkpoint) { () throws(NoteError) in
      try SignedCheckpoint(bytes.view, key: key).checkpoint.size
    }
  }

  // MARK: Segments

  private mutating func readSegments(_ directory: borrowing Directory, _ key: VerifierKey) throws(WriteError)
  {
    let names = try system { () throws(SystemError) in try directory.names() }
    var kinds: [UInt64: Set<FileNames.Kind>] = [:]
    for name in names {
      if let (index, kind) = FileNames.parse(name) { kinds[index, default: []].insert(kind) }
    }
    for index in kinds.keys.sorted() {
      guard let kinds = kinds[index], kinds != [.torn] else { continue }
      if kinds.contains(.segment) {
        try readFinished(directory, index, key, kinds)
      } else if kinds.contains(.open) {
        try readOpen(directory, index, key, kinds)
      } else if kinds == [.rewrite] {
        try remove(directory, index, .rewrite)
      } else {
        throw .damaged(
          file: FileNames.name(index, .segment), offset: 0, reason: "the sealed segment is not here")
      }
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
    _ directory: borrowing Directory, _ index: UInt64, _ key: VerifierKey, _ kinds: Set<FileNames.Kind>
  ) throws(WriteError) {
    let name = FileNames.name(index, .segment)
    let seal = try Self.readSeal(directory, index, key)
    let before = log.tree.size
    log.tree = try Self.mapped(directory, name) { (view) throws(WriteError) in
      do throws(DecodeError) {
        let header = try SegmentHeader.decode(view).header
        let footer = try SegmentFooter.decode(view).footer
        guard let last = footer.blocks.last, header.firstIndex == before, view.count == seal.byteCount
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
    log.lastSeal = seal.textHash
    for kind in [FileNames.Kind.open, .rewrite] where kinds.contains(kind) {
      try remove(directory, index, kind)
    }
  }

  static func readSeal(
    _ directory: borrowing Directory, _ index: UInt64, _ key: VerifierKey
  ) throws(WriteError) -> Seal {
    let name = FileNames.name(index, .seal)
    guard let bytes = try read(directory, name, limit: SignedNote.maximumSize)
    else { throw .damaged(file: name, offset: 0, reason: "the seal of a finished segment is not here") }
    let signed = try note(name) { () throws(NoteError) in
      let note = try SignedNote(bytes.view)
      return (text: note.text, keys: try note.verify(with: [key]))
    }
    guard !signed.keys.isEmpty, let seal = signed.text.withView({ Seal($0) })
    else { throw .damaged(file: name, offset: 0, reason: "this is no seal with the log's signature") }
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
    /// The header is whole and nothing stands behind it.
    var isFresh = false
    /// Size of the file.
    var size: Int
    var tree: CompactRange
    var id: SegmentID
  }

  private mutating func readOpen(
    _ directory: borrowing Directory, _ index: UInt64, _ key: VerifierKey, _ kinds: Set<FileNames.Kind>
  ) throws(WriteError) {
    let name = FileNames.name(index, .open)
    if kinds.contains(.rewrite), !kinds.contains(.seal) { try remove(directory, index, .rewrite) }
    let before = log.tree.size
    guard index == before
    else { throw .damaged(file: name, offset: 0, reason: "the entries from \(before) on are missing") }
    // What is found here counts as durable from now on, but a writer that was killed need not have synced it.
    try system { () throws(SystemError) in
      try directory.openFile(name).synchronize()
      try directory.synchronize()
    }
    let log = self.log
    let tail = try Self.mapped(directory, name) { (view) throws(WriteError) in try Self.scan(view, name, log)
    }
    guard let end = tail.end else {
      guard log.checkpointSize <= before, !kinds.contains(.seal)
      else { throw .damaged(file: name, offset: 0, reason: "the segment has no readable block") }
      if !tail.isFresh { try cut(directory, index, at: 0, size: tail.size) }
      return try remove(directory, index, .open)
    }
    // Behind the blocks there may be the footer, whole or torn; the sealer writes it anew.
    if end < tail.size, !kinds.contains(.seal) {
      guard log.checkpointSize <= tail.tree.size
      else { throw .damaged(file: name, offset: end, reason: "no whole block follows") }
      try cut(directory, index, at: end, size: tail.size)
    }
    self.log.tree = tail.tree
    self.log.lastID = tail.id
    self.log.unfinished.append(index)
    self.log.report.unfinishedSegments += 1
  }

  /// Walks the blocks. Those behind the checkpoint are read whole, for nothing has vouched for them yet.
  private static func scan(_ view: ByteView, _ name: String, _ log: RecoveredLog) throws(WriteError)
    -> OpenTail
  {
    guard var scan = try? SegmentScan(view)
    else { return OpenTail(end: nil, size: view.count, tree: log.tree, id: log.lastID) }
    guard scan.header.tree == log.tree
    else { throw .damaged(file: name, offset: 0, reason: "the segment does not continue the one before it") }
    var tail = OpenTail(
      end: nil, isFresh: scan.offset == view.count, size: view.count, tree: log.tree, id: scan.header.id)
    while case .block(let block)? = try? scan.next() {
      if block.header.endIndex > log.checkpointSize, !block.isIntact() { break }
      tail.end = block.end
      tail.tree = block.header.tree
    }
    return tail
  }

  /// Copies what stands from `offset` on to the `.torn` file and cuts it off, unless it is a footer.
  private mutating func cut(_ directory: borrowing Directory, _ index: UInt64, at offset: Int, size: Int)
    throws(WriteError)
  {
    let name = FileNames.name(index, .open)
    let torn = FileNames.name(index, .torn)
    var isFooter = false
    if offset < size {
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

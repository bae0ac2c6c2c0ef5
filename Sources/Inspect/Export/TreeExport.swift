import Bytes
import Cryptography
import MerkleLog
import Platform
import SegmentReader
import Segments

/// Writes a log's tree as static files (C2SP tlog-tiles), so that anybody can audit it with any
/// implementation, and sees no log line: entries are the 52 bytes that leaf hashes are made of.
///
///     checkpoint                      the log's own
///     tile/<level>/<index>[.p/<w>]    hashes
///     tile/entries/<index>[.p/<w>]    entries: each u16 = 52, big-endian, and the 52 bytes
///
/// A directory that holds an earlier state is brought up to date: only what came since is read from the log.
/// Files are never changed once a checkpoint covers them. The checkpoint is replaced last, when all that it
/// covers is durable, and the hashes have led to its root.
///
/// Of encrypted blocks neither entries nor leaf hashes are kept in the clear, for both come from the messages:
/// the reader needs the key of a recipient.
public struct TreeExport: ~Copyable {
  /// What an export did.
  public struct Outcome: Equatable, Sendable {
    /// Number of entries under the checkpoint that was there before, and under that which is there now.
    public var previousSize: UInt64
    public var size: UInt64
    /// Where an export that was just begun had to begin, because the log holds nothing older (the minimum
    /// index of C2SP tlog-tiles): tiles and bundles that end at or before it are not there.
    public var firstIndex: UInt64
    /// Files written, without the checkpoint.
    public var files: Int
  }

  private static let entrySize = 2 + SHA256.entrySize

  private let reader: LogReader
  private let path: String
  private var directory: ExportDirectory
  private var edge = TileEdge()
  /// The entries of the last bundle, which is not full yet.
  private var bundle = ByteBuffer(capacity: TilePath.fullWidth * Self.entrySize)

  /// Exports the tree under the log's checkpoint to the directory at `path`, which is made when it is not
  /// there. Its parent must exist.
  public static func run(_ reader: LogReader, to path: String) throws(ExportError) -> Outcome {
    var export = try TreeExport(reader, path)
    return try export.run()
  }

  private init(_ reader: LogReader, _ path: String) throws(ExportError) {
    self.reader = reader
    self.path = path
    let opened: ExportDirectory?
    do throws(SystemError) { opened = try ExportDirectory.open(path) } catch { throw .system(error) }
    guard let directory = opened else { throw .locked(path: path) }
    self.directory = directory
  }

  private mutating func run() throws(ExportError) -> Outcome {
    guard let signed = reader.checkpoint else { throw .log(.notCommitted(index: 0, size: 0)) }
    let goal = signed.checkpoint
    let previous = try previousCheckpoint(goal)
    if let previous { try resume(previous) } else { try begin(goal) }
    let (oldSize, firstIndex) = (previous?.size ?? 0, previous == nil ? edge.size : 0)
    let old = edge.partialTiles.map(\.path)
    try appendEntries(to: goal.size)
    guard edge.tree?.root == goal.root else { throw .log(.rootMismatch(size: goal.size)) }
    do throws(SystemError) {
      for tile in edge.partialTiles { try directory.write(tile.path, tile.hashes) }
      if !bundle.isEmpty { try directory.write(Self.bundle(goal.size), bundle.view) }
      let checkpoint = signed.note.bytes
      if try directory.checkpoint() != checkpoint { try directory.publish(checkpoint) }
      for path in old where path.index < TilePath.fullTiles(level: path.level, size: goal.size) {
        try directory.removePartials(of: TilePath(path.kind, index: path.index))
        if path.level == 0 { try directory.removePartials(of: TilePath(.entries, index: path.index)) }
      }
    } catch { throw .system(error) }
    return Outcome(
      previousSize: oldSize, size: goal.size, firstIndex: firstIndex, files: directory.fileCount)
  }

  // MARK: Where it begins

  /// The checkpoint that was published before; one that the log cannot follow is refused.
  private func previousCheckpoint(_ goal: Checkpoint) throws(ExportError) -> Checkpoint? {
    let bytes: [UInt8]?
    do throws(SystemError) { bytes = try directory.checkpoint() } catch { throw .system(error) }
    guard let bytes else { return nil }
    let previous: Checkpoint
    do throws(NoteError) {
      previous = try bytes.withView { (bytes) throws(NoteError) in
        try SignedNote(bytes).text.withView { (text) throws(NoteError) in try Checkpoint(text) }
      }
    } catch { throw .damaged(path: path) }
    guard previous.origin == goal.origin else { throw .otherLog(path: path, origin: "\(previous.origin)") }
    guard previous.size <= goal.size else { throw .newer(size: previous.size, ours: goal.size) }
    return previous
  }

  /// Goes on behind what was exported before, which must lead to the checkpoint that was published.
  private mutating func resume(_ previous: Checkpoint) throws(ExportError) {
    guard let entries = lastBundle(previous.size), let edge = lastTiles(previous.size),
      edge.tree?.root == previous.root
    else { throw .damaged(path: path) }
    for row in 0..<entries.count / Self.entrySize {
      let entry = entries.view[row * Self.entrySize + 2, (row + 1) * Self.entrySize]
      guard SHA256.leaf(entry: entry) == edge.levels[0][row] else { throw .damaged(path: path) }
    }
    self.edge = edge
    bundle.append(entries.view)
  }

  private static func bundle(_ size: UInt64) -> TilePath {
    TilePath(.entries, index: size >> 8, width: TilePath.partialWidth(level: 0, size: size))
  }

  /// The entries of the partial bundle at a size.
  private func lastBundle(_ size: UInt64) -> ByteBuffer? {
    let width = TilePath.partialWidth(level: 0, size: size)
    return width == 0 ? ByteBuffer() : directory.read(Self.bundle(size), count: width * Self.entrySize)
  }

  /// The partial tiles at a size; nil when one of them is not there.
  private func lastTiles(_ size: UInt64) -> TileEdge? {
    var tile: [Digest] = []
    return try? TileEdge(size: size) { (level, index) throws(ExportError) in
      if index & 255 == 0 {
        let width = TilePath.partialWidth(level: level / 8, size: size)
        let path = TilePath(.hashes(level: level / 8), index: index >> 8, width: width)
        guard let bytes = directory.read(path, count: width * Digest.size) else {
          throw .damaged(path: self.path)
        }
        tile = (0..<width).map { Digest(bytes.view, at: $0 * Digest.size) }
      }
      return tile[Int(index & 255)]
    }
  }

  /// Begins with the first whole group of 256 entries that the log still holds.
  private mutating func begin(_ goal: Checkpoint) throws(ExportError) {
    let first = (reader.firstIndex + 255) & ~255
    guard first <= goal.size else { throw .nothingLeft(first: reader.firstIndex) }
    var hashes = LogHashes(reader, size: goal.size)
    do throws(LogError) {
      edge = try TileEdge(size: first) { (level, index) throws(LogError) in
        try hashes.hash(level: level, index: index)
      }
    } catch { throw .log(error) }
  }

  // MARK: Entries

  /// Reads the log's entries up to an index, and writes what comes to be full.
  private mutating func appendEntries(to end: UInt64) throws(ExportError) {
    var entries = ByteBuffer()
    while edge.size < end {
      entries.removeAll()
      do throws(LogError) {
        let (file, number) = try reader.locate(edge.size)
        var block = try file.block(number)
        try block.loadAll()
        try block.appendEntries(edge.size..<min(end, block.endIndex), to: &entries)
      } catch { throw .log(error) }
      for start in stride(from: 0, to: entries.count, by: SHA256.entrySize) {
        try append(entries.view[start, start + SHA256.entrySize])
      }
    }
  }

  private mutating func append(_ entry: ByteView) throws(ExportError) {
    bundle.append(littleEndian: UInt16(SHA256.entrySize).byteSwapped)
    bundle.append(entry)
    let full = edge.append(SHA256.leaf(entry: entry))
    if full.isEmpty { return }
    do throws(SystemError) {
      for tile in full { try directory.write(tile.path, tile.hashes) }
      try directory.write(TilePath(.entries, index: full[0].path.index), bundle.view)
    } catch { throw .system(error) }
    bundle.removeAll()
  }
}

extension TilePath {
  /// Level of the hashes; 0 for entries.
  fileprivate var level: Int {
    if case .hashes(let level) = kind { level } else { 0 }
  }
}

/// Why a tree could not be exported.
public enum ExportError: Error, Equatable, Sendable {
  case log(LogError)
  case system(SystemError)
  /// Another process is exporting to the directory.
  case locked(path: String)
  /// The directory holds the tree of another log.
  case otherLog(path: String, origin: String)
  /// The directory holds a checkpoint of a larger tree than the log's own.
  case newer(size: UInt64, ours: UInt64)
  /// What is in the directory does not lead to the checkpoint in it.
  case damaged(path: String)
  /// The log holds no whole group of 256 entries from here on.
  case nothingLeft(first: UInt64)
}

extension ExportError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .log(let error): error.description
    case .system(let error): error.description
    case .locked(let path): "\(path): another process is exporting to it"
    case .otherLog(let path, let origin): "\(path): holds the tree of another log, \(origin)"
    case .newer(let size, let ours):
      "a checkpoint of size \(size) was exported, but the log's covers \(ours): the log was rolled back to an "
        + "earlier state; run `stele verify --checkpoint` with the exported one"
    case .damaged(let path):
      "\(path): the tiles do not lead to the checkpoint beside them; export to another directory and compare"
    case .nothingLeft(let first):
      "the log begins with entry \(first), inside its last bundle of 256, which can only be exported whole"
    }
  }
}

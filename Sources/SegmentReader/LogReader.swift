import Bytes
import Cryptography
import MerkleLog
import Platform
import Segments
import Synchronization

/// A log as it was when it was opened: its entries by index and by time. Files are mapped when first needed.
///
/// May be used by several threads, and while the log is being written.
public final class LogReader: Sendable {
  public let directory: LogDirectory
  /// The log's verifier keys: those that were given, or the directory's own.
  public let keys: LogKeys
  /// The checkpoint at opening; nil in a log whose creation did not finish.
  public let checkpoint: SignedCheckpoint?
  /// First index of every segment, in order.
  public let firstIndexes: [UInt64]
  private let recipient: RecipientKey?
  /// The last segment as an earlier reader saw it.
  private let earlier: SegmentFile?
  private let ownKeys: (@Sendable (_ firstIndex: UInt64) -> SegmentKey?)?
  private let opened = Mutex<[UInt64: SegmentFile]>([:])

  /// Opens the log in `path`. Without keys, the directory's own are believed. With that of a recipient, what
  /// was encrypted to it is read too; with the host's own, what is not sealed yet. `earlier`, a segment of the
  /// same log that was being written then, makes reading it again cheap.
  public init(
    _ path: String, keys: LogKeys? = nil, recipient: RecipientKey? = nil, earlier: SegmentFile? = nil,
    ownKeys: (@Sendable (_ firstIndex: UInt64) -> SegmentKey?)? = nil
  ) throws(LogError) {
    self.recipient = recipient
    self.earlier = earlier
    self.ownKeys = ownKeys
    directory = try LogDirectory(path)
    // Before the listing: what the checkpoint covers must then be listed.
    let published = try directory.checkpoint(keys)
    self.keys = published.keys
    checkpoint = published.signed
    firstIndexes = try directory.files().kept.map(\.firstIndex)
  }

  /// Opens the log in `path`, whose one origin key that is.
  public convenience init(
    _ path: String, key: VerifierKey, recipient: RecipientKey? = nil
  ) throws(LogError) {
    try self.init(path, keys: LogKeys(origin: key), recipient: recipient)
  }

  /// Number of entries under the checkpoint.
  public var committedSize: UInt64 { checkpoint?.checkpoint.size ?? 0 }
  public var segmentCount: Int { firstIndexes.count }
  public var firstIndex: UInt64 { firstIndexes.first ?? 0 }

  /// Index behind the last readable entry.
  public func endIndex() throws(LogError) -> UInt64 {
    for number in firstIndexes.indices.reversed() {
      // A crash can leave a last file without even a header.
      if number == firstIndexes.count - 1, firstIndexes[number] >= committedSize {
        guard let file = try? segment(number) else { continue }
        return file.endIndex
      }
      return try segment(number).endIndex
    }
    return 0
  }

  /// The segment with that number, counted from the oldest that is there.
  public func segment(_ number: Int) throws(LogError) -> SegmentFile {
    let firstIndex = firstIndexes[number]
    if let file = opened.withLock({ $0[firstIndex] }) { return file }
    let file = try open(firstIndex)
    return opened.withLock { opened in
      if let other = opened[firstIndex] { return other }
      opened[firstIndex] = file
      return file
    }
  }

  private func open(_ firstIndex: UInt64) throws(LogError) -> SegmentFile {
    // Finishing renames the file; between two attempts that can happen twice.
    for _ in 0..<4 {
      for kind in [FileNames.Kind.segment, .open, .rewrite] {
        do throws(LogError) {
          return try SegmentFile(
            directory, firstIndex, kind, committed: committedSize, recipient: recipient, earlier: earlier,
            ownKeys: ownKeys)
        } catch .system(let error) where error.errno == .noSuchFile {
          continue
        }
      }
    }
    throw .noSegment(index: firstIndex)
  }

  /// The number of the segment that would hold the entry with that index; nil before the first.
  public func segmentNumber(of index: UInt64) -> Int? {
    guard let first = firstIndexes.first, index >= first else { return nil }
    var (low, high) = (0, firstIndexes.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if firstIndexes[middle] <= index { low = middle } else { high = middle }
    }
    return low
  }

  /// Where the entry with that index is.
  public func locate(_ index: UInt64) throws(LogError) -> (file: SegmentFile, block: Int) {
    if let number = segmentNumber(of: index) {
      let file = try segment(number)
      if let block = file.blockNumber(of: index) { return (file, block) }
      if number + 1 < firstIndexes.count { throw .noSegment(index: index) }
    }
    throw .noEntry(index: index, first: firstIndex, end: try endIndex())
  }

  /// A block and the segment it is in, by number.
  public struct BlockPlace: Hashable, Sendable {
    public var segment: Int
    public var block: Int

    /// A place, each number counted from 0.
    public init(segment: Int, block: Int) {
      self.segment = segment
      self.block = block
    }
  }

  /// The blocks that may hold entries received in `[since, until)`, nanoseconds since 1970 UTC, in index
  /// order. Clocks step: neither blocks nor entries are in order of time.
  public func blocks(since: Int64 = .min, until: Int64 = .max) throws(LogError) -> [BlockPlace] {
    var places: [BlockPlace] = []
    for segment in 0..<segmentCount {
      let isLast = segment == segmentCount - 1
      if isLast, firstIndexes[segment] >= committedSize, (try? self.segment(segment)) == nil { break }
      for (number, block) in try self.segment(segment).blocks.enumerated()
      where block.contents.lastTime >= since && block.contents.firstTime < until {
        places.append(BlockPlace(segment: segment, block: number))
      }
    }
    return places
  }

  /// Opens a block.
  public func block(_ place: BlockPlace) throws(LogError) -> SegmentBlock {
    try segment(place.segment).block(place.block)
  }

  /// The entry with that index, whole.
  public func entry(_ index: UInt64) throws(LogError) -> LogEntry {
    let (file, number) = try locate(index)
    var block = try file.block(number)
    try block.loadAll()
    return try LogEntry(block, row: Int(index - block.firstIndex))
  }
}

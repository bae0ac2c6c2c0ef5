import Bytes
import Cryptography
import Events
import Platform
import SegmentReader
import Segments

/// Follows a log while it is written: gives the blocks that checkpoints have come to cover, each entry once and
/// in order, over the ends of segments, restarts of the writer and the removal of old segments.
public struct LogFollower {
  /// What has come.
  public struct News {
    public fileprivate(set) var blocks: [SearchBlock] = []
    /// Entries that are encrypted and cannot be read with the keys at hand.
    public fileprivate(set) var closed = 0
    /// Entries that were removed from the log before they could be given.
    public fileprivate(set) var missed: UInt64 = 0
    /// What the blocks lie in.
    fileprivate var files: [SegmentFile] = []

    /// Searches the blocks, as `SearchRun.run` does.
    public func search(
      _ query: SearchQuery, output: SearchOutput,
      write: @escaping @Sendable (ByteView) throws(SystemError) -> Void
    ) throws(SystemError) -> SearchSummary {
      defer { withExtendedLifetime(files) {} }
      return try SearchRun.run(
        blocks, query, output: output, threads: min(blocks.count, Parallel.processors), write: write)
    }

    /// Calls `body` with the newest `limit` messages, the blocks of the newest first. What cannot be decoded is
    /// passed over.
    public func forEachMessage(newest limit: Int, _ body: (borrowing Event, EntryMetadata) -> Void) {
      defer { withExtendedLifetime(files) {} }
      let search = BlockSearch(SearchQuery())
      var event = Event()
      var left = limit
      for block in blocks.reversed() where left > 0 {
        do throws(DecodeError) {
          guard var hits = try search.hits(in: block) else { continue }
          hits.keepLast(left)
          left -= hits.count
          try hits.load()
          for number in 0..<hits.count {
            try hits.fill(&event, number)
            body(event, hits.metadata(number))
          }
        } catch { continue }
      }
    }
  }

  private let directory: LogDirectory
  private let recipient: RecipientKey?
  /// Index of the first entry that was not given yet.
  public private(set) var next: UInt64
  private var checkpoint: [UInt8]?
  private var last: SegmentFile?

  /// Gives the entries of a log from index `next` on.
  public init(_ directory: LogDirectory, from next: UInt64, recipient: RecipientKey? = nil) {
    self.directory = directory
    self.recipient = recipient
    self.next = next
  }

  /// What has come since the last call. Cheap when that is nothing.
  public mutating func poll() throws(LogError) -> News {
    var news = News()
    let signed = try directory.read(FileNames.checkpoint, limit: 1 << 20)
    if signed == nil || signed == checkpoint { return news }
    let reader = try LogReader(directory.path, recipient: recipient, earlier: last)
    let end = reader.committedSize
    if next < reader.firstIndex {
      news.missed = reader.firstIndex - next
      next = reader.firstIndex
    }
    while next < end, let number = reader.segmentNumber(of: next) {
      let file = try reader.segment(number)
      let covered = min(file.endIndex, end)
      // The checkpoint may be newer than the listing.
      if covered <= next { break }
      add(file, until: covered, to: &news)
      next = covered
      last = file
    }
    if next >= end { checkpoint = signed }
    return news
  }

  /// Adds the blocks with entries from `next` on.
  private func add(_ file: SegmentFile, until end: UInt64, to news: inout News) {
    news.files.append(file)
    for number in (file.blockNumber(of: next) ?? 0)..<file.blocks.count {
      let place = file.blocks[number]
      if place.firstIndex >= end { break }
      guard var block = SearchBlock(file, number) else {
        news.closed += place.contents.count
        continue
      }
      block.skipped = next > place.firstIndex ? Int(next - place.firstIndex) : 0
      news.blocks.append(block)
    }
  }
}

import SegmentReader
import Segments

extension LogReader {
  /// All blocks of the log in index order, for a search. They are valid as long as this reader.
  public func searchBlocks() throws(LogError) -> [SearchBlock] {
    var found: [SearchBlock] = []
    for number in 0..<segmentCount {
      // A crash can leave a last file without even a header.
      let isLast = number == segmentCount - 1 && firstIndexes[number] >= committedSize
      guard let file = isLast ? try? segment(number) : try segment(number) else { break }
      found.reserveCapacity(found.count + file.blocks.count)
      for place in file.blocks.indices { if let block = SearchBlock(file, place) { found.append(block) } }
    }
    return found
  }
}

extension SearchBlock {
  /// A block of a segment, which must outlive it; nil when it is encrypted and there is no key.
  public init?(_ file: SegmentFile, _ number: Int) {
    if file.isClosed(number) { return nil }
    let block = file.blocks[number]
    self.init(
      payload: file.payload(number), count: block.contents.count, rawByteCount: block.contents.rawByteCount,
      firstIndex: block.firstIndex, firstTime: block.contents.firstTime, lastTime: block.contents.lastTime,
      erased: file.erasedRows(number))
    if let key = file.key, file.isEncrypted(number) {
      encryption = Encryption(segment: file.header.id, key: key)
    }
  }
}

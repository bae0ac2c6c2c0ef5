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
      for (place, block) in file.blocks.enumerated() {
        found.append(
          SearchBlock(
            payload: file.payload(place), count: block.contents.count,
            rawByteCount: block.contents.rawByteCount,
            firstIndex: block.firstIndex, firstTime: block.contents.firstTime,
            lastTime: block.contents.lastTime))
      }
    }
    return found
  }
}

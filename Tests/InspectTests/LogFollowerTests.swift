import Bytes
import Inspect
import SegmentReader
import Synchronization
import TestSupport
import Testing

@Suite struct LogFollowerTests {
  private static func text(_ news: LogFollower.News) throws -> String {
    let found = Mutex<[UInt8]>([])
    _ = try news.search(SearchQuery(entries: .all), output: .raw) { bytes in
      found.withLock { $0 += bytes.array }
    }
    return String(decoding: found.withLock { $0 }, as: UTF8.self)
  }

  /// Blocks of ten entries. Whoever follows may have come to the middle of one: segments are rewritten into
  /// larger blocks when they end.
  @Test(arguments: [[FinishStage.finished, .open], [.open], [.finished]])
  func whatIsBehindAnIndexIsGivenOnce(_ stages: [FinishStage]) throws {
    try withTemporaryDirectory { path in
      let log = try buildLog(path, stages)
      for start in 0...log.entries.count {
        var follower = LogFollower(try LogDirectory(path), from: UInt64(start))
        let expected = log.entries[start...].map { String(decoding: $0.raw, as: UTF8.self) + "\n" }.joined()
        #expect(try Self.text(try follower.poll()) == expected, "from \(start)")
        #expect(follower.next == UInt64(log.entries.count))
        #expect(try follower.poll().blocks.isEmpty)
      }
    }
  }

  @Test func nothingIsGivenThatNoCheckpointCovers() throws {
    try withTemporaryDirectory { path in
      let log = try buildLog(path, [.finished, .open], checkpoint: 30)
      var follower = LogFollower(try LogDirectory(path), from: 25)
      let expected = log.entries[25..<30].map { String(decoding: $0.raw, as: UTF8.self) + "\n" }.joined()
      #expect(try Self.text(try follower.poll()) == expected)
      #expect(follower.next == 30)
    }
  }
}

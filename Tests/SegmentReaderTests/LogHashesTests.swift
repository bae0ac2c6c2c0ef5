import Bytes
import Cryptography
import MerkleLog
import SegmentReader
import Segments
import TestSupport
import Testing

@Suite struct LogHashesTests {
  static let shortcuts: [LogHashes.Shortcuts] = [.all, [.tiles], [.footers], [.headers], []]

  /// Segments that end inside groups of 256, blocks that do too, and an open one at the end.
  static func build(_ path: String) throws -> LogBuilder {
    let log = try LogBuilder(path)
    var number = 0
    for (count, stage) in [(200, FinishStage.finished), (300, .finished), (12, .finished), (400, .open)] {
      for part in [count / 3, count - count / 3] {
        try log.append(LogBuilder.lines(part, from: number))
        number += part
      }
      try log.finish(stage)
    }
    try log.writeCheckpoint()
    return log
  }

  static func root(_ leaves: ArraySlice<Digest>) -> Digest {
    if leaves.count == 1 { return leaves[leaves.startIndex] }
    let middle = leaves.startIndex + leaves.count / 2
    return SHA256.node(root(leaves[..<middle]), root(leaves[middle...]))
  }

  @Test func everyNodeIsThatOfTheLeaves() throws {
    try withTemporaryDirectory { path in
      let log = try Self.build(path)
      let reader = try LogReader(path)
      let count = log.leaves.count
      for shortcuts in Self.shortcuts {
        var hashes = LogHashes(reader, size: UInt64(count), using: shortcuts)
        try hashes.learnHeaders(around: 400)
        for level in 0..<10 {
          for index in 0..<(count >> level) where level > 3 || index % 13 == 0 {
            let wanted = Self.root(log.leaves[index << level..<(index + 1) << level])
            #expect(try hashes.hash(level: level, index: UInt64(index)) == wanted, "\(level) \(index)")
          }
        }
      }
    }
  }

  @Test func proofsOfEverySizeLeadToTheRoot() throws {
    try withTemporaryDirectory { path in
      let log = try Self.build(path)
      let reader = try LogReader(path)
      for size in [1, 2, 255, 256, 257, 500, 512, 700, 912] {
        var tree = CompactRange()
        for leaf in log.leaves.prefix(size) { tree.append(leaf) }
        for index in stride(from: 0, to: size, by: 61) {
          var hashes = LogHashes(reader, size: UInt64(size))
          try hashes.learnHeaders(around: UInt64(index))
          let proof = try InclusionProof(index: UInt64(index), size: UInt64(size), from: &hashes)
          try proof.verify(leaf: log.leaves[index], root: tree.root)
        }
      }
    }
  }

  /// The cache is used where it may be, and only there.
  @Test func tilesAreReadWhenTheyMayBe() throws {
    try withTemporaryDirectory { path in
      let log = try LogBuilder(path)
      // Blocks as large as they may be, of lines as short as can be: a full tile of level 1 takes 65,536
      // entries.
      let entry = TestEntry(
        raw: [0x78], envelope: [0], metadata: EntryMetadata(time: 1, source: 1, flags: 2, kind: .received))
      for count in [30_001, 36_000] {
        try log.append([TestEntry](repeating: entry, count: count))
        try log.finish()
      }
      try log.writeCheckpoint()
      try log.writeTiles()
      let reader = try LogReader(path)
      let size = UInt64(log.leaves.count)
      let good = Self.root(log.leaves[..<65_536])
      let group = Self.root(log.leaves[256 * 9..<256 * 10])
      for shortcuts in Self.shortcuts {
        var hashes = LogHashes(reader, size: size, using: shortcuts)
        #expect(try hashes.hash(level: 8, index: 9) == group)
        if shortcuts != [] { #expect(try hashes.hash(level: 16, index: 0) == good) }
      }
      let tile = "tile/1/000"
      var bytes = try readTree(path)[tile] ?? []
      #expect(bytes.count == 8192)
      bytes[9 * 32] ^= 1
      try log.write(bytes, to: tile)
      var hashes = LogHashes(reader, size: size, using: .all)
      #expect(try hashes.hash(level: 8, index: 9) != group)
      for shortcuts in [LogHashes.Shortcuts.headers, [.footers]] {
        var hashes = LogHashes(reader, size: size, using: shortcuts)
        #expect(try hashes.hash(level: 8, index: 9) == group)
      }
      // A tile that is cut off is none.
      try log.write(Array(bytes.prefix(8191)), to: tile)
      var others = LogHashes(reader, size: size, using: .all)
      #expect(try others.hash(level: 8, index: 9) == group)
      // One that the tree is too small for is not looked at, whatever it holds.
      try log.write(bytes, to: tile)
      var smaller = LogHashes(reader, size: 65_535, using: .all)
      #expect(try smaller.hash(level: 8, index: 9) == group)
    }
  }
}

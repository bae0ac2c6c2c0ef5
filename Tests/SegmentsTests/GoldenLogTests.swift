// A log that was written by the first version of the format, and that every later program must read.
//
// Fixtures/segments/v1 is made by `MAKE_GOLDEN=1 swift test --filter GoldenLog`, once: the generator refuses
// to write into a folder that exists. A new version of the format gets a folder of its own.
import Bytes
import Cryptography
import Foundation
import MerkleLog
import Segments
import Testing

@Suite struct GoldenLogTests {
  private static let folder = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Fixtures/segments/v1")

  /// What the generator makes is read back whole; so is what it once made, if it is there.
  @Test func everyEntryOfTheGeneratedLogIsReadBack() throws {
    let log = try GoldenLog.make()
    if ProcessInfo.processInfo.environment["MAKE_GOLDEN"] == "1" {
      try FileManager.default.createDirectory(
        at: Self.folder.deletingLastPathComponent(), withIntermediateDirectories: true)
      try FileManager.default.createDirectory(at: Self.folder, withIntermediateDirectories: false)
      for (name, bytes) in log.files { try Data(bytes).write(to: Self.folder.appendingPathComponent(name)) }
    }
    try Self.check(log.files)
  }

  @Test(
    .enabled(if: FileManager.default.fileExists(atPath: folder.path), "there is no Fixtures/segments/v1 yet"))
  func everyEntryOfTheFirstVersionIsReadBack() throws {
    var files: [String: [UInt8]] = [:]
    for name in try FileManager.default.contentsOfDirectory(atPath: Self.folder.path) {
      files[name] = [UInt8](try Data(contentsOf: Self.folder.appendingPathComponent(name)))
    }
    #expect(files.count >= 8)
    try Self.check(files)
  }

  /// Checks everything that the files say of each other, and every entry against `expected.raw`.
  private static func check(_ files: [String: [UInt8]]) throws {
    let key = try #require(files[FileNames.verifierKey]).withView { (text) throws(KeyError) in
      try LogKeys(text).origin
    }
    let expected = try lines(files, "expected.raw")
    let roots = try lines(files, "expected.roots")
    var found: [String] = []
    var foundRoots: [String] = []
    var previous: Seal?
    for name in files.keys.sorted() where name.hasSuffix(".segment") {
      let file = try #require(files[name])
      let seal = try Self.seal(files, name, key)
      let tree = try file.withView { try read($0, seal, &found) }
      foundRoots.append("\(tree.size) \(tree.root)")
      #expect(seal.previous == previous?.textHash)
      #expect(seal.firstIndex == previous?.endIndex ?? 0)
      previous = seal
    }
    #expect(found == expected)
    #expect(foundRoots == roots)
    let checkpoint = try #require(files[FileNames.checkpoint]).withView { (text) throws(NoteError) in
      try SignedCheckpoint(text, key: key).checkpoint
    }
    #expect("\(checkpoint.size) \(checkpoint.root)" == roots.last)
  }

  private static func lines(_ files: [String: [UInt8]], _ name: String) throws -> [String] {
    String(decoding: try #require(files[name]), as: UTF8.self).split(separator: "\n").map { String($0) }
  }

  private static func seal(_ files: [String: [UInt8]], _ name: String, _ key: VerifierKey) throws -> Seal {
    let note = try #require(files[name.replacingOccurrences(of: ".segment", with: ".seal")])
      .withView { (text) throws(NoteError) in try SignedNote(text) }
    #expect(try note.verify(with: [key]) == [key])
    return try #require(note.text.withView { Seal($0) })
  }

  private static func read(_ file: ByteView, _ seal: Seal, _ found: inout [String]) throws -> CompactRange {
    #expect(SHA256.hash(file) == seal.fileHash)
    #expect(file.count == seal.byteCount)
    var scan = try SegmentScan(file)
    #expect(scan.header.id == seal.segment)
    var tree = scan.header.tree
    #expect(tree.size == seal.firstIndex)
    var hasher = try EntryHasher(seed: scan.header.seed)
    var index: [SegmentFooter.Block] = []
    while case .block(let block) = try scan.next() {
      #expect(block.isIntact())
      index.append(SegmentFooter.Block(block.header, at: block.offset))
      var leaves = ValueList<Digest>()
      try DecodedBlock.hashLeaves(of: block, &hasher, &leaves)
      for row in 0..<leaves.count { tree.append(leaves[row]) }
      #expect(tree == block.header.tree)
      try print(block, &found)
    }
    let footer = try SegmentFooter.decode(file).footer
    #expect(footer.blocks == index)
    #expect(footer.chain == scan.chain)
    #expect(seal.chain == scan.chain)
    #expect(seal.endIndex == tree.size)
    #expect(seal.root == tree.root)
    return tree
  }

  private static func print(_ block: ScannedBlock, _ found: inout [String]) throws {
    let contents = block.header.contents
    var decoded = try DecodedBlock(block.stored, count: contents.count, rawByteCount: contents.rawByteCount)
    try decoded.loadAll()
    for row in 0..<decoded.count {
      var raw = ByteBuffer()
      try decoded.print(row, to: &raw)
      found.append(GoldenLog.expectation(raw.view, decoded.metadata(row), decoded.envelope(row)))
    }
  }
}

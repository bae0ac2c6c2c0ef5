// The worked example of Format.md is generated: UPDATE_GOLDEN=1 swift test --filter FormatPage
// What it says of hashes is computed here from the bytes, as the page defines them.
import Bytes
import Cryptography
import Foundation
import MerkleLog
import Segments
import Templates
import Testing

@Suite struct FormatPageTests {
  private static let page = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Sources/Segments/Segments.docc/Format.md")
  private static let begin = "<!-- example -->\n"
  private static let end = "<!-- end of example -->\n"

  @Test func theExampleIsWhatTheProgramWrites() throws {
    let example = try FormatPageExample()
    let text = try Self.section(example)
    let page = try String(contentsOf: Self.page, encoding: .utf8)
    let from = try #require(page.range(of: Self.begin)).upperBound
    let to = try #require(page.range(of: Self.end)).lowerBound
    if ProcessInfo.processInfo.environment["UPDATE_GOLDEN"] == "1" {
      try (page[..<from] + text + page[to...]).write(to: Self.page, atomically: true, encoding: .utf8)
    } else {
      #expect(page[from..<to] == text[...], "UPDATE_GOLDEN=1 swift test --filter FormatPage writes it anew")
    }
  }

  /// Who writes a second reader needs the spelling of every kind of column.
  @Test func everyColumnTypeIsOnThePage() throws {
    let page = try String(contentsOf: Self.page, encoding: .utf8)
    for type in ColumnType.allCases {
      #expect(page.contains("\n    \(type.rawValue) \(type)"), "\(type)")
    }
  }

  @Test func theExampleIsReadBack() throws {
    let example = try FormatPageExample()
    try example.file.withView { file in
      var scan = try SegmentScan(file)
      guard case .block(let block) = try scan.next() else { throw DecodeError(.invalid, at: scan.offset) }
      #expect(block.isIntact())
      guard case .block(let last) = try scan.next() else { throw DecodeError(.invalid, at: scan.offset) }
      guard case .footer = try scan.next() else { throw DecodeError(.invalid, at: scan.offset) }
      var hasher = try EntryHasher(seed: scan.header.seed)
      var leaves = ValueList<Digest>()
      try DecodedBlock.hashLeaves(of: block, &hasher, &leaves)
      #expect(leaves.count == 1)
      #expect(leaves[0] == example.leaf)
      #expect(last.isIntact())
      #expect(last.header.tree.root == example.seal.root)
    }
  }

  @Test func theHashesFollowFromTheBytesAsThePageSays() throws {
    let example = try FormatPageExample()
    let hashes = try Hashes(example)
    #expect(hashes.leaf == example.leaf)
    #expect(hashes.start == example.header.previousChain)
    #expect(hashes.chain == example.firstChain)
    #expect(example.header.tree.root == hashes.leaf)
  }

  /// Every hash of the example, from the file's bytes and the page's formulas.
  private struct Hashes {
    let groupKey: Digest
    let salt: [UInt8]
    let commitment: Digest
    let entry: [UInt8]
    let leaf: Digest
    let start: Digest
    let stored: Digest
    let chain: Digest

    init(_ example: FormatPageExample) throws {
      let file = example.file
      groupKey = try Array(file[16..<48]).withView { (seed) throws(CryptoError) in
        try [UInt8](repeating: 0, count: 8).withView { (group) throws(CryptoError) in
          try SHA256.hmac(key: seed, message: group)
        }
      }
      var salts = try SaltGroup()
      try salts.load(SaltKey(groupKey))
      var saltBytes = ByteBuffer()
      saltBytes.append(salts[0])
      salt = saltBytes.view.array
      let envelope = FormatPageExample.envelope
      commitment = Self.hash(salt + [UInt8(envelope.count), 0] + envelope + example.raw)
      var entry = ByteBuffer()
      entry.append(1)
      entry.append(FormatPageExample.metadata.kind.rawValue)
      entry.append(littleEndian: FormatPageExample.metadata.flags)
      entry.append(littleEndian: FormatPageExample.metadata.source)
      entry.append(littleEndian: FormatPageExample.metadata.time)
      entry.append(littleEndian: UInt32(example.raw.count))
      entry.append(commitment)
      self.entry = entry.view.array
      leaf = Self.hash([0] + self.entry)
      let head = example.headerSize
      start = Self.hash([3] + file[0..<12] + file[48..<(head - 32)])
      let blockHead = file[head..<(head + example.header.size)]
      stored = Self.hash(Array(file[(head + example.header.size)...].prefix(example.payload.count)))
      chain = Self.hash([2] + start.array + blockHead + stored.array)
    }

    private static func hash(_ bytes: [UInt8]) -> Digest { bytes.withView { SHA256.hash($0) } }
  }

  private static func section(_ example: FormatPageExample) throws -> String {
    let hashes = try Hashes(example)
    let dump = try example.file.withView { try FormatPageDump.render($0) }
    let proof = [
      "group key   \(hashes.groupKey)", "            HMAC-SHA-256(seed, 00 × 8)",
      "salt        \(hashes.salt.withView { Hex.encode($0) })",
      "            first 16 bytes of the group key's AES-256-CTR keystream",
      "commitment  \(hashes.commitment)",
      "            SHA-256(salt || 0100 || 05 || the message)",
      "entry       \(Array(hashes.entry[..<20]).withView { Hex.encode($0) })",
      "            version, kind, flags, source, time, raw size; the commitment follows",
      "leaf        \(hashes.leaf)",
      "            SHA-256(00 || entry); of a tree of one leaf it is also the root",
      "root        \(example.root)",
      "            of both entries: SHA-256(01 || leaf || leaf of the second)",
      "start       \(hashes.start)",
      "            SHA-256(03 || bytes 0000 to 000b || bytes 0030 to the digest)",
      "stored      \(hashes.stored)", "            SHA-256(stored bytes)",
      "chain       \(hashes.chain)", "            SHA-256(02 || start || header of the block || stored)",
    ]
    return """

      The messages are the control entries that begin every log: what it is, and the key of checkpoint 1, with which
      the tree of checkpoint 0 ends.

      \(indented(wrapped(String(decoding: example.raw, as: UTF8.self))))

      \(indented(wrapped(String(decoding: example.keyRaw, as: UTF8.self))))

      The file, \(example.file.count) bytes, offsets in hexadecimal:

      \(indented(dump))

      What is computed from it:

      \(indented(proof.joined(separator: "\n")))

      The log's `vkey`, the text of its seal, and the signed checkpoint of the log so far:

      \(indented(example.keys.text))

      \(indented(example.seal.text))

      \(indented(String(decoding: example.checkpoint, as: UTF8.self)))


      """
  }

  private static func wrapped(_ text: String) -> String {
    var lines: [String] = []
    var rest = text[...]
    while !rest.isEmpty {
      lines.append(String(rest.prefix(100)))
      rest = rest.dropFirst(100)
    }
    return lines.joined(separator: "\n")
  }

  private static func indented(_ text: String) -> String {
    text.split(separator: "\n", omittingEmptySubsequences: false).map { $0.isEmpty ? "" : "    " + $0 }
      .joined(separator: "\n").trimmingCharacters(in: .newlines)
  }
}

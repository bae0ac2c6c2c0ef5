import Bytes
import Cryptography
import MerkleLog
import Segments

/// The bytes of a segment, each part with what it is. Takes the file apart by what Format.md says, not by the
/// decoder's code: where the two differ, it throws or the text is wrong.
struct FormatPageDump {
  struct Unexpected: Error {
    var offset: Int
    var wanted: String
  }

  private var reader: ByteReader
  private(set) var text = ""
  private var chainBefore = "chain value before: start"

  init(_ file: ByteView) { reader = ByteReader(file) }

  static func render(_ file: ByteView) throws -> String {
    var dump = FormatPageDump(file)
    try dump.segment()
    try dump.reader.expectEnd()
    return dump.text
  }

  // MARK: Lines

  private mutating func heading(_ title: String) { text += text.isEmpty ? "\(title)\n" : "\n\(title)\n" }

  /// The next `count` bytes, sixteen to a line.
  private mutating func field(_ count: Int, _ meaning: String) throws -> ByteView {
    let start = reader.offset
    let bytes = try reader.bytes(count)
    for line in stride(from: 0, to: max(count, 1), by: 16) where count > 0 {
      let part = Hex.encode(bytes[line, min(count, line + 16)])
      let hex = part.padding(to: 32)
      let offset = String(start + line, radix: 16)
      let place = String(repeating: "0", count: 4 - offset.count) + offset
      text += line == 0 ? "\(place)  \(hex)  \(meaning)\n" : "\(place)  \(part)\n"
    }
    return bytes
  }

  private mutating func expect(_ bytes: [UInt8], _ meaning: String) throws {
    let offset = reader.offset
    guard try field(bytes.count, meaning).array == bytes else {
      throw Unexpected(offset: offset, wanted: meaning)
    }
  }

  private mutating func digest(_ meaning: String) throws { _ = try field(Digest.size, meaning) }

  /// A little-endian integer.
  @discardableResult private mutating func number(_ size: Int, _ meaning: String) throws -> Int {
    var peek = reader
    var value = 0
    for (place, byte) in try peek.bytes(size).array.enumerated() { value |= Int(byte) << (8 * place) }
    _ = try field(size, "\(meaning) \(value)")
    return value
  }

  @discardableResult private mutating func varint(_ meaning: String) throws -> Int {
    var peek = reader
    let value = Int(try peek.varint())
    _ = try field(peek.offset - reader.offset, "\(meaning) \(value)")
    return value
  }

  // MARK: Parts

  private mutating func segment() throws {
    heading("header of the segment")
    try expect(Array("STLS".utf8), "STLS")
    try number(2, "version")
    try number(2, "size of the header")
    try number(4, "flags")
    try number(2, "salts: kind")
    let salt = try number(2, "salts: size")
    _ = try field(salt, "salts: seed")
    _ = try field(16, "segment id")
    try number(8, "first index")
    try number(8, "created")
    _ = try field(16, "id of the segment before: none")
    let origin = try number(2, "size of the origin")
    let hashes = try number(2, "hashes of the tree before")
    _ = try field(origin, "origin")
    _ = try field(hashes * Digest.size, "tree before")
    try digest("SHA-256 of the header so far")
    while reader.view.load32(at: reader.offset) == BlockHeader.magic { try block() }
    try footer()
  }

  private mutating func block() throws {
    heading("header of the block")
    try expect(Array("STLB".utf8), "STLB")
    try number(2, "version")
    try number(2, "size of the header")
    _ = try field(16, "segment id")
    try number(4, "number of the block")
    let entries = try number(4, "entries")
    try number(8, "first index")
    try number(4, "raw bytes")
    let stored = try number(4, "stored bytes")
    try number(8, "earliest receive time")
    try number(8, "latest receive time")
    try number(4, "flags")
    let hashes = try number(4, "hashes of the tree")
    try digest(chainBefore)
    for _ in 0..<hashes {
      try digest(
        "tree with this block: " + (chainBefore.hasSuffix("start") ? "the leaf" : "root of both leaves"))
    }
    guard entries == 1 else { throw Unexpected(offset: reader.offset, wanted: "one entry") }
    let end = reader.offset + stored
    try payload()
    guard reader.offset == end else {
      throw Unexpected(offset: reader.offset, wanted: "the end of the stored bytes")
    }
    heading("end of the block")
    try digest("chain")
    chainBefore = "chain value before"
  }

  private mutating func payload() throws {
    heading("stored bytes: metadata and directory")
    try varint("size of the metadata")
    try varint("compressed to (0: not)")
    let sources = try varint("sources")
    for _ in 0..<sources {
      try varint("source")
      try string("its name")
    }
    guard try varint("templates") == 0, try varint("templates that messages have") == 0 else {
      throw Unexpected(offset: reader.offset, wanted: "no templates")
    }
    let columns = try varint("columns")
    let names = ["receive times", "sources", "envelopes", "flags and kinds", "templates", "unparsed lines"]
    guard columns == names.count else { throw Unexpected(offset: reader.offset, wanted: "six columns") }
    var sizes: [Int] = []
    for name in names {
      sizes.append(try varint("\(name): size"))
      guard try varint("\(name): size of the filter") == 0 else {
        throw Unexpected(offset: reader.offset, wanted: "no filter")
      }
    }
    heading("stored bytes: columns")
    for (name, size) in zip(names, sizes) {
      let end = reader.offset + size
      switch name {
      case "envelopes": try texts(name)
      case "unparsed lines":
        try constant("\(name): why and offset")
        try texts(name)
      default: try constant(name)
      }
      guard reader.offset == end else {
        throw Unexpected(offset: reader.offset, wanted: "the end of \(name)")
      }
    }
  }

  private mutating func string(_ meaning: String) throws {
    let count = try varint("\(meaning): size")
    let offset = reader.offset
    let bytes = try field(count, meaning)
    guard String(validating: bytes.array, as: UTF8.self) != nil else {
      throw Unexpected(offset: offset, wanted: meaning)
    }
  }

  /// Integers that are all the same.
  private mutating func constant(_ meaning: String) throws {
    try expect([1], "\(meaning): constant")
    var peek = reader
    let value = try peek.zigzag()
    _ = try field(peek.offset - reader.offset, "  \(value)")
  }

  /// Text of one row.
  private mutating func texts(_ meaning: String) throws {
    guard try varint("\(meaning): distinct values") == 1 else {
      throw Unexpected(offset: reader.offset, wanted: "one value")
    }
    try expect([1], "  plain")
    try constant("  sizes")
    let count = try varint("  all bytes:")
    let stored = try varint("  compressed to (0: not)")
    _ = try field(stored == 0 ? count : stored, "  the value" + (stored == 0 ? "" : ", as an LZ4 block"))
  }

  private mutating func footer() throws {
    heading("footer")
    try expect(Array("STLF".utf8), "STLF")
    try number(2, "version")
    try number(2, "always")
    let blocks = try number(4, "blocks")
    let groups = try number(4, "groups")
    try number(8, "first group")
    for _ in 0..<blocks {
      try number(8, "offset of the block")
      try number(8, "first index")
      try number(4, "entries")
      try number(4, "raw bytes")
      try number(4, "stored bytes")
      try number(4, "size of its header")
      try number(8, "earliest receive time")
      try number(8, "latest receive time")
    }
    _ = try field(groups * Digest.size, "groups")
    try digest("chain of the last block")
    try digest("SHA-256 of the footer so far")
    try number(4, "size of the footer")
    try expect(Array("STLE".utf8), "STLE")
  }
}

extension String {
  fileprivate func padding(to width: Int) -> String {
    self + String(repeating: " ", count: max(0, width - count))
  }
}

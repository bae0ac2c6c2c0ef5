import Bytes
import Segments
import Templates

extension Fuzzer {
  /// Whatever stands in a block: it decodes and prints within the bounds that its header names, or is
  /// refused. Neither traps, nor takes memory or time that those bounds do not explain.
  ///
  /// Input: entry count less one (u16), raw byte count (u32, taken modulo 1 MiB), payload.
  static let block = Fuzzer("block", smokeRuns: 3000, seeds: { Self.blockSeeds }) { input in
    var reader = ByteReader(input)
    guard let count = try? reader.integer(UInt16.self), let rawByteCount = try? reader.integer(UInt32.self)
    else { return }
    let payload = input.dropFirst(reader.offset)
    do throws(DecodeError) {
      try readBlock(payload, Int(count) + 1, Int(rawByteCount & 0xF_FFFF))
    } catch {
      require(error.offset >= 0, "an error at \(error.offset)")
    }
  }

  /// Decodes, prints, picks and scans a block.
  static func readBlock(_ payload: ByteView, _ count: Int, _ rawByteCount: Int) throws(DecodeError) {
    var block = try DecodedBlock(payload, count: count, rawByteCount: rawByteCount)
    try pick(block)
    _ = try? block.timeBounds()
    try block.loadAll()
    var out = ByteBuffer()
    var printer = RowPrinter()
    var total = 0
    for row in 0..<count {
      if row % RowPrinter.rowLimit == 0 {
        // Both ways of printing refuse what is too much, though not at the same row.
        try printer.print(row..<min(row + RowPrinter.rowLimit, count), of: block)
      }
      out.removeAll()
      try block.print(row, to: &out)
      require(out.view == printer.row(row % RowPrinter.rowLimit), "row \(row) is printed in two ways")
      require(out.count <= rawByteCount, "row \(row) has \(out.count) bytes of \(rawByteCount)")
      total += out.count
      _ = block.metadata(row)
      _ = block.envelope(row)
      if block.root(row).node < 0 { _ = block.failure(row) }
      // A reader that hashes stops there; see EntryHasher.
      if total > rawByteCount { return }
    }
    for node in 0..<block.nodeCount { _ = block.nestedTemplate(node) }
  }

  private static func pick(_ block: borrowing DecodedBlock) throws(DecodeError) {
    let rows = stride(from: 0, to: block.count, by: 1 + block.count / 3).map { UInt32($0) }
    let picked: DecodedBlock
    do { picked = try block.picking(rows) } catch { return }
    var out = ByteBuffer()
    for row in rows.indices {
      out.removeAll()
      try picked.print(row, to: &out)
    }
  }

  private static var blockSeeds: [[UInt8]] {
    let formats = SharedMatcher([["nginx/main", "haproxy/httplog", "envoy/default"].flatMap { shipped($0) }])
    let one = SharedMatcher([shipped("nginx/combined")])
    let none = SharedMatcher([[]])
    let numbered = (0..<160).map {
      Array("GET /item/\($0 * 37)/0\($0 % 10)a?id=\(String($0 * 65_537, radix: 16))".utf8)
    }
    return [
      SampleBlock([SampleLines.bodies[0]], one.matcher), SampleBlock(SampleLines.bodies, formats.matcher),
      SampleBlock(SampleLines.bodies + SampleLines.bodies.reversed(), formats.matcher),
      SampleBlock(numbered, none.matcher), SampleBlock([[], [], [0x41]], none.matcher),
    ].map { block in
      var out = ByteBuffer()
      out.append(littleEndian: UInt16(block.contents.count - 1))
      out.append(littleEndian: UInt32(block.contents.rawByteCount))
      out.append(block.payload)
      return out.view.array
    }
  }
}

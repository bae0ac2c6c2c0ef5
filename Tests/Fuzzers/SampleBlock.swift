import Bytes
import Segments
import Templates

/// A block made of lines, and what was put into it.
struct SampleBlock {
  let lines: [[UInt8]]
  let payload: [UInt8]
  let contents: BlockContents

  /// Matches the lines, checks that what matches prints back, and encodes them.
  init(_ lines: [[UInt8]], _ matcher: borrowing Matcher) {
    self.lines = lines
    var result = MatchResult(for: matcher)
    var builder = BlockBuilder(for: matcher)
    for (row, line) in lines.enumerated() {
      line.withView { line in
        Self.envelope(row).withView { envelope in
          matcher.match(line, list: 0, into: &result)
          Reprint.check(line, result, matcher)
          if row % 11 == 10 {
            builder.append(
              unparsed: line, Self.metadata(row), envelope: envelope, failure: .failed, offset: row)
          } else {
            builder.append(line, result, Self.metadata(row), envelope: envelope, hasSameEnvelope: false)
          }
        }
      }
    }
    var out = ByteBuffer()
    contents = builder.finish(
      matcher, sourceNames: [SourceName(0, "stele"), SourceName(1, "edge")], to: &out)
    payload = out.view.array
  }

  private static func envelope(_ row: Int) -> [UInt8] {
    row % 3 == 0 ? [5] : [1, 1, 4, 192, 0, 2, UInt8(row & 1)]
  }

  private static func metadata(_ row: Int) -> EntryMetadata {
    EntryMetadata(
      time: 1_767_225_600_000_000_000 + Int64(row * row) * 1_000_003, source: UInt32(row & 1),
      flags: row % 7 == 0 ? 2 : 1, kind: row % 50 == 3 ? .control : .received)
  }

  /// Decodes the block and compares every row.
  func check() {
    payload.withView { payload in
      do throws(DecodeError) {
        var block = try DecodedBlock(payload, count: contents.count, rawByteCount: contents.rawByteCount)
        try block.loadAll()
        for row in lines.indices { try compare(block, row, with: row) }
      } catch {
        require(false, "the block does not decode: \(error)")
      }
    }
  }

  /// Picks every so many rows out of the block and compares them.
  func checkPicking(every step: Int) {
    let rows = stride(from: step / 2 % lines.count, to: lines.count, by: step).map { UInt32($0) }
    payload.withView { payload in
      do throws(DecodeError) {
        let block = try DecodedBlock(payload, count: contents.count, rawByteCount: contents.rawByteCount)
        let picked = try block.picking(rows)
        for (place, row) in rows.enumerated() { try compare(picked, place, with: Int(row)) }
      } catch {
        require(false, "rows cannot be picked: \(error)")
      }
    }
  }

  private func compare(_ block: borrowing DecodedBlock, _ row: Int, with original: Int) throws(DecodeError) {
    var out = ByteBuffer()
    try block.print(row, to: &out)
    require(out.view.array == lines[original], "row \(original) is printed as \(Hex.encode(out.view))")
    require(block.metadata(row) == Self.metadata(original), "row \(original): \(block.metadata(row))")
    require(block.envelope(row).array == Self.envelope(original), "row \(original) has another envelope")
  }
}

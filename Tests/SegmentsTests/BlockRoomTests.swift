import Bytes
import Formats
import Segments
import Templates
import Testing

/// A sender that uses every header with every format must not make a block that no reader takes.
@Suite struct BlockRoomTests {
  @Test func linesThatNeedTooManyColumnsAreKeptAsBytes() throws {
    // 40 formats of 12 numbers, behind 25 forms of header: 12,000 columns.
    let bodies = (0..<40).map { number in
      Template(
        name: "format \(number)",
        literals: [Array("f\(number) ".utf8)] + Array(repeating: [0x20], count: 11) + [[]],
        slots: (0..<12).map { Slot("value \($0)", .integer, syntax: .number) })
    }
    let headers = [
      "<1>1 - - - - - - ", "<1>Jan  1 00:00:00 h a[1]: ", "<1>Jan  1 00:00:00 h a: ",
      "<1>Jan  1 00:00:00 a[1]: ",
      "<1>Jan  1 00:00:00 a: ", "<1>Jan  1 00:00:00 ", "<1>2026-01-01T00:00:00Z h a[1]: ",
      "<1>2026-01-01T00:00:00Z h a: ", "<1>2026-01-01T00:00:00Z a[1]: ", "<1>2026-01-01T00:00:00Z a: ",
      "<1>2026-01-01T00:00:00Z ", "Jan  1 00:00:00 h a[1]: ", "Jan  1 00:00:00 h a: ",
      "Jan  1 00:00:00 a[1]: ",
      "Jan  1 00:00:00 a: ", "Jan  1 00:00:00 ", "2026-01-01T00:00:00Z h a[1]: ",
      "2026-01-01T00:00:00Z h a: ",
      "2026-01-01T00:00:00Z ", "<1>", "",
    ]
    let matcher = Matcher([SyslogHeaders.templates(around: bodies)])
    let hasRoom = BlockBuilder.hasRoomForAll(of: matcher)
    #expect(!hasRoom)
    let lines = headers.flatMap { header in
      (0..<40).map { Array("\(header)f\($0) 1 2 3 4 5 6 7 8 9 10 11 12".utf8) }
    }
    var builder = BlockBuilder(for: matcher)
    for turn in 0..<2 {
      let (payload, contents) = Self.encode(lines, matcher, &builder)
      try payload.withView { payload in
        var block = try DecodedBlock(payload, count: contents.count, rawByteCount: contents.rawByteCount)
        try block.loadAll()
        var bare = 0
        for row in lines.indices {
          var out = ByteBuffer()
          try block.print(row, to: &out)
          #expect(out.view.array == lines[row], "turn \(turn), row \(row)")
          if block.root(row).node < 0 { bare += 1 }
        }
        #expect(bare > 0 && bare < lines.count / 2, "\(bare) of \(lines.count) are kept as bytes")
      }
    }
  }

  private static func encode(
    _ lines: [[UInt8]], _ matcher: borrowing Matcher, _ builder: inout BlockBuilder
  ) -> ([UInt8], BlockContents) {
    var result = MatchResult(for: matcher)
    let metadata = EntryMetadata(time: 0, source: 0, flags: 0, kind: .received)
    for line in lines {
      line.withView { line in
        matcher.match(line, list: 0, into: &result)
        builder.append(line, result, metadata, envelope: ByteView(), hasSameEnvelope: false)
      }
    }
    var out = ByteBuffer()
    let contents = builder.finish(matcher, sourceNames: [], to: &out)
    return (out.view.array, contents)
  }
}

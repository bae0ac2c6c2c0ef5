import Bytes
import Segments
import Templates
import TestSupport
import Testing

@Suite struct BlockTests {
  private func lines(_ count: Int, seed: UInt64) -> [[UInt8]] {
    var random = SplitMix64(seed)
    return (0..<count).map { SampleFormat.line($0, &random) }
  }

  private func withBlock(_ encoded: EncodedLines, _ body: (inout DecodedBlock) throws -> Void) rethrows {
    try encoded.payload.withView { view in
      guard
        var block = try? DecodedBlock(
          view, count: encoded.contents.count, rawByteCount: encoded.contents.rawByteCount)
      else {
        Issue.record("the block does not open")
        return
      }
      try body(&block)
    }
  }

  @Test(arguments: [1, 2, 63, 64, 65, 1500]) func everyRowPrintsAsItWas(_ count: Int) throws {
    let encoded = EncodedLines(lines(count, seed: UInt64(count)))
    try withBlock(encoded) { block in
      try block.loadAll()
      var printer = RowPrinter()
      var row = 0
      while row < count {
        let rows = row..<min(row + RowPrinter.rowLimit, count)
        try printer.print(rows, of: block)
        for row in rows {
          #expect(printer.row(row - rows.lowerBound).array == encoded.lines[row])
          var out = ByteBuffer()
          try block.print(row, to: &out)
          #expect(out.view.array == encoded.lines[row])
          #expect(block.metadata(row) == EncodedLines.metadata(row))
          #expect(block.envelope(row).array == EncodedLines.envelope(row))
        }
        row = rows.upperBound
      }
    }
  }

  @Test func rowsPrintFromAnywhere() throws {
    let encoded = EncodedLines(lines(500, seed: 9))
    try withBlock(encoded) { block in
      try block.loadAll()
      var printer = RowPrinter()
      for start in [400, 17, 436, 0] {
        try printer.print(start..<start + 64, of: block)
        for row in start..<start + 64 { #expect(printer.row(row - start).array == encoded.lines[row]) }
      }
    }
  }

  @Test func numbersInTextColumnsAreFoundByTheirParsedForm() throws {
    let template = Template(
      name: "t", literals: [[], Array("|".utf8), []],
      slots: [Slot("a", .text, syntax: .capture), Slot("b", .text, syntax: .capture)])
    let values = (0..<3000).map { Array("text/\($0 % 1500)|\($0 * 7)".utf8) }
    let encoded = EncodedLines(values, [template])
    try withBlock(encoded) { block in
      try block.loadAll()
      let column = block.column(0, 1)
      let needle = Array("2800".utf8).withView { ValueCodec.parse($0, as: .text) }
      #expect(needle == StoredValue(kind: ValueCodec.integerText, a: 2800))
      #expect(Filter.mayContain(Filter.key(needle!), block.filter(column)))
      #expect(block[column].value(400) == needle)
      #expect(block.filter(column).isEmpty)
      let texts = block.filter(block.column(0, 0))
      #expect(!texts.isEmpty)
      for number in 0..<1500 {
        #expect(Array("text/\(number)".utf8).withView { Filter.mayContain(Filter.key($0), texts) })
      }
      let misses = (0..<1000).filter { number in
        Array("other/\(number)".utf8).withView { !Filter.mayContain(Filter.key($0), texts) }
      }
      #expect(misses.count > 930)
    }
  }

  @Test func filtersOfNumbersAreSizedByDistinctValues() throws {
    let template = Template(
      name: "t", literals: [[], Array(" x".utf8)], slots: [Slot("ip", .address, syntax: .address)])
    func filterSize(_ distinct: Int) throws -> Int {
      var size = 0
      let values = (0..<4000).map { Array("10.0.\($0 % distinct / 256).\($0 % distinct % 256) x".utf8) }
      withBlock(EncodedLines(values, [template])) { block in
        size = block.filter(block.column(0, 0)).count
        for value in values.prefix(distinct) {
          let key = value.withView { Filter.key(ValueCodec.parse($0.prefix($0.count - 2), as: .address)!) }
          #expect(Filter.mayContain(key, block.filter(block.column(0, 0))))
        }
      }
      return size
    }
    #expect(try filterSize(500) == 0)
    #expect(try filterSize(2000) < 2200)
    #expect(try filterSize(4000) > 3600)
  }

  @Test func textThatCollidesInTheHashStaysExact() throws {
    // Longest probes: many values of one length that differ in the last byte only, and many equal ones.
    let lines = (0..<3000).map { Array("\(String(repeating: "a", count: $0 % 300))\($0 % 10)".utf8) }
    let template = Template(name: "t", literals: [[], []], slots: [Slot("a", .text, syntax: .token)])
    let encoded = EncodedLines(lines, [template])
    try withBlock(encoded) { block in
      try block.loadAll()
      for row in 0..<lines.count {
        var out = ByteBuffer()
        try block.print(row, to: &out)
        #expect(out.view.array == lines[row])
      }
    }
  }

  @Test func damagedBlocksAreRefusedOrReadButNeverTrap() {
    var random = SplitMix64(11)
    let encoded = EncodedLines(lines(300, seed: 12))
    var refused = 0
    for turn in 0..<400 {
      var payload = encoded.payload
      for _ in 0...turn % 3 {
        payload[Int.random(in: 0..<payload.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      if turn % 10 == 0 { payload.removeLast(Int.random(in: 1..<payload.count, using: &random)) }
      do {
        try payload.withView { view in
          var block = try DecodedBlock(view, count: 300, rawByteCount: encoded.contents.rawByteCount)
          try block.loadAll()
          var printer = RowPrinter()
          for start in stride(from: 0, to: 300, by: 60) { try printer.print(start..<start + 60, of: block) }
        }
      } catch { refused += 1 }
    }
    #expect(refused > 20)
  }

  @Test func randomBytesAreNoBlock() {
    var random = SplitMix64(13)
    for size in [0, 1, 7, 64, 1000] {
      for _ in 0..<50 {
        let payload = (0..<size).map { _ in UInt8.random(in: 0...255, using: &random) }
        let isOpened = payload.withView { (try? DecodedBlock($0, count: 10, rawByteCount: 100)) != nil }
        #expect(!isOpened)
      }
    }
  }

  @Test func countsBeyondTheLimitsAreRefused() {
    let encoded = EncodedLines(lines(20, seed: 1))
    for (count, raw) in [(0, 100), (65_537, 100), (20, -1), (20, 64 << 20)] {
      #expect(encoded.payload.withView { (try? DecodedBlock($0, count: count, rawByteCount: raw)) == nil })
    }
  }
}

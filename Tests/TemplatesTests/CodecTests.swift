import Bytes
import Templates
import TestSupport
import Testing

@Suite struct CodecTests {
  private func reprinted(_ text: [UInt8], _ column: ColumnType) -> [UInt8]? {
    text.withView { view -> [UInt8]? in
      guard let value = ValueCodec.parse(view, as: column) else { return nil }
      var out = ByteBuffer()
      guard (try? ValueCodec.print(value, as: column, to: &out)) != nil else { return [] }
      return out.view.array
    }
  }

  private static let extremes = [
    "", "-", "+", "0", "-0", "+0", "00", "007", "-1", "+1", "--1", "+-1", "1.", ".1", "0.1", "00.1",
    "1.0000000001",
    "123456789012345678", "-12345678901234567", "999999999999999999", "1234567890123456789",
    "-999999999999999999",
    "+999999999999999999", "1e5", "0x10", " 1", "1 ", "200", "000", "999", "1000", "-200", "99",
    "0.0.0.0", "255.255.255.255", "256.1.1.1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.04", "1..2.3",
    "1.2.3.4.",
    ".1.2.3.4", "1.2.3.-4", "1111.2.3.4", "::1", "2001:db8::1",
    "01/Jan/2026:00:00:00", "1/Jan/2026:00:00:00", "29/Feb/2024:23:59:59", "29/Feb/2023:00:00:00",
    "31/Apr/2026:00:00:00", "00/Jan/2026:00:00:00", "01/jan/2026:00:00:00", "01/Jan/2026:24:00:00",
    "01/Jan/2026:23:59:60", "01/Jan/1900:00:00:00", "01/Jan/1899:00:00:00", "31/Dec/2200:23:59:59",
    "01/Jan/2201:00:00:00", "01/Jan/1969:00:00:00.001", "01/Jan/2026:00:00:00.12",
    "01/Jan/2026:00:00:00.1234",
    "01/Jan/2026:00:00:00 +0000", "01/Jan/2026:00:00:00 -0000", "01/Jan/2026:00:00:00 -0930",
    "01/Jan/2026:00:00:00 +9959", "01/Jan/2026:00:00:00 +0060", "01/Jan/2026:00:00:00 0000",
    "2026-01-01T00:00:00Z", "2024-02-29T00:00:00.123456789Z", "2023-02-29T00:00:00Z", "2026-01-01T00:00:00.Z",
    "2026-01-01T00:00:00+01:00", "2026-01-01T00:00:00-00:00", "2026-01-01t00:00:00Z", "2026-1-01T00:00:00Z",
    "1900-01-01T00:00:00.000000001-12:34", "2200-12-31T23:59:59.999999999+14:00",
    "Jan  1 00:00:00", "Jan 01 00:00:00", "Jan 1 00:00:00", "Feb 29 12:00:00", "Feb 30 12:00:00",
    "Dec 31 23:59:59",
    "e24b4ce5-8ae5-44b4-af23-5810b83e2977", "E24B4CE5-8ae5-44b4-af23-5810b83e2977", "0123456789abcdef",
    "0123456789abcdeF", "0123456789abcdeg", "1234567890123456", "-123456789012345",
    "0123456789abcdef0123456789abcdef",
    "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "e24b4ce5_8ae5_44b4_af23_5810b83e2977",
  ]

  @Test(arguments: ColumnType.allCases) func whatIsParsedPrintsTheSame(_ column: ColumnType) {
    for text in Self.extremes {
      if let again = reprinted(Array(text.utf8), column) {
        #expect(String(decoding: again, as: UTF8.self) == text)
      }
    }
  }

  @Test(arguments: ColumnType.allCases) func randomChangesOfSpellingsPrintTheSame(_ column: ColumnType) {
    var random = SplitMix64(UInt64(column.rawValue) + 1)
    let alphabet = Array("0123456789abcdefABCDEF.:/-+ TZJanFebMr".utf8)
    for _ in 0..<4000 {
      var text = Array(Self.extremes.randomElement(using: &random)!.utf8)
      for _ in 0..<Int.random(in: 0...3, using: &random) where !text.isEmpty {
        text[Int.random(in: 0..<text.count, using: &random)] = alphabet.randomElement(using: &random)!
      }
      if let again = reprinted(text, column) { #expect(again == text) }
    }
  }

  @Test func canonicalSpellingsBecomeNumbers() {
    let expected: [(String, ColumnType, StoredValue)] = [
      ("999999999999999999", .integer, StoredValue(kind: 2, a: 999_999_999_999_999_999)),
      ("-1", .plusInteger, StoredValue(kind: 2, a: -1)), ("+0", .plusInteger, StoredValue(kind: 3, a: 0)),
      ("0.050", .decimal, StoredValue(kind: 5, a: 50)), ("000", .status, StoredValue(kind: 2, a: 0)),
      ("203.0.113.9", .address, StoredValue(kind: 2, a: 0xCB00_7109)),
      ("01/Jan/1970:00:00:01.007", .clfTime, StoredValue(kind: 3, a: 1007)),
      ("01/Jan/1970:00:01:00 -0930", .clfTime, StoredValue(kind: 4, a: 60, b: -570)),
      ("1969-12-31T23:59:59.9Z", .isoTime, StoredValue(kind: 4, a: -1)),
      ("38296", .text, StoredValue(kind: ValueCodec.integerText, a: 38296)),
      ("-", .text, StoredValue(kind: StoredValue.absent)),
    ]
    for (text, column, value) in expected {
      #expect(Array(text.utf8).withView { ValueCodec.parse($0, as: column) } == value, "\(text)")
    }
  }

  @Test func whatIsNotCanonicalStaysText() {
    let texts: [(String, ColumnType)] = [
      ("-0", .integer), ("00", .integer), ("1234567890123456789", .integer), ("+1", .integer),
      ("+-1", .plusInteger),
      ("01.5", .decimal), ("5.", .decimal), ("1.2.3.256", .address), ("1.2.3.04", .address),
      ("29/Feb/2023:00:00:00", .clfTime),
      ("01/Jan/2201:00:00:00", .clfTime), ("01/Jan/2026:00:00:60", .clfTime),
      ("Feb 30 12:00:00", .syslogTime),
      ("E24B4CE5-8AE5-44B4-AF23-5810B83E2977", .text), ("007", .text), ("", .text),
    ]
    for (text, column) in texts {
      #expect(Array(text.utf8).withView { ValueCodec.parse($0, as: column) } == nil, "\(text)")
    }
  }

  @Test func damagedNumbersThrowOrPrintButNeverTrap() {
    var random = SplitMix64(7)
    let numbers: [Int64] = [.min, .max, -1, 0, 1, 1 << 32, 1 << 40, -(1 << 50)]
    for column in ColumnType.allCases {
      for kind in UInt8.min...UInt8.max {
        for _ in 0..<4 {
          var out = ByteBuffer()
          let value = StoredValue(
            kind: max(kind, 1), a: numbers.randomElement(using: &random)!,
            b: numbers.randomElement(using: &random)!)
          try? ValueCodec.print(value, as: column, to: &out)
          #expect(out.count < 128)
        }
      }
    }
  }
}

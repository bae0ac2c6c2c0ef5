import Bytes
import Segments
import Templates
import TestSupport

/// A format with a slot of every column type, a nested template, and text.
enum SampleFormat {
  static let request = Template(
    name: "request", literals: ["", " ", " HTTP/", ""].map { Array($0.utf8) },
    slots: [
      Slot("method", .text, syntax: .token), Slot("target", .text, syntax: .token),
      Slot("version", .text, syntax: .token),
    ])
  static let slots: [Slot] = [
    Slot("ip", .address, syntax: .address), Slot("clf", .clfTime, syntax: .time),
    Slot("iso", .isoTime, syntax: .time), Slot("syslog", .syslogTime, syntax: .time),
    Slot("integer", .integer, syntax: .number), Slot("plus", .plusInteger, syntax: .number),
    Slot("decimal", .decimal, syntax: .decimal), Slot("status", .status, syntax: .status),
    Slot("id", .identifier, syntax: .token), Slot("text", .text, syntax: .escaped),
    Slot("request", .text, syntax: .escaped, alternatives: [request]),
  ]
  static let template = Template(
    name: "sample",
    literals: [[]] + Array(repeating: Array("\" ".utf8), count: slots.count - 1) + [Array("\"".utf8)],
    slots: slots)

  /// A line; now and then with a value that is none of its slot.
  static func line(_ number: Int, _ random: inout SplitMix64) -> [UInt8] {
    func digits(_ width: Int, _ limit: Int) -> String {
      let text = String(Int.random(in: 0..<limit, using: &random))
      return String(repeating: "0", count: max(0, width - text.count)) + text
    }
    func hex(_ count: Int) -> String {
      String((0..<count).map { _ in "0123456789abcdef".randomElement(using: &random)! })
    }
    if Int.random(in: 0..<40, using: &random) == 0 { return Array("unparsed \(hex(8)) \(number)".utf8) }
    let second = digits(2, 60)
    var values = [
      "10.\(digits(1, 4)).\(digits(1, 256)).\(digits(1, 256))",
      "0\(1 + number / 999 % 9)/Jan/2026:00:\(digits(2, 60)):\(second) +0000",
      "2026-01-01T00:00:\(second).\(digits(6, 1_000_000))Z", "Jan  1 00:00:\(second)", digits(1, 1_000_000),
      "+\(digits(1, 40))",
      "0.\(digits(3, 1000))", digits(3, 600), "\(hex(8))-\(hex(4))-4\(hex(3))-9\(hex(3))-\(hex(12))",
      "Agent/\(digits(1, 100)).0 \(["a", "b", "wide text ü", "-", "12345", ""].randomElement(using: &random)!)",
      "GET /page/\(digits(1, 100_000))?id=\(hex(10)) HTTP/1.\(digits(1, 2))",
    ]
    let odd = [
      "-", "2001:db8::1", "", "007", "-5", "{|}", String(repeating: "x", count: 300), hex(16), hex(32),
    ]
    if Int.random(in: 0..<4, using: &random) == 0 {
      values[Int.random(in: 0..<values.count, using: &random)] = odd.randomElement(using: &random)!
    }
    return Array((values.joined(separator: "\" ") + "\"").utf8)
  }
}

/// A block of lines, encoded, and the lines.
struct EncodedLines {
  var payload: [UInt8]
  var contents: BlockContents
  var lines: [[UInt8]]

  init(_ lines: [[UInt8]], _ templates: [Template] = [SampleFormat.template]) {
    self.lines = lines
    let matcher = Matcher([templates])
    var result = MatchResult(for: matcher)
    var builder = BlockBuilder(for: matcher)
    for (number, line) in lines.enumerated() {
      line.withView { view in
        matcher.match(view, list: 0, into: &result)
        Self.envelope(number).withView {
          builder.append(view, result, Self.metadata(number), envelope: $0, hasSameEnvelope: false)
        }
      }
    }
    var out = ByteBuffer()
    contents = builder.finish(matcher, sourceNames: [SourceName(1, "one"), SourceName(2, "two")], to: &out)
    payload = out.view.array
  }

  static func metadata(_ number: Int) -> EntryMetadata {
    EntryMetadata(
      time: 1_767_225_600_000_000_000 + Int64(number) * 1_001_003, source: UInt32(1 + number / 7 % 2),
      flags: UInt16(number % 11), kind: number % 97 == 0 ? .control : .received)
  }
  static func envelope(_ number: Int) -> [UInt8] { [2, 1, 4, 10, 0, 0, UInt8(number / 5 % 30)] }
}

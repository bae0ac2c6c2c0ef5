import Bytes
import Formats
import Templates
import Testing

/// What a line that fits two formats is taken for.
@Suite struct PreferenceTests {
  private let loose = Template(name: "x/loose", literals: [[], [61], []], slots: [Slot("k"), Slot("v")])
  private let numbers = Template(
    name: "x/numbers", literals: [[], [61], []], slots: [Slot("n"), Slot("m", .integer, syntax: .number)])
  private let other = Template(
    name: "x/other", literals: [[91], [93]], slots: [Slot("o", .integer, syntax: .number)])

  private struct Reader: ~Copyable {
    let matcher: Matcher
    var result: MatchResult

    init(_ bodies: [Template]) {
      matcher = Matcher([[], SyslogHeaders.templates(around: bodies)])
      result = MatchResult(for: matcher)
    }

    /// The body that `line` is taken for.
    mutating func body(_ line: String) -> String? {
      let line = Array(line.utf8)
      line.withView { matcher.match($0, list: 1, into: &result) }
      return result.body < 0 ? nil : matcher.bodyName(Int(result.body), list: 1)
    }
  }

  private static let header = "<134>Nov 23 08:00:00 host app[1]: "

  @Test(arguments: ["", header]) func noOddLineChangesHowTheNextIsRead(_ header: String) {
    var reader = Reader([loose, numbers, other])
    reader.result.prefer(1..<2, order: [1, 2, 0], list: 1)
    #expect(reader.body(header + "a=1") == "x/numbers")
    #expect(reader.body(header + "[5]") == "x/other")
    #expect(reader.body(header + "a=b") == "x/loose")
    #expect(reader.body(header + "a=1") == "x/numbers")
    #expect(reader.body(header + "?") == nil)
    // While nothing is chosen the order alone decides.
    reader.result.prefer(0..<0, order: [0, 1, 2], list: 1)
    #expect(reader.body(header + "[5]") == "x/other")
    #expect(reader.body(header + "a=1") == "x/loose")
    reader.result.prefer(2..<3, order: [2, 1, 0], list: 1)
    #expect(reader.body(header + "a=1") == "x/numbers")
    #expect(reader.body(header + "a=b") == "x/loose")
    #expect(reader.body(header + "a=1") == "x/numbers")
  }

  /// Two sources share the tables of one matcher, but each has its own choice.
  @Test func sourcesDoNotDisturbOneAnother() {
    let list = SyslogHeaders.templates(around: [loose, numbers])
    let matcher = Matcher([list, list])
    var result = MatchResult(for: matcher)
    result.prefer(0..<1, order: [0, 1], list: 0)
    result.prefer(1..<2, order: [1, 0], list: 1)
    let line = Array((Self.header + "a=1").utf8)
    for _ in 0..<3 {
      for list in 0..<2 {
        line.withView { matcher.match($0, list: list, into: &result) }
        #expect(result.body == Int32(list))
      }
    }
  }

  @Test func aTrialTriesOneFormatAlone() {
    let matcher = Matcher([SyslogHeaders.templates(around: [loose, numbers, other])])
    var result = MatchResult(for: matcher)
    var trial = MatchResult(for: matcher)
    #expect(matcher.bodyCount(list: 0) == 3)
    for (header, text) in [("", "a=12"), (Self.header, "a=12")] {
      let line = Array((header + text).utf8)
      line.withView { view in
        matcher.match(view, list: 0, into: &result)
        let start = matcher.bodyStart(result)
        #expect(start == header.utf8.count)
        let body = view.dropFirst(start)
        let points = (0..<3).map { matcher.trial($0, body, list: 0, into: &trial) }
        #expect(points == [1, 5, nil])
      }
    }
  }

  /// Without a format every header takes any rest of the line: the most particular one is meant, whatever
  /// came before.
  @Test func headersAloneAreReadTheSameWhateverCameBefore() {
    var reader = Reader([])
    func name(_ line: String, _ reader: inout Reader) -> String? {
      _ = reader.body(line)
      return reader.result.node < 0 ? nil : reader.matcher.templates[Int(reader.result.node)].name
    }
    #expect(name(Self.header + "text", &reader) == "syslog/rfc3164 host tag pid")
    #expect(name("<134>Nov 23 08:00:00 no tag here", &reader) == "syslog/rfc3164 time")
    #expect(name(Self.header + "text", &reader) == "syslog/rfc3164 host tag pid")
  }
}

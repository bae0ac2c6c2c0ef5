import Bytes
import Templates
import TestSupport
import Testing

@Suite struct MatcherTests {
  private let request = template(
    "request", Slot("method", .text, syntax: .token), " ", Slot("target", .text, syntax: .token), " HTTP/",
    Slot("version", .text, syntax: .token))

  private func captures(_ count: Int) -> Template {
    var parts: [Any] = []
    for number in 0..<count {
      if number > 0 { parts.append("|") }
      parts.append(Slot("h\(number)", .text, syntax: .capture))
    }
    var literals: [[UInt8]] = [[]]
    for _ in 1..<count { literals.append(Array("|".utf8)) }
    literals.append([])
    return Template(
      name: "captures \(count)", literals: literals, slots: parts.compactMap { $0 as? Slot })
  }

  private var line: Template {
    template(
      "line", Slot("ip", .address, syntax: .address), ":", Slot("port", .integer, syntax: .number), " [",
      Slot("time", .clfTime, syntax: .time), "] ", Slot("fe", .text, syntax: .token), " ",
      Slot("be", .text, syntax: .token), "/", Slot("srv", .text, syntax: .token), " ",
      Slot("ta", .plusInteger, syntax: .number), " ", Slot("st", .status, syntax: .status), " {",
      Slot("hr", .text, syntax: .escaped, alternatives: (2...4).map(captures)), "} \"",
      Slot("request", .text, syntax: .escaped, alternatives: [request]), "\"")
  }

  /// Pieces from which lines are put together: usual ones first, then what a matcher may stumble over.
  private static let pieces: [[String]] = [
    ["10.0.0.1", "255.255.255.255", "2001:db8::1", "unix", "-", "1.2.3", "1.2.3.4:5", "::", ""],
    [":"], ["33317", "0", "007", "-1", "12345678", "123456789012345678", "-", "x", ""], [" ["],
    [
      "01/Jan/2026:00:00:00.000", "01/Jan/2026:00:00:59.999", "01/Jan/2026:00:01:00.5",
      "31/Dec/2025:23:59:60.000",
      "01/Jan/2026:00:00:07 +0000", "01/Jan/2026:00:00:07 -0130", "01/Jan/2026:00:00:08", "-",
      "29/Feb/2025:00:00:00.000",
      "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    ],
    ["] "], ["fe", "fe~", "a b", ""], [" "], ["be", "be be", "bäck"], ["/"], ["srv1", "<NOSRV>", "7", "-"],
    [" "],
    ["12", "+12", "-1", "+0", "00", "1234567", "99999999"], [" "],
    ["200", "000", "-1", "0", "20", "2000", "abc"], [" {"],
    ["a|b", "|", "a||c|e24b4ce5-8ae5-44b4-af23-5810b83e2977", "a|b|c|d|e", "text/html|38296", "a}b|c", ""],
    ["} \""],
    ["GET / HTTP/1.1", "<BADREQ>", "GET /a HTTP/b HTTP/1.1", "GET  / HTTP/1.1", "-", "GET /}%20{ HTTP/2.0"],
    ["\""],
  ]

  @Test func everyMatchedLinePrintsAsItWas() {
    let matcher = Matcher([[line]])
    var result = MatchResult(for: matcher)
    var random = SplitMix64(1)
    var matched = 0
    for _ in 0..<4000 {
      var text: [UInt8] = []
      for choices in Self.pieces {
        let isUsual = Int.random(in: 0..<8, using: &random) > 0
        text += Array((isUsual ? choices[0] : choices.randomElement(using: &random)!).utf8)
      }
      if Int.random(in: 0..<8, using: &random) == 0, !text.isEmpty {
        text[Int.random(in: 0..<text.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      let found = Matched(text, matcher, &result)
      if found.template == nil { continue }
      matched += 1
      for value in found.values where value.slot.alternatives.isEmpty {
        let parsed = value.text.withView { ValueCodec.parse($0, as: value.slot.column) }
        #expect(value.stored == parsed ?? StoredValue(kind: StoredValue.verbatim))
      }
      #expect(reprint(found, line) == text)
    }
    #expect(matched > 1000)
  }

  /// The line that the values say, by the templates' literals.
  private func reprint(_ matched: Matched, _ template: Template) -> [UInt8] {
    var index = 0
    func node(_ template: Template) -> [UInt8] {
      var text = template.literals[0]
      for (place, slot) in template.slots.enumerated() {
        let value = matched.values[index]
        index += 1
        text +=
          value.hasTemplate ? node(slot.alternatives[Int(value.stored.kind) - 1]) : value.text
        text += template.literals[place + 1]
      }
      return text
    }
    return node(template)
  }

  @Test func ipv6AddressesEndAtTheLastColon() {
    let format = template(
      "t", Slot("ip", .address, syntax: .address), ":", Slot("port", .integer, syntax: .number), " x")
    #expect(Matched("2001:db8::1:33317 x", format).texts == ["2001:db8::1", "33317"])
    #expect(Matched("10.0.0.1:33317 x", format).texts == ["10.0.0.1", "33317"])
    #expect(Matched("unix:1 x", format).texts == ["unix", "1"])
    #expect(Matched("10.0.0.1:5:6 x", format).texts == ["10.0.0.1:5", "6"])
  }

  @Test func oneOfTheNumbersOfCapturesFits() {
    for (text, count) in [("a|b", 2), ("a|b|c", 3), ("||", 3), ("|||", 4)] {
      let found = Matched(
        "{\(text)}",
        template("t", "{", Slot("hr", .text, syntax: .escaped, alternatives: (2...4).map(captures)), "}"))
      #expect(found.texts.count == count)
      #expect(found.texts.joined(separator: "|") == text)
    }
    let found = Matched(
      "{a|b|c|d|e}",
      template("t", "{", Slot("hr", .text, syntax: .escaped, alternatives: (2...4).map(captures)), "}"))
    #expect(found.texts == ["a|b|c|d|e"])
  }

  @Test func theAlternativeThatFitsIsTakenWhicheverWasLast() {
    let format = template("t", "\"", Slot("request", .text, syntax: .escaped, alternatives: [request]), "\"")
    let matcher = Matcher([[format]])
    var result = MatchResult(for: matcher)
    for text in ["GET / HTTP/1.1", "<BADREQ>", "GET / HTTP/1.0", "-", ""] {
      let found = Matched(Array("\"\(text)\"".utf8), matcher, &result)
      #expect(found.template == "t")
      #expect(found.texts == (text.hasPrefix("GET") ? ["GET", "/", String(text.suffix(3))] : [text]))
    }
  }

  @Test func aValueThatForgesItsEndMakesTheLineAmbiguous() {
    let format = template(
      "t", "[", Slot("a", .text, syntax: .any), "] [", Slot("b", .text, syntax: .any), "]")
    #expect(Matched("[x] [y]", format).texts == ["x", "y"])
    let forged = Matched("[x] [y] [z]", format)
    #expect(forged.template == nil)
    #expect(forged.isAmbiguous)
  }

  @Test func failuresTellHowFarTheBestTemplateCame() {
    let format = template(
      "t", Slot("a", .integer, syntax: .number), " ", Slot("b", .status, syntax: .status), " ",
      Slot("c", .text, syntax: .token))
    #expect(Matched("12 200 x", format).texts == ["12", "200", "x"])
    #expect(Matched("12 20x x", format).failureOffset == 3)
    #expect(Matched("zz 200 x", format).failureOffset == 0)
    #expect(Matched("12 200 a b", format).template == nil)
  }

  @Test func unquotedTextEndsAtTheLastLiteralBeforeAQuote() {
    let format = template(
      "t", Slot("user", .text, syntax: .unquoted), " [", Slot("time", .clfTime, syntax: .time), "] \"",
      Slot("r", .text, syntax: .escaped), "\"")
    #expect(
      Matched("a [b [01/Jan/2026:00:00:00 +0000] \"x [y\"", format).texts == [
        "a [b", "01/Jan/2026:00:00:00 +0000", "x [y",
      ])
    #expect(
      Matched("- [01/Jan/2026:00:00:00 +0000] \"\"", format).texts == ["-", "01/Jan/2026:00:00:00 +0000", ""])
    #expect(
      Matched("an unusually long user [name [01/Jan/2026:00:00:00 +0000] \"\"", format).texts[0]
        == "an unusually long user [name")
  }

  @Test func stampsOfOtherMinutesAndZonesAreRead() {
    let format = template("t", "[", Slot("time", .clfTime, syntax: .time), "]")
    let matcher = Matcher([[format]])
    var result = MatchResult(for: matcher)
    let stamps = [
      "01/Jan/2026:00:00:58 +0000", "01/Jan/2026:00:00:59 +0000", "01/Jan/2026:00:01:00 +0000",
      "01/Jan/2026:00:01:00 +0100",
      "01/Jan/2026:00:01:00.123", "01/Jan/2026:00:01:01", "01/Jan/1960:00:01:01.500",
      "01/Jan/1960:00:01:02.500",
    ]
    for stamp in stamps {
      let found = Matched(Array("[\(stamp)]".utf8), matcher, &result)
      #expect(found.texts == [stamp])
      let expected = Array(stamp.utf8).withView { ValueCodec.parse($0, as: .clfTime) }
      #expect(found.values.first?.stored == expected)
    }
    for stamp in ["01/Jan/2026:00:01:60 +0000", "01/Jan/2026:00:01:0x", "01/Jan/2026:00:01:00 +00x0"] {
      #expect(Matched(Array("[\(stamp)]".utf8), matcher, &result).template == nil)
    }
  }
}

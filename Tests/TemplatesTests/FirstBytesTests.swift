import Bytes
import Templates
import Testing

/// Lists of templates are narrowed by the first byte of a text; that must not change what fits.
@Suite struct FirstBytesTests {
  private static let templates: [Template] = [
    template("literal", "Server ", Slot("a"), "!"), template("none", "ready"), template("empty", ""),
    template("number", Slot("n", .integer, syntax: .number), " x"),
    template("plus", Slot("n", .plusInteger, syntax: .number), " y"),
    template("status", Slot("s", .status, syntax: .status), " z"),
    template("address", Slot("ip", .address, syntax: .address), ":1"),
    template("clf", Slot("t", .clfTime, syntax: .time), " c"),
    template("iso", Slot("t", .isoTime, syntax: .time), " i"),
    template("syslog", Slot("t", .syslogTime, syntax: .time), " s"),
    template("phrase", Slot("p", .text, syntax: .phrase), ", p"), template("token", Slot("w"), " token"),
    template("any", Slot("w", .text, syntax: .any), "\u{1}end"),
    template(
      "nested", Slot("w", .text, syntax: .escaped, alternatives: [template("in", "<", Slot("v"), ">")]),
      " nested"),
  ]

  private static let texts: [String] = [
    "Server x!", "ready", "", "12 x", "-1 x", "- x", "+3 y", "-3 y", "200 z", "-1 z", "0 z", "10.0.0.1:1",
    "::1:1",
    "fe80::1:1", "FE80::1:1", "unix:1", "-:1", "01/Jan/2026:00:00:00 c", "- c", "2026-01-01T00:00:00Z i",
    "- i",
    "Jan  1 00:00:00 s", "Dec 31 23:59:60 s", "- s", "is DOWN, p", "\u{7f} token", "\u{e9} token",
    "x\u{1}end",
    "\u{1}end", "<v> nested", "v nested", "+x", "Xerver x!", "7", "%1:1", "u:1", ".1:1",
  ]

  @Test(arguments: texts)
  func aTemplateFitsInAListAsItFitsAlone(_ text: String) {
    let list = Matcher([Self.templates])
    var result = MatchResult(for: list)
    // Whatever fitted last is tried first: so each text comes behind every other one.
    for other in Self.texts {
      _ = Matched(Array(other.utf8), list, &result)
      let found = Matched(Array(text.utf8), list, &result)
      let alone = Self.templates.filter { Matched(text, $0).template != nil }.map(\.name)
      #expect(found.template.map { alone.contains($0) } ?? alone.isEmpty, "\(text) behind \(other)")
    }
  }

  @Test func aTextThatFitsNothingSaysWhere() {
    let matcher = Matcher([Self.templates.filter { $0.name != "any" && $0.name != "token" }])
    var result = MatchResult(for: matcher)
    #expect(Matched(Array("\u{7f}".utf8), matcher, &result).failureOffset == 0)
    #expect(Matched(Array("Server ".utf8), matcher, &result).failureOffset == 7)
  }
}

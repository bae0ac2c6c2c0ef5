import Foundation
import TestSupport
import Testing

/// `stele check-source` on two small logs.
@Suite struct CheckSourceTests {
  private let sandbox: Sandbox
  private static let format =
    #"nginx:$request_id $remote_addr $status $request_time "$http_user_agent" $connection"#

  init() throws { sandbox = try Sandbox() }

  private func check(_ text: [String], _ json: [String], _ flags: String...) throws -> Program.Result {
    try sandbox.write("t", text.map { $0 + "\n" }.joined())
    try sandbox.write("j", json.map { $0 + "\n" }.joined())
    let arguments = ["check-source", "--format", Self.format, sandbox.path("t"), sandbox.path("j")]
    return try Program.run(Program.stele, arguments + flags)
  }

  private static func text(_ id: String, _ agent: String = "-", status: Int = 200) -> String {
    "\(id) 2001:db8::1 \(status) 0.012 \"\(agent)\" 7"
  }

  private static func json(_ id: String, _ agent: String = "", status: Int = 200, more: String = "") -> String
  {
    #"{"id.request":"\#(id)","client":{"ip":"2001:db8::1"},"http.status":\#(status),"dur.active:s":0.012,"#
      + #""user_agent":"\#(agent)","id.conn":7\#(more)}"#
  }

  @Test func equalLogsAreEqual() throws {
    let result = try check(
      [Self.text("a1"), Self.text("a2", #"x\x22\x5C\xE9"#)],
      [
        "<134>Nov 23 08:00:00 h nginx: " + Self.json("a2", #"x\"\\\u00e9"#),
        Self.json("a1", more: #","other":"#),
      ],
      "--byte-escapes")
    #expect(result.status == 0, "\(result.text)")
    #expect(
      result.text.contains(
        "2 requests in both logs, 10 values of 5 fields compared: 0 differences, 0 missing"))
  }

  @Test func aDifferenceIsShownWithBothValuesAndLines() throws {
    let result = try check(
      [Self.text("a1"), Self.text("a2")], [Self.json("a1"), Self.json("a2", "curl", status: 404)])
    #expect(result.status == 2)
    #expect(result.text.contains("request a2: http.status is 200, in JSON 404\n"), "\(result.text)")
    #expect(result.text.contains("request a2: user_agent is nothing (dash), in JSON 'curl'\n"))
    #expect(result.text.contains("  text line 2: \(Self.text("a2"))\n  JSON line 2: {"))
    #expect(result.text.contains("http.status: differs in 1 of 2 requests"))
  }

  @Test func whatOneSideLacksIsMissing() throws {
    let result = try check(
      [Self.text("a1"), Self.text("a2"), "a4 nonsense"], [Self.json("a1"), Self.json("a3"), Self.json("a4")],
      "--json")
    #expect(result.status == 3)
    let object = try #require(Sandbox.object(result.text))
    let findings = try #require(object["findings"] as? [[String: Any]])
    #expect(
      findings.map { $0["kind"] as? String } == ["missing_in_text", "missing_in_text", "missing_in_json"])
    #expect(findings.map { $0["id"] as? String } == ["a3", "a4", "a2"])
    #expect(findings[1]["note"] as? String == "it is on line 3, which does not fit the format")
  }

  @Test func aRequestThatIsThereTwiceIsADifference() throws {
    #expect(try check([Self.text("a1"), Self.text("a1")], [Self.json("a1")]).status == 2)
    #expect(try check([Self.text("a1")], [Self.json("a1"), Self.json("a1")]).status == 2)
  }

  @Test func linesThatAreNoJSONAreMissing() throws {
    let result = try check([Self.text("a1")], [Self.json("a1"), #"{"id.request":"a2""#])
    #expect(result.status == 3)
    #expect(
      result.text.contains("line 2 of the JSON log cannot be read: byte 18: '}' is missing"), "\(result.text)"
    )
  }
}

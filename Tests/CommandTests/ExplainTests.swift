import Foundation
import TestSupport
import Testing

@Suite struct ExplainTests {
  private let sandbox: Sandbox

  init() throws { sandbox = try Sandbox() }

  @Test func everyPartIsShownWithPlaceFieldAndValue() throws {
    let result = try sandbox.stele(
      "explain", "--format", "haproxy/httplog",
      "<134>Nov 23 08:00:00 lb haproxy[7]: 192.0.2.1:55662 [23/Nov/2026:07:59:59.123] "
        + "web app/one 0/0/0/86/86 200 512 - - "
        + "---- 1/1/0/0/0 0/0 \"GET /a?b HTTP/1.1\"")
    #expect(result.status == 0, "\(result.errors)")
    let lines = result.text.split(separator: "\n").map {
      $0.split(separator: " ", omittingEmptySubsequences: true)
    }
    func value(_ field: String) -> String? {
      lines.first { $0.contains(Substring(field)) }.map { line in
        line.drop { $0 != field }.dropFirst().joined(separator: " ")
      }
    }
    #expect(result.text.contains("syslog/rfc3164 host tag pid, haproxy/httplog"))
    #expect(value("client.ip") == "192.0.2.1")
    #expect(value("dur.response") == "86 = 86 ms")
    #expect(value("time_start") == "23/Nov/2026:07:59:59.123 = 2026-11-23T07:59:59.123000000Z")
    #expect(value("http.req_cookie") == "- = nothing (dash)")
    #expect(value("url.target") == "/a?b")
    #expect(result.text.contains("36- 45    client.ip") || result.text.contains("36-45"), "\(result.text)")
  }

  @Test func aCaretStandsWhereTheLineStopsFitting() throws {
    let line = "192.0.2.1 - - [23/Nov/2026:08:00:00 +0000] \"GET /a HTTP/1.1\" 2x0 5 \"-\" \"-\""
    let result = try sandbox.stele("explain", "--format", "nginx/combined", line)
    #expect(result.status == 3)
    let lines = result.text.split(separator: "\n", omittingEmptySubsequences: false)
    let caret = try #require(lines.firstIndex { $0.hasSuffix("^") })
    let column = lines[caret].count - 1
    #expect(lines[caret - 1].dropFirst(column).hasPrefix("2x0 5"), "\(result.text)")
    #expect(lines[caret + 1].contains("byte 61: nginx/combined has http.status"), "\(result.text)")
    let object = try #require(
      Sandbox.object(try sandbox.stele("explain", "--format", "nginx/combined", "--json", line).text))
    #expect(((object["lines"] as? [[String: Any]])?.first?["offset"]) as? Int == 61)
  }

  @Test func ofManyLinesOnlyThoseThatDoNotFitAreShownOnRequest() throws {
    let input = Sandbox.lines[0] + "\nhello\u{1B}[31m\n" + Sandbox.lines[1] + "\n"
    let result = try sandbox.stele("explain", "--format", "nginx/combined", "--failed", input: input)
    #expect(result.status == 3)
    #expect(result.text.contains("line 2: does not fit"))
    #expect(
      !result.text.contains("line 1") && result.text.hasSuffix("2 lines fit nginx/combined, 1 do not\n"))
    // Nothing from a log line reaches the terminal as a command.
    #expect(!result.text.contains("\u{1B}"))
  }

  @Test func formatErrorsPointAtTheirPlace() throws {
    let result = try sandbox.stele("explain", "--format", "haproxy:'%ci %[src'", "x")
    #expect(result.status == 1)
    let lines = result.errors.split(separator: "\n")
    #expect(lines.count >= 3 && lines[2].contains("^"), "\(result.errors)")
  }
}

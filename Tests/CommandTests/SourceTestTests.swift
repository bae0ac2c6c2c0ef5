import Foundation
import TestSupport
import Testing

/// `test:` blocks of a configuration, run by `stele config check`.
@Suite struct SourceTestTests {
  private let sandbox: Sandbox

  init() throws { sandbox = try Sandbox() }

  private static let line =
    #"192.0.2.1 - - [23/Nov/2026:08:00:00 +0000] "GET /a?b HTTP/1.1" 404 5 "-" "cafÃ©""#

  private func check(_ tests: String, format: String = "nginx/combined", _ flags: String...) throws
    -> Program.Result
  {
    try sandbox.write(
      "s.yaml",
      "log: {directory: d}\nsources:\n  - name: web\n    listen: udp://127.0.0.1:0\n"
        + "    timezone: \"+01:00\"\n    format: \(format)\n\(tests)")
    return try Program.run(Program.stele, ["config", "check", sandbox.path("s.yaml")] + flags)
  }

  @Test func whatHoldsPasses() throws {
    let result = try check(
      """
          test:
            - name: combined
              line: '\(Self.line)'
              format: nginx/combined
              fields:
                http.status: 404
                client.ip: 192.0.2.1
                user: null
                http.referrer: {null: dash}
                url.path: /a
                url.query: b
                bytes.body_out: 5B
                time: 2026-11-23T08:00:00Z
                term.timeout: no
                lb.server: ~
                kind: http
                outcome: failure
            - {line: 'nonsense', status: failed}
            - raw_base64: \(Data("<134>Nov 23 08:00:00 h nginx: \(Self.line)".utf8).base64EncodedString())
              received: 2020-12-01T00:00:00Z
              fields: {syslog.time: '2026-11-23T07:00:00Z', syslog.app: nginx, user_agent: {base64: Y2Fmw4PCqQ==}}

      """)
    #expect(result.status == 0, "\(result.errors)")
    #expect(result.errors.hasSuffix("tests: 3 pass\n"), "\(result.errors)")
  }

  @Test func theOtherKeyAndJSONWorkAsWell() throws {
    let result = try check(
      "    tests: [{line: '\(Self.line)', fields: {http.status: 200}}, {line: x}]\n", "--json")
    #expect(result.status == 1)
    let object = try #require(Sandbox.object(result.text))
    let tests = try #require(object["tests"] as? [String: Any])
    #expect(tests["passed"] as? Int == 0)
    let failures = try #require(tests["failures"] as? [[String: Any]])
    #expect(failures.map { $0["line"] as? Int } == [7, 7])
    #expect((failures.first?["text"] as? String)?.hasSuffix("http.status is '404', expected '200'") == false)
    #expect((failures.first?["text"] as? String)?.hasSuffix("http.status is 404, expected '200'") == true)
    let none = try check("", "--json")
    #expect(none.status == 0 && Sandbox.object(none.text)?["tests"] == nil && !none.errors.contains("tests:"))
  }

  @Test(arguments: [
    ("http.status: 200", "http.status is 404, expected '200'"),
    ("http.status: many", "http.status: 'many' is no number"),
    ("user: bob", "user is nothing (dash), expected 'bob'"),
    ("user: {null: empty}", "user is nothing (dash), expected nothing (empty)"),
    ("url.path: ~", "url.path is '/a', expected nothing"),
    ("url.path: ''", "url.path is '/a', expected ''"),
    ("client.ip: 192.0.2.2", "client.ip is 192.0.2.1, expected '192.0.2.2'"),
    ("client.ip: host", "client.ip: 'host' is no IP address"),
    ("term.timeout: yes", "term.timeout is no, expected 'yes'"),
    ("time: 2026-11-23T08:00:01Z", "time is 2026-11-23T08:00:00Z, expected '2026-11-23T08:00:01Z'"),
    ("bytes.body_out: 1KiB", "bytes.body_out is 5 bytes, expected '1KiB'"),
    ("dur.total: 1s", "dur.total is nothing (absent_in_format), expected '1s'"),
    ("http.stats: 200", "there is no field 'http.stats'; did you mean 'http.status'?"),
  ])
  func whatDoesNotHoldIsNamedWithItsPlace(_ field: String, _ text: String) throws {
    let result = try check("    test:\n      - line: '\(Self.line)'\n        fields:\n          \(field)\n")
    #expect(result.status == 1)
    let column =
      11 + (field.firstIndex(of: ":").map { field.distance(from: field.startIndex, to: $0) } ?? 0) + 2
    let place = "\(sandbox.path("s.yaml")):10:\(column): source web, sources[1].test[1]: "
    #expect(result.errors.contains("\(place)\(text)\n"), "\(result.errors)")
    #expect(result.errors.contains("tests: 0 pass; 1 expectations do not hold"))
  }

  @Test func aLineThatDoesNotFitIsShownWithACaret() throws {
    let line = Self.line.replacing(" 404 ", with: " 4o4 ")
    let result = try check("    test:\n      - line: '\(line)'\n        fields: {http.status: 404}\n")
    #expect(result.status == 1)
    #expect(
      result.errors.contains("s.yaml:8:9: source web, sources[1].test[1]: the line is failed, expected ok\n"))
    let lines = result.errors.split(separator: "\n", omittingEmptySubsequences: false)
    let caret = try #require(lines.firstIndex { $0.hasSuffix("^") })
    #expect(lines[caret - 1].dropFirst(lines[caret].count - 1).hasPrefix("4o4 5"), "\(result.errors)")
    #expect(lines[caret + 1].contains("a status of three digits, then ' '; '4o4' is none"))
    let other = try check("    test: [{line: '\(Self.line)', status: failed}]\n")
    #expect(
      other.status == 1 && other.errors.contains("the line is ok, expected failed: it fits nginx/combined"))
    let format = try check("    test: [{line: '\(Self.line)', format: nginx/main}]\n")
    #expect(format.errors.contains("the line fits nginx/combined, expected nginx/main"), "\(format.errors)")
  }

  @Test func slotsOfAnOwnFormatAreFieldsAsWell() throws {
    let format = "'nginx:$remote_addr $my_var $status'"
    let result = try check(
      "    test: [{line: '1.1.1.1 x 200', fields: {$my_var: x}}, {line: '1.1.1.1 y 200', fields: {$my_var: x}}]\n",
      format: format)
    #expect(
      result.status == 1 && result.errors.contains("test[2]: $my_var is 'y', expected 'x'"),
      "\(result.errors)")
    #expect(result.errors.contains("tests: 1 pass; 1 expectations"), "\(result.errors)")
  }

  @Test(arguments: [
    ("{lin: x}", "unknown key 'lin' in sources[1].test[1]: did you mean 'line'?"),
    ("{fields: {}}", "sources[1].test[1] lacks the key 'line' (or 'raw_base64')"),
    ("{line: x, raw_base64: eA==}", "has 'line' and 'raw_base64'; remove one of them"),
    ("{raw_base64: '?'}", "raw_base64 is no base64"),
    ("{line: x, status: OK}", "must be one of ok, partial, ambiguous, failed, not 'OK'; did you mean ok?"),
    ("{line: x, fields: [a]}", "must be a group of fields"),
    ("{line: x, fields: {user: {nul: dash}}}", "unknown key 'nul' in user: did you mean 'null'?"),
    ("{line: x, fields: {user: {null: dahs}}}", "did you mean dash?"),
    ("{line: x, received: soon, status: failed}", "received: 'soon' is no time"),
    ("x", "must be a group of keys"),
  ])
  func mistakesInTestsAreErrors(_ item: String, _ text: String) throws {
    let result = try check("    test:\n      - \(item)\n")
    #expect(result.status == 1 && result.errors.contains(text), "\(result.errors)")
    #expect(result.errors.contains("s.yaml:8:"), "\(result.errors)")
  }

  @Test func bothKeysAtOnceAreAnError() throws {
    let result = try check("    test: []\n    tests: []\n")
    #expect(result.status == 1 && result.errors.contains("s.yaml:8:5: 'test' and 'tests' are the same"))
  }
}

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
      !result.text.contains("line 1")
        && result.text.hasSuffix("2 lines fit nginx/combined, 1 do not; 1 failed\n"))
    // Nothing from a log line reaches the terminal as a command.
    #expect(!result.text.contains("\u{1B}"))
  }

  @Test func formatErrorsPointAtTheirPlace() throws {
    let result = try sandbox.stele("explain", "--format", "haproxy:'%ci %[src'", "x")
    #expect(result.status == 64)
    let lines = result.errors.split(separator: "\n")
    #expect(lines.count >= 3 && lines[2].contains("^"), "\(result.errors)")
  }

  // MARK: Places

  /// The line above the caret from the caret's column on, and what stands before it.
  private func pictured(_ text: String) throws -> (before: String, after: String) {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    let caret = try #require(lines.firstIndex { $0.hasSuffix("^") }, "\(text)")
    let column = lines[caret].unicodeScalars.count - 1
    let line = lines[caret - 1].unicodeScalars
    return (String(line.prefix(column)), String(line.dropFirst(column)))
  }

  @Test(arguments: [
    ("\u{1B}[2J", "\\x1B[2J"), ("caf\u{E9}", "caf\u{E9}"),
    ("\u{4F60}\u{597D}", "\\xE4\\xBD\\xA0\\xE5\\xA5\\xBD"),
    ("e\u{301}\u{200F}", "e\\xCC\\x81\\xE2\\x80\\x8F"), ("a\tb", "a\\x09b"),
  ])
  func theCaretStandsRightBehindAnyBytes(_ agent: String, _ shown: String) throws {
    let line = "1.1.1.1 - \(agent) [23/Nov/2026:08:00:00 +0000] \"GET / HTTP/1.1\" NaN 5 \"-\" \"-\""
    let result = try sandbox.stele("explain", "--format", "nginx/combined", line)
    let picture = try pictured(result.text)
    #expect(picture.after == "NaN 5 \"-\" \"-\"")
    #expect(picture.before.contains(" - \(shown) ["), "\(picture)")
  }

  @Test func bytesThatAreNotUTF8AreShownAndKept() throws {
    var line = Array("1.1.1.1 - - [23/Nov/2026:08:00:00 +0000] \"GET / HTTP/1.1\" 200 5 \"".utf8)
    line += [0xFF, 0xC3, 0x28] + Array("\" x\n".utf8)
    try sandbox.directory.write("bytes", line)
    let text = try sandbox.stele("explain", "--format", "nginx/combined", "@bytes")
    let picture = try pictured(text.text)
    #expect(picture.before.hasSuffix(" 200 5 \"") && picture.after == "\\xFF\\xC3(\" x", "\(picture)")
    line = Array(line.dropLast(3)) + Array(" \"-\"\n".utf8)
    try sandbox.directory.write("bytes", line)
    let json = try sandbox.stele("explain", "--format", "nginx/combined", "--json", "@bytes")
    let object = try #require(Sandbox.object(json.text))
    let parts = try #require((object["lines"] as? [[String: Any]])?.first?["parts"] as? [[String: Any]])
    let referrer = try #require(parts.first { $0["name"] as? String == "http.referrer" }, "\(json.text)")
    #expect(referrer["base64"] as? String == Data([0xFF, 0xC3, 0x28]).base64EncodedString())
    #expect(referrer["text"] as? String == "\\xFF\\xC3(")
    #expect(parts.last?["null"] as? String == "dash" && parts.last?["value"] is NSNull)
  }

  @Test func longLinesAreCutAroundThePlace() throws {
    let path = String(repeating: "/abcdefghi", count: 2_000)
    let line = "1.1.1.1 - - [23/Nov/2026:08:00:00 +0000] \"GET \(path) HTTP/1.1\" NaN \(path)"
    let result = try sandbox.stele("explain", "--format", "nginx/combined", line)
    let picture = try pictured(result.text)
    #expect(
      picture.before.hasPrefix("  …") && picture.after.hasPrefix("NaN /abc") && picture.after.hasSuffix("…"))
    #expect(picture.before.count + picture.after.count < 120)
    #expect(
      result.text.contains("byte 20057: nginx/combined has http.status here"), "\(result.text.suffix(200))")
  }

  @Test func whatFitsBeforeThePlaceIsShown() throws {
    let line =
      "<134>Nov 23 08:00:00 lb nginx: 192.0.2.1 - bob [23/Nov/2026:08:00:00 +0000] \"GET /a HTTP/1.1\" 2x0 5"
    let result = try sandbox.stele("explain", "--format", "nginx/combined", "--json", line)
    let explained = try #require((Sandbox.object(result.text)?["lines"] as? [[String: Any]])?.first)
    let parts = try #require(explained["parts"] as? [[String: Any]])
    #expect(
      parts.compactMap { $0["name"] as? String } == [
        "syslog.pri", "syslog.time", "syslog.host", "syslog.app", "message", "client.ip", "user", "time_end",
        "http.request", "http.method", "url.target", "http.version",
      ])
    let request = parts.first { $0["name"] as? String == "url.target" }
    #expect(request?["start"] as? Int == 81 && request?["text"] as? String == "/a")
    #expect(explained["field"] as? String == "http.status" && explained["status"] as? String == "failed")
    #expect(explained["expected"] as? String == "a status of three digits, then ' '")
    #expect(explained["found"] as? String == "'2x0' is none")
  }

  @Test func aLineThatCanBeReadInTwoWaysSaysWhere() throws {
    let line =
      "[2026-11-23T08:00:00.123Z] \"GET /a HTTP/1.1\" 200 - 0 12 5 4 \"-\" \"a\" \"b\" \"id\" \"h\" \"1.1.1.1:80\""
    let format =
      #"envoy:[%START_TIME%] "%REQ(:METHOD)% %REQ(:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% "#
      + #"%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %DURATION% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "#
      + #""%REQ(X-REQUEST-ID)%" "%RESP(X-A)%""#
    let result = try sandbox.stele("explain", "--format", format, line)
    #expect(result.status == 3)
    #expect(
      result.text.contains("is ambiguous") && result.text.contains("the value may end here, or at byte 66"),
      "\(result.text)")
    #expect(try pictured(result.text).after.hasPrefix("\" \"a\" \"b\""), "\(result.text)")
  }

  // MARK: Advice

  @Test func theShippedFormatThatFitsIsSuggested() throws {
    let wrong = try sandbox.stele("explain", "--format", "haproxy/httplog", Sandbox.lines[0])
    #expect(wrong.status == 3)
    #expect(
      wrong.text.contains("this line fits nginx/combined: use --format nginx/combined"), "\(wrong.text)")
    let near = try sandbox.stele(
      "explain", "--format", "haproxy/httplog", String(Sandbox.lines[0].dropLast(3)))
    #expect(
      near.text.contains("came furthest: ") && near.text.contains("nginx/combined to byte "), "\(near.text)")
    let nothing = try sandbox.stele("explain", "?? no line of a load balancer")
    #expect(nothing.text.contains("no format that Stele knows begins like this"), "\(nothing.text)")
  }

  // MARK: Many lines

  @Test func filesAndStandardInputAreSummedUp() throws {
    let broken = Sandbox.lines[1].replacing(" 200 ", with: " 2x0 ")
    try sandbox.write("a.log", Sandbox.lines[0] + "\n" + broken + "\n" + broken + "\nx\n")
    let result = try sandbox.stele(
      "explain", "--summary", "--format", "nginx/combined", "@a.log", "-", input: Sandbox.lines[2] + "\n")
    #expect(result.status == 3)
    #expect(
      result.text.hasPrefix("Where lines do not fit:\n  2 failed, the first is a.log, line 2:\n"),
      "\(result.text)")
    #expect(result.text.contains("  1 failed, the first is a.log, line 4:\n"))
    #expect(result.text.hasSuffix("2 lines fit nginx/combined, 3 do not; 3 failed\n"), "\(result.text)")
    let json = try sandbox.stele("explain", "--summary", "--json", "@a.log")
    let object = try #require(Sandbox.object(json.text))
    #expect(object["fitting"] as? Int == 1 && (object["lines"] as? [Any])?.isEmpty == true)
    #expect((object["counts"] as? [String: Int])?["failed"] == 3)
    #expect((object["formats"] as? [String: Int]) == ["nginx/combined": 1])
    let places = try #require(object["places"] as? [[String: Any]])
    #expect(
      places.map { $0["lines"] as? Int } == [2, 1] && places.first?["field"] as? String == "http.status")
  }

  @Test func aWordThatNamesNoFileIsALine() throws {
    let result = try sandbox.stele("explain", "--format", "nginx/combined", "access.lgo")
    #expect(result.status == 3 && result.errors.contains("there is no file 'access.lgo'"))
  }

  @Test func oneBlockOfCapturesMakesOnlyTheCapturesUnsure() throws {
    let line =
      "127.0.0.1:39759 [09/Dec/2013:12:59:46.633] lb default/one 0/51536/1/48082/99627 200 83285 - - ---- "
      + "87/87/87/1/0 0/67 {77.24.148.74} \"GET / HTTP/1.1\""
    for format in ["auto", "haproxy/httplog"] {
      let result = try sandbox.stele("explain", "--format", format, line)
      #expect(result.status == 3)
      #expect(
        result.text.contains("byte \(line.utf8.count - 30): haproxy/httplog has http.captures here"),
        "\(result.text)")
      #expect(result.text.contains("kind http"), "\(result.text)")
      #expect(
        !result.text.contains("kept as it is") && !result.text.contains("use --format"), "\(result.text)")
    }
  }

  @Test func howALineIsReadDoesNotDependOnThoseBefore() throws {
    let path = sandbox.path("nginx.conf")
    try sandbox.write(
      "nginx.conf",
      """
      events {}
      http {
        log_format short '$uri $msec';
        log_format long '$uri $status $request_length $request_time';
        server {
          access_log /var/log/short.log short;
          location /a { access_log /var/log/long.log long; }
        }
      }
      """)
    let long = "/a 200 42 0.000\n"
    let alone = try sandbox.stele("explain", "--format=@\(path)", "-", input: long)
    #expect(alone.text.contains("nginx:long"), "\(alone.text)\(alone.errors)")
    let after = try sandbox.stele("explain", "--format=@\(path)", "-", input: "/b 1700000000.123\n" + long)
    #expect(after.text.contains("line 2: nginx:long"), "\(after.text)")
    // A path makes it HTTP, with no status and no method.
    #expect(after.text.contains("kind http") && !after.text.contains("kind tcp"), "\(after.text)")
  }

  @Test func aLineOfNothingButSeparatorsIsExplained() throws {
    let line =
      "[2019-02-12T18:37:42.921Z] \"GET /" + String(repeating: "\", \"", count: 15_000)
      + " HTTP/1.1\" 200 - 0 43 2 1 "
      + "\"-\" \"a\" \"b\" \"c\" \"192.0.2.1:80\""
    let result = try sandbox.stele("explain", "--format", "envoy/default", "--summary", input: line + "\n")
    #expect(result.status == 3)
    #expect(result.text.contains("1 ambiguous"), "\(result.text)")
  }
}

import Foundation
import TestSupport
import Testing

/// `format: auto` finds out which format a source has, says so, and keeps to it.
@Suite struct AutoTests {
  private let sandbox: Sandbox

  init() throws {
    sandbox = try Sandbox()
    try sandbox.makeLog()
  }

  private static func haproxy(_ number: Int) -> String {
    "192.0.2.1:\(1024 + number) [23/Nov/2026:07:59:59.123] web app/one 0/0/0/86/86 200 512 - - ---- 1/1/0/0/0 0/0 "
      + "\"GET /item/\(number) HTTP/1.1\""
  }

  private static func nginx(_ number: Int) -> String { Sandbox.lines[number % Sandbox.lines.count] }

  private func records() throws -> [[String: Any]] {
    try sandbox.stele("search", "@log", "action = format", "--entries", "control", "--output", "raw").text
      .split(separator: "\n").compactMap { Sandbox.object($0) }
  }

  private func replay(_ lines: [String]) throws -> [String: Any] {
    try sandbox.write("lines", lines.map { $0 + "\n" }.joined())
    let result = try sandbox.stele("replay", "@lines", "--into", "@log", "--json")
    #expect(result.status == 0, "\(result.errors)")
    #expect(try sandbox.stele("search", "@log", "--output", "raw").output == sandbox.directory.read("lines"))
    return try #require(Sandbox.object(result.text)?["format"] as? [String: Any])
  }

  @Test func theFirstLinesDecideAndTheLogSaysSo() throws {
    let odd = "Server app/one is DOWN"
    let format = try replay(
      [odd] + (0..<200).map { $0 % 10 == 3 ? Self.nginx($0) : Self.haproxy($0) } + [odd])
    #expect(format["format"] as? String == "haproxy/httplog" && format["chosen"] as? Bool == true)
    #expect(format["lines"] as? Int == 202 && format["why"] as? String == "first_lines")
    #expect(format["of_lines"] as? Int == 64)
    let records = try records()
    #expect(records.count == 1)
    let record = try #require(records.first)
    #expect(record["source"] as? String == "lines" && record["format"] as? String == "haproxy/httplog")
    #expect(record["lines"] as? Int == 64 && record["why"] as? String == "first_lines")
    let second = try #require(record["runner_up"] as? [String: Any])
    #expect(second["format"] as? String == "nginx/combined" && second["fitting"] as? Int == 6)
    #expect(
      try sandbox.stele("search", "@log", "parser.format = nginx/combined").text.split(separator: "\n").count
        == 20)
    let text = try sandbox.stele("inspect", "@log").text
    #expect(text.contains("lines: haproxy/httplog, "), "\(text)")
    let object = try #require(Sandbox.object(try sandbox.stele("inspect", "@log", "--json").text))
    #expect(((object["formats"] as? [[String: Any]])?.first)?["format"] as? String == "haproxy/httplog")
  }

  @Test func fewLinesAreEnoughAtTheEnd() throws {
    let format = try replay([Self.nginx(0), Self.nginx(1)])
    #expect(format["format"] as? String == "nginx/combined" && format["why"] as? String == "end")
    #expect(try records().count == 1)
    try sandbox.makeLog("other")
    let given = try sandbox.stele(
      "replay", "@lines", "--into", "@other", "--format", "nginx/combined", "--json")
    #expect(Sandbox.object(given.text)?["format"] == nil)
  }

  @Test func aSourceThatChangesItsFormatIsFollowed() throws {
    let format = try replay((0..<300).map(Self.haproxy) + (0..<70_000).map(Self.nginx))
    #expect(format["format"] as? String == "nginx/combined")
    let records = try records()
    #expect(records.map { $0["format"] as? String } == ["haproxy/httplog", "nginx/combined"])
    #expect(records.last?["why"] as? String == "sustained")
    #expect(records.last?["previous"] as? String == "haproxy/httplog")
  }

  @Test func theDaemonSaysWhichFormatASourceHas() throws {
    let daemon = try DaemonProcess(
      sandbox, ["--log", "@log", "--listen", "tcp://127.0.0.1:0", "--listen", "udp://127.0.0.1:0"])
    try sandbox.write("h", (0..<100).map { Self.haproxy($0) + "\n" }.joined())
    try sandbox.write("n", (0..<10).map { Self.nginx($0) + "\n" }.joined())
    #expect(try sandbox.stele("replay", "@h", "--to", daemon.url("tcp-0"), "--wrap", "rfc5424").status == 0)
    #expect(try sandbox.stele("replay", "@n", "--to", daemon.url("udp-0"), "--wrap", "rfc3164").status == 0)
    // One for the log's creation, three of the start, one for the choice.
    #expect(daemon.waitUntilDurable(115), "\(daemon.status)")
    let chosen = try #require(daemon.source("tcp-0")["format"] as? [String: Any])
    #expect(chosen["format"] as? String == "haproxy/httplog" && chosen["chosen"] as? Bool == true)
    #expect(chosen["lines"] as? Int == 100 && chosen["fitting"] as? Int == 100)
    let open = try #require(daemon.source("udp-0")["format"] as? [String: Any])
    #expect(open["format"] as? String == "nginx/combined" && open["chosen"] as? Bool == false)
    let ended = daemon.stop()
    #expect(ended.status == 0)
    #expect(
      ended.errors.contains("source tcp-0: format haproxy/httplog: 64 of 64 lines fit"), "\(ended.errors)")
    #expect(try records().map { $0["source"] as? String } == ["tcp-0", "udp-0"])
    #expect(try sandbox.stele("verify", "@log").status == 0)
  }

  /// The same lines give the same choice and the same reading, however the threads take turns.
  @Test func theChoiceIsDeterministic() throws {
    let lines = (0..<3000).map { $0 < 60 && $0 % 2 == 0 ? Self.nginx($0) : Self.haproxy($0) }
    try sandbox.write("lines", lines.map { $0 + "\n" }.joined())
    var outputs: Set<String> = []
    for round in 0..<4 {
      try sandbox.makeLog("log\(round)")
      _ = try sandbox.stele("replay", "@lines", "--into", "@log\(round)")
      let record = try sandbox.stele(
        "search", "@log\(round)", "action = format", "--entries", "control", "--output", "raw")
      let formats = try sandbox.stele(
        "search", "@log\(round)", "parser.format = haproxy/httplog", "--output", "raw")
      outputs.insert(record.text + formats.text)
    }
    #expect(outputs.count == 1)
  }
}

import Foundation
import TestSupport
import Testing

/// What `search --output` writes for a log with lines of all kinds.
@Suite struct OutputTests {
  private static let lines = [
    #"192.0.2.1 - - [23/Nov/2026:08:00:10 +0000] "GET /item/1 HTTP/1.1" 200 7 "-" "curl/8.5""#,
    // Cut inside a quote, cut elsewhere, with a byte that is no UTF-8, and of no format at all.
    #"192.0.2.2 - - [23/Nov/2026:08:00:11 +0000] "GET /item/2 HTTP/1.1" 200 7 "-" "cur"#,
    #"192.0.2.3 - - [23/Nov/2026:08:00:12 +0000] "GET /item"#,
    "192.0.2.4 - - [23/Nov/2026:08:00:13 +0000] \"GET /caf\u{e9} HTTP/1.1\" 404 0 \"\" \"-\"",
    #"192.0.2.5 - - [23/Nov/2026:08:00:14 +0000] x"#,
    String(repeating: "y", count: 8192),
  ]

  private func log() throws -> Sandbox {
    let sandbox = try Sandbox()
    try sandbox.makeLog()
    var bytes = Array((Self.lines.joined(separator: "\n") + "\n").utf8)
    // One byte of the two that are the é.
    if let place = bytes.firstIndex(of: 0xC3) { bytes.remove(at: place) }
    try sandbox.directory.write("lines", bytes)
    #expect(try sandbox.stele("replay", "@lines", "--into", "@log", "--format", "nginx/combined").status == 0)
    return sandbox
  }

  private func objects(_ sandbox: Sandbox, _ arguments: String...) throws -> [[String: Any]] {
    let found = try sandbox.runSearch(arguments)
    return try found.split(separator: "\n").map { try #require(Sandbox.object($0), "\($0)") }
  }

  @Test func everyOutputHasALineForEachEntry() throws {
    let sandbox = try log()
    for form in ["ndjson", "ecs", "otel", "ocsf"] {
      let objects = try objects(sandbox, "--entries", "all", "--output", form)
      #expect(objects.count == Self.lines.count + 4, "\(form)")
      // The message as received is there when it is asked for, and only then.
      let with = try sandbox.runSearch(["--output", form, "--with-raw"])
      let without = try sandbox.runSearch(["--output", form])
      let word =
        [
          "ndjson": "\"raw\":", "ecs": "\"original\":\"192.0.2.1 - -", "otel": "log.record.original",
          "ocsf": "\"raw_data\":",
        ][form] ?? ""
      #expect(with.contains(word) && !without.contains(word), "\(form)")
    }
    let first = try #require(try objects(sandbox, "--output", "ecs").first)
    #expect((first["url"] as? [String: Any])?["path"] as? String == "/item/1")
    #expect((first["event"] as? [String: Any])?["category"] as? [String] == ["web"])
    #expect(
      try objects(sandbox, "--output", "ocsf").map { $0["class_uid"] as? Int } == [4002, 0, 0, 4002, 0, 0])
    #expect(
      try objects(sandbox, "--output", "otel").allSatisfy { ($0["resourceLogs"] as? [Any])?.count == 1 })
  }

  @Test func nullsHaveTheirReasonsInTheOutputAndInExpressions() throws {
    let sandbox = try log()
    let events = try objects(sandbox, "parse.status = ok", "--output", "ndjson")
    #expect(
      events.map { $0["nulls"] as? [String: String] ?? [:] } == [
        ["user": "dash", "http.referrer": "dash"],
        ["user": "dash", "http.referrer": "empty", "user_agent": "dash"],
      ])
    for (expression, count) in [
      ("http.referrer is dash", 1), ("http.referrer is empty", 1), ("http.referrer is unparsed", 4),
      ("http.referrer is null", 6), ("http.referrer is not null", 0), ("dur.active is absent_in_format", 2),
      ("user_agent is not dash", 5), ("$x is unparsed", 4), ("source.peer_ip is absent_in_format", 6),
    ] {
      #expect(try objects(sandbox, expression, "--output", "ndjson").count == count, "\(expression)")
    }
    let wrong = try sandbox.stele("search", "@log", "user_agent is missing")
    #expect(wrong.status == 64 && wrong.errors.contains("not_reached"))
  }

  @Test func linesThatWereProbablyCutAreFlagged() throws {
    let sandbox = try log()
    let suspected = try objects(sandbox, "truncated = source_suspected", "--output", "ndjson")
    #expect(suspected.map { $0["seq"] as? Int } == [4, 5, 8])
    #expect(suspected.map { $0["parse.error"] as? String } == ["unclosed_quote", "unclosed_quote", "format"])
    #expect(try objects(sandbox, "truncated = none", "--output", "ndjson").count == 3)
    let ecs = try objects(sandbox, "truncated = source_suspected", "--output", "ecs")
    #expect(ecs.allSatisfy { ($0["tags"] as? [String])?.contains("truncated_source_suspected") ?? false })
  }

  @Test func aLineOfHAProxyThatEndsWithinItsQuotesFitsAndIsFlagged() throws {
    let sandbox = try Sandbox()
    try sandbox.makeLog()
    let line =
      "192.0.2.1:33317 [23/Nov/2026:08:00:10.123] fe be/srv 0/0/1/2/3 200 150 - - ---- 1/1/0/0/0 0/0 \"GET /long"
    try sandbox.write("lines", line + " HTTP/1.1\"\n" + line + "\n")
    let replayed = try sandbox.stele("replay", "@lines", "--into", "@log", "--format", "haproxy/httplog")
    #expect(replayed.status == 0, "\(replayed.errors)")
    let events = try objects(sandbox, "--output", "ndjson")
    #expect(events.map { $0["truncated"] as? String } == ["none", "source_suspected"])
    #expect(events.map { $0["parse.status"] as? String } == ["ok", "partial"])
    #expect(events.map { $0["parse.error"] as? String } == [nil, "unclosed_quote"])
    #expect(events.map { $0["url.target"] as? String } == ["/long", "/long"])
  }

  @Test func bytesThatAreNotUTF8SurviveEveryOutput() throws {
    let sandbox = try log()
    let expected = Data(Array("/caf".utf8) + [0xA9])
    for (form, key) in [
      ("ndjson", "\"url.target.base64\":\""), ("ecs", "\"url.target\":\"L"), ("ocsf", "\"url.target\":\"L"),
      ("otel", "{\"key\":\"stele.base64.url.target\",\"value\":{\"bytesValue\":\""),
    ] {
      let text = try sandbox.runSearch(["http.status = 404", "--output", form])
      let base64 = expected.base64EncodedString()
      let wanted = key.hasSuffix("L") ? key.dropLast() + base64 : key + base64
      #expect(text.contains(wanted), "\(form): \(text)")
    }
  }
}

extension Sandbox {
  /// What a search of the log prints.
  fileprivate func runSearch(_ arguments: [String]) throws -> String {
    let found = try Program.run(Program.stele, ["search", path("log")] + arguments)
    #expect(found.status == 0, "\(found.errors)")
    return found.text
  }
}

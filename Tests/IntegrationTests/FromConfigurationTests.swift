import Bytes
import Foundation
import Platform
import Testing

/// HAProxy and Stele read the same haproxy.cfg.
@Suite(.serialized) struct FromConfigurationTests {
  /// Captures with their names, and a value that only a variable of the file brings in.
  private static let first = #"%ci:%cp [%tr] %ft %ST %Tr/%Ta %lc %hr ${SHOP} %{+Q}r"#
  /// The same parts in another order, so that no line of one fits the other.
  private static let second = #"%{+Q}r %hr %ST %lc <%ft> %Ta/%Tr %ci:%cp [%tr] ${SHOP}"#
  /// Before and after the change. Lines of the frontend `twin` look the same: only the tag tells them apart.
  private static let alike = (#"%ci:%cp %Tr %Ta"#, #"%ci:%cp %Ta %Tr"#)

  private struct Run {
    let scratch: Scratch
    let log: SteleLog
    let daemon: Daemon
    let web, tagged, twin, udp: UInt16

    init() throws {
      scratch = try Scratch()
      log = try SteleLog(in: scratch)
      let ports = try freePorts(4)
      (web, tagged, udp, twin) = (ports[0], ports[1], ports[2], ports[3])
      try Self.configure(scratch, ports, FromConfigurationTests.first, FromConfigurationTests.alike.0)
      daemon = try Daemon(
        log,
        sources:
          "  - {name: edge, listen: \"udp://127.0.0.1:\(udp)\", from: {haproxy: \(scratch.file("from.conf"))}}\n"
      )
    }

    func configure(_ format: String, _ other: String) throws {
      try Self.configure(scratch, [web, tagged, udp, twin], format, other)
    }

    private static func configure(
      _ scratch: Scratch, _ ports: [UInt16], _ format: String, _ other: String
    ) throws {
      // As it stands within double quotes.
      let quoted = format.replacing("\"", with: "\\\"")
      _ = try scratch.configure(
        "from.conf",
        [
          "WEB": "\(ports[0])", "TAGGED": "\(ports[1])", "LOG": "\(ports[2])", "TWIN": "\(ports[3])",
          "FORMAT": quoted, "OTHER": other,
        ])
    }

    func haproxy(_ name: String) throws -> Child {
      let path = try #require(Program.haproxy.path)
      let child = try Child(path, ["-f", scratch.file("from.conf")], name: name, in: scratch)
      waitUntil("HAProxy: \(child.complaints)") { accepts(web) && accepts(tagged) && accepts(twin) }
      return child
    }

    func records() throws -> [LoggedEvent] {
      try log.records("format").filter { $0.text("source") == "edge" }
    }
  }

  @Test(.needs(.haproxy), .timeLimit(.minutes(2)))
  func formatsAreReadAndChangesFollowed() throws {
    let run = try Run()
    var haproxy = try run.haproxy("before")
    try traffic(run, "before")
    haproxy.stop(SIGTERM)

    try run.configure(Self.second, Self.alike.1)
    try waitUntil("the change: \(run.daemon.child.complaints)") { try run.records().count >= 2 }
    haproxy = try run.haproxy("after")
    try traffic(run, "after")

    // What cannot be used changes nothing.
    let mended = run.scratch.text("from.conf")
    try run.scratch.write(
      "from.conf", mended + "\nfrontend x\n  log-format \"%nosuch\"\n")
    run.daemon.child.signal(SIGHUP)
    try waitUntil("the refusal: \(run.daemon.child.complaints)") { try run.records().count >= 3 }
    try traffic(run, "still")
    // Mended is said too, though it is what it was before.
    try run.scratch.write("from.conf", mended)
    run.daemon.child.signal(SIGHUP)
    try waitUntil("the mend: \(run.daemon.child.complaints)") { try run.records().count >= 4 }
    haproxy.stop(SIGTERM)
    Clock.sleep(nanoseconds: 200_000_000)
    run.daemon.stop()
    try run.log.expectIntact()

    try checkRecords(run)
    for name in ["before", "after", "still"] { try check(run, name) }
    try checkOrder(run)
    try checkTags(run)
  }

  private func traffic(_ run: Run, _ name: String) throws {
    let before = run.daemon.received("edge")
    for (number, headers) in [
      [], ["User-Agent: curl/8", "X-Who: me", "Referer: http://r/?a=|{}\"#"], ["X-Who: } {", "X-Shop: s 1"],
      ["Referer: http://r/"],
    ].enumerated() {
      let answer = try request(
        run.web, httpRequest("GET", Array("/\(name)-\(number)?q=\"x\"".utf8), headers: headers))
      #expect(answer.status == 200)
    }
    _ = try request(
      run.web, httpRequest("GET", Array("/\(name)-long/\(String(repeating: "z", count: 500))".utf8)))
    _ = try request(run.tagged, httpRequest("GET", Array("/\(name)-tagged".utf8)))
    _ = try request(run.twin, httpRequest("GET", Array("/\(name)-twin".utf8)))
    run.daemon.waitFor(before + 7, from: "edge")
  }

  // MARK: The log

  private func check(_ run: Run, _ name: String) throws {
    // Threads of HAProxy log independently: not always in the order of the requests.
    let events = try run.log.events("lb.frontend = web and url.path ~ \"/\(name)-\" and truncated = none")
      .sorted { ($0.text("url.path") ?? "") < ($1.text("url.path") ?? "") }
    #expect(events.count == 4, "\(name)")
    for (number, event) in events.enumerated() {
      let context = "\(name) \(number): \(event.fields)"
      #expect(event.text("parse.status") == "ok", "\(context)")
      #expect(event.text("lb.frontend") == "web", "\(context)")
      #expect(event.number("http.status") == 200, "\(context)")
      #expect(event.text("client.ip") == "127.0.0.1", "\(context)")
    }
    #expect(events[1].text("user_agent") == "curl/8", "\(events[1].fields)")
    #expect(events[1].text("http.referrer") == ##"http://r/?a=|{}"#"##, "\(events[1].fields)")
    // The long one is cut by HAProxy at 400 bytes, which is certain, for its end is missing.
    let cut = try run.log.lines("truncated = source_certain").filter {
      String(decoding: $0, as: UTF8.self).contains("/\(name)-long")
    }
    #expect(cut.map(\.count) == [400], "\(name)")
  }

  /// Before, after, and why not.
  private func checkRecords(_ run: Run) throws {
    let records = try run.records()
    try #require(records.count == 4)
    func strings(_ record: LoggedEvent, _ list: String) -> [String] {
      (record.fields[list] as? [[String: Any]] ?? []).compactMap { $0["string"] as? String }
    }
    let first = Self.first.replacing("${SHOP}", with: "shop \"%[var(txn.shop)]\"")
    let second = Self.second.replacing("${SHOP}", with: "shop \"%[var(txn.shop)]\"")
    #expect(strings(records[0], "old").isEmpty && strings(records[0], "new").contains(first))
    #expect(strings(records[1], "old").contains(first) && strings(records[1], "new").contains(second))
    #expect(!strings(records[1], "new").contains(first))
    #expect(records[1].text("sha256")?.count == 64 && records[1].text("sha256") != records[0].text("sha256"))
    let why = (records[2].fields["error"] as? [String])?.first ?? ""
    #expect(why.contains("from.conf:") && why.contains("%nosuch"), "\(why)")
    #expect(records[2].fields["new"] == nil)
    #expect(strings(records[3], "new") == strings(records[1], "new"))
    #expect(records[3].text("sha256") == records[1].text("sha256"))
    #expect(run.daemon.child.complaints.contains("warning: source edge:"))
  }

  /// The record of the change stands before everything that is read with the new format.
  private func checkOrder(_ run: Run) throws {
    let all = try run.log.events(nil, entries: "all").compactMap { event -> String? in
      if event.text("action") == "format" { return "change" }
      return event.text("url.path").map {
        $0.hasPrefix("/before") ? "before" : $0.hasPrefix("/after") ? "after" : ""
      }
    }
    let changes = all.indices.filter { all[$0] == "change" }
    let lastBefore = try #require(all.lastIndex(of: "before"))
    let firstAfter = try #require(all.firstIndex(of: "after"))
    try #require(changes.count == 4)
    #expect(lastBefore < changes[1] && changes[1] < firstAfter)
  }

  /// What looks the same is told apart by the tag.
  private func checkTags(_ run: Run) throws {
    let events = try run.log.events("syslog.app = other")
    #expect(events.count >= 3)
    #expect(events.allSatisfy { $0.text("parser.format") == "haproxy:tagged" }, "\(events.map(\.fields))")
    let twins = try run.log.events("syslog.app = haproxy and parser.format = haproxy:twin")
    #expect(twins.count >= 3)
  }
}

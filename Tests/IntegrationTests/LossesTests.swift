import Foundation
import Platform
import Testing

/// What messages, connections and the kernel tell of losses is in the log, and `stele losses` adds it up.
@Suite(.serialized) struct LossesTests {
  private static let sources = """
      - {name: udp, listen: "udp://127.0.0.1:0", format: haproxy/httplog, receive_buffer: 4MiB}
      - {name: tcp, listen: "tcp://127.0.0.1:0", format: haproxy/httplog}
      - name: own
        listen: udp://127.0.0.1:0
        format: "haproxy:'%ci:%cp [%tr] %ft %ST %lc'"

    """

  private func line(_ number: Int, pid: Int = 7, frontend: String = "web") -> String {
    "<134>Nov 23 08:00:00 haproxy[\(pid)]: 192.0.2.1:5001 [23/Nov/2026:08:00:00.123] \(frontend) 200 \(number)"
  }

  @Test func everyKindOfLossIsAnEntryAndIsAddedUp() throws {
    let scratch = try Scratch()
    let log = try SteleLog(in: scratch)
    let daemon = try Daemon(log, sources: Self.sources)
    let udp = try Socket(.datagram, connectedTo: .ip(loopback, port: daemon.port("udp")))
    let own = try Socket(.datagram, connectedTo: .ip(loopback, port: daemon.port("own")))
    // HAProxy's ring was full.
    for text in ["1 event dropped", "41 events dropped"] {
      try udp.sendAll(Array("<133>Nov 23 08:00:00 haproxy[7]: \(text)".utf8))
    }
    // HAProxy has cut the line at 1024 bytes.
    let request = "\"GET /" + String(repeating: "x", count: 2000)
    let long =
      "<134>Nov 23 08:00:00 haproxy[7]: 192.0.2.1:5001 [23/Nov/2026:08:00:00.123] web app/one 0/0/1/2/3 200 99 - - "
      + "---- 1/1/0/0/0 0/0 \(request)"
    try udp.sendAll(Array((long.prefix(1023) + "\n").utf8))
    // The stream ends in a line.
    do {
      let tcp = try Socket(.stream, connectedTo: .ip(loopback, port: daemon.port("tcp")))
      try tcp.sendAll(Array("<133>Nov 23 08:00:00 haproxy[7]: half a li".utf8))
    }
    // Two processes, two frontends, each with numbers of its own; the error line has one and does not show it.
    for number in [5, 6, 9, 10] { try own.sendAll(Array(line(number).utf8)) }
    for number in [7] { try own.sendAll(Array(line(number, frontend: "web~").utf8)) }
    for number in 100...103 { try own.sendAll(Array(line(number, pid: 8).utf8)) }
    try own.sendAll(
      Array(
        "<134>Nov 23 08:00:00 haproxy[8]: 192.0.2.1:1 [23/Nov/2026:08:00:00.123] web/1: SSL handshake failure"
          .utf8))
    for number in [105, 108] { try own.sendAll(Array(line(number, pid: 8).utf8)) }
    for number in [900, 1] { try own.sendAll(Array(line(number, frontend: "api").utf8)) }
    daemon.waitFor(14, from: "own")
    daemon.waitFor(3, from: "udp")
    daemon.waitFor(1, from: "tcp")
    daemon.stop()
    try log.expectIntact()

    let losses = try log.records("loss").map { entry in
      "\(entry.text("source") ?? "") \(entry.text("layer") ?? "") \(entry.number("count") ?? 0) "
        + "\(entry.text("unit") ?? "") \(entry.text("of") ?? "-") \(entry.number("suspected") ?? 0)"
    }
    #expect(
      Set(losses).subtracting([
        "udp ring 42 messages - 0", "udp ring 1 messages - 0", "udp ring 41 messages - 0",
      ]) == [
        "udp truncated 1 messages - 1", "tcp cut 1 messages - 0",
        // 7 came with `web~`.
        "own counter_gap 1 messages frontend web, process 7 0",
        "own counter_gap 2 messages frontend web, process 8 0",
      ], "\(losses)")
    let text = try log.stele(["losses", log.directory, "--by", "all"]).text
    #expect(text.contains(/all +udp +3 +0 +42 +ring 42, truncated 1 \(1 only look so\)/), "\(text)")
    #expect(text.contains(/all +own +14 +0 +3 +counter_gap 3/), "\(text)")
    #expect(text.contains(/all +tcp +1 +1 +0 +cut 1/), "\(text)")
    let json = try LoggedEvent(json: log.stele(["losses", log.directory, "--by", "all", "--json"]).text)
    let periods = json.fields["periods"] as? [[String: Any]] ?? []
    #expect(periods.compactMap { $0["lost"] as? Int } == [3, 0, 42])
    #expect(try log.stele(["losses", log.directory, "--since", "2030-01-01"]).text.contains("never counted"))
    let account = try log.records("stopped").last?.object("sources")?.object("own")
    #expect(account?.number("lost") == 3)
  }
}

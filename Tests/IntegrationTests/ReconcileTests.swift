import Bytes
import Foundation
import Platform
import Testing

/// What load balancers count themselves beside what the log has, where all comes and where a relay drops some.
@Suite(.serialized) struct ReconcileTests {
  /// A daemon with the same messages twice: as they were sent, and from a relay that drops every so many-th.
  private final class Run {
    let scratch: Scratch
    let log: SteleLog
    let daemon: Daemon
    let relay: Receiver

    init(format: String, reconcile: (Scratch) -> String) throws {
      scratch = try Scratch()
      log = try SteleLog(in: scratch)
      let reconcile = reconcile(scratch)
      daemon = try Daemon(
        log,
        sources: ["direct", "relayed"].map { name in
          """
            - name: \(name)
              listen: udp://127.0.0.1:0
              format: \(format)
              reconcile: \(reconcile)

          """
        }.joined())
      relay = try Receiver.start(forwardingTo: daemon.port("relayed"), droppingEvery: 9)
    }

    /// Statements about a source in which the load balancer says something.
    func statements(_ source: String) throws -> [LoggedEvent] {
      try log.records("reconciliation").filter { $0.text("source") == source && $0.number("says") != nil }
    }

    func sum(_ source: String, _ name: String) throws -> Int {
      try statements(source).reduce(0) { $0 + ($1.number(name) ?? 0) }
    }

    /// Waits until the counters have been looked at: what is counted from now on is in a statement.
    func waitForCounters() throws {
      let before = try statements("direct").count
      try waitUntil("two statements: \(daemon.child.complaints)") {
        try statements("direct").count > before && statements("relayed").count > before
      }
    }

    /// Makes requests from several connections at a time.
    func traffic(_ port: UInt16, _ count: Int) throws {
      let threads = try (0..<4).map { part in
        try Platform.Thread(name: "client") {
          for number in 0..<count / 4 {
            _ = try? request(port, httpRequest("GET", Array("/\(part)/\(number)".utf8)))
          }
        }
      }
      for thread in threads { thread.join() }
    }

    /// Makes requests until the relay has passed on the last one: what follows a lost message tells of it.
    func endWithOneThatComes(_ port: UInt16) throws -> Int {
      var count = 0
      repeat {
        let before = relay.datagrams.count
        _ = try request(port, httpRequest("GET", Array("/last".utf8)))
        count += 1
        waitUntil("its line") { relay.datagrams.count > before }
      } while relay.datagrams.count % 9 == 0
      return count
    }

    /// Waits until the statements since the start are about so many requests.
    func waitFor(_ count: Int) throws {
      try waitUntil("statements about \(count): \(statements("direct").map(\.fields))") {
        try sum("direct", "says") >= count && sum("relayed", "says") >= count
      }
    }

    func losses(_ source: String) throws -> [LoggedEvent] {
      try log.records("loss").filter { $0.text("source") == source }
    }
  }

  @Test(.needs(.haproxy), .timeLimit(.minutes(2)))
  func haproxyCountsWhatIsStoredAndWhatTheRelayDropped() throws {
    let format =
      "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %lc %{+Q}r"
    let run = try Run(format: "\"haproxy:'\(format)'\"") { scratch in
      "{haproxy: 'unix://\(scratch.file("admin.sock"))', proxies: [web], every: 2s}"
    }
    let ports = try freePorts(2)
    let file = try run.scratch.configure(
      "reconcile-haproxy.conf",
      [
        "DIRECT": "\(run.daemon.port("direct"))", "RELAYED": "\(run.relay.port)", "WEB": "\(ports[0])",
        "OTHER": "\(ports[1])",
      ])
    // Nobody answers yet, and that is a statement.
    try waitUntil("a statement without an answer") {
      try run.log.records("reconciliation").contains { $0.text("note")?.contains("no answer") == true }
    }
    let path = try #require(Program.haproxy.path)
    let first = try Child(path, ["-f", file], name: "haproxy", in: run.scratch)
    waitUntil("HAProxy: \(first.complaints)") { accepts(ports[1]) }
    try run.waitForCounters()
    try run.traffic(ports[0], 400)
    // Requests of another frontend are not compared.
    for _ in 0..<20 { _ = try request(ports[1], httpRequest("GET", Array("/other".utf8))) }
    var count = 400 + (try run.endWithOneThatComes(ports[0]))
    try run.waitFor(count)
    // A reload: another process, which begins to count anew, and takes the socket over.
    let second = try Child(
      path, ["-f", file, "-sf", "\(first.processID)"], name: "haproxy2", in: run.scratch)
    waitUntil("the old process to end: \(second.complaints)") { !first.isRunning }
    try run.waitForCounters()
    try run.traffic(ports[0], 200)
    count += 200 + (try run.endWithOneThatComes(ports[0]))
    try run.waitFor(count)
    let dropped = run.relay.dropped
    try waitUntil("the gaps to be known: \(run.losses("relayed").map(\.fields))") {
      try run.sum("relayed", "lost") >= dropped - 2
    }
    second.stop(SIGTERM)
    run.daemon.stop()
    try run.log.expectIntact()

    #expect(try run.sum("direct", "says") == count && run.sum("direct", "stored") == count)
    #expect(try run.sum("direct", "lost") == 0 && run.sum("direct", "difference") == 0)
    #expect(try run.losses("direct").isEmpty)
    // HAProxy's own messages have no number.
    let numbered = run.relay.messages.enumerated().filter { $0.offset % 9 == 8 }
      .count { String(decoding: $0.element, as: UTF8.self).contains(" web ") }
    let gaps = try run.losses("relayed")
    #expect(
      gaps.allSatisfy {
        $0.text("layer") == "counter_gap" && $0.text("of")?.hasPrefix("frontend web") == true
      })
    #expect(gaps.reduce(0) { $0 + ($1.number("count") ?? 0) } == numbered)
    #expect(Set(gaps.compactMap { $0.text("of") }).count == 2, "two processes")
    #expect(try run.sum("relayed", "says") == count)
    #expect(try run.sum("relayed", "stored") == count - numbered)
    #expect(try run.sum("relayed", "lost") == numbered && run.sum("relayed", "difference") == 0)
    #expect(try run.statements("direct").contains { $0.text("note")?.contains("count anew once") == true })
    let report = try run.log.stele(["losses", run.log.directory, "--by", "all", "--source", "relayed"]).text
    #expect(report.contains("counter_gap \(numbered)"), "\(report)")
  }

  /// Nginx does not number its lines: what is missing is a difference.
  @Test(.needs(.nginx), .timeLimit(.minutes(2)))
  func nginxCountsWhatTheRelayDropped() throws {
    let port = try freePorts(1)[0]
    let run = try Run(format: "nginx/combined") { _ in
      "{nginx: 'http://127.0.0.1:\(port)/stub_status', every: 2s}"
    }
    let file = try run.scratch.configure(
      "reconcile-nginx.conf",
      [
        "DIRECT": "\(run.daemon.port("direct"))", "RELAYED": "\(run.relay.port)", "WEB": "\(port)",
        "USER": getuid() == 0 ? "user nobody nogroup;" : "",
      ])
    let nginx = try Child(
      #require(Program.nginx.path), ["-p", run.scratch.path, "-c", file, "-g", "daemon off;"], name: "nginx",
      in: run.scratch)
    waitUntil("Nginx: \(nginx.complaints)") { accepts(port) }
    try run.waitForCounters()
    try run.traffic(port, 400)
    try run.waitFor(400)
    nginx.stop(SIGQUIT)
    run.daemon.stop()
    try run.log.expectIntact()
    #expect(try run.sum("direct", "stored") == 400)
    #expect(try run.sum("direct", "says") == 400 && run.sum("direct", "difference") == 0)
    #expect(try run.sum("relayed", "says") == 400)
    #expect(try run.sum("relayed", "stored") == 356 && run.relay.dropped == 44)
    #expect(try run.sum("relayed", "difference") == 44)
  }

  @Test(.needs(.envoy), .timeLimit(.minutes(2)))
  func envoyCountsWhatTheRelayDropped() throws {
    let ports = try freePorts(2)
    let run = try Run(format: "envoy/default") { _ in
      "{envoy: 'http://127.0.0.1:\(ports[1])', proxies: [web], every: 2s}"
    }
    let file = try run.scratch.configure(
      "reconcile-envoy.yaml", ["WEB": "\(ports[0])", "ADMIN": "\(ports[1])"])
    let envoy = try Child(
      #require(Program.envoy.path),
      [
        "-c", file, "--disable-hot-restart", "--concurrency", "1", "--file-flush-interval-msec", "50", "-l",
        "warn",
      ],
      name: "envoy", in: run.scratch)
    waitUntil("Envoy: \(envoy.complaints.suffix(1_000))") { envoy.isRunning ? accepts(ports[0]) : true }
    try run.waitForCounters()
    try run.traffic(ports[0], 200)
    waitUntil("all lines") { run.scratch.read("web.log").count { $0 == 10 } >= 200 }
    let direct = try Socket(.datagram, connectedTo: .ip(loopback, port: run.daemon.port("direct")))
    let relayed = try Socket(.datagram, connectedTo: .ip(loopback, port: run.relay.port))
    for line in run.scratch.read("web.log").split(separator: 10) {
      try direct.sendAll(Array(line))
      try relayed.sendAll(Array(line))
    }
    try run.waitFor(200)
    try waitUntil("what is missing: \(run.statements("relayed").map(\.fields))") {
      try run.sum("relayed", "difference") == run.relay.dropped && run.sum("direct", "difference") == 0
        && run.sum("direct", "stored") == 200
    }
    envoy.stop()
    run.daemon.stop()
    try run.log.expectIntact()
    #expect(run.relay.dropped == 22)
    #expect(try run.sum("direct", "says") == 200)
    #expect(try run.sum("relayed", "stored") == 178)
  }
}

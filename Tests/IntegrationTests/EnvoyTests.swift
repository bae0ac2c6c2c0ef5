import Bytes
import Foundation
import Platform
import Testing

/// Envoy between clients of the test and its backend, writing its default format, one of its own, and that of
/// TCP.
@Suite(.serialized) struct EnvoyTests {
  private struct Call {
    var target: String
    var method: String
    var answer: Answer
    var status: Int
    var flags: String
    var agent: String
    /// No template may guess where the fields of such a line end. A lone quote forges nothing.
    var isAmbiguous: Bool { agent.contains(#"" ""#) }
  }

  @Test(.needs(.envoy), .timeLimit(.minutes(2)))
  func replayedFilesHoldEveryRequestOnce() throws {
    let scratch = try Scratch()
    let backend = try Backend()
    defer { backend.stop() }
    let ports = try freePorts(3)
    let envoy = try start(scratch, backend, ports)

    let calls = try traffic(ports[0])
    let tcp = try request(ports[1], httpRequest("GET", Array("/tcp?n=70".utf8)))
    #expect(tcp.bodyCount == 70)
    waitUntil("all lines") {
      scratch.read("web.log").count { $0 == 10 } >= calls.count
        && scratch.read("stream.log").count { $0 == 10 } >= 2
    }
    envoy.stop()
    try record(scratch)

    let log = try replay(scratch, "web", "envoy/default")
    let events = try log.events("source.transport = file")
    #expect(events.count == calls.count)
    try check(calls, events)
    try ambiguity(calls, log)
    try checkOwn(
      calls, replay(scratch, "own", "envoy:'\(EnvoyFormats.own)'").events("source.transport = file"))
    let streams = try replay(scratch, "stream", "envoy/default").events("source.transport = file")
    #expect(streams.contains { $0.number("bytes.out") == tcp.byteCount && $0.text("kind") == "tcp" })
  }

  private func start(_ scratch: Scratch, _ backend: Backend, _ ports: [UInt16]) throws -> Child {
    let file = try scratch.configure(
      "envoy.yaml",
      [
        "WEB": "\(ports[0])", "STREAM": "\(ports[1])", "DEAD": "\(ports[2])", "BACKEND": "\(backend.port)",
        "OWN": EnvoyFormats.own,
      ])
    let envoy = try Child(
      #require(Program.envoy.path),
      [
        "-c", file, "--disable-hot-restart", "--concurrency", "1", "--file-flush-interval-msec", "50", "-l",
        "warn",
      ],
      name: "envoy", in: scratch)
    waitUntil("Envoy: \(envoy.complaints.suffix(1_000))") { envoy.isRunning ? accepts(ports[1]) : true }
    try #require(envoy.isRunning, "\(envoy.complaints)")
    return envoy
  }

  /// As logrotate does it: rename, then SIGUSR1, upon which Envoy opens its files anew.
  @Test(.needs(.envoy), .timeLimit(.minutes(2)))
  func aFollowedFileHoldsEveryRequestOnceAcrossRotations() throws {
    let scratch = try Scratch()
    let log = try SteleLog(in: scratch, "followed")
    let flags = ["--file", scratch.file("web.log"), "--format", "envoy/default"]
    var daemon = try Daemon(log, listening: [], flags: flags)
    let backend = try Backend()
    defer { backend.stop() }
    let ports = try freePorts(3)
    let envoy = try start(scratch, backend, ports)
    var count = 0
    func call() throws {
      _ = try request(ports[0], httpRequest("GET", Array("/app/n-\(count)".utf8)))
      count += 1
    }
    for rotation in 1...4 {
      for _ in 0..<20 { try call() }
      if rotation == 2 {
        // In between nobody follows.
        daemon.stop()
      }
      try FileManager.default.moveItem(
        atPath: scratch.file("web.log"), toPath: scratch.file("web.log.\(rotation)"))
      envoy.signal(SIGUSR1)
      waitUntil("a new file") { FileManager.default.fileExists(atPath: scratch.file("web.log")) }
      if rotation == 3 { daemon = try Daemon(log, listening: [], flags: flags) }
    }
    for _ in 0..<20 { try call() }
    let names = (1...4).map { "web.log.\($0)" } + ["web.log"]
    waitUntil("Envoy to write") { names.map { scratch.read($0).count { $0 == 10 } }.reduce(0, +) == count }
    envoy.stop()
    waitUntil("the last line") { (try? log.events("url.target = /app/n-\(count - 1)").count) == 1 }
    daemon.stop()
    try log.expectIntact()
    #expect(try log.raw("source.transport = file") == names.flatMap { scratch.read($0) })
    let events = try log.events("source.transport = file")
    #expect(events.map { $0.text("url.target") } == (0..<count).map { "/app/n-\($0)" })
    #expect(events.allSatisfy { $0.text("parse.status") == "ok" })
  }

  private func replay(_ scratch: Scratch, _ file: String, _ format: String) throws -> SteleLog {
    let log = try SteleLog(in: scratch, "log-\(file)")
    _ = try log.stele(["replay", scratch.file("\(file).log"), "--into", log.directory, "--format", format])
    try log.expectIntact()
    #expect(try log.raw() == scratch.read("\(file).log"), "\(file)")
    return log
  }

  // MARK: Traffic

  private func traffic(_ port: UInt16) throws -> [Call] {
    var calls: [Call] = []
    func call(
      _ target: String, _ method: String = "GET", agent: String = "test/1.0", status: Int = 200,
      flags: String = "-",
      body: [UInt8]? = nil
    ) throws {
      let bytes = httpRequest(method, Array(target.utf8), headers: ["User-Agent: \(agent)"], body: body)
      let answer = try request(port, bytes, isHead: method == "HEAD")
      calls.append(
        Call(target: target, method: method, answer: answer, status: status, flags: flags, agent: agent))
    }
    for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"] {
      try call("/app/method-\(method)", method, body: method.hasPrefix("P") ? [1, 2, 3] : nil)
    }
    for status in [204, 301, 404, 500] { try call("/app/status-\(status)?s=\(status)", status: status) }
    for size in [0, 1, 100_000] { try call("/app/size-\(size)?n=\(size)") }
    try call("/app/query?q=a%20b&u=http://x/?y=1&&=&")
    try call("/app/long/" + String(repeating: "0123456789", count: 300))
    try call("/app/slow?d=120")
    try call("/app/too-slow?d=2500", status: 504, flags: "UT")
    try call("/none/1", status: 503, flags: "UH")
    try call("/gone/1", status: 503, flags: "UF")
    try call("/missing/1", status: 503, flags: "NC")
    try call("/unrouted/1", status: 404, flags: "NR")
    try call("/said/1", status: 418)
    // Nothing in Envoy's text format is escaped: the first of these forges the rest of a line.
    try call("/app/forged-1", agent: #"x" "-" "evil" "10.0.0.1:80"#)
    try call("/app/forged-2", agent: #"a "quoted" word"#)
    try call("/app/agent-none", agent: "")
    try call("/app/agent-tab", agent: "a\tb \\ %20")
    return calls
  }

  // MARK: The log

  private func check(_ calls: [Call], _ events: [LoggedEvent]) throws {
    for call in calls where !call.isAmbiguous {
      let context = "\(call.target.prefix(50))"
      let found = events.filter { $0.text("url.target") == call.target }
      #expect(found.count == 1, "\(context): \(found.count) times")
      guard let event = found.first else { continue }
      #expect(event.text("parse.status") == "ok", "\(context)")
      #expect(event.text("http.method") == call.method, "\(context)")
      if !call.agent.isEmpty { #expect(event.text("user_agent") == call.agent, "\(context)") }
      #expect(event.number("http.status") == call.status, "\(context)")
      #expect(event.number("http.status") == call.answer.status, "\(context)")
      #expect(event.number("bytes.body_out") == call.answer.bodyCount, "\(context)")
      #expect(event.text("url.host") == "shop.example.com", "\(context)")
      #expect(flags(event).hasPrefix(call.flags), "\(context): \(flags(event))")
      let spent = event.number("dur.active") ?? event.number("dur.total") ?? -1
      #expect(spent >= 0 && spent <= Int(call.answer.nanoseconds) + 20_000_000, "\(context): \(spent)")
      let time = try #require(event.text("time_start").flatMap(nanoseconds), "\(context)")
      #expect(time >= call.answer.start - 20_000_000 && time <= call.answer.end + 20_000_000, "\(context)")
    }
  }

  private func flags(_ event: LoggedEvent) -> String { event.text("term.raw") ?? "-" }

  /// Lines that can be read in two ways are kept whole, counted, and never read in either.
  private func ambiguity(_ calls: [Call], _ log: SteleLog) throws {
    let doubtful = calls.filter(\.isAmbiguous)
    #expect(doubtful.count == 1)
    let lines = try log.lines("parse.status != ok and source.transport = file").map {
      String(decoding: $0, as: UTF8.self)
    }
    for call in doubtful {
      #expect(lines.count { $0.contains(call.target) && $0.contains(call.agent) } == 1, "\(call.target)")
    }
    #expect(lines.count == doubtful.count)
  }

  private func checkOwn(_ calls: [Call], _ events: [LoggedEvent]) throws {
    for call in calls {
      let found = events.filter { $0.text("url.target") == call.target || $0.text("url.path") == call.target }
      #expect(found.count == 1, "\(call.target)")
      #expect(found.first?.number("client.port") == Int(call.answer.port), "\(call.target)")
      #expect(found.first?.text("client.ip") == "127.0.0.1", "\(call.target)")
    }
  }

  private func record(_ scratch: Scratch) throws {
    guard Repository.updates else { return }
    for name in ["web", "stream", "own"] {
      let lines = scratch.read("\(name).log").split(separator: 10).map(Array.init)
      try Fixtures.record(
        "envoy/\(name == "web" ? "default" : name == "stream" ? "default-tcp" : name).log", lines)
    }
  }
}

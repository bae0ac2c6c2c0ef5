import Bytes
import Foundation
import Platform
import Testing

/// Nginx between clients of the test and its backend.
private final class NginxRun {
  let scratch: Scratch
  let log: SteleLog
  let backend: Backend
  let daemon: Daemon
  let nginx: Child
  let tee: Receiver
  let unixTee: Receiver
  let combined, main, own: UInt16

  init() throws {
    scratch = try Scratch()
    log = try SteleLog(in: scratch)
    backend = try Backend()
    tee = try Receiver.start()
    unixTee = try Receiver.start(path: scratch.file("tee.sock"))
    daemon = try Daemon(
      log,
      sources: """
          - {name: udp, listen: "udp://127.0.0.1:0", format: nginx/combined}
          - {name: unix, listen: "unix://\(scratch.file("stele.sock"))", format: nginx/main}
          - name: own
            listen: udp://127.0.0.1:0
            format: |-
              nginx:'\(NginxFormats.custom)'

        """)
    // Stele lets every user of the machine write into its own socket.
    try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: scratch.file("tee.sock"))
    let ports = try freePorts(4)
    (combined, main, own) = (ports[0], ports[1], ports[2])
    let values: [String: any BinaryInteger] = [
      "UDP": try daemon.port("udp"), "UDPOWN": try daemon.port("own"), "TEE": tee.port, "COMBINED": combined,
      "MAIN": main, "OWN": own, "BACKEND": backend.port, "DEAD": ports[3],
    ]
    var texts = values.mapValues { "\($0)" }
    texts["CUSTOM"] = NginxFormats.custom
    texts["SHAPED"] = NginxFormats.shaped
    texts["USER"] = getuid() == 0 ? "user nobody nogroup;" : ""
    let file = try scratch.configure("nginx.conf", texts)
    let path = try #require(Program.nginx.path)
    nginx = try Child(
      path, ["-p", scratch.path, "-c", file, "-g", "daemon off;"], name: "nginx", in: scratch)
    waitUntil("Nginx: \(nginx.complaints)") { accepts(own) }
  }

  deinit { backend.stop() }

  /// Ends Nginx, which then has written and sent everything, and then Stele.
  func finish() {
    nginx.stop(SIGQUIT)
    Clock.sleep(nanoseconds: 200_000_000)
    daemon.stop()
  }

  func fileLines(_ name: String) -> [[UInt8]] {
    scratch.read(name).split(separator: 10).map(Array.init)
  }
}

@Suite(.serialized) struct NginxTests {
  private struct Call {
    var target: String
    var method: String
    var answer: Answer
    var status: Int
  }

  @Test(.needs(.nginx), .timeLimit(.minutes(2)))
  func everyRequestIsInTheLogOnceForEachWay() throws {
    let run = try NginxRun()
    let udp = try traffic(run.combined) + failing(run)
    let unix = try traffic(run.main)
    let own = try traffic(run.own) + lists(run)
    run.finish()
    try record(run)
    try run.log.expectIntact()

    expectSame(try run.log.lines("source.id = udp"), run.tee.datagrams, "UDP")
    expectSame(try run.log.lines("source.id = unix"), run.unixTee.datagrams, "unix socket")
    #expect(run.tee.datagrams.count == run.fileLines("combined.log").count)
    #expect(run.unixTee.datagrams.count == run.fileLines("main.log").count)
    // The header is Nginx's; what follows it is the line that the file has as well.
    let bodies = try run.log.lines("source.id = own").map { line in
      try Array(line[#require(line.firstRange(of: Array(" nginx: ".utf8))).upperBound...])
    }
    expectSame(bodies, run.fileLines("custom.log"), "custom format")

    try check(udp, run.log.events("source.id = udp"), "UDP")
    try check(unix, run.log.events("source.id = unix"), "unix socket")
    try check(own, run.log.events("source.id = own"), "custom format")
    for name in ["udp", "unix", "own"] {
      #expect(try run.log.events("source.id = \(name) and parse.status != ok").isEmpty, "\(name)")
    }
    try headers(run)
    try details(own, run.log.events("source.id = own"))
  }

  /// A file of each format, replayed, is its search.
  @Test(.needs(.nginx), .timeLimit(.minutes(2)))
  func replayedFilesComeBackByteForByte() throws {
    let run = try NginxRun()
    _ = try traffic(run.combined) + traffic(run.main) + lists(run)
    run.finish()
    let formats = [
      ("combined", "nginx/combined"), ("main", "nginx/main"), ("custom", "nginx:'\(NginxFormats.custom)'"),
      ("shaped", "nginx:escape=json '\(NginxFormats.shaped)'"), ("main", "auto"),
    ]
    for (number, (file, format)) in formats.enumerated() {
      let log = try SteleLog(in: run.scratch, "replayed-\(number)")
      _ = try log.stele([
        "replay", run.scratch.file("\(file).log"), "--into", log.directory, "--format", format,
      ])
      try log.expectIntact()
      #expect(try log.raw() == run.scratch.read("\(file).log"), "\(format)")
      #expect(try log.events("parse.status != ok and source.transport = file").isEmpty, "\(format)")
    }
  }

  // MARK: Traffic

  private func traffic(_ port: UInt16) throws -> [Call] {
    var calls: [Call] = []
    func call(
      _ method: String, _ target: String, _ headers: [String] = [], body: Int? = nil, status: Int = 200
    ) throws {
      let bytes = httpRequest(
        method, Array(target.utf8), headers: headers, body: body.map { [UInt8](repeating: 120, count: $0) })
      let answer = try request(port, bytes, isHead: method == "HEAD")
      calls.append(Call(target: target, method: method, answer: answer, status: status))
    }
    for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"] {
      try call(method, "/method-\(method)", body: method.hasPrefix("P") ? 100 : nil)
    }
    for status in [204, 301, 304, 404, 500] {
      try call("GET", "/status-\(status)?s=\(status)", status: status)
    }
    for size in [0, 1, 100_000] { try call("GET", "/size-\(size)?n=\(size)") }
    try call("GET", "/query?n=3&q=a%20b&u=http://x/?y=1&&=&")
    try call("GET", "/odd/%22'()*,;:@!$&+=~|{}[]^`\\<>\"\u{e9}")
    try call("GET", "/long/" + String(repeating: "0123456789", count: 300))
    try call(
      "GET", "/headers",
      [
        "User-Agent: \"quoted\" \\ \u{e9}\t", "Referer: http://r/\"x\"",
        "X-Forwarded-For: 192.0.2.1, 10.0.0.1",
      ])
    try call("GET", "/headers-2", ["X-Odd: a \"b\" \\c\u{7f}", "Authorization: Basic Ym9iOnNlY3JldA=="])
    try call("GET", "/slow?d=120")
    for bytes: [UInt8] in [
      [22, 3, 1, 0, 200, 1, 13, 10, 13, 10], Array("NONSENSE\r\n\r\n".utf8),
      Array("GET / HTTP/9.9\r\n\r\n".utf8),
    ] {
      let connection = try HTTPConnection(port)
      try connection.send(bytes)
      connection.drain()
    }
    return calls
  }

  private func failing(_ run: NginxRun) throws -> [Call] {
    var calls: [Call] = []
    for (path, status) in [("/gone/1", 502), ("/denied/1", 403), ("/slow?d=2500", 504), ("/closed/1", 444)] {
      let answer = try request(run.combined, httpRequest("GET", Array(path.utf8)))
      calls.append(Call(target: path, method: "GET", answer: answer, status: status))
    }
    let connection = try HTTPConnection(run.combined)
    let answer = Answer(port: connection.port, start: Clock.realtime(), end: Clock.realtime() + 1_000_000_000)
    try connection.send(httpRequest("GET", Array("/abort?d=300".utf8)))
    Clock.sleep(nanoseconds: 50_000_000)
    connection.close()
    Clock.sleep(nanoseconds: 400_000_000)
    return calls + [Call(target: "/abort?d=300", method: "GET", answer: answer, status: 499)]
  }

  /// Requests for which Nginx tries two servers, so that variables are lists.
  private func lists(_ run: NginxRun) throws -> [Call] {
    try (1...3).map { number in
      let target = "/two/\(number)"
      let answer = try request(
        run.own, httpRequest("GET", Array(target.utf8), headers: ["X-Odd: list, \(number)"]))
      return Call(target: target, method: "GET", answer: answer, status: 200)
    }
  }

  // MARK: The log

  private func check(_ calls: [Call], _ events: [LoggedEvent], _ way: String) throws {
    for call in calls {
      let context = "\(way): \(call.target.prefix(50))"
      let found = events.filter { $0.text("url.target") == call.target }
      #expect(found.count == 1, "\(context): \(found.count) times")
      guard let event = found.first else { continue }
      #expect(event.text("http.method") == call.method, "\(context)")
      #expect(event.number("http.status") == call.status, "\(context)")
      #expect(event.text("client.ip") == "127.0.0.1", "\(context)")
      if call.answer.status == call.status, event.fields["bytes.body_out"] != nil {
        #expect(event.number("bytes.body_out") == call.answer.bodyCount, "\(context)")
      }
      guard let time = event.text("time").flatMap(nanoseconds) else {
        Issue.record("\(context): no time")
        continue
      }
      // Times of the log are whole seconds, or three digits of one; Nginx renews its clock once in a while.
      #expect(time >= call.answer.start - 1_050_000_000 && time <= call.answer.end + 50_000_000, "\(context)")
    }
  }

  private func headers(_ run: NginxRun) throws {
    for event in try run.log.events("source.id = udp") {
      #expect(event.text("syslog.app") == "edge")
      #expect(event.number("syslog.pri") == 19 * 8 + 6)
      #expect(event.text("syslog.host")?.isEmpty == false)
    }
    for event in try run.log.events("source.id = unix") {
      #expect(event.text("syslog.app") == "nginx")
      #expect(event.text("syslog.host") == nil)
      #expect(event.text("source.transport") == "unix")
    }
    let forwarded = try run.log.events("source.id = unix").first { $0.text("url.target") == "/headers" }
    #expect(forwarded?.text("forwarded_for") == "192.0.2.1, 10.0.0.1")
  }

  private func details(_ calls: [Call], _ events: [LoggedEvent]) throws {
    for call in calls {
      let event = try #require(events.first { $0.text("url.target") == call.target })
      #expect(event.number("client.port") == Int(call.answer.port))
      #expect(event.number("bytes.out") == call.answer.byteCount)
      let spent = event.number("dur.active") ?? event.number("dur.total") ?? -1
      #expect(spent >= 0 && spent <= Int(call.answer.nanoseconds) + 20_000_000, "\(call.target): \(spent)")
    }
    let tried = events.filter { $0.text("upstream.status")?.hasPrefix("502, 200") == true }
    #expect(!tried.isEmpty, "Nginx tried two servers at least once")
  }

  private func record(_ run: NginxRun) throws {
    guard Repository.updates else { return }
    for name in ["combined", "main", "custom", "shaped"] {
      try Fixtures.record("nginx/\(name).log", run.fileLines("\(name).log"))
    }
    for (name, receiver) in [("syslog-udp", run.tee), ("syslog-unix", run.unixTee)] {
      try Fixtures.record("nginx/\(name).log", receiver.datagrams)
    }
  }
}

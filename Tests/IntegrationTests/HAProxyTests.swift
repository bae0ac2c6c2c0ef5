import Bytes
import Foundation
import Platform
import Testing

@Suite(.serialized) struct HAProxyTests {
  /// The main promise, with everything that a client can do to HAProxy.
  @Test(.needs(.haproxy, .openssl), .timeLimit(.minutes(2)))
  func everyRequestIsInTheLogOnceForEachSource() throws {
    let run = try HAProxyRun(clientCertificate: "optional", shows: true)
    try ordinary(run)
    try failing(run)
    try hostile(run)
    try keptAlive(run)
    try captures(run)
    try otherFrontends(run)
    let count = run.finish()
    try record(run)
    try run.log.expectIntact()

    let sent3164 = run.tee3164.messages
    let sent5424 = run.tee5424.messages
    #expect(sent3164.count == count && sent5424.count == count)
    expectSame(try run.log.lines("source.id = relayed3164"), sent3164, "relayed, RFC 3164")
    expectSame(try run.log.lines("source.id = relayed5424"), sent5424, "relayed, RFC 5424")
    for (source, sent) in [("rfc3164", sent3164), ("rfc5424", sent5424), ("ring", sent5424)] {
      try expectSame(run.log.lines("source.id = \(source)").map(withoutStamp), sent.map(withoutStamp), source)
    }
    for source in HAProxyRun.sources {
      try check(run.calls, run.log.events("source.id = \(source)"), source)
    }
    try accounts(run, count)
    try cutLines(run)
  }

  // MARK: Traffic

  private func ordinary(_ run: HAProxyRun) throws {
    for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"] {
      try run.call(
        "method-\(method)", method, body: method.hasPrefix("P") ? Array("body=\(method)".utf8) : nil)
    }
    for status in [201, 204, 301, 304, 404, 418, 500, 502, 599] {
      try run.call("status-\(status)", query: "?s=\(status)", status: status)
    }
    for size in [0, 1, 1_000, 100_000] { try run.call("size-\(size)", query: "?n=\(size)") }
    try run.call("body", "POST", query: "?n=10", body: [UInt8](repeating: 0, count: 50_000))
    for delay: Int64 in [20, 150] { try run.call("slow-\(delay)", query: "?d=\(delay)", delay: delay) }
    try run.call("query", query: "?n=5&q=a%20b&u=http://x/?y=1&&=&%00")
    try run.call("long", path: "/long/" + String(repeating: "0123456789", count: 60))
    try run.call("odd", path: "/odd/%22%23%7b'()*,;:@!$&+=~|{}[]^`\\<>")
  }

  private func failing(_ run: HAProxyRun) throws {
    try run.call("denied", path: "/denied/1", status: 403, server: "<NOSRV>", ending: "PR")
    try run.call("nobody", path: "/nobody/1", status: 503, server: "<NOSRV>", ending: "SC")
    try run.call("hangs-up", query: "?x=1", status: 502, ending: "SH")
    try run.call("too-slow", query: "?d=2500", status: 504, ending: "sH")
    // By now its check has failed.
    waitUntil("the check") {
      run.tee5424.messages.contains { String(decoding: $0, as: UTF8.self).contains("is DOWN") }
    }
    try run.call("dead", path: "/dead/1", status: 503, server: "<NOSRV>", ending: "SC")
    let connection = try HTTPConnection(run.web)
    var answer = Answer(port: connection.port, start: Clock.realtime(), end: 0)
    try connection.send(httpRequest("GET", Array("/abort?d=300".utf8)))
    Clock.sleep(nanoseconds: 60_000_000)
    connection.close()
    Clock.sleep(nanoseconds: 400_000_000)
    answer.end = Clock.realtime()
    run.add(
      HAProxyRun.Call(
        name: "abort", frontend: "web", method: "GET", target: "/abort?d=300", answer: answer, status: 400,
        ending: "CH"))
  }

  private func hostile(_ run: HAProxyRun) throws {
    try run.misbehave("garbage", [0, 255, 1, 13, 10, 13, 10], status: 400, ending: "PR")
    try run.misbehave("no version", Array("GET /\"#\u{e9} x\r\n\r\n".utf8), status: 400, ending: "PR")
    try run.misbehave("half a header", Array("GET /half HTTP/1.1\r\nHo".utf8), status: 408, ending: "cR")
    try run.misbehave("hangs up", Array("GET /half".utf8), status: 400, ending: "CR", hangUp: true)
    try run.misbehave(
      "long line", Array("GET /\(String(repeating: "x", count: 40_000)) HTTP/1.1\r\n\r\n".utf8),
      status: 400, ending: "PR")
  }

  private func keptAlive(_ run: HAProxyRun) throws {
    var connection = try HTTPConnection(run.web)
    for number in 1...5 {
      let target = "/kept-\(number)?n=\(number)"
      let answer = try connection.exchange(httpRequest("GET", Array(target.utf8), close: false))
      run.add(
        HAProxyRun.Call(
          name: "kept-\(number)", frontend: "web", method: "GET", target: target, answer: answer, status: 200)
      )
    }
    connection.close()
  }

  private func captures(_ run: HAProxyRun) throws {
    let headers = [
      [], ["User-Agent: Mozilla/5.0 (X11; Linux x86_64)"],
      ["User-Agent: a \"b\" {c|d} #x\u{e9}", "Referer: http://r/"],
      ["Referer: } {"],
    ]
    for (number, list) in headers.enumerated() {
      try run.call("captured-\(number)", headers: list, frontend: "captured")
    }
    // Bytes that HTTP forbids in a target, which this frontend lets through.
    try run.call("bytes", path: "/bytes/\u{e9}\"<>{|}#", frontend: "captured")
    // The request is cut at tune.http.logurilen.
    try run.call("cut", path: "/cut/" + String(repeating: "y", count: 1_500), frontend: "captured")
  }

  /// TLS and plain TCP.
  private func otherFrontends(_ run: HAProxyRun) throws {
    let ports = try freePorts(2)
    try run.scratch.write("request", httpRequest("GET", Array("/secure-1?n=9".utf8)))
    let start = Clock.realtime()
    let shell = """
      openssl s_client -quiet -servername shop.example.com -bind 127.0.0.1:\(ports[0]) \
      -connect 127.0.0.1:\(run.secure) < request > answer 2> errors
      """
    let path = "/bin/sh"
    _ = try IntegrationTests.run(path, ["-c", shell], in: run.scratch)
    var answer = Answer(port: ports[0], start: start, end: Clock.realtime())
    answer.byteCount = run.scratch.read("answer").count
    run.add(
      HAProxyRun.Call(
        name: "secure", frontend: "secure", method: "GET", target: "/secure-1?n=9", answer: answer,
        status: 200))
    let stranger = try HTTPConnection(run.secure)
    try stranger.send(Array("this is no TLS\r\n".utf8))
    stranger.drain()
    let plain = try request(run.stream, httpRequest("GET", Array("/stream?n=70".utf8)))
    #expect(plain.bodyCount == 70)
    run.add(
      HAProxyRun.Call(name: "stream", frontend: "stream", method: nil, target: "", answer: plain, status: 0))
  }

  // MARK: The log

  private func check(_ calls: [HAProxyRun.Call], _ events: [LoggedEvent], _ source: String) throws {
    // The line of this one is cut at the 1024 bytes that HAProxy sends unless told otherwise; see `cutLines`.
    for call in calls where !source.hasSuffix("3164") || call.name != "cut" {
      let context = "\(source): \(call.name)"
      let found = events.filter { event in
        event.number("client.port") == Int(call.answer.port) && event.text("lb.frontend") == call.frontend
          && (call.method == nil || call.name == "cut" || event.text("url.target") == call.target)
      }
      #expect(found.count == 1, "\(context): \(found.count) times")
      if let event = found.first { check(call, event, context) }
    }
  }

  private func check(_ call: HAProxyRun.Call, _ event: LoggedEvent, _ context: String) {
    #expect(event.text("parse.status") == "ok", "\(context)")
    #expect(event.text("client.ip") == "127.0.0.1", "\(context)")
    #expect(event.text("lb.server") == call.server, "\(context)")
    #expect(
      event.text("term.raw")?.hasPrefix(call.ending) == true, "\(context): \(event.text("term.raw") ?? "")")
    if call.frontend != "stream" {
      #expect(event.number("http.status") == call.status, "\(context)")
      #expect(event.text("http.method") == call.method, "\(context)")
    }
    // HAProxy's answers to what is no request are not counted by it.
    // Of HTTP it counts its own form of a response, whose header is some bytes off.
    let isExact = call.frontend == "stream"
    let sizes =
      (isExact ? call.answer.byteCount : call.answer.bodyCount)...call.answer.byteCount + (isExact ? 0 : 16)
    if call.answer.byteCount > 0 { #expect(sizes.contains(event.number("bytes.out") ?? -1), "\(context)") }
    if call.answer.status != 0, call.frontend != "stream" {
      #expect(call.answer.status == call.status, "\(context)")
    }
    let spent = event.number(call.frontend == "stream" ? "dur.total" : "dur.active") ?? -1
    #expect(spent >= Int(call.delay) * 1_000_000, "\(context)")
    // HAProxy's clock ticks once in a round of its loop, so that a time may be a few milliseconds off.
    #expect(spent <= Int(call.answer.nanoseconds) + 20_000_000, "\(context)")
    if call.delay > 0 {
      #expect((event.number("dur.response") ?? 0) >= (Int(call.delay) - 2) * 1_000_000, "\(context)")
    }
    guard let time = event.text("time").flatMap(nanoseconds) else {
      Issue.record("\(context): no time")
      return
    }
    #expect(time >= call.answer.start - 20_000_000 && time <= call.answer.end + 20_000_000, "\(context)")
  }

  /// What is no traffic is kept and counted, and the daemon's own account agrees.
  private func accounts(_ run: HAProxyRun, _ count: Int) throws {
    let stopped = try #require(try run.log.records("stopped").last?.object("sources"))
    for source in HAProxyRun.sources {
      let account = try #require(stopped.object(source))
      let unparsed = try run.log.events("source.id = \(source) and parse.status in (failed, ambiguous)").count
      #expect(account.number("received") == count)
      #expect(account.number("lost") == 0)
      #expect(account.number("unparsed") == unparsed)
      let texts = try run.log.lines("source.id = \(source) and kind = lb_health")
        .map { String(decoding: $0, as: UTF8.self) }
      #expect(texts.count { $0.contains("Server dead/gone is DOWN") } == 1)
      #expect(texts.count { $0.contains("backend dead has no server available!") } == 1)
    }
  }

  /// A line that HAProxy cut is kept as it came. Of its request there is what came.
  private func cutLines(_ run: HAProxyRun) throws {
    let cut = try run.log.lines("source.id = rfc3164").filter { $0.count == 1024 }
    #expect(cut.count == 1)
    let whole = try run.log.lines("source.id = rfc5424 and url.path ~ \"/cut/\"")
    #expect(whole.count == 1)
    let events = try run.log.events("source.id = rfc3164 and url.path ~ \"/cut/\"")
    #expect(events.map { $0.text("parse.status") } == ["partial"])
  }

  /// Keeps the lines as fixtures.
  private func record(_ run: HAProxyRun) throws {
    guard Repository.updates else { return }
    try Fixtures.record("haproxy/rfc5424.log", run.tee5424.messages)
    try Fixtures.record("haproxy/rfc3164.log", run.tee3164.messages)
    let lines = run.tee5424.messages.map { String(decoding: $0, as: UTF8.self) }
    for (name, frontend) in [
      ("httplog", " web "), ("httplog-captures", " captured "), ("httpslog", " secure"),
      ("tcplog", " stream "),
    ] {
      let bodies = lines.filter { $0.contains("] \(frontend.dropFirst())") }.compactMap { line in
        line.firstRange(of: " - - ").map { Array(line[$0.upperBound...].utf8) }
      }
      try Fixtures.record("haproxy/\(name).log", bodies)
    }
  }
}

/// The moment of an RFC 3339 time in UTC, nanoseconds since 1970.
func nanoseconds(_ text: String) -> Int64? {
  let parts = text.dropLast().split(separator: ".")
  guard text.hasSuffix("Z"), let whole = parts.first,
    let date = try? Date("\(whole)Z", strategy: .iso8601)
  else { return nil }
  let digits = parts.count > 1 ? String(parts[1].prefix(9)) : ""
  let fraction = Int64(digits.padding(toLength: 9, withPad: "0", startingAt: 0)) ?? 0
  return Int64(date.timeIntervalSince1970) * 1_000_000_000 + fraction
}

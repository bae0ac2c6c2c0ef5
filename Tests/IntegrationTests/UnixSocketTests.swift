import Foundation
import Testing

/// Real senders to unix sockets, of datagrams and of streams.
@Suite(.serialized) struct UnixSocketTests {
  private func start(_ log: SteleLog) throws -> Daemon {
    let directory = log.scratch.path
    return try Daemon(
      log,
      sources: """
          - {name: datagrams, listen: "unix://\(directory)/d.sock", format: auto}
          - {name: stream, listen: "unix-stream://\(directory)/s.sock", format: auto}

        """)
  }

  /// logger(1) finds out itself which type the socket has, unless it is told.
  @Test(.needs(.logger)) func loggerFindsEitherKindOfSocket() throws {
    let scratch = try Scratch()
    let log = try SteleLog(in: scratch)
    let daemon = try start(log)
    let logger = try #require(Program.logger.path)
    var sent: [String: [String]] = [:]
    for (source, file, options) in [
      ("datagrams", "d.sock", []), ("datagrams", "d.sock", ["-d"]), ("stream", "s.sock", []),
      ("stream", "s.sock", ["-T"]), ("stream", "s.sock", ["-T", "--octet-count"]),
    ] as [(String, String, [String])] {
      for header in ["--rfc3164", "--rfc5424"] {
        let message = "\(header)\(options.joined()) 12 \"x\" \u{e9}"
        let place = ["-u", scratch.file(file)] + options + [header, "-t", "shop", "-p", "local5.warning"]
        let finished = try run(logger, place + ["--id=4711", "--", message], in: scratch)
        #expect(finished.status == 0, "\(finished.complaints)")
        sent[source, default: []].append(message)
      }
    }
    for (source, messages) in sent { daemon.waitFor(messages.count, from: source) }
    daemon.stop()
    try log.expectIntact()
    for (source, messages) in sent {
      let events = try log.events("source.id = \(source)")
      #expect(events.map { $0.text("message") } == messages)
      let transport = source == "stream" ? "unix-stream" : "unix"
      for event in events {
        #expect(event.text("source.transport") == transport && event.text("truncated") == "none")
        #expect(event.number("syslog.pri") == 21 * 8 + 4)
        #expect(event.text("syslog.app") == "shop" && event.text("syslog.procid") == "4711")
      }
    }
    #expect(try log.records("loss").isEmpty)
  }

  /// A line that no datagram on this host could carry arrives whole.
  @Test(.needs(.haproxy)) func haproxysRingsWriteToAStreamInBothFramings() throws {
    let scratch = try Scratch()
    let log = try SteleLog(in: scratch)
    let daemon = try start(log)
    let port = try freePorts(1)[0]
    let ring = "\n  maxlen 16384\n  size 1048576\n  timeout connect 5s\n  timeout server 10s\n"
    let server = "  server stele unix@\(scratch.file("s.sock")) log-proto"
    try scratch.write(
      "ring.cfg",
      """
      global
        tune.bufsize 32768
        tune.http.logurilen 16384
        log ring@counted len 16384 format rfc5424 local0
        log ring@lines len 16384 format rfc3164 local1
      ring counted
        format rfc5424\(ring)\(server) octet-count
      ring lines
        format rfc3164\(ring)\(server) legacy
      defaults
        mode http
        log global
        option httplog
        timeout connect 5s
        timeout client 5s
        timeout server 5s
      frontend web
        bind 127.0.0.1:\(port)
        http-request return status 200

      """)
    let haproxy = try Child(
      #require(Program.haproxy.path), ["-f", scratch.file("ring.cfg")], name: "haproxy", in: scratch)
    waitUntil("HAProxy: \(haproxy.complaints)") { accepts(port) }
    let long = "/" + String(repeating: "x", count: 9000)
    for target in ["/one", long, "/three"] {
      _ = try request(port, Array("GET \(target) HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".utf8))
    }
    for facility in [16, 17] {
      let query = "source.id = stream and url.path = /three and syslog.pri = \(facility * 8 + 6)"
      waitUntil("the last line of facility \(facility): \(daemon.child.complaints)") {
        ((try? log.events(query)) ?? []).count == 1
      }
    }
    haproxy.stop()
    daemon.stop()
    try log.expectIntact()
    for facility in [16, 17] {
      let query = "source.id = stream and http.method = GET and syslog.pri = \(facility * 8 + 6)"
      let events = try log.events(query)
      #expect(events.compactMap { $0.text("url.path") } == ["/one", long, "/three"])
      let frame = facility == 16 ? "octet" : "lf"
      #expect(events.allSatisfy { $0.text("parse.status") == "ok" && $0.text("frame") == frame })
      #expect(events.allSatisfy { $0.text("source.transport") == "unix-stream" })
    }
  }
}

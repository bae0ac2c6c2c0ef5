import Bytes
import Foundation
import Platform
import Testing

/// HAProxy between clients of the test and its backend. It logs to Stele by UDP in both header formats and,
/// through a ring, by TLS; and to the test, which passes on what it got.
///
/// HAProxy reads the clock anew for the header of each target, so that only what was passed on can be
/// compared to the byte: the sources `relayed3164` and `relayed5424`.
final class HAProxyRun {
  let scratch: Scratch
  let certificates: Certificates
  let log: SteleLog
  let backend: Backend
  let daemon: Daemon
  let haproxy: Child
  let tee3164: Receiver
  let tee5424: Receiver
  let web, captured, secure, stream: UInt16
  private(set) var calls: [Call] = []

  static let sources = ["rfc3164", "rfc5424", "ring", "relayed3164", "relayed5424"]

  /// A request that was made, and what must stand in the log of it.
  struct Call {
    var name: String
    var frontend: String
    /// Nil where HAProxy found no request in what was sent.
    var method: String?
    var target: String
    var answer: Answer
    var status: Int
    var server = "one"
    /// Codes of `term.raw`; the first two.
    var ending = "--"
    /// Milliseconds that the backend waited.
    var delay: Int64 = 0
  }

  /// - Parameters:
  ///   - clientCertificate: what the TLS source asks for.
  ///   - shows: whether HAProxy's ring shows a certificate.
  ///   - clients: those of the TLS source, as YAML; nil: everybody.
  ///   - hostName: what HAProxy calls itself in headers; nil: nothing.
  init(
    clientCertificate: String = "none", shows: Bool = false, clients: String? = nil, hostName: String? = nil
  ) throws {
    scratch = try Scratch()
    certificates = try Certificates(in: scratch)
    log = try SteleLog(in: scratch)
    backend = try Backend()
    daemon = try Daemon(
      log,
      sources: """
          - {name: rfc3164, listen: "udp://127.0.0.1:0", format: auto}
          - {name: rfc5424, listen: "udp://127.0.0.1:0", format: auto}
          - {name: relayed3164, listen: "udp://127.0.0.1:0", format: auto}
          - {name: relayed5424, listen: "udp://127.0.0.1:0", format: auto}
          - name: ring
            listen: tls://127.0.0.1:0
            format: auto
            certificate: \(certificates.file("server.crt"))
            key: \(certificates.file("server.key"))
            client_certificate: \(clientCertificate)
        \(clientCertificate == "none" ? "" : "    client_ca: \(certificates.file("ca.crt"))")
        \(clients.map { "    clients: \($0)" } ?? "")

        """)
    tee3164 = try Receiver.start(forwardingTo: daemon.port("relayed3164"))
    tee5424 = try Receiver.start(forwardingTo: daemon.port("relayed5424"))
    let ports = try freePorts(5)
    (web, captured, secure, stream) = (ports[0], ports[1], ports[2], ports[3])
    let values: [String: any BinaryInteger] = [
      "RFC3164": try daemon.port("rfc3164"), "RFC5424": try daemon.port("rfc5424"),
      "RING": try daemon.port("ring"),
      "TEE3164": tee3164.port, "TEE5424": tee5424.port, "WEB": web, "CAPTURED": captured, "SECURE": secure,
      "STREAM": stream, "BACKEND": backend.port, "DEAD": ports[4],
    ]
    var texts = values.mapValues { "\($0)" }
    texts["CLIENT"] = shows ? "crt \(certificates.file("client.pem"))" : ""
    texts["HOSTNAME"] = hostName.map { "log-send-hostname \($0)" } ?? ""
    let file = try scratch.configure("haproxy.conf", texts)
    let path = try #require(Program.haproxy.path)
    haproxy = try Child(path, ["-f", file], name: "haproxy", in: scratch)
    waitUntil("HAProxy: \(haproxy.complaints)") { accepts(stream) }
    // The knock at the door is logged as well.
    waitUntil("the first line") {
      tee5424.messages.contains { String(decoding: $0, as: UTF8.self).contains(" stream ") }
    }
  }

  deinit { backend.stop() }

  // MARK: Traffic

  /// Makes a request of the frontend `web` (or another) on a connection of its own.
  func call(
    _ name: String, _ method: String = "GET", path: String? = nil, query: String = "", headers: [String] = [],
    body: [UInt8]? = nil, status: Int = 200, server: String = "one", ending: String = "--", delay: Int64 = 0,
    frontend: String = "web"
  ) throws {
    let target = (path ?? "/\(name)") + query
    let port = frontend == "web" ? web : captured
    let answer = try request(
      port, httpRequest(method, Array(target.utf8), headers: headers, body: body), isHead: method == "HEAD")
    calls.append(
      Call(
        name: name, frontend: frontend, method: method, target: target, answer: answer, status: status,
        server: server, ending: ending, delay: delay))
  }

  /// Sends what is no request, or not a whole one.
  func misbehave(_ name: String, _ bytes: [UInt8], status: Int, ending: String, hangUp: Bool = false) throws {
    let connection = try HTTPConnection(web)
    let answer = Answer(port: connection.port, start: Clock.realtime(), end: 0)
    try connection.send(bytes)
    if hangUp { connection.close() } else { connection.drain() }
    var call = Call(
      name: name, frontend: "web", target: "", answer: answer, status: status, server: "<NOSRV>",
      ending: ending)
    call.answer.end = Clock.realtime()
    calls.append(call)
  }

  func add(_ call: Call) { calls.append(call) }

  /// Messages that HAProxy has sent to each target, once no more come.
  func settledCount() -> Int {
    var count = -1
    while count != tee5424.datagrams.count {
      count = tee5424.datagrams.count
      Clock.sleep(nanoseconds: 300_000_000)
    }
    return count
  }

  /// Waits until Stele has all that the test has, then ends HAProxy and Stele. Returns how many messages that
  /// are.
  func finish(_ sources: [String] = HAProxyRun.sources) -> Int {
    let count = settledCount()
    for source in sources { daemon.waitFor(count, from: source) }
    haproxy.stop(SIGTERM)
    Clock.sleep(nanoseconds: 100_000_000)
    daemon.stop()
    return count
  }
}

/// A message without the time in its syslog header.
func withoutStamp(_ message: [UInt8]) -> [UInt8] {
  let text = String(decoding: message, as: UTF8.self)
  return Array(
    text.replacing(/^(<\d+>1 )\S+|^(<\d+>)\w{3} [ \d]\d \d\d:\d\d:\d\d/) { "\($0.1 ?? $0.2 ?? "")" }.utf8)
}

/// Both in an order of their own: two threads of HAProxy send each from its own socket.
func expectSame(
  _ found: [[UInt8]], _ sent: [[UInt8]], _ what: String, _ sourceLocation: SourceLocation = #_sourceLocation
) {
  var counts: [[UInt8]: Int] = [:]
  for line in sent { counts[line, default: 0] += 1 }
  for line in found { counts[line, default: 0] -= 1 }
  let different = counts.filter { $0.value != 0 }
  for (line, count) in different.prefix(5) {
    let text = String(decoding: line, as: UTF8.self)
    Issue.record(
      "\(what): \(count > 0 ? "missing" : "more than was sent"): \(text)", sourceLocation: sourceLocation)
  }
  #expect(different.isEmpty, "\(what)", sourceLocation: sourceLocation)
}

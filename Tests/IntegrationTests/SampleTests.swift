import Bytes
import Foundation
import Platform
import Testing

/// The examples in Packaging, each run by the program that it is for, against a daemon on the example that
/// goes
/// with them: every line arrives, and is read with the format that is named there.
@Suite(.serialized) struct SampleTests {
  private static func sample(_ name: String) throws -> String {
    try String(contentsOfFile: "\(Repository.root)/Packaging/\(name)", encoding: .utf8)
  }

  /// Writes an example with ports and paths of the test's own, each of which must be in it.
  private func place(_ name: String, _ own: [(String, String)], in scratch: Scratch) throws -> String {
    var text = try Self.sample(name)
    for (old, new) in own {
      try #require(text.contains(old), "\(name) has no \(old)")
      text = text.replacing(old, with: new)
    }
    try scratch.write(name, text)
    return scratch.file(name)
  }

  /// Stele on examples.yaml.
  private struct Run {
    let scratch: Scratch
    let certificates: Certificates
    let log: SteleLog
    let daemon: Daemon
    /// For 5514, 6514, 5515.
    let ports: [UInt16]
  }

  private func start() throws -> Run {
    let scratch = try Scratch()
    let certificates = try Certificates(in: scratch)
    for (own, name) in [("server.crt", "tls.crt"), ("server.key", "tls.key"), ("ca.crt", "clients.crt")] {
      try scratch.write(name, scratch.read(own))
    }
    let log = try SteleLog(in: scratch)
    let ports = try freePorts(3)
    let file = try place(
      "examples.yaml",
      [
        ("/var/lib/stele/edge", log.directory), (":5514", ":\(ports[0])"), (":6514", ":\(ports[1])"),
        (":5515", ":\(ports[2])"), ("/etc/stele", scratch.path), ("/run/stele", scratch.path),
        ("/var/log/envoy", scratch.path),
      ], in: scratch)
    let daemon = try Daemon(log, arguments: ["--config", file], sourceCount: 4)
    return Run(scratch: scratch, certificates: certificates, log: log, daemon: daemon, ports: ports)
  }

  /// Of the source, as many lines as requests were made, all of them read.
  private func check(_ run: Run, _ sources: [String], _ format: String, requests: Int) throws {
    for source in sources {
      let events = try run.log.events("source.id = '\(source)' and url.path ~ '/sample-'")
      #expect(events.count == requests, "\(source)")
      #expect(Set(events.map { $0.text("url.path") }).count == requests)
      #expect(events.allSatisfy { $0.text("parser.format") == format && $0.text("parse.status") == "ok" })
      // Nor is there any other line that is not.
      let all = try run.log.events("source.id = '\(source)'")
      #expect(all.allSatisfy { $0.text("parse.status") == "ok" }, "\(source) \(all.map(\.fields))")
    }
    try run.log.expectIntact()
  }

  @Test(.needs(.haproxy, .openssl), .timeLimit(.minutes(2)))
  func haproxyLogsByUDPAndThroughARing() throws {
    let run = try start()
    let backend = try Backend()
    defer { backend.stop() }
    let web = try freePorts(1)[0]
    let file = try place(
      "haproxy.cfg",
      [
        ("127.0.0.1:5514", "127.0.0.1:\(run.ports[0])"), ("127.0.0.1:6514", "127.0.0.1:\(run.ports[1])"),
        ("/etc/haproxy/stele-ca.crt", run.certificates.file("ca.crt")),
        ("/etc/haproxy/stele-client.pem", run.certificates.file("client.pem")),
        ("127.0.0.1:8080", "127.0.0.1:\(web)"), ("127.0.0.1:8000", "127.0.0.1:\(backend.port)"),
      ], in: run.scratch)
    let haproxy = try Child(
      #require(Program.haproxy.path), ["-f", file], name: "haproxy", in: run.scratch)
    waitUntil("HAProxy: \(haproxy.complaints)") { accepts(web) }
    for number in 0..<20 {
      _ = try request(
        web, httpRequest("GET", Array("/sample-\(number)".utf8), headers: ["User-Agent: a \"b"]))
    }
    for source in ["haproxy", "haproxy-tls"] { run.daemon.waitFor(20, from: source) }
    Clock.sleep(nanoseconds: 300_000_000)
    haproxy.stop(SIGTERM)
    run.daemon.stop()
    try check(run, ["haproxy", "haproxy-tls"], "haproxy/httplog", requests: 20)
  }

  @Test(.needs(.nginx, .openssl), .timeLimit(.minutes(2)))
  func nginxLogsOverAUnixSocketAndByUDP() throws {
    let run = try start()
    let web = try freePorts(1)[0]
    let file = try place(
      "nginx.conf",
      [
        ("/run/stele/nginx.sock", run.scratch.file("nginx.sock")),
        ("127.0.0.1:5515", "127.0.0.1:\(run.ports[2])"), ("127.0.0.1:8081", "127.0.0.1:\(web)"),
      ], in: run.scratch)
    let user = getuid() == 0 ? "user nobody nogroup; " : ""
    let nginx = try Child(
      #require(Program.nginx.path),
      [
        "-p", run.scratch.path, "-c", file, "-e", run.scratch.file("error.log"), "-g",
        "\(user)daemon off; pid \(run.scratch.file("nginx.pid"));",
      ], name: "nginx", in: run.scratch)
    waitUntil("Nginx: \(nginx.complaints)") { accepts(web) }
    for number in 0..<20 {
      _ = try request(
        web, httpRequest("GET", Array("/sample-\(number)".utf8), headers: ["User-Agent: a \"b"]))
      // The kernel keeps as few as ten datagrams on a unix socket (net.unix.max_dgram_qlen), and Nginx does not wait.
      run.daemon.waitFor(number + 1, from: "nginx")
    }
    for source in ["nginx", "nginx-udp"] { run.daemon.waitFor(20, from: source) }
    nginx.stop(SIGQUIT)
    Clock.sleep(nanoseconds: 200_000_000)
    run.daemon.stop()
    try check(run, ["nginx", "nginx-udp"], "nginx/combined", requests: 20)
  }

  @Test(.needs(.envoy, .openssl), .timeLimit(.minutes(2)))
  func envoysFileIsFollowed() throws {
    let run = try start()
    let web = try freePorts(1)[0]
    let file = try place(
      "envoy.yaml",
      [
        ("port_value: 8082", "port_value: \(web)"),
        ("/var/log/envoy/access.log", run.scratch.file("access.log")),
      ], in: run.scratch)
    let envoy = try Child(
      #require(Program.envoy.path),
      [
        "-c", file, "--disable-hot-restart", "--concurrency", "1", "--file-flush-interval-msec", "50", "-l",
        "warn",
      ], name: "envoy", in: run.scratch)
    waitUntil("Envoy: \(envoy.complaints.suffix(1000))") { accepts(web) }
    for number in 0..<20 {
      _ = try request(web, httpRequest("GET", Array("/sample-\(number)".utf8)))
    }
    run.daemon.waitFor(20, from: "envoy")
    envoy.stop()
    run.daemon.stop()
    try check(run, ["envoy"], "envoy/default", requests: 20)
    #expect(try run.log.raw("source.id = 'envoy'") == run.scratch.read("access.log"))
  }

  /// The lines in README.md are those of the examples.
  @Test func theReadmeShowsTheSameLines() throws {
    let readme = try String(contentsOfFile: "\(Repository.root)/README.md", encoding: .utf8)
    for (heading, name) in [("**HAProxy** (", "haproxy.cfg"), ("**Nginx** (", "nginx.conf")] {
      let examples = Set(
        try Self.sample(name).split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) })
      let start = try #require(readme.range(of: heading)).upperBound
      let shown = readme[start...].split(separator: "\n", omittingEmptySubsequences: false)
        .drop { !$0.hasPrefix("    ") }.prefix { $0.hasPrefix("    ") }
      #expect(!shown.isEmpty)
      for line in shown {
        #expect(examples.contains(line.trimmingCharacters(in: .whitespaces)), "\(name) has no line \(line)")
      }
    }
  }
}

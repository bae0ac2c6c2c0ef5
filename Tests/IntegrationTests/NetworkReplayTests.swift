import Foundation
import Testing

/// `stele replay --to` as the sender, `stele serve` started by flags as the receiver.
@Suite(.serialized) struct NetworkReplayTests {
  private static let schemes = ["udp", "tcp", "tls", "unix", "unix-stream"]

  /// What a recorded sender sent arrives again: the same bytes, in the same order, over each transport.
  @Test(.needs(.openssl)) func recordedMessagesArriveAsTheyWere() throws {
    let scratch = try Scratch()
    let certificates = try Certificates(in: scratch)
    let log = try SteleLog(in: scratch)
    let daemon = try start(log, certificates, format: "auto")
    let name = "haproxy/rfc5424.log"
    let sent = try Fixtures.read(name)
    let count = try Fixtures.lines(name).count
    for scheme in Self.schemes {
      let source = try daemon.source(for: scheme)
      _ = try log.stele(
        ["replay", "\(Fixtures.path)/\(name)", "--to", url(scheme, source.port, scratch)]
          + (scheme == "tls" ? tls(certificates) : []))
    }
    let names = try Self.schemes.map { try daemon.source(for: $0).name }
    for name in names { daemon.waitFor(count, from: name) }
    daemon.stop()
    try log.expectIntact()
    for (scheme, name) in zip(Self.schemes, names) {
      #expect(try log.raw("source.id = \"\(name)\"") == sent, "\(scheme)")
      #expect(try log.events("source.transport = \(scheme)").count == count)
    }
    let identities = try log.events("source.transport = tls").map { $0.text("source.peer_identity") ?? "" }
    #expect(identities.allSatisfy { $0.contains("client") })
  }

  /// Lines without a header get one, which is read again.
  @Test(.needs(.openssl), arguments: ["rfc3164", "rfc5424"])
  func wrappedLinesAreReadBehindTheirHeader(_ header: String) throws {
    let scratch = try Scratch()
    let certificates = try Certificates(in: scratch)
    let log = try SteleLog(in: scratch)
    let daemon = try start(log, certificates, format: "nginx/combined")
    let lines = try Fixtures.lines("nginx/combined.log")
    for scheme in Self.schemes {
      let source = try daemon.source(for: scheme)
      _ = try log.stele(
        [
          "replay", "\(Fixtures.path)/nginx/combined.log", "--to", url(scheme, source.port, scratch),
          "--wrap", header,
        ]
          + (scheme == "tls" ? tls(certificates) : []))
    }
    for scheme in Self.schemes { try daemon.waitFor(lines.count, from: daemon.source(for: scheme).name) }
    daemon.stop()
    try log.expectIntact()
    for scheme in Self.schemes {
      let received = try log.lines("source.transport = \(scheme)")
      #expect(received.count == lines.count, "\(scheme)")
      for (message, line) in zip(received, lines) {
        #expect(message.count > line.count && message.suffix(line.count) == line[...], "\(scheme)")
      }
      let events = try log.events("source.transport = \(scheme)")
      #expect(
        events.allSatisfy { $0.text("parse.status") == "ok" && $0.number("syslog.pri") != nil }, "\(scheme)")
    }
  }

  private func start(_ log: SteleLog, _ certificates: Certificates, format: String) throws -> Daemon {
    try Daemon(
      log, listening: Self.schemes.map { url($0, 0, log.scratch) },
      flags: [
        "--format", format, "--certificate", certificates.file("server.crt"), "--key",
        certificates.file("server.key"),
        "--client-ca", certificates.file("ca.crt"),
      ])
  }

  private func url(_ scheme: String, _ port: UInt16, _ scratch: Scratch) -> String {
    "\(scheme)://" + (scheme.hasPrefix("unix") ? scratch.file("\(scheme).sock") : "127.0.0.1:\(port)")
  }

  private func tls(_ certificates: Certificates) -> [String] {
    ["--ca", certificates.file("ca.crt"), "--certificate", certificates.file("client.crt")]
      + ["--key", certificates.file("client.key")]
  }
}

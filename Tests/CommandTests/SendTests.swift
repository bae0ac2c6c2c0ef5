import Foundation
import TestSupport
import Testing

/// `replay --to`, with `serve` at the other end.
@Suite struct SendTests {
  private let sandbox: Sandbox

  init() throws {
    sandbox = try Sandbox()
    try sandbox.makeLog()
    try sandbox.write("lines", Sandbox.lines.joined(separator: "\n"))
    let script = """
      set -e; cd '\(sandbox.directory.path)'
      new='openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'
      $new -x509 -days 2 -subj /CN=authority -keyout ca.key -out ca.crt
      $new -x509 -days 2 -subj /CN=stranger -keyout other.key -out other.crt
      for name in server client; do
        $new -subj /CN=$name -keyout $name.key -out $name.csr
        echo subjectAltName=IP:127.0.0.1 > $name.ext
        openssl x509 -req -in $name.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 \\
          -extfile $name.ext -out $name.crt
      done
      """
    let made = try Program.run("/bin/bash", ["-c", script])
    try #require(made.status == 0, "\(made.errors)")
  }

  private func serveTLS() throws -> DaemonProcess {
    try DaemonProcess(
      sandbox,
      [
        "--log", "@log", "--listen", "tls://127.0.0.1:0", "--format", "nginx/combined", "--certificate",
        "@server.crt",
        "--key", "@server.key", "--client-ca", "@ca.crt",
      ])
  }

  @Test(arguments: ["none", "rfc3164", "rfc5424"]) func linesArriveOverTLS(_ wrap: String) throws {
    let daemon = try serveTLS()
    let sent = try sandbox.stele(
      "replay", "@lines", "--to", daemon.url("tls-0"), "--wrap", wrap, "--ca", "@ca.crt", "--certificate",
      "@client.crt",
      "--key", "@client.key", "--json")
    #expect(sent.status == 0, "\(sent.errors)")
    #expect(Sandbox.object(sent.text)?["messages"] as? Int == 20)
    #expect(daemon.stop().status == 0)
    let found = try sandbox.stele("search", "@log", "--output", "raw").text.split(separator: "\n")
    #expect(found.count == 20)
    #expect(
      zip(found, Sandbox.lines).allSatisfy {
        $0.hasSuffix($1) && $0.hasPrefix(wrap == "none" ? "192" : "<134>")
      })
    let json = try sandbox.stele("search", "@log", "--output", "ndjson", "--limit", "1").text
    let event = try #require(Sandbox.object(json))
    #expect(event["source.transport"] as? String == "tls")
    #expect(event["frame"] as? String == (wrap == "none" ? "lf" : "octet"))
    #expect((event["source.peer_identity"] as? String)?.contains("CN=client") == true, "\(json)")
  }

  @Test func whomTheServerDoesNotTrustIsToldWhy() throws {
    let daemon = try serveTLS()
    let url = daemon.url("tls-0")
    let anonymous = try sandbox.stele("replay", "@lines", "--to", url, "--ca", "@ca.crt")
    #expect(anonymous.status != 0)
    let stranger = try sandbox.stele("replay", "@lines", "--to", url, "--ca", "@other.crt")
    #expect(
      stranger.status == 1 && stranger.errors.contains("certificate verify failed"), "\(stranger.errors)")
    let forged = try sandbox.stele(
      "replay", "@lines", "--to", url, "--ca", "@ca.crt", "--certificate", "@other.crt", "--key", "@other.key"
    )
    #expect(forged.status != 0)
    let name = try sandbox.stele(
      "replay", "@lines", "--to", url.replacing("127.0.0.1", with: "localhost"), "--ca", "@ca.crt")
    #expect(name.status == 1 && name.errors.contains("hostname mismatch"), "\(name.errors)")
    let ended = daemon.stop()
    #expect(ended.status == 0)
    #expect(daemon.source("tls-0")["received"] as? Int == 0)
    #expect(ended.errors.contains("warning: source tls-0: 127.0.0.1:"))
  }

  @Test func aRateIsKept() throws {
    let daemon = try DaemonProcess(sandbox, ["--log", "@log", "--listen", "udp://127.0.0.1:0"])
    let sent = try sandbox.stele("replay", "@lines", "--to", daemon.url("udp-0"), "--rate", "40", "--json")
    // Twenty messages, the first of them at once.
    let seconds = try #require(Sandbox.object(sent.text)?["seconds"] as? Double)
    #expect(seconds >= 0.47)
    #expect(daemon.stop().status == 0)
  }

  @Test func whatNoDatagramCanCarryIsCountedAndNamed() throws {
    let daemon = try DaemonProcess(sandbox, ["--log", "@log", "--listen", "udp://127.0.0.1:0"])
    try sandbox.write("long", String(repeating: "x", count: 65_508) + "\nshort\n")
    let sent = try sandbox.stele("replay", "@long", "--to", daemon.url("udp-0"))
    #expect(sent.status == 3 && sent.errors.contains("1 lines were not sent"), "\(sent.errors)")
    #expect(daemon.waitUntilDurable(4))
    #expect(daemon.stop().status == 0)
    #expect(try sandbox.stele("search", "@log", "--output", "raw").text == "short\n")
  }

  @Test func aLineThatIsTooLongToHoldIsAnError() throws {
    let daemon = try DaemonProcess(sandbox, ["--log", "@log", "--listen", "tcp://127.0.0.1:0"])
    try sandbox.write("long", "a\n" + String(repeating: "x", count: 3_000_000))
    let sent = try sandbox.stele("replay", "@long", "--to", daemon.url("tcp-0"))
    #expect(sent.status == 1 && sent.errors.contains("line 2 is longer than 1MiB"), "\(sent.errors)")
    #expect(daemon.stop().status == 0)
  }
}

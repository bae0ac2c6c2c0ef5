import Bytes
import Cryptography
import Foundation
import TestSupport
import Testing

/// Against a timestamp authority run with `openssl ts` behind an HTTP server.
@Suite struct TimestampTests {
  private static func files(_ sandbox: Sandbox, _ suffix: String = ".tsr") -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: sandbox.path("log"))) ?? [])
      .filter { $0.hasSuffix(suffix) }.sorted()
  }

  /// SHA-256 of a signed note's text.
  private static func textHash(_ sandbox: Sandbox, _ note: String) throws -> [UInt8] {
    let text = String(decoding: try sandbox.directory.read("log/\(note)"), as: UTF8.self)
    let end = try #require(text.range(of: "\n\n")).lowerBound
    return Array((text[..<end] + "\n").utf8).withView { SHA256.hash($0).array }
  }

  @Test func aLogIsStampedByHandAndVerified() throws {
    let authority = try TimestampAuthority()
    let url = try authority.serve()
    let sandbox = try Sandbox()
    try sandbox.makeFilledLog()
    let seal = try #require(Self.files(sandbox, ".seal").last)
    let token = seal.replacingOccurrences(of: ".seal", with: ".tsr")
    let sealHash = try Self.textHash(sandbox, seal)
    let checkpointHash = try Self.textHash(sandbox, "checkpoint")
    let stamped = try sandbox.stele(
      "timestamp", "@log", "--url", url + "/ok", "--ca", authority.certificates, "--json")
    #expect(stamped.status == 0, "\(stamped.errors)")
    let object = try #require(Sandbox.object(stamped.text))
    let tokens = try #require(object["tokens"] as? [[String: Any]])
    #expect(object["recorded"] as? Bool == true)
    let size = try #require(tokens.last?["size"] as? Int)
    #expect(tokens.map { $0["file"] as? String } == [token, "checkpoint-\(size).tsr"])
    #expect(try authority.accepts(sandbox.path("log/\(token)"), over: sealHash))
    #expect(try authority.accepts(sandbox.path("log/checkpoint-\(size).tsr"), over: checkpointHash))
    let verified = try sandbox.stele(
      "verify", "@log", "--key", "@log.vkey", "--tsa-ca", authority.certificates, "--json")
    #expect(verified.status == 0, "\(verified.text)")
    let times = try #require(Sandbox.object(verified.text)?["times"] as? [String: Any])
    #expect(times["trusted"] as? Bool == true)
    #expect((times["existed"] as? [String: Any])?["end"] as? Int == size)
    #expect((times["entered"] as? [String: Any])?["first"] as? Int == size + 2)
  }

  @Test func aCopyWithoutTheKeyIsStampedToo() throws {
    let authority = try TimestampAuthority()
    let url = try authority.serve()
    let sandbox = try Sandbox()
    try sandbox.makeFilledLog()
    try FileManager.default.removeItem(atPath: sandbox.path("log.key"))
    for line in ["20 entries existed", "have tokens already"] {
      let stamped = try sandbox.stele("timestamp", "@log", "--url", url + "/ok")
      #expect(stamped.status == 0, "\(stamped.errors)")
      #expect(stamped.text.contains("its private key is not here"))
      if line.hasPrefix("have") { #expect(stamped.text.contains(line)) }
    }
    #expect(Self.files(sandbox).count == 2)
    #expect(try sandbox.stele("verify", "@log", "--tsa-ca", authority.certificates).status == 0)
  }

  @Test(arguments: [
    ("nonce", "answers another request"), ("imprint", "over other bytes"), ("refuse", "badAlg"),
    ("garbage", "no timestamp response"), ("huge", "more than 65536 bytes"), ("unavailable", "status 503"),
  ]) func whatIsNoTokenIsRefused(what: String, text: String) throws {
    let authority = try TimestampAuthority()
    let url = try authority.serve()
    let sandbox = try Sandbox()
    try sandbox.makeFilledLog()
    let stamped = try sandbox.stele("timestamp", "@log", "--url", "\(url)/\(what)")
    #expect(stamped.status == 1)
    #expect(stamped.errors.contains(text), "\(stamped.errors)")
    #expect(Self.files(sandbox) == [])
    #expect(Self.files(sandbox, ".new") == [])
    #expect(try sandbox.stele("verify", "@log").status == 0)
  }

  @Test func aStrangersTokenIsRefused() throws {
    let (authority, stranger) = (try TimestampAuthority(), try TimestampAuthority("Stranger"))
    let url = try authority.serve()
    let sandbox = try Sandbox()
    try sandbox.makeFilledLog()
    let stamped = try sandbox.stele("timestamp", "@log", "--url", url + "/ok", "--ca", stranger.certificates)
    #expect(stamped.status == 1)
    #expect(stamped.errors.contains("no trusted authority"), "\(stamped.errors)")
    #expect(Self.files(sandbox) == [])
  }

  // MARK: Daemon

  private static func configure(_ sandbox: Sandbox, _ url: String, _ ca: String, every: String = "1s") throws
  {
    try sandbox.write(
      "stele.yaml",
      """
      log: {directory: log}
      segment: {age: 2s}
      timestamps: {url: '\(url)', ca: '\(ca)', every: \(every)}
      sources:
        - {name: edge, listen: 'udp://127.0.0.1:0', format: nginx/combined}
      """)
  }

  private static func timestamp(_ daemon: DaemonProcess) -> [String: Any] {
    daemon.status["timestamp"] as? [String: Any] ?? [:]
  }

  @Test func aDaemonStampsAndRecords() throws {
    let authority = try TimestampAuthority()
    let sandbox = try Sandbox()
    try sandbox.makeLog()
    // The first answer is 503.
    try Self.configure(sandbox, try authority.serve() + "/fail-then-ok", authority.certificates)
    let daemon = try DaemonProcess(sandbox, ["--config", "@stele.yaml"])
    #expect(
      daemon.program.wait(30) { _ in (Self.timestamp(daemon)["size"] as? Int ?? 0) > 1 },
      "\(daemon.program.errors)")
    #expect(daemon.program.wait(30) { _ in Self.timestamp(daemon)["error"] is NSNull })
    #expect(Self.timestamp(daemon)["age_seconds"] is Int)
    #expect(daemon.program.wait(30) { _ in Self.files(sandbox).contains { !$0.hasPrefix("checkpoint") } })
    let running = try sandbox.stele(
      "verify", "@log", "--key", "@log.vkey", "--tsa-ca", authority.certificates)
    #expect(running.status == 0, "\(running.text)")
    #expect(daemon.stop().status == 0)
    #expect(daemon.program.errors.contains("status 503"))
    #expect(daemon.program.errors.contains("answers again"))
    let verified = try sandbox.stele(
      "verify", "@log", "--key", "@log.vkey", "--tsa-ca", authority.certificates, "--json")
    #expect(verified.status == 0, "\(verified.text)")
    let times = try #require(Sandbox.object(verified.text)?["times"] as? [String: Any])
    #expect(times["entered"] is [String: Any] && times["existed"] is [String: Any])
    for name in Self.files(sandbox) where !name.hasPrefix("checkpoint") {
      let hash = try Self.textHash(sandbox, name.replacingOccurrences(of: ".tsr", with: ".seal"))
      #expect(try authority.accepts(sandbox.path("log/" + name), over: hash))
    }
  }

  /// A token over a checkpoint whose segment retention has removed says nothing any more, and is no damage.
  @Test(.enabled(if: CheckerTests.isRunnable, "python3-cryptography is missing"))
  func aTokenOutlivesWhatItWasOver() throws {
    let authority = try TimestampAuthority()
    let sandbox = try Sandbox()
    try sandbox.makeLog()
    try sandbox.write("lines", Sandbox.lines.joined(separator: "\n") + "\n")
    let daemon = try DaemonProcess(sandbox, ["--log", "@log", "--listen", "tcp://127.0.0.1:0"])
    #expect(daemon.waitUntilDurable(4))
    let url = try authority.serve() + "/ok"
    #expect(try sandbox.stele("timestamp", "@log", "--url", url).status == 0)
    #expect(try sandbox.stele("replay", "@lines", "--to", daemon.url("tcp-0")).status == 0)
    #expect(daemon.program.wait(30) { _ in daemon.source("tcp-0")["received"] as? Int == 20 })
    #expect(daemon.stop().status == 0)
    #expect(try sandbox.stele("prune", "@log", "--keep", "1B").status == 0)
    #expect(Self.files(sandbox).count == 1)
    #expect(try sandbox.stele("verify", "@log", "--key", "@log.vkey").status == 0)
    let checked = try Program.run(
      Program.find("python3") ?? "python3",
      [Sandbox.root + "/Packaging/stele-check.py", sandbox.path("log"), "--key", sandbox.path("log.vkey")])
    #expect(checked.status == 0, "\(checked.text)\(checked.errors)")
  }

  /// An authority that never answers delays neither entries nor the end.
  @Test func aSlowAuthorityDelaysNothing() throws {
    let authority = try TimestampAuthority()
    let sandbox = try Sandbox()
    try sandbox.makeLog()
    try Self.configure(sandbox, try authority.serve() + "/slow", authority.certificates)
    let daemon = try DaemonProcess(sandbox, ["--config", "@stele.yaml"])
    #expect(daemon.program.wait(30) { _ in authority.requests == 1 })
    let port = daemon.url("edge").split(separator: ":").last.map(String.init) ?? ""
    try sandbox.write("lines", Sandbox.lines.joined(separator: "\n") + "\n")
    let before = daemon.status["durable"] as? Int ?? 0
    #expect(try sandbox.stele("replay", "@lines", "--to", "udp://127.0.0.1:\(port)").status == 0)
    #expect(daemon.waitUntilDurable(before + Sandbox.lines.count))
    #expect(Self.timestamp(daemon)["size"] is NSNull)
    let start = Date()
    #expect(daemon.stop().status == 0)
    // The authority would answer after a minute, and a request would be given up after 20 s.
    #expect(Date().timeIntervalSince(start) < 10)
    #expect(Self.files(sandbox) == [])
  }
}

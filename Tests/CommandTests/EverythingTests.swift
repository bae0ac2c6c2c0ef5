import Foundation
import TestSupport
import Testing

/// One daemon with everything switched on, killed and started again; and then whoever may look does.
@Suite struct EverythingTests {
  private let sandbox: Sandbox
  private let authority: TimestampAuthority
  private static let secret = "SECRETQ"

  init() throws {
    sandbox = try Sandbox()
    authority = try TimestampAuthority()
    try sandbox.makeLog()
    try sandbox.directory.write("reader.crt", TestIdentity.ec.certificate)
    try sandbox.directory.write("reader.key", TestIdentity.ec.key)
  }

  private func configure(_ url: String, retention: String = "") throws {
    try sandbox.write(
      "stele.yaml",
      """
      log: {directory: log}
      commit: 10ms
      segment: {size: 1MiB, age: 2s}
      encryption: {recipients: [reader.crt]}
      witnesses: {policy: policy, every: 100ms}
      timestamps: {url: '\(url)/ok', ca: '\(authority.certificates)', every: 1s}
      scrub: {rate: 1GiB/s, every: 1s}
      \(retention)
      sources:
        - name: in
          listen: 'tcp://127.0.0.1:0'
          format: nginx/combined
          minimize: {mask_query: [password]}
      """)
  }

  /// Lines that hardly compress, with something in them that must not be stored.
  private static func lines(_ count: Int, seed: UInt64) -> [String] {
    var random = SplitMix64(seed)
    return (0..<count).map { number in
      let noise = (0..<30).map { _ in String(random.next(), radix: 36) }.joined()
      return "192.0.2.\(number % 250) - - [23/Nov/2026:08:00:10 +0000] "
        + "\"GET /\(number)?password=\(secret) HTTP/1.1\" 200 7 \"-\" \"\(noise)\""
    }
  }

  /// What the source leaves of them.
  private static func stored(_ lines: [String]) -> [String] {
    lines.map { $0.replacingOccurrences(of: secret, with: "***") }
  }

  private func send(_ lines: [String], to daemon: DaemonProcess) throws {
    try sandbox.write("lines", lines.joined(separator: "\n") + "\n")
    #expect(try sandbox.stele("replay", "@lines", "--to", daemon.url("in")).status == 0)
    #expect(daemon.program.wait(30) { _ in daemon.source("in")["received"] as? Int == lines.count })
  }

  /// Waits until the log has an entry of that type which `isWanted`.
  private func waitFor(_ type: String, _ daemon: DaemonProcess, _ isWanted: ([String: Any]) -> Bool) -> Bool {
    daemon.program.wait(30) { _ in
      let found = try? sandbox.stele("search", "@log", "--entries", "control", "--output", "raw")
      return (found?.text ?? "").split(separator: "\n").compactMap { Sandbox.object($0) }
        .contains { $0["type"] as? String == type && isWanted($0) }
    }
  }

  private func expectWitnessedAndStamped(_ daemon: DaemonProcess, _ count: Int) {
    func size(_ name: String) -> Int { (daemon.status[name] as? [String: Any])?["size"] as? Int ?? 0 }
    let isSeen = daemon.program.wait(30) { _ in size("witnesses") > count && size("timestamp") > count }
    #expect(isSeen, "\(count) of \(daemon.status), \(daemon.program.errors)")
  }

  /// The verifier's report. The checker in Python must come to the same.
  private func verify(_ status: Int32) throws -> [String: Any] {
    let verified = try sandbox.stele(
      "verify", "@log", "--key", "@log.vkey", "--policy", "@policy", "--tsa-ca", authority.certificates,
      "--decrypt", "@reader.key", "--json")
    #expect(verified.status == status, "\(verified.text)\(verified.errors)")
    let checked = try Program.run(
      Program.find("python3") ?? "python3",
      [Sandbox.root + "/Packaging/stele-check.py", sandbox.path("log"), "--key", sandbox.path("log.vkey")])
    #expect(checked.status == status, "\(checked.text)\(checked.errors)")
    return try #require(Sandbox.object(verified.text))
  }

  private func messages() throws -> [String] {
    let found = try sandbox.stele("search", "@log", "--output", "raw", "--decrypt", "@reader.key")
    return found.text.split(separator: "\n").map(String.init)
  }

  @Test(.enabled(if: CheckerTests.isRunnable, "python3-cryptography is missing"))
  func allOfItTogetherHoldsThroughAKillAndARestart() throws {
    let key = String(decoding: try sandbox.directory.read("log.vkey"), as: UTF8.self)
      .split(separator: "\n")[0]
    let witnesses = try ["w1", "w2", "w3"].map { try WitnessProcess(sandbox, $0, logs: [String(key)]) }
    try sandbox.write("policy", witnesses.map(\.line).joined() + "group two 2 w1 w2 w3\nquorum two\n")
    // They run for as long as these are held.
    defer { withExtendedLifetime(witnesses) {} }
    let url = try authority.serve()
    try configure(url)

    let first = Self.lines(3000, seed: 1), second = Self.lines(500, seed: 2), third = Self.lines(20, seed: 3)
    var daemon = try DaemonProcess(sandbox, ["--config", "@stele.yaml"])
    try send(first, to: daemon)
    expectWitnessedAndStamped(daemon, first.count)
    #expect(waitFor("scrub", daemon) { $0["segments"] as? Int ?? 0 > 0 && $0["findings"] as? Int == 0 })
    #expect(daemon.stop().status == 0, "\(daemon.program.errors)")
    #expect(try verify(0)["unsigned_tail"] as? Int == 0)
    #expect(try messages() == Self.stored(first))

    // One of three is down, and the daemon dies in the middle of its work.
    witnesses[2].kill()
    daemon = try DaemonProcess(sandbox, ["--config", "@stele.yaml"])
    let before = daemon.status["durable"] as? Int ?? 0
    try send(second, to: daemon)
    #expect(daemon.waitUntilDurable(before + second.count))
    expectWitnessedAndStamped(daemon, first.count)
    #expect(daemon.stop(SIGKILL).status == -SIGKILL)
    _ = try verify(0)

    // What is over the limit goes as soon as it is back.
    try configure(url, retention: "retention: {size: 1MiB}")
    daemon = try DaemonProcess(sandbox, ["--config", "@stele.yaml"])
    #expect(waitFor("retention", daemon) { $0["before"] as? Int ?? 0 > 2 })
    try send(third, to: daemon)
    #expect(try sandbox.stele("seal", "@log").status == 0)
    let size = Int(
      String(decoding: try sandbox.directory.read("log/checkpoint"), as: UTF8.self).split(separator: "\n")[1])
    expectWitnessedAndStamped(daemon, try #require(size) - 1)
    #expect(daemon.stop().status == 0, "\(daemon.program.errors)")
    for word in ["critical", "ROLLBACK", "FORK"] { #expect(!daemon.program.errors.contains(word)) }
    let report = try verify(0)
    let cosigners = (report["witnessed"] as? [String: Any])?["witnesses"] as? [Any]
    #expect(cosigners?.count ?? 2 >= 2)
    let times = try #require(report["times"] as? [String: Any])
    #expect(times["trusted"] as? Bool == true && times["entered"] is [String: Any])
    let left = try messages(), all = Self.stored(first + second + third)
    #expect(left.count >= third.count && left.count < all.count && all.suffix(left.count) == left[...])

    // Nothing that is masked or encrypted is anywhere.
    for name in try FileManager.default.contentsOfDirectory(atPath: sandbox.path("log")) {
      let data = FileManager.default.contents(atPath: sandbox.path("log/" + name)) ?? Data()
      for text in [Self.secret, "192.0.2.7", "HTTP/1.1"] where data.range(of: Data(text.utf8)) != nil {
        Issue.record("\(text) in \(name)")
      }
    }
  }

  @Test(.enabled(if: CheckerTests.isRunnable, "python3-cryptography is missing"))
  func aSegmentIsShreddedWhileTheDaemonWritesIt() throws {
    let daemon = try DaemonProcess(
      sandbox,
      [
        "--log", "@log", "--listen", "tcp://127.0.0.1:0", "--format", "nginx/combined", "--recipient",
        "@reader.crt",
      ])
    func send(_ lines: [String]) throws {
      let before = daemon.source("tcp-0")["received"] as? Int ?? 0
      try sandbox.write("lines", lines.joined(separator: "\n") + "\n")
      #expect(try sandbox.stele("replay", "@lines", "--to", daemon.url("tcp-0")).status == 0)
      let durable = daemon.status["durable"] as? Int ?? 0
      #expect(
        daemon.program.wait(30) { _ in
          daemon.source("tcp-0")["received"] as? Int == before + lines.count
            && daemon.status["durable"] as? Int ?? 0 >= durable + lines.count
        })
    }
    try send(Self.lines(50, seed: 4))
    let last = try sandbox.stele(
      "search", "@log", "--last", "1", "--output", "ndjson", "--decrypt", "@reader.key")
    let index = try #require(Sandbox.object(last.text)?["seq"] as? Int, "\(last.errors)")
    let shredded = try sandbox.stele(
      "erase", "@log", "--shred", "\(index)", "--authority", "DPO", "--reason", "Art. 17", "--approver",
      "Doe",
      "--json")
    #expect(shredded.status == 0, "\(shredded.errors)")
    #expect(Sandbox.object(shredded.text)?["entries"] as? Int ?? 0 >= 50)
    #expect(try messages().isEmpty)
    let kept = Self.lines(30, seed: 5)
    try send(kept)
    #expect(daemon.stop().status == 0, "\(daemon.program.errors)")
    #expect(try messages() == kept)
    try sandbox.write("policy", "quorum none\n")
    #expect(try verify(3)["exit_status"] as? Int == 3)
  }
}

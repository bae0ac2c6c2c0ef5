import Foundation
import TestSupport
import Testing

/// Erasing, removing and holding from the command line, beside a daemon and without one.
@Suite struct ActCommandTests {
  private let sandbox: Sandbox
  private static let order = ["--authority", "case 17", "--reason", "Art. 17"]

  init() throws { sandbox = try Sandbox() }

  private func run(_ arguments: [String]) throws -> Program.Result {
    try Program.run(Program.stele, arguments.map(sandbox.resolve), input: [])
  }

  private func erase(_ arguments: String...) throws -> Program.Result {
    try run(["erase", "@log"] + arguments + Self.order + ["--approver", "J. Doe", "--json"])
  }

  private func verify() throws -> Program.Result {
    try sandbox.stele("verify", "@log", "--key", "@log.vkey", "--json")
  }

  @Test func whatAnExpressionFindsIsErasedAndSearchSaysSo() throws {
    try sandbox.makeFilledLog()
    let dry = try erase("--where", "http.status = 503", "--dry-run")
    #expect(Sandbox.object(dry.text)?["entries"] as? Int == 4, "\(dry.errors)")
    #expect(try verify().status == 0)
    let done = try erase("--where", "http.status = 503")
    #expect(done.status == 0, "\(done.errors)")
    #expect(Sandbox.object(done.text)?["entries"] as? Int == 4)
    #expect(try verify().status == 3)
    let found = try sandbox.stele("search", "@log", "--output", "raw")
    #expect(found.status == 3)
    #expect(found.text.split(separator: "\n").count == 16)
    #expect(found.errors.contains("4 messages"), "\(found.errors)")
    // In a time before any of them, nothing is missing.
    #expect(try sandbox.stele("search", "@log", "--until", "2020-01-01").status == 0)
    #expect(try erase("--where", "http.status = 503").status == 0)
    #expect(try erase("0").status == 1)
    #expect(try erase().status == 64)
  }

  @Test func besideADaemonEverythingIsDoneToo() throws {
    try sandbox.makeFilledLog()
    try sandbox.write("more", Sandbox.lines.joined(separator: "\n") + "\n")
    let daemon = try DaemonProcess(
      sandbox, ["--log", "@log", "--listen", "tcp://127.0.0.1:0", "--format", "nginx/combined"])
    let socket = sandbox.path("log.control")
    let mode = try FileManager.default.attributesOfItem(atPath: socket)[.posixPermissions] as? Int
    #expect(mode == 0o600)
    let sent = try sandbox.stele("replay", "@more", "--to", daemon.url("tcp-0"), "--wrap", "rfc5424")
    #expect(sent.status == 0, "\(sent.errors)")
    #expect(daemon.waitUntilDurable(20 + 2 + 20 + 2))
    // One entry of a sealed segment, and one of the segment that the daemon is writing.
    let last = try sandbox.stele("search", "@log", "--last", "1", "--output", "ndjson")
    let index = try #require(Sandbox.object(last.text)?["seq"] as? Int)
    let done = try erase("3", "\(index)")
    #expect(done.status == 0, "\(done.errors)\(daemon.program.errors)")
    #expect(Sandbox.object(done.text)?["entries"] as? Int == 2)
    #expect(try verify().status == 3)
    let held = try run(["hold", "@log", "case", "--entries", "4..6"] + Self.order)
    #expect(held.status == 0, "\(held.errors)")
    #expect(try sandbox.stele("holds", "@log").text.contains("case: entries 4 to 5"))
    let refused = try erase("5")
    #expect(refused.status == 1)
    #expect(refused.errors.contains("case"), "\(refused.errors)")
    let kept = try sandbox.stele("prune", "@log", "--keep", "1B", "--json")
    #expect(Sandbox.object(kept.text)?["held_by"] as? String == "case", "\(kept.errors)\(kept.text)")
    #expect(try run(["release", "@log", "case"] + Self.order).status == 0)
    let pruned = try sandbox.stele("prune", "@log", "--keep", "1B", "--json")
    #expect(Sandbox.object(pruned.text)?["segments"] as? Int ?? 0 >= 2, "\(pruned.errors)\(pruned.text)")
    let ended = daemon.stop()
    #expect(ended.status == 0, "\(ended.errors)")
    #expect(!FileManager.default.fileExists(atPath: socket))
    let report = try verify()
    #expect(report.status == 0, "\(report.text)")
    #expect(report.text.contains("retention"))
  }

  @Test func aKilledDaemonsSocketIsNoHindrance() throws {
    try sandbox.makeFilledLog()
    let daemon = try DaemonProcess(sandbox, ["--log", "@log", "--listen", "udp://127.0.0.1:0"])
    _ = daemon.stop(SIGKILL)
    #expect(try erase("3").status == 0)
    let again = try DaemonProcess(sandbox, ["--log", "@log", "--listen", "udp://127.0.0.1:0"])
    #expect(try erase("4").status == 0)
    #expect(again.stop().status == 0)
    #expect(try verify().status == 3)
  }

  @Test func aConfigurationMaySayHowLongEntriesAreKept() throws {
    try sandbox.write(
      "good.yaml",
      """
      log: {directory: log}
      retention: {age: 400d, size: 500GiB}
      sources: [{name: a, listen: 'udp://127.0.0.1:0', format: none}]
      """)
    let checked = try sandbox.stele("config", "check", "@good.yaml")
    #expect(
      checked.text.contains("retention:\n  age: 400d\n  size: 500GiB\n"), "\(checked.text)\(checked.errors)")
    for (retention, part) in [
      ("{}", "age"), ("{age: 1s}", "age"), ("{ages: 400d}", "ages"), ("7", "retention"),
    ] {
      try sandbox.write(
        "bad.yaml",
        """
        log: {directory: log}
        retention: \(retention)
        sources: [{name: a, listen: 'udp://127.0.0.1:0', format: none}]
        """)
      let refused = try sandbox.stele("config", "check", "@bad.yaml")
      #expect(refused.status != 0)
      #expect(refused.errors.contains(part), "\(refused.errors)")
    }
  }
}

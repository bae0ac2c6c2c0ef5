import Foundation
import TestSupport
import Testing

/// Commands that write into a log while a daemon does: it does it in their place.
@Suite struct BesideDaemonTests {
  private let sandbox: Sandbox

  init() throws {
    sandbox = try Sandbox()
    try sandbox.makeFilledLog()
  }

  private func files(_ suffix: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: sandbox.path("log")).filter { $0.hasSuffix(suffix) }
  }

  @Test func sealEndsTheDaemonsSegmentAndItGoesOnInTheNext() throws {
    let daemon = try DaemonProcess(sandbox, ["--log", "@log", "--listen", "tcp://127.0.0.1:0"])
    for round in 1...2 {
      let seals = try files(".seal").count
      #expect(try sandbox.stele("replay", "@lines", "--to", daemon.url("tcp-0")).status == 0)
      #expect(daemon.waitUntilDurable(20 + round * 20))
      let sealed = try sandbox.stele("seal", "@log", "--json")
      #expect(sealed.status == 0, "\(sealed.errors)")
      let object = try #require(Sandbox.object(sealed.text))
      #expect(object["by_daemon"] as? Bool == true)
      #expect(object["entries"] as? Int ?? 0 > 20 + round * 20)
      #expect(try files(".seal").count == seals + 1)
      #expect(try sandbox.stele("verify", "@log", "--key", "@log.vkey").status == 0)
    }
    #expect(daemon.stop().status == 0)
    let alone = try sandbox.stele("seal", "@log", "--json")
    #expect(Sandbox.object(alone.text)?["by_daemon"] as? Bool == false)
    let verified = try sandbox.stele("verify", "@log", "--key", "@log.vkey", "--json")
    #expect(Sandbox.object(verified.text)?["end"] as? Int == Sandbox.object(alone.text)?["entries"] as? Int)
  }

  /// What the log says witnesses said.
  private func alarms(_ log: String) throws -> [[String: Any]] {
    try sandbox.stele("search", "@\(log)", "--entries", "control", "--output", "raw").text
      .split(separator: "\n").compactMap { Sandbox.object($0) }
      .filter { $0["type"] as? String == "alarm" }
  }

  @Test func cosignWritesAnAlarmIntoTheLogWhoeverHoldsIt() throws {
    let key = String(decoding: try sandbox.directory.read("log.vkey"), as: UTF8.self)
      .split(separator: "\n")[0]
    let witness = try WitnessProcess(sandbox, "w1", logs: [String(key)])
    try sandbox.write("policy", "\(witness.line)quorum w1\n")
    for end in ["", ".key", ".next"] {
      try FileManager.default.copyItem(atPath: sandbox.path("log" + end), toPath: sandbox.path("old" + end))
    }
    for _ in 0..<3 { #expect(try sandbox.stele("replay", "@lines", "--into", "@log").status == 0) }
    let daemon = try DaemonProcess(sandbox, ["--log", "@old", "--listen", "udp://127.0.0.1:0"])
    // Nobody but the daemon has to have the key.
    try FileManager.default.removeItem(atPath: sandbox.path("old.key"))
    #expect(try sandbox.stele("cosign", "@log", "--policy", "@policy").status == 0)
    let beside = try sandbox.stele("cosign", "@old", "--policy", "@policy")
    #expect(beside.status == 2 && beside.errors.contains("ROLLBACK"), "\(beside.errors)")
    #expect(!beside.errors.contains("not"), "\(beside.errors)")
    #expect(try alarms("old").map { $0["kind"] as? String } == ["rollback"])
    #expect(daemon.stop().status == 0)
    // Without a daemon, and without a key.
    let copy = try sandbox.stele("cosign", "@old", "--policy", "@policy")
    #expect(copy.status == 2 && copy.errors.contains("its private key is not here"), "\(copy.errors)")
    try FileManager.default.copyItem(atPath: sandbox.path("log.key"), toPath: sandbox.path("old.key"))
    #expect(try sandbox.stele("cosign", "@old", "--policy", "@policy").status == 2)
    #expect(try alarms("old").map { $0["witness"] as? String } == ["test.example/w1", "test.example/w1"])
    // The log that is as it should be has heard nothing.
    #expect(try alarms("log").isEmpty)
  }

  @Test func everyCommandFindsAKeyStoreThatIsElsewhere() throws {
    try FileManager.default.moveItem(atPath: sandbox.path("log.next"), toPath: sandbox.path("elsewhere"))
    let order = ["--authority", "a", "--reason", "b"]
    for command in [
      ["seal", "@log"], ["hold", "@log", "case", "--entries", "3..5"] + order,
      ["release", "@log", "case"] + order, ["erase", "@log", "3", "--approver", "c"] + order,
      ["prune", "@log", "--keep", "1B"],
    ] {
      let done = try Program.run(
        Program.stele, (command + ["--key-store", "@elsewhere"]).map(sandbox.resolve))
      #expect(done.status == 0, "\(command): \(done.errors)")
    }
    // A store that was made anew would have begun a new epoch of keys.
    #expect(!FileManager.default.fileExists(atPath: sandbox.path("log.next")))
    let verified = try sandbox.stele("verify", "@log", "--key", "@log.vkey")
    #expect(verified.status == 0, "\(verified.text)")
  }
}

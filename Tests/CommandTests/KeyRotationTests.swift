import Foundation
import TestSupport
import Testing

/// `stele keys rotate`, alone and beside a daemon.
@Suite struct KeyRotationTests {
  private let sandbox: Sandbox

  init() throws { sandbox = try Sandbox() }

  private func run(_ arguments: [String], _ status: Int32 = 0) throws -> Program.Result {
    let result = try Program.run(Program.stele, arguments.map(sandbox.resolve))
    #expect(result.status == status, "\(arguments): \(result.errors)\(result.text)")
    return result
  }

  private func rotate(_ arguments: String...) throws -> [String: Any] {
    try #require(Sandbox.object(run(["keys", "rotate", "@log", "--json"] + arguments).text))
  }

  /// Verifies with what `stele init` printed, and returns what it says of rotations.
  private func verified(_ arguments: String..., status: Int32 = 0) throws -> [String] {
    let result = try run(["verify", "@log", "--key", "@log.vkey", "--json"] + arguments, status)
    let findings = Sandbox.object(result.text)?["findings"] as? [[String: Any]] ?? []
    return findings.filter { $0["kind"] as? String == "key_rotation" }.compactMap { $0["text"] as? String }
  }

  @Test func whatInitPrintedLeadsThroughEveryRotation() throws {
    try sandbox.makeFilledLog()
    let old = try sandbox.directory.read("log.vkey")
    let first = try rotate("--reason", "yearly \"change\"")
    #expect(first["replaced"] as? Bool == true)
    let index = try #require(first["index"] as? Int)
    let texts = try verified()
    #expect(texts.count == 1)
    #expect(texts.first?.contains("at entry \(index) (") ?? false, "\(texts)")
    #expect(texts.first?.contains("for: yearly \"change\"") ?? false, "\(texts)")
    // It goes on, with the new private key in the old one's place.
    let replay = ["replay", "@lines", "--into", "@log", "--format", "nginx/combined"]
    _ = try run(replay)
    let second = try rotate()
    #expect(second["former"] as? String == first["key"] as? String)
    _ = try run(replay)
    #expect(try verified().count == 2)
    #expect(try verified("--quick").count == 2)
    #expect(try sandbox.stele("verify", "@log", "--key", "@log/vkey").status == 0)
    #expect(try sandbox.stele("verify", "@log").status == 0)
    // The history of the keys.
    let shown = try #require(Sandbox.object(run(["keys", "show", "@log", "--json"]).text))
    #expect((shown["key"] as? [String: Any])?["key"] as? String == second["key"] as? String)
    let former = try #require(shown["former"] as? [[String: Any]])
    #expect(former.map { $0["until"] as? Int } == [index, second["index"] as? Int])
    #expect(try sandbox.stele("keys", "show", "@log").text.contains("until entry \(index)"))
    // What is handed out are all keys; the first two were what `init` printed, the oldest first.
    let exported = try sandbox.stele("keys", "export", "@log").text.split(separator: "\n")
    #expect(exported.count == 4)
    #expect(exported[2] == "\(String(decoding: old, as: UTF8.self).split(separator: "\n")[0]) until \(index)")
  }

  @Test func aKeyThatIsNotStelesToReplaceIsReplacedByHand() throws {
    try sandbox.makeLog()
    let credentials = sandbox.path("credentials")
    try FileManager.default.createDirectory(atPath: credentials, withIntermediateDirectories: true)
    try FileManager.default.moveItem(atPath: sandbox.path("log.key"), toPath: "\(credentials)/stele.key")
    func stele(_ arguments: String...) throws -> Program.Result {
      try Program.run(
        Program.stele, arguments.map(sandbox.resolve), environment: ["CREDENTIALS_DIRECTORY": credentials])
    }
    let refused = try stele("keys", "rotate", "@log")
    #expect(refused.status == 1)
    #expect(refused.errors.contains("--new-key"), "\(refused.errors)")
    #expect(try sandbox.stele("keys", "generate", "test.example/log", "--output", "@next.key").status == 0)
    let done = try stele("keys", "rotate", "@log", "--new-key", "@next.key")
    #expect(done.status == 0, "\(done.errors)")
    #expect(done.text.contains("before the next start"), "\(done.text)")
    let late = try stele("seal", "@log")
    #expect(late.status == 1)
    #expect(late.errors.contains("it gave way to"), "\(late.errors)")
    try FileManager.default.removeItem(atPath: "\(credentials)/stele.key")
    try FileManager.default.moveItem(atPath: sandbox.path("next.key"), toPath: "\(credentials)/stele.key")
    #expect(try stele("seal", "@log").status == 0)
    #expect(try verified().count == 1)
  }

  @Test func aDaemonChangesItsKeyWhileItCollects() throws {
    try sandbox.makeLog()
    let arguments = ["--log", "@log", "--listen", "tcp://127.0.0.1:0", "--format", "nginx/combined"]
    let daemon = try DaemonProcess(sandbox, arguments)
    try sandbox.write("lines", (Sandbox.lines + Sandbox.lines).joined(separator: "\n") + "\n")
    let source = try #require((daemon.status["sources"] as? [String: Any])?.keys.first)
    let to = daemon.url(source)
    func send() throws { _ = try run(["replay", "@lines", "--to", to]) }
    try send()
    let first = try rotate("--reason", "beside")
    #expect(first["replaced"] as? Bool == true)
    try send()
    let second = try rotate()
    try send()
    // Other acts beside the daemon sign with the new key.
    let index = try #require(second["index"] as? Int)
    #expect(daemon.waitUntilDurable(index + 30))
    let ended = daemon.stop()
    #expect(ended.status == 0, "\(ended.errors)")
    #expect(try verified().count == 2)
    let again = try DaemonProcess(sandbox, arguments)
    let erased = try run(
      ["erase", "@log", "4", "--authority", "a", "--reason", "b", "--approver", "c"])
    #expect(erased.errors == "")
    let wrong = try run(["keys", "rotate", "@log", "--new-key", "@nothing"], 1)
    #expect(wrong.errors.contains("nothing"), "\(wrong.errors)")
    #expect(again.stop().status == 0)
    #expect(try verified(status: 3).count == 2)
  }

  @Test func proofsOfBothTimesAreChecked() throws {
    try sandbox.makeFilledLog()
    try sandbox.directory.write("before", sandbox.directory.read("log/checkpoint"))
    _ = try run(["prove", "@log", "3", "--output", "@old.proof"])
    let rotated = try rotate()
    _ = try run(["replay", "@lines", "--into", "@log", "--format", "nginx/combined"])
    _ = try run(["prove", "@log", "3", "--output", "@new.proof"])
    _ = try run(["prove", "@log", "--from", "@before", "--output", "@grew.proof"])
    try sandbox.write("new.vkey", (rotated["key"] as? String ?? "") + "\n")
    let all = try sandbox.stele("keys", "export", "@log")
    try sandbox.directory.write("all.vkey", all.output)
    _ = try run(["check", "@old.proof", "--key", "@log.vkey"])
    _ = try run(["check", "@new.proof", "--key", "@new.vkey"])
    for proof in ["@old.proof", "@new.proof", "@grew.proof"] {
      _ = try run(["check", proof, "--key", "@all.vkey"])
    }
    // The former key alone: it is said why, and how to get on.
    let refused = try run(["check", "@new.proof", "--key", "@log.vkey"], 2)
    #expect(refused.errors.contains("another key of this log"), "\(refused.errors)")
    #expect(refused.errors.contains("stele verify"), "\(refused.errors)")
  }
}

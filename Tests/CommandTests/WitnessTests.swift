import Foundation
import TestSupport
import Testing

/// A running `stele witness`.
final class WitnessProcess {
  let program: Program
  let key: String
  let url: String
  let name: String

  /// Starts it for logs with those keys, and waits until it listens. Port 0 lets the kernel choose.
  init(_ sandbox: Sandbox, _ name: String, logs: [String], port: UInt16 = 0) throws {
    self.name = name
    let arguments = [
      "witness", "--listen", "http://127.0.0.1:\(port)", "--state", "@\(name).state", "--key", "@\(name).key",
      "--name", "test.example/\(name)", "--rate", "1000",
    ]
    program = try Program(
      Program.stele, (arguments + logs.flatMap { ["--log", $0] }).map(sandbox.resolve))
    let isUp = program.wait(30) { $0.errors.contains("listening on ") && $0.output.contains(0x0A) }
    try #require(isUp, "\(program.errors)")
    key = String(program.text.split(separator: "\n").first ?? "")
    url = String(program.errors.split(separator: " ").first { $0.hasPrefix("http://") } ?? "")
  }

  deinit { if program.isRunning { program.signal(SIGKILL) } }

  var port: UInt16 { UInt16(url.split(separator: ":").last ?? "") ?? 0 }

  /// A line of a policy.
  var line: String { "witness \(name) \(key) \(url)\n" }

  func kill() {
    program.signal(SIGKILL)
    program.wait()
  }
}

extension Program {
  var text: String { String(decoding: output, as: UTF8.self) }
}

/// Witnesses as processes: what they hold against whoever holds a log and its keys.
@Suite struct WitnessCommandTests {
  private func key(_ sandbox: Sandbox, _ log: String) throws -> String {
    let text = String(decoding: try sandbox.directory.read("\(log).vkey"), as: UTF8.self)
    return String(text.split(separator: "\n")[0])
  }

  private func size(_ sandbox: Sandbox, _ path: String) throws -> Int {
    let text = String(decoding: try sandbox.directory.read(path), as: UTF8.self)
    return Int(text.split(separator: "\n")[1]) ?? -1
  }

  private func addLines(_ sandbox: Sandbox, _ log: String, _ text: String = "more") throws {
    try sandbox.write("added", (0..<50).map { "\(text) \($0)\n" }.joined())
    let replayed = try sandbox.stele("replay", "@added", "--into", "@\(log)", "--format", "nginx/combined")
    try #require(replayed.status == 0, "\(replayed.errors)")
  }

  @Test func aLogIsCosignedAndVerified() throws {
    let sandbox = try Sandbox()
    try sandbox.makeFilledLog()
    let witness = try WitnessProcess(sandbox, "w1", logs: [try key(sandbox, "log")])
    try sandbox.write("policy", "log \(try key(sandbox, "log"))\n\(witness.line)quorum w1\n")
    let before = try sandbox.stele("verify", "@log", "--policy", "@policy")
    #expect(before.status == 3 && before.text.contains("unwitnessed"), "\(before.text)")
    for _ in 0..<3 {
      let cosigned = try sandbox.stele("cosign", "@log", "--policy", "@policy")
      #expect(cosigned.status == 0, "\(cosigned.errors)")
      #expect(cosigned.text.hasSuffix(" entries: cosigned by test.example/w1\n"))
      let verified = try sandbox.stele("verify", "@log", "--policy", "@policy", "--json")
      let report = try #require(Sandbox.object(verified.text))
      #expect(verified.status == 0 && report["key_source"] as? String == "given", "\(verified.text)")
      let witnessed = try #require(report["witnessed"] as? [String: Any])
      #expect(witnessed["size"] as? Int == report["end"] as? Int)
      try addLines(sandbox, "log")
      // Killed between two requests, it still knows all that it signed.
    }
    let text = try sandbox.stele("verify", "@log", "--policy", "@policy").text
    #expect(text.contains("Witnessed    size ") && text.contains(" entries behind it are not yet"), "\(text)")
    // A witness that nobody trusts does not count, nor does a cosigned checkpoint that was changed.
    let stranger = try WitnessProcess(sandbox, "w2", logs: [try key(sandbox, "log")])
    try sandbox.write("others", "\(stranger.line)quorum w2\n")
    #expect(try sandbox.stele("verify", "@log", "--policy", "@others").status == 3)
    var note = try sandbox.directory.read("log/cosigned")
    let place = note.count - 20
    note[place] = note[place] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
    try FileManager.default.removeItem(atPath: sandbox.path("log/cosigned"))
    try sandbox.directory.write("log/cosigned", note)
    #expect(try sandbox.stele("verify", "@log", "--policy", "@policy").status == 3)
  }

  @Test func aWitnessThatIsKilledForgetsNothing() throws {
    let sandbox = try Sandbox()
    try sandbox.makeFilledLog()
    let log = try key(sandbox, "log")
    var witness = try WitnessProcess(sandbox, "w1", logs: [log])
    try sandbox.write("policy", "\(witness.line)quorum w1\n")
    let copy = try copyTree(sandbox, "log", "old")
    for _ in 0..<3 {
      try addLines(sandbox, "log")
      #expect(try sandbox.stele("cosign", "@log", "--policy", "@policy").status == 0)
      witness.kill()
      witness = try WitnessProcess(sandbox, "w1", logs: [log], port: witness.port)
    }
    let rolledBack = try sandbox.stele("cosign", "@\(copy)", "--policy", "@policy")
    #expect(rolledBack.status == 2 && rolledBack.errors.contains("ROLLBACK: the witness test.example/w1 has"))
  }

  @Test func aForkIsFoundWhateverItsSize() throws {
    let sandbox = try Sandbox()
    try sandbox.makeFilledLog()
    let witness = try WitnessProcess(sandbox, "w1", logs: [try key(sandbox, "log")])
    try sandbox.write("policy", "\(witness.line)quorum w1\n")
    #expect(try sandbox.stele("cosign", "@log", "--policy", "@policy").status == 0)
    let fork = try copyTree(sandbox, "log", "fork")
    try addLines(sandbox, "log")
    #expect(try sandbox.stele("cosign", "@log", "--policy", "@policy").status == 0)
    let cosigned = try sandbox.directory.read("log/cosigned")
    // Signed with the log's own key, and consistent in itself.
    try addLines(sandbox, fork, "other")
    #expect(try size(sandbox, "\(fork)/checkpoint") == size(sandbox, "log/checkpoint"))
    for _ in 0..<2 {
      let forked = try sandbox.stele("cosign", "@\(fork)", "--policy", "@policy")
      #expect(forked.status == 2 && forked.errors.contains("FORK: the witness test.example/w1 has"))
      try addLines(sandbox, fork, "other")
    }
    // What the witness signed shows it to an auditor, too.
    try sandbox.directory.write("evidence", cosigned)
    let verified = try sandbox.stele(
      "verify", "@\(fork)", "--policy", "@policy", "--checkpoint", "@evidence")
    #expect(verified.status == 2 && verified.text.contains("DAMAGE  break"), "\(verified.text)")
  }

  @Test func threeCollectorsProtectEachOther() throws {
    let sandbox = try Sandbox()
    let names = ["a", "b", "c"]
    for name in names { try sandbox.makeFilledLog(name) }
    let keys = try names.map { try key(sandbox, $0) }
    var witnesses = try names.map { name in
      try WitnessProcess(sandbox, "w-\(name)", logs: keys)
    }
    let policy = witnesses.map(\.line).joined() + "group all-three 2 w-a w-b w-c\nquorum all-three\n"
    try sandbox.write("policy", policy)
    func cosign(_ log: String) throws -> Program.Result {
      try sandbox.stele("cosign", "@\(log)", "--policy", "@policy")
    }
    for name in names {
      #expect(try cosign(name).status == 0)
      #expect(try sandbox.stele("verify", "@\(name)", "--policy", "@policy").status == 0)
    }
    let old = try copyTree(sandbox, "a", "a-old")
    try addLines(sandbox, "a")
    // One of them is down: two are enough.
    witnesses[2].kill()
    let two = try cosign("a")
    #expect(two.status == 0 && two.errors.contains("nobody accepts connections there"), "\(two.errors)")
    #expect(try sandbox.stele("verify", "@a", "--policy", "@policy").status == 0)
    // Whoever has taken over a cannot set it back: b and a's own witness have seen more.
    let back = try cosign(old)
    #expect(back.status == 2 && back.errors.contains("ROLLBACK"), "\(back.errors)")
    // Two of them down: not enough.
    witnesses[1].kill()
    try addLines(sandbox, "a")
    #expect(try cosign("a").status == 3)
    witnesses[1] = try WitnessProcess(sandbox, "w-b", logs: keys, port: witnesses[1].port)
    #expect(try cosign("a").status == 0)
  }

  @Test func theDaemonHasItsLogCosignedAndGoesOnWithout() throws {
    let sandbox = try Sandbox()
    try sandbox.makeLog()
    var witness = try WitnessProcess(sandbox, "w1", logs: [try key(sandbox, "log")])
    let port = witness.port
    try sandbox.write("policy", "\(witness.line)quorum w1\n")
    try sandbox.write(
      "stele.yaml",
      """
      log: {directory: log}
      commit: 10ms
      witnesses: {policy: policy, every: 200ms}
      sources:
        - {name: in, listen: "udp://127.0.0.1:0"}
      """)
    let daemon = try DaemonProcess(sandbox, ["--config", "@stele.yaml"])
    func witnessed() -> [String: Any] { daemon.status["witnesses"] as? [String: Any] ?? [:] }
    func size() -> Int { witnessed()["size"] as? Int ?? -1 }
    #expect(daemon.program.wait(30) { _ in size() > 0 }, "\(daemon.program.errors)")
    witness.kill()
    // The witness is down: what comes is stored, and the tail that nobody has seen is told.
    let url = daemon.url("in")
    try sandbox.write("lines", Sandbox.lines.joined(separator: "\n") + "\n")
    #expect(try sandbox.stele("replay", "@lines", "--to", url).status == 0)
    #expect(daemon.waitUntilDurable(Sandbox.lines.count))
    #expect(daemon.program.wait(30) { _ in witnessed()["tail"] as? Int ?? 0 >= Sandbox.lines.count })
    #expect(daemon.program.wait(30) { $0.errors.contains("nobody accepts connections there") })
    let before = size()
    witness = try WitnessProcess(sandbox, "w1", logs: [try key(sandbox, "log")], port: port)
    #expect(daemon.program.wait(30) { _ in size() >= before + Sandbox.lines.count })
    let stopped = daemon.stop()
    #expect(stopped.status == 0, "\(stopped.errors)")
    #expect(!stopped.errors.contains("ROLLBACK") && !stopped.errors.contains("FORK"), "\(stopped.errors)")
    let verified = try sandbox.stele("verify", "@log", "--policy", "@policy")
    #expect(verified.status == 0, "\(verified.text)")
  }

  @Test func aDaemonOnARestoredCopyRaisesTheAlarm() throws {
    let sandbox = try Sandbox()
    try sandbox.makeFilledLog()
    let witness = try WitnessProcess(sandbox, "w1", logs: [try key(sandbox, "log")])
    try sandbox.write("policy", "\(witness.line)quorum w1\n")
    let old = try copyTree(sandbox, "log", "old")
    for _ in 0..<3 { try addLines(sandbox, "log") }
    #expect(try sandbox.stele("cosign", "@log", "--policy", "@policy").status == 0)
    try sandbox.write(
      "stele.yaml",
      """
      log: {directory: \(old)}
      witnesses: {policy: policy, every: 200ms}
      sources:
        - {name: in, listen: "udp://127.0.0.1:0"}
      """)
    let daemon = try DaemonProcess(sandbox, ["--config", "@stele.yaml"])
    #expect(daemon.program.wait(30) { $0.errors.contains("critical: ROLLBACK: the witness test.example/w1") })
    let stopped = daemon.stop()
    #expect(stopped.status == 0, "\(stopped.errors)")
    let alarms = try sandbox.stele("search", "@\(old)", "--entries", "control", "--output", "raw").text
    #expect(
      alarms.contains(#"{"type":"alarm","kind":"rollback","witness":"test.example/w1","size":"#), "\(alarms)")
  }

  @Test func hostileRequestsAreBoundedAndOthersAreStillAnswered() throws {
    let sandbox = try Sandbox()
    try sandbox.makeFilledLog()
    let witness = try WitnessProcess(sandbox, "w1", logs: [try key(sandbox, "log")])
    try sandbox.write("policy", "\(witness.line)quorum w1\n")
    try sandbox.directory.write("huge", [UInt8](repeating: 0x61, count: 10 << 20))
    try sandbox.write("garbage", "old 0\n\nnot a note\n")
    let curl = try #require(Program.find("curl"), "the test needs curl")
    func post(_ file: String) throws -> String {
      try Program.run(
        curl,
        [
          "-s", "-o", sandbox.path("answer"), "-w", "%{http_code}", "--max-time", "20", "-H", "Expect:",
          "--data-binary", "@" + sandbox.path(file), witness.url + "/add-checkpoint",
        ]
      ).text
    }
    // Cut off by the server while it is sent, it may end without a status.
    #expect(["413", "000"].contains(try post("huge")))
    #expect(try post("garbage") == "400")
    let silent = try (0..<50).map { _ in try SilentConnection(witness.port) }
    #expect(try sandbox.stele("cosign", "@log", "--policy", "@policy").status == 0)
    withExtendedLifetime(silent) {}
    let status = try String(contentsOfFile: "/proc/\(witness.program.identifier)/status", encoding: .utf8)
    let peak = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
      .flatMap { $0.split(separator: " ").dropLast().last }.flatMap { Int($0) }
    #expect(try #require(peak) < 200 << 10, "\(peak ?? 0) KiB")
  }

  /// Copies a log with its key.
  private func copyTree(_ sandbox: Sandbox, _ name: String, _ copy: String) throws -> String {
    for end in ["", ".key", ".next"] {
      try FileManager.default.copyItem(atPath: sandbox.path(name + end), toPath: sandbox.path(copy + end))
    }
    return copy
  }
}

/// A connection on which nothing whole is ever said.
private final class SilentConnection {
  private let number: Int32

  init(_ port: UInt16) throws {
    number = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = unsafe inet_addr("127.0.0.1")
    let result = unsafe withUnsafePointer(to: &address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe connect(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    try #require(result == 0)
    let text = Array("POST /add-checkpoint HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nold".utf8)
    _ = unsafe send(number, text, text.count, Int32(MSG_NOSIGNAL))
  }

  deinit { close(number) }
}

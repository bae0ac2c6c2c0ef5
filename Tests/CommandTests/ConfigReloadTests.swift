import Foundation
import TestSupport
import Testing

/// `stele config reload` beside a daemon, and what changes with it.
@Suite struct ConfigReloadTests {
  private static func text(_ rest: String) -> String {
    """
    log: {directory: log}
    commit: 20ms
    sources: [{name: in, listen: 'tcp://127.0.0.1:0', format: none}]
    \(rest)

    """
  }

  private static func isAnswering(_ port: UInt16) throws -> Bool {
    let curl = try #require(Program.find("curl"), "the test needs curl")
    return try Program.run(curl, ["-s", "-f", "http://127.0.0.1:\(port)/metrics"]).status == 0
  }

  @Test func whatHasChangedIsToldOrWhyNothingHas() throws {
    let sandbox = try Sandbox()
    try sandbox.makeLog()
    let ports = [Sandbox.freePort(Int32(1)), Sandbox.freePort(Int32(1))]
    try sandbox.write("stele.yaml", Self.text("http: {listen: '127.0.0.1:\(ports[0])'}"))
    let daemon = try DaemonProcess(sandbox, ["--config", "@stele.yaml"])
    let same = try sandbox.stele("config", "reload", "@stele.yaml")
    #expect(same.status == 0 && same.text.hasSuffix("stele.yaml: nothing has changed\n"), "\(same)")
    #expect(try Self.isAnswering(ports[0]))

    try sandbox.write(
      "stele.yaml", Self.text("scrub: {every: 9d}\nhttp: {listen: '127.0.0.1:\(ports[1])', min_free: 0B}"))
    let changed = try sandbox.stele("config", "reload", "@stele.yaml")
    #expect(changed.status == 0 && changed.errors.isEmpty)
    #expect(changed.text.contains("stele.yaml is taken over\n") && changed.text.contains("  scrub.every: "))
    #expect(changed.text.contains("  http.listen: 127.0.0.1:\(ports[1]), was 127.0.0.1:\(ports[0])\n"))
    #expect(try Self.isAnswering(ports[1]) && !Self.isAnswering(ports[0]))

    // A line that is wrong, and a key that needs a restart.
    for (text, error) in [
      (Self.text("scrub: {evry: 9d}"), "stele.yaml:4:9: unknown key"),
      (
        Self.text("").replacing("directory: log", with: "directory: log, key: log.other"),
        "restart to change log.key"
      ),
    ] {
      try sandbox.write("stele.yaml", text)
      let refused = try sandbox.stele("config", "reload", "--log", "@log")
      #expect(refused.status == 1 && refused.text.isEmpty)
      #expect(refused.errors.contains(error) && refused.errors.contains("is not taken over"), "\(refused)")
      let json = try sandbox.stele("config", "reload", "--log", "@log", "--json")
      let object = try #require(Sandbox.object(json.text))
      #expect(json.status == 1 && object["accepted"] as? Bool == false)
      #expect((object["error"] as? String)?.contains(error) == true)
      #expect(try Self.isAnswering(ports[1]))
      let told = daemon.program.wait(30) { _ in
        (daemon.status["configuration"] as? [String: Any])?["accepted"] as? Bool == false
      }
      #expect(told, "\(daemon.status)")
    }
    #expect(daemon.stop().status == 0)
    let late = try sandbox.stele("config", "reload", "--log", "@log")
    #expect(late.status != 0 && late.errors.contains("no daemon answers at"), "\(late)")
  }

  /// However the file comes to say something else, all of it holds; and while it is not there, what held before does.
  @Test func aFileIsReplacedInEveryWay() throws {
    let sandbox = try Sandbox()
    try sandbox.makeLog()
    let files = FileManager.default
    let path = sandbox.path("stele.yaml")
    try sandbox.write("stele.yaml", Self.text(""))
    let daemon = try DaemonProcess(sandbox, ["--config", "@stele.yaml"])
    var days = 1
    func expectTaken(_ change: String) throws {
      let taken = try sandbox.stele("config", "reload", "--log", "@log")
      #expect(taken.status == 0 && taken.text.contains("  scrub.every: \(days)d"), "\(change): \(taken)")
      days += 1
    }
    func text() -> String { Self.text("scrub: {every: \(days)d}") }
    try sandbox.write("new", text())
    try #require(unsafe rename(sandbox.path("new"), path) == 0)
    try expectTaken("renamed")
    // As Kubernetes mounts it: stele.yaml -> ..data/stele.yaml, ..data -> a directory of each version.
    for version in ["..1", "..2"] {
      try files.createDirectory(atPath: sandbox.path(version), withIntermediateDirectories: false)
      try sandbox.write("\(version)/stele.yaml", text())
      try files.createSymbolicLink(atPath: sandbox.path("..tmp"), withDestinationPath: version)
      try #require(unsafe rename(sandbox.path("..tmp"), sandbox.path("..data")) == 0)
      if version == "..1" {
        try files.removeItem(atPath: path)
        try files.createSymbolicLink(atPath: path, withDestinationPath: "..data/stele.yaml")
      }
      try expectTaken(version)
    }
    // Seen without being asked to, too.
    try files.createDirectory(atPath: sandbox.path("..3"), withIntermediateDirectories: false)
    try sandbox.write("..3/stele.yaml", text())
    try files.createSymbolicLink(atPath: sandbox.path("..tmp"), withDestinationPath: "..3")
    try #require(unsafe rename(sandbox.path("..tmp"), sandbox.path("..data")) == 0)
    let count = daemon.program.errors.matches(of: /is taken over/).count
    #expect(daemon.program.wait(30) { $0.errors.matches(of: /is taken over/).count > count })
    days += 1

    try files.removeItem(atPath: sandbox.path("..data"))
    let gone = try sandbox.stele("config", "reload", "--log", "@log")
    #expect(gone.status == 1 && gone.errors.contains("stele.yaml: No such file"), "\(gone)")
    try sandbox.write("lines", "one\n")
    #expect(try sandbox.stele("replay", "@lines", "--to", daemon.url("in")).status == 0)
    #expect(daemon.program.wait(30) { _ in daemon.source("in")["received"] as? Int == 1 })
    try files.removeItem(atPath: path)
    try sandbox.write("stele.yaml", text())
    try expectTaken("came back")
    // Names that the file gives its paths may lead nowhere later.
    try sandbox.write("stele.yaml", Self.text("witnesses: {policy: '${STELE_TEST_NOWHERE}/policy'}"))
    let nowhere = try sandbox.stele("config", "reload", "--log", "@log")
    #expect(nowhere.status == 1 && nowhere.errors.contains("STELE_TEST_NOWHERE"), "\(nowhere)")
    #expect(daemon.stop().status == 0, "\(daemon.program.errors)")
  }

  /// A hundred changes in a row, with a signal for each: the last one holds, and nothing in between is half taken.
  @Test func aStormOfChangesEndsInTheLast() throws {
    let sandbox = try Sandbox()
    try sandbox.makeLog()
    try sandbox.write("stele.yaml", Self.text(""))
    let daemon = try DaemonProcess(sandbox, ["--config", "@stele.yaml"])
    let port = Sandbox.freePort(Int32(1))
    for number in 1...100 {
      let extra = "  - {name: extra, listen: 'tcp://127.0.0.1:\(port)', format: none}\n"
      let text = Self.text("scrub: {every: \(number)d}")
      try sandbox.write(
        "new",
        number % 2 == 0
          ? text
          : text.replacing("sources: [{", with: "sources:\n  - {")
            .replacing("format: none}]\n", with: "format: none}\n" + extra))
      try #require(unsafe rename(sandbox.path("new"), sandbox.path("stele.yaml")) == 0)
      daemon.program.signal(SIGHUP)
    }
    let last = try sandbox.stele("config", "reload", "--log", "@log")
    #expect(last.status == 0, "\(last)")
    let same = try sandbox.stele("config", "reload", "--log", "@log")
    #expect(same.status == 0 && same.text.hasSuffix("nothing has changed\n"), "\(same)")
    try sandbox.write("lines", "one\ntwo\n")
    #expect(try sandbox.stele("replay", "@lines", "--to", daemon.url("in")).status == 0)
    #expect(daemon.program.wait(30) { _ in daemon.source("in")["received"] as? Int == 2 })
    #expect(Set((daemon.status["sources"] as? [String: Any] ?? [:]).keys) == ["in"])
    #expect(daemon.stop().status == 0)
    #expect(!daemon.program.errors.contains("is not taken over"), "\(daemon.program.errors)")
    let verified = try sandbox.stele("verify", "@log", "--key", "@log.vkey")
    #expect(verified.status == 0, "\(verified.text)")
  }

  @Test func aChangedPolicyIsNoticed() throws {
    let sandbox = try Sandbox()
    try sandbox.makeLog()
    let key = String(decoding: try sandbox.directory.read("log.vkey"), as: UTF8.self)
    let log = String(key.split(separator: "\n")[0])
    let first = try WitnessProcess(sandbox, "w1", logs: [log])
    let second = try WitnessProcess(sandbox, "w2", logs: [log])
    try sandbox.write("policy", "log \(log)\n\(first.line)quorum w1\n")
    try sandbox.write("stele.yaml", Self.text("witnesses: {policy: policy, every: 100ms}"))
    let daemon = try DaemonProcess(sandbox, ["--config", "@stele.yaml"])
    try sandbox.write("policy", "log \(log)\nnonsense\n")
    let refused = try sandbox.stele("config", "reload", "@stele.yaml")
    #expect(refused.status == 1 && refused.errors.contains("policy"), "\(refused)")
    try sandbox.write("policy", "log \(log)\n\(second.line)quorum w2\n")
    let taken = try sandbox.stele("config", "reload", "@stele.yaml")
    #expect(taken.status == 0, "\(taken)")
    #expect(taken.text.contains("the witnesses are now those that it names"))
    try sandbox.write("lines", "one\n")
    #expect(try sandbox.stele("replay", "@lines", "--to", daemon.url("in")).status == 0)
    let isCosigned = daemon.program.wait(30) { _ in
      (try? sandbox.stele("verify", "@log", "--policy", "@policy").status) == 0
    }
    #expect(isCosigned)
    #expect(daemon.stop().status == 0)
  }
}

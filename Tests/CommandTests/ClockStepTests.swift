import Foundation
import TestSupport
import Testing

/// A clock that is set while the daemon runs.
@Suite(.enabled(if: FaultShim.isThere, "install a C compiler")) struct ClockStepTests {
  private let sandbox: Sandbox
  private let shim: FaultShim

  init() throws {
    sandbox = try Sandbox()
    shim = try FaultShim(sandbox.path("shim"))
    try sandbox.makeLog()
    try sandbox.write("lines", Sandbox.lines.joined(separator: "\n") + "\n")
    try configure(age: "400d")
  }

  private func configure(age: String) throws {
    try sandbox.write(
      "stele.yaml",
      """
      log: {directory: log}
      commit: 20ms
      segment: {age: 1h}
      retention: {age: \(age)}
      sources:
        - {name: stream, listen: 'tcp://127.0.0.1:0', format: nginx/combined}
        - {name: datagrams, listen: 'udp://127.0.0.1:0', format: nginx/combined}

      """)
  }

  private func start() throws -> DaemonProcess {
    try DaemonProcess(sandbox, ["--config", "@stele.yaml"], environment: shim.environment)
  }

  private func received(_ daemon: DaemonProcess, _ source: String) -> Int {
    daemon.source(source)["received"] as? Int ?? 0
  }

  private func send(_ daemon: DaemonProcess) throws {
    let counts = ["stream", "datagrams"].map { received(daemon, $0) }
    for (source, count) in zip(["stream", "datagrams"], counts) {
      let sent = try sandbox.stele("replay", "@lines", "--to", daemon.url(source))
      #expect(sent.status == 0, "\(sent.errors)")
      #expect(daemon.program.wait(30) { _ in received(daemon, source) == count + 20 })
    }
  }

  /// Waits until the daemon has said so many times that the clock was set.
  private func waitForSteps(_ daemon: DaemonProcess, _ count: Int) -> Bool {
    daemon.program.wait(30) {
      $0.errors.split(separator: "\n").count { $0.contains("clock was set") } == count
    }
  }

  private func control(_ type: String) throws -> [[String: Any]] {
    try sandbox.stele("search", "@log", "--entries", "control", "--output", "raw").text.split(separator: "\n")
      .compactMap { Sandbox.object($0) }.filter { $0["type"] as? String == type }
  }

  private var segments: Int {
    get throws {
      try FileManager.default.contentsOfDirectory(atPath: sandbox.path("log"))
        .count { $0.hasSuffix(".segment") }
    }
  }

  /// Wherever the clock goes, messages are stored in their order, checkpoints and proofs go on, and searches by time
  /// find what came under each.
  @Test func theLogGoesOnWhereverTheClockGoes() throws {
    let now = Int64(Date().timeIntervalSince1970)
    // An hour forward and back, to 1970, to 2100, and right again.
    let steps = [3600, -3600, 86_400 - now, 4_102_444_800 - now, 0]
    let before = try segments
    let daemon = try start()
    try send(daemon)
    for (place, step) in steps.enumerated() {
      try shim.setClock(step)
      #expect(waitForSteps(daemon, place + 1), "\(daemon.program.errors)")
      try send(daemon)
    }
    let count = 40 * (steps.count + 1)
    #expect(daemon.waitUntilDurable(count + steps.count))
    let ended = daemon.stop()
    #expect(ended.status == 0, "\(ended.errors)")
    let verified = try sandbox.stele("verify", "@log", "--key", "@log.vkey")
    #expect(verified.status == 0, "\(verified.text)")
    let found = try control("clock_step").compactMap { $0["seconds"] as? Double }
    let expected = zip(steps, [0] + steps).map { Double($0 - $1) }
    #expect(found.count == steps.count)
    #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 1 }, "\(found) \(expected)")
    // The segment's age is the time that has passed: the one segment of all this.
    #expect(try segments == before + 1)
    let years = [
      ("1970-01-01", "1971-01-01", 40), ("2099-12-01", "2101-01-01", 40), ("1970-01-01", "2101-01-01", count),
    ]
    for (since, until, count) in years {
      let lines = try sandbox.stele(
        "search", "@log", "recv_time >= \(since) and recv_time < \(until)", "--output", "raw")
      #expect(lines.text.split(separator: "\n").count == count, "\(since): \(lines.errors)")
    }
    let all = try sandbox.stele("search", "@log", "--output", "raw").text.split(separator: "\n")
    #expect(all.map(String.init) == (0..<count / 20).flatMap { _ in Sandbox.lines })
  }

  /// What retention keeps is kept when the clock is set forward by mistake; what is written then is not kept for ever.
  @Test func aStepForwardRemovesNothing() throws {
    let before = try segments
    let first = try start()
    try send(first)
    #expect(first.stop().status == 0)
    let daemon = try start()
    // Under a clock that is 80 years ahead a policy is looked at as it changes.
    try shim.setClock(80 * 365 * 86_400)
    #expect(waitForSteps(daemon, 1), "\(daemon.program.errors)")
    try configure(age: "300d")
    daemon.program.signal(SIGHUP)
    #expect(
      daemon.program.wait(30) { $0.errors.contains("ahead of the time that was known") },
      "\(daemon.program.errors)")
    try send(daemon)
    #expect(daemon.stop().status == 0)
    #expect(try control("retention").isEmpty)
    #expect(try segments == before + 2)
    // A command goes by a date, and by an age only where the clock may be right.
    func prune(_ before: String) throws -> Program.Result {
      try Program.run(
        Program.stele, ["prune", "@log", "--before", before].map(sandbox.resolve),
        environment: shim.environment)
    }
    let refused = try prune("300d")
    #expect(refused.status != 0 && refused.errors.contains("say the date: --before 210"), "\(refused)")
    let dated = try prune("2020-01-01")
    #expect(dated.status == 0 && dated.text.contains("nothing is old enough"), "\(dated)")
    #expect(try segments == before + 2)
    // And so it is when the daemon begins under that clock.
    let again = try start()
    #expect(again.program.wait(30) { $0.errors.contains("ahead of the time that was known") })
    #expect(again.stop().status == 0)
    #expect(try segments == before + 3)
    try shim.setClock(0)
    #expect(try prune("300d").status == 0)
  }

  /// A daemon that comes back to a log that was quiet for days knows from the one before that they have passed.
  @Test func aQuietLogIsNoClockThatWasSet() throws {
    // Without a policy nothing is kept of the clock.
    try sandbox.write("plain.yaml", try plain())
    try shim.setClock(-3 * 86_400)
    let first = try DaemonProcess(sandbox, ["--config", "@plain.yaml"], environment: shim.environment)
    try send(first)
    #expect(first.stop().status == 0)
    // A clock of which nobody says that it is right.
    let isKnown = try sandbox.stele("prune", "@log", "--before", "1d", "--dry-run").status == 0
    var now = timespec()
    #expect(unsafe clock_gettime(CLOCK_BOOTTIME, &now) == 0)
    let offset = Int64(Date().timeIntervalSince1970) - Int64(now.tv_sec)
    try sandbox.write("log.clock", "\(offset)000000000\n")
    #expect(try sandbox.stele("prune", "@log", "--before", "1d", "--dry-run").status == 0)
    try sandbox.write("log.clock", "nonsense\n")
    #expect(try (sandbox.stele("prune", "@log", "--before", "1d", "--dry-run").status == 0) == isKnown)
    try sandbox.write("log.clock", "\(offset)000000000\n")
    try shim.setClock(0)
    let second = try start()
    #expect(second.waitUntilDurable(44), "\(second.program.errors)")
    try configure(age: "300d")
    second.program.signal(SIGHUP)
    #expect(second.program.wait(30) { $0.errors.contains("is taken over") })
    #expect(second.stop().status == 0)
    #expect(!second.program.errors.contains("ahead of the time"), "\(second.program.errors)")
    // A daemon with a policy keeps it itself.
    let kept = String(decoding: try sandbox.directory.read("log.clock"), as: UTF8.self)
    #expect(abs((Int64(kept.dropLast()) ?? 0) / 1_000_000_000 - offset) <= 2, "\(kept)")
  }

  private func plain() throws -> String {
    String(decoding: try sandbox.directory.read("stele.yaml"), as: UTF8.self)
      .replacing("retention: {age: 400d}\n", with: "")
  }
}

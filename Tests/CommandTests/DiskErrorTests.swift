import Foundation
import TestSupport
import Testing

/// A disk that fails under a running daemon, one system call at a time.
@Suite(.enabled(if: FaultShim.isThere, "install a C compiler")) struct DiskErrorTests {
  struct Fault: CustomTestStringConvertible {
    var call: FaultShim.Call
    /// The end of the file's path.
    var file: String
    var error = EIO
    var times: Int32 = 1
    /// What the daemon says of it.
    var says: String

    var testDescription: String { "\(call) of \(file), errno \(error)" }
  }

  static let faults = [
    Fault(call: .fdatasync, file: ".open", says: "cannot sync"),
    Fault(call: .pwrite, file: ".open", says: "cannot write"),
    Fault(call: .pwrite, file: ".open", error: ENOSPC, says: "No space left"),
    // Blocks are read back before a checkpoint is signed over them.
    Fault(call: .pread, file: ".open", says: "cannot read"),
    Fault(call: .renameat, file: "checkpoint", says: "cannot rename"),
    Fault(call: .pwrite, file: "log.next", error: ENOSPC, says: "log.next"),
    Fault(call: .fdatasync, file: "log.next", says: "log.next"),
    // The next segment begins, and the one before is sealed.
    Fault(call: .openat, file: ".open", error: EROFS, says: "Read-only file system"),
    Fault(call: .fsync, file: ".open", says: "cannot sync"),
    Fault(call: .renameat, file: ".segment", says: "cannot rename"),
  ]

  private let sandbox: Sandbox
  private let shim: FaultShim

  init() throws {
    sandbox = try Sandbox()
    shim = try FaultShim(sandbox.path("shim"))
    try sandbox.makeLog()
    let lines = (0..<2000).map { Sandbox.lines[$0 % 20].replacing("/item/", with: "/\($0)/") }
    try sandbox.write("lines", lines.joined(separator: "\n") + "\n")
    try sandbox.write(
      "stele.yaml",
      """
      log: {directory: log}
      commit: 20ms
      segment: {age: 2s}
      sources:
        - {name: stream, listen: 'tcp://127.0.0.1:0', format: nginx/combined}
        - {name: datagrams, listen: 'udp://127.0.0.1:0', format: nginx/combined}

      """)
  }

  private func send(_ daemon: DaemonProcess, _ source: String) throws {
    _ = try sandbox.stele("replay", "@lines", "--to", daemon.url(source))
  }

  private func expectWhole(atLeast count: Int) throws {
    let verified = try sandbox.stele("verify", "@log", "--key", "@log.vkey")
    #expect(verified.status == 0, "\(verified.text)")
    let found = try sandbox.stele("search", "@log", "--output", "raw", "--entries", "all")
    #expect(found.text.split(separator: "\n").count >= count)
  }

  /// It says what failed and ends so that it is started again; it does not touch the file any more, and what it
  /// said was durable is there.
  @Test(arguments: faults) func theDaemonEndsAndTheNextGoesOn(_ fault: Fault) throws {
    let daemon = try DaemonProcess(
      sandbox, ["--config", "@stele.yaml"], environment: shim.environment)
    try send(daemon, "stream")
    #expect(daemon.waitUntilDurable(2000), "\(daemon.program.errors)")
    try shim.fail(fault.call, of: fault.file, with: fault.error, times: fault.times)
    let deadline = Date().addingTimeInterval(30)
    while daemon.program.isRunning, Date() < deadline {
      try send(daemon, "datagrams")
      try send(daemon, "stream")
    }
    let ended = daemon.program.wait()
    #expect(shim.failed == 1)
    #expect(shim.retries == 0, "written or synced again after it had failed")
    #expect(ended.status == 74 && ended.errors.contains(fault.says), "\(ended.status) \(ended.errors)")
    #expect(ended.errors.contains("nothing from entry"), "\(ended.errors)")
    let durable = try #require(daemon.status["durable"] as? Int)
    try expectWhole(atLeast: durable)
    let next = try DaemonProcess(sandbox, ["--config", "@stele.yaml"])
    try send(next, "stream")
    #expect(next.waitUntilDurable(durable + 2000))
    #expect(next.stop().status == 0)
    try expectWhole(atLeast: durable + 2000)
  }

  /// Over sockets that the service manager holds, from streams that hear the end, and from a file: what was sent is
  /// stored, or a loss says how much is not.
  @Test(arguments: faults) func sentIsStoredPlusAccounted(_ fault: Fault) throws {
    try shim.fail(fault.call, of: fault.file, with: fault.error, skip: 3, times: 1)
    let run = try InterruptedRun(sandbox, environment: shim.environment)
    #expect(run.first == 74 && run.second == 0, "\(run.errors)")
    try expectWhole(atLeast: 0)
    for (source, count) in run.sent {
      let account = try run.account(of: source)
      #expect(account.stored + account.lost == count, "\(source): \(run.errors)")
      #expect(account.received == account.stored, "\(source)")
      #expect(account.hasNoneTwice)
      if source == "file" { #expect(account.lost == 0) }
    }
    #expect(!FileManager.default.fileExists(atPath: sandbox.path("log.unstored")))
  }

  /// What the unit does not start again is not what a failing disk ends with.
  @Test func theServiceIsStartedAgain() throws {
    let unit = String(
      decoding: try Data(contentsOf: URL(fileURLWithPath: "\(Sandbox.root)/Packaging/stele.service")),
      as: UTF8.self)
    let lines = unit.split(separator: "\n")
    #expect(lines.contains("Restart=on-failure"))
    #expect(lines.contains("StartLimitIntervalSec=0"))
    #expect(!lines.contains { $0.hasPrefix("RestartPreventExitStatus=") && $0.contains("74") })
  }
}

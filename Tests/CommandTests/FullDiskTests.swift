import Foundation
import TestSupport
import Testing

/// A daemon whose log is on a small file system of its own that somebody fills up.
@Suite(.enabled(if: geteuid() == 0, "mounting a file system needs root"))
struct FullDiskTests {
  private let sandbox: Sandbox
  private let disk: SmallDisk

  init() throws {
    sandbox = try Sandbox()
    disk = try SmallDisk(sandbox.path("disk"), megabytes: 64)
    try sandbox.makeLog("disk/log")
    let lines = (0..<2000).map { Sandbox.lines[$0 % 20].replacing("/item/", with: "/\($0)/") }
    try sandbox.write("lines", lines.joined(separator: "\n") + "\n")
    // A sealed segment that can be removed.
    let replayed = try sandbox.stele("replay", "@lines", "--into", "@disk/log", "--format", "nginx/combined")
    try #require(replayed.status == 0, "\(replayed.errors)")
    try sandbox.write(
      "stele.yaml",
      """
      log: {directory: disk/log, reserve: 8MiB}
      commit: 20ms
      sources:
        - {name: stream, listen: 'tcp://127.0.0.1:0', format: nginx/combined}
        - {name: datagrams, listen: 'udp://127.0.0.1:0', format: nginx/combined, receive_buffer: 64KiB}

      """)
  }

  private func start() throws -> DaemonProcess {
    try DaemonProcess(sandbox, ["--config", "@stele.yaml"])
  }

  private func send(_ daemon: DaemonProcess, _ source: String) throws {
    let sent = try sandbox.stele("replay", "@lines", "--to", daemon.url(source))
    #expect(sent.status == 0, "\(sent.errors)")
  }

  private func durable(_ daemon: DaemonProcess) -> Int { daemon.status["durable"] as? Int ?? 0 }

  /// Fills the disk, and waits until the daemon has noticed.
  private func fill(_ daemon: DaemonProcess) throws {
    try disk.fill(leaving: 4)
    #expect(daemon.program.wait(30) { "\($0.errors)".contains("disk full") }, "\(daemon.program.errors)")
  }

  /// Waits until the daemon has taken so many messages from the socket.
  private func waitUntilReceived(_ daemon: DaemonProcess, _ source: String, _ count: Int) -> Bool {
    daemon.program.wait(30) { _ in
      let counts = daemon.source(source)
      return (counts["received"] as? Int ?? 0) + (counts["lost"] as? Int ?? 0) >= count
    }
  }

  private func expectWhole(_ received: Int) throws {
    let verified = try sandbox.stele("verify", "@disk/log", "--key", "@disk/log.vkey")
    #expect(verified.status == 0, "\(verified.text)")
    let found = try sandbox.stele("search", "@disk/log", "--output", "raw").text.split(separator: "\n")
    #expect(found.count == received)
  }

  @Test func itWaitsForRoomAndGoesOnByItself() throws {
    let daemon = try start()
    try send(daemon, "stream")
    #expect(daemon.waitUntilDurable(4000), "\(daemon.program.errors)")
    try fill(daemon)
    try send(daemon, "datagrams")
    // Workers that were waiting for messages take one run each; the rest stays where it is.
    let times = ProcessInfo.processInfo.activeProcessorCount + 3
    for time in 1...times {
      try send(daemon, "stream")
      #expect(waitUntilReceived(daemon, "stream", 2000 + 2000 * time))
    }
    let sent = 2000 + 2000 * times
    #expect(durable(daemon) < 2000 + sent)
    disk.empty()
    #expect(daemon.program.wait(30) { "\($0.errors)".contains("there is room") }, "\(daemon.program.errors)")
    try send(daemon, "stream")
    #expect(waitUntilReceived(daemon, "stream", sent + 2000) && waitUntilReceived(daemon, "datagrams", 2000))
    let ended = daemon.stop()
    #expect(ended.status == 0, "\(ended.errors)")
    let datagrams = try #require(daemon.source("datagrams")["received"] as? Int)
    #expect(datagrams + (daemon.source("datagrams")["lost"] as? Int ?? 0) == 2000)
    try expectWhole(2000 + sent + 2000 + datagrams)
    let records = try sandbox.stele("search", "@disk/log", "--entries", "control", "--output", "raw").text
    #expect(records.contains(#""type":"disk_full","from""#), "\(records)")
  }

  /// The reserve can change while the daemon runs: too large a one stops the writing, and a smaller one lets it go on.
  @Test func theReserveCanChange() throws {
    let daemon = try start()
    let text = String(decoding: try sandbox.directory.read("stele.yaml"), as: UTF8.self)
    func reload(_ size: String) throws {
      try sandbox.write("stele.yaml", text.replacing("reserve: 8MiB", with: "reserve: \(size)"))
      let reloaded = try sandbox.stele("config", "reload", "@stele.yaml")
      #expect(reloaded.status == 0 && reloaded.text.contains("log.reserve: \(size)"), "\(reloaded)")
    }
    func blocks() throws -> Int {
      let text = try Program.run("/usr/bin/stat", ["-c", "%b", sandbox.path("disk/log/reserve")]).text
      return (Int(text.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0) * 512
    }
    #expect(daemon.program.wait(30) { _ in (try? blocks()) == 8 << 20 })
    try reload("4MiB")
    #expect(daemon.program.wait(30) { _ in (try? blocks()) == 4 << 20 })
    try reload("1GiB")
    #expect(daemon.program.wait(30) { $0.errors.contains("less than the reserve of 1024 MiB") })
    try reload("2MiB")
    #expect(daemon.program.wait(30) { $0.errors.contains("there is room") }, "\(daemon.program.errors)")
    #expect(daemon.program.wait(30) { _ in (try? blocks()) == 2 << 20 })
    try send(daemon, "stream")
    #expect(daemon.waitUntilDurable(4000), "\(daemon.program.errors)")
    #expect(daemon.stop().status == 0)
    try expectWhole(4000)
  }

  @Test func segmentsCanBeRemovedAndTheDaemonStoppedWhileTheDiskIsFull() throws {
    let daemon = try start()
    try fill(daemon)
    try send(daemon, "stream")
    #expect(waitUntilReceived(daemon, "stream", 2000))
    let pruned = try sandbox.stele("prune", "@disk/log", "--keep", "1KiB")
    #expect(pruned.status == 0, "\(pruned.errors)")
    let ended = daemon.stop()
    #expect(ended.status == 0, "\(ended.errors)")
    disk.empty()
    try expectWhole(2000)
  }

  @Test func aLogCanBeOpenedAndPrunedOnAFullDisk() throws {
    let daemon = try start()
    try send(daemon, "stream")
    #expect(daemon.waitUntilDurable(4000))
    daemon.program.signal(SIGKILL)
    daemon.program.wait()
    try disk.fill(leaving: 0)
    // The reserve of the daemon that was killed is there to be used.
    let pruned = try sandbox.stele("prune", "@disk/log", "--keep", "1KiB")
    #expect(pruned.status == 0, "\(pruned.errors)")
    disk.empty()
    #expect(try sandbox.stele("seal", "@disk/log").status == 0)
    let verified = try sandbox.stele("verify", "@disk/log", "--key", "@disk/log.vkey")
    #expect(verified.status == 0, "\(verified.text)")
  }
}

/// A file system in memory, unmounted when it is let go.
private final class SmallDisk {
  private let path: String

  init(_ path: String, megabytes: Int) throws {
    self.path = path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    let mounted = try Program.run(
      "/bin/mount", ["-t", "tmpfs", "-o", "size=\(megabytes)m", "tmpfs", path])
    try #require(mounted.status == 0, "\(mounted.errors)")
  }

  deinit { _ = try? Program.run("/bin/umount", ["-l", path]) }

  /// Fills it up but for so many MiB.
  func fill(leaving megabytes: Int) throws {
    var status = statvfs()
    try #require(unsafe statvfs(path, &status) == 0)
    let count = Int(status.f_bavail) * Int(status.f_frsize) - megabytes << 20
    #expect(FileManager.default.createFile(atPath: path + "/ballast", contents: Data(count: count)))
  }

  func empty() { try? FileManager.default.removeItem(atPath: path + "/ballast") }
}

@Suite struct RemovedLogTests {
  /// A daemon whose files somebody removes does not go on as if it stored anything.
  @Test(arguments: ["log", "segment"]) func theDaemonEndsAndSaysWhy(_ what: String) throws {
    let sandbox = try Sandbox()
    try sandbox.makeLog()
    try sandbox.write("lines", Sandbox.lines.joined(separator: "\n") + "\n")
    let daemon = try DaemonProcess(sandbox, ["--log", "@log", "--listen", "tcp://127.0.0.1:0"])
    #expect(daemon.waitUntilDurable(3))
    for name in try FileManager.default.contentsOfDirectory(atPath: sandbox.path("log"))
    where what == "log" || name.hasSuffix(".open") {
      try FileManager.default.removeItem(atPath: sandbox.path("log/\(name)"))
    }
    if what == "log" { try FileManager.default.removeItem(atPath: sandbox.path("log")) }
    _ = try sandbox.stele("replay", "@lines", "--to", daemon.url("tcp-0"))
    let ended = daemon.program.wait()
    #expect(ended.status == 74)
    #expect(ended.errors.contains("somebody removed this file"), "\(ended.errors)")
  }
}

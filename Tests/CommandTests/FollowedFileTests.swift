import Foundation
import TestSupport
import Testing

/// Files that are followed while the log's keys and segments change, and where the kernel does not tell of changes.
@Suite struct FollowedFileTests {
  private let sandbox: Sandbox

  init() throws {
    sandbox = try Sandbox()
    try sandbox.makeLog()
    try FileManager.default.createDirectory(atPath: sandbox.path("files"), withIntermediateDirectories: false)
    try sandbox.write(
      "stele.yaml",
      """
      log: {directory: \(sandbox.path("log"))}
      commit: 20ms
      sources:
        - {name: files, file: \(sandbox.path("files/access.log")), format: none}

      """)
  }

  private func start(under: [String] = []) throws -> DaemonProcess {
    try DaemonProcess(sandbox, ["--config", "@stele.yaml"], under: under)
  }

  private func append(_ numbers: Range<Int>, to directory: String = "files") throws {
    let path = sandbox.path("\(directory)/access.log")
    if !FileManager.default.fileExists(atPath: path) { try Data().write(to: URL(fileURLWithPath: path)) }
    let file = try #require(FileHandle(forWritingAtPath: path))
    try file.seekToEnd()
    try file.write(contentsOf: Data(numbers.map { "line \($0)\n" }.joined().utf8))
    try file.close()
  }

  private func rename(_ directory: String = "files") throws {
    let path = sandbox.path("\(directory)/access.log")
    try FileManager.default.moveItem(atPath: path, toPath: path + ".1")
  }

  private func received(_ daemon: DaemonProcess) -> Int { daemon.source("files")["received"] as? Int ?? 0 }

  /// Waits until a daemon has stored so many lines since its start.
  private func wait(_ count: Int, _ daemon: DaemonProcess) {
    let isThere = daemon.program.wait(30) { _ in received(daemon) >= count }
    #expect(isThere, "\(received(daemon)) of \(count) lines: \(daemon.program.errors)")
  }

  private var stored: [String] {
    get throws {
      try sandbox.stele("search", "@log", "--output", "raw").text.split(separator: "\n").map(String.init)
    }
  }

  /// New keys, and segments that are removed with all that they say of files.
  @Test func keysAndSegmentsGoWithoutTheFilesPositions() throws {
    func act(_ arguments: String...) throws {
      let done = try Program.run(Program.stele, arguments.map(sandbox.resolve))
      #expect(done.status == 0, "\(arguments): \(done.errors)\(done.text)")
    }
    let first = try start()
    try append(0..<50)
    wait(50, first)
    try act("keys", "rotate", "@log")
    try append(50..<100)
    try rename()
    try append(100..<150)
    wait(150, first)
    try act("keys", "rotate", "@log")
    try act("prune", "@log", "--keep", "1B")
    try append(150..<160)
    wait(160, first)
    #expect(first.waitUntilDurable(160))
    first.program.signal(SIGKILL)
    _ = first.program.wait()
    try append(160..<200)
    let second = try start()
    wait(40, second)
    try act("keys", "rotate", "@log")
    try act("prune", "@log", "--keep", "1B")
    #expect(second.stop().status == 0)
    #expect(received(second) == 40)
    // Nothing of the file is in the log any more but how far it was read.
    let remaining = try stored
    #expect(!remaining.contains("line 0") && Set(remaining).count == remaining.count, "\(remaining)")
    try append(200..<220)
    let third = try start()
    wait(20, third)
    #expect(third.stop().status == 0)
    #expect(received(third) == 20)
    #expect(try stored.suffix(20) == (200..<220).map { "line \($0)" })
    try act("verify", "@log", "--key", "@log.vkey")
  }

  /// Runs what follows behind some commands, as the superuser of namespaces of its own.
  private static func inside(_ commands: String) -> [String] {
    ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", commands + #" && exec "$0" "$@""#]
  }

  private static func works(_ commands: String) -> Bool {
    (try? Program.run("/usr/bin/env", inside(commands) + ["true"]))?.status == 0
  }

  /// Where the kernel's limit of watches, or of those who watch, is reached.
  @Test(
    .enabled(if: works("echo 0 >/proc/sys/user/max_inotify_watches"), "no user namespaces here"),
    arguments: ["watches", "instances"])
  func withoutWatchesFilesAreLookedAt(_ limit: String) throws {
    try append(0..<10)
    let daemon = try start(
      under: ["/usr/bin/env"] + Self.inside("echo 0 >/proc/sys/user/max_inotify_\(limit)"))
    wait(10, daemon)
    try append(10..<20)
    wait(20, daemon)
    try append(20..<30)
    try rename()
    try append(30..<40)
    wait(40, daemon)
    let said = daemon.program.errors.split(separator: "\n").filter { $0.contains("once a second") }
    #expect(said.count == 1, "\(said)")
    let text = "\(sandbox.path("files")) is only looked at once a second: fs.inotify.max_user_\(limit)"
    #expect(said.first?.contains(text) == true, "\(said)")
    #expect(said.first?.contains("raise it with sysctl") == true, "\(said)")
    #expect(daemon.stop().status == 0)
    #expect(try stored == (0..<40).map { "line \($0)" })
  }

  /// On a file system that others change below it: nothing tells of that, as on one of another host.
  @Test(
    .enabled(
      if: works("mount -t tmpfs x /mnt && cd /mnt && mkdir a b c && mount -t overlay x -o lowerdir=a:b c"),
      "no overlay file systems in user namespaces here"))
  func whatIsWrittenBelowTheFileSystemIsFollowed() throws {
    for name in ["below", "empty"] {
      try FileManager.default.createDirectory(atPath: sandbox.path(name), withIntermediateDirectories: false)
    }
    try append(0..<10, to: "below")
    let layers = "lowerdir=\(sandbox.path("below")):\(sandbox.path("empty"))"
    let daemon = try start(
      under: ["/usr/bin/env"] + Self.inside("mount -t overlay x -o \(layers) \(sandbox.path("files"))"))
    wait(10, daemon)
    for step in 1..<4 {
      try append(step * 10..<step * 10 + 10, to: "below")
      wait(step * 10 + 10, daemon)
    }
    #expect(daemon.stop().status == 0)
    #expect(try stored == (0..<40).map { "line \($0)" })
  }
}

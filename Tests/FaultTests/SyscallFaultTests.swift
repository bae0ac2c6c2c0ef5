import TestSupport
import Testing

/// The built program under strace: each write, sync and rename of a replay fails once, in turn, with ENOSPC
/// and with EIO, or is the last thing that the process does. Afterwards the log is intact, nothing that was
/// signed is missing, and the same replay, run again, completes it.
@Suite(.serialized, .enabled(if: Program.find("strace") != nil, "install strace"))
struct SyscallFaultTests {
  private static let lines = (0..<40).map {
    "203.0.113.\($0) - - [23/Nov/2026:08:00:\(10 + $0) +0000] \"GET /item/\($0) HTTP/1.1\" 200 \($0 * 7) \"-\" \"curl/8.5\""
  }

  private let directory: TemporaryDirectory
  private let strace: String

  init() throws {
    directory = try TemporaryDirectory()
    strace = try #require(Program.find("strace"))
    try directory.write("lines", Array((Self.lines.joined(separator: "\n") + "\n").utf8))
    let made = try Program.run(
      Program.stele, ["init", directory.file("base"), "--origin", "test.example/faults"])
    try #require(made.status == 0, "\(made.errors)")
    // The second start has a segment before it.
    try #require(try replay("base").status == 0)
  }

  private func replay(_ log: String, under injection: [String] = []) throws -> Program.Result {
    let arguments = [
      "replay", directory.file("lines"), "--into", directory.file(log), "--key-file",
      directory.file("base.key"),
      "--format", "nginx/combined",
    ]
    if injection.isEmpty { return try Program.run(Program.stele, arguments) }
    return try Program.run(
      strace, ["-f", "-qq", "-o", "/dev/null"] + injection + [Program.stele] + arguments,
      environment: ["SWIFT_BACKTRACE": "enable=no"])
  }

  private func lineCount(_ log: String) throws -> Int {
    let found = try Program.run(Program.stele, ["search", directory.file(log), "--output", "raw"])
    try #require(found.status == 0, "\(found.errors)")
    let expected = Self.lines.joined(separator: "\n") + "\n"
    let text = found.text
    #expect(
      text == String(repeating: expected, count: text.utf8.count / expected.utf8.count)
        + expected.prefix(text.utf8.count % expected.utf8.count))
    return text.split(separator: "\n").count
  }

  /// Runs the replay with every occurrence of `call` made to fail, until one run is not hit any more.
  private func failEach(_ call: String, _ fault: String) throws {
    var hits = 0
    for occurrence in 1...200 {
      try directory.copy("base", to: "log")
      try directory.copy("base.next", to: "log.next")
      let run = try replay(
        "log", under: ["-e", "trace=\(call)", "-e", "inject=\(call):\(fault):when=\(occurrence)"])
      let place = "\(call) \(fault) at \(occurrence)"
      if run.status == 0 {
        // Not reached, or of a file that is only a cache.
        if try lineCount("log") == 80 { if occurrence > 3 { break } else { continue } }
        Issue.record("\(place): the replay says that it is complete, and is not")
        return
      }
      hits += 1
      if fault.hasPrefix("error") { #expect(run.status == 74, "\(place): \(run.errors)") }
      let crashed = try Program.run(Program.stele, ["verify", directory.file("log")])
      #expect(crashed.status == 0, "\(place), before recovery: \(crashed.text)\(crashed.errors)")
      let kept = try lineCount("log")
      #expect(kept >= 40 && kept <= 80, "\(place)")
      let again = try replay("log")
      #expect(again.status == 0, "\(place), again: \(again.errors)")
      #expect(try lineCount("log") == kept + 40, "\(place)")
      let verified = try Program.run(Program.stele, ["verify", directory.file("log")])
      #expect(verified.status == 0, "\(place), after recovery: \(verified.text)\(verified.errors)")
    }
    #expect(hits > 0, "\(call) was never hit")
  }

  @Test(arguments: ["pwrite64", "fdatasync", "fsync", "renameat", "openat"])
  func noSpaceAtEach(_ call: String) throws { try failEach(call, "error=ENOSPC") }

  @Test(arguments: ["pwrite64", "fdatasync", "fsync", "renameat"])
  func inputOutputErrorAtEach(_ call: String) throws { try failEach(call, "error=EIO") }

  @Test(arguments: ["pwrite64", "fdatasync", "fsync", "renameat"])
  func killedAtEach(_ call: String) throws { try failEach(call, "signal=KILL") }

  /// A writer that is killed may leave blocks that only the page cache has. The next one must sync them
  /// before it signs a checkpoint over them, or a power loss would take what was signed.
  @Test func whatAKilledWriterLeftIsSyncedBeforeItIsSigned() throws {
    // Killed as it is to sync its first block.
    let killed = try replay(
      "base", under: ["-e", "trace=fdatasync", "-e", "inject=fdatasync:signal=KILL:when=1"])
    try #require(killed.status != 0)
    let trace = directory.file("trace")
    let run = try Program.run(
      strace,
      [
        "-f", "-y", "-qq", "-o", trace, "-e", "trace=fsync,fdatasync,renameat", Program.stele, "seal",
        directory.file("base"),
      ],
      environment: ["SWIFT_BACKTRACE": "enable=no"])
    try #require(run.status == 0, "\(run.errors)")
    let lines = try String(decoding: directory.read("trace"), as: UTF8.self).split(separator: "\n")
    let synced = lines.firstIndex { $0.contains("sync(") && $0.contains(".open>") }
    let signed = lines.firstIndex { $0.contains("renameat(") && $0.contains("\"checkpoint\"") }
    #expect(try #require(synced) < #require(signed), "\(lines.joined(separator: "\n"))")
  }

  /// A new log's key and directory are synced by name too: a log without its key could never go on.
  @Test func aNewLogSyncsTheNamesOfItsKeysAndDirectory() throws {
    let run = try Program.run(
      strace,
      [
        "-f", "-y", "-qq", "-o", directory.file("trace"), "-e", "trace=fsync", Program.stele, "init",
        directory.file("new"), "--origin", "test.example/new",
      ], environment: ["SWIFT_BACKTRACE": "enable=no"])
    try #require(run.status == 0, "\(run.errors)")
    let lines = try String(decoding: directory.read("trace"), as: UTF8.self).split(separator: "\n")
    #expect(lines.count { $0.contains("<\(directory.path)>)") } == 3, "\(lines.joined(separator: "\n"))")
  }
}

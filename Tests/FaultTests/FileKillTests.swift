import Foundation
import Glibc
import TestSupport
import Testing

/// kill -9 at random moments while a file is followed that a program writes and rotates: in the end the log
/// holds each line once.
@Suite struct FileKillTests {
  /// Writes numbered lines until it is told to stop, and rotates in its own way.
  private final class Writer: @unchecked Sendable {
    private let path: String
    private let lock = NSLock()
    private var isStopped = false
    private var thread: Thread?
    private(set) var written: [UInt8] = []
    private let rotates: (Writer) -> Void
    private var file: Int32
    private var number: Int
    private var generator = SystemRandomNumberGenerator()
    private var generations = 0

    /// The lines' numbers count from `first`.
    init(_ path: String, from first: Int = 0, rotates: @escaping (Writer) -> Void) {
      self.path = path
      number = first
      self.rotates = rotates
      file = unsafe open(path, O_WRONLY | O_APPEND | O_CREAT, 0o644)
    }

    func start() {
      let thread = Thread { [self] in
        while !lock.withLock({ isStopped }) {
          for _ in 0..<Int.random(in: 1...20, using: &generator) { writeLine() }
          usleep(UInt32.random(in: 100...4_000, using: &generator))
          if Int.random(in: 0..<60, using: &generator) == 0 { rotates(self) }
        }
        lock.withLock { self.thread = nil }
      }
      self.thread = thread
      thread.start()
    }

    /// In two halves at times, so that a look may come between.
    func writeLine() {
      let line =
        "203.0.113.9 - - [23/Nov/2026:08:00:00 +0000] \"GET /n/\(number) HTTP/1.1\" 200 5 \"-\" \"-\"\n"
      number += 1
      let bytes = Array(line.utf8)
      written += bytes
      let half = Int.random(in: 0...bytes.count, using: &generator)
      _ = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(file, $0.baseAddress, half) }
      _ = unsafe bytes.withUnsafeBytes {
        unsafe Glibc.write(file, $0.baseAddress! + half, bytes.count - half)
      }
    }

    /// Goes on in a new file. No old one is ever removed, however long the daemon is away.
    func rename() {
      if generations == 300 { return }
      for number in stride(from: generations, through: 1, by: -1) {
        _ = unsafe Glibc.rename("\(path).\(number)", "\(path).\(number + 1)")
      }
      _ = unsafe Glibc.rename(path, path + ".1")
      generations += 1
      close(file)
      file = unsafe open(path, O_WRONLY | O_APPEND | O_CREAT, 0o644)
    }

    func stop() {
      lock.withLock { isStopped = true }
      while lock.withLock({ thread != nil }) { usleep(1_000) }
      close(file)
    }
  }

  private let directory: TemporaryDirectory
  private var log: String { directory.file("log") }
  private var followed: String { directory.file("access.log") }

  init() throws {
    directory = try TemporaryDirectory()
    let made = try Program.run(
      Program.stele, ["init", directory.file("log"), "--origin", "test.example/files"])
    try #require(made.status == 0, "\(made.errors)")
  }

  private var arguments: [String] { ["--log", log, "--file", followed, "--format", "nginx/combined"] }

  private func daemon(_ arguments: [String]) throws -> Program {
    let program = try Program(Program.stele, ["serve", "--status-json"] + arguments)
    let isUp = program.wait(30) { $0.output.contains(UInt8(ascii: "\n")) }
    try #require(isUp, "\(program.errors)")
    return program
  }

  private func stored(_ reading: [String] = []) throws -> [UInt8] {
    try Program.run(
      Program.stele, ["search", log, "source.transport = file", "--output", "raw"] + reading
    ).output
  }

  /// `reading`: how to decrypt.
  private func check(_ written: [UInt8], _ reading: [String] = []) throws {
    let stored = try stored(reading)
    #expect(stored.count == written.count)
    let difference = zip(stored, written).enumerated().first { $0.element.0 != $0.element.1 }
    // A comparison that failed would be printed in full.
    let isEqual = stored == written
    #expect(isEqual, "differs from byte \(difference?.offset ?? min(stored.count, written.count)) on")
    let verified = try Program.run(Program.stele, ["verify", log] + reading)
    #expect(verified.status == 0, "\(verified.text)\(verified.errors)")
  }

  /// Lets `writer` go on its own once the log knows the file: what was rotated before a first start is not read.
  private func begin(_ writer: Writer, _ arguments: [String], _ reading: [String] = []) throws {
    writer.writeLine()
    let program = try daemon(arguments)
    let isStored = program.wait(30) { _ in (try? stored(reading)) == writer.written }
    try #require(isStored, "\(program.errors)")
    writer.start()
    program.signal(SIGKILL)
    program.wait()
  }

  /// Kills and starts again, lets the last one read everything, and stops it.
  private func survive(_ kills: Int, _ writer: Writer, _ arguments: [String]) throws {
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<kills {
      let program = try daemon(arguments)
      usleep(UInt32.random(in: 20_000...500_000, using: &generator))
      program.signal(SIGKILL)
      program.wait()
    }
    let last = try daemon(arguments)
    writer.stop()
    // The rest is read when it stops, and that is part of what is tested.
    last.signal(SIGTERM)
    let result = last.wait()
    #expect(result.status == 0, "\(result.errors)")
  }

  @Test(.timeLimit(.minutes(10)))
  func eachLineIsStoredOnceAcrossKillsAndRenames() throws {
    let writer = Writer(followed) { $0.rename() }
    try begin(writer, arguments)
    try survive(35, writer, arguments)
    #expect(writer.written.count > 100_000)
    try check(writer.written)
  }

  /// A certificate for who may read the log; the key is in `a.key`.
  private func makeCertificate() throws -> String {
    let made = try Program.run(
      "/usr/bin/openssl",
      [
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=auditor", "-days", "1", "-keyout",
        directory.file("a.key"), "-out", directory.file("a.crt"),
      ])
    try #require(made.status == 0, "\(made.errors)")
    return directory.file("a.crt")
  }

  /// The collector cannot read what it has sealed; it still goes on where it was.
  @Test(.timeLimit(.minutes(10)))
  func eachLineIsStoredOnceInAnEncryptedLog() throws {
    let arguments = arguments + ["--recipient", try makeCertificate()]
    let reading = ["--decrypt", directory.file("a.key")]
    let writer = Writer(followed) { $0.rename() }
    try begin(writer, arguments, reading)
    try survive(12, writer, arguments)
    #expect(writer.written.count > 10_000)
    try check(writer.written, reading)
  }

  /// Segments that end while the file grows carry on how far it is stored, in the clear.
  @Test(.timeLimit(.minutes(10)))
  func eachLineIsStoredOnceAcrossSegmentsAndStops() throws {
    let certificate = try makeCertificate()
    try directory.write(
      "stele.yaml",
      Array(
        """
        log: {directory: log}
        segment: {age: 1s}
        encryption: {recipients: [\(certificate)]}
        sources:
          - {name: web, file: access.log, format: nginx/combined}
        """.utf8))
    let arguments = ["--config", directory.file("stele.yaml")]
    let reading = ["--decrypt", directory.file("a.key")]
    let writer = Writer(followed) { $0.rename() }
    try begin(writer, arguments, reading)
    for round in 0..<4 {
      let program = try daemon(arguments)
      usleep(2_500_000)
      if round == 3 { writer.stop() }
      program.signal(round % 2 == 0 ? SIGKILL : SIGTERM)
      #expect(program.wait().status == (round % 2 == 0 ? -SIGKILL : 0))
    }
    try check(writer.written, reading)
    let carried = try Program.run(
      Program.stele, ["search", log, "--entries", "control", "--output", "raw"])
    #expect(carried.text.split(separator: "\n").count { $0.hasPrefix(#"{"type":"positions""#) } >= 6)
  }

  /// Retention may take away the only segment that says how far the file is stored: what removes it says so again.
  @Test(.timeLimit(.minutes(10)), arguments: [true, false])
  func aFileIsNotReadAgainWhenItsSegmentIsRemoved(besideDaemon: Bool) throws {
    func prune() throws {
      let pruned = try Program.run(Program.stele, ["prune", log, "--keep", "1B"])
      #expect(pruned.status == 0, "\(pruned.errors)")
    }
    func follow(_ lines: [String], end: Int32) throws {
      let before = try stored()
      let new = Array(lines.joined().utf8)
      let program = try daemon(arguments)
      let file = unsafe open(followed, O_WRONLY | O_APPEND | O_CREAT, 0o644)
      _ = unsafe new.withUnsafeBytes { unsafe Glibc.write(file, $0.baseAddress, $0.count) }
      close(file)
      let isStored = program.wait(30) { _ in (try? stored()) == before + new }
      #expect(isStored, "\(program.errors)")
      if end == SIGKILL, besideDaemon { try prune() }
      program.signal(end)
      program.wait()
    }
    func line(_ number: Int) -> String {
      "203.0.113.9 - - [23/Nov/2026:08:00:00 +0000] \"GET /n/\(number) HTTP/1.1\" 200 5 \"-\" \"-\"\n"
    }
    try follow((0..<10).map(line), end: SIGTERM)
    if !besideDaemon { try prune() }
    // Nothing is read of the file, so that no line says how far it is stored.
    try follow([], end: SIGKILL)
    #expect(try stored().isEmpty)
    try follow((10..<20).map(line), end: SIGTERM)
    let text = String(decoding: try stored(), as: UTF8.self)
    #expect(text == (10..<20).map(line).joined())
    let verified = try Program.run(Program.stele, ["verify", log])
    #expect(verified.status == 0, "\(verified.text)\(verified.errors)")
  }

  /// A file that is copied and cut: where nothing is written and everything is stored before it is cut, nothing is
  /// lost.
  @Test(.timeLimit(.minutes(10)))
  func eachLineIsStoredOnceAcrossKillsAndCuts() throws {
    var generator = SystemRandomNumberGenerator()
    var written: [UInt8] = []
    for round in 0..<30 {
      let program = try daemon(arguments)
      let writer = Writer(followed, from: written.count) { _ in }
      writer.start()
      usleep(UInt32.random(in: 20_000...200_000, using: &generator))
      if round % 3 == 0 {
        // While it grows.
        program.signal(SIGKILL)
        program.wait()
        writer.stop()
        written += writer.written
        continue
      }
      writer.stop()
      written += writer.written
      // Before, while and after the daemon sees the cut.
      let isStored = program.wait(30) { _ in (try? stored())?.count == written.count }
      #expect(isStored, "round \(round)")
      if !isStored { return }
      try Data(contentsOf: URL(fileURLWithPath: followed)).write(to: URL(fileURLWithPath: followed + ".1"))
      _ = unsafe truncate(followed, 0)
      usleep(UInt32.random(in: 0...20_000, using: &generator))
      program.signal(SIGKILL)
      program.wait()
    }
    let last = try daemon(arguments)
    last.signal(SIGTERM)
    #expect(last.wait().status == 0)
    try check(written)
  }
}

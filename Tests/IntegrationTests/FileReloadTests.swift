import Bytes
import Platform
import Synchronization
import Testing

/// File sources that a reload adds, changes, renames and removes while their file is written and rotated, beside a
/// source that stays; and a kill in between.
@Suite(.serialized) struct FileReloadTests {
  /// Writes numbered lines until it is told to stop, and renames the file now and then.
  private final class Writer: Sendable {
    private let isStopped = Atomic(false)
    private let count = Atomic(0)
    private let thread = Mutex<Thread?>(nil)

    /// Writes `access.log` in a directory.
    init(_ path: String) throws {
      let thread = try Thread(name: "writer") { [self] in
        do {
          let directory = try Directory(path)
          var file = try FileDescriptor(creating: path + "/access.log")
          while !isStopped.load(ordering: .acquiring) {
            let number = count.load(ordering: .relaxed)
            try Array("\(Self.line(number))\n".utf8).withView { (view) throws(SystemError) in
              try file.write(view)
            }
            count.store(number + 1, ordering: .releasing)
            if number % 20 == 19 { Clock.sleep(nanoseconds: 1_000_000) }
            if number % 700 == 699 {
              try directory.rename("access.log", to: "access.log.\(number)")
              file = try FileDescriptor(creating: path + "/access.log")
            }
          }
        } catch { Issue.record(error) }
      }
      self.thread.withLock { $0 = thread }
    }

    var written: Int { count.load(ordering: .acquiring) }

    /// Lets it write so many more.
    func goOn(_ more: Int = 500) {
      let goal = written + more
      waitUntil("the writer") { written >= goal }
    }

    func stop() -> Int {
      isStopped.store(true, ordering: .releasing)
      thread.withLock { $0 }?.join()
      return written
    }

    static func line(_ number: Int) -> String { "200 \(number)" }
  }

  private static func file(_ name: String, _ pattern: String, _ more: String = "format: none") -> String {
    "{name: \(name), file: \(pattern), \(more)}"
  }

  @Test(.timeLimit(.minutes(2)))
  func eachLineIsStoredOnceThroughAllChanges() throws {
    let port = try freePorts(1)[0]
    let kept = "{name: kept, listen: 'udp://127.0.0.1:\(port)', format: none}"
    let run = try ReloadTests.Run([kept])
    // What was rotated away before anybody followed is not read.
    try run.change([kept, Self.file("web", "access.log", "format: \"nginx:'$status $body_bytes_sent'\"")])
    let writer = try Writer(run.scratch.path)
    writer.goOn()
    let steps = [
      [Self.file("web", "access.log", "format: \"nginx:'$status $bytes_sent'\", max_message: 4KiB")],
      [Self.file("renamed", "access.log")], [Self.file("wide", "'*.log'")], [],
      [Self.file("web", "access.log", "format: none, start: end")],
      // Two of them, and the first of which has the file.
      [Self.file("web", "access.log", "timezone: Europe/Paris, format: none"), Self.file("all", "'*.log'")],
      [Self.file("all", "'*.log'")],
    ]
    for step in steps {
      try run.change([kept] + step)
      #expect(run.verdicts.last?.contains("is taken over: sources.") == true, "\(run.verdicts)")
      writer.goOn()
    }
    let count = writer.stop()
    waitUntil("the last line: \(run.daemon.child.complaints.suffix(1000))") {
      (try? run.stored("all").last) == Writer.line(count - 1)
    }
    run.daemon.stop()
    let lines = try run.log.lines("source.transport = file").map { String(decoding: $0, as: UTF8.self) }
    #expect(lines.count == count)
    let isEqual = lines == (0..<count).map(Writer.line)
    #expect(
      isEqual, "from \(zip(lines, 0...).first { $0 != Writer.line($1) }.map { "\($0)" } ?? "the end") on")
    for source in ["web", "renamed", "wide", "all"] { #expect(try !run.stored(source).isEmpty, "\(source)") }
    // The number stays with another format; a rename gives another.
    let sources = try run.log.records("source").map { "\($0.number("id") ?? 0) \($0.text("name") ?? "")" }
    #expect(
      sources == ["1 kept", "2 web", "2 web", "3 renamed", "4 wide", "5 web", "5 web", "6 all"], "\(sources)")
    #expect(
      try run.log.records("source_removed").compactMap { $0.text("name") } == [
        "web", "renamed", "wide", "web",
      ])
    // Each removal says how far the files were read.
    #expect(try run.log.records("positions").count >= 3)
    #expect(try run.log.records("file_cut").isEmpty)
    try run.log.expectIntact()
  }
}

// File sources that come, change and go while files are followed: each line once, in order.
import Bytes
import Events
import Platform
import Segments
import Synchronization
import Syslog
import Testing

@testable import Intake

@Suite struct FileChangeTests {
  /// Listeners that follow nothing yet.
  private func start(_ logs: Logs) throws -> Intakes {
    let intakes = try Intakes()
    let records = logs.records
    intakes.listeners.resume(FileHistory { records.add($0) })
    try intakes.listeners.start()
    try intakes.consume()
    return intakes
  }

  private func source(
    _ logs: Logs, _ id: UInt32 = 1, _ name: String = "access.log", atEnd: Bool = false
  ) throws -> Source {
    let pattern = try #require(FilePattern(logs.file(name)))
    return Source(id: id, name: "files-\(id)", endpoint: .files(pattern, startsAtEnd: atEnd))
  }

  @discardableResult private func add(_ source: Source, to intakes: Intakes) throws -> SourceCounters {
    let counters = try intakes.listeners.bind(source)
    try intakes.listeners.prepare()
    intakes.listeners.admit()
    return counters
  }

  /// Writes numbered lines into `access.log`, and renames it now and then, until all are written.
  private final class Writer: Sendable {
    static let count = 4000
    let written = Atomic(0)
    private let thread = Mutex<Thread?>(nil)

    init(_ logs: Logs, rotating: Bool) throws {
      let path = logs.path
      let thread = try Thread(name: "writer") { [self] in
        do {
          let directory = try Directory(path)
          var file = try FileDescriptor(creating: path + "/access.log")
          for number in 0..<Self.count {
            try file.write(Array("line \(number)\n".utf8))
            written.store(number + 1, ordering: .releasing)
            if number % 40 == 39 { Clock.sleep(nanoseconds: 1_000_000) }
            if rotating, number % 500 == 499 {
              // Not under a name that another file had, so that this one alone is renamed.
              try directory.rename("access.log", to: "access.log.\(number)")
              file = try FileDescriptor(creating: path + "/access.log")
            }
          }
        } catch { Issue.record(error) }
      }
      self.thread.withLock { $0 = thread }
    }

    func wait(for count: Int) {
      waitUntil("\(count) lines to be written") { written.load(ordering: .acquiring) >= count }
    }

    func join() { thread.withLock { $0 }?.join() }

    static var lines: [String] { (0..<count).map { "line \($0)" } }
  }

  @Test func aFileSourceIsAddedToListenersThatHadNone() throws {
    let logs = Logs()
    try logs.append("access.log", "one\n")
    let intakes = try start(logs)
    let counters = try intakes.listeners.bind(source(logs))
    try intakes.listeners.prepare()
    #expect(intakes.received.isEmpty)
    intakes.listeners.admit()
    _ = intakes.wait(for: 1)
    try logs.append("access.log", "two\nthree")
    _ = intakes.wait(for: 2)
    waitUntil("the rest to be seen") { counters.reading.unread == 5 }
    #expect(intakes.finish().map(\.text) == ["one", "two"])
  }

  @Test func aSourceThatWasTakenBackIsNotRead() throws {
    let logs = Logs()
    try logs.append("access.log", "one\n")
    let intakes = try start(logs)
    _ = try intakes.listeners.bind(source(logs))
    try intakes.listeners.prepare()
    intakes.listeners.discard(1)
    intakes.listeners.admit()
    try add(try source(logs, 2), to: intakes)
    #expect(intakes.wait(for: 1).map(\.source) == [2])
    #expect(intakes.finish().count == 1)
  }

  @Test(arguments: [false, true])
  func aSourceThatGoesAndComesAgainGoesOnWhereItWas(rotating: Bool) throws {
    let logs = Logs()
    let intakes = try start(logs)
    let writer = try Writer(logs, rotating: rotating)
    for turn in 0..<5 {
      // Nothing is left out, though all but the first find the files as they are.
      try add(try source(logs, UInt32(turn + 1), atEnd: turn > 0), to: intakes)
      writer.wait(for: (turn + 1) * Writer.count / 10)
      intakes.listeners.remove(UInt32(turn + 1))
      let count = intakes.received.count
      writer.wait(for: (turn + 1) * Writer.count / 10 + 200)
      // What was queued before may come out later, but nothing that is written now.
      let last = intakes.received.last.flatMap { Int($0.text.dropFirst(5)) } ?? 0
      #expect(count <= last + 1 && last < writer.written.load(ordering: .acquiring) - 100)
    }
    writer.join()
    try add(try source(logs, 9), to: intakes)
    #expect(intakes.wait(for: Writer.count).map(\.text) == Writer.lines)
    let messages = intakes.finish()
    #expect(messages.count == Writer.count && Set(messages.map(\.source)).count > 3)
    #expect(intakes.losses.take().isEmpty)
    #expect(logs.records.all.allSatisfy { !$0.contains("file_cut") })
  }

  @Test func theLogIsToldHowFarARemovedSourceWasRead() throws {
    let logs = Logs()
    try logs.append("access.log", "one\nhalf")
    let intakes = try start(logs)
    try add(try source(logs), to: intakes)
    intakes.listeners.remove(1)
    let records = logs.records.all.compactMap { Array($0.utf8).withView { PositionsRecord($0) } }
    #expect(records.map { $0.files.map(\.offset) } == [[4]])
    #expect(
      intakes.notices.all.map { $0.hasSuffix("is let go; its last 4 bytes are not stored") } == [true])
    #expect(intakes.finish().map(\.text) == ["one"])
  }

  @Test func filesGoToAnotherSourceWithoutLosingOne() throws {
    let logs = Logs()
    let intakes = try start(logs)
    let writer = try Writer(logs, rotating: true)
    try add(try source(logs, 1), to: intakes)
    for id in 2...8 as ClosedRange<UInt32> {
      writer.wait(for: Int(id) * 400)
      intakes.listeners.hand(id - 1, to: try source(logs, id))
      intakes.listeners.remove(id - 1)
    }
    writer.join()
    _ = intakes.wait(for: Writer.count)
    let messages = intakes.finish()
    #expect(messages.map(\.text) == Writer.lines)
    #expect(messages.map(\.source) == messages.map(\.source).sorted())
    #expect(Set(messages.map(\.source)).count == 8)
  }

  @Test func aWiderPatternGoesOnWithTheFilesOfTheNarrower() throws {
    let logs = Logs()
    try logs.append("error.log", "not a line\n")
    let intakes = try start(logs)
    let writer = try Writer(logs, rotating: true)
    try add(try source(logs, 1), to: intakes)
    writer.wait(for: 1000)
    // As a reload does it: first the new, then away with the old.
    try add(try source(logs, 2, "*.log"), to: intakes)
    _ = intakes.wait(for: 1)
    intakes.listeners.remove(1)
    writer.join()
    let messages = intakes.wait(for: Writer.count + 1)
    #expect(messages.map(\.text).filter { $0 != "not a line" } == Writer.lines)
    #expect(messages.last?.source == 2)
    #expect(intakes.finish().count == Writer.count + 1)
  }

  @Test func otherSettingsHoldForWhatIsReadNext() throws {
    let logs = Logs()
    let intakes = try start(logs)
    var source = try source(logs)
    let counters = try add(source, to: intakes)
    try logs.append("access.log", String(repeating: "a", count: 1500) + "\n")
    _ = intakes.wait(for: 1)
    source.messageLimit = 1000
    #expect(intakes.listeners.hand(1, to: source) === counters)
    try logs.append("access.log", String(repeating: "b", count: 1500) + "\n")
    #expect(intakes.wait(for: 3).map(\.bytes.count) == [1500, 1000, 500])
    #expect(intakes.finish().count == 3 && counters.reading.messages == 3)
  }

  @Test func aStartAtTheEndHoldsForAnAddedSourceOfWhichNothingIsStored() throws {
    let logs = Logs()
    try logs.append("access.log", "old\n")
    let intakes = try start(logs)
    try add(try source(logs, atEnd: true), to: intakes)
    waitUntil("the position") { !logs.records.all.isEmpty }
    intakes.listeners.remove(1)
    try logs.append("access.log", "new\n")
    try add(try source(logs, 2, atEnd: true), to: intakes)
    #expect(intakes.wait(for: 1).map(\.text) == ["new"])
    #expect(intakes.finish().count == 1)
  }

  // MARK: What an operator is told

  /// Notices about a file that is not as it should be, when several looks have passed.
  private func notices(_ logs: Logs, _ name: String = "access.log", mend: () throws -> Void) throws
    -> [String]
  {
    let intakes = try start(logs)
    try add(try source(logs, 1, name), to: intakes)
    waitUntil("a notice") { !intakes.notices.all.isEmpty }
    // Each change has everything looked at again.
    for number in 0..<5 {
      try logs.append("else", "\(number)\n")
      _ = shell("mv \(logs.file("else")) \(logs.file("else-\(number)"))")
      Clock.sleep(nanoseconds: 5_000_000)
    }
    let said = intakes.notices.all
    try mend()
    #expect(intakes.wait(for: 1).map(\.text) == ["at last"])
    _ = intakes.finish()
    #expect(intakes.notices.all == said)
    return said
  }

  @Test func aFileThatIsNotThereIsToldOnce() throws {
    let logs = Logs()
    let said = try notices(logs) { try logs.append("access.log", "at last\n") }
    let path = logs.file("access.log")
    #expect(said == ["source files-1: \(path) is not there yet; it is read as soon as it is"])
  }

  @Test(arguments: [
    ("mkdir", "a directory: to follow the files in it, name them: "),
    ("mkfifo", "a pipe or a device, and only files are followed: let its writer write to a file"),
  ])
  func whatIsNoFileIsToldOnce(command: String, text: String) throws {
    let logs = Logs()
    let path = logs.file("access.log")
    #expect(shell("\(command) \(path)") == 0)
    let said = try notices(logs) {
      _ = shell("rm -r \(path)")
      try logs.append("access.log", "at last\n")
    }
    let suffix = command == "mkdir" ? "\(path)/*.log" : ""
    #expect(said == ["source files-1: \(path) is \(text)\(suffix)"])
  }

  /// Opening a pipe waits for a writer, unless it is asked not to.
  @Test func aLinkToAPipeHoldsNothingUp() throws {
    let logs = Logs()
    let path = logs.file("access.log")
    #expect(shell("mkfifo \(logs.file("pipe")); ln -s pipe \(path)") == 0)
    let said = try notices(logs) {
      _ = shell("rm \(path)")
      try logs.append("access.log", "at last\n")
    }
    #expect(said.count == 1 && said[0].contains("is a pipe or a device"))
  }

  @Test func aDirectoryThatIsNotThereIsToldOnceAndHoldsNoOtherUp() throws {
    let logs = Logs()
    let intakes = try start(logs)
    try add(try source(logs, 1, "later/access.log"), to: intakes)
    waitUntil("a notice") { !intakes.notices.all.isEmpty }
    try add(try source(logs, 2), to: intakes)
    waitUntil("another") { intakes.notices.all.count > 1 }
    try logs.append("access.log", "one\n")
    _ = intakes.wait(for: 1)
    _ = shell("mkdir \(logs.file("later"))")
    try logs.append("later/access.log", "two\n")
    #expect(intakes.wait(for: 2).map(\.source) == [2, 1])
    _ = intakes.finish()
    let path = logs.file("later")
    #expect(
      intakes.notices.all == [
        "source files-1: cannot look into \(path): No such file or directory; "
          + "its files are read as soon as they are there",
        "source files-2: \(logs.file("access.log")) is not there yet; it is read as soon as it is",
      ])
  }

  @Test func troublesNameThePlaceAndTheMend() {
    func error(_ errno: Errno) -> SystemError { SystemError(operation: "open", path: "/x", errno: errno) }
    let denied = FileTrouble.file("/var/log/a.log", error(.accessDenied))
    #expect(denied.contains("the user \(Process.user) needs r") && denied.contains("SupplementaryGroups=adm"))
    #expect(FileTrouble.directory("/var/log", error(.accessDenied)).contains("needs r and x"))
    #expect(FileTrouble.silence(error(.noSpace), nil)?.contains("fs.inotify.max_user_watches") == true)
    #expect(
      FileTrouble.silence(error(.tooManyOpenFiles), nil)?.contains("fs.inotify.max_user_instances") == true)
    #expect(FileTrouble.silence(nil, "NFS")?.contains("NFS") == true && FileTrouble.silence(nil, nil) == nil)
  }
}

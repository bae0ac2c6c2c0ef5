// Files that grow, are rotated, cut, removed and made anew: each line once, in order.
import Bytes
import Events
import Intake
import Platform
import Segments
import Synchronization
import Syslog
import Testing

/// A directory with files that somebody writes.
final class Logs {
  let path = temporaryPath("logs")
  let records = Records()

  final class Records: Sendable {
    private let texts = Mutex<[String]>([])
    func add(_ text: String) { texts.withLock { $0.append(text) } }
    var all: [String] { texts.withLock { $0 } }
  }

  init() { _ = shell("mkdir \(path)") }
  deinit { _ = shell("chmod -R u+rwX \(path); rm -rf \(path)") }

  func file(_ name: String) -> String { "\(path)/\(name)" }

  /// Appends to a file, made when it is not there.
  func append(_ name: String, _ text: String) throws {
    if !exists(name) { _ = try FileDescriptor(creating: file(name)) }
    try Directory(path).openFile(name, .append).write(Array(text.utf8))
  }

  func exists(_ name: String) -> Bool { ((try? Directory(path).status(of: name)) ?? nil) != nil }
  func rename(_ name: String, _ new: String) throws { try Directory(path).rename(name, to: new) }
  func cut(_ name: String) throws { try FileDescriptor(updating: file(name)).truncate(to: 0) }
}

extension FileDescriptor {
  func write(_ bytes: [UInt8]) throws {
    try bytes.withView { (view) throws(SystemError) in try write(view) }
  }
}

@Suite struct FileFollowerTests {
  /// Follows `name` with what is known from an earlier run.
  private func follow(
    _ logs: Logs, _ name: String = "access.log", atEnd: Bool = false, known: [FilePosition] = [],
    lastTime: Int64 = 0, limit: Int = 65_536
  ) throws -> (intakes: Intakes, counters: SourceCounters) {
    let intakes = try Intakes()
    let pattern = try #require(FilePattern(logs.file(name)))
    var source = Source(id: 9, name: "file", endpoint: .files(pattern, startsAtEnd: atEnd))
    source.messageLimit = limit
    let counters = try intakes.listeners.bind(source)
    let records = logs.records
    intakes.listeners.resume(
      FileHistory(positions: known, lastTime: lastTime) { records.add($0) })
    try intakes.listeners.start()
    try intakes.consume()
    return (intakes, counters)
  }

  /// The last position in the envelopes of each file.
  private func positions(_ messages: [Message]) -> [FilePosition] {
    var last: [FileIdentity: FilePosition] = [:]
    for message in messages {
      if let position = message.envelope.withView({ FilePosition(envelope: $0) }) {
        last[position.file] = position
      }
    }
    return Array(last.values)
  }

  /// Lines as they were written.
  private func text(_ messages: [Message]) -> String {
    messages.map { $0.text + ($0.flags.unterminated ? "" : "\n") }.joined()
  }

  @Test func aGrowingFileIsReadLineByLine() throws {
    let logs = Logs()
    try logs.append("access.log", "one\ntwo\nthr")
    let (intakes, counters) = try follow(logs)
    #expect(intakes.wait(for: 2).map(\.text) == ["one", "two"])
    try logs.append("access.log", "ee\n\nfive\n")
    let messages = intakes.wait(for: 5)
    #expect(messages.map(\.text) == ["one", "two", "three", "", "five"])
    #expect(messages.allSatisfy { $0.flags == FrameFlags(.lineFeed) && $0.source == 9 })
    #expect(messages[0].envelope.first == Envelope.Transport.file.rawValue)
    #expect(messages[0].field(.path) == Array(logs.file("access.log").utf8))
    #expect(positions(messages).map(\.offset) == [20])
    #expect(counters.reading.messages == 5)
    _ = intakes.finish()
  }

  @Test func aDeviceWithAnotherNumberHoldsTheSameFiles() throws {
    let logs = Logs()
    try logs.append("access.log", "one\n")
    let first = try follow(logs).intakes
    _ = first.wait(for: 1)
    var known = try #require(positions(first.finish()).first)
    let file = known.file
    known.file.device += 1
    try logs.append("access.log", "two\n")
    let second = try follow(logs, known: [known]).intakes
    #expect(second.wait(for: 1).map(\.text) == ["two"])
    _ = second.finish()
    // The old number is forgotten, the new one is known, before a line tells it.
    let record = try #require(logs.records.all.first)
    let told = Array(record.utf8).withView { PositionsRecord($0)?.files ?? [] }
    #expect(told.map(\.file) == [known.file, file] && told.map(\.offset) == [nil, 4])
    // With another beginning it is another file.
    known.fingerprint.hash ^= 1
    let third = try follow(logs, known: [known]).intakes
    #expect(third.wait(for: 2).map(\.text) == ["one", "two"])
    _ = third.finish()
  }

  /// Its writer was in the middle of it: two pieces would be two lines that fit no format.
  @Test func aLastLineWithoutLineFeedIsLeftToTheNextStart() throws {
    let logs = Logs()
    try logs.append("access.log", "one\ntw")
    let first = try follow(logs).intakes
    _ = first.wait(for: 1)
    let before = first.finish()
    #expect(before.map(\.text) == ["one"])
    try logs.append("access.log", "o\nthree\n")
    let second = try follow(logs, known: positions(before)).intakes
    _ = second.wait(for: 2)
    let after = second.finish()
    #expect(after.map(\.text) == ["two", "three"])
    #expect((before + after).allSatisfy { $0.flags == FrameFlags(.lineFeed) })
  }

  /// Of a file without a name, the next start finds nothing.
  @Test(arguments: [false, true]) func aLastLineOfARemovedFileIsStored(_ sourceIsRemoved: Bool) throws {
    let logs = Logs()
    try logs.append("access.log", "one\nhal")
    let intakes = try follow(logs).intakes
    _ = intakes.wait(for: 1)
    _ = shell("rm \(logs.file("access.log"))")
    if sourceIsRemoved { intakes.listeners.remove(9) }
    let all = intakes.finish()
    #expect(all.map(\.text) == ["one", "hal"] && all.last?.flags.unterminated == true)
    #expect(!intakes.notices.all.contains { $0.contains("left to the next") || $0.contains("not stored") })
  }

  @Test func rotationByRenamingLosesNothingHoweverFast() throws {
    let logs = Logs()
    try logs.append("access.log", "0\n")
    let intakes = try follow(logs).intakes
    _ = intakes.wait(for: 1)
    var expected = "0\n"
    for generation in 1...60 {
      // Several times between two looks, and a writer who goes on with the old file for a while.
      let old = try Directory(logs.path).openFile("access.log", .append)
      for number in stride(from: generation, to: 0, by: -1) where logs.exists("access.log.\(number)") {
        try logs.rename("access.log.\(number)", "access.log.\(number + 1)")
      }
      try logs.rename("access.log", "access.log.1")
      try old.write(Array("\(generation) late\n".utf8))
      try logs.append("access.log", "\(generation) new\n")
      expected += "\(generation) late\n\(generation) new\n"
    }
    let lines = Set(intakes.wait(for: 121).map(\.text))
    #expect(lines == Set(expected.split(separator: "\n").map(String.init)))
    #expect(intakes.finish().count == 121)
  }

  @Test func whatWasRotatedWhileNobodyLookedIsReadInOrder() throws {
    let logs = Logs()
    try logs.append("access.log.1", "from before the log\n")
    try logs.append("access.log", "a1\n")
    let first = try follow(logs).intakes
    _ = first.wait(for: 1)
    let before = first.finish()
    try logs.append("access.log", "a2\n")
    // Twice: nobody has ever seen the file in between.
    try logs.rename("access.log", "access.log.2")
    try logs.append("access.log", "b1\nb2\n")
    try logs.rename("access.log", "access.log.1")
    try logs.append("access.log", "c1\n")
    try logs.append("access.log.3.gz", "not text\n")
    let second = try follow(logs, known: positions(before), lastTime: before[0].time).intakes
    _ = second.wait(for: 4)
    #expect(text(before + second.finish()) == "a1\na2\nb1\nb2\nc1\n")
  }

  @Test func aFileThatIsCopiedAndCutBeginsAnew() throws {
    let logs = Logs()
    let first = (0..<100).map { "line \($0)\n" }.joined()
    try logs.append("access.log", first)
    let intakes = try follow(logs).intakes
    _ = intakes.wait(for: 100)
    _ = shell("cp \(logs.file("access.log")) \(logs.file("access.log.1"))")
    try logs.cut("access.log")
    waitUntil("the cut to be seen") { !logs.records.all.isEmpty }
    try logs.append("access.log", "after\n")
    // Longer than before at the next look: its first bytes tell.
    _ = intakes.wait(for: 101)
    try logs.cut("access.log")
    try logs.append("access.log", (0..<50).map { "again \($0)\n" }.joined())
    let messages = intakes.wait(for: 151)
    #expect(text(messages) == first + "after\n" + (0..<50).map { "again \($0)\n" }.joined())
    _ = intakes.finish()
    #expect(logs.records.all.count { $0.hasPrefix(#"{"type":"file_cut","source":"file""#) } == 2)
    #expect(logs.records.all[0].hasSuffix(#""unread":0}"#))
    #expect(intakes.losses.take().isEmpty)
  }

  @Test func whatIsCutUnreadIsALossInBytes() throws {
    let logs = Logs()
    try logs.append("access.log", "one\nhalf a line")
    let intakes = try follow(logs).intakes
    _ = intakes.wait(for: 1)
    try logs.cut("access.log")
    waitUntil("the cut to be seen") { logs.records.all.contains { $0.contains("file_cut") } }
    try logs.append("access.log", "two\n")
    #expect(text(intakes.wait(for: 2)) == "one\ntwo\n")
    _ = intakes.finish()
    let losses = intakes.losses.take()
    #expect(
      losses.map(\.layer) == [.fileGap] && losses.map(\.count) == [11] && losses.map(\.unit) == [.bytes])
  }

  @Test func aReusedInodeNumberIsNotTakenForTheOldFile() throws {
    let logs = Logs()
    try logs.append("access.log", "old 1\nold 2\n")
    let first = try follow(logs).intakes
    _ = first.wait(for: 2)
    var known = positions(first.finish())
    // What the file system does on its own at times: another file with the number of the old one.
    try logs.cut("access.log")
    try logs.append("access.log", "new 1, longer than the old one\nnew 2\n")
    #expect(known.count == 1)
    let second = try follow(logs, known: known).intakes
    #expect(second.wait(for: 2).map(\.text) == ["new 1, longer than the old one", "new 2"])
    known = positions(second.finish())
    let third = try follow(logs, known: known).intakes
    try logs.append("access.log", "new 3\n")
    #expect(third.wait(for: 1).map(\.text) == ["new 3"])
    _ = third.finish()
  }

  @Test func aFileThatComesLaterIsReadFromItsBeginning() throws {
    let logs = Logs()
    let intakes = try follow(logs, atEnd: true).intakes
    waitUntil("a notice") { intakes.notices.all.contains { $0.contains("is not there yet") } }
    try logs.append("access.log", "one\n")
    _ = intakes.wait(for: 1)
    _ = shell("rm \(logs.file("access.log"))")
    try logs.append("access.log", "two\n")
    #expect(intakes.wait(for: 2).map(\.text) == ["one", "two"])
    _ = intakes.finish()
  }

  @Test func aStartAtTheEndIsRememberedWithoutALine() throws {
    let logs = Logs()
    try logs.append("access.log", "old\nalready beg")
    let first = try follow(logs, atEnd: true).intakes
    waitUntil("the position") { !logs.records.all.isEmpty }
    #expect(first.finish().isEmpty)
    let record = try #require(Array(logs.records.all[0].utf8).withView { PositionsRecord($0) })
    #expect(record.files.map(\.offset) == [4])
    // Killed before any line: what came meanwhile is not skipped.
    try logs.append("access.log", "un\nnew\n")
    let second = try follow(logs, atEnd: true, known: record.files).intakes
    #expect(second.wait(for: 2).map(\.text) == ["already begun", "new"])
    _ = second.finish()
  }

  @Test func aPatternNamesManyFilesButNoCopies() throws {
    let logs = Logs()
    let long = String(repeating: "x", count: 80)
    try logs.append("a.log", "a1 \(long)\n")
    try logs.append("b.txt", "not followed\n")
    let intakes = try follow(logs, "*.log").intakes
    _ = intakes.wait(for: 1)
    try logs.append("b.log", "b1\n")
    _ = shell("cp \(logs.file("a.log")) \(logs.file("a-copy.log"))")
    try logs.append("a.log", "a2\n")
    let messages = intakes.wait(for: 3)
    waitUntil("the copy to be seen") { intakes.notices.all.contains { $0.contains("a copy, not read") } }
    #expect(Set(messages.map(\.text)) == ["a1 \(long)", "b1", "a2"])
    #expect(Set(messages.compactMap { $0.field(.path) }).count == 2)
    #expect(intakes.finish().count == 3)
  }

  @Test func overlongLinesAreKeptInPiecesAcrossStarts() throws {
    let logs = Logs()
    let long = String(repeating: "0123456789", count: 500)
    try logs.append("access.log", long)
    let first = try follow(logs, limit: 1000).intakes
    _ = first.wait(for: 4)
    let before = first.finish()
    try logs.append("access.log", "end\nnext\n")
    let second = try follow(logs, known: positions(before), limit: 1000).intakes
    _ = second.wait(for: 2)
    let all = before + second.finish()
    #expect(text(all) == long + "end\nnext\n")
    #expect(all.last?.flags == FrameFlags(.lineFeed))
    #expect(all.dropLast().allSatisfy { $0.flags.truncation == .collector || $0.flags.unterminated })
  }
}

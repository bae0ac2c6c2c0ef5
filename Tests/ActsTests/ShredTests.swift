import Bytes
import Collector
import Cryptography
import Inspect
import MerkleLog
import Platform
import SegmentReader
import SegmentWriter
import Segments
import TestSupport
import Testing

/// The destruction of the keys of encrypted segments.
@Suite struct ShredTests {
  private static let sidecar = FileNames.name(2, .cms)
  private static let pending = Shredding.pendingName(2)

  @discardableResult private static func shred(_ log: ActLog, _ index: UInt64, isDryRun: Bool = false) throws
    -> Range<UInt64>
  {
    let act = ShredAct(log.path, index: index, authority: "case 17", reason: "Art. 17", approver: "J. Doe")
    return try log.withSession { session, _ in try act.run(session, isDryRun: isDryRun) }
  }

  private static func closed() throws -> ActLog { try ActLog(recipients: [.ec]) }

  @Test func theKeyIsOverwrittenAndGoneAndTheLogSaysWhy() throws {
    let log = try Self.closed()
    let old = try FileDescriptor(reading: log.name(2, .cms))
    let size = try old.size()
    #expect(try Self.shred(log, 7, isDryRun: true) == 2..<303)
    #expect(try log.verify().findings == [])
    #expect(try Self.shred(log, 7) == 2..<303)
    var bytes = ByteBuffer()
    try old.read(size, at: 0, appendingTo: &bytes)
    #expect(bytes.count > 100 && bytes.view.array.allSatisfy { $0 == 0 })
    let names = try log.files().keys
    #expect(!names.contains(Self.sidecar) && !names.contains(Self.pending))
    for recipient in [nil, TestIdentity.ec] {
      let report = try log.verify(recipient: recipient)
      #expect(log.kinds(report) == ["erased note"], "\(report.findings)")
      #expect(report.findings.first?.entries == 2..<303)
      #expect(report.exitStatus == .incomplete)
      for part in ["case 17", "Art. 17", "J. Doe", "was destroyed"] {
        #expect(report.findings.first?.text.contains(part) == true, "\(report.findings)")
      }
    }
    // The next segment can still be read.
    let reader = try LogReader(log.path, key: log.key, recipient: try TestIdentity.ec.recipientKey())
    #expect(try reader.entry(303).raw == ActLog.raw(303))
    #expect(throws: LogError.self) { try reader.entry(299) }
  }

  @Test func aSecondTimeThereIsNothingToDo() throws {
    let log = try Self.closed()
    try Self.shred(log, 2)
    let size = try log.verify().entries.upperBound
    #expect(try Self.shred(log, 300).isEmpty)
    // The session itself adds nothing but what every one does.
    let entries = try ControlTexts.read(log.path).filter { $0.type == "shredded" }
    #expect(entries.count == 1 && entries[0].index < size)
  }

  @Test func whatCannotBeShreddedIsRefusedAndNothingIsRecorded() throws {
    let log = try Self.closed()
    let files = try log.files()
    for index in [0, 9999] as [UInt64] {
      #expect(throws: ActError.self, "\(index)") { try Self.shred(log, index) }
    }
    try log.restore(files)
    let clear = try ActLog()
    #expect(throws: ActError.self) { try Self.shred(clear, 7) }
    try log.hold("case", 305, 306)
    #expect(throws: ActError.self) { try Self.shred(log, 303) }
    #expect(throws: ActError.self) { try Self.shred(log, 320) }
    #expect(try ControlTexts.read(log.path).allSatisfy { $0.type != "shredded" })
    #expect(try log.read(log.name(303, .cms)) != nil)
    #expect(try log.damage() == [])
    try log.release("case")
    try Self.shred(log, 320)
    #expect(try log.damage() == [])
  }

  @Test func singleEntriesOfAnEncryptedSegmentAreRefused() throws {
    let log = try Self.closed()
    do {
      try log.erase([7])
      Issue.record("erased")
    } catch { #expect("\(error)".contains("--shred 2"), "\(error)") }
    #expect(try log.verify().findings == [])
  }

  @Test func aKeyThatIsMissingWithoutARecordIsNoOccasion() throws {
    let log = try Self.closed()
    try log.put(nil, log.name(2, .cms))
    #expect(throws: ActError.self) { try Self.shred(log, 7) }
    #expect(try log.damage().map(\.kind) == [.missingFile])
  }

  @Test func theOpenSegmentIsSealedFirst() throws {
    let log = try Self.closed()
    let writer = try log.open()
    let first = writer.tree.size
    try ActLog.append(5, writer, try writer.makePlan())
    try writer.commit()
    let session = WriterSession(writer)
    let act = ShredAct(log.path, index: first + 2, authority: "a", reason: "b", approver: "c")
    let entries = try act.run(session)
    #expect(entries.contains(first + 2))
    try session.close()
    #expect(try log.read(log.name(entries.lowerBound, .cms)) == nil)
    #expect(try log.read(log.name(entries.lowerBound, .segment)) != nil)
    #expect(try log.damage() == [])
  }

  // MARK: Crashes

  /// The states that a crash can leave, and whether the order was recorded.
  private static func states(
    _ log: ActLog
  ) throws -> [(name: String, isRecorded: Bool, files: [String: [UInt8]])] {
    let before = try log.files()
    try shred(log, 7)
    let after = try log.files()
    let key = try #require(before[sidecar])
    func state(_ files: [String: [UInt8]], _ changes: [String: [UInt8]]) -> [String: [UInt8]] {
      files.merging(changes) { $1 }
    }
    let zeros = [UInt8](repeating: 0, count: key.count)
    return [
      ("announced", false, state(before, [pending: []])),
      ("recorded", true, state(after, [pending: [], sidecar: key])),
      ("overwritten", true, state(after, [pending: [], sidecar: zeros])),
      ("removed", true, state(after, [pending: []])),
      ("carried out", true, after),
    ]
  }

  @Test func whereverItStopsTheNextStartDoesTheRestOrNothing() throws {
    let log = try Self.closed()
    for (name, isRecorded, files) in try Self.states(log) {
      try log.restore(files)
      for recipient in [nil, TestIdentity.ec] {
        let report = try log.verify(recipient: recipient)
        #expect(report.isIntact, "\(name): \(report.findings)")
        let told = report.findings.filter { $0.kind == .erased }
        #expect(told.map(\.entries) == (isRecorded ? [2..<303] : []), "\(name): \(report.findings)")
        #expect(told.contains { $0.text.contains("was not carried out yet") } == (name == "recorded"))
      }
      try log.open().close()
      #expect(try (log.read(log.name(2, .cms)) == nil) == isRecorded, "\(name)")
      #expect(try !log.files().keys.contains(Self.pending), "\(name)")
      #expect(try log.damage() == [], "\(name)")
    }
  }

  /// A command that was killed is called again, and does the rest without a second record.
  @Test func theSameCommandDoesTheRest() throws {
    let log = try Self.closed()
    let state = try #require(try Self.states(log).first { $0.name == "recorded" })
    var files = state.files
    files[Self.pending] = nil
    try log.restore(files)
    #expect(try Self.shred(log, 8) == 2..<303)
    #expect(try log.read(log.name(2, .cms)) == nil)
    #expect(try ControlTexts.read(log.path).count { $0.type == "shredded" } == 1)
    #expect(try log.damage() == [])
  }

  @Test func zerosWithoutARecordAreDamage() throws {
    let log = try Self.closed()
    let key = try #require(try log.read(log.name(2, .cms)))
    try log.put([UInt8](repeating: 0, count: key.count), log.name(2, .cms))
    #expect(try log.damage().map(\.kind) == [.missingFile])
  }

  @Test func aDestructionAgainstAHoldIsFound() throws {
    let log = try Self.closed()
    let target = try #require(try Shredding.target(log.path, first: 2))
    let session = WriterSession(try log.open())
    try session.record([#"{"type":"hold","id":"h","first":5,"end":9,"reason":"r","authority":"a"}"#])
    try session.record([
      #"{"type":"shredded","segment":"\#(target.segment)","first":2,"end":303,"authority":"a","reason":"b","#
        + #""approver":"c"}"#
    ])
    try session.close()
    try Shredding.carryOut(log.path, first: 2)
    let found = try log.damage()
    #expect(found.map(\.kind) == [.held], "\(found)")
    #expect(found.first?.entries == 5..<9)
  }

  // MARK: Retention

  @Test func anEncryptedLogWithADestroyedKeyIsPruned() throws {
    let log = try Self.closed()
    try Self.shred(log, 303)
    try log.put(Array("token".utf8), log.path + "/" + TimestampName.seal(firstIndex: 2).file)
    let size = try #require(try log.read(log.name(324, .segment))).count
    let sealed = try log.files().filter { $0.key.hasSuffix(".segment") }
    let rest = sealed.filter { $0.key > FileNames.name(324, .segment) }.reduce(0) { $0 + $1.value.count }
    let plan = try log.prune(keep: size + rest)
    #expect(plan.segments.map(\.first) == [0, 2, 303])
    let names = try log.files().keys
    for name in [Self.sidecar, TimestampName.seal(firstIndex: 2).file] { #expect(!names.contains(name)) }
    #expect(names.contains(FileNames.name(2, .seal)) && names.contains(FileNames.name(324, .cms)))
    for recipient in [nil, TestIdentity.ec] {
      let report = try log.verify(recipient: recipient)
      #expect(log.kinds(report) == ["retention note"], "\(report.findings)")
    }
    let reader = try LogReader(log.path, key: log.key, recipient: try TestIdentity.ec.recipientKey())
    #expect(try reader.entry(330).raw == ActLog.raw(330))
    let file = try Prover(reader).prove(330, disclose: true).bytes
    #expect(try file.withView { try CheckedProof($0, key: log.key) }.index == 330)
    #expect(throws: LogError.self) { try reader.entry(310) }
    // And it goes on.
    let writer = try log.open()
    try ActLog.append(9, writer, try writer.makePlan())
    try writer.close()
    #expect(try log.damage() == [])
  }
}

/// What the log's own entries say.
enum ControlTexts {
  static func read(_ path: String) throws -> [WrittenControlEntry] {
    var entries: [WrittenControlEntry] = []
    try ControlEntries.read(try Directory(path)) { entry in
      entries.append(entry)
      return true
    }
    return entries
  }
}

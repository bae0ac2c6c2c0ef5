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

@Suite struct RetentionTests {
  /// A log without its first three segments.
  private static func pruned() throws -> ActLog {
    let log = try ActLog()
    let size = try #require(try log.read(log.name(324, .segment))).count
    let plan = try log.prune(keep: size)
    #expect(plan.segments.map(\.first) == [0, 2, 303])
    return log
  }

  @Test func aPrunedLogVerifiesAndServesWhatIsLeft() throws {
    let log = try Self.pruned()
    let report = try log.verify()
    #expect(log.kinds(report) == ["retention note"], "\(report.findings)")
    #expect(report.exitStatus == .fine)
    #expect(report.findings.first?.entries == 0..<324)
    #expect(report.entries.lowerBound == 324)
    #expect(report.removedSegments == 3)
    let names = try log.files().keys
    #expect(!names.contains(FileNames.name(2, .segment)))
    #expect(names.contains(FileNames.name(2, .seal)))
    let reader = try LogReader(log.path, key: log.key)
    #expect(reader.firstIndex == 324)
    for index in 324..<(try reader.endIndex()) {
      let file = try Prover(reader).prove(index, disclose: true).bytes
      #expect(try file.withView { try CheckedProof($0, key: log.key) }.index == index)
    }
    #expect(throws: LogError.self) { try Prover(reader).prove(320, disclose: false) }
    #expect(try reader.searchBlocks().map(\.firstIndex).first == 324)
  }

  @Test func proofsDoWithoutTheCaches() throws {
    let log = try Self.pruned()
    let reader = try LogReader(log.path, key: log.key)
    let size = reader.committedSize
    for index in 324..<size {
      var hashes = LogHashes(reader, size: size, using: [])
      let leaf = try hashes.entry(index).leaf
      let proof = try InclusionProof(index: index, size: size, from: &hashes)
      try proof.verify(leaf: leaf, root: try #require(reader.checkpoint).checkpoint.root)
    }
  }

  @Test func aPrunedLogGoesOn() throws {
    let log = try Self.pruned()
    let writer = try log.open()
    let first = writer.tree.size
    try ActLog.append(10, writer, try SegmentPlan())
    try writer.close()
    let report = try log.verify()
    #expect(log.kinds(report) == ["retention note"], "\(report.findings)")
    #expect(report.entries == 324..<first + 11)
    // And once more, by age: everything received so long ago is older.
    let act = PruneAct(log.path, RetentionPolicy(age: 0, text: "age 0"))
    try log.withSession { session, _ in
      let table = HoldTable()
      try act.run(session, table, try act.plan(table))
    }
    let again = try log.verify()
    #expect(log.kinds(again) == ["retention note"], "\(again.findings)")
    #expect(again.entries.lowerBound >= first + 11)
    try log.open().close()
    #expect(try log.damage() == [])
  }

  @Test func whereverItStopsTheLogIsIntactAndTheNextDoesTheRest() throws {
    let log = try ActLog()
    try log.erase([5])
    let before = try log.files()
    try log.prune(keep: 1)
    let after = try log.files()
    // The oldest first, and of each the segment before its amendment.
    let gone = before.keys.filter { after[$0] == nil }
      .sorted { ($0.prefix(20), $1) < ($1.prefix(20), $0) }
    #expect(gone.count > 3)
    // After the record, before each removal.
    for count in 0...gone.count {
      var files = after
      for name in gone.dropFirst(count) { files[name] = before[name] }
      try log.restore(files)
      #expect(try log.damage() == [], "\(count)")
      try log.open().close()
      #expect(try log.damage() == [], "\(count)")
    }
  }

  @Test func aSegmentRemovedByHandIsMissing() throws {
    for first in [0, 2, 303, 324] as [UInt64] {
      let log = try ActLog()
      try log.put(nil, log.name(first, .segment))
      let found = try log.damage()
      #expect(found.contains { $0.kind == .missingSegment || $0.kind == .missingFile }, "\(first): \(found)")
    }
    // Behind what was removed by rule.
    let log = try Self.pruned()
    try log.put(nil, log.name(324, .segment))
    let found = try log.damage()
    #expect(found.map(\.kind) == [.missingSegment], "\(found)")
    #expect(found.first?.entries?.lowerBound == 324)
  }

  @Test func withoutTheSealsOfWhatWasRemovedTheChainIsBroken() throws {
    for first in [0, 2, 303] as [UInt64] {
      let log = try Self.pruned()
      try log.put(nil, log.name(first, .seal))
      #expect(try !log.damage().isEmpty, "\(first)")
    }
  }

  @Test func anotherSealIsNotTheOneThatWasRecorded() throws {
    let log = try Self.pruned()
    let other = try Self.pruned()
    try log.put(try other.read(other.name(2, .seal)), log.name(2, .seal))
    #expect(try !log.damage().isEmpty)
  }

  @Test func anOldCheckpointCanBeComparedAtASealAndIsANoteElsewhere() throws {
    let log = try ActLog()
    let writer = try log.open()
    try ActLog.append(3, writer, try SegmentPlan())
    try writer.checkpoint()
    let atEnd = try #require(try log.read(log.path + "/checkpoint"))
    try writer.append(control: [#"{"type":"heartbeat"}"#])
    try writer.close()
    #expect(try log.prune(keep: 1).segments.last?.end ?? 0 > 364)
    let report = try log.verify(checkpoint: atEnd)
    #expect(report.isIntact, "\(report.findings)")
    #expect(report.findings.contains { $0.text.contains("cannot be compared") }, "\(report.findings)")
  }

  // MARK: Holds

  @Test func whatIsHeldCannotBeTakenAway() throws {
    let log = try ActLog()
    try log.hold("case", 305, 310)
    for entries in [[305], [2, 309]] as [[UInt64]] {
      #expect(throws: ActError.self) { try log.erase(entries) }
    }
    #expect(try log.holds(305))
    #expect(try log.holds(2))
    try log.open().close()
    let plan = try log.prune(keep: 1)
    #expect(plan.segments.map(\.first) == [0, 2])
    #expect(plan.hold?.name == "case")
    #expect(throws: ActError.self) { try log.hold("case", 1, 2) }
    #expect(throws: ActError.self) { try log.release("other") }
    #expect(try log.erase([310]).entries == 1)
    try log.release("case")
    #expect(try log.erase([305]).entries == 1)
    #expect(try log.damage() == [])
  }

  @Test func aHoldOutlivesTheSegmentItStandsIn() throws {
    let log = try ActLog()
    try log.hold("later", 400, nil)
    // The segment with the hold goes, and what it says stays.
    let writer = try log.open()
    try ActLog.append(60, writer, try SegmentPlan())
    try writer.close()
    let last = try #require(try log.files().keys.filter { $0.hasSuffix(".segment") }.max())
    let size = try #require(try log.read(log.path + "/" + last)).count
    let plan = try log.prune(keep: size)
    #expect(plan.segments.last?.end ?? 0 > 365)
    var table = HoldTable()
    try table.update(log.path)
    #expect(table.holds.map(\.name) == ["later"])
    #expect(table.holds.first?.first == 400)
    #expect(throws: ActError.self) { try log.erase([401]) }
    #expect(try log.damage() == [])
  }

  @Test func anErasureAgainstAHoldIsFound() throws {
    let log = try ActLog()
    let session = WriterSession(try log.open())
    try session.record([#"{"type":"hold","id":"h","first":5,"end":9,"reason":"r","authority":"a"}"#])
    // Someone with the key records it all the same.
    let key = try LogCreation.readKey(log.keyPath)
    let prepared = try Erasure.prepare(log.path, first: 2, erasing: [6..<7], key: key)
    try session.record([
      #"{"type":"erased","segment":"\#(prepared.amendment.segment)","first":2,"end":303,"entries":[[6,7]],"#
        + #""authority":"a","reason":"b","approver":"c","amendment":"\#(prepared.amendment.textHash.base64)"}"#
    ])
    try Erasure.carryOut(log.path, first: 2)
    try session.close()
    let found = try log.damage()
    #expect(found.map(\.kind) == [.held], "\(found)")
    #expect(found.first?.entries == 6..<7)
  }
}

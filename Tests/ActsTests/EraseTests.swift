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

@Suite struct EraseTests {
  @Test func whatIsErasedIsGoneAndTheRestIsWhatItWas() throws {
    let log = try ActLog()
    let before = try LogReader(log.path)
    let entries = try (1..<365).map { try before.entry(UInt64($0)) }
    let proof = try Prover(before).prove(7, disclose: false).bytes
    let checkpoint = try #require(try log.read(log.path + "/checkpoint"))
    let outcome = try log.erase([7, 8, 250, 310])
    #expect(outcome.entries == 4)
    #expect(outcome.segments == 2)
    let reader = try LogReader(log.path, key: log.key)
    for old in entries {
      let new = try reader.entry(old.index)
      #expect(new.leaf == old.leaf)
      #expect(new.metadata == old.metadata)
      let isErased = [7, 8, 250, 310].contains(old.index)
      #expect((new.salt == nil) == isErased)
      #expect(new.raw == (isErased ? [] : old.raw))
      #expect(new.envelope == (isErased ? [] : old.envelope))
    }
    let report = try log.verify(checkpoint: checkpoint)
    #expect(log.kinds(report) == ["erased note", "erased note", "erased note"], "\(report.findings)")
    #expect(report.exitStatus == .incomplete)
    #expect(report.findings.map(\.entries) == [7..<9, 250..<251, 310..<311])
    let text = report.findings[0].text
    for part in ["case 17", "Art. 17", "J. Doe"] { #expect(text.contains(part), "\(text)") }
    // The proof from before, and a new one, hold; nothing can be disclosed any more.
    for file in [proof, try Prover(reader).prove(7, disclose: false).bytes] {
      #expect(try file.withView { try CheckedProof($0, key: log.key) }.index == 7)
    }
    #expect(throws: LogError.erased(index: 7)) { try Prover(reader).prove(7, disclose: true) }
    _ = try Prover(reader).prove(9, disclose: true)
  }

  @Test func theOldFileIsOverwritten() throws {
    let log = try ActLog()
    let old = try FileDescriptor(reading: log.name(2, .segment))
    try log.erase([10])
    var bytes = ByteBuffer()
    try old.read(try old.size(), at: 0, appendingTo: &bytes)
    #expect(bytes.count > 1000)
    #expect(bytes.view.array.allSatisfy { $0 == 0 })
  }

  @Test func erasingTwiceFromASegmentKeepsBothAndCountsThem() throws {
    let log = try ActLog()
    try log.erase([20])
    try log.erase([21, 20])
    let note = try #require(try log.read(log.name(2, .amendment)))
    #expect(String(decoding: note, as: UTF8.self).contains("\nnumber 2\n"))
    let report = try log.verify()
    #expect(report.findings.map(\.entries) == [20..<21, 21..<22], "\(report.findings)")
    #expect(report.exitStatus == .incomplete)
    // What is erased already needs no act.
    #expect(try log.erase([20, 21]).entries == 0)
    #expect(try log.verify().entries == report.entries)
  }

  @Test func theOpenSegmentIsSealedFirst() throws {
    let log = try ActLog()
    let session = WriterSession(try log.open())
    try session.record([#"{"type":"heartbeat"}"#])
    try session.close()
    let writer = try log.open()
    let first = writer.tree.size
    try ActLog.append(5, writer, try SegmentPlan())
    try writer.commit()
    let open = WriterSession(writer)
    let key = try LogCreation.readKey(log.keyPath)
    let act = EraseAct(log.path, entries: [first + 1], authority: "a", reason: "b", approver: "c")
    let outcome = try act.run(open, key: key)
    #expect(outcome.entries == 1)
    try open.close()
    #expect(try !log.holds(first + 1))
    #expect(try log.damage() == [])
  }

  @Test func controlEntriesAndEntriesThatAreNotThereAreRefusedAndNothingIsChanged() throws {
    let log = try ActLog()
    try log.withSession { session, key in
      for entries in [[0], [5, 0], [9999], [5, 9999]] as [[UInt64]] {
        let act = EraseAct(log.path, entries: entries, authority: "a", reason: "b", approver: "c")
        let failure = Self.failure { try act.run(session, key: key) }
        #expect(failure is ActError, "\(entries)")
      }
      let act = EraseAct(log.path, entries: [5], authority: "a", reason: "b", approver: "c")
      let outcome = try act.run(session, key: key, isDryRun: true)
      #expect(outcome.entries == 1)
    }
    #expect(try log.holds(5))
    #expect(try log.verify().findings == [])
  }

  private static func failure<R>(_ body: () throws -> R) -> (any Error)? {
    do { _ = try body() } catch { return error }
    return nil
  }

  // MARK: Crashes

  /// The states that a crash can leave, from the first step to the last.
  private static func states(_ log: ActLog, _ entries: [UInt64]) throws -> [(String, [String: [UInt8]])] {
    var states: [(String, [String: [UInt8]])] = []
    func keep(_ name: String) throws { states.append((name, try log.files())) }
    try keep("before")
    let key = try LogCreation.readKey(log.keyPath)
    let prepared = try Erasure.prepare(log.path, first: 2, erasing: entries.map { $0..<$0 + 1 }, key: key)
    let whole = try log.files()
    let rewrite = FileNames.name(2, .rewrite), pending = Amendment.pendingName(2)
    var torn = whole
    torn[pending] = nil
    torn[rewrite] = Array((whole[rewrite] ?? []).dropLast(100))
    states.append(("the segment half written", torn))
    torn[rewrite] = whole[rewrite]
    states.append(("no amendment yet", torn))
    torn[pending] = Array((whole[pending] ?? []).prefix(40))
    states.append(("half an amendment", torn))
    try keep("prepared")
    let session = WriterSession(try log.open())
    // Opening the log has rolled it back; the act goes on.
    try log.put(whole[rewrite], log.path + "/" + rewrite)
    try log.put(whole[pending], log.path + "/" + pending)
    let list = entries.map { "[\($0),\($0 + 1)]" }.joined(separator: ",")
    try session.record([
      #"{"type":"erased","segment":"\#(prepared.amendment.segment)","first":2,"end":303,"entries":[\#(list)],"#
        + #""authority":"a","reason":"b","approver":"c","amendment":"\#(prepared.amendment.textHash.base64)"}"#
    ])
    try session.close()
    try keep("recorded")
    let parent = try Directory(log.path)
    try parent.rename(pending, to: FileNames.name(2, .amendment))
    try keep("amendment in place")
    try parent.rename(rewrite, to: FileNames.name(2, .segment))
    try keep("carried out")
    return states
  }

  @Test(arguments: [false, true])
  func whereverItStopsTheNextStartDoesTheRestOrNothing(isSecond: Bool) throws {
    let log = try ActLog()
    if isSecond { try log.erase([40]) }
    let states = try Self.states(log, [33])
    for (place, (name, files)) in states.enumerated() {
      try log.restore(files)
      let isRecorded = place >= 5
      let report = try log.verify()
      #expect(report.isIntact, "\(name): \(report.findings)")
      #expect(
        report.exitStatus == (isRecorded || isSecond ? .incomplete : .fine), "\(name): \(report.findings)")
      if isRecorded, place < 7 {
        let pending = report.findings.filter { $0.text.contains("not carried out yet") }
        #expect(pending.map(\.entries) == [33..<34], "\(name): \(report.findings)")
      }
      try log.open().close()
      #expect(try log.holds(33) == !isRecorded, "\(name)")
      let after = try log.verify()
      #expect(after.isIntact, "\(name): \(after.findings)")
      // The key store is that of a later state.
      #expect(
        Set(after.findings.filter { $0.kind != .keyBreak }.map(\.entries))
          == Set((isRecorded ? [33..<34] : []) + (isSecond ? [40..<41] : [])),
        "\(name): \(after.findings)")
      #expect(!after.findings.contains { $0.text.contains("not carried out") })
      let left = try log.files().keys.filter { $0.hasSuffix(".rewrite") || $0.hasSuffix(".new") }
      #expect(left == [], "\(name)")
    }
  }

  // MARK: Forgeries

  /// A log with entries 5 and 6 erased, what it was before, and its files.
  private static func erased() throws -> (ActLog, before: [String: [UInt8]], after: [String: [UInt8]]) {
    let log = try ActLog()
    let before = try log.files()
    try log.erase([5, 6])
    return (log, before, try log.files())
  }

  @Test func rowsErasedWithoutAnEntryAreDamage() throws {
    let (log, _, files) = try Self.erased()
    // The key's thief erases one more, and signs the amendment, but cannot write the log's past.
    let key = try LogCreation.readKey(log.keyPath)
    _ = try Erasure.prepare(log.path, first: 2, erasing: [9..<10], key: key)
    try Erasure.carryOut(log.path, first: 2)
    let found = try log.damage()
    #expect(found.contains { $0.kind == .erased && $0.entries == 9..<10 }, "\(found)")
    #expect(found.contains { $0.kind == .break && $0.file == FileNames.name(2, .amendment) }, "\(found)")
    try log.restore(files)
    #expect(try log.damage() == [])
  }

  @Test func anEntryThatNamesOtherRowsAllowsNothing() throws {
    let log = try ActLog()
    let key = try LogCreation.readKey(log.keyPath)
    let prepared = try Erasure.prepare(log.path, first: 2, erasing: [9..<10], key: key)
    let rewrite = try log.read(log.name(2, .rewrite))
    let pending = try log.read(log.path + "/" + Amendment.pendingName(2))
    let session = WriterSession(try log.open())
    try session.record([
      #"{"type":"erased","segment":"\#(prepared.amendment.segment)","first":2,"end":303,"entries":[[10,12]],"#
        + #""authority":"a","reason":"b","approver":"c","amendment":"\#(prepared.amendment.textHash.base64)"}"#
    ])
    try session.close()
    try log.put(rewrite, log.name(2, .rewrite))
    try log.put(pending, log.path + "/" + Amendment.pendingName(2))
    try Erasure.carryOut(log.path, first: 2)
    let found = try log.damage()
    #expect(found.contains { $0.kind == .erased && $0.entries == 9..<10 }, "\(found)")
  }

  @Test func theOldFilePutBackIsFound() throws {
    let (log, before, after) = try Self.erased()
    let segment = FileNames.name(2, .segment), amendment = FileNames.name(2, .amendment)
    // With the amendment and without it.
    for keeps in [true, false] {
      try log.restore(after)
      try log.put(before[segment], log.path + "/" + segment)
      if !keeps { try log.put(nil, log.path + "/" + amendment) }
      let found = try log.damage()
      #expect(found.contains { $0.kind == .break && $0.entries == 5..<7 }, "\(found)")
    }
    // An erased file of before, with its amendment.
    try log.restore(after)
    try log.erase([50])
    try log.put(after[segment], log.path + "/" + segment)
    #expect(try !log.damage().isEmpty)
    try log.put(after[amendment], log.path + "/" + amendment)
    let found = try log.damage()
    #expect(found.contains { $0.kind == .break && $0.entries == 50..<51 }, "\(found)")
  }

  @Test func aForgedOrMissingAmendmentIsFound() throws {
    let (log, _, after) = try Self.erased()
    let name = FileNames.name(2, .amendment)
    let note = String(decoding: after[name] ?? [], as: UTF8.self)
    var forgeries: [[UInt8]?] = [nil, [], Array("no note".utf8), after[FileNames.name(2, .seal)]]
    forgeries.append(Array(note.replacing("number 1", with: "number 2").utf8))
    forgeries.append(Array(note.split(separator: "\n\n")[0].utf8) + [10, 10])
    for forged in forgeries {
      try log.restore(after)
      try log.put(forged, log.path + "/" + name)
      let found = try log.damage()
      #expect(found.contains { $0.file == name }, "\(found)")
    }
    // Signed by another log's key.
    let other = try ActLog()
    try other.erase([5, 6])
    try log.put(try other.read(other.name(2, .amendment)), log.path + "/" + name)
    #expect(try log.damage().contains { $0.file == name && $0.kind == .badSignature })
  }

  @Test func oneChangedByteOfAnAmendedFileIsFound() throws {
    let (log, _, after) = try Self.erased()
    let name = FileNames.name(2, .segment)
    let bytes = after[name] ?? []
    for offset in stride(from: 0, to: bytes.count, by: bytes.count / 40) {
      var changed = bytes
      changed[offset] ^= 1
      try log.put(changed, log.path + "/" + name)
      #expect(try log.verify().exitStatus == .damage, "\(offset)")
    }
  }

  @Test func aRecordThatNoCheckpointCoversAllowsNothing() throws {
    let log = try ActLog()
    let checkpoint = try log.read(log.path + "/checkpoint")
    try log.erase([5])
    #expect(try log.damage() == [])
    // Everything behind the erasure's segment is cut off, and the old checkpoint put back.
    let end = UInt64(2 + ActLog.sizes.reduce(0) { $0 + $1 + 1 })
    for kind in [FileNames.Kind.segment, .seal] { try log.put(nil, log.name(end, kind)) }
    try log.put(checkpoint, log.path + "/checkpoint")
    #expect(try log.damage().contains { $0.kind == .erased && $0.entries == 5..<6 })
  }
}

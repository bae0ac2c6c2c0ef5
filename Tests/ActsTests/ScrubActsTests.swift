import Bytes
import Collector
import Inspect
import Platform
import SegmentWriter
import Segments
import TestSupport
import Testing

/// A scrub of a log of which something was taken away.
@Suite struct ScrubActsTests {
  private static func scrub(_ log: ActLog) throws -> (segments: Int?, findings: [Finding]) {
    var findings: [Finding] = []
    let scrubber = Scrubber(log.path, rate: 1 << 30) { _ in false }
    let round = try scrubber.round { findings.append($0) }
    return (round?.segments, findings)
  }

  private static func flip(_ log: ActLog, _ file: String, _ offset: Int) throws {
    var bytes = try #require(try log.read(file))
    bytes[offset] ^= 1
    try log.put(bytes, file)
  }

  /// Nothing is wrong; then a byte of each file is changed, here and there.
  private static func check(_ log: ActLog, segments: Int, _ files: [String]) throws {
    let clean = try scrub(log)
    #expect(clean.segments == segments)
    #expect(clean.findings == [])
    for file in files {
      let size = try #require(try log.read(file)).count
      for offset in stride(from: 0, to: size, by: max(1, size / 7)) {
        try flip(log, file, offset)
        let found = try scrub(log)
        let name = String(file.dropFirst(log.path.utf8.count + 1))
        #expect(found.findings.contains { $0.file == name }, "\(name) at \(offset): \(found.findings)")
        #expect(found.segments == segments)
        try flip(log, file, offset)
      }
    }
    #expect(try scrub(log).findings == [])
  }

  @Test func anAmendedSegmentIsWhatItsAmendmentSays() throws {
    let log = try ActLog()
    try log.erase([7, 8])
    let segments = try log.files().keys.count { $0.hasSuffix(".segment") }
    try Self.check(log, segments: segments, [log.name(2, .segment), log.name(2, .amendment)])
  }

  @Test func anEncryptedSegmentNeedsItsKeyUntilThatIsDestroyed() throws {
    let log = try ActLog(recipients: [.ec])
    let act = ShredAct(log.path, index: 303, authority: "a", reason: "b", approver: "c")
    _ = try log.withSession { session, _ in try act.run(session) }
    let segments = try log.files().keys.count { $0.hasSuffix(".segment") }
    try Self.check(
      log, segments: segments, [log.name(2, .segment), log.name(2, .cms), log.name(303, .segment)])
    try log.put([UInt8](repeating: 0, count: 500), log.name(303, .cms))
    #expect(try Self.scrub(log).findings == [])
  }

  @Test func whatWasPrunedIsNoConcern() throws {
    let log = try ActLog()
    let removed = try log.prune(keep: 1).segments.count
    let segments = try log.files().keys.count { $0.hasSuffix(".segment") }
    #expect(removed > 3 && segments > 0)
    let last = try #require(try log.files().keys.filter { $0.hasSuffix(".segment") }.max())
    try Self.check(log, segments: segments, [log.path + "/" + last])
  }

  @Test func whatIsPrunedMeanwhileIsNoConcern() throws {
    let log = try ActLog()
    let isPruned = Flag()
    let act = PruneAct(log.path, RetentionPolicy(size: 1, text: "size 1"))
    let keyPath = log.keyPath
    var findings: [Finding] = []
    let scrubber = Scrubber(log.path, rate: 1 << 30) { _ in
      if !isPruned.value {
        isPruned.value = true
        guard let session = try? LogOpening.session(directory: act.path, keyPath: keyPath)
        else { return true }
        var table = HoldTable()
        guard (try? table.update(act.path)) != nil, let plan = try? act.plan(table) else { return true }
        try? act.run(session, table, plan)
        try? session.close()
      }
      return false
    }
    let round = try scrubber.round { findings.append($0) }
    #expect(isPruned.value && round != nil)
    #expect(findings == [])
  }
}

/// Set by the thread that reads it.
private final class Flag: @unchecked Sendable { var value = false }

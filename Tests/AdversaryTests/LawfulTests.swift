import Bytes
import Inspect
import MerkleLog
import Platform
import SegmentWriter
import Segments
import TestSupport
import Testing

/// What happens to logs without anybody's bad will, and must not be taken for it.
@Suite struct LawfulTests {
  /// Puts the files and the key store in place, lets a writer go on, and returns what it leaves.
  private static func goOn(
    _ log: GenuineLog, _ files: [String: [UInt8]], store: [UInt8]?,
    _ options: WriterOptions = WriterOptions(),
    _ body: (LogWriter) throws -> Void = { try $0.append(control: [#"{"type":"heartbeat"}"#]) }
  ) throws -> [String: [UInt8]] {
    try withTemporaryDirectory { path in
      try writeTree(files, to: path + "/log")
      if let store {
        try store.withView { try FileDescriptor(writing: path + "/" + GenuineLog.storeName).write($0) }
      }
      let writer = try GenuineLog.open(path, log.origin, options)
      try body(writer)
      try writer.close()
      return try readTree(path + "/log")
    }
  }

  private static func store(_ log: GenuineLog, _ number: Int = 6) -> [UInt8]? {
    log.moments[number][GenuineLog.storeName]
  }

  @Test(arguments: 0..<7) func aCrashAtAnyCheckpointIsSilent(_ number: Int) throws {
    let log = try GenuineLog.shared()
    let files = try Self.goOn(log, log.files(number), store: Self.store(log, number))
    let verdict = try log.judge(files, checkpoint: log.checkpoint(number))
    #expect(verdict.report.findings == [] && verdict.status == .fine)
  }

  @Test func aTornTailIsANote() throws {
    let log = try GenuineLog.shared()
    let name = FileNames.name(38, .open)
    for count in [1, 52, 333, 5000] {
      var files = log.files
      files[name]? += (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 41) }
      let verdict = try log.judge(files, checkpoint: log.checkpoint(6))
      #expect(verdict.kinds == [.tornTail] && verdict.status == .fine, "\(verdict.report.findings)")
      let healed = try log.judge(
        Self.goOn(log, files, store: Self.store(log)), checkpoint: log.checkpoint(6))
      #expect(healed.kinds.isSubset(of: [.leftOver]) && healed.status == .fine)
    }
  }

  @Test func aClockThatStepsAnHourForthAndBackIsSilent() throws {
    let log = try GenuineLog.shared()
    let hour: Int64 = 3_600_000_000_000
    let files = try Self.goOn(log, log.files, store: Self.store(log)) { writer in
      let plan = try #require(writer.plan ?? (try? writer.makePlan()))
      for step in [0, hour, -hour, 2 * hour, -3 * hour] {
        var lines = LogBuilder.lines(9, from: Int(writer.tree.size))
        for row in lines.indices {
          lines[row].metadata.time = Clock.realtime() + (row % 3 == 1 ? -step : step)
        }
        try GenuineLog.append(lines, writer, plan)
        try writer.checkpoint()
      }
    }
    let verdict = try log.judge(files, checkpoint: log.checkpoint(6))
    #expect(verdict.report.findings == [] && verdict.status == .fine)
    let times = try #require(verdict.report.receiveTimes)
    #expect(times.upperBound - times.lowerBound > 5 * hour)
  }

  @Test func smallAndJoinedSegmentsAreSilent() throws {
    let log = try GenuineLog.shared()
    var options = WriterOptions()
    options.segmentByteLimit = 1
    let files = try Self.goOn(log, log.files, store: Self.store(log), options) { writer in
      for _ in 0..<5 {
        try writer.finishSegment()
        let plan = try writer.makePlan()
        for _ in 0..<4 {
          try GenuineLog.append(LogBuilder.lines(3, from: Int(writer.tree.size)), writer, plan)
        }
      }
    }
    let verdict = try log.judge(files, checkpoint: log.checkpoint(6))
    #expect(verdict.report.findings == [] && verdict.status == .fine)
    #expect(verdict.report.sealedSegments >= 9)
  }

  /// A backup of log and key store together, as of any checkpoint: it is as if nothing had happened since.
  @Test func aBackupRestoredWithItsKeyStoreIsSilentByItself() throws {
    let log = try GenuineLog.shared()
    let files = try Self.goOn(log, log.files(3), store: Self.store(log, 3))
    #expect(try log.judge(files).report.findings == [])
    // What was lost is known to who kept a checkpoint; it is the same as a rollback.
    let told = try log.judge(files, checkpoint: log.checkpoint(6))
    #expect(told.status == .damage)
    #expect(!told.damageKinds.isDisjoint(with: [.rollback, .break]))
  }

  /// The log of a backup with today's key store, or with none: a new epoch, which is told and is no damage.
  @Test func aBackupRestoredWithoutItsKeyStoreBeginsAnEpoch() throws {
    let log = try GenuineLog.shared()
    for (store, word) in [(Self.store(log), "restored from a copy"), (nil, "lost")] {
      let files = try Self.goOn(log, log.files(3), store: store)
      let verdict = try log.judge(files, checkpoint: log.checkpoint(3))
      #expect(verdict.damage == [])
      #expect(verdict.kinds == [.keyBreak])
      #expect(verdict.status == .incomplete)
      #expect(verdict.report.findings.contains { $0.text.contains(word) })
      #expect(verdict.report.findings.allSatisfy { $0.entries != nil })
    }
  }

  /// `judge` copies the files to a directory of another name each time; here the key file comes along too.
  @Test func aCopiedLogWithoutItsTilesIsSilent() throws {
    let log = try GenuineLog.shared()
    let files = log.files.filter { !$0.key.hasPrefix(FileNames.tiles) }
    #expect(try log.judge(files).report.findings == [])
    let strange = try log.judge(files.merging(["notes.txt": [1, 2, 3]]) { $1 })
    #expect(strange.kinds == [.unknownFile] && strange.status == .fine)
  }
}

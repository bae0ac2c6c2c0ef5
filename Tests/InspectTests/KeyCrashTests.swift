import Bytes
import Inspect
import MerkleLog
import Platform
import SegmentWriter
import Segments
import TestSupport
import Testing

/// What becomes of a log whose writer dies between any two steps of a checkpoint, or loses its key store.
@Suite struct KeyCrashTests {
  /// A log in `path`/log; returns its keys.
  private static func create(_ path: String) throws -> LogKeys {
    let origin = try #require(KeyName("logs.example.com/live"))
    return try LogCreation.create(directory: path + "/log", origin: origin, keyPath: path + "/log.key")
  }

  private static func open(_ path: String) throws -> LogWriter {
    try LogWriter(directory: path + "/log", key: try LogCreation.readKey(path + "/log.key"))
  }

  /// A log whose writer stopped before a checkpoint, and the same after it.
  private static func aroundACheckpoint(_ path: String) throws -> (
    keys: LogKeys, before: [String: [UInt8]], after: [String: [UInt8]]
  ) {
    _ = try Directory(making: path)
    let keys = try create(path)
    let writer = try open(path)
    for number in 0..<3 {
      try writer.append(control: ["entry \(number)"])
      try writer.checkpoint()
    }
    try writer.append(control: ["last"])
    let before = try readTree(path)
    try writer.checkpoint()
    return (keys, before, try readTree(path))
  }

  /// Restores the files, lets a writer go on, and verifies with both keys.
  private static func goOn(_ path: String, _ files: [String: [UInt8]], _ keys: LogKeys) throws -> VerifyReport
  {
    try removeTree(path)
    try writeTree(files, to: path)
    let writer = try open(path)
    try writer.append(control: ["after the crash"])
    try writer.checkpoint()
    try writer.append(control: ["and more"])
    try writer.close()
    let report = try verify(path + "/log") { $0.keys = keys }
    let quick = try verify(path + "/log", quick: true) { $0.keys = keys }
    #expect(quick.exitStatus == report.exitStatus)
    return report
  }

  /// What was on the disk after each step: the key store, the log, the checkpoint.
  @Test func aCrashAtAnyStepOfACheckpointBreaksNoChain() throws {
    try withTemporaryDirectory { path in
      let (keys, before, after) = try Self.aroundACheckpoint(path + "/a")
      let old = before["log.next"] ?? [], new = after["log.next"] ?? []
      // Both keys are there from the first step to the last: each has its own sectors.
      var both = old
      for (place, byte) in new.enumerated() where byte != 0 { both[place] = byte }
      #expect(both != old && both != new)
      let changed = both.indices.filter { both[$0] != old[$0] }
      var torn = old
      for place in changed.prefix(changed.count / 2) { torn[place] = both[place] }
      func files(_ store: [UInt8], log: [String: [UInt8]], checkpoint: [String: [UInt8]]) -> [String: [UInt8]]
      {
        var files = log
        files["log/checkpoint"] = checkpoint["log/checkpoint"]
        files["log.next"] = store
        return files
      }
      let steps = [
        ("nothing", files(old, log: before, checkpoint: before)),
        ("half of the next key", files(torn, log: before, checkpoint: before)),
        ("the next key", files(both, log: before, checkpoint: before)),
        ("its entry", files(both, log: after, checkpoint: before)),
        ("the checkpoint", files(both, log: after, checkpoint: after)),
        ("all", files(new, log: after, checkpoint: after)),
      ]
      for (step, files) in steps {
        let report = try Self.goOn(path + "/a", files, keys)
        #expect(report.findings.filter { $0.kind != .leftOver } == [], "\(step)")
        #expect(report.keyEpochs == 0, "\(step)")
        #expect(report.oneTimeSignatures >= 6, "\(step)")
        let store = try readTree(path + "/a")["log.next"] ?? []
        #expect(changed.contains { store[$0] != both[$0] }, "the key that signed is erased: \(step)")
      }
      // The writer must not sign what it cannot prove: the checkpoint is lost with its key.
      let lost = try Self.goOn(path + "/a", files(new, log: after, checkpoint: before), keys)
      #expect(lost.findings.map(\.kind) == [.keyBreak])
    }
  }

  @Test func aLostKeyStoreAndAnOlderLogBeginAnEpochThatVerifyTells() throws {
    try withTemporaryDirectory { path in
      let (keys, before, after) = try Self.aroundACheckpoint(path + "/a")
      var lost = after
      lost["log.next"] = nil
      var report = try Self.goOn(path + "/a", lost, keys)
      // Both chains begin anew: that of the checkpoints and that of the seals.
      #expect(report.findings.map(\.kind) == [.keyBreak, .keyBreak], "\(report.findings)")
      #expect(report.exitStatus == .incomplete)
      #expect(report.keyEpochs == 2)
      report.cosignedSize = report.entries.upperBound
      #expect(report.exitStatus == .fine)

      var older = before
      older["log.next"] = after["log.next"]
      report = try Self.goOn(path + "/a", older, keys)
      #expect(report.findings.map(\.kind) == [.keyBreak])
      #expect(report.findings.first?.text.contains("restored from a copy, or rolled back") ?? false)
      #expect(report.exitStatus == .incomplete)
    }
  }

  @Test func theKeyStoreOfAnotherLogIsRefusedAndKept() throws {
    try withTemporaryDirectory { path in
      _ = try Self.create(path)
      let origin = try #require(KeyName("logs.example.com/other"))
      try LogCreation.create(directory: path + "/other", origin: origin, keyPath: path + "/other.key")
      let store = try readTree(path)["other.next"] ?? []
      try write(store, to: path + "/log.next")
      #expect {
        _ = try Self.open(path)
      } throws: { error in
        if case .wrongKeyStore? = error as? WriteError { true } else { false }
      }
      #expect(try readTree(path)["log.next"] == store)
    }
  }

  @Test func whatWitnessesSaidGoesIntoTheNextEntryOnce() throws {
    try withTemporaryDirectory { path in
      let keys = try Self.create(path)
      let writer = try Self.open(path)
      writer.nextKey.cosignatures = ["\u{2014} witness.example/w AAAA"]
      for _ in 0..<2 {
        try writer.append(control: ["x"])
        try writer.checkpoint()
      }
      try writer.close()
      #expect(try verify(path + "/log") { $0.keys = keys }.findings == [])
      #expect(writer.nextKey.cosignatures == [])
    }
  }
}

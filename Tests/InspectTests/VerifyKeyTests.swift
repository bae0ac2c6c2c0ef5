import Bytes
import Cryptography
import Inspect
import MerkleLog
import Platform
import SegmentReader
import Segments
import TestSupport
import Testing

/// What someone does who has stolen the log's private key, and the one-time key of that moment.
@Suite struct VerifyKeyTests {
  private static func check(_ path: String, _ log: LogBuilder) throws -> [Finding] {
    let report = try verify(path, threads: 2) {
      $0.key = log.key
      $0.firstKey = log.keys.first
    }
    #expect(damage(report).isEmpty || report.exitStatus == .damage)
    return damage(report)
  }

  @Test func everySignatureOfACleanLogIsChecked() throws {
    try withTemporaryDirectory { path in
      let log = try buildLog(path)
      let report = try verify(path) {
        $0.key = log.key
        $0.firstKey = log.keys.first
      }
      #expect(report.findings == [])
      #expect(report.oneTimeSignatures == 6)
      #expect(report.oneTimeSeals == 3)
      #expect(report.firstKeySource == .given)
    }
  }

  /// As the log's own, the one that is trusted and the one that was given.
  @Test func theSignatureOfACheckpointThatIsAtHandSeveralTimesCountsOnce() throws {
    try withTemporaryDirectory { path in
      let log = try buildLog(path)
      let own = try LogDirectory(path).read(FileNames.checkpoint, limit: SignedNote.maximumSize)
      let report = try verify(path) {
        $0.key = log.key
        $0.firstKey = log.keys.first
        $0.since = own
        $0.checkpoint = own
      }
      #expect(report.findings == [])
      #expect(report.sinceCheckpoint == report.checkpoint)
      // Nothing else was looked at.
      #expect(report.oneTimeSignatures == 1)
    }
  }

  /// All hashes made anew and all signed by the origin key; the old one-time signatures are kept, for nobody
  /// can make others.
  @Test func aHistoryThatWasSignedAnewWithTheStolenKeyIsFound() throws {
    try withTemporaryDirectory { path in
      let log = try buildLog(path)
      for place in 0..<3 {
        var tree = CompactRange()
        var previous: Digest?
        for (number, segment) in log.segments.enumerated() {
          var segment = segment
          segment.tree = tree
          if number == place { segment.blocks[0][5].raw[0] ^= 1 }
          let encoded = try LogBuilder.encode(segment, origin: "\(log.origin)")
          tree = encoded.tree
          log.previousSeal = previous
          let seal = try log.seal(encoded)
          previous = seal.textHash
          var note = try SignedNote(text: Array(seal.text.utf8))
          try note.sign(with: log.signer)
          // He has the key of the seal that was to come.
          if number == 2 { try note.sign(with: log.sealKey(2)) }
          try log.write(note.bytes, to: FileNames.name(UInt64(number * 20), .seal))
          try log.write(encoded.file, to: FileNames.name(UInt64(number * 20), .segment))
        }
        var signed = try SignedCheckpoint(
          Checkpoint(origin: log.origin, size: tree.size, root: tree.root), signedBy: log.signer)
        try signed.sign(with: log.oneTimeKey(5))
        try log.write(signed.note.bytes, to: FileNames.checkpoint)
        let found = try Self.check(path, log)
        #expect(
          found.contains { $0.kind == .badSignature && $0.file?.hasSuffix(".segment") ?? false }, "\(found)")
      }
    }
  }

  /// Another chain of one-time keys throughout, under the same origin key.
  @Test func aLogWithOtherOneTimeKeysIsFoundByTheFirstKey() throws {
    try withTemporaryDirectory { path in
      _ = try Directory(making: path + "/forged")
      let log = try buildLog(path + "/forged")
      let other = try buildLog(path, [.finished], seed: 9)
      let report = try verify(path + "/forged") {
        $0.key = log.key
        $0.firstKey = other.keys.first
      }
      #expect(damage(report).contains { $0.kind == .badKey })
      #expect(damage(report).contains { $0.kind == .badSignature && $0.file == FileNames.name(0, .seal) })
    }
  }

  /// Entries that the origin key signs, but that the writer never makes.
  @Test func keyEntriesThatAreRepeatedExchangedOrLackTheirSignatureAreFound() throws {
    let key = try #require([UInt8](repeating: 7, count: 32).withView { PublicKey($0) })
    let entries = [
      KeyRecord(number: 5, key: key, signature: nil).text,
      KeyRecord(number: 2, key: key, signature: nil).text,
      KeyRecord(number: 1, key: key, signature: nil).text,
      #"{"type":"key"}"#.replacing("key\"}", with: "key\",\"x\":1}"),
      KeyEpochRecord(epoch: 1, number: 2, key: key, reason: .lost, size: 21, root: .zero).text,
    ]
    for text in entries {
      try withTemporaryDirectory { path in
        let log = try LogBuilder(path)
        try log.append(LogBuilder.lines(9) + [LogBuilder.key])
        try log.append(LogBuilder.lines(9, from: 9) + [LogBuilder.key])
        try log.append([LogBuilder.control(text)])
        try log.append(LogBuilder.lines(3, from: 30) + [LogBuilder.key])
        try log.finish(.open)
        try log.writeCheckpoint()
        let found = try Self.check(path, log)
        #expect(found.contains { $0.kind == .break && $0.entries == 20..<21 }, "\(text): \(found)")
      }
    }
  }

  @Test func aLogWithoutKeyEntriesDoesNotPass() throws {
    try withTemporaryDirectory { path in
      let log = try LogBuilder(path)
      try log.append(LogBuilder.lines(10))
      try log.finish(.open)
      try log.writeCheckpoint()
      let found = try Self.check(path, log)
      #expect(found.map(\.kind) == [.break])
      #expect(found.first?.file == FileNames.checkpoint)
    }
  }

  /// The right tree, but not signed by the key that was there when it was written.
  @Test func aCheckpointWithoutItsOneTimeSignatureIsFound() throws {
    try withTemporaryDirectory { path in
      let log = try buildLog(path)
      let good = try log.checkpoint().withView { try SignedCheckpoint($0, key: log.key) }
      for signer in [nil, 4, 6] as [UInt64?] {
        var signed = try SignedCheckpoint(good.checkpoint, signedBy: log.signer)
        if let signer { try signed.sign(with: log.oneTimeKey(signer)) }
        try log.write(signed.note.bytes, to: FileNames.checkpoint)
        let found = try Self.check(path, log)
        #expect(found.map(\.kind) == [.badSignature])
        #expect(found.first?.file == FileNames.checkpoint)
      }
    }
  }
}

import Bytes
import Cryptography
import Inspect
import MerkleLog
import Platform
import SegmentReader
import SegmentWriter
import Segments
import TestSupport
import Testing

/// Encrypted segments as the writer makes them, seals them, and finds them after a crash.
@Suite struct EncryptionTests {
  private static let open = FileNames.name(2, .open)
  private static let sealed = FileNames.name(2, .segment)

  private static func contains(_ files: [String: [UInt8]], _ text: String) -> [String] {
    let wanted = Array(text.utf8)
    return files.filter { file in
      file.value.indices.contains { file.value[$0...].starts(with: wanted) }
    }.map(\.key)
  }

  @Test func everyRecipientReadsTheMessagesAndEverybodyTheControlEntries() throws {
    try withTemporaryDirectory { directory in
      let log = try EncryptedLog(directory, recipients: [.rsa, .ec])
      try log.fill()
      #expect(Self.contains(try readTree(log.path), "SECRET") == [])
      for identity in [TestIdentity.rsa, .ec] {
        let texts = try log.texts(identity)
        for index in [2, 4, 6, 8] { #expect(texts[index] == "\(EncryptedLog.message) \(index)") }
        let reader = try LogReader(log.path, key: log.key, recipient: try identity.recipientKey())
        for index in [2, 3, 8] as [UInt64] {
          let proof = try Prover(reader).prove(index, disclose: true).bytes
          _ = try proof.withView { try CheckedProof($0, key: log.key) }
        }
      }
      for reader in [
        try LogReader(log.path), try LogReader(log.path, recipient: try TestIdentity.stranger.recipientKey()),
      ] {
        #expect(String(decoding: try reader.entry(3).raw, as: UTF8.self) == #"{"type":"heartbeat"}"#)
        #expect(throws: LogError.closed(file: Self.sealed, first: 4, count: 1)) { try reader.entry(4) }
        #expect(throws: LogError.self) { try Prover(reader).prove(4, disclose: false) }
        #expect(try reader.searchBlocks().map(\.firstIndex) == [0, 3, 5, 7, 9])
      }
      let reader = try LogReader(log.path, recipient: try TestIdentity.ec.recipientKey())
      let search = BlockSearch(SearchQuery())
      var found: [UInt64] = []
      for block in try reader.searchBlocks() {
        if let hits = try search.hits(in: block) { found += (0..<hits.count).map { hits.index($0) } }
      }
      #expect(found == [2, 4, 6, 8])
    }
  }

  @Test func aKeyIsKeptUntilItsSegmentIsSealedAndNoLonger() throws {
    try withTemporaryDirectory { directory in
      let log = try EncryptedLog(directory)
      #expect(try EncryptedLog.taken(log.keysPath) == 0)
      let writer = try log.open()
      let plan = try writer.makePlan()
      let secret = plan.key?.withView { $0.array } ?? []
      try EncryptedLog.append(3, writer, plan)
      #expect(try EncryptedLog.taken(log.keysPath) == 1)
      #expect(try EncryptedLog.store(log.keysPath).contains(secret))
      try writer.finishSegment()
      try writer.waitForSeals()
      #expect(try EncryptedLog.taken(log.keysPath) == 0, "wiped, to the last byte")
      try writer.close()
    }
  }

  /// Twelve segments wait for the sealer, which has eight places.
  @Test func aWriterWaitsForAPlaceForItsKey() throws {
    try withTemporaryDirectory { directory in
      let log = try EncryptedLog(directory)
      let writer = try log.open()
      for _ in 0..<12 { try EncryptedLog.append(1, writer, try writer.makePlan()) }
      try writer.close()
      #expect(try EncryptedLog.taken(log.keysPath) == 0)
      #expect(try log.texts(.ec).count == 26)
      let store = try KeyStore(creating: directory + "/eight", origin: log.key.name)
      let key = try SegmentKey.random()
      for index in 0..<8 as Range<UInt64> { #expect(try store.keep(key, of: index)) }
      #expect(try !store.keep(key, of: 8))
      #expect(try store.keep(SegmentKey.random(), of: 7), "in place of the older one")
      try store.forget(allBut: [7, 3])
      #expect(try EncryptedLog.taken(directory + "/eight") == 2)
      #expect(try store.key(of: 3)?.withView { $0.array } == key.withView { $0.array })
      #expect(try store.key(of: 7)?.withView { $0.array } != key.withView { $0.array })
      #expect(try store.key(of: 0) == nil)
    }
  }

  @Test func whatACrashLeavesIsSealedWithTheKeptKey() throws {
    try withTemporaryDirectory { directory in
      let log = try EncryptedLog(directory)
      let writer = try log.open()
      let plan = try writer.makePlan()
      for _ in 0..<5 { try EncryptedLog.append(2, writer, plan) }
      try writer.commit()
      let files = try readTree(log.path)
      let keys = try EncryptedLog.store(log.keysPath)
      var nonces = try EncryptedLog.nonces(try #require(files[Self.open]))
      #expect(nonces.count == 5)
      // The same crash twice: what is written again is never encrypted with a nonce that was used before.
      for round in 0..<2 {
        let copy = "\(directory)/copy\(round)"
        try writeTree(files, to: copy)
        try write(keys, to: copy + ".next")
        let recovered = try log.open(copy)
        #expect(recovered.recovery.unreadSegments == [])
        try recovered.close()
        #expect(try EncryptedLog.taken(copy + ".next") == 0)
        let sealed = try EncryptedLog.nonces(try #require(try readTree(copy)[Self.sealed]))
        #expect(sealed.count == 1, "the blocks were joined")
        nonces += sealed
        #expect(try log.texts(.ec, copy)[11] == "\(EncryptedLog.message) 11")
        let report = try verify(copy) { check in
          check.key = log.key
          check.recipient = try? TestIdentity.ec.recipientKey()
        }
        #expect(report.findings == [])
        #expect(report.closedEntries == 0)
      }
      #expect(Set(nonces).count == nonces.count)
    }
  }

  @Test func aSegmentWhoseKeyIsLostIsSealedByItsChain() throws {
    try withTemporaryDirectory { directory in
      let log = try EncryptedLog(directory)
      let writer = try log.open()
      let plan = try writer.makePlan()
      for _ in 0..<3 { try EncryptedLog.append(300, writer, plan) }
      try writer.append(control: [#"{"type":"heartbeat"}"#])
      try writer.checkpoint()
      let copy = directory + "/copy"
      try writeTree(try readTree(log.path), to: copy)
      // The one-time keys are in the same store, and are kept.
      let keys = try EncryptedLog.store(log.keysPath)
      let wiped = keys.indices.map { $0 < 5 * 512 ? keys[$0] : 0 }
      try write(wiped, to: copy + ".next")
      let recovered = try log.open(copy)
      #expect(recovered.recovery.unreadSegments == [2])
      #expect(recovered.recovery.unreadSegmentsText?.contains(Self.sealed) == true)
      try EncryptedLog.append(300, recovered, try recovered.makePlan())
      try recovered.close()
      #expect(try EncryptedLog.nonces(try #require(try readTree(copy)[Self.sealed])).count == 3)
      for recipient in [nil, try TestIdentity.ec.recipientKey()] {
        let report = try verify(copy) { check in
          check.key = log.key
          check.recipient = recipient
        }
        #expect(report.findings == [])
        #expect(report.closedEntries == (recipient == nil ? 1200 : 0))
      }
      let reader = try LogReader(copy, key: log.key, recipient: try TestIdentity.ec.recipientKey())
      let proof = try Prover(reader).prove(299, disclose: true).bytes
      _ = try proof.withView { try CheckedProof($0, key: log.key) }
    }
  }

  /// The steps before a segment's first block: key, sidecar, header.
  @Test func aCrashBeforeTheFirstBlockLeavesNothingBehind() throws {
    try withTemporaryDirectory { directory in
      let log = try EncryptedLog(directory)
      let before = try readTree(log.path)
      let writer = try log.open()
      try EncryptedLog.append(1, writer, try writer.makePlan())
      let files = try readTree(log.path)
      let keys = try EncryptedLog.store(log.keysPath)
      let sidecar = FileNames.name(2, .cms)
      let segment = try #require(files[Self.open])
      let header = try segment.withView { try SegmentHeader.decode($0).size }
      for (step, size) in [("key", nil), ("sidecar", 0), ("torn header", header / 2), ("header", header)]
        as [(
          String, Int?
        )]
      {
        let copy = "\(directory)/\(step)"
        var left = before
        if size != nil { left[sidecar] = files[sidecar] }
        if let size, size > 0 { left[Self.open] = Array(segment.prefix(size)) }
        try writeTree(left, to: copy)
        try write(keys, to: copy + ".next")
        #expect(try damage(verify(copy) { $0.key = log.key }) == [], "\(step)")
        try log.open(copy).close()
        #expect(try EncryptedLog.taken(copy + ".next") == 0, "\(step)")
        let names = Set(try readTree(copy).keys).subtracting([FileNames.name(2, .torn)])
        #expect(names == Set(before.keys), "\(step)")
        let again = try log.open(copy)
        try EncryptedLog.append(2, again, try again.makePlan())
        try again.close()
        #expect(try log.texts(.ec, copy).count == 5, "\(step)")
      }
    }
  }
}

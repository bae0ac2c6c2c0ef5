import Bytes
import Cryptography
import Inspect
import MerkleLog
import Platform
import SegmentReader
import Segments
import TestSupport
import Testing

@Suite struct ProveTests {
  @Test func everyEntryIsProvedAndShownOnlyWhenDisclosed() throws {
    try withTemporaryDirectory { path in
      let log = try buildLog(path, [.finished, .finished, .open], checkpoint: 55)
      let prover = Prover(try LogReader(path))
      for index in 0..<55 {
        for disclose in [true, false] {
          let file = try prover.prove(UInt64(index), disclose: disclose).bytes
          let proof = try file.withView { try CheckedProof($0, key: log.key) }
          #expect(proof.index == UInt64(index))
          #expect(proof.checkpoint.size == 55)
          #expect(proof.signers == [log.key])
          #expect(proof.fields.metadata == log.entries[index].metadata)
          #expect(proof.fields.rawByteCount == log.entries[index].raw.count)
          #expect(proof.disclosure?.raw == (disclose ? log.entries[index].raw : nil))
          #expect(proof.disclosure?.envelope == (disclose ? log.entries[index].envelope : nil))
          let text = String(decoding: file, as: UTF8.self)
          #expect(text.hasPrefix("c2sp.org/tlog-proof@v1\nextra "))
        }
      }
      #expect(throws: LogError.notCommitted(index: 55, size: 55)) { try prover.prove(55, disclose: false) }
      #expect(throws: LogError.notCommitted(index: .max, size: 55)) {
        try prover.prove(.max, disclose: false)
      }
    }
  }

  /// Whatever is changed in a proof file, it proves nothing else.
  @Test func everyChangedBitOfAProofIsRefused() throws {
    try withTemporaryDirectory { path in
      let log = try buildLog(path)
      let prover = Prover(try LogReader(path))
      for disclose in [false, true] {
        let file = try prover.prove(23, disclose: disclose).bytes
        let good = try file.withView { try CheckedProof($0, key: log.key) }
        // The one-time signature stands in the last line, and nobody who has a proof alone knows its key.
        let end = (file.dropLast().lastIndex(of: 0x0A) ?? 0) * 8
        for bit in 0..<end {
          var bytes = file
          bytes[bit / 8] ^= 1 << UInt8(bit % 8)
          guard let proof = try? bytes.withView({ try CheckedProof($0, key: log.key) }) else { continue }
          // Nothing vouches for the source's name.
          #expect(
            proof.index == good.index && proof.fields == good.fields && proof.checkpoint == good.checkpoint)
          #expect(proof.disclosure?.raw == good.disclosure?.raw, "bit \(bit)")
          #expect(disclose && proof.disclosure?.sourceName != "test", "bit \(bit)")
        }
        for size in 0..<file.count where size != end / 8 + 1 {
          #expect(throws: ProofCheckError.self) {
            try Array(file.prefix(size)).withView { try CheckedProof($0, key: log.key) }
          }
        }
      }
    }
  }

  @Test func aProofIsOnlyGoodForItsLog() throws {
    try withTemporaryDirectory { path in
      for name in ["/log", "/other"] { _ = try Directory(making: path + name) }
      _ = try buildLog(path + "/log")
      let other = try buildLog(path + "/other", seed: 7)
      let file = try Prover(try LogReader(path + "/log")).prove(3, disclose: true).bytes
      #expect(throws: ProofCheckError.self) { try file.withView { try CheckedProof($0, key: other.key) } }
    }
  }

  @Test func aMessageThatWasExchangedIsRefused() throws {
    try withTemporaryDirectory { path in
      let log = try buildLog(path)
      let prover = Prover(try LogReader(path))
      let one = try prover.prove(3, disclose: true)
      let other = try prover.prove(4, disclose: true)
      let mixed = InclusionProofFile(
        extra: other.extra, index: one.index, hashes: one.hashes, checkpoint: one.checkpoint)
      #expect(throws: ProofCheckError.self) {
        try mixed.bytes.withView { try CheckedProof($0, key: log.key) }
      }
      let bytes = try #require(one.extra)
      let otherBytes = try #require(other.extra)
      var extra = try bytes.withView { try ProofExtra($0) }
      extra.disclosure = try otherBytes.withView { try ProofExtra($0) }.disclosure
      let shown = InclusionProofFile(
        extra: extra.bytes, index: one.index, hashes: one.hashes, checkpoint: one.checkpoint)
      #expect(throws: ProofCheckError.commitment) {
        try shown.bytes.withView { try CheckedProof($0, key: log.key) }
      }
      let bare = InclusionProofFile(
        extra: nil, index: one.index, hashes: one.hashes, checkpoint: one.checkpoint)
      #expect(throws: ProofCheckError.noEntry) {
        try bare.bytes.withView { try CheckedProof($0, key: log.key) }
      }
    }
  }

  /// Damage of what is derived gives right proofs, damage of the entries none.
  @Test func noProofEverLeavesADamagedLogUnlessItIsRight() throws {
    try withTemporaryDirectory { path in
      let log = try LogBuilder(path)
      for number in 0..<3 {
        try log.append(LogBuilder.lines(300, from: number * 300))
        try log.finish()
      }
      try log.writeCheckpoint()
      let encoded = try log.segments.map { try LogBuilder.encode($0, origin: "\(log.origin)") }
      let wanted = try Prover(try LogReader(path)).prove(450, disclose: true).bytes
      // The hashes of groups in a footer, with the footer's own digest made anew.
      for (number, segment) in encoded.enumerated() {
        var groups = segment.groups.filter { $0.level == 8 }.map(\.hash)
        groups[0] = segment.chain
        let file = segment.file
        var footer = try file.withView { try SegmentFooter.decode($0).footer }
        footer.groups = groups
        var out = ByteBuffer()
        footer.encode(to: &out)
        try log.write(segment.bytes + out.view.array, to: FileNames.name(UInt64(300 * number), .segment))
      }
      #expect(try Prover(try LogReader(path)).prove(450, disclose: true).bytes == wanted)
      // The tree in a block's header.
      for (number, segment) in encoded.enumerated() {
        var bytes = segment.file
        bytes[segment.blockOffsets[0] + 104] ^= 1
        try log.write(bytes, to: FileNames.name(UInt64(300 * number), .segment))
      }
      #expect(try Prover(try LogReader(path)).prove(450, disclose: true).bytes == wanted)
      // The salts, and so every entry.
      var segment = log.segments[1]
      segment.blocks[0][150].raw[0] ^= 1
      let forged = try LogBuilder.encode(segment, origin: "\(log.origin)")
      try log.write(forged.file, to: FileNames.name(300, .segment))
      #expect(throws: LogError.rootMismatch(size: 900)) {
        try Prover(try LogReader(path)).prove(450, disclose: true)
      }
      #expect(throws: LogError.rootMismatch(size: 900)) {
        try Prover(try LogReader(path)).prove(10, disclose: true)
      }
    }
  }

  @Test func aLaterTreeIsProvedToExtendEveryEarlierOne() throws {
    try withTemporaryDirectory { path in
      let log = try buildLog(path)
      let prover = Prover(try LogReader(path))
      var tree = CompactRange()
      for size in 0...60 {
        let proof = try prover.consistency(UInt64(size), root: tree.root)
        try proof.verify(firstRoot: tree.root, secondRoot: log.tree.root)
        if size > 0, size < 60 {
          #expect(throws: LogError.rootMismatch(size: 60)) {
            try prover.consistency(
              UInt64(size), root: log.leaves[0] == tree.root ? log.leaves[1] : log.leaves[0])
          }
        }
        if size < 60 { tree.append(log.leaves[size]) }
      }
      #expect(throws: LogError.notCommitted(index: 61, size: 60)) {
        try prover.consistency(61, root: tree.root)
      }
    }
  }
}

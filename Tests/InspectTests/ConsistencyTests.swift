import Bytes
import Cryptography
import Inspect
import MerkleLog
import SegmentReader
import Segments
import TestSupport
import Testing

@Suite struct ConsistencyTests {
  private static func tree(_ note: [UInt8]) throws -> Prover.Tree {
    let signed = try note.withView { try SignedNote($0) }
    return .checkpoint(signed, try signed.text.withView { try Checkpoint($0) })
  }

  @Test func anyTwoCheckpointsAreProvedToBeOfOneLog() throws {
    try withTemporaryDirectory { path in
      let log = try buildLog(path, [.finished, .finished, .open], checkpoint: 55)
      let prover = Prover(try LogReader(path))
      for first in 0...55 {
        for second in [first, min(first + 1, 55), 32, 47, 55] where second >= first {
          let from = try Self.tree(log.checkpoint(first))
          let to = second == 55 ? nil : try Self.tree(log.checkpoint(second))
          let file = try prover.consistency(from: from, to: to).bytes
          let checked = try file.withView { try CheckedConsistency($0, key: log.key) }
          #expect(checked.first.size == UInt64(first) && checked.second.size == UInt64(second))
          #expect(checked.isFirstSigned && checked.isSecondSigned)
          #expect(checked.exitStatus == .fine)
        }
      }
    }
  }

  @Test func aTreeThatNobodySignedIsCalledSo() throws {
    try withTemporaryDirectory { path in
      let log = try buildLog(path)
      let prover = Prover(try LogReader(path))
      let signed = try prover.consistency(from: .size(17)).bytes
      let one = try signed.withView { try CheckedConsistency($0, key: log.key) }
      #expect(!one.isFirstSigned && one.isSecondSigned)
      #expect(one.exitStatus == .fine)
      var tree = CompactRange()
      for leaf in log.leaves.prefix(17) { tree.append(leaf) }
      #expect(one.first.root == tree.root)
      let unsigned = try prover.consistency(from: .size(17), to: .size(40)).bytes
      let two = try unsigned.withView { try CheckedConsistency($0, key: log.key) }
      #expect(!two.isSecondSigned)
      #expect(two.exitStatus == .incomplete)
    }
  }

  @Test func aCheckpointOfAnotherHistoryIsRefused() throws {
    try withTemporaryDirectory { path in
      let log = try buildLog(path)
      let prover = Prover(try LogReader(path))
      let forked = try SignedCheckpoint(
        Checkpoint(origin: log.origin, size: 30, root: log.leaves[0]), signedBy: log.signer)
      #expect(throws: LogError.rootMismatch(size: 30)) {
        try prover.consistency(from: .checkpoint(forked.note, forked.checkpoint))
      }
      #expect(throws: LogError.rootMismatch(size: 30)) {
        try prover.consistency(from: .size(3), to: .checkpoint(forked.note, forked.checkpoint))
      }
      #expect(throws: LogError.notCommitted(index: 60, size: 60)) { try prover.consistency(from: .size(61)) }
    }
  }

  /// Whatever is changed in a file, it proves nothing else.
  @Test func everyChangedBitAndEveryCutIsRefused() throws {
    try withTemporaryDirectory { path in
      let log = try buildLog(path)
      let file = try Prover(try LogReader(path)).consistency(from: Self.tree(log.checkpoint(23))).bytes
      let good = try file.withView { try CheckedConsistency($0, key: log.key) }
      for bit in 0..<file.count * 8 {
        var bytes = file
        bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        let checked = try? bytes.withView { try CheckedConsistency($0, key: log.key) }
        #expect(checked == nil || checked == good, "bit \(bit)")
      }
      // The last line is a signature by a one-time key, which who knows only the log's key passes over.
      let lastLine = try #require(file.dropLast().lastIndex(of: 0x0A)) + 1
      for size in 0..<file.count {
        let checked = try? Array(file.prefix(size)).withView { try CheckedConsistency($0, key: log.key) }
        // Without the second checkpoint it is what it says: signed on one side only.
        let isRefused = checked == nil || checked?.isSecondSigned == false
        #expect(size == lastLine ? checked == good : isRefused, "\(size) bytes")
      }
      let other = try LogBuilder(path, seed: 9).key
      #expect(throws: ConsistencyCheckError.self) {
        try file.withView { try CheckedConsistency($0, key: other) }
      }
    }
  }
}

import Bytes
import Cryptography
import MerkleLog
import SegmentReader

/// Makes proofs from a log. What leaves it has been checked against the checkpoint's root: hashes out of a
/// damaged cache or footer are noticed, and taken from the entries instead.
public struct Prover: Sendable {
  public let reader: LogReader

  /// Makes proofs up to the checkpoint that `reader` was opened with.
  public init(_ reader: LogReader) { self.reader = reader }

  /// The proof that the entry with that index is in the log: a file that can be checked without the log. It
  /// always holds the entry's 52 bytes; with `disclose` the message too, and what the transport knew of it.
  public func prove(_ index: UInt64, disclose: Bool) throws(LogError) -> InclusionProofFile {
    guard let signed = reader.checkpoint, index < signed.checkpoint.size else {
      throw .notCommitted(index: index, size: reader.committedSize)
    }
    let checkpoint = signed.checkpoint
    let (entry, proof) = try attempt(checkpoint) {
      (hashes: inout LogHashes) throws(LogError) -> (LogEntry, InclusionProof)? in
      try hashes.learnHeaders(around: index)
      let entry = try hashes.entry(index)
      let proof = try InclusionProof(index: index, size: checkpoint.size, from: &hashes)
      guard (try? proof.verify(leaf: entry.leaf, root: checkpoint.root)) != nil else { return nil }
      return (entry, proof)
    }
    let disclosure = ProofExtra.Disclosure(
      salt: entry.salt, envelope: entry.envelope, raw: entry.raw, sourceName: entry.sourceName ?? "")
    let extra = ProofExtra(entry: entry.entry, disclosure: disclose ? disclosure : nil)
    return InclusionProofFile(extra: extra.bytes, index: index, hashes: proof.hashes, checkpoint: signed.note)
  }

  /// The proof that the log at its checkpoint extends the one of `first` entries with that root.
  public func consistency(_ first: UInt64, root: Digest) throws(LogError) -> ConsistencyProof {
    guard let checkpoint = reader.checkpoint?.checkpoint, first <= checkpoint.size else {
      throw .notCommitted(index: first, size: reader.committedSize)
    }
    return try attempt(checkpoint) { (hashes: inout LogHashes) throws(LogError) -> ConsistencyProof? in
      if first > 0 { try hashes.learnHeaders(around: first - 1) }
      let proof = try ConsistencyProof(first: first, second: checkpoint.size, from: &hashes)
      let isGood = (try? proof.verify(firstRoot: root, secondRoot: checkpoint.root)) != nil
      return isGood ? proof : nil
    }
  }

  /// Tries with all that is quick, then with less, at last with nothing but the entries.
  private func attempt<Proof>(
    _ checkpoint: Checkpoint, _ make: (inout LogHashes) throws(LogError) -> Proof?
  ) throws(LogError) -> Proof {
    var failure = LogError.rootMismatch(size: checkpoint.size)
    for shortcuts in [LogHashes.Shortcuts.all, [.footers], []] {
      var hashes = LogHashes(reader, size: checkpoint.size, using: shortcuts)
      do throws(LogError) {
        if let proof = try make(&hashes) { return proof }
      } catch { failure = error }
    }
    throw failure
  }
}

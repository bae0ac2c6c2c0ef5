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
    let disclosure = entry.salt.map { salt in
      ProofExtra.Disclosure(
        salt: salt, envelope: entry.envelope, raw: entry.raw, sourceName: entry.sourceName ?? "")
    }
    if disclose, disclosure == nil { throw .erased(index: index) }
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

  /// One of the two trees that a consistency proof is about.
  public enum Tree: Sendable {
    /// That of so many entries.
    case size(UInt64)
    /// One whose checkpoint is at hand. Its signature is not verified.
    case checkpoint(SignedNote, Checkpoint)

    var size: UInt64 {
      switch self {
      case .size(let size): size
      case .checkpoint(_, let checkpoint): checkpoint.size
      }
    }
  }

  /// The proof that `second` (the log at its checkpoint when nil) extends `first`: a file that can be checked
  /// without the log. Throws `rootMismatch` with the size of a checkpoint whose root is not that of the
  /// log's entries.
  public func consistency(from first: Tree, to second: Tree? = nil) throws(LogError) -> ConsistencyProofFile {
    guard let own = reader.checkpoint else { throw .notCommitted(index: first.size, size: 0) }
    let end = own.checkpoint
    let trees = [first, second ?? .checkpoint(own.note, end)]
    for tree in trees where tree.size > end.size { throw .notCommitted(index: tree.size - 1, size: end.size) }
    return try attempt(end) { (hashes: inout LogHashes) throws(LogError) -> ConsistencyProofFile? in
      var heads: [ConsistencyProofFile.Head] = []
      var notes: [SignedNote] = []
      for tree in trees {
        if tree.size > 0 { try hashes.learnHeaders(around: tree.size - 1) }
        let root = try hashes.root(size: tree.size)
        // What the log's own checkpoint vouches for is the tree, be the hashes from where they may.
        let proof = try ConsistencyProof(first: tree.size, second: end.size, from: &hashes)
        guard (try? proof.verify(firstRoot: root, secondRoot: end.root)) != nil else { return nil }
        heads.append(ConsistencyProofFile.Head(size: tree.size, root: root))
        if case .checkpoint(let note, let checkpoint) = tree {
          guard checkpoint.root == root else { throw .rootMismatch(size: tree.size) }
          notes.append(note)
        } else if tree.size == end.size {
          notes.append(own.note)
        }
      }
      let proof = try ConsistencyProof(first: heads[0].size, second: heads[1].size, from: &hashes)
      if heads[0] == heads[1] { notes = Array(notes.prefix(1)) }
      return ConsistencyProofFile(first: heads[0], second: heads[1], hashes: proof.hashes, checkpoints: notes)
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

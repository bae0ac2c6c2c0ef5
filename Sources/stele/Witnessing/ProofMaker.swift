import Cryptography
import MerkleLog
import SegmentReader
import SegmentWriter
import Synchronization

/// Makes proofs of consistency up to a log's published checkpoint, each once. They are checked before anybody
/// else sees them: a witness that refuses one then says something about the log, not about a stale cache.
final class ProofMaker: Sendable {
  /// Why there is no proof.
  struct Unprovable: Error, CustomStringConvertible {
    var old: UInt64
    var size: UInt64
    var cause: String
    var description: String {
      "no proof from \(old) to \(size) entries can be made: \(cause); run `stele verify`"
    }
  }

  /// The checkpoint that proofs lead to, as it was published.
  let signed: SignedCheckpoint
  var checkpoint: Checkpoint { signed.checkpoint }
  private let reader: LogReader
  private let made = Mutex<[UInt64: [Digest]]>([:])

  /// Takes the newest checkpoint of the log in `directory`; nil when there is none. Of encrypted segments that
  /// are not sealed yet the keys are in the key store.
  init?(_ directory: String, keyStore path: String) throws(LogError) {
    let origin = try LogDirectory(directory).origin
    let store = origin.flatMap { KeyStore.reading(path, origin: $0) }
    reader = try LogReader(directory) { firstIndex in try? store?.key(of: firstIndex) }
    guard let signed = reader.checkpoint else { return nil }
    self.signed = signed
  }

  /// The hashes that prove that the tree extends that of its first `old` entries.
  func proof(from old: UInt64) throws(Unprovable) -> [Digest] {
    try made.withLock { (made) throws(Unprovable) in
      if let hashes = made[old] { return hashes }
      let hashes = try make(old)
      made[old] = hashes
      return hashes
    }
  }

  private func make(_ old: UInt64) throws(Unprovable) -> [Digest] {
    guard old > 0, old < checkpoint.size else { return [] }
    // The tiles are a cache that nothing vouches for.
    if let hashes = try? make(old, using: .all) { return hashes }
    do { return try make(old, using: [.headers, .footers]) } catch {
      throw Unprovable(old: old, size: checkpoint.size, cause: "\(error)")
    }
  }

  private func make(_ old: UInt64, using shortcuts: LogHashes.Shortcuts) throws -> [Digest] {
    var hashes = LogHashes(reader, size: checkpoint.size, using: shortcuts)
    try hashes.learnHeaders(around: old)
    let proof = try ConsistencyProof(first: old, second: checkpoint.size, from: &hashes)
    let root = try hashes.root(from: 0, to: old)
    try proof.verify(firstRoot: root, secondRoot: checkpoint.root)
    return proof.hashes
  }
}

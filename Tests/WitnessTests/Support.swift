import Bytes
import Cryptography
import MerkleLog
import Platform
import Testing
import Witness

/// A log in memory that signs whatever it is told to.
struct SmallLog: Sendable {
  let leaves: [Digest]
  let seed: UInt8
  let origin: String

  /// A log of `count` entries; those from `fork` on differ from any other log's.
  init(_ count: Int, fork: Int = .max, origin: String = "log.example/one", seed: UInt8 = 1) {
    leaves = (0..<count).map { number in
      Array("\u{0}event-\(number)\(number >= fork ? " forked" : "")".utf8).withView { SHA256.hash($0) }
    }
    self.origin = origin
    self.seed = seed
  }

  func key() throws -> VerifierKey { try signer().verifier }

  private func signer() throws -> SignerKey {
    var bytes = ByteBuffer()
    bytes.append([UInt8](repeating: seed, count: 32))
    return SignerKey(name: try #require(KeyName(origin)), key: try SigningKey(seed: bytes.view))
  }

  func root(_ size: Int) -> Digest {
    var tree = CompactRange()
    for leaf in leaves.prefix(size) { tree.append(leaf) }
    return tree.root
  }

  func note(_ size: Int) throws -> SignedNote {
    let signer = try signer()
    let checkpoint = Checkpoint(origin: signer.name, size: UInt64(size), root: root(size))
    return try SignedCheckpoint(checkpoint, signedBy: signer).note
  }

  func proof(_ old: Int, _ size: Int) throws -> [Digest] {
    var source = Leaves(leaves: leaves)
    return try ConsistencyProof(first: UInt64(old), second: UInt64(size), from: &source).hashes
  }

  /// The body of a request for a cosignature.
  func request(_ old: Int, _ size: Int) throws -> [UInt8] {
    AddCheckpoint(old: UInt64(old), proof: try proof(old, size), note: try note(size)).bytes
  }
}

private struct Leaves: HashSource {
  let leaves: [Digest]

  mutating func hash(level: Int, index: UInt64) throws(ProofError) -> Digest {
    var tree = CompactRange()
    for leaf in leaves[Int(index) << level..<(Int(index) + 1) << level] { tree.append(leaf) }
    return tree.root
  }
}

/// A witness at 1,700,000,000 seconds since 1970.
func makeWitness(
  _ state: String, _ logs: [VerifierKey], former: [LogKeys.Former] = [], seed: UInt8 = 200
) throws -> Witness {
  var bytes = ByteBuffer()
  bytes.append([UInt8](repeating: seed, count: 32))
  let name = try #require(KeyName("witness.example/one"))
  let key = CosignerKey(SignerKey(name: name, key: try SigningKey(seed: bytes.view)))
  return try Witness(key: key, state: state, logs: logs, former: former) { 1_700_000_000_000_000_000 }
}

extension Witness.Reply {
  var text: String { String(decoding: body, as: UTF8.self) }
}

import Bytes
import Cryptography
import MerkleLog
import Testing

extension String {
  var utf8Bytes: [UInt8] { Array(utf8) }
}

/// RFC 6962 leaf hash of any bytes.
func leafHash(_ bytes: [UInt8]) -> Digest { ([0] + bytes).withView { SHA256.hash($0) } }

func digest(_ base64: String) throws -> Digest {
  let bytes = try base64.utf8Bytes.withView { try Base64.decode($0) }
  return try #require(bytes.withView { Digest($0) })
}

func digests(_ base64: String...) throws -> [Digest] {
  var digests: [Digest] = []
  for text in base64 { digests.append(try digest(text)) }
  return digests
}

func flipped(_ digest: Digest, bit: Int) -> Digest {
  var bytes = digest.array
  bytes[bit / 8] ^= 1 << (bit % 8)
  return bytes.withView { Digest($0, at: 0) }
}

/// `count` different leaf hashes.
func leaves(_ count: Int) -> [Digest] { (0..<count).map { leafHash("event-\($0)".utf8Bytes) } }

/// The root by the recursion of RFC 6962 section 2.1, word for word.
func naiveRoot(_ leaves: ArraySlice<Digest>) -> Digest {
  if leaves.isEmpty { return ByteView().hashed }
  if leaves.count == 1 { return leaves[leaves.startIndex] }
  var k = 1
  while k * 2 < leaves.count { k *= 2 }
  let middle = leaves.startIndex + k
  return SHA256.node(naiveRoot(leaves[..<middle]), naiveRoot(leaves[middle...]))
}

extension ByteView {
  var hashed: Digest { SHA256.hash(self) }
}

/// All leaves in memory. Fails on a subtree that is not complete in the first `size` leaves.
struct LeafSource: HashSource {
  struct Incomplete: Error {
    let level: Int
    let index: UInt64
  }
  let leaves: [Digest]
  let size: Int
  var asked = 0

  mutating func hash(level: Int, index: UInt64) throws(Incomplete) -> Digest {
    asked += 1
    let start = Int(index) << level
    let end = start + (1 << level)
    guard end <= size else { throw Incomplete(level: level, index: index) }
    return naiveRoot(leaves[start..<end])
  }
}

/// The vectors of a small log whose key's seed is the bytes 0 to 31.
enum Vectors {
  static let origin = "lbaudit.example/node1"
  static let vkey = "lbaudit.example/node1+88afa1b2+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
  static let witness = "witness.example/w1+20324abe+BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X"
  static let text = "lbaudit.example/node1\n5\nC3TUMA55gFbNSHKLT7AenxWtPgp5UPvFiXT/Z1MnHSQ=\n"
  static let signature =
    "— lbaudit.example/node1 iK+hsl5jvbh+KOn0xoY+Rhu50OHRKOt5sNfVO38V2osz305Pgwg9MbE1Ule5WdsoRX89zr8pVSjk4VYry5P3Se/rhQ8=\n"
  static let cosignature =
    "— witness.example/w1 IDJKvgAAAABlU/EAl5Xa8GrMyseL01tAZCk/gnWkoHTY8OdL6bnkQDYD9mclnz5KIgPwtMSPRx8usu8EJEqoZ/N+rIdyi4noCLY9AQ==\n"
  static let note = text + "\n" + signature

  static func signer() throws -> SignerKey {
    var seed = ByteBuffer()
    seed.append((0..<32).map { UInt8($0) })
    let name = try #require(KeyName(origin))
    return SignerKey(name: name, key: try SigningKey(seed: seed.view))
  }

  static func key() throws -> VerifierKey { try VerifierKey(vkey) }
}

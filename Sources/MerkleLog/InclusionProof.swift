import Cryptography

/// Proof that one leaf is in a tree (RFC 9162 section 2.1.3).
public struct InclusionProof: Hashable, Sendable {
  /// Index of the leaf.
  public let index: UInt64
  /// Number of leaves of the tree.
  public let size: UInt64
  /// The hashes that lead from the leaf to the root, the leaf's sibling first. At most 64.
  public let hashes: [Digest]

  /// A proof that came from elsewhere and is still to be verified.
  public init(index: UInt64, size: UInt64, hashes: [Digest]) {
    self.index = index
    self.size = size
    self.hashes = hashes
  }

  /// Makes the proof from the tree's hashes (RFC 9162 section 2.1.3.1). Traps unless `index < size`.
  public init<Source: HashSource & ~Copyable>(
    index: UInt64, size: UInt64, from source: inout Source
  ) throws(Source.Failure) {
    precondition(index < size)
    var hashes: [Digest] = []
    var (start, end) = (UInt64(0), size)
    while end - start > 1 {
      let middle = start + split(end - start)
      if index < middle {
        hashes.append(try source.root(from: middle, to: end))
        end = middle
      } else {
        hashes.append(try source.root(from: start, to: middle))
        start = middle
      }
    }
    self.init(index: index, size: size, hashes: hashes.reversed())
  }

  /// The root that the proof leads to from `leaf` (RFC 9162 section 2.1.3.2, steps 1 to 4).
  public func root(leaf: Digest) throws(ProofError) -> Digest {
    guard index < size else { throw .indexOutOfRange(index: index, size: size) }
    var (node, last) = (index, size - 1)
    var root = leaf
    for hash in hashes {
      if last == 0 { throw .wrongHashCount(hashes.count) }
      if node & 1 == 1 || node == last {
        root = SHA256.node(hash, root)
        while node & 1 == 0, node != 0 {
          node >>= 1
          last >>= 1
        }
      } else {
        root = SHA256.node(root, hash)
      }
      node >>= 1
      last >>= 1
    }
    if last != 0 { throw .wrongHashCount(hashes.count) }
    return root
  }

  /// Throws unless the proof shows that `leaf`, at its index, is in the tree with this root.
  public func verify(leaf: Digest, root: Digest) throws(ProofError) {
    let computed = try self.root(leaf: leaf)
    if computed != root { throw .rootMismatch(computed: computed) }
  }
}

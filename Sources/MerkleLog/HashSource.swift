import Cryptography

/// Where proofs take node hashes from: tiles, a segment's footer, leaves hashed anew.
public protocol HashSource: ~Copyable {
  associatedtype Failure: Error

  /// The hash over the leaves `[index << level, (index + 1) << level)`: a leaf hash at level 0. Asked only
  /// for subtrees that are complete in the tree a proof is made for.
  mutating func hash(level: Int, index: UInt64) throws(Failure) -> Digest
}

extension HashSource where Self: ~Copyable {
  /// The root of the tree of the first `size` leaves.
  public mutating func root(size: UInt64) throws(Failure) -> Digest {
    size == 0 ? SHA256.emptyRoot : try root(from: 0, to: size)
  }

  /// The root over leaves `[start, end)`, not empty; `start` is a multiple of the smallest power of two not
  /// below `end - start`, as every node of an RFC 6962 tree has it.
  public mutating func root(from start: UInt64, to end: UInt64) throws(Failure) -> Digest {
    var parts: [Digest] = []
    var position = start
    while position < end {
      let level = 63 - (end - position).leadingZeroBitCount
      parts.append(try hash(level: level, index: position >> UInt64(level)))
      position += 1 << UInt64(level)
    }
    var root = parts.removeLast()
    while let left = parts.popLast() { root = SHA256.node(left, root) }
    return root
  }
}

/// The largest power of two below `count`, which is at least 2: how RFC 6962 splits a tree.
func split(_ count: UInt64) -> UInt64 { 1 << UInt64(63 - (count - 1).leadingZeroBitCount) }

/// Why a proof does not prove what it should.
public enum ProofError: Error, Equatable, Sendable {
  /// The tree of this size has no leaf with this index.
  case indexOutOfRange(index: UInt64, size: UInt64)
  /// The second tree is smaller than the first.
  case sizesOutOfOrder(first: UInt64, second: UInt64)
  /// A proof between these places has another number of hashes than this.
  case wrongHashCount(Int)
  /// The hashes lead to this root, not to the one expected.
  case rootMismatch(computed: Digest)
  /// The hashes lead to this root of the first tree, not to the one expected.
  case firstRootMismatch(computed: Digest)
}

extension ProofError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .indexOutOfRange(let index, let size): "a tree of \(size) entries has no index \(index)"
    case .sizesOutOfOrder(let first, let second): "a tree of \(second) entries cannot extend one of \(first)"
    case .wrongHashCount(let count): "a proof of \(count) hashes does not fit the index and size it is for"
    case .rootMismatch(let computed): "the proof leads to root \(computed), which is not the tree's"
    case .firstRootMismatch(let computed):
      "the proof leads to root \(computed), which is not the first tree's"
    }
  }
}

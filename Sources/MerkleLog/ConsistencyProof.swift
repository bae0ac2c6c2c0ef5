import Cryptography

/// Proof that one tree extends another: nothing was changed or removed (RFC 9162 section 2.1.4).
public struct ConsistencyProof: Hashable, Sendable {
  /// Number of leaves of the earlier tree.
  public let first: UInt64
  /// Number of leaves of the later tree.
  public let second: UInt64
  /// The hashes of the proof; none when the earlier tree is empty or both have the same size.
  public let hashes: [Digest]

  /// A proof that came from elsewhere and is still to be verified.
  public init(first: UInt64, second: UInt64, hashes: [Digest]) {
    self.first = first
    self.second = second
    self.hashes = hashes
  }

  /// Makes the proof from the later tree's hashes (RFC 9162 section 2.1.4.1). Traps unless `first <= second`.
  public init<Source: HashSource & ~Copyable>(
    first: UInt64, second: UInt64, from source: inout Source
  ) throws(Source.Failure) {
    precondition(first <= second)
    guard first > 0, first < second else {
      self.init(first: first, second: second, hashes: [])
      return
    }
    var hashes: [Digest] = []
    var (start, end) = (UInt64(0), second)
    while first != end {
      let middle = start + split(end - start)
      if first <= middle {
        hashes.append(try source.root(from: middle, to: end))
        end = middle
      } else {
        hashes.append(try source.root(from: start, to: middle))
        start = middle
      }
    }
    // A verifier who has gone left only knows this node already: it is the root of the first tree.
    if start != 0 { hashes.append(try source.root(from: start, to: end)) }
    self.init(first: first, second: second, hashes: hashes.reversed())
  }

  /// Throws unless the proof shows that the tree with `secondRoot` begins with all leaves of the tree with
  /// `firstRoot` (RFC 9162 section 2.1.4.2). Every tree extends the empty one and itself, without any hash.
  public func verify(firstRoot: Digest, secondRoot: Digest) throws(ProofError) {
    guard first <= second else { throw .sizesOutOfOrder(first: first, second: second) }
    if first == 0 || first == second {
      guard hashes.isEmpty else { throw .wrongHashCount(hashes.count) }
      let computed = first == second ? secondRoot : SHA256.emptyRoot
      if computed != firstRoot { throw .firstRootMismatch(computed: computed) }
      if second == 0, secondRoot != SHA256.emptyRoot { throw .rootMismatch(computed: SHA256.emptyRoot) }
      return
    }
    var path = hashes[...]
    let isComplete = first & (first - 1) == 0
    guard let start = isComplete ? firstRoot : path.popFirst() else { throw .wrongHashCount(hashes.count) }
    var (node, last) = (first - 1, second - 1)
    let shift = UInt64((~node).trailingZeroBitCount)
    node >>= shift
    last >>= shift
    var (firstComputed, secondComputed) = (start, start)
    for hash in path {
      if last == 0 { throw .wrongHashCount(hashes.count) }
      if node & 1 == 1 || node == last {
        firstComputed = SHA256.node(hash, firstComputed)
        secondComputed = SHA256.node(hash, secondComputed)
        while node & 1 == 0, node != 0 {
          node >>= 1
          last >>= 1
        }
      } else {
        secondComputed = SHA256.node(secondComputed, hash)
      }
      node >>= 1
      last >>= 1
    }
    if last != 0 { throw .wrongHashCount(hashes.count) }
    if firstComputed != firstRoot { throw .firstRootMismatch(computed: firstComputed) }
    if secondComputed != secondRoot { throw .rootMismatch(computed: secondComputed) }
  }
}

import Cryptography

/// A complete aligned subtree: the leaves `[index << level, (index + 1) << level)` and the hash over them.
public struct Subtree: Hashable, BitwiseCopyable, Sendable {
  /// Height: it has `2^level` leaves. 0 is a leaf.
  public let level: Int
  /// Number of subtrees of this level to its left.
  public let index: UInt64
  public let hash: Digest

  public init(level: Int, index: UInt64, hash: Digest) {
    self.level = level
    self.index = index
    self.hash = hash
  }
}

/// What must be kept of the tree over leaves `[0, size)` to append to it and to know its root: the hashes of
/// its largest complete subtrees, left to right, one for each bit set in `size`. RFC 6962 section 2.1.
public struct CompactRange: Hashable, Sendable {
  /// Number of leaves.
  public private(set) var size: UInt64
  /// The subtree hashes, left to right, so from the highest level to the lowest.
  public private(set) var hashes: [Digest]

  /// The empty tree.
  public init() {
    size = 0
    hashes = []
    hashes.reserveCapacity(64)
  }

  /// A tree that was kept; nil unless `hashes` has exactly one hash for each bit set in `size`.
  public init?(size: UInt64, hashes: [Digest]) {
    guard hashes.count == size.nonzeroBitCount else { return nil }
    self.size = size
    self.hashes = hashes
    self.hashes.reserveCapacity(64)
  }

  /// Appends one leaf hash.
  public mutating func append(_ leaf: Digest) { append(leaf, level: 0) { _ in } }

  /// Appends the hash of a complete subtree of `2^level` leaves, and calls `completed` with every subtree
  /// that came to be complete: this one, then those it closed, upwards. Traps unless `size` is a multiple of
  /// `2^level`.
  public mutating func append(_ hash: Digest, level: Int, completed: (Subtree) -> Void) {
    precondition(level >= 0 && level < 64 && size & (1 << UInt64(level) - 1) == 0)
    var level = level
    var index = size >> UInt64(level)
    var hash = hash
    size += 1 << UInt64(level)
    completed(Subtree(level: level, index: index, hash: hash))
    while index & 1 == 1 {
      hash = SHA256.node(hashes.removeLast(), hash)
      index >>= 1
      level += 1
      completed(Subtree(level: level, index: index, hash: hash))
    }
    hashes.append(hash)
  }

  /// Appends the leaves of a run, whose first index must be `size` (else traps), and calls `completed` with
  /// every subtree of level 8 and above that came to be complete: what tiles of level 1 and above hold.
  public mutating func append(_ run: borrowing SubtreeRun, completed: (Subtree) -> Void = { _ in }) {
    precondition(run.first == size)
    for subtree in run.subtrees {
      append(subtree.hash, level: subtree.level) { if $0.level >= SubtreeRun.tileLevel { completed($0) } }
    }
  }

  /// The root of the tree (RFC 6962 section 2.1).
  public var root: Digest {
    guard var root = hashes.last else { return SHA256.emptyRoot }
    for hash in hashes.dropLast().reversed() { root = SHA256.node(hash, root) }
    return root
  }

  /// The subtrees whose hashes are kept, left to right.
  public var subtrees: [Subtree] {
    var subtrees: [Subtree] = []
    subtrees.reserveCapacity(hashes.count)
    var start: UInt64 = 0
    for hash in hashes {
      let level = 63 - (size - start).leadingZeroBitCount
      subtrees.append(Subtree(level: level, index: start >> UInt64(level), hash: hash))
      start += 1 << UInt64(level)
    }
    return subtrees
  }

  /// The hash of that subtree, when it is one of those kept.
  public func hash(level: Int, index: UInt64) -> Digest? {
    guard (0..<64).contains(level), size >> UInt64(level) & 1 == 1, index == size >> UInt64(level) - 1 else {
      return nil
    }
    return hashes[(size >> UInt64(level)).nonzeroBitCount - 1]
  }
}

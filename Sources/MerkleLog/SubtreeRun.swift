import Cryptography

/// The leaves of one block, folded into complete aligned subtrees of at most 256 leaves. Needs nothing of the
/// tree but the first index, so blocks are folded side by side, and a `CompactRange` then takes each in order
/// at one node hash for every 256 leaves.
public struct SubtreeRun: Sendable {
  /// Level of the largest subtrees: 256 leaves, what one hash of a level-1 tile stands for.
  public static let tileLevel = 8

  /// Index of the first leaf.
  public private(set) var first: UInt64
  /// Number of leaves.
  public private(set) var count: Int
  /// The fewest subtrees of level 8 at most that cover the leaves, left to right.
  public private(set) var subtrees: [Subtree]
  private var scratch: [Digest]

  /// A run of no leaves.
  public init() {
    first = 0
    count = 0
    subtrees = []
    scratch = Array(repeating: .zero, count: 1 << (Self.tileLevel - 1))
  }

  /// Folds `leaves`, of which the first has index `first`.
  public init(first: UInt64, leaves: Span<Digest>) {
    self.init()
    replace(first: first, leaves: leaves)
  }

  /// Makes this the run of `leaves`, of which the first has index `first`. Keeps the storage.
  public mutating func replace(first: UInt64, leaves: Span<Digest>) {
    self.first = first
    count = leaves.count
    subtrees.removeAll(keepingCapacity: true)
    var start = 0
    while start < leaves.count {
      let index = first + UInt64(start)
      let fitting = Int.bitWidth - 1 - (leaves.count - start).leadingZeroBitCount
      let level = min(index.trailingZeroBitCount, fitting, Self.tileLevel)
      let hash = fold(leaves, from: start, level: level)
      subtrees.append(Subtree(level: level, index: index >> UInt64(level), hash: hash))
      start += 1 << level
    }
  }

  private mutating func fold(_ leaves: Span<Digest>, from start: Int, level: Int) -> Digest {
    if level == 0 { return leaves[start] }
    var width = 1 << (level - 1)
    for pair in 0..<width {
      scratch[pair] = SHA256.node(leaves[start + 2 * pair], leaves[start + 2 * pair + 1])
    }
    while width > 1 {
      width /= 2
      for pair in 0..<width { scratch[pair] = SHA256.node(scratch[2 * pair], scratch[2 * pair + 1]) }
    }
    return scratch[0]
  }
}

import Cryptography
import MerkleLog
import SegmentReader

/// The right edge of a tree in tiles: of each level the hashes of its last tile, which is not full yet.
struct TileEdge: Equatable {
  /// Number of leaves.
  private(set) var size: UInt64
  /// Hashes of the last tile of each level, fewer than 256: `size >> 8 * level & 255` of them.
  private(set) var levels: [[Digest]]

  /// The edge of the empty tree.
  init() {
    size = 0
    levels = []
  }

  /// The edge of the tree of `size` leaves; `hash` gives the hash over the leaves
  /// `[index << level, (index + 1) << level)`.
  init<E: Error>(size: UInt64, hash: (_ level: Int, _ index: UInt64) throws(E) -> Digest) throws(E) {
    self.size = size
    levels = []
    var level = 0
    while level < 8, size >> UInt64(8 * level) > 0 {
      let end = size >> UInt64(8 * level)
      var hashes: [Digest] = []
      for index in end & ~255..<end { hashes.append(try hash(8 * level, index)) }
      levels.append(hashes)
      level += 1
    }
  }

  /// Appends a leaf hash. Returns the tiles that came to be full, from the lowest level up: mostly none.
  mutating func append(_ leaf: Digest) -> [(path: TilePath, hashes: [Digest])] {
    size += 1
    var full: [(path: TilePath, hashes: [Digest])] = []
    var hash = leaf
    var level = 0
    while true {
      if level == levels.count { levels.append([]) }
      levels[level].append(hash)
      guard levels[level].count == TilePath.fullWidth else { return full }
      let index = size >> UInt64(8 * (level + 1)) - 1
      full.append((TilePath(.hashes(level: level), index: index), levels[level]))
      hash = SHA256.root(of: levels[level][...])
      levels[level].removeAll(keepingCapacity: true)
      level += 1
    }
  }

  /// The tiles that are not full, with their hashes.
  var partialTiles: [(path: TilePath, hashes: [Digest])] {
    levels.indices.filter { !levels[$0].isEmpty }.map { level in
      let index = size >> UInt64(8 * (level + 1))
      return (TilePath(.hashes(level: level), index: index, width: levels[level].count), levels[level])
    }
  }

  /// The tree; its root is what a checkpoint signs.
  var tree: CompactRange? {
    var hashes: [Digest] = []
    for level in levels.reversed() {
      var rest = level[...]
      while !rest.isEmpty {
        let width = 1 << (Int.bitWidth - 1 - rest.count.leadingZeroBitCount)
        hashes.append(SHA256.root(of: rest.prefix(width)))
        rest = rest.dropFirst(width)
      }
    }
    return CompactRange(size: size, hashes: hashes)
  }
}

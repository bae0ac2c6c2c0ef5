import Bytes
import Cryptography
import MerkleLog
import Platform
import Segments

/// The hashes of the tree of a log, for proofs: whatever is quickest first, each of them only as good as what
/// the proof is checked against.
///
///     any level   nodes that were given: the tree at its end and before the entry asked for
///     level >= 8  full tiles of the cache, one file of 8 KiB for 256 hashes
///     level 8     the footer of the segment in which the group of 256 entries ends
///     level >= 8  the tree in the header of the block in which the subtree ends, for a left child
///     below       the group's entries, decoded and hashed; where they are encrypted, what was kept of them
public struct LogHashes: ~Copyable, HashSource {
  /// What may be used beside the entries themselves.
  public struct Shortcuts: OptionSet, Sendable {
    public let rawValue: Int
    public init(rawValue: Int) { self.rawValue = rawValue }
    /// Trees in block headers.
    public static let headers = Shortcuts(rawValue: 1)
    public static let tiles = Shortcuts(rawValue: 2)
    public static let footers = Shortcuts(rawValue: 4)
    public static let all: Shortcuts = [.headers, .tiles, .footers]
  }

  private struct Node: Hashable {
    var level: Int
    var index: UInt64
  }

  /// Number of leaves of the tree.
  public let size: UInt64
  public let shortcuts: Shortcuts
  private let reader: LogReader
  private var known: [Node: Digest] = [:]
  private var block: SegmentBlock?
  private var group: UInt64 = .max
  private var leaves: [Digest] = []
  /// Index of the first of `leaves`.
  private var groupStart: UInt64 = 0
  private var knowsEdge = false
  private var tile: TilePath?
  private var tileHashes: [Digest] = []
  private var partialTile: TilePath?
  private var partialHashes: [Digest] = []
  /// First indexes of the segments whose kept subtrees are known.
  private var learned: Set<UInt64> = []

  /// The hashes of the tree of the first `size` entries.
  public init(_ reader: LogReader, size: UInt64, using shortcuts: Shortcuts = .all) {
    self.reader = reader
    self.size = size
    self.shortcuts = shortcuts
  }

  /// Makes use of the nodes of a tree that is known.
  public mutating func learn(_ tree: CompactRange) {
    for subtree in tree.subtrees { known[Node(level: subtree.level, index: subtree.index)] = subtree.hash }
  }

  /// Learns the trees that block headers hold before the entry with that index and at the end.
  public mutating func learnHeaders(around index: UInt64) throws(LogError) {
    guard shortcuts.contains(.headers) else { return }
    if size > 0 {
      let (file, number) = try reader.locate(size - 1)
      learn(try file.blockHeader(number).tree)
    }
    let (file, number) = try reader.locate(index)
    learn(number == 0 ? file.header.tree : try file.blockHeader(number - 1).tree)
  }

  /// The hash over the leaves `[index << level, (index + 1) << level)`, which must be below `size`.
  public mutating func hash(level: Int, index: UInt64) throws(LogError) -> Digest {
    let node = Node(level: level, index: index)
    try learnEdge()
    if let hash = known[node] { return hash }
    return try find(level, index)
  }

  /// The entry with that index, out of the block that its neighbours' hashes are made from too.
  public mutating func entry(_ index: UInt64) throws(LogError) -> LogEntry {
    let opened = try block(of: index)
    let entry = try LogEntry(opened, row: Int(index - opened.firstIndex))
    block = consume opened
    return entry
  }

  /// What stood before the oldest entry that is here, its segment's header says, and nothing else.
  private mutating func learnEdge() throws(LogError) {
    if knowsEdge { return }
    knowsEdge = true
    if reader.firstIndex > 0 { learn(try reader.segment(0).header.tree) }
  }

  private mutating func find(_ level: Int, _ index: UInt64) throws(LogError) -> Digest {
    if level < SubtreeRun.tileLevel { return try hashInGroup(level, index) }
    if let hash = try hashInTile(level, index) { return hash }
    if level == SubtreeRun.tileLevel, let hash = hashInFooter(index) { return hash }
    if let hash = hashInPartialTile(level, index) { return hash }
    if let hash = hashInHeader(level, index) { return hash }
    if level == SubtreeRun.tileLevel { return try hashInGroup(level, index) }
    return SHA256.node(
      try hash(level: level - 1, index: 2 * index), try hash(level: level - 1, index: 2 * index + 1))
  }

  /// The hash over the leaves of that subtree of at most 256 leaves.
  private mutating func hashInGroup(_ level: Int, _ index: UInt64) throws(LogError) -> Digest {
    do throws(LogError) { return try hashOfEntries(level, index) } catch .closed {
      try learnKept(of: index << UInt64(level))
      if let hash = known[Node(level: level, index: index)] { return hash }
      if level == 0 { return try leaf(index) }
      return SHA256.node(
        try hash(level: level - 1, index: 2 * index), try hash(level: level - 1, index: 2 * index + 1))
    }
  }

  /// Learns what was kept of the encrypted segment that holds the entry with that index.
  private mutating func learnKept(of index: UInt64) throws(LogError) {
    guard let number = reader.segmentNumber(of: index) else { return }
    let firstIndex = reader.firstIndexes[number]
    guard learned.insert(firstIndex).inserted,
      let bytes = try reader.directory.read(KeptSubtrees.file(firstIndex), limit: KeptSubtrees.sizeLimit)
    else { return }
    for subtree in bytes.withView({ KeptSubtrees.decode($0) }) {
      known[Node(level: subtree.level, index: subtree.index)] = subtree.hash
    }
  }

  /// The leaf hash of one entry, in a group of which not everything can be read.
  private mutating func leaf(_ index: UInt64) throws(LogError) -> Digest {
    group = .max
    leaves.removeAll(keepingCapacity: true)
    var raw = ByteBuffer()
    let opened = try block(of: index)
    _ = try appendLeaves(opened, from: index, to: index + 1, &raw)
    block = consume opened
    return leaves[0]
  }

  private mutating func hashOfEntries(_ level: Int, _ index: UInt64) throws(LogError) -> Digest {
    try loadGroup(index >> UInt64(SubtreeRun.tileLevel - level))
    let first = index << UInt64(level)
    if first < groupStart, level > 0 {
      return SHA256.node(
        try hash(level: level - 1, index: 2 * index), try hash(level: level - 1, index: 2 * index + 1))
    }
    let start = Int(first) - Int(groupStart)
    guard start >= 0, start + 1 << level <= leaves.count else {
      throw .noEntry(index: index << UInt64(level), first: reader.firstIndex, end: try reader.endIndex())
    }
    return SHA256.root(of: leaves[start..<start + 1 << level])
  }

  /// Decodes and hashes the entries of a group of 256.
  private mutating func loadGroup(_ wanted: UInt64) throws(LogError) {
    if group == wanted { return }
    group = .max
    leaves.removeAll(keepingCapacity: true)
    var index = max(wanted << UInt64(SubtreeRun.tileLevel), reader.firstIndex)
    let end = min((wanted + 1) << UInt64(SubtreeRun.tileLevel), size)
    groupStart = index
    var raw = ByteBuffer()
    while index < end {
      let opened = try block(of: index)
      index = try appendLeaves(opened, from: index, to: end, &raw)
      block = consume opened
    }
    group = wanted
  }

  /// Takes the block that was used last, when it holds that entry, or opens the one that does.
  private mutating func block(of index: UInt64) throws(LogError) -> SegmentBlock {
    if let block = block.take(), index >= block.firstIndex, index < block.endIndex { return block }
    let (file, number) = try reader.locate(index)
    var opened = try file.block(number)
    try opened.loadAll()
    return opened
  }

  private mutating func appendLeaves(
    _ block: borrowing SegmentBlock, from start: UInt64, to end: UInt64, _ raw: inout ByteBuffer
  ) throws(LogError) -> UInt64 {
    let end = min(end, block.endIndex)
    let salts = block.salts
    var hasher = try crypto { () throws(CryptoError) in try EntryHasher(salts) }
    for index in start..<end {
      let row = Int(index - block.firstIndex)
      raw.removeAll()
      try block.print(row, to: &raw)
      do throws(CryptoError) {
        leaves.append(
          try hasher.leaf(
            index: index, block.contents.metadata(row), envelope: block.contents.envelope(row), raw: raw.view)
        )
      } catch { throw .crypto(error) }
    }
    return end
  }

  private func hashInFooter(_ index: UInt64) -> Digest? {
    guard shortcuts.contains(.footers) else { return nil }
    let last = (index + 1) << UInt64(SubtreeRun.tileLevel) - 1
    guard last < size else { return nil }
    guard let (file, _) = try? reader.locate(last), let footer = file.footer, index >= footer.firstGroup,
      index - footer.firstGroup < UInt64(footer.groupCount)
    else { return nil }
    return footer.group(Int(index - footer.firstGroup))
  }

  /// A segment that is being written has neither tiles nor footer, but each of its blocks holds the tree at
  /// its end. A left child is a node of that tree until its sibling is complete, and the hash of a right child
  /// is made of such: so at most what is in a block or two is hashed anew.
  private mutating func hashInHeader(_ level: Int, _ index: UInt64) -> Digest? {
    let end = (index + 1) << UInt64(level)
    guard shortcuts.contains(.headers), index & 1 == 0, end <= size,
      let (file, number) = try? reader.locate(end - 1), let tree = try? file.blockHeader(number).tree
    else { return nil }
    learn(tree)
    return known[Node(level: level, index: index)]
  }

  private mutating func hashInTile(_ level: Int, _ index: UInt64) throws(LogError) -> Digest? {
    guard shortcuts.contains(.tiles) else { return nil }
    let place = TilePath.place(level: level, index: index)
    guard place.tileIndex < TilePath.fullTiles(level: place.tileLevel, size: size) else { return nil }
    let path = TilePath(.hashes(level: place.tileLevel), index: place.tileIndex)
    if tile != path {
      guard let hashes = readTile(path) else { return nil }
      tile = path
      tileHashes = hashes
    }
    return SHA256.root(of: tileHashes[place.hashes])
  }

  /// Of the newest tile of a level the cache holds what there is: all that is left of entries whose segments
  /// were removed.
  private mutating func hashInPartialTile(_ level: Int, _ index: UInt64) -> Digest? {
    guard shortcuts.contains(.tiles) else { return nil }
    let place = TilePath.place(level: level, index: index)
    let full = TilePath(.hashes(level: place.tileLevel), index: place.tileIndex)
    if partialTile != full {
      partialTile = full
      partialHashes = readPartialTile(full)
    }
    return place.hashes.upperBound <= partialHashes.count ? SHA256.root(of: partialHashes[place.hashes]) : nil
  }

  private func readPartialTile(_ full: TilePath) -> [Digest] {
    let names = try? reader.directory.directory.openDirectory("\(full).p").names()
    guard let width = names?.compactMap({ Int($0) }).max(), (1..<TilePath.fullWidth).contains(width) else {
      return []
    }
    let path = TilePath(full.kind, index: full.index, width: width)
    let size = width * Digest.size
    guard let bytes = try? reader.directory.directory.readFile("\(path)", limit: size), bytes.count == size
    else { return [] }
    return (0..<width).map { Digest(bytes.view, at: $0 * Digest.size) }
  }

  /// The hashes of a full tile; nil when it is not there, cannot be read, or has another size: it is a cache.
  private func readTile(_ path: TilePath) -> [Digest]? {
    let size = TilePath.fullWidth * Digest.size
    guard let bytes = try? reader.directory.directory.readFile("\(path)", limit: size), bytes.count == size
    else { return nil }
    return (0..<TilePath.fullWidth).map { Digest(bytes.view, at: $0 * Digest.size) }
  }
}

extension SHA256 {
  /// The root of the tree over a power of two of hashes.
  public static func root(of hashes: ArraySlice<Digest>) -> Digest {
    if hashes.count == 1 { return hashes[hashes.startIndex] }
    var level = Array(hashes)
    while level.count > 1 { level = (0..<level.count / 2).map { node(level[2 * $0], level[2 * $0 + 1]) } }
    return level[0]
  }
}

import Bytes
import Cryptography
import MerkleLog
import Platform
import Segments

/// A block of a segment as its header and its neighbours describe it; its bytes are still to be checked.
struct WalkedBlock: Sendable {
  /// Its place among the blocks that were found, from 0.
  var ordinal: Int
  var offset: Int
  var header: BlockHeader
  /// Its entries as well as they are known: by the footer where there is one, else by the header.
  var entries: Range<UInt64>
  /// Its previous chain value is the one that stands behind the block before, when there is one.
  var isLinked: Bool
  /// Number and first index follow those of the block before.
  var isInSequence: Bool
  /// The footer, when there is one, describes it so.
  var matchesFooter: Bool
  /// The tree before it, as the block before says; nil when that is unknown.
  var base: CompactRange?
  var end: Int { offset + header.blockByteCount }
}

/// Bytes where a block should be and none can be found.
struct Hole: Sendable, Equatable {
  var bytes: Range<Int>
  var firstIndex: UInt64
  /// First index of the block behind it; nil when none was found.
  var endIndex: UInt64?
  /// Number of blocks that were found before it.
  var ordinal: Int
}

enum WalkItem: Sendable {
  case block(WalkedBlock)
  case hole(Hole)
  /// No blocks any more; the file may go on, with a footer that is not whole.
  case end(offset: Int)
}

/// Walks the blocks of a segment from front to back, and goes on behind a damaged one: by the footer's index
/// where there is a footer, else by searching the next header of the same segment.
///
/// A header is believed to say where its block ends when another header of the segment, or the end, stands
/// there, or when the block's bytes give its chain value.
struct SegmentWalk: ~Copyable {
  /// More bytes than a header has, with the chain value before it.
  private static let lookAhead = 4096
  private static let searchWindow = 256 << 10

  private let source: SegmentSource
  private let id: SegmentID
  private let footer: SegmentFooter?
  private var limit: Int
  private var offset: Int
  private var ordinal = 0
  private var number = 0
  private var index: UInt64
  private var chain: Digest?
  private(set) var tree: CompactRange?
  private var ahead = ByteBuffer(capacity: Self.lookAhead)
  private var window = ByteBuffer()

  /// `limit` is where the footer begins, or the file's size.
  init(
    _ source: SegmentSource, _ header: SegmentHeader, headerByteCount: Int, chainStart: Digest,
    footer: SegmentFooter?, limit: Int
  ) {
    self.source = source
    self.footer = footer
    self.limit = limit
    id = header.id
    offset = headerByteCount
    index = header.firstIndex
    chain = chainStart
    tree = header.tree
  }

  /// First index that no block before the present place has.
  var endIndex: UInt64 { index }
  /// Chain value of the last block; nil when that could not be read.
  var lastChain: Digest? { chain }

  mutating func next() throws(SystemError) -> WalkItem {
    if offset >= limit { return .end(offset: offset) }
    try source.read(min(Self.lookAhead, limit - offset), at: offset, into: &ahead)
    if ahead.isEmpty {
      limit = offset
      return .end(offset: offset)
    }
    if let (header, end) = try block(at: offset, ahead.view) { return try accept(header, end) }
    let isFooter = footer == nil && beginsFooter(ahead.view)
    let start = offset
    let hole = try skipHole()
    // What begins like a footer is one only if no block follows.
    if isFooter, hole.bytes.upperBound == limit { return .end(offset: start) }
    return .hole(hole)
  }

  private func beginsFooter(_ rest: ByteView) -> Bool {
    var magic = ByteBuffer()
    magic.append(littleEndian: SegmentFooter.magic)
    return rest.matches(magic.view, at: 0)
  }

  /// The header at an offset, when it is one of this segment and its block's end can be believed.
  private mutating func block(at offset: Int, _ bytes: ByteView) throws(SystemError) -> (
    BlockHeader, chain: Digest
  )? {
    guard let header = try? BlockHeader(bytes), header.segment == id, header.blockByteCount <= limit - offset
    else { return nil }
    let end = offset + header.blockByteCount
    var behind = ByteBuffer(capacity: Self.lookAhead)
    try source.read(
      min(Self.lookAhead, limit - end + Digest.size), at: end - Digest.size, into: &behind)
    guard behind.count >= Digest.size else { return nil }
    let chain = Digest(behind.view, at: 0)
    let next = behind.view.dropFirst(Digest.size)
    if end == limit { return (header, chain) }
    if let following = try? BlockHeader(next), following.segment == id { return (header, chain) }
    if footer == nil, beginsFooter(next) { return (header, chain) }
    try source.read(header.blockByteCount, at: offset, into: &window)
    return BlockHeader.isIntact(window.view, header) ? (header, chain) : nil
  }

  private mutating func accept(_ header: BlockHeader, _ chain: Digest) throws(SystemError) -> WalkItem {
    let described = footer.flatMap { description(in: $0) }
    var entries = header.firstIndex..<header.endIndex
    if let described {
      entries = described.firstIndex..<described.firstIndex + UInt64(described.contents.count)
    }
    let isInSequence = header.number == number && header.firstIndex == index
    let block = WalkedBlock(
      ordinal: ordinal, offset: offset, header: header, entries: entries,
      isLinked: self.chain == nil || header.previousChain == self.chain, isInSequence: isInSequence,
      matchesFooter: footer == nil || described == SegmentFooter.Block(header, at: offset),
      base: tree.flatMap { $0.size == header.firstIndex ? $0 : nil })
    ordinal += 1
    number = header.number + 1
    index = entries.upperBound
    offset += header.blockByteCount
    self.chain = chain
    tree = header.tree
    return .block(block)
  }

  /// The footer's description of what stands at the present offset.
  private func description(in footer: SegmentFooter) -> SegmentFooter.Block? {
    guard let place = footer.firstBlock(notBefore: offset), footer.blocks[place].offset == offset else {
      return nil
    }
    return footer.blocks[place]
  }

  /// Finds the next block that can be believed, and stands there.
  private mutating func skipHole() throws(SystemError) -> Hole {
    var hole = Hole(bytes: offset..<limit, firstIndex: index, endIndex: nil, ordinal: ordinal)
    var candidate = try nextHeader(after: offset)
    while let place = candidate {
      try source.read(min(Self.lookAhead, limit - place), at: place, into: &ahead)
      if let (header, _) = try block(at: place, ahead.view), header.firstIndex >= index {
        hole.bytes = offset..<place
        hole.endIndex = header.firstIndex
        offset = place
        index = header.firstIndex
        number = header.number
        chain = nil
        tree = nil
        return hole
      }
      candidate = try nextHeader(after: place)
    }
    if let last = footer?.blocks.last {
      hole.endIndex = max(index, last.firstIndex + UInt64(last.contents.count))
    }
    if let end = hole.endIndex { index = end }
    offset = limit
    return hole
  }

  /// The next place where a header of this segment may stand.
  private mutating func nextHeader(after start: Int) throws(SystemError) -> Int? {
    if let footer {
      guard let place = footer.firstBlock(notBefore: start + 1) else { return nil }
      let offset = footer.blocks[place].offset
      return offset > start && offset < limit ? offset : nil
    }
    var magic = ByteBuffer()
    magic.append(littleEndian: BlockHeader.magic)
    var at = start + 1
    while at < limit {
      try source.read(min(Self.searchWindow, limit - at), at: at, into: &window)
      var from = 0
      while let hit = window.view.find(magic.view, from: from) {
        if let header = try header(at: at + hit), header.segment == id, header.number >= number {
          return at + hit
        }
        from = hit + 1
      }
      if window.count <= 3 { break }
      at += window.count - 3
    }
    return nil
  }

  private func header(at offset: Int) throws(SystemError) -> BlockHeader? {
    var bytes = ByteBuffer(capacity: Self.lookAhead)
    try source.read(min(Self.lookAhead, limit - offset), at: offset, into: &bytes)
    return try? BlockHeader(bytes.view)
  }
}

extension BlockHeader {
  /// Whether the bytes of a whole block, of which this is the header, give the chain value at their end.
  static func isIntact(_ block: ByteView, _ header: BlockHeader) -> Bool {
    guard block.count == header.blockByteCount else { return false }
    let end = block.count - Digest.size
    let chain = chain(
      previous: header.previousChain, header: block.prefix(header.size), stored: block[header.size, end])
    return chain == Digest(block, at: end)
  }
}

extension SegmentFooter {
  /// The first block that does not begin before an offset; nil when there is none.
  func firstBlock(notBefore offset: Int) -> Int? {
    var (low, high) = (0, blocks.count)
    while low < high {
      let middle = (low + high) / 2
      if blocks[middle].offset < offset { low = middle + 1 } else { high = middle }
    }
    return low < blocks.count ? low : nil
  }
}

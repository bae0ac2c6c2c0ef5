import Bytes
import Cryptography
import MerkleLog
import Segments
import Templates

/// A finished segment of a few small blocks, the same each time.
struct SampleSegment {
  let bytes: [UInt8]

  init?(_ blocks: [[[UInt8]]], _ matcher: borrowing Matcher, firstIndex: UInt64 = 0) {
    guard let made = try? Self.make(blocks, matcher, firstIndex) else { return nil }
    bytes = made
  }

  private static func make(
    _ blocks: [[[UInt8]]], _ matcher: borrowing Matcher, _ firstIndex: UInt64
  ) throws -> [UInt8] {
    var tree = CompactRange()
    for index in 0..<firstIndex { tree.append(sampleDigest(Int(index))) }
    let header = SegmentHeader(
      seed: SaltKey(sampleDigest(9)), id: SegmentID(high: 5, low: 6), created: 1_767_225_600_000_000_000,
      previous: SegmentID(high: 0, low: 0), origin: "example.com/fuzz", tree: tree)
    var out = ByteBuffer()
    header.encode(to: &out)
    var chain = try SegmentHeader.decode(out.view).chainStart
    var hasher = try EntryHasher(seed: header.seed)
    var index: [SegmentFooter.Block] = []
    for (number, lines) in blocks.enumerated() {
      let block = SampleBlock(lines, matcher)
      let first = tree.size
      try block.hashLeaves(first: first, &hasher) { tree.append($0) }
      let header = BlockHeader(
        segment: header.id, number: number, firstIndex: first, contents: block.contents,
        storedByteCount: block.payload.count, previousChain: chain, tree: tree)
      let start = out.count
      header.encode(to: &out)
      chain = block.payload.withView {
        BlockHeader.chain(previous: chain, header: out.view.dropFirst(start), stored: $0)
      }
      out.append(block.payload)
      out.append(chain)
      var scan = try SegmentScan(out.view)
      while case .block(let scanned) = try scan.next() {
        if scanned.offset == start { index.append(SegmentFooter.Block(scanned)) }
      }
    }
    SegmentFooter(blocks: index, firstGroup: firstIndex >> 8, groups: [], chain: chain).encode(to: &out)
    return out.view.array
  }
}

/// A digest for each small number.
func sampleDigest(_ number: Int) -> Digest { [UInt8(number)].withView { SHA256.hash($0) } }

extension SampleBlock {
  /// Calls `body` with the leaf hash of each row.
  func hashLeaves(first: UInt64, _ hasher: inout EntryHasher, _ body: (Digest) -> Void) throws {
    try payload.withView { payload in
      var block = try DecodedBlock(payload, count: contents.count, rawByteCount: contents.rawByteCount)
      try block.loadAll()
      var leaves = ValueList<Digest>()
      try block.hashLeaves(first: first, &hasher, &leaves)
      for row in 0..<leaves.count { body(leaves[row]) }
    }
  }
}

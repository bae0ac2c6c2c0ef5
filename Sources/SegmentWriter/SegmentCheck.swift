import Bytes
import Cryptography
import MerkleLog
import Platform
import Segments
import Synchronization

/// A segment whose every entry was decoded and hashed again.
struct CheckedSegment {
  var header: SegmentHeader
  var footer: SegmentFooter
  /// Where the footer goes.
  var end: Int
  var tree: CompactRange
  /// Hashes of subtrees of level 8 and above that end in this segment.
  var groups: [Subtree]
}

/// Decodes and rehashes a whole segment before it is sealed.
enum SegmentCheck {
  static func run(_ view: ByteView, _ name: String, threads: Int) throws(WriteError) -> CheckedSegment {
    var scan: SegmentScan
    do throws(DecodeError) { scan = try SegmentScan(view) } catch {
      throw .damaged(file: name, offset: error.offset, reason: "the segment's header does not decode")
    }
    var blocks: [ScannedBlock] = []
    scanning: while true {
      do throws(ScanError) {
        switch try scan.next() {
        case .block(let block): blocks.append(block)
        case .footer, .end: break scanning
        }
      } catch {
        throw .damaged(file: name, offset: error.offset, reason: "what stands there is no block")
      }
    }
    let runs = try hash(blocks, scan.header.seed, name, threads)
    var tree = scan.header.tree
    var groups: [Subtree] = []
    for (block, run) in zip(blocks, runs) {
      tree.append(run) { groups.append($0) }
      guard tree == block.header.tree else { throw .readBack(file: name, offset: block.offset) }
    }
    let level = SubtreeRun.tileLevel
    let footer = SegmentFooter(
      blocks: blocks.map(SegmentFooter.Block.init), firstGroup: scan.header.firstIndex >> UInt64(level),
      groups: groups.filter { $0.level == level }.map(\.hash), chain: scan.chain)
    return CheckedSegment(header: scan.header, footer: footer, end: scan.offset, tree: tree, groups: groups)
  }

  /// The leaves of every block, folded, computed by several threads.
  private static func hash(
    _ blocks: [ScannedBlock], _ seed: SaltKey, _ name: String, _ threads: Int
  ) throws(WriteError) -> [SubtreeRun] {
    let results = Mutex<(runs: [SubtreeRun?], failure: WriteError?)>(
      ([SubtreeRun?](repeating: nil, count: blocks.count), nil))
    try system { () throws(SystemError) in
      try Parallel.forEach(blocks.count, threads: threads, make: { ValueList<Digest>() }) { number, leaves in
        let block = blocks[number]
        do throws(WriteError) {
          let run = try hash(block, seed, name, &leaves)
          results.withLock { $0.runs[number] = run }
          return true
        } catch {
          results.withLock { $0.failure = error }
          return false
        }
      }
    }
    let (runs, failure) = results.withLock { $0 }
    if let failure { throw failure }
    return runs.compactMap { $0 }
  }

  private static func hash(
    _ block: ScannedBlock, _ seed: SaltKey, _ name: String, _ leaves: inout ValueList<Digest>
  ) throws(WriteError) -> SubtreeRun {
    guard block.isIntact() else { throw .readBack(file: name, offset: block.offset) }
    var hasher = try crypto { () throws(CryptoError) in try EntryHasher(seed: seed) }
    do throws(BlockReadError) { try DecodedBlock.hashLeaves(of: block, &hasher, &leaves) } catch {
      throw .readBack(file: name, offset: block.offset)
    }
    return unsafe leaves.withUnsafeElements {
      unsafe SubtreeRun(first: block.header.firstIndex, leaves: $0.span)
    }
  }
}

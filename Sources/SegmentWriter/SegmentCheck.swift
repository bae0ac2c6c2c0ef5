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
  /// Hashes of the smaller subtrees at the edges of encrypted blocks.
  var kept: [Subtree]
}

/// Decodes and rehashes a whole segment before it is sealed. Encrypted blocks whose key was lost in a crash are
/// checked by their chain alone.
enum SegmentCheck {
  static func run(_ view: ByteView, _ name: String, _ key: SegmentKey?, threads: Int) throws(WriteError)
    -> CheckedSegment
  {
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
    let runs = try hash(blocks, scan.salts, key, name, threads)
    var tree = scan.header.tree
    var groups: [Subtree] = []
    var isWhole = true
    for (block, run) in zip(blocks, runs) {
      guard let run else {
        tree = block.header.tree
        isWhole = false
        continue
      }
      // Hashes of groups must join without a gap.
      tree.append(run) { if isWhole { groups.append($0) } }
      guard tree == block.header.tree else { throw .readBack(file: name, offset: block.offset) }
    }
    let level = SubtreeRun.tileLevel
    let footer = SegmentFooter(
      blocks: blocks.map(SegmentFooter.Block.init), firstGroup: scan.header.firstIndex >> UInt64(level),
      groups: groups.filter { $0.level == level }.map(\.hash), chain: scan.chain)
    let kept = zip(blocks, runs).filter { $0.0.header.isEncrypted }
      .flatMap { $0.1?.subtrees.filter { $0.level < level } ?? [] }
    return CheckedSegment(
      header: scan.header, footer: footer, end: scan.offset, tree: tree, groups: groups, kept: kept)
  }

  /// The leaves of every block, folded, computed by several threads.
  private static func hash(
    _ blocks: [ScannedBlock], _ salts: SaltSource, _ key: SegmentKey?, _ name: String, _ threads: Int
  ) throws(WriteError) -> [SubtreeRun?] {
    let results = Mutex<(runs: [SubtreeRun?], failure: WriteError?)>(
      ([SubtreeRun?](repeating: nil, count: blocks.count), nil))
    try system { () throws(SystemError) in
      try Parallel.forEach(blocks.count, threads: threads, make: { SegmentHashing() }) { number, state in
        let block = blocks[number]
        do throws(WriteError) {
          let run = try hash(block, salts, key, name, &state)
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
    return runs
  }

  private static func hash(
    _ block: ScannedBlock, _ salts: SaltSource, _ key: SegmentKey?, _ name: String,
    _ state: inout SegmentHashing
  ) throws(WriteError) -> SubtreeRun? {
    guard block.isIntact() else { throw .readBack(file: name, offset: block.offset) }
    if block.header.isEncrypted, key == nil { return nil }
    do throws(BlockReadError) { try state.hash(block, salts, key) } catch {
      throw .readBack(file: name, offset: block.offset)
    }
    return unsafe state.leaves.withUnsafeElements {
      unsafe SubtreeRun(first: block.header.firstIndex, leaves: $0.span)
    }
  }
}

/// What one thread hashes blocks with.
private struct SegmentHashing: ~Copyable {
  var leaves = ValueList<Digest>()
  private var payload = ByteBuffer()
  private var cipher: BlockCipher?

  /// Replaces `leaves` by those of the block.
  mutating func hash(
    _ block: ScannedBlock, _ salts: SaltSource, _ key: SegmentKey?
  ) throws(BlockReadError) {
    let salts = try salts.of(block.header, key)
    var hasher = try Self.make { () throws(CryptoError) in try EntryHasher(salts) }
    if cipher == nil { cipher = try Self.make { () throws(CryptoError) in try BlockCipher() } }
    guard let plain = try cipher?.open(block, key, into: &payload) else { return }
    try DecodedBlock.hashLeaves(of: plain, &hasher, &leaves)
  }

  private static func make<Value: ~Copyable>(
    _ body: () throws(CryptoError) -> Value
  ) throws(BlockReadError) -> Value {
    do throws(CryptoError) { return try body() } catch { throw .crypto(error) }
  }
}

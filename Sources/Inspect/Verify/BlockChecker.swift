import Bytes
import Cryptography
import MerkleLog
import Platform
import Segments

/// What checking one block gave. A good one is counted and forgotten.
struct BlockOutcome: Sendable {
  enum Problem: Sendable, Equatable {
    case unreadable(SystemError)
    case crypto(CryptoError)
    /// The bytes do not give the chain value at their end.
    case notIntact
    case sequence
    case link
    /// The payload does not decode; the offset counts from the block's start.
    case undecodable(DecodeError)
    /// The entries do not lead from the tree before the block to the tree in its header.
    case tree
    /// Totals in the header are not those of the entries.
    case contents
    /// The footer describes the block otherwise.
    case footerBlock
    /// The footer has another hash of one of the block's groups.
    case footerGroup
  }

  var problems: [Problem] = []
  /// Where the footer's group hashes show that entries differ; nil when they show nothing.
  var differing: Range<UInt64>?

  var isIntact: Bool { !problems.contains(.notIntact) }
  /// The block itself is not what it should be, and not only the footer.
  var isBlockFault: Bool { problems.contains { $0 != .footerBlock && $0 != .footerGroup } }
}

/// What must be known of a segment to check one of its blocks. Shared by the threads.
struct BlockContext: Sendable {
  var source: SegmentSource
  var seed: SaltKey
  var footer: SegmentFooter?
  var isQuick: Bool
  /// Tree sizes whose roots are wanted.
  var sizes: [UInt64]
}

/// Checks blocks, one after the other: a thread's buffers.
struct BlockChecker: ~Copyable {
  private var block = ByteBuffer()
  private var raw = ByteBuffer(capacity: 4096)
  private var leaves = ValueList<Digest>()
  private var run = SubtreeRun()
  /// Roots that the last block gave.
  private(set) var roots: [UInt64: Digest] = [:]
  /// What the control entries of the last block say.
  private(set) var control = ControlTotals()
  /// The control entries of the last block that verification depends on, in order.
  private(set) var items: [ControlItem] = []

  init() {}

  mutating func hash(_ source: SegmentSource) throws(SystemError) -> Digest { try source.hash(&block) }

  mutating func check(_ walked: WalkedBlock, _ context: BlockContext) -> BlockOutcome {
    roots.removeAll(keepingCapacity: true)
    control = ControlTotals()
    items.removeAll(keepingCapacity: true)
    var outcome = BlockOutcome()
    let header = walked.header
    do throws(SystemError) {
      try context.source.read(header.blockByteCount, at: walked.offset, into: &block)
    } catch {
      outcome.problems.append(.unreadable(error))
      return outcome
    }
    let isIntact = BlockHeader.isIntact(block.view, header) && (try? BlockHeader(block.view)) == header
    if !isIntact { outcome.problems.append(.notIntact) }
    if !walked.isInSequence { outcome.problems.append(.sequence) }
    if !walked.isLinked { outcome.problems.append(.link) }
    if !walked.matchesFooter { outcome.problems.append(.footerBlock) }
    let sizes = context.sizes.filter { $0 > header.firstIndex && $0 <= header.endIndex }
    // Without decoding, the header's tree is what there is to be believed.
    if context.isQuick, sizes.allSatisfy({ $0 == header.endIndex }) {
      for size in sizes where isIntact { roots[size] = header.tree.root }
      return outcome
    }
    guard block.count == header.blockByteCount else { return outcome }
    do throws(BlockReadError) {
      if try hashLeaves(header, context.seed) != header.contents { outcome.problems.append(.contents) }
    } catch {
      switch error {
      case .decode(let error): outcome.problems.append(.undecodable(error))
      case .crypto(let error): outcome.problems.append(.crypto(error))
      }
      return outcome
    }
    checkTree(walked, context, sizes, &outcome)
    return outcome
  }

  /// Decodes the block and fills `leaves`; returns the totals of the entries.
  private mutating func hashLeaves(
    _ header: BlockHeader, _ seed: SaltKey
  ) throws(BlockReadError) -> BlockContents {
    let payload = block.view[header.size, header.size + header.storedByteCount]
    leaves.removeAll()
    let decoded = try Self.decode(payload, header)
    var hasher = try Self.hasher(seed)
    var totals = BlockContents(count: decoded.count, rawByteCount: 0, firstTime: .max, lastTime: .min)
    for row in 0..<decoded.count {
      raw.removeAll()
      do throws(DecodeError) { try decoded.print(row, to: &raw) } catch {
        throw .decode(DecodeError(error.reason, at: header.size + error.offset))
      }
      let metadata = decoded.metadata(row)
      totals.rawByteCount &+= raw.count
      // What repeats one long value in every row must not keep a checker busy for hours.
      if totals.rawByteCount > header.contents.rawByteCount {
        throw .decode(DecodeError(.invalid, at: header.size))
      }
      totals.firstTime = min(totals.firstTime, metadata.time)
      totals.lastTime = max(totals.lastTime, metadata.time)
      if metadata.kind == .control {
        let statement = ControlStatement(raw.view)
        control.add(statement)
        let index = header.firstIndex &+ UInt64(row)
        if let item = ControlItem(statement, index, metadata.time, raw.view) { items.append(item) }
      }
      do throws(CryptoError) {
        leaves.append(
          try hasher.leaf(
            index: header.firstIndex &+ UInt64(row), metadata, envelope: decoded.envelope(row), raw: raw.view)
        )
      } catch { throw .crypto(error) }
    }
    return totals
  }

  private static func decode(_ payload: ByteView, _ header: BlockHeader) throws(BlockReadError)
    -> DecodedBlock
  {
    do throws(DecodeError) {
      var decoded = try DecodedBlock(
        payload, count: header.contents.count, rawByteCount: header.contents.rawByteCount)
      try decoded.loadAll()
      return decoded
    } catch { throw .decode(DecodeError(error.reason, at: header.size + error.offset)) }
  }

  private static func hasher(_ seed: SaltKey) throws(BlockReadError) -> EntryHasher {
    do throws(CryptoError) { return try EntryHasher(seed: seed) } catch { throw .crypto(error) }
  }

  /// Folds the leaves into the tree before the block and compares what comes out.
  private mutating func checkTree(
    _ walked: WalkedBlock, _ context: BlockContext, _ sizes: [UInt64], _ outcome: inout BlockOutcome
  ) {
    let header = walked.header
    unsafe leaves.withUnsafeElements { unsafe run.replace(first: header.firstIndex, leaves: $0.span) }
    guard var tree = walked.base else {
      // What stands before is unknown: only groups that lie wholly in the block can be compared.
      for subtree in run.subtrees { compare(subtree, context, header, &outcome) }
      return
    }
    for size in sizes where size < header.endIndex { roots[size] = root(at: size, from: tree, header) }
    addRoots(tree, header)
    var completed: [Subtree] = []
    tree.append(run) { completed.append($0) }
    for subtree in completed { compare(subtree, context, header, &outcome) }
    if tree != header.tree { outcome.problems.append(.tree) }
    for size in sizes where size == header.endIndex { roots[size] = tree.root }
  }

  /// The root of the tree that ends inside the block.
  private func root(at size: UInt64, from base: CompactRange, _ header: BlockHeader) -> Digest {
    var tree = base
    let count = Int(size - header.firstIndex)
    unsafe leaves.withUnsafeElements {
      unsafe tree.append(SubtreeRun(first: header.firstIndex, leaves: $0.span.extracting(first: count)))
    }
    return tree.root
  }

  /// Gives each item the root of the tree that ends with it.
  private mutating func addRoots(_ base: CompactRange, _ header: BlockHeader) {
    var tree = base
    var done = 0
    for place in items.indices where items[place].wantsRoot {
      let end = Int(items[place].index - header.firstIndex) + 1
      unsafe leaves.withUnsafeElements {
        unsafe tree.append(
          SubtreeRun(first: header.firstIndex + UInt64(done), leaves: $0.span.extracting(done..<end)))
      }
      items[place].root = tree.root
      done = end
    }
  }

  private func compare(
    _ subtree: Subtree, _ context: BlockContext, _ header: BlockHeader, _ outcome: inout BlockOutcome
  ) {
    guard subtree.level == SubtreeRun.tileLevel, let footer = context.footer,
      subtree.index >= footer.firstGroup,
      subtree.index - footer.firstGroup < UInt64(footer.groups.count)
    else { return }
    if footer.groups[Int(subtree.index - footer.firstGroup)] == subtree.hash { return }
    if !outcome.problems.contains(.footerGroup) { outcome.problems.append(.footerGroup) }
    let start = max(subtree.index << UInt64(subtree.level), header.firstIndex)
    let end = min((subtree.index << UInt64(subtree.level)) | 255, header.endIndex - 1) + 1
    outcome.differing = min(outcome.differing?.lowerBound ?? start, start)..<end
  }
}

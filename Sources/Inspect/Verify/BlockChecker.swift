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
    /// The payload cannot be decrypted with the segment's key.
    case undecryptable
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
  /// Entries that were decoded and hashed.
  var decodedEntries: UInt64 = 0

  var isIntact: Bool { !problems.contains(.notIntact) }
  /// The block itself is not what it should be, and not only the footer.
  var isBlockFault: Bool { problems.contains { $0 != .footerBlock && $0 != .footerGroup } }
}

/// What must be known of a segment to check one of its blocks. Shared by the threads.
struct BlockContext: Sendable {
  var source: SegmentSource
  var salts: SaltSource
  /// Of encrypted blocks; nil when it could not be had.
  var key: SegmentKey?
  var footer: SegmentFooter?
  /// Blocks that end before this index are not decoded.
  var decodedFrom: UInt64
  /// Tree sizes whose roots are wanted.
  var sizes: [UInt64]
}

/// Checks blocks, one after the other: a thread's buffers.
struct BlockChecker: ~Copyable {
  private var block = ByteBuffer()
  /// The payload of an encrypted block.
  private var plain = ByteBuffer()
  private var cipher: BlockCipher?
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
    let isClosed = header.isEncrypted && context.key == nil
    if isClosed || header.endIndex <= context.decodedFrom,
      isClosed || sizes.allSatisfy({ $0 == header.endIndex })
    {
      for size in sizes where isIntact && size == header.endIndex { roots[size] = header.tree.root }
      if isIntact, !isClosed { collectItems(header) }
      return outcome
    }
    guard block.count == header.blockByteCount else { return outcome }
    do throws(BlockReadError) {
      if try hashLeaves(header, context) != header.contents { outcome.problems.append(.contents) }
    } catch {
      switch error {
      case .decode(let error): outcome.problems.append(.undecodable(error))
      case .crypto(let error): outcome.problems.append(.crypto(error))
      case .closed, .wrongKey: outcome.problems.append(.undecryptable)
      }
      return outcome
    }
    outcome.decodedEntries = UInt64(leaves.count)
    checkTree(walked, context, sizes, &outcome)
    return outcome
  }

  /// Collects the control entries that verification depends on, and decodes no message but theirs.
  private mutating func collectItems(_ header: BlockHeader) {
    let payload = block.view[header.size, header.size + header.storedByteCount]
    guard
      var decoded = try? DecodedBlock(
        payload, count: header.contents.count, rawByteCount: header.contents.rawByteCount),
      (try? decoded.loadFlags()) != nil
    else { return }
    let rows = decoded.controlRows
    if rows.isEmpty || (try? decoded.loadAll()) == nil { return }
    var raw = ByteBuffer()
    for row in rows {
      raw.removeAll()
      guard (try? decoded.print(row, to: &raw)) != nil else { continue }
      let index = header.firstIndex &+ UInt64(row)
      if let item = ControlItem(ControlStatement(raw.view), index, decoded.time(row), raw.view) {
        items.append(item)
      }
    }
  }

  /// Decodes the block and fills `leaves`; returns the totals of the entries.
  private mutating func hashLeaves(
    _ header: BlockHeader, _ context: BlockContext
  ) throws(BlockReadError) -> BlockContents {
    var payload = block.view[header.size, header.size + header.storedByteCount]
    var salts = context.salts
    if header.isEncrypted, let key = context.key {
      salts = .seed(try decrypt(payload, header, key))
      payload = plain.view
    }
    let decoded = try Self.decode(payload, header)
    var hasher = try Self.hasher(salts)
    var totals = BlockContents(count: decoded.count, rawByteCount: 0, firstTime: .max, lastTime: .min)
    var control = ControlTotals()
    var items: [ControlItem] = []
    do throws(BlockReadError) {
      try decoded.hashLeaves(first: header.firstIndex, &hasher, &leaves) { row, metadata, raw in
        totals.rawByteCount &+= raw.count
        totals.firstTime = min(totals.firstTime, metadata.time)
        totals.lastTime = max(totals.lastTime, metadata.time)
        if metadata.kind == .received { return }
        let statement = ControlStatement(raw)
        control.add(statement)
        let index = header.firstIndex &+ UInt64(row)
        if let item = ControlItem(statement, index, metadata.time, raw) { items.append(item) }
      }
    } catch {
      guard case .decode(let error) = error else { throw error }
      throw .decode(DecodeError(error.reason, at: header.size + error.offset))
    }
    self.control = control
    self.items = items
    return totals
  }

  /// Replaces `plain` by the block's payload; returns the seed of its entries' salts.
  private mutating func decrypt(
    _ stored: ByteView, _ header: BlockHeader, _ key: SegmentKey
  ) throws(BlockReadError) -> SaltKey {
    do throws(CryptoError) {
      if cipher == nil { cipher = try BlockCipher() }
      let isOpen = try cipher?.open(
        stored, segment: header.segment, firstIndex: header.firstIndex, header.contents, key, to: &plain)
      if isOpen == true { return try key.saltSeed() }
    } catch { throw .crypto(error) }
    throw .wrongKey
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

  private static func hasher(_ salts: SaltSource) throws(BlockReadError) -> EntryHasher {
    do throws(CryptoError) { return try EntryHasher(salts) } catch { throw .crypto(error) }
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

  /// Gives each item the root of the tree that it is about.
  private mutating func addRoots(_ base: CompactRange, _ header: BlockHeader) {
    var tree = base
    var done = 0
    for place in items.indices {
      guard let size = items[place].rootSize else { continue }
      let end = Int(size - header.firstIndex)
      if end > done {
        unsafe leaves.withUnsafeElements {
          unsafe tree.append(
            SubtreeRun(first: header.firstIndex + UInt64(done), leaves: $0.span.extracting(done..<end)))
        }
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

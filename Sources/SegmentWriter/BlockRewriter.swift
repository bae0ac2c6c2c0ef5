import Bytes
import Cryptography
import MerkleLog
import Platform
import Segments
import Templates

/// Joins the small blocks of a segment that was written slowly into large ones. The entries do not change, so
/// neither does the tree; only the chain is a new one, over the new stored bytes.
enum BlockRewriter {
  /// Entries and raw bytes a block below which blocks are joined.
  private static let smallEntries = 8192
  private static let smallRawBytes = 2 << 20

  /// Whether the blocks of the file are so small that larger ones pay, and can be read.
  static func isWorthwhile(
    _ directory: borrowing Directory, _ name: String, _ key: SegmentKey?
  ) throws(WriteError) -> Bool {
    let file = try system { () throws(SystemError) in try MappedFile(try directory.openFile(name)) }
    guard var scan = try? SegmentScan(file.view) else { return false }
    var blocks = 0, entries = 0, rawByteCount = 0
    while case .block(let block)? = try? scan.next() {
      if block.header.isEncrypted, key == nil { return false }
      blocks += 1
      entries += block.header.contents.count
      rawByteCount += block.header.contents.rawByteCount
    }
    return blocks > 1 && entries / blocks < smallEntries && rawByteCount / blocks < smallRawBytes
  }

  /// Writes the segment `source` as `target` with large blocks and no footer.
  static func rewrite(
    _ directory: borrowing Directory, from source: String, to target: String, _ key: SegmentKey?
  ) throws(WriteError) {
    let file = try system { () throws(SystemError) in try MappedFile(try directory.openFile(source)) }
    try system { () throws(SystemError) in _ = try directory.remove(target) }
    let output = try system { () throws(SystemError) in try directory.createFile(target) }
    do throws(RewriteError) {
      let scan: SegmentScan
      do throws(DecodeError) { scan = try SegmentScan(file.view) } catch {
        throw .unreadable(offset: error.offset)
      }
      let hasher: EntryHasher
      do throws(CryptoError) { hasher = try EntryHasher(scan.salts) } catch {
        throw .crypto(error)
      }
      let cipher: BlockCipher
      do throws(CryptoError) { cipher = try BlockCipher() } catch { throw .crypto(error) }
      var joiner = BlockJoiner(file.view, output, scan, hasher, cipher, key)
      try joiner.run()
    } catch {
      switch error {
      case .system(let error): throw .system(error)
      case .crypto(let error): throw .crypto(error)
      case .unreadable(let offset): throw .readBack(file: source, offset: offset)
      }
    }
  }
}

enum RewriteError: Error {
  case system(SystemError)
  case crypto(CryptoError)
  /// The block at that offset of the source does not decode.
  case unreadable(offset: Int)
}

/// Reads small blocks and writes large ones.
private struct BlockJoiner: ~Copyable {
  private let file: ByteView
  private let output: FileDescriptor
  private var scan: SegmentScan
  private var hasher: EntryHasher
  private let key: SegmentKey?
  private var cipher: BlockCipher
  /// Whether the blocks that are being joined are encrypted, and `hasher` has their salts.
  private var isEncrypted = false
  private var plain = ByteBuffer()
  private var tree: CompactRange
  private var chain: Digest
  private var offset: Int
  private var number = 0
  private var leaves = ValueList<Digest>()
  private var raw = ByteBuffer()
  private var payload = ByteBuffer()

  init(
    _ file: ByteView, _ output: consuming FileDescriptor, _ scan: SegmentScan,
    _ hasher: consuming EntryHasher, _ cipher: consuming BlockCipher, _ key: SegmentKey?
  ) {
    self.output = output
    self.cipher = cipher
    self.key = key
    self.file = file
    self.scan = scan
    self.hasher = hasher
    tree = scan.header.tree
    chain = scan.chainStart
    offset = scan.offset
  }

  mutating func run() throws(RewriteError) {
    try write(file.prefix(offset), at: 0)
    var pending: [ScannedBlock] = []
    var entries = 0, rawByteCount = 0
    while let block = try nextBlock() {
      // It stays where readers look for it: at the start, by itself.
      if block.header.number == 0, ControlEntries.rotation(in: block) != nil {
        try join([block])
        continue
      }
      let contents = block.header.contents
      if entries + contents.count > Limits.blockEntries
        || rawByteCount + contents.rawByteCount > Limits.blockRawBytes
        || block.header.isEncrypted != pending.last?.header.isEncrypted, !pending.isEmpty
      {
        try join(pending)
        pending = []
        entries = 0
        rawByteCount = 0
      }
      pending.append(block)
      entries += contents.count
      rawByteCount += contents.rawByteCount
    }
    if !pending.isEmpty { try join(pending) }
    do throws(SystemError) { try output.synchronize() } catch { throw .system(error) }
  }

  private mutating func nextBlock() throws(RewriteError) -> ScannedBlock? {
    let item: SegmentItem
    do throws(ScanError) { item = try scan.next() } catch { throw .unreadable(offset: error.offset) }
    guard case .block(let block) = item else { return nil }
    guard block.isIntact() else { throw .unreadable(offset: block.offset) }
    return block
  }

  private func write(_ bytes: ByteView, at offset: Int) throws(RewriteError) {
    do throws(SystemError) { try output.write(bytes, at: offset) } catch { throw .system(error) }
  }

  /// Writes the entries of `blocks` as one block.
  private mutating func join(_ blocks: [ScannedBlock]) throws(RewriteError) {
    try useSalts(of: blocks[0])
    // The templates of all of them; each block's own messages are then matched against their own template
    // again.
    var templates: [Template] = []
    var lists: [Template: Int] = [:]
    var sources: [SourceName] = []
    for block in blocks {
      let decoded = try decode(block)
      for node in decoded.rootNodes {
        let template = decoded.nestedTemplate(node)
        if lists[template] == nil {
          lists[template] = templates.count
          templates.append(template)
        }
      }
      for source in decoded.sourceNames where !sources.contains(source) { sources.append(source) }
    }
    let matcher = Matcher(templates.map { [$0] })
    if blocks.count > 1, !BlockBuilder.hasRoomForAll(of: matcher) {
      // Each block by itself has room; many of them together may have too many different templates.
      try join(Array(blocks[..<(blocks.count / 2)]))
      return try join(Array(blocks[(blocks.count / 2)...]))
    }
    var result = MatchResult(for: matcher)
    var builder = BlockBuilder(for: matcher)
    let first = tree.size
    leaves.removeAll()
    for block in blocks {
      var decoded = try decode(block)
      let listOf = decoded.rootNodes.map { lists[decoded.nestedTemplate($0)] ?? 0 }
      try append(&decoded, block, listOf, matcher, &result, &builder)
    }
    payload.removeAll()
    let contents = builder.finish(matcher, sourceNames: sources, to: &payload)
    let run = unsafe leaves.withUnsafeElements { unsafe SubtreeRun(first: first, leaves: $0.span) }
    tree.append(run)
    try writeBlock(first, contents)
  }

  /// Makes `hasher` that of blocks like this one.
  private mutating func useSalts(of block: ScannedBlock) throws(RewriteError) {
    if block.header.isEncrypted == isEncrypted { return }
    isEncrypted.toggle()
    do throws(BlockReadError) {
      let salts = try scan.salts.of(block.header, key)
      do throws(CryptoError) { hasher = try EntryHasher(salts) } catch { throw .crypto(error) }
    } catch { throw Self.failure(error, block) }
  }

  private static func failure(_ error: BlockReadError, _ block: ScannedBlock) -> RewriteError {
    if case .crypto(let error) = error { return .crypto(error) }
    return .unreadable(offset: block.offset)
  }

  /// The block's columns, valid until the next is decoded.
  private mutating func decode(_ stored: ScannedBlock) throws(RewriteError) -> DecodedBlock {
    let block: ScannedBlock
    do throws(BlockReadError) { block = try cipher.open(stored, key, into: &plain) } catch {
      throw Self.failure(error, stored)
    }
    do throws(DecodeError) {
      return try DecodedBlock(
        block.stored, count: block.header.contents.count, rawByteCount: block.header.contents.rawByteCount)
    } catch { throw .unreadable(offset: block.offset) }
  }

  private mutating func append(
    _ decoded: inout DecodedBlock, _ block: ScannedBlock, _ listOf: [Int], _ matcher: borrowing Matcher,
    _ result: inout MatchResult, _ builder: inout BlockBuilder
  ) throws(RewriteError) {
    do throws(DecodeError) { try decoded.loadAll() } catch { throw .unreadable(offset: block.offset) }
    let listOfNode = Dictionary(uniqueKeysWithValues: zip(decoded.rootNodes, listOf))
    for row in 0..<decoded.count {
      raw.removeAll()
      do throws(DecodeError) { try decoded.print(row, to: &raw) } catch {
        throw .unreadable(offset: block.offset)
      }
      let metadata = decoded.metadata(row)
      let envelope = decoded.envelope(row)
      let index = block.header.firstIndex + UInt64(row)
      do throws(CryptoError) {
        leaves.append(try hasher.leaf(index: index, metadata, envelope: envelope, raw: raw.view))
      } catch { throw .crypto(error) }
      let node = decoded.root(row).node
      if let list = listOfNode[node] {
        matcher.match(raw.view, list: list, into: &result)
        builder.append(raw.view, result, metadata, envelope: envelope, hasSameEnvelope: false)
      } else {
        let (failure, offset) = decoded.failure(row)
        builder.append(unparsed: raw.view, metadata, envelope: envelope, failure: failure, offset: offset)
      }
    }
  }

  private mutating func writeBlock(_ first: UInt64, _ contents: BlockContents) throws(RewriteError) {
    if isEncrypted, let key {
      do throws(CryptoError) {
        try cipher.seal(
          payload.view, segment: scan.header.id, firstIndex: first, contents, key, to: &plain)
      } catch { throw .crypto(error) }
      swap(&payload, &plain)
    }
    let header = BlockHeader(
      segment: scan.header.id, number: number, firstIndex: first, contents: contents,
      storedByteCount: payload.count, previousChain: chain, tree: tree,
      isEncrypted: isEncrypted)
    var block = ByteBuffer(capacity: header.blockByteCount)
    header.encode(to: &block)
    chain = BlockHeader.chain(previous: chain, header: block.view, stored: payload.view)
    block.append(payload.view)
    block.append(chain)
    try write(block.view, at: offset)
    offset += block.count
    number += 1
  }
}

import Bytes
import Cryptography
import MerkleLog
import Platform
import Segments
import Templates

/// Writes a sealed segment anew, without the content of some of its entries.
///
/// Rows that are erased keep time, source, flags and kind; their message and envelope become empty, and what
/// their leaf hash still needs goes into the salt table. All other entries stay, so the tree does not change.
/// Blocks without an erased row keep their stored bytes; the chain is a new one.
final class SegmentAmender {
  private let name: String
  private let file: MappedFile
  private let scan: SegmentScan
  private var blocks: [ScannedBlock] = []
  private var raw = ByteBuffer()
  private var payload = ByteBuffer()

  init(_ directory: borrowing Directory, _ name: String) throws(WriteError) {
    self.name = name
    file = try system { () throws(SystemError) in try MappedFile(try directory.openFile(name)) }
    do throws(DecodeError) { scan = try SegmentScan(file.view) } catch {
      throw .damaged(file: name, offset: error.offset, reason: "the segment's header does not decode")
    }
    var walk = scan
    do throws(ScanError) {
      while case .block(let block) = try walk.next() { blocks.append(block) }
    } catch {
      // Of an open segment, the block that is being written.
      if FileNames.parse(name)?.kind == .open { return }
      throw .damaged(file: name, offset: error.offset, reason: "what stands there is no block")
    }
  }

  private var entries: Range<UInt64> {
    scan.header.firstIndex..<(blocks.last?.header.endIndex ?? scan.header.firstIndex)
  }

  /// Writes the segment as the file `target`, durable, without the content of `erasing`. Returns what the file
  /// is, once all of it was read back, decoded and hashed again.
  func write(
    _ directory: borrowing Directory, to target: String, erasing: [Range<UInt64>], threads: Int
  ) throws(WriteError) -> (chain: Digest, byteCount: Int, fileHash: Digest) {
    let erased = try collect(erasing)
    let table = try crypto { () throws(CryptoError) in
      try SaltTable(scan.salts, entries: entries, erasing: erased)
    }
    try system { () throws(SystemError) in _ = try directory.remove(target) }
    let output = try system { () throws(SystemError) in try directory.createFile(target) }
    try writeBlocks(output, table, Set(erased.map(\.index)))
    return try finish(directory, target, output, threads)
  }

  // MARK: What is erased

  /// Those of `wanted` whose content is still there.
  func readable(_ wanted: [Range<UInt64>]) throws(WriteError) -> [Range<UInt64>] {
    if let last = wanted.last, last.upperBound > entries.upperBound {
      throw .noEntry(index: max(last.lowerBound, entries.upperBound), end: entries.upperBound)
    }
    return [Range<UInt64>](joining: try collect(wanted).map(\.index))
  }

  /// What the leaves of the entries need when their content is gone; without those that are erased already.
  private func collect(_ erasing: [Range<UInt64>]) throws(WriteError) -> [ErasedEntry] {
    var found: [ErasedEntry] = []
    var hasher = try crypto { () throws(CryptoError) in try EntryHasher(scan.salts) }
    for block in blocks {
      let range = block.header.firstIndex..<block.header.endIndex
      if scan.header.isEncrypted { throw .encrypted(index: range.lowerBound) }
      let rows = erasing.map { $0.clamped(to: range) }.filter { !$0.isEmpty }
      if rows.isEmpty { continue }
      let decoded = try decode(block)
      for index in rows.joined() where scan.salts.table?.erased(index) == nil {
        let row = Int(index - block.header.firstIndex)
        let metadata = decoded.metadata(row)
        if metadata.kind == .control { throw .unerasable(index: index) }
        try print(decoded, row, block)
        do throws(CryptoError) {
          let entry = try hasher.entry(
            index: index, metadata, envelope: decoded.envelope(row), raw: raw.view)
          let commitment = entry.withView { Digest($0, at: $0.count - Digest.size) }
          found.append(
            ErasedEntry(index: index, rawByteCount: UInt32(raw.count), commitment: commitment))
        } catch { throw .crypto(error) }
      }
    }
    return found
  }

  private func decode(_ block: ScannedBlock) throws(WriteError) -> DecodedBlock {
    guard block.isIntact() else { throw .readBack(file: name, offset: block.offset) }
    do throws(DecodeError) {
      let contents = block.header.contents
      var decoded = try DecodedBlock(
        block.stored, count: contents.count, rawByteCount: contents.rawByteCount)
      try decoded.loadAll()
      return decoded
    } catch { throw .readBack(file: name, offset: block.offset) }
  }

  private func print(
    _ decoded: borrowing DecodedBlock, _ row: Int, _ block: ScannedBlock
  ) throws(WriteError) {
    raw.removeAll()
    do throws(DecodeError) { try decoded.print(row, to: &raw) } catch {
      throw .readBack(file: name, offset: block.offset)
    }
  }

  // MARK: Writing

  private func writeBlocks(
    _ output: borrowing FileDescriptor, _ table: SaltTable, _ erased: Set<UInt64>
  ) throws(WriteError) {
    var header = scan.header
    header.isAmended = true
    header.seed = .none
    var front = ByteBuffer()
    header.encode(to: &front)
    var chain: Digest
    do throws(DecodeError) { chain = try SegmentHeader.chainStart(ofEncoded: front.view) } catch {
      throw .damaged(file: name, offset: error.offset, reason: "the new header does not decode")
    }
    table.encode(to: &front)
    var offset = front.count
    try system { () throws(SystemError) in try output.write(front.view, at: 0) }
    for block in blocks {
      var contents = block.header.contents
      payload.removeAll()
      if (block.header.firstIndex..<block.header.endIndex).contains(where: erased.contains) {
        contents = try encode(block, erased)
      } else {
        payload.append(block.stored)
      }
      let header = BlockHeader(
        segment: scan.header.id, number: block.header.number, firstIndex: block.header.firstIndex,
        contents: contents, storedByteCount: payload.count, previousChain: chain, tree: block.header.tree)
      var bytes = ByteBuffer(capacity: header.blockByteCount)
      header.encode(to: &bytes)
      chain = BlockHeader.chain(previous: chain, header: bytes.view, stored: payload.view)
      bytes.append(payload.view)
      bytes.append(chain)
      try system { () throws(SystemError) in try output.write(bytes.view, at: offset) }
      offset += bytes.count
    }
  }

  /// Makes `payload` that of the block without what is erased.
  private func encode(_ block: ScannedBlock, _ erased: Set<UInt64>) throws(WriteError) -> BlockContents {
    let decoded = try decode(block)
    let templates = decoded.rootNodes.map { decoded.nestedTemplate($0) }
    let matcher = Matcher(templates.map { [$0] })
    let listOf = Dictionary(uniqueKeysWithValues: decoded.rootNodes.enumerated().map { ($1, $0) })
    var result = MatchResult(for: matcher)
    var builder = BlockBuilder(for: matcher)
    for row in 0..<decoded.count {
      let metadata = decoded.metadata(row)
      if erased.contains(block.header.firstIndex + UInt64(row)) {
        raw.removeAll()
        builder.append(unparsed: raw.view, metadata, envelope: raw.view)
        continue
      }
      try print(decoded, row, block)
      if let list = listOf[decoded.root(row).node] {
        matcher.match(raw.view, list: list, into: &result)
        builder.append(
          raw.view, result, metadata, envelope: decoded.envelope(row), hasSameEnvelope: false)
      } else {
        let (failure, offset) = decoded.failure(row)
        builder.append(
          unparsed: raw.view, metadata, envelope: decoded.envelope(row), failure: failure, offset: offset)
      }
    }
    return builder.finish(matcher, sourceNames: decoded.sourceNames, to: &payload)
  }

  /// Decodes and hashes what was written, and writes the footer behind it.
  private func finish(
    _ directory: borrowing Directory, _ target: String, _ output: borrowing FileDescriptor, _ threads: Int
  ) throws(WriteError) -> (chain: Digest, byteCount: Int, fileHash: Digest) {
    let checked: CheckedSegment
    do {
      let written = try system { () throws(SystemError) in try MappedFile(try directory.openFile(target)) }
      checked = try SegmentCheck.run(written.view, target, nil, threads: threads)
    }
    guard checked.tree == blocks.last?.header.tree else { throw .readBack(file: target, offset: 0) }
    var footer = ByteBuffer()
    checked.footer.encode(to: &footer)
    try system { () throws(SystemError) in
      try output.write(footer.view, at: checked.end)
      try output.setMode(0o440)
      try output.synchronize()
    }
    let file = try system { () throws(SystemError) in try MappedFile(try directory.openFile(target)) }
    guard file.count == checked.end + footer.count, file.view.dropFirst(checked.end) == footer.view
    else { throw .readBack(file: target, offset: checked.end) }
    return (checked.footer.chain, file.count, SHA256.hash(file.view))
  }
}

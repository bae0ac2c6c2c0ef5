import Bytes
import Cryptography
import MerkleLog
import Platform
import Segments

/// One segment's file, mapped for reading. What its structure says is bounded by the file but not verified:
/// who needs certainty checks a proof, or verifies.
public final class SegmentFile: Sendable {
  public let name: String
  public let kind: FileNames.Kind
  public let header: SegmentHeader
  /// Bytes in front of the first block: the header, and an amended segment's salt table.
  public let headerByteCount: Int
  /// Where the entries' salts come from.
  public let salts: SaltSource
  /// The whole blocks, in order and without gaps.
  public let blocks: [SegmentFooter.Block]
  /// The footer of a finished segment; its digest is not checked.
  public let footer: FooterView?
  /// Offset behind the last whole block.
  public let blocksEnd: Int
  /// The key of encrypted blocks; nil when there is none, or it could not be had.
  public let key: SegmentKey?
  private let mapped: MappedFile

  /// Index of the first entry.
  public var firstIndex: UInt64 { header.firstIndex }
  /// Index behind the last entry.
  public var endIndex: UInt64 {
    guard let last = blocks.last else { return header.firstIndex }
    return last.firstIndex + UInt64(last.contents.count)
  }
  /// Size of the file when it was opened.
  public let byteCount: Int
  /// Number of the log's entries that were vouched for then.
  private let committed: UInt64
  /// The file up to `blocksEnd`, or, when it is finished, whole. Valid while this object lives.
  public var view: ByteView { mapped.view }

  /// Maps the file of the segment with that first index. Throws a `SystemError` with `.noSuchFile` when it is
  /// not there.
  ///
  /// The blocks of a segment that is being written are found by their headers. Those behind `committed`,
  /// which nothing has vouched for yet, count only if their bytes give their chain value: a crash may have
  /// left them torn. They are read and only whole ones are mapped, for a writer that starts now cuts off what
  /// is torn, and who reads a mapping there is killed.
  ///
  /// Blocks that `earlier`, the same file when it was shorter, knows for certain are not looked for again.
  public init(
    _ directory: LogDirectory, _ firstIndex: UInt64, _ kind: FileNames.Kind, committed: UInt64,
    recipient: RecipientKey? = nil, earlier: SegmentFile? = nil,
    ownKeys: ((_ firstIndex: UInt64) -> SegmentKey?)? = nil
  ) throws(LogError) {
    self.committed = committed
    let name = FileNames.name(firstIndex, kind)
    let file = try system { () throws(SystemError) in try directory.openFile(name) }
    byteCount = try system { () throws(SystemError) in try file.size() }
    let start = try decodingHeader(file, name, size: byteCount)
    guard start.header.firstIndex == firstIndex else {
      throw .damaged(file: name, DecodeError(.invalid, at: 64))
    }
    if kind == .segment {
      let mapped = try system { () throws(SystemError) in try MappedFile(file) }
      let view = mapped.view
      let footer = try decoding(name) { () throws(DecodeError) in try FooterView(view) }
      blocks = try decoding(name) { () throws(DecodeError) in
        try Self.blocks(footer, from: start.size, start.header.firstIndex)
      }
      blocksEnd = footer.offset
      self.footer = footer
      self.mapped = mapped
    } else {
      do throws(SystemError) {
        let known = earlier?.header == start.header ? earlier?.certainBlocks ?? [] : []
        (blocks, blocksEnd) = try Self.walk(file, start, size: byteCount, committed, behind: known)
        mapped = try MappedFile(file, count: blocksEnd)
      } catch { throw .system(error) }
      footer = nil
    }
    self.name = name
    self.kind = kind
    header = start.header
    let ownKey = start.header.isEncrypted ? ownKeys?(firstIndex) : nil
    key = try directory.segmentKey(start.header, for: recipient) ?? ownKey
    headerByteCount = start.size
    salts = start.salts
    if let table = salts.table, !table.covers(firstIndex..<endIndex) {
      throw .damaged(file: name, DecodeError(.invalid, at: headerByteCount - table.byteCount))
    }
  }

  private static func blocks(
    _ footer: FooterView, from start: Int, _ firstIndex: UInt64
  ) throws(DecodeError) -> [SegmentFooter.Block] {
    var blocks: [SegmentFooter.Block] = []
    blocks.reserveCapacity(footer.blockCount)
    var offset = start
    var index = firstIndex
    for number in 0..<footer.blockCount {
      let block = try footer.block(number)
      let size = block.headerByteCount + block.storedByteCount + Digest.size
      guard block.offset == offset, block.firstIndex == index, size <= footer.offset - offset,
        index <= UInt64.max - UInt64(block.contents.count)
      else { throw DecodeError(.invalid, at: footer.offset) }
      offset += size
      index += UInt64(block.contents.count)
      blocks.append(block)
    }
    guard offset == footer.offset else { throw DecodeError(.invalid, at: footer.offset) }
    return blocks
  }

  /// The blocks that stay what they are while the file grows.
  private var certainBlocks: [SegmentFooter.Block] {
    kind == .open ? Array(blocks.prefix { $0.endIndex <= committed }) : []
  }

  /// The whole blocks of a file, each of which continues the one before, and where they end. `known` are the
  /// first of them.
  private static func walk(
    _ file: borrowing FileDescriptor, _ start: SegmentStart, size: Int, _ committed: UInt64,
    behind known: [SegmentFooter.Block]
  ) throws(SystemError) -> ([SegmentFooter.Block], end: Int) {
    var blocks: [SegmentFooter.Block] = []
    var end = start.size
    var index = start.header.firstIndex
    var chain = start.chain
    var bytes = ByteBuffer()
    if let last = known.last, last.end <= size,
      try file.read(Digest.size, at: last.end - Digest.size, appendingTo: &bytes) == Digest.size
    {
      (blocks, end, index, chain) = (known, last.end, last.endIndex, Digest(bytes.view, at: 0))
    }
    while true {
      bytes.removeAll()
      try file.read(BlockHeader.sizeLimit, at: end, appendingTo: &bytes)
      guard let header = try? BlockHeader(bytes.view), header.segment == start.header.id,
        header.number == blocks.count, header.firstIndex == index, header.previousChain == chain,
        header.blockByteCount <= size - end
      else { return (blocks, end) }
      let isVouchedFor = header.endIndex <= committed
      let count = isVouchedFor ? Digest.size : header.blockByteCount
      bytes.removeAll()
      guard try file.read(count, at: end + header.blockByteCount - count, appendingTo: &bytes) == count else {
        return (blocks, end)
      }
      chain = Digest(bytes.view, at: count - Digest.size)
      if !isVouchedFor {
        let stored = bytes.view[header.size, count - Digest.size]
        let computed = BlockHeader.chain(
          previous: header.previousChain, header: bytes.view.prefix(header.size), stored: stored)
        if computed != chain { return (blocks, end) }
      }
      blocks.append(SegmentFooter.Block(header, at: end))
      end += header.blockByteCount
      index = header.endIndex
    }
  }

  /// Number of bytes that no writer cuts off of a segment that is being written: up to its last whole block.
  public static func wholeByteCount(_ file: borrowing FileDescriptor) throws(LogError) -> Int {
    let size = try system { () throws(SystemError) in try file.size() }
    let start = try decodingHeader(file, file.path, size: size)
    return try system { () throws(SystemError) in try walk(file, start, size: size, 0, behind: []).end }
  }

  /// The number of the block that holds the entry with that index; nil when none does.
  public func blockNumber(of index: UInt64) -> Int? {
    guard index >= firstIndex, index < endIndex else { return nil }
    var (low, high) = (0, blocks.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if blocks[middle].firstIndex <= index { low = middle } else { high = middle }
    }
    return low
  }

  /// Rows of a block whose content was erased.
  public func erasedRows(_ number: Int) -> [UInt32] {
    guard let table = salts.table else { return [] }
    let first = blocks[number].firstIndex
    return table.erased(in: first..<first + UInt64(blocks[number].contents.count))
      .map { UInt32($0.index - first) }
  }

  /// A block's header. Traps unless `number` is that of a block.
  public func blockHeader(_ number: Int) throws(LogError) -> BlockHeader {
    let offset = blocks[number].offset
    do throws(DecodeError) { return try BlockHeader(view.dropFirst(offset)) } catch {
      throw .damaged(file: name, DecodeError(error.reason, at: offset + error.offset))
    }
  }

  /// The stored bytes of a block: columns, compressed. Valid while this object lives.
  public func payload(_ number: Int) -> ByteView {
    let block = blocks[number]
    let start = block.offset + block.headerByteCount
    return view[start, start + block.storedByteCount]
  }

  /// Opens a block. None of its columns is decoded yet.
  public func block(_ number: Int) throws(LogError) -> SegmentBlock { try SegmentBlock(self, number) }

  /// Tells the kernel how the file will be read.
  public func advise(_ advice: MappedFile.Advice) { mapped.advise(advice) }
}

/// What a segment's file begins with; `size` is that of header and salt table.
private typealias SegmentStart = (header: SegmentHeader, size: Int, chain: Digest, salts: SaltSource)

private func decodingHeader(
  _ file: borrowing FileDescriptor, _ name: String, size fileSize: Int
) throws(LogError) -> SegmentStart {
  var bytes = ByteBuffer()
  do throws(SystemError) { try file.read(SegmentHeader.sizeLimit, at: 0, appendingTo: &bytes) } catch {
    throw .system(error)
  }
  let (header, size, chain) = try decoding(name) { () throws(DecodeError) in
    try SegmentHeader.decode(bytes.view)
  }
  if !header.isAmended { return (header, size, chain, .seed(header.seed)) }
  let count = try decoding(name) { () throws(DecodeError) in
    let count = try SaltTable.byteCount(bytes.view.dropFirst(size))
    guard count <= fileSize - size else { throw DecodeError(.truncated, at: fileSize) }
    return count
  }
  bytes.removeAll()
  do throws(SystemError) { try file.read(count, at: size, appendingTo: &bytes) } catch {
    throw .system(error)
  }
  let table = try decoding(name) { () throws(DecodeError) in
    do throws(DecodeError) { return try SaltTable(bytes.view) } catch {
      throw DecodeError(error.reason, at: size + error.offset)
    }
  }
  return (header, size + count, chain, .table(table))
}

/// One block of a segment, opened. Keeps the file mapped; views taken from `contents` are valid while this
/// lives.
public struct SegmentBlock: ~Copyable, Sendable {
  /// The payload of an encrypted block, decrypted; else empty.
  private let plain: ByteBuffer
  /// Where the salts of the block's entries come from.
  public let salts: SaltSource
  public let file: SegmentFile
  public let number: Int
  public let place: SegmentFooter.Block
  /// The columns; `load…` them before asking for rows.
  public var contents: DecodedBlock

  /// Index of the first entry.
  public var firstIndex: UInt64 { place.firstIndex }
  public var endIndex: UInt64 { place.firstIndex + UInt64(place.contents.count) }

  fileprivate init(_ file: SegmentFile, _ number: Int) throws(LogError) {
    let place = file.blocks[number]
    let plain = try file.decrypt(number)
    let isEncrypted = file.isEncrypted(number)
    let contents = try Self.decode(isEncrypted ? plain.view : file.payload(number), file, place)
    salts = isEncrypted ? .seed(try file.messageSeed()) : file.salts
    self.contents = contents
    self.plain = plain
    self.file = file
    self.number = number
    self.place = place
  }

  private static func decode(
    _ payload: ByteView, _ file: SegmentFile, _ place: SegmentFooter.Block
  ) throws(LogError) -> DecodedBlock {
    do throws(DecodeError) {
      return try DecodedBlock(
        payload, count: place.contents.count, rawByteCount: place.contents.rawByteCount)
    } catch {
      throw .damaged(
        file: file.name, DecodeError(error.reason, at: place.offset + place.headerByteCount + error.offset))
    }
  }

  /// Decodes all columns.
  public mutating func loadAll() throws(LogError) {
    do throws(DecodeError) { try contents.loadAll() } catch { throw damaged(error) }
  }

  /// Appends the bytes of `row` as they were received. Needs `loadAll`.
  public func print(_ row: Int, to out: inout ByteBuffer) throws(LogError) {
    do throws(DecodeError) { try contents.print(row, to: &out) } catch { throw damaged(error) }
  }

  /// Appends the 52 bytes of the entries with these indexes, all of this block. Needs `loadAll`.
  public func appendEntries(_ indexes: Range<UInt64>, to out: inout ByteBuffer) throws(LogError) {
    let rows = Int(indexes.lowerBound - firstIndex)..<Int(indexes.upperBound - firstIndex)
    do throws(BlockReadError) {
      var hasher: EntryHasher
      do throws(CryptoError) { hasher = try EntryHasher(salts) } catch { throw .crypto(error) }
      try contents.appendEntries(rows, first: firstIndex, &hasher, to: &out)
    } catch {
      switch error {
      case .decode(let error): throw damaged(error)
      case .crypto(let error): throw .crypto(error)
      case .closed, .wrongKey:
        throw .closed(file: file.name, first: firstIndex, count: UInt64(place.contents.count))
      }
    }
  }

  /// An error in the block's payload, with its place in the file.
  public func damaged(_ error: DecodeError) -> LogError {
    .damaged(
      file: file.name, DecodeError(error.reason, at: place.offset + place.headerByteCount + error.offset))
  }
}

extension SegmentFooter.Block {
  /// Index behind the last entry.
  fileprivate var endIndex: UInt64 { firstIndex + UInt64(contents.count) }
  /// Offset in the file behind the block.
  fileprivate var end: Int { offset + headerByteCount + storedByteCount + Digest.size }
}

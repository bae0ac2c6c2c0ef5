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
  public let headerByteCount: Int
  /// The whole blocks, in order and without gaps.
  public let blocks: [SegmentFooter.Block]
  /// The footer of a finished segment; its digest is not checked.
  public let footer: FooterView?
  /// Offset behind the last whole block.
  public let blocksEnd: Int
  private let mapped: MappedFile

  /// Index of the first entry.
  public var firstIndex: UInt64 { header.firstIndex }
  /// Index behind the last entry.
  public var endIndex: UInt64 {
    guard let last = blocks.last else { return header.firstIndex }
    return last.firstIndex + UInt64(last.contents.count)
  }
  /// Size of the file when it was mapped.
  public var byteCount: Int { mapped.count }
  /// The whole file. Valid while this object lives.
  public var view: ByteView { mapped.view }

  /// Maps the file of the segment with that first index. Throws a `SystemError` with `.noSuchFile` when it is
  /// not there.
  ///
  /// The blocks of a segment that is being written are found by their headers. Those behind `committed`,
  /// which nothing has vouched for yet, count only if their bytes give their chain value: a crash may have
  /// left them torn.
  public init(
    _ directory: LogDirectory, _ firstIndex: UInt64, _ kind: FileNames.Kind, committed: UInt64
  ) throws(LogError) {
    let name = FileNames.name(firstIndex, kind)
    let mapped = try system { () throws(SystemError) in
      try MappedFile(directory.openFile(name))
    }
    let view = mapped.view
    let scan = try decoding(name) { () throws(DecodeError) in try SegmentScan(view) }
    guard scan.header.firstIndex == firstIndex else {
      throw .damaged(file: name, DecodeError(.invalid, at: 64))
    }
    if kind == .segment {
      let footer = try decoding(name) { () throws(DecodeError) in try FooterView(view) }
      blocks = try decoding(name) { () throws(DecodeError) in try Self.blocks(footer, from: scan) }
      blocksEnd = footer.offset
      self.footer = footer
    } else {
      var scan = scan
      (blocks, blocksEnd) = Self.walk(&scan, committed)
      footer = nil
    }
    self.name = name
    self.kind = kind
    header = scan.header
    headerByteCount = scan.offset
    self.mapped = mapped
  }

  private static func blocks(
    _ footer: FooterView, from scan: SegmentScan
  ) throws(DecodeError) -> [SegmentFooter.Block] {
    var blocks: [SegmentFooter.Block] = []
    blocks.reserveCapacity(footer.blockCount)
    var offset = scan.offset
    var index = scan.header.firstIndex
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

  private static func walk(_ scan: inout SegmentScan, _ committed: UInt64) -> (
    [SegmentFooter.Block], end: Int
  ) {
    var blocks: [SegmentFooter.Block] = []
    var end = scan.offset
    while case .block(let block)? = try? scan.next() {
      if block.header.endIndex > committed, !block.isIntact() { break }
      blocks.append(SegmentFooter.Block(block))
      end = block.end
    }
    return (blocks, end)
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

/// One block of a segment, opened. Keeps the file mapped; views taken from `contents` are valid while this
/// lives.
public struct SegmentBlock: ~Copyable, Sendable {
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
    self.file = file
    self.number = number
    self.place = place
    do throws(DecodeError) {
      contents = try DecodedBlock(
        file.payload(number), count: place.contents.count, rawByteCount: place.contents.rawByteCount)
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

  /// An error in the block's payload, with its place in the file.
  public func damaged(_ error: DecodeError) -> LogError {
    .damaged(
      file: file.name, DecodeError(error.reason, at: place.offset + place.headerByteCount + error.offset))
  }
}

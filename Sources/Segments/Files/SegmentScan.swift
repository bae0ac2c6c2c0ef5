import Bytes
import Cryptography
import MerkleLog

/// What stands behind the blocks that were read so far.
public enum SegmentItem: Sendable {
  case block(ScannedBlock)
  /// A footer: the segment is finished.
  case footer(offset: Int)
  /// Nothing: the file ends with a block.
  case end
}

/// A block and where it is.
public struct ScannedBlock: Sendable {
  public var header: BlockHeader
  /// Offset of the block in the file.
  public var offset: Int
  public var headerBytes: ByteView
  /// The stored bytes: a view of the file.
  public var stored: ByteView
  /// The chain value that stands behind the stored bytes.
  public var chain: Digest
  public var end: Int { offset + header.blockByteCount }

  /// Whether the stored chain value is the one that the bytes give. Reads them all.
  public func isIntact() -> Bool {
    BlockHeader.chain(previous: header.previousChain, header: headerBytes, stored: stored) == chain
  }
}

/// Why what should be the next block is none.
public struct ScanError: Error, Equatable, Sendable {
  public enum Reason: Equatable, Sendable {
    /// The header does not decode.
    case header(DecodeError)
    /// The file ends inside the block.
    case truncated
    /// The block belongs to another segment, or is not the next one by number or index.
    case sequence
    /// Its previous chain value is not that of the block before.
    case chain
    /// Its tree does not have the size of the tree before plus its entries.
    case tree
  }
  public var reason: Reason
  /// Offset of the block in the file.
  public var offset: Int

  public init(reason: Reason, offset: Int) {
    self.reason = reason
    self.offset = offset
  }
}

/// Walks the blocks of a segment file from front to back. Checks what links a block to the one before it; the
/// stored bytes are only checked by `ScannedBlock.isIntact`, and the entries by decoding.
public struct SegmentScan: Sendable {
  public let header: SegmentHeader
  /// Where the entries' salts come from.
  public let salts: SaltSource
  public let chainStart: Digest
  /// Offset of the next block.
  public private(set) var offset: Int
  /// Chain value of the last block.
  public private(set) var chain: Digest
  /// The tree with the last block's entries.
  public private(set) var tree: CompactRange
  public private(set) var blockCount = 0
  private let file: ByteView

  /// Starts with a file's bytes, which must outlive the scan.
  public init(_ file: ByteView) throws(DecodeError) {
    let (header, size, start) = try SegmentHeader.decode(file)
    self.header = header
    self.file = file
    chainStart = start
    chain = start
    if header.isAmended {
      let table: SaltTable
      do throws(DecodeError) { table = try SaltTable(file.dropFirst(size)) } catch {
        throw DecodeError(error.reason, at: size + error.offset)
      }
      salts = .table(table)
      offset = size + table.byteCount
    } else {
      salts = .seed(header.seed)
      offset = size
    }
    tree = header.tree
  }

  public mutating func next() throws(ScanError) -> SegmentItem {
    if offset == file.count { return .end }
    let rest = file.dropFirst(offset)
    if rest.count >= 4, rest.load32(at: 0) == SegmentFooter.magic { return .footer(offset: offset) }
    let header: BlockHeader
    do throws(DecodeError) { header = try BlockHeader(rest) } catch {
      throw ScanError(reason: error.reason == .truncated ? .truncated : .header(error), offset: offset)
    }
    guard header.blockByteCount <= rest.count else { throw ScanError(reason: .truncated, offset: offset) }
    guard header.segment == self.header.id, header.number == blockCount, header.firstIndex == tree.size
    else { throw ScanError(reason: .sequence, offset: offset) }
    guard header.previousChain == chain else { throw ScanError(reason: .chain, offset: offset) }
    let end = header.blockByteCount - Digest.size
    let block = ScannedBlock(
      header: header, offset: offset, headerBytes: rest.prefix(header.size), stored: rest[header.size, end],
      chain: Digest(rest, at: end))
    offset += header.blockByteCount
    chain = block.chain
    tree = header.tree
    blockCount += 1
    return .block(block)
  }
}

import Bytes
import Cryptography
import MerkleLog

/// The end of a finished segment: an index of its blocks, the hashes over each aligned group of 256 entries,
/// and the last chain value.
///
///     magic "STLF"   4
///     version = 1    u16
///     reserved = 0   u16
///     block count    u32
///     hash count     u32
///     first group    u64      first index / 256: the first group whose last entry can be in this segment
///     blocks         each: offset u64, first index u64, count u32, raw u32, stored u32, header size u32,
///                    earliest time i64, latest time i64
///     hashes         32 each: of every group of 256 entries that ends in this segment, its first ones perhaps
///                    in the segment before; so the groups of neighbouring segments join without a gap
///     chain          32       of the last block
///     digest         32       SHA-256 of all before it, from the magic on
///     byte count     u32      of the footer, all of it
///     magic "STLE"   4
public struct SegmentFooter: Equatable, Sendable {
  public static let magic: UInt32 = 0x464C_5453
  static let endMagic: UInt32 = 0x454C_5453
  public static let version: UInt16 = 1
  fileprivate static let fixedSize = 24
  fileprivate static let blockSize = 48
  fileprivate static let tailSize = Digest.size * 2 + 8
  /// Most and fewest bytes of an encoded footer.
  public static let sizeLimit = 256 << 20
  public static let smallestSize = fixedSize + tailSize

  public struct Block: Equatable, Sendable {
    /// Offset of the block's header in the file.
    public var offset: Int
    public var firstIndex: UInt64
    public var contents: BlockContents
    public var storedByteCount: Int
    public var headerByteCount: Int

    public init(_ block: ScannedBlock) { self.init(block.header, at: block.offset) }

    /// The block with that header at an offset of the file.
    public init(_ header: BlockHeader, at offset: Int) {
      self.offset = offset
      firstIndex = header.firstIndex
      contents = header.contents
      storedByteCount = header.storedByteCount
      headerByteCount = header.size
    }

    fileprivate init(from reader: inout ByteReader) throws(DecodeError) {
      let offset = try reader.integer(UInt64.self)
      firstIndex = try reader.integer()
      let count = Int(try reader.integer(UInt32.self))
      let rawByteCount = Int(try reader.integer(UInt32.self))
      storedByteCount = Int(try reader.integer(UInt32.self))
      headerByteCount = Int(try reader.integer(UInt32.self))
      contents = BlockContents(
        count: count, rawByteCount: rawByteCount, firstTime: try reader.integer(),
        lastTime: try reader.integer())
      guard offset <= UInt64(Int.max / 2), count > 0, count <= Limits.blockEntries,
        firstIndex <= UInt64.max - UInt64(count)
      else {
        throw reader.error()
      }
      self.offset = Int(offset)
    }

    fileprivate func encode(to out: inout ByteBuffer) {
      out.append(littleEndian: UInt64(offset))
      out.append(littleEndian: firstIndex)
      out.append(littleEndian: UInt32(contents.count))
      out.append(littleEndian: UInt32(contents.rawByteCount))
      out.append(littleEndian: UInt32(storedByteCount))
      out.append(littleEndian: UInt32(headerByteCount))
      out.append(littleEndian: contents.firstTime)
      out.append(littleEndian: contents.lastTime)
    }
  }

  public var blocks: [Block]
  /// Number of the first group of 256 entries that ends in this segment.
  public var firstGroup: UInt64
  /// The hash of each such group (a subtree of level 8).
  public var groups: [Digest]
  public var chain: Digest

  public init(blocks: [Block], firstGroup: UInt64, groups: [Digest], chain: Digest) {
    self.blocks = blocks
    self.firstGroup = firstGroup
    self.groups = groups
    self.chain = chain
  }

  public func encode(to out: inout ByteBuffer) {
    let start = out.count
    out.append(littleEndian: Self.magic)
    out.append(littleEndian: Self.version)
    out.append(littleEndian: UInt16(0))
    out.append(littleEndian: UInt32(blocks.count))
    out.append(littleEndian: UInt32(groups.count))
    out.append(littleEndian: firstGroup)
    for block in blocks { block.encode(to: &out) }
    for group in groups { out.append(group) }
    out.append(chain)
    out.append(SHA256.hash(out.view.dropFirst(start)))
    out.append(littleEndian: UInt32(out.count - start + 8))
    out.append(littleEndian: Self.endMagic)
  }

  /// Reads the footer at the end of a file; also returns where it starts.
  public static func decode(_ file: ByteView) throws(DecodeError) -> (footer: SegmentFooter, offset: Int) {
    let view = try FooterView(file)
    guard view.isIntact else { throw DecodeError(.invalid, at: file.count - 8 - Digest.size) }
    var blocks: [Block] = []
    for number in 0..<view.blockCount { blocks.append(try view.block(number)) }
    let groups = (0..<view.groupCount).map { view.group($0) }
    let footer = SegmentFooter(blocks: blocks, firstGroup: view.firstGroup, groups: groups, chain: view.chain)
    return (footer, view.offset)
  }
}

/// A footer that is read in place, for whoever needs little of it: one of a large segment has megabytes of
/// hashes.
public struct FooterView: Sendable {
  /// Offset of the footer in the file.
  public let offset: Int
  public let blockCount: Int
  public let groupCount: Int
  /// Number of the first group of 256 entries that ends in this segment.
  public let firstGroup: UInt64
  private let file: ByteView

  /// Finds the footer at the end of a file, whose bytes must outlive the view. Its digest is not checked by
  /// this.
  public init(_ file: ByteView) throws(DecodeError) {
    typealias Footer = SegmentFooter
    guard file.count >= Footer.smallestSize else { throw DecodeError(.truncated, at: file.count) }
    guard file.load32(at: file.count - 4) == Footer.endMagic else {
      throw DecodeError(.invalid, at: file.count - 4)
    }
    let size = Int(file.load32(at: file.count - 8))
    guard size >= Footer.smallestSize, size <= Footer.sizeLimit, size <= file.count
    else { throw DecodeError(.invalid, at: file.count - 8) }
    let offset = file.count - size
    var reader = ByteReader(file, at: offset)
    guard try reader.integer(UInt32.self) == Footer.magic else { throw DecodeError(.invalid, at: offset) }
    guard try reader.integer(UInt16.self) == Footer.version, try reader.integer(UInt16.self) == 0
    else { throw DecodeError(.unsupported, at: offset + 4) }
    let blockCount = Int(try reader.integer(UInt32.self))
    let groupCount = Int(try reader.integer(UInt32.self))
    let firstGroup = try reader.integer(UInt64.self)
    guard blockCount <= Footer.sizeLimit / Footer.blockSize, groupCount <= Footer.sizeLimit / Digest.size,
      size == Footer.fixedSize + blockCount * Footer.blockSize + groupCount * Digest.size + Footer.tailSize
    else { throw DecodeError(.invalid, at: offset + 8) }
    self.file = file
    self.offset = offset
    self.blockCount = blockCount
    self.groupCount = groupCount
    self.firstGroup = firstGroup
  }

  /// Whether the footer's bytes give the digest that stands at its end. Reads them all.
  public var isIntact: Bool {
    let digestAt = file.count - 8 - Digest.size
    return SHA256.hash(file[offset, digestAt]) == Digest(file, at: digestAt)
  }

  /// The block with that number. Traps unless it is below `blockCount`.
  public func block(_ number: Int) throws(DecodeError) -> SegmentFooter.Block {
    precondition(number >= 0 && number < blockCount)
    var reader = ByteReader(file, at: blocksAt + number * SegmentFooter.blockSize)
    return try SegmentFooter.Block(from: &reader)
  }

  /// The hash of a group. Traps unless `number`, counted from `firstGroup`, is below `groupCount`.
  public func group(_ number: Int) -> Digest {
    precondition(number >= 0 && number < groupCount)
    return Digest(file, at: groupsAt + number * Digest.size)
  }

  /// Chain value of the last block.
  public var chain: Digest { Digest(file, at: groupsAt + groupCount * Digest.size) }

  private var blocksAt: Int { offset + SegmentFooter.fixedSize }
  private var groupsAt: Int { blocksAt + blockCount * SegmentFooter.blockSize }
}

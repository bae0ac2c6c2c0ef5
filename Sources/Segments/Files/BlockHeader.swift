import Bytes
import Cryptography
import MerkleLog

/// The head of a block, and the chain.
///
///      0  magic "STLB"            4
///      4  version = 1             u16
///      6  header byte count       u16
///      8  segment id              16       so that a block of another segment is never taken for one of this
///     24  number in the segment   u32      from 0
///     28  entry count             u32
///     32  first index             u64
///     40  raw byte count          u32
///     44  stored byte count       u32
///     48  earliest receive time   i64
///     56  latest receive time     i64
///     64  flags                   u32      bit 0: the stored bytes are encrypted
///     68  hash count k            u32
///     72  previous chain value    32
///    104  k hashes of the tree with this block's last entry
///
/// The stored bytes follow, then the block's own chain value (32 bytes):
/// `chain = SHA-256(0x02 || previous chain || header || SHA-256(stored bytes))`.
public struct BlockHeader: Equatable, Sendable {
  public static let magic: UInt32 = 0x424C_5453
  public static let version: UInt16 = 1
  private static let fixedSize = 104
  private static let encryptedFlag: UInt32 = 1
  static let flagsOffset = 64
  /// Most bytes of a header: that of a block behind 2^64 - 1 entries.
  public static let sizeLimit = fixedSize + 64 * Digest.size

  public var segment: SegmentID
  public var number: Int
  public var firstIndex: UInt64
  public var contents: BlockContents
  public var storedByteCount: Int
  public var previousChain: Digest
  /// The tree with this block's last entry.
  public var tree: CompactRange
  /// The stored bytes are encrypted under the segment's key (`BlockCipher`).
  public var isEncrypted: Bool

  public init(
    segment: SegmentID, number: Int, firstIndex: UInt64, contents: BlockContents, storedByteCount: Int,
    previousChain: Digest, tree: CompactRange, isEncrypted: Bool = false
  ) {
    self.isEncrypted = isEncrypted
    self.segment = segment
    self.number = number
    self.firstIndex = firstIndex
    self.contents = contents
    self.storedByteCount = storedByteCount
    self.previousChain = previousChain
    self.tree = tree
  }

  /// Number of bytes of the encoded header.
  public var size: Int { Self.fixedSize + tree.hashes.count * Digest.size }
  /// Number of bytes of the whole block.
  public var blockByteCount: Int { size + storedByteCount + Digest.size }
  /// Index behind the last entry.
  public var endIndex: UInt64 { firstIndex + UInt64(contents.count) }

  public func encode(to out: inout ByteBuffer) {
    out.append(littleEndian: Self.magic)
    out.append(littleEndian: Self.version)
    out.append(littleEndian: UInt16(size))
    out.append(segment)
    out.append(littleEndian: UInt32(number))
    out.append(littleEndian: UInt32(contents.count))
    out.append(littleEndian: firstIndex)
    out.append(littleEndian: UInt32(contents.rawByteCount))
    out.append(littleEndian: UInt32(storedByteCount))
    out.append(littleEndian: contents.firstTime)
    out.append(littleEndian: contents.lastTime)
    out.append(littleEndian: isEncrypted ? Self.encryptedFlag : 0)
    out.append(littleEndian: UInt32(tree.hashes.count))
    out.append(previousChain)
    for hash in tree.hashes { out.append(hash) }
  }

  /// Reads a header. Its offsets in errors count from the header's start.
  public init(_ bytes: ByteView) throws(DecodeError) {
    var reader = ByteReader(bytes)
    guard try reader.integer(UInt32.self) == Self.magic else { throw DecodeError(.invalid, at: 0) }
    guard try reader.integer(UInt16.self) == Self.version else { throw DecodeError(.unsupported, at: 4) }
    let size = Int(try reader.integer(UInt16.self))
    segment = try reader.segmentID()
    number = Int(try reader.integer(UInt32.self))
    let count = Int(try reader.integer(UInt32.self))
    firstIndex = try reader.integer()
    let rawByteCount = Int(try reader.integer(UInt32.self))
    storedByteCount = Int(try reader.integer(UInt32.self))
    contents = BlockContents(
      count: count, rawByteCount: rawByteCount, firstTime: try reader.integer(),
      lastTime: try reader.integer())
    let flags = try reader.integer(UInt32.self)
    guard flags & ~Self.encryptedFlag == 0 else { throw DecodeError(.unsupported, at: Self.flagsOffset) }
    isEncrypted = flags & Self.encryptedFlag != 0
    let hashCount = Int(try reader.integer(UInt32.self))
    previousChain = try reader.digest()
    guard count > 0, count <= Limits.blockEntries, rawByteCount <= Limits.blockRawBytesAtMost,
      storedByteCount <= Limits.blockStoredBytes, hashCount <= 64,
      size == Self.fixedSize + hashCount * Digest.size, firstIndex <= UInt64.max - UInt64(count)
    else { throw DecodeError(.invalid, at: 6) }
    guard let tree = try reader.tree(size: firstIndex + UInt64(count), hashCount: hashCount)
    else { throw DecodeError(.invalid, at: 68) }
    self.tree = tree
  }

  /// Whether the header at the front of `bytes`, which was read before, says that the block is encrypted.
  public static func isEncrypted(_ bytes: ByteView) -> Bool {
    bytes.load32(at: flagsOffset) & encryptedFlag != 0
  }

  /// The chain value of a block with that header and those stored bytes.
  public static func chain(previous: Digest, header: ByteView, stored: ByteView) -> Digest {
    var hash = SHA256()
    ([2] as [UInt8]).withView { hash.update($0) }
    previous.withView { hash.update($0) }
    hash.update(header)
    SHA256.hash(stored).withView { hash.update($0) }
    return hash.finish()
  }
}

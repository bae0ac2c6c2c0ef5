import Bytes
import Cryptography
import MerkleLog

/// The sixteen random bytes that tell one segment from every other, also of other logs.
public struct SegmentID: Hashable, Sendable {
  public static let size = 16
  public let high: UInt64
  public let low: UInt64

  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  public static func random() throws(CryptoError) -> SegmentID {
    let bytes = try Random.bytes(size)
    return bytes.withView { SegmentID(high: $0.load64(at: 0), low: $0.load64(at: 8)) }
  }
}

extension SegmentID: CustomStringConvertible {
  public var description: String {
    var bytes = ByteBuffer(capacity: Self.size)
    bytes.append(self)
    return Hex.encode(bytes.view)
  }
}

extension ByteBuffer {
  mutating func append(_ id: SegmentID) {
    append(littleEndian: id.high)
    append(littleEndian: id.low)
  }
}

/// The head of a segment file.
///
///      0  magic "STLS"            4
///      4  version = 1             u16
///      6  header byte count       u16      all of it, digest included
///      8  flags = 0               u32      bit 0 is kept for encryption
///     12  salt kind = 1           u16      1: one seed. Others are kept for segments with erased entries.
///     14  salt byte count = 32    u16
///     16  salt seed               32
///     48  segment id              16
///     64  first index             u64
///     72  time of creation        i64      nanoseconds since 1970 UTC
///     80  id of segment before    16       zeros in the first
///     96  origin byte count       u16
///     98  hash count k            u16
///    100  origin, then k hashes of the tree before the first entry (MerkleLog.CompactRange)
///         digest                  32       SHA-256 of all bytes before it
///
/// The chain of the segment's blocks starts from `chainStart`, which covers everything but the salts (bytes
/// 12 to 47) and the digest: erasing an entry later changes the salts and nothing else.
public struct SegmentHeader: Equatable, Sendable {
  public static let magic: UInt32 = 0x534C_5453
  public static let version: UInt16 = 1
  private static let fixedSize = 100
  private static let saltRange = 12..<48
  /// Most bytes of an encoded header.
  public static let sizeLimit = 8192

  public var seed: SaltKey
  public var id: SegmentID
  public var firstIndex: UInt64
  public var created: Int64
  public var previous: SegmentID
  public var origin: String
  /// The tree before the first entry; its size is `firstIndex`.
  public var tree: CompactRange

  public init(
    seed: SaltKey, id: SegmentID, created: Int64, previous: SegmentID, origin: String, tree: CompactRange
  ) {
    self.seed = seed
    self.id = id
    firstIndex = tree.size
    self.created = created
    self.previous = previous
    self.origin = origin
    self.tree = tree
  }

  public func encode(to out: inout ByteBuffer) {
    let origin = Array(origin.utf8)
    let size = Self.fixedSize + origin.count + (tree.hashes.count + 1) * Digest.size
    let start = out.count
    out.append(littleEndian: Self.magic)
    out.append(littleEndian: Self.version)
    out.append(littleEndian: UInt16(size))
    out.append(littleEndian: UInt32(0))
    out.append(littleEndian: UInt16(1))
    out.append(littleEndian: UInt16(SaltKey.size))
    out.append(seed.bytes)
    out.append(id)
    out.append(littleEndian: firstIndex)
    out.append(littleEndian: created)
    out.append(previous)
    out.append(littleEndian: UInt16(origin.count))
    out.append(littleEndian: UInt16(tree.hashes.count))
    out.append(origin)
    for hash in tree.hashes { out.append(hash) }
    out.append(SHA256.hash(out.view.dropFirst(start)))
  }

  /// Reads the header at the front of a file; also returns its size and where the chain starts.
  public static func decode(
    _ file: ByteView
  ) throws(DecodeError) -> (header: SegmentHeader, size: Int, chainStart: Digest) {
    var reader = ByteReader(file)
    guard try reader.integer(UInt32.self) == magic else { throw DecodeError(.invalid, at: 0) }
    guard try reader.integer(UInt16.self) == version else { throw DecodeError(.unsupported, at: 4) }
    let size = Int(try reader.integer(UInt16.self))
    guard size >= fixedSize + Digest.size, size <= sizeLimit else { throw DecodeError(.invalid, at: 6) }
    guard size <= file.count else { throw DecodeError(.truncated, at: file.count) }
    let bytes = file.prefix(size)
    guard SHA256.hash(bytes.prefix(size - Digest.size)) == Digest(bytes, at: size - Digest.size)
    else { throw DecodeError(.invalid, at: size - Digest.size) }
    guard try reader.integer(UInt32.self) == 0 else { throw DecodeError(.unsupported, at: 8) }
    guard try reader.integer(UInt16.self) == 1, try reader.integer(UInt16.self) == SaltKey.size
    else { throw DecodeError(.unsupported, at: 12) }
    let seed = SaltKey(try reader.digest())
    let id = try reader.segmentID()
    let firstIndex = try reader.integer(UInt64.self)
    let created = try reader.integer(Int64.self)
    let previous = try reader.segmentID()
    let originCount = Int(try reader.integer(UInt16.self))
    let hashCount = Int(try reader.integer(UInt16.self))
    guard size == fixedSize + originCount + (hashCount + 1) * Digest.size else {
      throw DecodeError(.invalid, at: 96)
    }
    guard let origin = String(validating: try reader.bytes(originCount).array, as: UTF8.self)
    else { throw DecodeError(.invalid, at: fixedSize) }
    guard let tree = try reader.tree(size: firstIndex, hashCount: hashCount)
    else { throw DecodeError(.invalid, at: 98) }
    let header = SegmentHeader(
      seed: seed, id: id, created: created, previous: previous, origin: origin, tree: tree)
    return (header, size, chainStart(bytes))
  }

  private static func chainStart(_ header: ByteView) -> Digest {
    var hash = SHA256()
    ([3] as [UInt8]).withView { hash.update($0) }
    hash.update(header.prefix(saltRange.lowerBound))
    hash.update(header[saltRange.upperBound, header.count - Digest.size])
    return hash.finish()
  }
}

extension ByteReader {
  mutating func segmentID() throws(DecodeError) -> SegmentID {
    SegmentID(high: try integer(), low: try integer())
  }

  /// A compact range, nil when the number of hashes is not that of a tree of `size` leaves.
  mutating func tree(size: UInt64, hashCount: Int) throws(DecodeError) -> CompactRange? {
    var hashes: [Digest] = []
    for _ in 0..<hashCount { hashes.append(try digest()) }
    return CompactRange(size: size, hashes: hashes)
  }
}

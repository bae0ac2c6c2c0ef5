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
///      8  flags                   u32      bit 0: blocks may be encrypted; bit 1: amended, a salt table follows
///     12  salt kind = 1           u16
///     14  salt byte count = 32    u16
///     16  salt seed               32       zeros in an amended segment
///     48  segment id              16
///     64  first index             u64
///     72  time of creation        i64      nanoseconds since 1970 UTC
///     80  id of segment before    16       zeros in the first
///     96  origin byte count       u16
///     98  hash count k            u16
///    100  origin, then k hashes of the tree before the first entry (MerkleLog.CompactRange)
///         digest of the sidecar   32       in an encrypted segment: SHA-256 of `NNN.cms`, which holds its key
///         digest                  32       SHA-256 of all bytes before it
///
/// The chain of the segment's blocks starts from `chainStart`, which covers everything but the salts (bytes
/// 12 to 47) and the digest.
public struct SegmentHeader: Equatable, Sendable {
  public static let magic: UInt32 = 0x534C_5453
  public static let version: UInt16 = 1
  private static let fixedSize = 100
  private static let encryptedFlag: UInt32 = 1
  private static let saltRange = 12..<48
  /// Most bytes of an encoded header.
  public static let sizeLimit = 8192
  private static let amended: UInt32 = 2

  /// Entries of the segment were erased: their salts stand in a `SaltTable` behind the header.
  public var isAmended = false
  public var seed: SaltKey
  public var id: SegmentID
  public var firstIndex: UInt64
  public var created: Int64
  public var previous: SegmentID
  public var origin: String
  /// The tree before the first entry; its size is `firstIndex`.
  public var tree: CompactRange
  /// SHA-256 of the sidecar that holds the key of the segment's encrypted blocks; nil when it has none.
  public var keyDigest: Digest?
  public var isEncrypted: Bool { keyDigest != nil }

  public init(
    seed: SaltKey, id: SegmentID, created: Int64, previous: SegmentID, origin: String, tree: CompactRange,
    keyDigest: Digest? = nil
  ) {
    self.keyDigest = keyDigest
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
    let hashCount = tree.hashes.count + (isEncrypted ? 1 : 0)
    let size = Self.fixedSize + origin.count + (hashCount + 1) * Digest.size
    let start = out.count
    out.append(littleEndian: Self.magic)
    out.append(littleEndian: Self.version)
    out.append(littleEndian: UInt16(size))
    out.append(littleEndian: (isEncrypted ? Self.encryptedFlag : 0) | (isAmended ? Self.amended : 0))
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
    if let keyDigest { out.append(keyDigest) }
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
    let flags = try reader.integer(UInt32.self)
    guard flags & ~(encryptedFlag | amended) == 0 else { throw DecodeError(.unsupported, at: 8) }
    let isEncrypted = flags & encryptedFlag != 0
    guard try reader.integer(UInt16.self) == 1, try reader.integer(UInt16.self) == SaltKey.size
    else { throw DecodeError(.unsupported, at: 12) }
    let seed = SaltKey(try reader.digest())
    let id = try reader.segmentID()
    let firstIndex = try reader.integer(UInt64.self)
    let created = try reader.integer(Int64.self)
    let previous = try reader.segmentID()
    let originCount = Int(try reader.integer(UInt16.self))
    let hashCount = Int(try reader.integer(UInt16.self))
    let digests = hashCount + (isEncrypted ? 2 : 1)
    guard size == fixedSize + originCount + digests * Digest.size else {
      throw DecodeError(.invalid, at: 96)
    }
    guard let origin = String(validating: try reader.bytes(originCount).array, as: UTF8.self)
    else { throw DecodeError(.invalid, at: fixedSize) }
    guard let tree = try reader.tree(size: firstIndex, hashCount: hashCount)
    else { throw DecodeError(.invalid, at: 98) }
    var header = SegmentHeader(
      seed: seed, id: id, created: created, previous: previous, origin: origin, tree: tree,
      keyDigest: isEncrypted ? try reader.digest() : nil)
    header.isAmended = flags & amended != 0
    return (header, size, chainStart(bytes))
  }

  /// Where the chain of the blocks behind an encoded header starts.
  public static func chainStart(ofEncoded header: ByteView) throws(DecodeError) -> Digest {
    guard header.count >= fixedSize + Digest.size else { throw DecodeError(.truncated, at: header.count) }
    return chainStart(header)
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

import Bytes
import Cryptography

/// Computes what the tree commits to, for the entries of one segment.
///
///     entry        version(1) kind flags(u16) source(u32) time(i64) raw byte count(u32) commitment     52 bytes
///     commitment   SHA-256(salt(16) || u16 envelope byte count || envelope || raw)
///     leaf         SHA-256(0x00 || entry)                                        RFC 6962 section 2.1
///
/// All integers are little-endian.
public struct EntryHasher: ~Copyable, Sendable {
  /// Version of the entry, its first byte.
  public static let entryVersion: UInt8 = 1

  private var salts: Salts
  private var entry = ByteBuffer(capacity: SHA256.entrySize)

  /// A hasher for the entries of the segment with that salt seed.
  public init(seed: SaltKey) throws(CryptoError) { salts = try Salts(seed: seed) }

  /// The leaf hash of the entry with that index in the whole log.
  public mutating func leaf(
    index: UInt64, _ metadata: EntryMetadata, envelope: ByteView, raw: ByteView
  ) throws(CryptoError) -> Digest {
    try encodeEntry(index: index, metadata, envelope: envelope, raw: raw)
    return SHA256.leaf(entry: entry.view)
  }

  /// The salt of the entry with that index.
  public mutating func salt(index: UInt64) throws(CryptoError) -> Salt { try salts.salt(at: index) }

  /// The entry's 52 bytes.
  public mutating func entry(
    index: UInt64, _ metadata: EntryMetadata, envelope: ByteView, raw: ByteView
  ) throws(CryptoError) -> [UInt8] {
    try encodeEntry(index: index, metadata, envelope: envelope, raw: raw)
    return entry.view.array
  }

  private mutating func encodeEntry(
    index: UInt64, _ metadata: EntryMetadata, envelope: ByteView, raw: ByteView
  ) throws(CryptoError) {
    let commitment = SHA256.commitment(salt: try salts.salt(at: index), envelope: envelope, raw: raw)
    entry.removeAll()
    let head =
      UInt64(Self.entryVersion) | UInt64(metadata.kind.rawValue) &<< 8 | UInt64(metadata.flags) &<< 16
      | UInt64(metadata.source) &<< 32
    entry.append(littleEndian: head)
    entry.append(littleEndian: metadata.time)
    entry.append(littleEndian: UInt32(truncatingIfNeeded: raw.count))
    entry.append(commitment)
  }
}

extension DecodedBlock {
  /// Replaces `leaves` by the leaf hashes of the block's entries, the first of which has index `first`, from
  /// what the columns print. Needs `loadAll`. Stops with an error when that comes to more bytes than the
  /// block has.
  public func hashLeaves(
    first: UInt64, _ hasher: inout EntryHasher, _ leaves: inout ValueList<Digest>
  ) throws(BlockReadError) {
    leaves.removeAll()
    var printer = RowPrinter()
    var row = 0
    var left = rawByteCount
    while row < count {
      let rows = row..<min(row + RowPrinter.rowLimit, count)
      do throws(DecodeError) { try printer.print(rows, of: self) } catch { throw .decode(error) }
      for row in rows { left -= printer.row(row - rows.lowerBound).count }
      if left < 0 { throw .decode(DecodeError(.invalid, at: 0)) }
      do throws(CryptoError) {
        for row in rows {
          let raw = printer.row(row - rows.lowerBound)
          leaves.append(
            try hasher.leaf(index: first + UInt64(row), metadata(row), envelope: envelope(row), raw: raw))
        }
      } catch { throw .crypto(error) }
      row = rows.upperBound
    }
  }

  /// Decodes the payload of `block` and computes the leaf hashes of its entries.
  public static func hashLeaves(
    of block: ScannedBlock, _ hasher: inout EntryHasher, _ leaves: inout ValueList<Digest>
  ) throws(BlockReadError) {
    var decoded = try open(block)
    do throws(DecodeError) { try decoded.loadAll() } catch { throw .decode(error) }
    try decoded.hashLeaves(first: block.header.firstIndex, &hasher, &leaves)
  }

  private static func open(_ block: ScannedBlock) throws(BlockReadError) -> DecodedBlock {
    do throws(DecodeError) {
      return try DecodedBlock(
        block.stored, count: block.header.contents.count, rawByteCount: block.header.contents.rawByteCount)
    } catch { throw .decode(error) }
  }
}

/// Why a block's entries could not be read or hashed.
public enum BlockReadError: Error, Sendable {
  case decode(DecodeError)
  case crypto(CryptoError)
}

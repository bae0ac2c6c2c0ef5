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

  private var salts: EntrySalts
  private let isAmended: Bool
  private let table: SaltTable?
  private var entry = ByteBuffer(capacity: SHA256.entrySize)

  /// A hasher for the entries of the segment with that salt seed.
  public init(seed: SaltKey) throws(CryptoError) { try self.init(.seed(seed)) }

  /// A hasher for the entries of the segment with those salts. Of an erased entry it takes the commitment, and
  /// the message's size, from the table.
  public init(_ source: SaltSource) throws(CryptoError) {
    salts = try EntrySalts(source)
    table = source.table
    isAmended = table != nil
  }

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

  /// Appends the entry's 52 bytes.
  public mutating func appendEntry(
    index: UInt64, _ metadata: EntryMetadata, envelope: ByteView, raw: ByteView, to out: inout ByteBuffer
  ) throws(CryptoError) {
    try encodeEntry(index: index, metadata, envelope: envelope, raw: raw)
    out.append(entry.view)
  }

  private mutating func encodeEntry(
    index: UInt64, _ metadata: EntryMetadata, envelope: ByteView, raw: ByteView
  ) throws(CryptoError) {
    if isAmended, let erased = table?.erased(index) {
      return encode(metadata, rawByteCount: erased.rawByteCount, erased.commitment)
    }
    let commitment = SHA256.commitment(salt: try salts.salt(at: index), envelope: envelope, raw: raw)
    encode(metadata, rawByteCount: UInt32(truncatingIfNeeded: raw.count), commitment)
  }

  private mutating func encode(_ metadata: EntryMetadata, rawByteCount: UInt32, _ commitment: Digest) {
    entry.removeAll()
    let head =
      UInt64(Self.entryVersion) | UInt64(metadata.kind.rawValue) &<< 8 | UInt64(metadata.flags) &<< 16
      | UInt64(metadata.source) &<< 32
    entry.append(littleEndian: head)
    entry.append(littleEndian: metadata.time)
    entry.append(littleEndian: rawByteCount)
    entry.append(commitment)
  }
}

extension DecodedBlock {
  /// Calls `body` with the number and the message of each of these rows (of all when nil), in order. Needs
  /// `loadAll`. Stops with an error when the messages come to more bytes than the block has: what repeats one
  /// long value in every row must not keep a reader busy for hours.
  public func forEachRow(
    in wanted: Range<Int>? = nil, _ body: (Int, ByteView) throws(BlockReadError) -> Void
  ) throws(BlockReadError) {
    let wanted = wanted ?? 0..<count
    var printer = RowPrinter()
    var row = wanted.lowerBound
    var left = rawByteCount
    while row < wanted.upperBound {
      let rows = row..<min(row + RowPrinter.rowLimit, wanted.upperBound)
      do throws(DecodeError) { try printer.print(rows, of: self) } catch { throw .decode(error) }
      for row in rows { left -= printer.row(row - rows.lowerBound).count }
      if left < 0 { throw .decode(DecodeError(.invalid, at: 0)) }
      for row in rows { try body(row, printer.row(row - rows.lowerBound)) }
      row = rows.upperBound
    }
  }

  /// Replaces `leaves` by the leaf hashes of the block's entries, the first of which has index `first`, from
  /// what the columns print. Needs `loadAll`. `visit` is called with each entry and its message.
  public func hashLeaves(
    first: UInt64, _ hasher: inout EntryHasher, _ leaves: inout ValueList<Digest>,
    visit: (Int, EntryMetadata, ByteView) -> Void = { _, _, _ in }
  ) throws(BlockReadError) {
    leaves.removeAll()
    try forEachRow { (row, raw) throws(BlockReadError) in
      let metadata = metadata(row)
      visit(row, metadata, raw)
      do throws(CryptoError) {
        leaves.append(
          try hasher.leaf(index: first + UInt64(row), metadata, envelope: envelope(row), raw: raw))
      } catch { throw .crypto(error) }
    }
  }

  /// Appends the 52 bytes of the entries in `rows`; the block's first entry has index `first`. Needs `loadAll`.
  public func appendEntries(
    _ rows: Range<Int>, first: UInt64, _ hasher: inout EntryHasher, to out: inout ByteBuffer
  ) throws(BlockReadError) {
    try forEachRow(in: rows) { (row, raw) throws(BlockReadError) in
      do throws(CryptoError) {
        try hasher.appendEntry(
          index: first + UInt64(row), metadata(row), envelope: envelope(row), raw: raw, to: &out)
      } catch { throw .crypto(error) }
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
  /// The block is encrypted, and there is no key.
  case closed
  /// The block is encrypted, but not with that key, or its bytes are not those of the encryption.
  case wrongKey
}

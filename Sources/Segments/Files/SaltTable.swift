import Bytes
import Cryptography
import MerkleLog

/// Where the salts of a segment's entries come from.
public enum SaltSource: Sendable {
  /// All of them follow from the seed in the segment's header.
  case seed(SaltKey)
  /// The segment was amended: what is left of them stands in a table.
  case table(SaltTable)

  /// The table of an amended segment.
  public var table: SaltTable? {
    if case .table(let table) = self { return table }
    return nil
  }
}

/// An entry whose content was erased: what its leaf hash still needs.
public struct ErasedEntry: Equatable, Sendable {
  /// Index in the log.
  public var index: UInt64
  /// Bytes that the message had.
  public var rawByteCount: UInt32
  public var commitment: Digest

  public init(index: UInt64, rawByteCount: UInt32, commitment: Digest) {
    self.index = index
    self.rawByteCount = rawByteCount
    self.commitment = commitment
  }
}

/// The salts of an amended segment, between its header and its first block.
///
///     magic "STLT"        4
///     version = 1         u16
///     reserved = 0        u16
///     byte count          u32    of the table, all of it
///     group count         u32
///     first group         u64    first index / 256
///     groups              each: tag u8
///                           0: the group's key, 32
///                           1: 256 bits, one an entry, the lowest of the first byte first, then the salt (16) of
///                              each entry whose bit is set: those of this segment that are not erased
///     erased count        u32
///     erased              each: index u64, raw byte count u32, commitment 32; indexes rise
///     digest              32     SHA-256 of all before it
///
/// The segment's seed is gone: from it, and from the key of a group, every salt would follow, and a short
/// message could be guessed from its commitment and its salt.
public final class SaltTable: Sendable {
  public static let magic: UInt32 = 0x544C_5453
  public static let version: UInt16 = 1
  static let fixedSize = 24
  /// Bytes of a table's front that say how long it is.
  public static let frontSize = 12
  private static let erasedSize = 12 + Digest.size
  private static let bitmapSize = SaltGroup.count / 8

  /// Rising by index.
  public let erased: [ErasedEntry]
  let firstGroup: UInt64
  /// The encoded groups, and where in them each begins.
  private let groups: [UInt8]
  private let offsets: [Int]

  private init(erased: [ErasedEntry], firstGroup: UInt64, groups: [UInt8], offsets: [Int]) {
    self.erased = erased
    self.firstGroup = firstGroup
    self.groups = groups
    self.offsets = offsets
  }

  /// The table of a segment with those entries, whose salts came from `source`, with `erased` taken out
  /// beside what `source` lacks already.
  public convenience init(
    _ source: SaltSource, entries: Range<UInt64>, erasing: [ErasedEntry]
  ) throws(CryptoError) {
    var erased = erasing
    for entry in source.table?.erased ?? [] where !erasing.contains(where: { $0.index == entry.index }) {
      erased.append(entry)
    }
    erased.sort { $0.index < $1.index }
    let size = UInt64(SaltGroup.count)
    let first = entries.lowerBound / size
    var salts = try EntrySalts(source)
    var out = ByteBuffer()
    var offsets: [Int] = []
    var next = 0
    for group in first..<(entries.upperBound + size - 1) / size {
      offsets.append(out.count)
      let start = next
      while next < erased.count, erased[next].index / size == group { next += 1 }
      if start == next, let key = try salts.key(ofGroup: group) {
        out.append(0)
        out.append(key.bytes)
        continue
      }
      let gone = Set(erased[start..<next].map(\.index))
      let here = max(group * size, entries.lowerBound)..<min((group + 1) * size, entries.upperBound)
      try Self.append(here.filter { !gone.contains($0) }, &salts, to: &out)
    }
    self.init(erased: erased, firstGroup: first, groups: out.view.array, offsets: offsets)
  }

  private static func append(
    _ present: [UInt64], _ salts: inout EntrySalts, to out: inout ByteBuffer
  ) throws(CryptoError) {
    var bitmap = [UInt8](repeating: 0, count: bitmapSize)
    for index in present { bitmap[Int(index % 256) / 8] |= 1 << UInt8(index % 8) }
    out.append(1)
    out.append(bitmap)
    for index in present { out.append(try salts.salt(at: index)) }
  }

  // MARK: Reading

  /// What stands there for a group.
  enum Group {
    case key(SaltKey)
    /// Offset of the bitmap in the table's groups.
    case salts(Int)
  }

  func group(_ group: UInt64) -> Group? {
    guard group >= firstGroup, group - firstGroup < UInt64(offsets.count) else { return nil }
    let offset = offsets[Int(group - firstGroup)]
    return groups.withView { groups in
      groups[offset] == 0 ? .key(SaltKey(Digest(groups, at: offset + 1))) : .salts(offset + 1)
    }
  }

  /// The salt in a group without a key; nil when it is not there.
  func salt(slot: Int, bitmap: Int) -> Salt? {
    groups.withView { groups in
      guard groups[bitmap + slot / 8] >> UInt8(slot % 8) & 1 == 1 else { return nil }
      var rank = (groups[bitmap + slot / 8] & (1 << UInt8(slot % 8) &- 1)).nonzeroBitCount
      for place in 0..<slot / 8 { rank += groups[bitmap + place].nonzeroBitCount }
      let at = bitmap + Self.bitmapSize + rank * Salt.size
      return Salt(groups[at, at + Salt.size])
    }
  }

  /// The erased entry with that index; nil when it is not erased.
  public func erased(_ index: UInt64) -> ErasedEntry? {
    let place = firstErased(notBefore: index)
    return place < erased.count && erased[place].index == index ? erased[place] : nil
  }

  /// The erased entries among those.
  public func erased(in entries: Range<UInt64>) -> ArraySlice<ErasedEntry> {
    erased[firstErased(notBefore: entries.lowerBound)..<firstErased(notBefore: entries.upperBound)]
  }

  private func firstErased(notBefore index: UInt64) -> Int {
    var (low, high) = (0, erased.count)
    while low < high {
      let middle = (low + high) / 2
      if erased[middle].index < index { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// Whether the table is that of exactly those entries: a salt, or a group's key, for each that is not
  /// erased, and nothing for the others.
  public func covers(_ entries: Range<UInt64>) -> Bool {
    let size = UInt64(SaltGroup.count)
    guard !entries.isEmpty, firstGroup == entries.lowerBound / size,
      UInt64(offsets.count) == (entries.upperBound - 1) / size - firstGroup + 1,
      erased.first.map({ $0.index >= entries.lowerBound }) ?? true,
      erased.last.map({ $0.index < entries.upperBound }) ?? true
    else { return false }
    var next = 0
    for group in firstGroup..<firstGroup + UInt64(offsets.count) {
      let bitmap: Int? = if case .salts(let offset)? = self.group(group) { offset } else { nil }
      for slot in 0..<SaltGroup.count where bitmap != nil || next < erased.count {
        let index = group * size + UInt64(slot)
        let isErased = next < erased.count && erased[next].index == index
        if isErased { next += 1 }
        if let bitmap, isPresent(slot, bitmap) != (entries.contains(index) && !isErased) { return false }
        if bitmap == nil, isErased { return false }
      }
    }
    return next == erased.count
  }

  private func isPresent(_ slot: Int, _ bitmap: Int) -> Bool {
    groups[bitmap + slot / 8] >> UInt8(slot % 8) & 1 == 1
  }

  // MARK: Coding

  public var byteCount: Int {
    Self.fixedSize + groups.count + 4 + erased.count * Self.erasedSize + Digest.size
  }

  public func encode(to out: inout ByteBuffer) {
    let start = out.count
    out.append(littleEndian: Self.magic)
    out.append(littleEndian: Self.version)
    out.append(littleEndian: UInt16(0))
    out.append(littleEndian: UInt32(byteCount))
    out.append(littleEndian: UInt32(offsets.count))
    out.append(littleEndian: firstGroup)
    out.append(groups)
    out.append(littleEndian: UInt32(erased.count))
    for entry in erased {
      out.append(littleEndian: entry.index)
      out.append(littleEndian: entry.rawByteCount)
      out.append(entry.commitment)
    }
    out.append(SHA256.hash(out.view.dropFirst(start)))
  }

  /// Bytes of the table that begins with `front`, of which there must be `frontSize`.
  public static func byteCount(_ front: ByteView) throws(DecodeError) -> Int {
    var reader = ByteReader(front)
    guard try reader.integer(UInt32.self) == magic else { throw DecodeError(.invalid, at: 0) }
    guard try reader.integer(UInt16.self) == version else { throw DecodeError(.unsupported, at: 4) }
    guard try reader.integer(UInt16.self) == 0 else { throw DecodeError(.unsupported, at: 6) }
    return Int(try reader.integer(UInt32.self))
  }

  /// Reads the table at the front of `bytes`. Offsets in errors count from there. Takes no more memory than
  /// the bytes that are there.
  public convenience init(_ bytes: ByteView) throws(DecodeError) {
    let size = try Self.byteCount(bytes)
    guard size >= Self.fixedSize + 4 + Digest.size else { throw DecodeError(.invalid, at: 8) }
    guard size <= bytes.count else { throw DecodeError(.truncated, at: bytes.count) }
    let end = size - Digest.size
    guard SHA256.hash(bytes.prefix(end)) == Digest(bytes, at: end) else {
      throw DecodeError(.invalid, at: end)
    }
    var reader = ByteReader(bytes.prefix(end), at: Self.frontSize)
    let groupCount = Int(try reader.integer(UInt32.self))
    let firstGroup = try reader.integer(UInt64.self)
    guard groupCount <= end / (1 + Digest.size), firstGroup <= UInt64.max >> 8 - UInt64(groupCount)
    else { throw DecodeError(.invalid, at: Self.frontSize) }
    var offsets: [Int] = []
    offsets.reserveCapacity(groupCount)
    for _ in 0..<groupCount {
      offsets.append(reader.offset - Self.fixedSize)
      try Self.skipGroup(&reader)
    }
    let groups = bytes[Self.fixedSize, reader.offset].array
    let count = Int(try reader.integer(UInt32.self))
    guard count * Self.erasedSize == reader.remaining else { throw reader.error() }
    var erased: [ErasedEntry] = []
    erased.reserveCapacity(count)
    for _ in 0..<count {
      let entry = ErasedEntry(
        index: try reader.integer(), rawByteCount: try reader.integer(), commitment: try reader.digest())
      if let last = erased.last, entry.index <= last.index { throw reader.error() }
      erased.append(entry)
    }
    self.init(erased: erased, firstGroup: firstGroup, groups: groups, offsets: offsets)
  }

  private static func skipGroup(_ reader: inout ByteReader) throws(DecodeError) {
    switch try reader.byte() {
    case 0: _ = try reader.bytes(SaltKey.size)
    case 1:
      let bitmap = try reader.bytes(bitmapSize)
      var present = 0
      for place in 0..<bitmapSize { present += bitmap[place].nonzeroBitCount }
      _ = try reader.bytes(present * Salt.size)
    default: throw reader.error(.unsupported)
    }
  }
}

/// The salts of a segment's entries, from its seed or its table. Keeps the group used last.
struct EntrySalts: ~Copyable, Sendable {
  private let source: SaltSource
  private var group: SaltGroup
  private var loaded: UInt64?

  init(_ source: SaltSource) throws(CryptoError) {
    self.source = source
    group = try SaltGroup()
  }

  /// The key of a group; nil when it is gone.
  func key(ofGroup group: UInt64) throws(CryptoError) -> SaltKey? {
    switch source {
    case .seed(let seed): return try seed.groupKey(group)
    case .table(let table):
      if case .key(let key)? = table.group(group) { return key }
      return nil
    }
  }

  /// The salt of the entry with that index; zeros where it is gone, which no leaf hash was ever made with.
  mutating func salt(at index: UInt64) throws(CryptoError) -> Salt {
    let wanted = index / UInt64(SaltGroup.count), slot = Int(index % UInt64(SaltGroup.count))
    if loaded != wanted {
      loaded = nil
      if case .salts(let bitmap)? = source.table?.group(wanted) {
        return source.table?.salt(slot: slot, bitmap: bitmap) ?? Salt(low: 0, high: 0)
      }
      guard let key = try key(ofGroup: wanted) else { return Salt(low: 0, high: 0) }
      try group.load(key)
      loaded = wanted
    }
    return group[slot]
  }
}

import Bytes
import Cryptography
import Segments

/// The fields of an entry's 52 bytes.
public struct EntryFields: Equatable, Sendable {
  public var metadata: EntryMetadata
  public var rawByteCount: Int
  public var commitment: Digest

  /// Reads an entry, strictly.
  public init(_ entry: ByteView) throws(DecodeError) {
    var reader = ByteReader(entry)
    guard try reader.byte() == EntryHasher.entryVersion else { throw DecodeError(.unsupported, at: 0) }
    guard let kind = EntryKind(rawValue: try reader.byte()) else { throw DecodeError(.unsupported, at: 1) }
    let flags = try reader.integer(UInt16.self)
    let source = try reader.integer(UInt32.self)
    metadata = EntryMetadata(time: try reader.integer(), source: source, flags: flags, kind: kind)
    rawByteCount = Int(try reader.integer(UInt32.self))
    commitment = try reader.digest()
    try reader.expectEnd()
  }
}

import Bytes
import Cryptography
import Segments

/// What goes along with a proof in its `extra` line: the entry, and, when the line itself is disclosed, what
/// its commitment is made of.
///
///     magic "STLP"        4
///     version = 1         u8
///     flags               u8     bit 0: disclosed
///     reserved = 0        u16
///     entry               52     holds no personal data
///     when disclosed:
///       salt              16
///       envelope size     u16, envelope
///       raw byte count    u32, raw
///       name size         u16, name of the source, UTF-8; nothing vouches for it
///
/// All integers are little-endian. Nothing follows.
public struct ProofExtra: Equatable, Sendable {
  public static let magic: UInt32 = 0x504C_5453
  public static let version: UInt8 = 1
  private static let nameLimit = 1024

  /// The message, and what hides it behind the commitment.
  public struct Disclosure: Equatable, Sendable {
    public var salt: Salt
    public var envelope: [UInt8]
    public var raw: [UInt8]
    public var sourceName: String

    /// A message with its salt; `sourceName` is shown and not proved.
    public init(salt: Salt, envelope: [UInt8], raw: [UInt8], sourceName: String) {
      self.salt = salt
      self.envelope = envelope
      self.raw = raw
      self.sourceName = sourceName
    }
  }

  /// The 52 bytes that the leaf hash is made of.
  public var entry: [UInt8]
  public var disclosure: Disclosure?

  /// What is to go along with a proof of that entry.
  public init(entry: [UInt8], disclosure: Disclosure? = nil) {
    self.entry = entry
    self.disclosure = disclosure
  }

  /// The encoded extra, before base64.
  public var bytes: [UInt8] {
    var out = ByteBuffer()
    out.append(littleEndian: Self.magic)
    out.append(Self.version)
    out.append(disclosure == nil ? 0 : 1)
    out.append(littleEndian: UInt16(0))
    out.append(entry)
    if let disclosure {
      out.append(disclosure.salt)
      out.append(littleEndian: UInt16(disclosure.envelope.count))
      out.append(disclosure.envelope)
      out.append(littleEndian: UInt32(disclosure.raw.count))
      out.append(disclosure.raw)
      let name = Array(disclosure.sourceName.utf8.prefix(Self.nameLimit))
      out.append(littleEndian: UInt16(name.count))
      out.append(name)
    }
    return out.view.array
  }

  /// Reads what `bytes` writes, strictly.
  public init(_ bytes: ByteView) throws(DecodeError) {
    var reader = ByteReader(bytes)
    guard try reader.integer(UInt32.self) == Self.magic else { throw DecodeError(.invalid, at: 0) }
    guard try reader.byte() == Self.version else { throw DecodeError(.unsupported, at: 4) }
    let flags = try reader.byte()
    guard flags <= 1, try reader.integer(UInt16.self) == 0 else { throw DecodeError(.unsupported, at: 5) }
    entry = try reader.bytes(SHA256.entrySize).array
    if flags == 1 {
      guard let salt = Salt(try reader.bytes(Salt.size)) else { throw reader.error() }
      let envelope = try reader.bytes(Int(try reader.integer(UInt16.self))).array
      let raw = try reader.bytes(Int(try reader.integer(UInt32.self))).array
      let nameCount = Int(try reader.integer(UInt16.self))
      guard nameCount <= Self.nameLimit else { throw reader.error() }
      let name = try reader.bytes(nameCount)
      guard let text = String(validating: name.array, as: UTF8.self) else { throw reader.error() }
      disclosure = Disclosure(salt: salt, envelope: envelope, raw: raw, sourceName: text)
    }
    try reader.expectEnd()
  }
}

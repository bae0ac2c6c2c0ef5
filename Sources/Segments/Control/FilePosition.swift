import Bytes
import Cryptography

/// Which file it is, whatever it is called: names change hands when logs are rotated.
public struct FileIdentity: Hashable, Sendable, BitwiseCopyable {
  public var device: UInt64
  public var inode: UInt64

  public init(device: UInt64, inode: UInt64) {
    self.device = device
    self.inode = inode
  }
}

/// The beginning of a file, by which a file that was given an old one's inode number is told from it.
public struct FileFingerprint: Hashable, Sendable, BitwiseCopyable {
  /// Bytes of the beginning that are looked at, at most.
  public static let limit = 1024
  /// Bytes of the beginning that it stands for.
  public var count: UInt16
  /// The first eight bytes of their SHA-256, in the order of the bytes.
  public var hash: UInt64

  public init(count: UInt16, hash: UInt64) {
    self.count = count
    self.hash = hash
  }

  /// Of the first `limit` bytes of `beginning`.
  public init(_ beginning: ByteView) {
    let beginning = beginning.prefix(min(beginning.count, Self.limit))
    count = UInt16(beginning.count)
    let digest = SHA256.hash(beginning)
    hash = digest.withView { UInt64(bigEndian: $0.load64(at: 0)) }
  }
}

/// How far a followed file is stored: the log's own record, so that a start continues exactly where the stored
/// lines end.
///
/// It travels in the envelope of the file's lines, and so is committed with them or not at all; and in the
/// `positions` entry that carries it from one segment to the next.
public struct FilePosition: Hashable, Sendable {
  public var file: FileIdentity
  /// Everything before this byte is stored; nil when the file is gone for good.
  public var offset: UInt64?
  public var fingerprint: FileFingerprint
  /// What it was called.
  public var path: String

  public init(_ file: FileIdentity, offset: UInt64?, _ fingerprint: FileFingerprint, path: String) {
    self.file = file
    self.offset = offset
    self.fingerprint = fingerprint
    self.path = path
  }

  /// The envelope's field that holds it.
  public static let tag: UInt8 = 8
  /// Bytes of that field: device, inode, offset (u64 each, little-endian), count (u16), hash (u64, big-endian).
  public static let byteCount = 34
  private static let pathTag: UInt8 = 6
  private static let fileTransport: UInt8 = 0

  /// Appends the envelope's field, without its tag and size.
  public func append(to out: inout ByteBuffer) {
    out.append(littleEndian: file.device)
    out.append(littleEndian: file.inode)
    out.append(littleEndian: offset ?? 0)
    out.append(littleEndian: fingerprint.count)
    out.append(littleEndian: fingerprint.hash.byteSwapped)
  }

  /// The position in an envelope; nil when it has none.
  public init?(envelope: ByteView) {
    guard envelope.count > 1, envelope[0] == Self.fileTransport else { return nil }
    var offset = 1
    var path = ""
    var found: ByteView?
    while offset + 2 <= envelope.count {
      let end = offset + 2 + Int(envelope[offset + 1])
      guard end <= envelope.count else { return nil }
      let bytes = envelope[offset + 2, end]
      if envelope[offset] == Self.tag, bytes.count == Self.byteCount { found = bytes }
      if envelope[offset] == Self.pathTag { path = bytes.text }
      offset = end
    }
    guard let found else { return nil }
    self.init(
      FileIdentity(device: found.load64(at: 0), inode: found.load64(at: 8)), offset: found.load64(at: 16),
      FileFingerprint(
        count: UInt16(found[24]) | UInt16(found[25]) << 8, hash: UInt64(bigEndian: found.load64(at: 26))),
      path: path)
  }
}

/// The control entry that tells how far files are stored: at a segment's end all that are known, elsewhere those
/// that have changed without a line.
///
///     {"type":"positions","files":[{"path":"/var/log/a.log","device":1,"inode":2,"offset":3,
///       "fingerprint":"0123456789abcdef","of":1024}]}
///
/// A file that is gone has no `offset`.
public struct PositionsRecord: Equatable, Sendable {
  public static let type = "positions"
  private static let beginning = Array(#"{"type":"positions""#.utf8)
  public var files: [FilePosition]

  public init(_ files: [FilePosition]) { self.files = files }

  /// Nil when the entry is no such record.
  public init?(_ raw: ByteView) {
    guard Self.beginning.withView({ raw.count > $0.count && raw.prefix($0.count) == $0 }),
      let json = try? JSONValue(parsing: raw), let items = json["files"]?.items
    else { return nil }
    files = items.compactMap { FilePosition($0) }
  }

  /// The entry: one line of JSON.
  public var text: String {
    JSONValue.object([.init("type", .text(Self.type)), .init("files", .list(files.map(\.json)))]).text
  }
}

extension FilePosition {
  fileprivate init?(_ json: JSONValue) {
    guard let path = json["path"]?.string, let device = json["device"]?.integer(UInt64.self),
      let inode = json["inode"]?.integer(UInt64.self),
      let hash = json["fingerprint"]?.string.flatMap({ UInt64($0, radix: 16) }),
      let count = json["of"]?.integer(UInt16.self)
    else { return nil }
    self.init(
      FileIdentity(device: device, inode: inode), offset: json["offset"]?.integer(),
      FileFingerprint(count: count, hash: hash), path: path)
  }

  fileprivate var json: JSONValue {
    let digits = String(fingerprint.hash, radix: 16)
    var members: [JSONValue.Member] = [
      .init("path", .text(path)), .init("device", .number(file.device)), .init("inode", .number(file.inode)),
    ]
    if let offset { members.append(.init("offset", .number(offset))) }
    members.append(.init("fingerprint", .text(String(repeating: "0", count: 16 - digits.count) + digits)))
    members.append(.init("of", .number(fingerprint.count)))
    return .object(members)
  }
}

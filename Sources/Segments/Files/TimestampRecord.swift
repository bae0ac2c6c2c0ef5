import Bytes
import Cryptography

/// What the log itself says of a timestamp token, in the control entry behind it: entries after that one
/// entered the log after the token's time.
public struct TimestampRecord: Equatable, Sendable {
  /// Hash of the token's file.
  public var sha256: Digest
  /// Number of entries that the stamped checkpoint or seal covers.
  public var size: UInt64
  /// The token's time (RFC 3339).
  public var time: String

  public init(sha256: Digest, size: UInt64, time: String) {
    self.sha256 = sha256
    self.size = size
    self.time = time
  }

  /// Reads the record in a control entry: an entry of the type `timestamp`, or the member of that name.
  /// Nil when there is none.
  public init?(in entry: JSONValue) {
    let value = entry["type"]?.string == "timestamp" ? entry : entry["timestamp"] ?? .null
    guard let text = value["sha256"]?.string, let bytes = Array(text.utf8).withView({ try? Hex.decode($0) }),
      let sha256 = bytes.withView({ Digest($0) }), let size = value["size"]?.integer(UInt64.self),
      let time = value["time"]?.string
    else { return nil }
    self.init(sha256: sha256, size: size, time: time)
  }

  /// The members of the record.
  public var members: [JSONValue.Member] {
    [
      JSONValue.Member("sha256", .text("\(sha256)")), JSONValue.Member("size", .number(size)),
      JSONValue.Member("time", .text(time)),
    ]
  }

  /// An entry of its own.
  public var entry: JSONValue { .object([JSONValue.Member("type", "timestamp")] + members) }
}

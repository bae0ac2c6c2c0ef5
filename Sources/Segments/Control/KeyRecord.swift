import Bytes
import Cryptography

/// The control entry that every signed tree ends with: it names the one-time key of the next checkpoint, and
/// keeps the signature of the last one.
///
///     {"type":"key","number":8,"key":"BASE64","signature":"BASE64"}
public struct KeyRecord: Equatable, Sendable {
  public static let type = "key"

  /// Number of the checkpoint that `key` will sign: one more than that of the tree that ends with this entry.
  public var number: UInt64
  public var key: PublicKey
  /// What the one-time key before the one that signs this tree signed: the checkpoint before this tree's. Nil
  /// when there was none, or it was lost together with its key.
  public var signature: [UInt8]?
  /// Signature lines of witnesses under an earlier checkpoint.
  public var cosignatures: [String]
  public var timestamp: TimestampRecord?

  public init(
    number: UInt64, key: PublicKey, signature: [UInt8]?, cosignatures: [String] = [],
    timestamp: TimestampRecord? = nil
  ) {
    self.number = number
    self.key = key
    self.signature = signature
    self.cosignatures = cosignatures
    self.timestamp = timestamp
  }

  /// Nil when the object is no such entry.
  public init?(_ json: JSONValue) {
    guard json["type"]?.string == Self.type, let number = json["number"]?.integer(UInt64.self),
      number > 0, let key = json["key"]?.publicKey
    else { return nil }
    self.init(number: number, key: key, signature: nil)
    if let value = json["signature"] {
      guard let signature = value.signature else { return nil }
      self.signature = signature
    }
    if let value = json["cosignatures"] {
      guard let items = value.items else { return nil }
      cosignatures = items.compactMap(\.string)
      guard cosignatures.count == items.count else { return nil }
    }
    if json["timestamp"] != nil {
      guard let timestamp = TimestampRecord(in: json) else { return nil }
      self.timestamp = timestamp
    }
  }

  /// The entry: one line of JSON.
  public var text: String {
    var members: [JSONValue.Member] = [
      .init("type", .text(Self.type)), .init("number", .number(number)), .init("key", .base64(key)),
    ]
    if let signature { members.append(.init("signature", .text(signature.withView { Base64.encode($0) }))) }
    if !cosignatures.isEmpty { members.append(.init("cosignatures", .list(cosignatures.map { .text($0) }))) }
    if let timestamp { members.append(.init("timestamp", .object(timestamp.members))) }
    return JSONValue.object(members).text
  }
}

extension JSONValue {
  static func base64(_ key: PublicKey) -> JSONValue { .text(key.bytes.withView { Base64.encode($0) }) }
  static func base64(_ digest: Digest) -> JSONValue { .text(digest.withView { Base64.encode($0) }) }

  private var bytes: [UInt8]? {
    string.flatMap { text in Array(text.utf8).withView { try? Base64.decode($0) } }
  }

  /// The digest that a text of base64 stands for.
  var digest: Digest? { bytes?.withView { Digest($0) } }
  /// The public key that a text of base64 stands for.
  var publicKey: PublicKey? { bytes?.withView { PublicKey($0) } }
  /// The Ed25519 signature that a text of base64 stands for.
  var signature: [UInt8]? { bytes.flatMap { $0.count == PublicKey.signatureSize ? $0 : nil } }
}

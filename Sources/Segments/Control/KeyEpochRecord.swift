import Bytes
import Cryptography

/// The control entry with which a chain of one-time keys begins anew, because the key that the log names for
/// its next checkpoint is not there. Signed by the origin key alone: whoever had stolen that could have
/// written it.
public struct KeyEpochRecord: Equatable, Sendable {
  public static let type = "key_epoch"

  public enum Reason: String, Sendable {
    /// The key was lost, with or without the file that held it.
    case lost
    /// The log is older than its key store: it was restored from a copy, or rolled back.
    case restored
    /// Somebody asked for a new key.
    case requested
  }

  /// One more than the epoch before; that of the first key is 0.
  public var epoch: UInt64
  /// Number of the checkpoint that `key` will sign.
  public var number: UInt64
  public var key: PublicKey
  public var reason: Reason
  /// Index of this entry, and so the size of the tree before it.
  public var size: UInt64
  /// Root of the tree before this entry.
  public var root: Digest
  /// By the origin key, over `signedText`.
  public var signature: [UInt8]

  public init(
    epoch: UInt64, number: UInt64, key: PublicKey, reason: Reason, size: UInt64, root: Digest,
    signature: [UInt8] = []
  ) {
    self.epoch = epoch
    self.number = number
    self.key = key
    self.reason = reason
    self.size = size
    self.root = root
    self.signature = signature
  }

  /// Nil when the object is no such entry.
  public init?(_ json: JSONValue) {
    guard json["type"]?.string == Self.type, let epoch = json["epoch"]?.integer(UInt64.self),
      let number = json["number"]?.integer(UInt64.self), let key = json["key"]?.publicKey,
      let reason = json["reason"]?.string.flatMap(Reason.init(rawValue:)),
      let size = json["size"]?.integer(UInt64.self), let root = json["root"]?.digest,
      let signature = json["signature"]?.signature
    else { return nil }
    self.init(
      epoch: epoch, number: number, key: key, reason: reason, size: size, root: root, signature: signature)
  }

  /// What the origin key signs.
  public func signedText(origin: String) -> [UInt8] {
    let key = key.bytes.withView { Base64.encode($0) }
    let root = root.withView { Base64.encode($0) }
    return Array(
      """
      stele key epoch v1
      origin \(origin)
      epoch \(epoch)
      number \(number)
      key \(key)
      size \(size)
      root \(root)

      """.utf8)
  }

  /// The entry: one line of JSON.
  public var text: String {
    let json: JSONValue = [
      "type": .text(Self.type), "epoch": .number(epoch), "number": .number(number), "key": .base64(key),
      "reason": .text(reason.rawValue), "size": .number(size), "root": .base64(root),
      "signature": .text(signature.withView { Base64.encode($0) }),
    ]
    return json.text
  }
}

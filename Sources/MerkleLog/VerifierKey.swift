import Bytes
import Cryptography

/// Why a key's text was refused, and where.
public struct KeyError: Error, Equatable, Sendable {
  public enum Reason: Equatable, Sendable {
    /// Not the fields that a key has, joined by plus signs.
    case fields
    /// Not a key name.
    case name
    /// Not eight lowercase hexadecimal digits.
    case id
    /// Not strict base64 of a key type and a key.
    case key
    /// The key is not of the size that its type has.
    case size
    /// The id is not the one computed from name and key.
    case mismatch
    /// A private key that is not Ed25519.
    case type
    /// libcrypto failed.
    case crypto(CryptoError)
  }
  public let reason: Reason
  /// Byte offset in the text.
  public let offset: Int

  public init(reason: Reason, offset: Int) {
    self.reason = reason
    self.offset = offset
  }
}

extension KeyError: CustomStringConvertible {
  public var description: String {
    let text =
      switch reason {
      case .fields: "not a key: name+id+base64 is expected"
      case .name: "the key's name is empty or holds a space or a control byte"
      case .id: "the key's id is not eight lowercase hexadecimal digits"
      case .key: "the key is not valid base64"
      case .size: "the key has a wrong size for its type"
      case .mismatch: "the key's id does not belong to its name and key: a part was changed or mistyped"
      case .type: "the private key is of an unknown type: Ed25519 (1) is expected"
      case .crypto(let error): error.description
      }
    return "at byte \(offset): \(text)"
  }
}

/// A key that verifies signatures of notes (C2SP signed-note): `name+hexid+base64(type || key)`.
public struct VerifierKey: Hashable, Sendable {
  /// Signature type of Ed25519 over the note's text.
  public static let ed25519: UInt8 = 0x01
  /// Signature type of a witness: Ed25519 over a time and the note's text (C2SP tlog-cosignature).
  public static let cosignature: UInt8 = 0x04

  public let name: KeyName
  /// The first four bytes of `SHA-256(name || LF || type || key)`, big-endian.
  public let id: UInt32
  /// The signature type. Keys of other types than those above can be read and printed, and verify nothing.
  public let type: UInt8
  /// The public key.
  public let key: [UInt8]

  /// The Ed25519 key with this name.
  public init(name: KeyName, publicKey: PublicKey) {
    self.name = name
    type = Self.ed25519
    key = publicKey.bytes.array
    id = Self.id(name: name, type: type, key: key)
  }

  /// The same name and key for signatures of another type.
  init(_ other: VerifierKey, type: UInt8) {
    name = other.name
    self.type = type
    key = other.key
    id = Self.id(name: name, type: type, key: key)
  }

  /// Reads a key's text; one LF at its end is accepted. The id is checked for the types that compute it so
  /// (1, 4 and 6).
  public init(_ text: ByteView) throws(KeyError) {
    let fields = try KeyFields(text)
    var decoded = ByteBuffer()
    do { try Base64.decode(fields.key, to: &decoded) } catch {
      throw KeyError(reason: .key, offset: fields.keyOffset + error.offset)
    }
    guard decoded.count > 1 else { throw KeyError(reason: .key, offset: fields.keyOffset) }
    name = fields.name
    id = fields.id
    type = decoded.view[0]
    key = decoded.view.dropFirst(1).array
    if type == Self.ed25519 || type == Self.cosignature, key.count != PublicKey.size {
      throw KeyError(reason: .size, offset: fields.keyOffset)
    }
    if [0x01, 0x04, 0x06].contains(type), id != Self.id(name: name, type: type, key: key) {
      throw KeyError(reason: .mismatch, offset: fields.idOffset)
    }
  }

  /// Reads a key's text.
  public init(_ text: String) throws(KeyError) {
    var bytes = ByteBuffer()
    bytes.append(text)
    try self.init(bytes.view)
  }

  /// The id of a key of a type that hashes its name and key.
  static func id(name: KeyName, type: UInt8, key: [UInt8]) -> UInt32 {
    var message = ByteBuffer()
    message.append(name.bytes)
    message.append(0x0A)
    message.append(type)
    message.append(key)
    return SHA256.hash(message.view).withView { $0.load32(at: 0).byteSwapped }
  }

  /// An id as it is written: eight hexadecimal digits.
  public static func text(ofID id: UInt32) -> String { KeyFields.digits(id) }

  /// Whether this key can be a log's: it is Ed25519 over the text.
  public var isSupported: Bool { type == Self.ed25519 }

  /// Whether this key can be a witness's.
  public var isCosigner: Bool { type == Self.cosignature }

  /// The Ed25519 public key; nil for another type.
  public var publicKey: PublicKey? { isSupported || isCosigner ? key.withView { PublicKey($0) } : nil }

  /// Whether `signature` is this key's signature of `message`. That of a witness is its time and signature.
  public func verifies(signature: [UInt8], of message: [UInt8]) -> Bool {
    if isCosigner { return Cosignature.time(signature, by: self, of: message) != nil }
    guard let publicKey else { return false }
    return signature.withView { signature in
      message.withView { publicKey.verifies(signature: signature, of: $0) }
    }
  }
}

extension VerifierKey: CustomStringConvertible {
  /// The key's text, without LF.
  public var description: String {
    "\(name)+\(KeyFields.digits(id))+\(([type] + key).withView { Base64.encode($0) })"
  }
}

/// The three fields of a key's text. The last may hold plus signs of its own, being base64.
struct KeyFields {
  let name: KeyName
  let id: UInt32
  let idOffset: Int
  let key: ByteView
  let keyOffset: Int

  init(_ text: ByteView, from start: Int = 0) throws(KeyError) {
    let end = text.count > 0 && text[text.count - 1] == 0x0A ? text.count - 1 : text.count
    let text = text.prefix(end)
    let plus = UInt8(ascii: "+")
    guard start <= end, let first = text.find(plus, from: start),
      let second = text.find(plus, from: first + 1)
    else { throw KeyError(reason: .fields, offset: start) }
    guard let name = KeyName(text[start, first]) else { throw KeyError(reason: .name, offset: start) }
    self.name = name
    idOffset = first + 1
    guard let digits = try? Hex.decode(text[idOffset, second]), digits.count == 4 else {
      throw KeyError(reason: .id, offset: idOffset)
    }
    id = digits.reduce(0) { $0 << 8 | UInt32($1) }
    keyOffset = second + 1
    key = text.dropFirst(keyOffset)
  }

  static func digits(_ id: UInt32) -> String {
    let bytes = (0..<4).map { UInt8(truncatingIfNeeded: id >> UInt32(24 - 8 * $0)) }
    return bytes.withView { Hex.encode($0) }
  }
}

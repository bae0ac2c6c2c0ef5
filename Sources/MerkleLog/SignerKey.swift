import Bytes
import Cryptography

/// A private key with the name it signs under. Its text is that of Go's `sumdb/note`:
/// `PRIVATE+KEY+name+hexid+base64(0x01 || seed)`.
public struct SignerKey: ~Copyable, Sendable {
  private static let prefix: StaticString = "PRIVATE+KEY+"

  private let key: SigningKey
  /// The key that verifies what this one signs.
  public let verifier: VerifierKey

  /// Gives `key` a name.
  public init(name: KeyName, key: consuming SigningKey) {
    verifier = VerifierKey(name: name, publicKey: key.publicKey)
    self.key = key
  }

  /// A new random key.
  public static func generate(name: KeyName) throws(CryptoError) -> SignerKey {
    SignerKey(name: name, key: try SigningKey.generate())
  }

  /// Reads a key's text; one LF at its end is accepted. The caller wipes the text.
  public init(_ text: ByteView) throws(KeyError) {
    var reader = ByteReader(text)
    guard (try? reader.expect(Self.prefix)) != nil else { throw KeyError(reason: .fields, offset: 0) }
    let fields = try KeyFields(text, from: reader.offset)
    var decoded = ByteBuffer(capacity: max(fields.key.count, 64))
    defer { decoded.wipe() }
    do { try Base64.decode(fields.key, to: &decoded) } catch {
      throw KeyError(reason: .key, offset: fields.keyOffset + error.offset)
    }
    guard decoded.count > 0, decoded.view[0] == VerifierKey.ed25519 else {
      throw KeyError(reason: .type, offset: fields.keyOffset)
    }
    guard decoded.count == 1 + SigningKey.seedSize else {
      throw KeyError(reason: .size, offset: fields.keyOffset)
    }
    let key: SigningKey
    do { key = try SigningKey(seed: decoded.view.dropFirst(1)) } catch {
      throw KeyError(reason: .crypto(error), offset: fields.keyOffset)
    }
    let verifier = VerifierKey(name: fields.name, publicKey: key.publicKey)
    guard verifier.id == fields.id else { throw KeyError(reason: .mismatch, offset: fields.idOffset) }
    self.verifier = verifier
    self.key = key
  }

  /// The name it signs under.
  public var name: KeyName { verifier.name }

  /// Appends the key's text, without LF. The caller wipes the buffer.
  public func appendText(to output: inout ByteBuffer) throws(CryptoError) {
    var seed = ByteBuffer(capacity: 64)
    defer { seed.wipe() }
    seed.append(VerifierKey.ed25519)
    try key.appendSeed(to: &seed)
    output.reserve(name.bytes.count + 80)
    output.append("\(Self.prefix)\(name)+\(KeyFields.digits(verifier.id))+")
    Base64.encode(seed.view, to: &output)
  }

  /// The 64-byte signature of `message`.
  public func sign(_ message: [UInt8]) throws(CryptoError) -> [UInt8] {
    try message.withView { (message) throws(CryptoError) in try key.sign(message) }
  }
}

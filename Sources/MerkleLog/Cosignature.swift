import Bytes
import Cryptography

/// What a witness says of a checkpoint: at that time this was the largest tree of the log that it knew, and
/// it continues all that it saw before (C2SP tlog-cosignature, cosignature/v1).
public struct Cosignature: Hashable, Sendable {
  /// The witness's key, of type `VerifierKey.cosignature`.
  public let key: VerifierKey
  /// When it signed, seconds since 1970 UTC by its own clock.
  public let time: UInt64

  public init(key: VerifierKey, time: UInt64) {
    self.key = key
    self.time = time
  }

  /// Bytes of a signature: the time, big-endian, and 64 bytes of Ed25519.
  static let size = 8 + 64

  /// What is signed: two lines, and the whole text of the checkpoint's note.
  static func message(_ time: UInt64, _ text: [UInt8]) -> [UInt8] {
    Array("cosignature/v1\ntime \(time)\n".utf8) + text
  }

  /// The time in a signature; nil unless `key` made it over `text`.
  static func time(_ signature: [UInt8], by key: VerifierKey, of text: [UInt8]) -> UInt64? {
    guard signature.count == size, let publicKey = key.publicKey else { return nil }
    let time = signature.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard time <= UInt64(Int64.max) else { return nil }
    let isSigned = signature.withView { bytes in
      message(time, text).withView { publicKey.verifies(signature: bytes.dropFirst(8), of: $0) }
    }
    return isSigned ? time : nil
  }
}

extension SignedNote {
  /// The good cosignatures by `witnesses`, one of each: its newest. Others, wrong ones too, are passed over:
  /// a note with them proves what the good ones prove.
  public func cosignatures(by witnesses: [VerifierKey]) -> [Cosignature] {
    witnesses.compactMap { key in
      guard key.isCosigner else { return nil }
      let times = signatures.compactMap { signature in
        signature.keyID == key.id && signature.name == key.name
          ? Cosignature.time(signature.bytes, by: key, of: text) : nil
      }
      return times.max().map { Cosignature(key: key, time: $0) }
    }
  }
}

extension NoteSignature {
  /// Reads one line without its LF.
  public init?(line: ByteView) {
    guard let signature = SignedNote.signature(line) else { return nil }
    self = signature
  }

  /// The line, without LF.
  public var line: String {
    let id = (0..<4).map { UInt8(truncatingIfNeeded: keyID >> UInt32(24 - 8 * $0)) }
    return "— \(name) \((id + bytes).withView { Base64.encode($0) })"
  }
}

/// A witness's private key. Its text is that of any signer; only what it signs is another thing.
public struct CosignerKey: ~Copyable, Sendable {
  private let signer: SignerKey
  /// The key that verifies what this one signs.
  public let verifier: VerifierKey

  /// Takes a key that was made for a witness. One that signs logs must not be used: two things would be said
  /// with one key.
  public init(_ signer: consuming SignerKey) {
    verifier = VerifierKey(signer.verifier, type: VerifierKey.cosignature)
    self.signer = signer
  }

  /// Cosigns the text of a checkpoint's note, at `time` seconds since 1970 UTC.
  public func cosign(_ text: [UInt8], at time: UInt64) throws(CryptoError) -> NoteSignature {
    let stamp = (0..<8).map { UInt8(truncatingIfNeeded: time >> UInt64(56 - 8 * $0)) }
    let signature = try signer.sign(Cosignature.message(time, text))
    return NoteSignature(name: verifier.name, keyID: verifier.id, bytes: stamp + signature)
  }
}

import Cryptography
import MerkleLog
import SegmentReader
import Segments

extension Seal {
  /// The one-time key that must have signed this seal: the one that the seal before names, or the log's first
  /// key; where that was lost, the one that the seal itself names. Nil when nobody can know it, for the seal
  /// before is missing or damaged.
  fileprivate func signer(after before: Seal?, first: PublicKey?) -> PublicKey? {
    if let signer = keys.signer { return signer }
    if let before, before.endIndex == firstIndex { return before.keys.next }
    return firstIndex == 0 ? first : nil
  }
}

extension SignedSeal {
  fileprivate func isSigned(by key: PublicKey, of origin: KeyName) -> Bool {
    let signer = VerifierKey(name: origin.sealKey(seal.keys.number), publicKey: key)
    let signature = note.signatures.first { $0.name == signer.name && $0.keyID == signer.id }
    return signature.map { signer.verifies(signature: $0.bytes, of: note.text) } ?? false
  }
}

extension LogDirectory {
  /// The seal of a segment, if it has the signature by the log's key and, as far as the seal of the segment
  /// before or the directory's keys tell whose it must be, the one-time signature.
  func trustedSeal(_ firstIndex: UInt64, after before: UInt64?) -> Seal? {
    guard let keys = try? keys(), let signed = try? seal(firstIndex, keys) else { return nil }
    let last = before.flatMap { try? seal($0, keys)?.seal }
    guard let signer = signed.seal.signer(after: last, first: keys.first?.publicKey)
    else { return signed.seal }
    return signed.isSigned(by: signer, of: keys.origin.name) ? signed.seal : nil
  }
}

extension LogCheck {
  /// Checks the one-time signature of a seal by the key that the seal before names; the first by the log's
  /// first key. Returns false when the seal cannot be believed.
  mutating func followSeal(_ signed: SignedSeal, _ name: String) -> Finding? {
    guard let key = report.key else { return nil }
    let seal = signed.seal
    let before = lastSeal
    lastSeal = seal
    if let before, before.endIndex == seal.firstIndex {
      if seal.keys.number != before.keys.number + 1 {
        return Finding(
          .break, file: name,
          "the seal has number \(seal.keys.number), but follows number \(before.keys.number)")
      }
    } else if seal.firstIndex == 0 {
      if seal.keys.number != 0 {
        return Finding(.break, file: name, "the first seal has number \(seal.keys.number)")
      }
    }
    guard let signer = seal.signer(after: before, first: report.firstKey?.publicKey) else { return nil }
    guard signed.isSigned(by: signer, of: key.name) else {
      return Finding(
        .badSignature, file: name,
        "the seal lacks a good signature by one-time key seal-\(seal.keys.number): it was not made when its key "
          + "was there")
    }
    report.oneTimeSeals += 1
    if seal.keys.signer != nil {
      report.keyEpochs += 1
      addKeyBreak("the key that was to sign this seal was lost", at: seal.firstIndex, name)
    }
    return nil
  }
}

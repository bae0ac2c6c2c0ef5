import Bytes
import Cryptography
import MerkleLog

extension Fuzzer {
  /// Any bytes are read as a note, a checkpoint, a proof file, a key or a tile's path without a trap. What is
  /// accepted prints as the very bytes, so that nothing has two spellings.
  ///
  /// Input: the text.
  static let notes = Fuzzer("notes", smokeRuns: 12000, seeds: { Self.noteSeeds }) { text in
    if let note = try? SignedNote(text) {
      require(
        note.bytes.withView { $0 == text }, "the note prints as \(Hex.encode(note.bytes.withView { $0 }))")
      _ = try? note.verify(with: keys)
    }
    for key in keys { _ = try? SignedCheckpoint(text, key: key, others: keys) }
    checkpoint(text)
    if let file = try? InclusionProofFile(text) {
      require(file.bytes == text.array, "the proof file prints as something else")
      if let key = keys.first { _ = try? file.verify(leaf: .zero, key: key) }
    }
    if let key = try? VerifierKey(text) {
      require(isLine("\(key)", text), "the key prints as \(key)")
      require(!key.verifies(signature: [1, 2, 3], of: []), "a signature of three bytes")
    }
    if let key = try? SignerKey(text) {
      var out = ByteBuffer()
      try? key.appendText(to: &out)
      require(isLine(out.view.text, text), "the private key prints as something else")
    }
    if let path = try? TilePath(text) {
      require(Array("\(path)".utf8) == text.array, "the path prints as \(path)")
    }
  }

  private static func checkpoint(_ text: ByteView) {
    guard let checkpoint = try? Checkpoint(text) else { return }
    require(
      Array(checkpoint.text.utf8).withView { text.matches($0, at: 0) }, "it prints as \(checkpoint.text)")
  }

  private static func isLine(_ line: String, _ text: ByteView) -> Bool {
    let bytes = Array(line.utf8)
    return text.array == bytes || text.array == bytes + [0x0A]
  }

  private static let signer: SignerText? = SignerText()
  private static let keys: [VerifierKey] = signer.map { [$0.verifier] } ?? []

  private static var noteSeeds: [[UInt8]] {
    guard let signer else { return [] }
    var texts = signer.texts
    texts += [
      "tile/0/000", "tile/8/x001/x234/067", "tile/63/x018/x446/x744/x073/x709/x551/615",
      "tile/entries/x001/000.p/255",
      "tile/1/256.p/1",
    ].map { Array(($0 as String).utf8) }
    return texts
  }
}

/// Texts of one key, which is always the same.
private struct SignerText: Sendable {
  let verifier: VerifierKey
  let texts: [[UInt8]]

  init?() {
    var seed = ByteBuffer()
    seed.append([UInt8](repeating: 7, count: SigningKey.seedSize))
    guard let name = KeyName("example.com/fuzz"), let key = try? SigningKey(seed: seed.view) else {
      return nil
    }
    let signer = SignerKey(name: name, key: key)
    verifier = signer.verifier
    var text = ByteBuffer()
    try? signer.appendText(to: &text)
    let checkpoint = Checkpoint(origin: name, size: 5, root: sampleDigest(1))
    guard let signed = try? SignedCheckpoint(checkpoint, signedBy: signer),
      var other = try? SignedNote(text: Array((checkpoint.text + "more\n\nlines\n").utf8))
    else { return nil }
    try? other.sign(with: signer)
    other.append(NoteSignature(name: name, keyID: 1, bytes: [1]))
    let hashes = (0..<3).map { sampleDigest($0) }
    texts = [
      signed.note.bytes, other.bytes, Array(checkpoint.text.utf8), Array("\(signer.verifier)\n".utf8),
      text.view.array,
      InclusionProofFile(extra: nil, index: 4, hashes: hashes, checkpoint: signed.note).bytes,
      InclusionProofFile(extra: [1, 2], index: 0, hashes: [], checkpoint: signed.note).bytes,
    ]
  }
}

import Bytes
import Cryptography
import MerkleLog
import Segments

extension Description {
  /// Describes a seal, a checkpoint, a verifier key or a proof file.
  static func note(_ bytes: ByteView, _ path: String) throws(DescriptionError) -> Description {
    if let note = try? SignedNote(bytes) {
      if let seal = note.text.withView({ Seal($0) }) { return Self.seal(seal, note) }
      if let checkpoint = try? note.text.withView({ (text) throws(NoteError) in try Checkpoint(text) }) {
        return Self.checkpoint(checkpoint, note)
      }
    }
    if let key = try? VerifierKey(bytes) { return Self.key(key) }
    if let proof = try? InclusionProofFile(bytes) { return Self.proof(proof) }
    throw .unknown(path: path)
  }

  private static func signatures(_ note: SignedNote) -> (lines: [String], json: JSONValue) {
    let lines = note.signatures.map {
      line("Signed by", "\($0.name), key \(keyID($0.keyID)) (not checked here)")
    }
    let json = note.signatures.map { signature -> JSONValue in
      ["name": .text("\(signature.name)"), "key_id": .text(keyID(signature.keyID))]
    }
    return (lines, .list(json))
  }

  private static func keyID(_ id: UInt32) -> String {
    let digits = String(id, radix: 16)
    return String(repeating: "0", count: 8 - digits.utf8.count) + digits
  }

  static func line(_ name: String, _ value: String) -> String {
    name + String(repeating: " ", count: max(1, 13 - name.utf8.count)) + value
  }

  private static func seal(_ seal: Seal, _ note: SignedNote) -> Description {
    let signatures = signatures(note)
    let entries = seal.firstIndex..<max(seal.endIndex, seal.firstIndex)
    let lines = [
      line("Seal of", "\(Quantities.entries(entries)) of \(seal.origin)"),
      line("Segment", "\(seal.segment)"),
      line("File", "\(Quantities.bytes(seal.byteCount)), SHA-256 \(seal.fileHash)"),
      line("Root", "\(seal.root) at size \(seal.endIndex)"),
      line("Chain", "\(seal.chain)"),
      line("Previous", seal.previous.map { "\($0)" } ?? "none: the first seal"),
    ]
    return Description(
      lines + signatures.lines,
      [
        "type": "seal", "origin": .text(seal.origin), "segment": .text("\(seal.segment)"),
        "first": .number(seal.firstIndex), "end": .number(seal.endIndex), "root": .text("\(seal.root)"),
        "chain": .text("\(seal.chain)"), "bytes": .number(seal.byteCount), "file": .text("\(seal.fileHash)"),
        "previous": .optional(seal.previous.map { "\($0)" }), "signatures": signatures.json,
      ])
  }

  private static func checkpoint(_ checkpoint: Checkpoint, _ note: SignedNote) -> Description {
    let signatures = signatures(note)
    let lines = [
      line("Checkpoint", "of \(checkpoint.origin)"), line("Size", "\(checkpoint.size)"),
      line("Root", "\(checkpoint.root)"),
    ]
    return Description(
      lines + signatures.lines,
      [
        "type": "checkpoint", "origin": .text("\(checkpoint.origin)"), "size": .number(checkpoint.size),
        "root": .text("\(checkpoint.root)"), "signatures": signatures.json,
      ])
  }

  private static func key(_ key: VerifierKey) -> Description {
    let type = key.isSupported ? "Ed25519" : "type \(key.type), which cannot be verified here"
    return Description(
      [
        line("Key of", "\(key.name)"), line("Type", type), line("Key id", keyID(key.id)),
        line("Text", "\(key)"),
      ],
      [
        "type": "key", "name": .text("\(key.name)"), "key_id": .text(keyID(key.id)),
        "algorithm": .text(key.isSupported ? "ed25519" : "\(key.type)"), "text": .text("\(key)"),
      ])
  }

  private static func proof(_ proof: InclusionProofFile) -> Description {
    let extra = proof.extra.flatMap {
      try? $0.withView { (bytes) throws(DecodeError) in try ProofExtra(bytes) }
    }
    let fields = extra.flatMap {
      try? $0.entry.withView { (entry) throws(DecodeError) in try EntryFields(entry) }
    }
    var lines = [line("Proof of", "entry \(proof.index), \(proof.hashes.count) hashes (not checked here)")]
    if let fields { lines += fields.lines }
    if let disclosure = extra?.disclosure { lines += disclosure.lines }
    let checkpoint = try? proof.checkpoint.text.withView { (text) throws(NoteError) in try Checkpoint(text) }
    if let checkpoint { lines.append(line("Checkpoint", "\(checkpoint.origin), size \(checkpoint.size)")) }
    return Description(
      lines,
      [
        "type": "proof", "index": .number(proof.index), "hashes": .number(proof.hashes.count),
        "entry": fields?.json ?? .null, "disclosure": extra?.disclosure?.json ?? .null,
        "size": .optional(checkpoint?.size), "origin": .optional(checkpoint.map { "\($0.origin)" }),
      ])
  }
}

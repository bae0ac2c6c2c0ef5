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
    if let keys = try? LogKeys(bytes) { return Self.keys(keys) }
    if let proof = try? InclusionProofFile(bytes) { return Self.proof(proof) }
    if let proof = try? ConsistencyProofFile(bytes) { return Self.consistency(proof) }
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
      line(
        "Number",
        "\(seal.keys.number)" + (seal.keys.signer == nil ? "" : ", by a new key: the one named was lost")),
      line("Next key", "\(seal.keys.checkpoint.number), of epoch \(seal.keys.checkpoint.epoch)"),
    ]
    return Description(
      lines + signatures.lines,
      [
        "type": "seal", "origin": .text(seal.origin), "segment": .text("\(seal.segment)"),
        "first": .number(seal.firstIndex), "end": .number(seal.endIndex), "root": .text("\(seal.root)"),
        "chain": .text("\(seal.chain)"), "bytes": .number(seal.byteCount), "file": .text("\(seal.fileHash)"),
        "previous": .optional(seal.previous.map { "\($0)" }), "number": .number(seal.keys.number),
        "next_key": .number(seal.keys.checkpoint.number), "epoch": .number(seal.keys.checkpoint.epoch),
        "new_signer": .flag(seal.keys.signer != nil), "signatures": signatures.json,
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

  private static func keys(_ keys: LogKeys) -> Description {
    let key = keys.origin
    let type = key.isSupported ? "Ed25519" : "type \(key.type), which cannot be verified here"
    return Description(
      [
        line("Key of", "\(key.name)"), line("Type", type), line("Key id", keyID(key.id)),
        line("Text", "\(key)"),
      ]
        + (keys.first.map { [line("First", "\($0)")] } ?? [])
        + keys.former.map { line("Former", "\($0.key), until entry \($0.end)") },
      [
        "type": "key", "name": .text("\(key.name)"), "key_id": .text(keyID(key.id)),
        "algorithm": .text(key.isSupported ? "ed25519" : "\(key.type)"), "text": .text("\(key)"),
        "first": .optional(keys.first.map { "\($0)" }),
        "former": .list(keys.former.map { ["key": .text("\($0.key)"), "until": .number($0.end)] }),
      ])
  }

  private static func consistency(_ proof: ConsistencyProofFile) -> Description {
    func object(_ head: ConsistencyProofFile.Head) -> JSONValue {
      ["size": .number(head.size), "root": .text("\(head.root)")]
    }
    let heads = "\(proof.first.size) to \(proof.second.size)"
    return Description(
      [
        line("Consistency", "of size \(heads), \(proof.hashes.count) hashes (not checked here)"),
        line("From", "root \(proof.first.root)"), line("To", "root \(proof.second.root)"),
      ],
      [
        "type": "consistency", "from": object(proof.first), "to": object(proof.second),
        "hashes": .number(proof.hashes.count), "checkpoints": .number(proof.checkpoints.count),
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

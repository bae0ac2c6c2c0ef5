import Bytes
import Cryptography
import MerkleLog
import Segments
import TestSupport
import Testing

/// Prints a forged log, segment after segment: what stands in `key` entries, seals and the checkpoint follows
/// from what was printed before.
struct Press {
  let log: GenuineLog
  var keys: Keyring
  let trick: Forger.Trick
  private(set) var tree = CompactRange()
  /// Everything that was printed.
  private(set) var entries: [TestEntry] = []
  private var previousID = SegmentID(high: 0, low: 0)
  private var previousSeal: Seal?
  /// The key of the next checkpoint.
  private var named: NamedKey
  /// The last tree that ends with a `key` entry, and the key of its checkpoint.
  private var last: (checkpoint: Checkpoint, signer: NamedKey)?
  /// A one-time key that is still to be used.
  private let laterKey: PublicKey?
  /// Roots of the genuine trees, by size.
  private let genuine: [Digest]

  init(_ log: GenuineLog, _ keys: Keyring, _ trick: Forger.Trick, genuine: [Digest]) throws {
    (self.log, self.keys, self.trick, self.genuine) = (log, keys, trick, genuine)
    let first = try #require(log.keys.first?.publicKey)
    named = NamedKey(number: 0, key: first, epoch: 0)
    laterKey = keys.seeds.keys.first { log.unusedKeys?.holds($0) ?? false }
  }

  /// Whether the tree is another than the genuine one of that size.
  var isForged: Bool { isForged(tree.size, tree.root) }

  private func isForged(_ size: UInt64, _ root: Digest) -> Bool {
    size >= UInt64(genuine.count) || genuine[Int(size)] != root
  }

  private var origin: PublicKey? { log.keys.origin.publicKey }

  // MARK: Entries

  /// Encodes a segment behind those before it.
  mutating func encode(_ segment: LogBuilder.Segment) throws -> LogBuilder.EncodedSegment {
    var segment = segment
    segment.tree = tree
    segment.previous = previousID
    var hasher = try EntryHasher(seed: segment.seed)
    for block in segment.blocks.indices {
      for row in segment.blocks[block].indices {
        let isKey = try print(&segment.blocks[block][row])
        let entry = segment.blocks[block][row]
        entries.append(entry)
        try entry.envelope.withView { envelope in
          try entry.raw.withView {
            tree.append(try hasher.leaf(index: tree.size, entry.metadata, envelope: envelope, raw: $0))
          }
        }
        if isKey, let signer = lastNamed {
          last = (Checkpoint(origin: log.origin, size: tree.size, root: tree.root), signer)
        }
      }
    }
    previousID = segment.id
    return try LogBuilder.encode(segment, origin: "\(log.origin)")
  }

  /// The key that signs the tree which the `key` entry that was just printed ends.
  private var lastNamed: NamedKey?

  /// Makes an entry about keys fit what stands before it. Returns whether it ends a checkpoint's tree.
  private mutating func print(_ entry: inout TestEntry) throws -> Bool {
    guard entry.metadata.kind == .control else { return false }
    if entry.raw == Forger.epoch.raw {
      entry.raw = Array(try epoch().text.utf8)
      return false
    }
    guard let json = entry.raw.withView({ try? JSONValue(parsing: $0) }), var record = KeyRecord(json)
    else { return false }
    record.number = named.number + 1
    if let last { record.signature = try signature(last) ?? record.signature }
    if isOwn(record.key) { record.key = try keys.make("checkpoint \(record.number)") }
    entry.raw = Array(record.text.utf8)
    lastNamed = named
    named = NamedKey(number: record.number, key: record.key, epoch: named.epoch)
    return true
  }

  /// Whether a key is to be exchanged for one of the forger's own.
  private func isOwn(_ key: PublicKey) -> Bool {
    if keys.holds(key) { return false }
    switch trick {
    case .keepSignatures, .sealWithALaterKey: return false
    case .nameOwnKeys: return isForged
    case .beginAnEpoch: return named.epoch > 0
    }
  }

  private func signature(_ tree: (checkpoint: Checkpoint, signer: NamedKey)) throws -> [UInt8]? {
    let text = Array(tree.checkpoint.text.utf8)
    if let signature = try keys.sign(text, with: tree.signer.key) { return signature }
    if let published = try published(text) {
      let name = log.origin.checkpointKey(tree.signer.number)
      return published.signatures.first { $0.name == name }?.bytes
    }
    guard trick == .sealWithALaterKey, isForged(tree.checkpoint.size, tree.checkpoint.root), let laterKey
    else { return nil }
    return try keys.sign(text, with: laterKey)
  }

  private mutating func epoch() throws -> KeyEpochRecord {
    let epoch = named.epoch + 1
    named = NamedKey(
      number: named.number, key: try keys.make("epoch \(epoch)"), epoch: epoch)
    var record = KeyEpochRecord(
      epoch: epoch, number: named.number, key: named.key, reason: .lost, size: tree.size, root: tree.root)
    let text = record.signedText(origin: "\(log.origin)")
    record.signature =
      try origin.flatMap { try keys.sign(text, with: $0) } ?? [UInt8](repeating: 0, count: 64)
    return record
  }

  // MARK: Seals and checkpoint

  /// The seal of the segment that was just encoded; without the origin key, the old one.
  mutating func seal(
    _ encoded: LogBuilder.EncodedSegment, _ file: [UInt8], number: Int, old: [UInt8]
  ) throws -> [UInt8] {
    let oldSeal = try #require(old.withView { try SignedNote($0).text.withView { Seal($0) } })
    var seal = Seal(
      origin: "\(log.origin)", segment: encoded.header.id, firstIndex: encoded.header.firstIndex,
      endIndex: encoded.tree.size, root: encoded.tree.root,
      chain: isForged || encoded.tree.size != oldSeal.endIndex ? encoded.chain : oldSeal.chain,
      byteCount: file.count,
      fileHash: file.withView { SHA256.hash($0) }, previous: previousSeal?.textHash,
      keys: SealKeys(number: UInt64(number), next: oldSeal.keys.next, checkpoint: named))
    defer { previousSeal = seal }
    if seal == oldSeal { return old }
    guard let origin, keys.holds(origin) else {
      seal = oldSeal
      return old
    }
    var signer = try #require(previousSeal?.keys.next ?? log.keys.first?.publicKey)
    if !keys.holds(signer) {
      switch trick {
      case .keepSignatures: break
      case .sealWithALaterKey: signer = laterKey ?? signer
      case .nameOwnKeys: signer = try keys.make("signer of seal \(number)")
      case .beginAnEpoch:
        signer = try keys.make("signer of seal \(number)")
        seal.keys.signer = signer
      }
    }
    if !keys.holds(seal.keys.next), trick == .nameOwnKeys || trick == .beginAnEpoch {
      seal.keys.next = try keys.make("seal \(number + 1)")
    }
    return try sign(Array(seal.text.utf8), log.origin.sealKey(UInt64(number)), signer)
  }

  /// The checkpoint over the last tree that ends with a `key` entry; nil without the origin key. What was
  /// ever published is at hand.
  func checkpoint() throws -> [UInt8]? {
    guard let last else { return nil }
    let text = Array(last.checkpoint.text.utf8)
    if let old = try published(text) { return old.bytes }
    guard let origin, keys.holds(origin) else { return nil }
    let isLater = trick == .sealWithALaterKey && !keys.holds(last.signer.key)
    return try sign(
      text, log.origin.checkpointKey(last.signer.number), isLater ? laterKey ?? origin : last.signer.key)
  }

  /// The checkpoint with that text, if there ever was one.
  private func published(_ text: [UInt8]) throws -> SignedNote? {
    for number in log.moments.indices {
      let note = try log.checkpoint(number).withView { try SignedNote($0) }
      if note.text == text { return note }
    }
    return nil
  }

  /// Signs with the origin key, and with a one-time key in that name, if it is there.
  private func sign(_ text: [UInt8], _ name: KeyName, _ key: PublicKey) throws -> [UInt8] {
    var note = try SignedNote(text: text)
    let signatures = [
      try origin.flatMap { try keys.sign(text, as: log.origin, with: $0) },
      try keys.sign(text, as: name, with: key),
    ]
    for signature in signatures { if let signature { note.append(signature) } }
    return note.bytes
  }
}

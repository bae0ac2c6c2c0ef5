import Bytes
import Cryptography
import MerkleLog
import Platform
import SegmentReader
import Segments

/// The chain of one-time keys, as far as the log was read.
struct KeyChain {
  /// A tree that ends with a `key` entry: that of a checkpoint.
  struct Tree {
    var size: UInt64
    var root: Digest
    var signer: NamedKey
  }

  /// The key of the next checkpoint; nil where it is not known: behind damage, and without a first key.
  var named: NamedKey?
  /// The last tree, whose signature the `key` entry after the next keeps; nil as before.
  var last: Tree?
  /// The key begins an epoch: the signature under the checkpoint before it may be lost.
  var beginsEpoch = false
  /// Index behind the last entry that was followed.
  var end: UInt64 = 0
  /// Index behind the last segment of which not every entry was looked at.
  var unreadEnd: UInt64 = 0
  /// Size of the newest tree whose signature an entry keeps.
  var keptSize: UInt64 = 0
  /// Sizes of checkpoints at hand whose one-time signature was counted.
  var counted: Set<UInt64> = []
  /// Trees of the sizes that checkpoints at hand have.
  var trees: [UInt64: Tree] = [:]
  /// Checks that were not handed out yet.
  var batch: [SignatureCheck] = []

  mutating func lose() {
    named = nil
    last = nil
    beginsEpoch = false
  }
}

extension LogCheck {
  private static var batchSize: Int { 64 }

  /// Follows the chain through a segment.
  mutating func followKeys(_ items: [ControlItem], _ running: RunningSegment) {
    guard report.key != nil else { return }
    let isRead = running.job.map { $0.context.decodedFrom <= running.firstIndex } ?? false
    let epoch = keys.named?.epoch
    // What is damaged, or missing before this, is reported; a seal vouches for where the chain goes on.
    if running.firstIndex != keys.end || running.isFileDamaged || !isRead { keys.lose() }
    if isRead, !running.isFileDamaged {
      for item in items where item.index < running.endIndex { follow(item, running.name) }
    }
    keys.end = running.endIndex
    if !isRead { keys.unreadEnd = running.endIndex }
    guard let seal = running.seal?.seal else { return }
    if !isRead, let epoch, seal.keys.checkpoint.epoch > epoch {
      // The entries that say why were not looked at.
      report.keyEpochs += 1
      addKeyBreak(
        "a checkpoint's key was lost or replaced in this segment", at: seal.firstIndex, running.name)
    }
    if let named = keys.named, named != seal.keys.checkpoint {
      let text =
        "the seal names key \(seal.keys.checkpoint.number) for the next checkpoint, but the entries name key "
        + "\(named.number), or another one of that number"
      add(Finding(.break, file: FileNames.name(running.firstIndex, .seal), text))
    }
    if keys.named != seal.keys.checkpoint { keys.last = nil }
    keys.named = seal.keys.checkpoint
  }

  private mutating func follow(_ item: ControlItem, _ file: String) {
    switch item.type {
    case KeyRecord.type:
      guard let record = KeyRecord(item.json) else { return refuse(item, file, "cannot be read") }
      follow(record, item, file)
    case KeyEpochRecord.type:
      guard let record = KeyEpochRecord(item.json) else { return refuse(item, file, "cannot be read") }
      follow(record, item, file)
    default: break
    }
  }

  /// An entry that cannot be what the writer wrote there.
  private mutating func refuse(_ item: ControlItem, _ file: String, _ fault: String) {
    let text =
      "the `\(item.type)` entry \(fault): the chain of one-time keys does not hold here, and what stands before "
      + "may have been written again"
    add(Finding(.break, file: file, entries: item.index..<item.index + 1, text))
    keys.lose()
  }

  private mutating func follow(_ record: KeyRecord, _ item: ControlItem, _ file: String) {
    guard let root = item.root else { return keys.lose() }
    guard let named = keys.named else {
      // Behind damage: from here on the chain is followed again.
      keys.named = NamedKey(number: record.number, key: record.key, epoch: 0)
      return
    }
    guard record.number == named.number + 1 else {
      return refuse(item, file, "names key \(record.number), where \(named.number + 1) comes next")
    }
    if let last = keys.last {
      if let signature = record.signature {
        check(signature, last, item, file)
      } else if !keys.beginsEpoch {
        return refuse(item, file, "lacks the one-time signature of checkpoint \(last.signer.number)")
      }
    } else if named.number == 0, record.signature != nil {
      return refuse(item, file, "has a signature, though no checkpoint came before")
    }
    let tree = KeyChain.Tree(size: item.index + 1, root: root, signer: named)
    keys.last = tree
    keys.beginsEpoch = false
    if anchors.contains(where: { $0.checkpoint.size == tree.size }) { keys.trees[tree.size] = tree }
    keys.named = NamedKey(number: record.number, key: record.key, epoch: named.epoch)
  }

  /// Hands out the check of the signature under the checkpoint of `tree`.
  private mutating func check(
    _ signature: [UInt8], _ tree: KeyChain.Tree, _ item: ControlItem, _ file: String
  ) {
    guard let key = report.key else { return }
    keys.keptSize = tree.size
    if keys.trees[tree.size] != nil { keys.counted.insert(tree.size) }
    keys.batch.append(
      SignatureCheck(
        checkpoint: Checkpoint(origin: key.name, size: tree.size, root: tree.root),
        number: tree.signer.number, key: tree.signer.key, signature: signature, entry: item.index, file: file)
    )
    if keys.batch.count >= Self.batchSize { handOutSignatures() }
  }

  private mutating func handOutSignatures() {
    if keys.batch.isEmpty { return }
    signatures.begin()
    pool.add(.signatures(keys.batch, signatures), &checker)
    keys.batch = []
  }

  private mutating func follow(_ record: KeyEpochRecord, _ item: ControlItem, _ file: String) {
    guard let origins = report.logKeys, let root = item.root else { return keys.lose() }
    let key = origins.origin(at: item.index)
    guard record.size == item.index, record.root == root else {
      return refuse(item, file, "is about another tree than the one before it")
    }
    guard key.verifies(signature: record.signature, of: record.signedText(origin: "\(key.name)")) else {
      return refuse(item, file, "is not signed by the log's key that was in force")
    }
    if let named = keys.named, record.number != named.number || record.epoch != named.epoch + 1 {
      return refuse(item, file, "does not follow the key before it")
    }
    addBreak(record, item, file)
    keys.named = NamedKey(number: record.number, key: record.key, epoch: record.epoch)
    keys.beginsEpoch = true
  }

  private mutating func addBreak(_ record: KeyEpochRecord, _ item: ControlItem, _ file: String) {
    let why =
      switch record.reason {
      case .lost: "the key that was to sign the next checkpoint was lost"
      case .restored: "the log was older than its key store: it was restored from a copy, or rolled back"
      case .requested: "a new chain was asked for"
      }
    report.keyEpochs += 1
    addKeyBreak(why, at: item.index, file)
  }

  mutating func addKeyBreak(_ why: String, at index: UInt64, _ file: String) {
    let text =
      "\(why), and a new one begins here. This is no tampering, but no proof of absence either: whoever has the "
      + "log's private key could have written again what stands before. A witness's cosignature over more than "
      + "\(index) entries, made before, shows that nobody did"
    add(Finding(.keyBreak, .note, file: file, entries: index..<index + 1, text))
  }

  // MARK: At the end

  /// Reports what the checks gave, and judges the checkpoints at hand by the chain.
  mutating func finishKeys() {
    handOutSignatures()
    pool.wait(for: signatures)
    report.oneTimeSignatures = signatures.good
    addBadSignatures()
    for anchor in anchors { checkOneTimeSignature(anchor) }
    judgeCheckpointByKeys()
  }

  /// One finding for each run of wrong signatures: a history that was written again has one a second.
  private mutating func addBadSignatures() {
    let bad = signatures.bad
    var start = 0
    while start < bad.count {
      var end = start + 1
      while end < bad.count, bad[end].number == bad[end - 1].number + 1, bad[end].file == bad[start].file {
        end += 1
      }
      let (first, last) = (bad[start], bad[end - 1])
      let which =
        end - start == 1
        ? "checkpoint \(first.number) is" : "checkpoints \(first.number) to \(last.number) are"
      let text =
        "the one-time signature of \(which) wrong: the first \(first.checkpoint.size) entries, or their keys, are "
        + "not those that were signed when they were written"
      add(Finding(.badSignature, file: first.file, entries: first.entry..<last.entry + 1, text))
      start = end
    }
  }

  /// The log's own checkpoint must have the one-time signature too; one that was given may have it.
  private mutating func checkOneTimeSignature(_ anchor: Anchor) {
    guard let key = report.key, let note = anchor.note else { return }
    let size = anchor.checkpoint.size
    guard let tree = keys.trees[size] ?? unreadTree(size) else {
      let isRead = size > keys.unreadEnd || size == 0 || roots[size] != nil
      let isKnown = report.isIntact && isRead && size <= report.entries.upperBound
      guard anchor.file != nil, isKnown, report.firstKey != nil else { return }
      let text = "no `key` entry ends the tree of \(size) entries that \(anchor.name) signs"
      return add(Finding(.break, file: anchor.file, offset: 0, text))
    }
    // Another tree of that size is reported as such.
    guard tree.root == anchor.checkpoint.root else { return }
    let signer = VerifierKey(name: key.name.checkpointKey(tree.signer.number), publicKey: tree.signer.key)
    let signature = note.signatures.first { $0.name == signer.name }
    if signature == nil, anchor.file == nil { return }
    if let signature, signature.keyID == signer.id, signer.verifies(signature: signature.bytes, of: note.text)
    {
      // The same checkpoint may be at hand twice, and its signature in a `key` entry too.
      if keys.counted.insert(size).inserted { report.oneTimeSignatures += 1 }
      return
    }
    let text =
      "\(anchor.name) \(signature == nil ? "lacks" : "has a wrong") signature by one-time key "
      + "\(tree.signer.number): it was not written when its key was there"
    add(Finding(.badSignature, file: anchor.file, text))
  }

  /// The tree of a checkpoint among entries that were not decoded, for their seal vouches for them: with its end
  /// read from the log.
  private func unreadTree(_ size: UInt64) -> KeyChain.Tree? {
    guard let root = roots[size], let reader = try? LogReader(log.path, keys: report.logKeys),
      let signer = try? reader.checkpointKey(signing: size)
    else { return nil }
    return KeyChain.Tree(size: size, root: root, signer: signer)
  }

  /// A checkpoint is published before the next one's `key` entry keeps its signature.
  private mutating func judgeCheckpointByKeys() {
    guard let own = report.checkpoint, own.size < keys.keptSize else { return }
    let isReported = report.findings.contains { $0.kind == .rollback && $0.file == FileNames.checkpoint }
    if isReported || publishedSize() >= keys.keptSize { return }
    let text =
      "the checkpoint covers \(own.size) entries, but the log keeps the signature of one over \(keys.keptSize): an "
      + "older one was put in its place, and entries may be missing at the end; restore it, and what stood behind, "
      + "from a copy"
    add(Finding(.rollback, file: FileNames.checkpoint, offset: 0, entries: own.size..<keys.keptSize, text))
  }
}

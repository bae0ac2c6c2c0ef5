import Bytes
import Cryptography
import MerkleLog
import Platform
import Segments

/// Where a log's next origin key comes from.
public enum NextKeySource: Sendable {
  /// It is made here.
  case generated
  /// It stands in that file, as `LogCreation.createKey` made it.
  case file(String)
}

/// The next origin key of a log, ready to take the place of the present one.
public final class NextKey: Sendable {
  let key: OriginKey
  /// The file of the present private key, beside which this one is durable; nil when it is nobody's to replace.
  let file: KeyFile?

  /// Makes or reads the key of the log in `directory`, and makes it durable beside the file `keyPath`, in which
  /// the present one is. Whoever does this holds the log's lock.
  public init(directory path: String, keyPath: String?, _ source: NextKeySource) throws(WriteError) {
    let directory = try system { () throws(SystemError) in try Directory(path) }
    let keys = try Recovery.keys(directory)
    let place = KeyFile(keyPath)
    switch source {
    case .generated:
      guard let place else {
        throw .rotation(
          reason: "the private key is a credential that Stele cannot replace: make another with "
            + "`stele keys generate \(keys.origin.name) --output FILE`, and name it with --new-key FILE")
      }
      let key = try crypto { () throws(CryptoError) in try SignerKey.generate(name: keys.origin.name) }
      try place.prepare(key)
      self.key = OriginKey(key)
      file = place
    case .file(let file):
      let key = try LogCreation.readKey(file)
      guard key.name == keys.origin.name, !keys.origins.contains(where: { $0.key == key.verifier.key }) else {
        let fault = key.name == keys.origin.name ? "was this log's before" : "has another name than the log"
        throw .rotation(
          reason: "\(file): this key \(fault); make one with `stele keys generate \(keys.origin.name)`")
      }
      self.file = try Self.prepare(key, place)
      self.key = OriginKey(key)
    }
  }

  /// The file beside which the key was made durable; nil where that cannot be written to.
  private static func prepare(_ key: borrowing SignerKey, _ place: KeyFile?) throws(WriteError) -> KeyFile? {
    guard let place else { return nil }
    do throws(WriteError) { try place.prepare(key) } catch {
      switch error {
      case .system(let cause) where [.accessDenied, .notPermitted, .readOnly].contains(cause.errno):
        return nil
      default: throw error
      }
    }
    return place
  }
}

/// What a rotation came to.
public struct RotationOutcome: Equatable, Sendable {
  public var rotation: KeyRotation
  /// The file with the private key holds the new one. Otherwise somebody has to put it there before the next
  /// start.
  public var isKeyReplaced: Bool

  public init(_ rotation: KeyRotation, isKeyReplaced: Bool) {
    self.rotation = rotation
    self.isKeyReplaced = isKeyReplaced
  }
}

extension LogWriter {
  /// Replaces the log's origin key:
  ///
  ///     finish   the segment and its checkpoint; all seals are durable          the last of the old key
  ///     record   the entry `key_rotation`, signed by both keys, begins the next segment; commit
  ///     name     replace `vkey`
  ///     cover    checkpoint, signed by the new key, the old one and a one-time key
  ///     replace  the file with the private key; see `KeyFile`
  ///
  /// The next key is durable before. Once the entry is, the next start does what a crash left undone; until
  /// then it removes the next key.
  public func rotate(
    to next: NextKey, reason: String? = nil, plan: SegmentPlan? = nil, carryingPositions: Bool = false
  ) throws(WriteError) -> RotationOutcome {
    if carryingPositions { try checkpoint(carryingPositions: true) }
    try finishSegment()
    try waitForSeals()
    let former = key
    let index = tree.size
    let record = try note(KeyRotationRecord.type) { () throws(NoteError) in
      let rotation = try KeyRotation(
        old: former.signer.verifier, new: next.key.signer.verifier, index: index)
      return try KeyRotationRecord(
        rotation.note(old: former.signer, new: next.key.signer), reason: reason)
    }
    guard logKeys.isFollowed(by: record.rotation) else {
      throw .rotation(reason: "\(path): this key was the log's before; another is needed")
    }
    let segment = if let plan { plan } else { try makePlan() }
    try append(control: [record.text], plan: segment)
    logKeys.rotate(record.rotation)
    try Self.write(logKeys, directory)
    key = next.key
    key.follow(former)
    sealer.use(key)
    try checkpoint()
    try next.file?.replace()
    return RotationOutcome(record.rotation, isKeyReplaced: next.file != nil)
  }

  static func write(_ keys: LogKeys, _ directory: borrowing Directory) throws(WriteError) {
    try Array(keys.text.utf8).withView { (text) throws(WriteError) in
      try system { () throws(SystemError) in
        try directory.replaceFile(FileNames.verifierKey, with: text, mode: 0o444)
      }
    }
  }
}

extension LogKeys {
  /// Why `key` cannot sign for the log in `path`; nil when it is the origin key in force.
  func fault(of key: VerifierKey, _ path: String) -> WriteError? {
    if key == origin { return nil }
    if let former = former.first(where: { $0.key == key }) {
      return .superseded(path: path, index: former.end, successor: "\(origin)")
    }
    return .wrongKey(path: path, expected: "\(origin)", found: "\(key)")
  }
}

/// Does what a crash left undone of a rotation, at the next start.
enum KeyRotationRecovery {
  /// The key that signs from now on, and the file whose place it is still to take.
  struct Settled {
    var key: OriginKey
    var replaced: KeyFile?
  }

  /// Chooses between the private key that was given and the one beside its file: the one that the log names last.
  /// The other is removed, once nothing needs it.
  static func settle(
    _ directory: borrowing Directory, _ log: RecoveredLog, _ given: consuming SignerKey, _ keyPath: String?
  ) throws(WriteError) -> Settled {
    let file = KeyFile(keyPath)
    var replaced: KeyFile?
    let key: OriginKey
    if let fault = log.keys.fault(of: given.verifier, directory.path) {
      guard let file, let last = log.keys.former.last, last.key == given.verifier,
        let next = try file.next(), next.verifier == log.keys.origin
      else { throw fault }
      key = OriginKey(next)
      if log.checkpointSize <= last.end { key.follow(OriginKey(given)) }
      replaced = file
    } else {
      key = OriginKey(given)
      try file?.discard()
    }
    if log.isRotationPending { try LogWriter.write(log.keys, directory) }
    return Settled(key: key, replaced: replaced)
  }
}

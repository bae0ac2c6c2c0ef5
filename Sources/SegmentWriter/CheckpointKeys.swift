import Bytes
import Cryptography
import MerkleLog
import Platform
import Segments

/// The one-time keys of the checkpoints, as the writer uses them up.
///
///     keep      make K(n+1), into the key store: pwrite fdatasync        then the log names it: entry `key`
///     sign      the tree that ends with that entry, by K(n)              then `checkpoint` is replaced
///     spend     K(n)'s slot is overwritten with zeros: pwrite fdatasync  nobody can sign for n any more
///
/// A crash between any two leaves the key that the log names in the store, and what is missing is done at the
/// next start.
struct CheckpointKeys: ~Copyable {
  let origin: KeyName
  let store: KeyStore
  /// Signs the next checkpoint; nil once it has, until `advance`.
  private var current: SigningKey
  private(set) var named: NamedKey
  /// The signature under the last checkpoint by its one-time key, for the next `key` entry.
  private var lastSignature: [UInt8]?
  private var next: SigningKey?

  init(
    _ origin: KeyName, _ store: KeyStore, _ named: NamedKey, _ current: consuming SigningKey,
    lastSignature: [UInt8]?
  ) {
    self.origin = origin
    self.store = store
    self.named = named
    self.current = current
    self.lastSignature = lastSignature
    next = nil
  }

  /// Makes the key after the present one, and returns the entry that names it.
  mutating func keepNext(_ additions: KeyAdditions) throws(WriteError) -> KeyRecord {
    let key = try store.makeKey(.checkpoint, named.number + 1)
    let record = KeyRecord(
      number: named.number + 1, key: key.publicKey, signature: lastSignature,
      cosignatures: additions.cosignatures, timestamp: additions.timestamp)
    next = consume key
    return record
  }

  /// Adds the one-time signature to a checkpoint of the tree that ends with the last `key` entry.
  mutating func sign(_ checkpoint: inout SignedCheckpoint) throws(WriteError) {
    let signature = try Self.sign(&checkpoint, origin, named, current)
    lastSignature = signature
  }

  static func sign(
    _ checkpoint: inout SignedCheckpoint, _ origin: KeyName, _ named: NamedKey,
    _ key: borrowing SigningKey
  ) throws(WriteError) -> [UInt8] {
    let text = checkpoint.note.text
    let signature = try crypto { () throws(CryptoError) in
      try text.withView { (text) throws(CryptoError) in try key.sign(text) }
    }
    let verifier = VerifierKey(name: origin.checkpointKey(named.number), publicKey: named.key)
    checkpoint.append(NoteSignature(name: verifier.name, keyID: verifier.id, bytes: signature))
    return signature
  }

  /// Once the checkpoint is durable: erases its key, and goes on to the next.
  mutating func spend() throws(WriteError) {
    guard let key = next.take() else { preconditionFailure("keepNext comes first") }
    named = NamedKey(number: named.number + 1, key: key.publicKey, epoch: named.epoch)
    current = key
    try eraseSpent()
  }

  /// Erases every key of a checkpoint but that of the next.
  func eraseSpent() throws(WriteError) {
    let number = named.number
    try system { () throws(SystemError) in try store.erase(.checkpoint) { $0 != number } }
  }
}

/// What the next `key` entry carries beside the key.
public struct KeyAdditions: Equatable, Sendable {
  public var cosignatures: [String] = []
  public var timestamp: TimestampRecord?

  public init() {}
}

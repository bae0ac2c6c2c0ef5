import Bytes
import Cryptography
import MerkleLog
import Platform
import Segments

/// Takes up the chain of checkpoint keys where the writer before left it.
enum KeyResumption {
  /// Publishes the checkpoint that a crash kept from being published, and finds the key that the log names.
  /// Makes another if that is lost, and leaves the entry that tells so in `recovered`.
  static func run(
    _ recovered: inout RecoveredLog, _ directory: borrowing Directory, _ origin: OriginKey, _ store: KeyStore
  ) throws(WriteError) -> CheckpointKeys {
    let name = origin.signer.name
    let named = recovered.trail.named
    let signature = try lastSignature(&recovered, directory, origin, store)
    let isContinued = named.number == 0 || recovered.trail.beginsEpoch || signature != nil
    if isContinued, let key = try store.signingKey(.checkpoint, named.number, named.key) {
      let keys = CheckpointKeys(name, store, named, key, lastSignature: signature)
      try keys.eraseSpent()
      return keys
    }
    let isOlder = try system { () throws(SystemError) in
      try store.numbers(.checkpoint).contains { $0 > named.number }
    }
    let key = try store.makeKey(.checkpoint, named.number)
    let next = NamedKey(number: named.number, key: key.publicKey, epoch: named.epoch + 1)
    var record = KeyEpochRecord(
      epoch: next.epoch, number: next.number, key: next.key, reason: isOlder ? .restored : .lost,
      size: recovered.tree.size, root: recovered.tree.root)
    record.signature = try crypto { () throws(CryptoError) in
      try origin.signer.sign(record.signedText(origin: "\(name)"))
    }
    recovered.epoch = record
    recovered.report.keyEpoch = record.reason
    let keys = CheckpointKeys(name, store, next, key, lastSignature: signature)
    try keys.eraseSpent()
    return keys
  }

  /// The one-time signature under the last checkpoint; nil when there is none, or it is lost.
  private static func lastSignature(
    _ recovered: inout RecoveredLog, _ directory: borrowing Directory, _ origin: OriginKey, _ store: KeyStore
  ) throws(WriteError) -> [UInt8]? {
    let name = origin.signer.name
    let named = recovered.trail.named
    if let tree = recovered.trail.last, tree.size > recovered.checkpointSize {
      guard let key = try store.signingKey(.checkpoint, tree.signer.number, tree.signer.key) else {
        return nil
      }
      let checkpoint = Checkpoint(origin: name, size: tree.size, root: tree.root)
      var signed = try origin.sign(checkpoint)
      let signature = try CheckpointKeys.sign(&signed, name, tree.signer, key)
      try publish(signed, directory)
      recovered.checkpointSize = tree.size
      return signature
    }
    guard named.number > 0, let checkpoint = recovered.checkpoint else { return nil }
    let signer = name.checkpointKey(named.number - 1)
    return checkpoint.signatures.first { $0.name == signer }.flatMap { signature in
      signature.bytes.count == PublicKey.signatureSize ? signature.bytes : nil
    }
  }
}

/// Replaces the published checkpoint, durably.
func publish(_ checkpoint: SignedCheckpoint, _ directory: borrowing Directory) throws(WriteError) {
  try checkpoint.note.bytes.withView { (bytes) throws(WriteError) in
    try system { () throws(SystemError) in
      try directory.replaceFile(FileNames.checkpoint, with: bytes, mode: 0o444)
    }
  }
}

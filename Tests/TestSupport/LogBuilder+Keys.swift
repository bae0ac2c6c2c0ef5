import Bytes
import Cryptography
import MerkleLog
import Segments

/// The one-time keys of a built log: made from its seed.
extension LogBuilder {
  /// Stands for a `key` entry: a checkpoint may end with it.
  public static let key = control(#"{"type":"key"}"#)

  /// The lines of `vkey`.
  public var keys: LogKeys {
    LogKeys(origin: key, first: try? oneTimeKey(0).verifier)
  }

  /// The key that signs checkpoint `number`.
  public func oneTimeKey(_ number: UInt64) throws -> SignerKey {
    try makeKey(0, number, origin.checkpointKey(number))
  }

  /// The key that signs seal `number`; that of the first signs the first checkpoint too.
  public func sealKey(_ number: UInt64) throws -> SignerKey {
    try makeKey(number == 0 ? 0 : 1, number, origin.sealKey(number))
  }

  private func makeKey(_ kind: UInt8, _ number: UInt64, _ name: KeyName) throws -> SignerKey {
    var text = ByteBuffer()
    text.append([seed, kind])
    text.append(littleEndian: number)
    var secret = ByteBuffer()
    secret.append(SHA256.hash(text.view))
    return SignerKey(name: name, key: try SigningKey(seed: secret.view))
  }

  /// Checkpoint key `number` of epoch 0, as an entry or a seal names it.
  func checkpointKey(_ number: UInt64) throws -> NamedKey {
    let bytes = try oneTimeKey(number).verifier.key
    guard let key = bytes.withView({ PublicKey($0) }) else { throw DecodeError(.invalid, at: 0) }
    return NamedKey(number: number, key: key, epoch: 0)
  }

  func sealKeys(_ encoded: EncodedSegment) throws -> SealKeys {
    let place = segments.firstIndex { $0.id == encoded.header.id } ?? segments.count
    let next = try sealKey(UInt64(place) + 1).verifier.key
    guard let next = next.withView({ PublicKey($0) }), let checkpoint = named(before: encoded.tree.size)
    else { throw DecodeError(.invalid, at: 0) }
    return SealKeys(number: UInt64(place), next: next, checkpoint: checkpoint)
  }
}

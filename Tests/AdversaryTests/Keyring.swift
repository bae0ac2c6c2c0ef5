import Bytes
import Cryptography
import MerkleLog
import SegmentWriter

/// The private keys that somebody has, by their public halves.
struct Keyring: Sendable {
  private(set) var seeds: [PublicKey: [UInt8]] = [:]

  init(_ seeds: [[UInt8]] = []) throws {
    for seed in seeds { self.seeds[try Self.publicKey(seed)] = seed }
  }

  /// The one-time keys in a key store.
  init(of store: KeyStore) throws {
    var found: [[UInt8]] = []
    for kind in [KeyStore.Kind.checkpoint, .seal] {
      for number in try store.numbers(kind) {
        try store.withSecret(kind, number) { (seed) in
          if let seed { found.append(seed.array) }
        }
      }
    }
    try self.init(found)
  }

  static func publicKey(_ seed: [UInt8]) throws -> PublicKey {
    try seed.withView { try SigningKey(seed: $0).publicKey }
  }

  static func + (first: Keyring, second: Keyring) -> Keyring {
    var sum = first
    sum.seeds.merge(second.seeds) { first, _ in first }
    return sum
  }

  func holds(_ key: PublicKey) -> Bool { seeds[key] != nil }

  /// A key that nobody else has, made of `text`.
  mutating func make(_ text: String) throws -> PublicKey {
    let seed = Array("forged \(text)".utf8).withView { SHA256.hash($0).array }
    let key = try Self.publicKey(seed)
    seeds[key] = seed
    return key
  }

  /// Nil without the key.
  func sign(_ text: [UInt8], with key: PublicKey) throws -> [UInt8]? {
    guard let seed = seeds[key] else { return nil }
    return try seed.withView { seed in
      let key = try SigningKey(seed: seed)
      return try text.withView { try key.sign($0) }
    }
  }

  /// The line of a note that is signed by `key` in that name; nil without the key.
  func sign(_ text: [UInt8], as name: KeyName, with key: PublicKey) throws -> NoteSignature? {
    try sign(text, with: key).map {
      NoteSignature(name: name, keyID: VerifierKey(name: name, publicKey: key).id, bytes: $0)
    }
  }
}

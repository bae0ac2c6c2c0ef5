import Bytes
import COpenSSL

/// An Ed25519 public key (RFC 8032).
public struct PublicKey: Hashable, BitwiseCopyable, Sendable {
  /// Number of bytes of a public key.
  public static let size = 32
  /// Number of bytes of a signature.
  public static let signatureSize = 64

  /// The 32 bytes of RFC 8032 section 5.1.2.
  public let bytes: Digest

  /// Copies `bytes`; nil unless they are exactly 32. Whether they are a point of the curve shows at the first
  /// verification, which then fails.
  public init?(_ bytes: ByteView) {
    guard let bytes = Digest(bytes) else { return nil }
    self.bytes = bytes
  }

  /// Whether `signature` is this key's signature of `message`. False on any other size, point or failure.
  public func verifies(signature: ByteView, of message: ByteView) -> Bool {
    if signature.count != Self.signatureSize { return false }
    // A failure leaves entries in the thread's queue, which a later TLS call would take for its own.
    defer { ERR_clear_error() }
    let key = unsafe bytes.withView { bytes in
      unsafe bytes.withUnsafeBytes {
        unsafe EVP_PKEY_new_raw_public_key(
          EVP_PKEY_ED25519, nil, $0.baseAddress?.assumingMemoryBound(to: UInt8.self), $0.count)
      }
    }
    guard let key = unsafe key else { return false }
    defer { unsafe EVP_PKEY_free(key) }
    guard let context = unsafe EVP_MD_CTX_new() else { return false }
    defer { unsafe EVP_MD_CTX_free(context) }
    guard unsafe EVP_DigestVerifyInit(context, nil, nil, nil, key) == 1 else { return false }
    return unsafe signature.withUnsafeBytes { signature in
      unsafe message.withUnsafeBytes { message in
        unsafe EVP_DigestVerify(
          context, signature.baseAddress?.assumingMemoryBound(to: UInt8.self), signature.count,
          message.baseAddress?.assumingMemoryBound(to: UInt8.self), message.count) == 1
      }
    }
  }
}

/// An Ed25519 private key. Its memory belongs to libcrypto, which wipes it when the value ends.
@safe public struct SigningKey: ~Copyable, @unchecked Sendable {
  /// Number of bytes of the seed that the key is made from.
  public static let seedSize = 32

  private let key: OpaquePointer
  /// The key that verifies what this one signs.
  public let publicKey: PublicKey

  /// A new random key.
  public static func generate() throws(CryptoError) -> SigningKey {
    var seed = ByteBuffer(capacity: seedSize)
    defer { seed.wipe() }
    try Random.append(seedSize, to: &seed)
    return try SigningKey(seed: seed.view)
  }

  /// The key of a 32-byte seed (RFC 8032 section 5.1.5). The caller wipes the seed. Traps on any other size.
  public init(seed: ByteView) throws(CryptoError) {
    precondition(seed.count == Self.seedSize)
    let made = unsafe seed.withUnsafeBytes {
      unsafe EVP_PKEY_new_raw_private_key(
        EVP_PKEY_ED25519, nil, $0.baseAddress?.assumingMemoryBound(to: UInt8.self), $0.count)
    }
    guard let made = unsafe made else { throw CryptoError(.key) }
    var bytes = ByteBuffer(capacity: PublicKey.size)
    unsafe bytes.append(minimum: PublicKey.size) { room in
      var count = PublicKey.size
      let base = unsafe room.baseAddress?.assumingMemoryBound(to: UInt8.self)
      return unsafe EVP_PKEY_get_raw_public_key(made, base, &count) == 1 ? count : 0
    }
    guard let publicKey = PublicKey(bytes.view) else {
      unsafe EVP_PKEY_free(made)
      throw CryptoError(.key)
    }
    unsafe key = made
    self.publicKey = publicKey
  }

  deinit {
    unsafe EVP_PKEY_free(key)
  }

  /// The 64-byte signature of `message`.
  public func sign(_ message: ByteView) throws(CryptoError) -> [UInt8] {
    guard let context = unsafe EVP_MD_CTX_new() else { throw CryptoError(.sign) }
    defer { unsafe EVP_MD_CTX_free(context) }
    guard unsafe EVP_DigestSignInit(context, nil, nil, nil, key) == 1 else { throw CryptoError(.sign) }
    var signature = ByteBuffer(capacity: PublicKey.signatureSize)
    unsafe signature.append(minimum: PublicKey.signatureSize) { room in
      unsafe message.withUnsafeBytes { message in
        var count = PublicKey.signatureSize
        let made = unsafe EVP_DigestSign(
          context, room.baseAddress?.assumingMemoryBound(to: UInt8.self), &count,
          message.baseAddress?.assumingMemoryBound(to: UInt8.self), message.count)
        return made == 1 ? count : 0
      }
    }
    guard signature.count == PublicKey.signatureSize else { throw CryptoError(.sign) }
    return signature.view.array
  }

  /// Appends the 32-byte seed, for the key's file. The caller wipes the buffer.
  public func appendSeed(to output: inout ByteBuffer) throws(CryptoError) {
    try unsafe output.append(minimum: Self.seedSize) { (room) throws(CryptoError) -> Int in
      var count = Self.seedSize
      let base = unsafe room.baseAddress?.assumingMemoryBound(to: UInt8.self)
      guard unsafe EVP_PKEY_get_raw_private_key(key, base, &count) == 1 else { throw CryptoError(.key) }
      return count
    }
  }
}

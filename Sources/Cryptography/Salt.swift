import Bytes
import COpenSSL

/// The 16 random bytes that hide an entry's content behind its commitment.
public struct Salt: Hashable, BitwiseCopyable, Sendable {
  /// Number of bytes of a salt.
  public static let size = 16

  /// The first eight bytes, least significant first.
  public let low: UInt64
  /// The last eight bytes, least significant first.
  public let high: UInt64

  @inlinable public init(low: UInt64, high: UInt64) {
    self.low = low
    self.high = high
  }

  /// Copies `bytes`; nil unless they are exactly 16.
  @inlinable public init?(_ bytes: ByteView) {
    guard bytes.count == Salt.size else { return nil }
    self.init(low: bytes.load64(at: 0), high: bytes.load64(at: 8))
  }
}

extension ByteBuffer {
  /// Appends the 16 bytes of `salt`.
  @inlinable public mutating func append(_ salt: Salt) {
    append(littleEndian: salt.low)
    append(littleEndian: salt.high)
  }
}

/// The 32-byte secret that salts come from: a segment's seed, or the key of one group of 256 entries.
///
/// Two levels, so that one entry can be erased: the seed is replaced by its group keys, and that one group's
/// key by its other 255 salts.
public struct SaltKey: Hashable, BitwiseCopyable, Sendable {
  /// Number of bytes of a key.
  public static let size = Digest.size

  /// The 32 bytes.
  public let bytes: Digest

  public init(_ bytes: Digest) { self.bytes = bytes }

  /// Copies `bytes`; nil unless they are exactly 32.
  public init?(_ bytes: ByteView) {
    guard let bytes = Digest(bytes) else { return nil }
    self.bytes = bytes
  }

  /// Zeros, where there is no key.
  public static let none = SaltKey(Digest(words: 0, 0, 0, 0))

  /// A new random seed.
  public static func random() throws(CryptoError) -> SaltKey {
    var buffer = ByteBuffer(capacity: size)
    try Random.append(size, to: &buffer)
    defer { buffer.wipe() }
    return SaltKey(Digest(buffer.view, at: 0))
  }

  /// Taking this key as the seed, the key of a group: `HMAC-SHA-256(seed, u64le group)`. A group is an
  /// entry's index in the whole log, divided by 256.
  public func groupKey(_ group: UInt64) throws(CryptoError) -> SaltKey {
    var number = group.littleEndian
    return try unsafe withUnsafeBytes(of: &number) { (number) throws(CryptoError) -> SaltKey in
      let number = unsafe ByteView(number)
      return try bytes.withView { (seed) throws(CryptoError) -> SaltKey in
        SaltKey(try SHA256.hmac(key: seed, message: number))
      }
    }
  }
}

/// The 256 salts of one group: the first 4,096 bytes of its key's AES-256-CTR keystream, zero counter block
/// (NIST SP 800-38A section 6.5). Loading another key reuses the memory and the cipher context.
@safe public struct SaltGroup: ~Copyable, @unchecked Sendable {
  /// Salts, and so entries, in a group.
  public static let count = 256

  private let cipher: OpaquePointer
  private var salts: HeapArray<Salt>

  /// A group whose salts are not loaded yet: all are zero.
  public init() throws(CryptoError) {
    guard let cipher = unsafe EVP_CIPHER_CTX_new() else { throw CryptoError(.keystream) }
    unsafe self.cipher = cipher
    salts = HeapArray(count: Self.count) { _ in Salt(low: 0, high: 0) }
  }

  deinit {
    unsafe EVP_CIPHER_CTX_free(cipher)
  }

  /// The salt of the entry with this place in the group. Traps unless it is below 256.
  public subscript(slot: Int) -> Salt { salts[slot] }

  /// Makes the salts those of `key`, a group key. After an error the salts are zero, and must not be used.
  public mutating func load(_ key: SaltKey) throws(CryptoError) {
    for slot in 0..<Self.count { salts[slot] = Salt(low: 0, high: 0) }
    var counter = (UInt64(0), UInt64(0))
    let context = unsafe cipher
    let made = key.bytes.withView { key in
      unsafe key.withUnsafeBytes { key in
        unsafe withUnsafeBytes(of: &counter) { counter in
          unsafe EVP_EncryptInit_ex(
            context, EVP_aes_256_ctr(), nil, key.baseAddress?.assumingMemoryBound(to: UInt8.self),
            counter.baseAddress?.assumingMemoryBound(to: UInt8.self)) == 1
        }
      }
    }
    guard made else { throw CryptoError(.keystream) }
    let size = Int32(Self.count * Salt.size)
    var written: Int32 = 0
    let encrypted = unsafe withUnsafeMutablePointer(to: &salts[0]) { first in
      // In place over zeros: the ciphertext is the keystream.
      let bytes = unsafe UnsafeMutableRawPointer(first).assumingMemoryBound(to: UInt8.self)
      return unsafe EVP_EncryptUpdate(context, bytes, &written, bytes, size) == 1
    }
    guard encrypted, written == size else { throw CryptoError(.keystream) }
  }
}

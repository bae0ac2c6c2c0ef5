import Bytes
import COpenSSL

/// AES-256-GCM (NIST SP 800-38D) with a random nonce for each message, under keys that encrypt far fewer than
/// 2^32 of them. A sealed message is `nonce(12) || ciphertext || tag(16)`.
///
/// Reusing a value reuses the cipher context; its memory is wiped when the value ends.
@safe public struct AES256GCM: ~Copyable, @unchecked Sendable {
  private static let nonceSize = 12
  private static let tagSize = 16
  /// Bytes that sealing adds.
  public static let overhead = nonceSize + tagSize

  private let context: OpaquePointer

  public init() throws(CryptoError) {
    guard let context = unsafe EVP_CIPHER_CTX_new() else { throw CryptoError(.encrypt) }
    unsafe self.context = context
  }

  deinit { unsafe EVP_CIPHER_CTX_free(context) }

  /// Appends `plain`, sealed, to `out`. The tag vouches for `additional` too.
  public mutating func seal(
    _ plain: ByteView, additional: ByteView, _ key: SegmentKey, to out: inout ByteBuffer
  ) throws(CryptoError) {
    let start = out.count
    out.reserve(plain.count + Self.overhead)
    try Random.append(Self.nonceSize, to: &out)
    try begin(key, nonce: out.view.dropFirst(start), encrypting: true)
    var made = unsafe update(additional, into: nil)
    made = made && append(plain, to: &out)
    made = made && finish()
    unsafe out.append(minimum: Self.tagSize) { tag in
      made =
        unsafe made
        && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, Int32(Self.tagSize), tag.baseAddress) == 1
      return made ? Self.tagSize : 0
    }
    guard made else { throw CryptoError(.encrypt) }
  }

  /// Appends what is sealed in `sealed` to `out`. False, and nothing appended, when the key, the bytes or
  /// `additional` are not those it was sealed with.
  public mutating func open(
    _ sealed: ByteView, additional: ByteView, _ key: SegmentKey, to out: inout ByteBuffer
  ) throws(CryptoError) -> Bool {
    guard sealed.count >= Self.overhead else { return false }
    let tagAt = sealed.count - Self.tagSize
    try begin(key, nonce: sealed.prefix(Self.nonceSize), encrypting: false)
    let hasTag = unsafe sealed.dropFirst(tagAt).withUnsafeBytes { tag in
      unsafe EVP_CIPHER_CTX_ctrl(
        context, EVP_CTRL_AEAD_SET_TAG, Int32(Self.tagSize),
        UnsafeMutableRawPointer(mutating: tag.baseAddress)
      ) == 1
    }
    guard hasTag else { throw CryptoError(.encrypt) }
    let start = out.count
    guard unsafe update(additional, into: nil), append(sealed[Self.nonceSize, tagAt], to: &out) else {
      throw CryptoError(.encrypt)
    }
    if finish() { return true }
    // What was decrypted before the tag was compared is not to be believed, nor to be left behind.
    unsafe out.withUnsafeMutableBytes {
      unsafe OPENSSL_cleanse($0.baseAddress?.advanced(by: start), $0.count - start)
    }
    out.truncate(to: start)
    ERR_clear_error()
    return false
  }

  private mutating func begin(_ key: SegmentKey, nonce: ByteView, encrypting: Bool) throws(CryptoError) {
    let begun = key.withView { key in
      unsafe key.withUnsafeBytes { key in
        unsafe nonce.withUnsafeBytes { nonce in
          unsafe EVP_CipherInit_ex(
            context, EVP_aes_256_gcm(), nil, key.baseAddress?.assumingMemoryBound(to: UInt8.self),
            nonce.baseAddress?.assumingMemoryBound(to: UInt8.self), encrypting ? 1 : 0) == 1
        }
      }
    }
    guard begun else { throw CryptoError(.encrypt) }
  }

  private mutating func update(_ bytes: ByteView, into out: UnsafeMutablePointer<UInt8>?) -> Bool {
    guard let count = Int32(exactly: bytes.count) else { return false }
    var written: Int32 = 0
    let base = unsafe bytes.withUnsafeBytes { $0.baseAddress }
    let isDone =
      unsafe EVP_CipherUpdate(
        context, out, &written, base?.assumingMemoryBound(to: UInt8.self), count) == 1
    return isDone && written == count
  }

  private mutating func append(_ bytes: ByteView, to out: inout ByteBuffer) -> Bool {
    if bytes.isEmpty { return true }
    var isDone = false
    unsafe out.append(minimum: bytes.count) { room in
      isDone = unsafe update(bytes, into: room.baseAddress?.assumingMemoryBound(to: UInt8.self))
      return isDone ? bytes.count : 0
    }
    return isDone
  }

  private mutating func finish() -> Bool {
    var written: Int32 = 0
    // In GCM nothing is left to be written; only the tag is made or compared.
    return unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 16) {
      unsafe EVP_CipherFinal_ex(context, $0.baseAddress, &written) == 1
    }
  }
}

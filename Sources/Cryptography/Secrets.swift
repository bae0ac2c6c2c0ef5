import Bytes
import COpenSSL

/// Bytes from libcrypto's random generator, seeded by the kernel.
public enum Random {
  /// `count` random bytes.
  public static func bytes(_ count: Int) throws(CryptoError) -> [UInt8] {
    var buffer = ByteBuffer(capacity: count)
    try append(count, to: &buffer)
    return buffer.view.array
  }

  /// Appends `count` random bytes. Traps when `count` is negative or above 2^31 - 1.
  public static func append(_ count: Int, to buffer: inout ByteBuffer) throws(CryptoError) {
    let count32 = Int32(count)
    precondition(count >= 0)
    try unsafe buffer.append(minimum: count) { (room) throws(CryptoError) -> Int in
      let base = unsafe room.baseAddress?.assumingMemoryBound(to: UInt8.self)
      guard unsafe RAND_bytes(base, count32) == 1 else { throw CryptoError(.random) }
      return count
    }
  }
}

extension ByteView {
  /// Whether both hold the same bytes, in a time that depends on the count only (CRYPTO_memcmp). For values
  /// that must not be guessed byte by byte.
  public func equalsInConstantTime(_ other: ByteView) -> Bool {
    if count != other.count { return false }
    return unsafe withUnsafeBytes { a in
      unsafe other.withUnsafeBytes { b in
        unsafe a.isEmpty || CRYPTO_memcmp(a.baseAddress, b.baseAddress, a.count) == 0
      }
    }
  }
}

extension ByteBuffer {
  /// Overwrites the written bytes in a way the compiler keeps (OPENSSL_cleanse), then empties the buffer.
  /// Bytes that a growing buffer left behind in freed memory are not reached: make it large enough first.
  public mutating func wipe() {
    unsafe withUnsafeMutableBytes { unsafe OPENSSL_cleanse($0.baseAddress, $0.count) }
    removeAll()
  }
}

extension SHA256 {
  /// HMAC-SHA-256 (RFC 2104) of `message` under `key`.
  public static func hmac(key: ByteView, message: ByteView) throws(CryptoError) -> Digest {
    var code = (UInt64(0), UInt64(0), UInt64(0), UInt64(0))
    let made = unsafe key.withUnsafeBytes { key in
      unsafe message.withUnsafeBytes { message in
        unsafe withUnsafeMutableBytes(of: &code) { code in
          unsafe HMAC(
            EVP_sha256(), key.baseAddress, Int32(key.count),
            message.baseAddress?.assumingMemoryBound(to: UInt8.self), message.count,
            code.baseAddress?.assumingMemoryBound(to: UInt8.self), nil) != nil
        }
      }
    }
    guard made else { throw CryptoError(.hmac) }
    return Digest(
      words: UInt64(littleEndian: code.0), UInt64(littleEndian: code.1), UInt64(littleEndian: code.2),
      UInt64(littleEndian: code.3))
  }
}

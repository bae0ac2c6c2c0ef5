import Bytes
import COpenSSL

/// SHA-256 (FIPS 180-4), fed in pieces. Holds its state in place: no allocation.
///
/// Uses libcrypto's low-level functions: finding the algorithm and setting up a context through EVP costs
/// more than hashing one short message does.
public struct SHA256: Sendable {
  private var context: SHA256_CTX

  /// The state before any byte.
  public init() { context = SHA256.initial() }

  /// Adds `bytes` to what is hashed.
  public mutating func update(_ bytes: ByteView) {
    unsafe bytes.withUnsafeBytes { buffer in
      _ = unsafe SHA256_Update(&context, buffer.baseAddress, buffer.count)
    }
  }

  /// The hash of all bytes added so far; more may be added after it.
  public func finish() -> Digest {
    var copy = context
    var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    unsafe withUnsafeMutableBytes(of: &words) { buffer in
      _ = unsafe SHA256_Final(
        buffer.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: UInt8.self), &copy)
    }
    return Digest(
      words: UInt64(littleEndian: words.0), UInt64(littleEndian: words.1), UInt64(littleEndian: words.2),
      UInt64(littleEndian: words.3))
  }

  /// The hash of `bytes`.
  public static func hash(_ bytes: ByteView) -> Digest {
    var context = initial()
    return finish(&context, bytes, of: bytes.count)
  }

  /// The commitment to one entry's envelope and raw message:
  /// `SHA-256(salt || u16le envelope byte count || envelope || raw)`. Traps when the envelope exceeds 65,535
  /// bytes.
  public static func commitment(salt: Salt, envelope: ByteView, raw: ByteView) -> Digest {
    let envelopeCount = UInt16(envelope.count)
    let headCount = Salt.size + 2 + envelope.count
    guard headCount <= blockSize, headCount + raw.count >= blockSize else {
      var hash = SHA256()
      var head = (salt.low.littleEndian, salt.high.littleEndian, envelopeCount.littleEndian)
      unsafe withUnsafeBytes(of: &head) { unsafe hash.update(ByteView($0).prefix(Salt.size + 2)) }
      hash.update(envelope)
      hash.update(raw)
      return hash.finish()
    }
    // The first block is put together here, so that libcrypto sees whole blocks and neither buffers nor
    // counts.
    var block: Block = (salt.low, salt.high, UInt64(envelopeCount), 0, 0, 0, 0, 0)
    let taken = blockSize - headCount
    fill(&block, from: Salt.size + 2, envelope)
    fill(&block, from: headCount, raw.prefix(taken))
    var context = initial()
    transform(&context, &block)
    return finish(&context, raw.dropFirst(taken), of: headCount + raw.count)
  }
}

import Bytes
import COpenSSL

/// SHA-256 in whole blocks, for messages whose size is known: the padding (FIPS 180-4 section 5.1.1) is
/// written in place, which saves the buffering, counting and wiping of libcrypto's general functions.
extension SHA256 {
  static let blockSize = 64

  /// Eight words of eight bytes, least significant first.
  typealias Block = (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)

  @inline(__always) static func initial() -> SHA256_CTX {
    var context = SHA256_CTX()
    context.h = (
      0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19
    )
    context.md_len = 32
    return context
  }

  @inline(__always) static func transform(_ context: inout SHA256_CTX, _ block: inout Block) {
    unsafe withUnsafeBytes(of: &block) { buffer in
      unsafe SHA256_Transform(
        &context, buffer.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: UInt8.self))
    }
  }

  @inline(__always) static func digest(_ context: SHA256_CTX) -> Digest {
    let h = context.h
    return Digest(words: word(h.0, h.1), word(h.2, h.3), word(h.4, h.5), word(h.6, h.7))
  }

  @inline(__always) private static func word(_ first: UInt32, _ second: UInt32) -> UInt64 {
    (UInt64(first) &<< 32 | UInt64(second)).byteSwapped
  }

  /// Copies `bytes` into the block from byte `offset`. Traps when they do not fit.
  @inline(__always) static func fill(_ block: inout Block, from offset: Int, _ bytes: ByteView) {
    unsafe withUnsafeMutableBytes(of: &block) { target in
      unsafe bytes.withUnsafeBytes { source in
        unsafe UnsafeMutableRawBufferPointer(rebasing: target[offset...]).copyMemory(from: source)
      }
    }
  }

  /// Hashes the rest of a message of `total` bytes whose blocks before `rest` are in `context` already.
  @inline(__always) static func finish(_ context: inout SHA256_CTX, _ rest: ByteView, of total: Int) -> Digest
  {
    let whole = rest.count & ~(blockSize - 1)
    if whole > 0 {
      unsafe rest.withUnsafeBytes { unsafe _ = SHA256_Update(&context, $0.baseAddress, whole) }
    }
    let tail = rest.count - whole
    var block: Block = (0, 0, 0, 0, 0, 0, 0, 0)
    fill(&block, from: 0, rest.dropFirst(whole))
    unsafe withUnsafeMutableBytes(of: &block) { unsafe $0[tail] = 0x80 }
    if tail > blockSize - 9 {
      transform(&context, &block)
      block = (0, 0, 0, 0, 0, 0, 0, 0)
    }
    block.7 = UInt64(total &<< 3).byteSwapped
    transform(&context, &block)
    return digest(context)
  }
}

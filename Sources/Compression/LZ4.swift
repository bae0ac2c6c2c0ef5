import Bytes
import CLZ4

/// LZ4 block compression (lz4.org, block format): one run of bytes in, one out, sizes kept by the caller.
@safe public struct LZ4: ~Copyable, Sendable {
  nonisolated(unsafe) private let state: UnsafeMutableRawPointer

  /// A compressor with its working memory (16 KiB), reused from call to call.
  public init() {
    unsafe state = .allocate(byteCount: Int(LZ4_sizeofState()), alignment: 16)
  }

  deinit { unsafe state.deallocate() }

  /// Largest input of one call, in bytes.
  public static let inputLimit = 0x7E00_0000

  /// Appends the compressed form of `input` if it is smaller than the input by at least one part in 32;
  /// returns whether it did. `input` must not be longer than `inputLimit`.
  public mutating func compress(_ input: ByteView, to out: inout ByteBuffer) -> Bool {
    precondition(input.count <= Self.inputLimit)
    if input.count < 32 { return false }
    let worthwhile = input.count - input.count / 32 - 1
    let before = out.count
    unsafe out.append(minimum: worthwhile) { room in
      unsafe input.withUnsafeBytes { source in
        let written = unsafe LZ4_compress_fast_extState(
          state, source.baseAddress?.assumingMemoryBound(to: CChar.self),
          room.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(input.count), Int32(worthwhile), 1)
        return Int(written)
      }
    }
    return out.count > before
  }

  /// Appends exactly `count` decompressed bytes. Throws when `input` does not decompress to that many:
  /// nothing is ever written beyond them, whatever the input holds.
  public static func decompress(_ input: ByteView, count: Int, to out: inout ByteBuffer) throws(DecodeError) {
    guard count >= 0, count <= inputLimit, input.count <= inputLimit else {
      throw DecodeError(.invalid, at: 0)
    }
    var written: Int32 = -1
    unsafe out.append(minimum: count) { room in
      unsafe input.withUnsafeBytes { source in
        written = unsafe LZ4_decompress_safe(
          source.baseAddress?.assumingMemoryBound(to: CChar.self),
          room.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(input.count), Int32(count))
      }
      return written == Int32(count) ? count : 0
    }
    if written != Int32(count) { throw DecodeError(.invalid, at: 0) }
  }

  /// Appends the first `count` bytes of what `input` decompresses to. Throws when it has fewer, or is damaged
  /// before that point.
  public static func decompress(
    _ input: ByteView, first count: Int, to out: inout ByteBuffer
  ) throws(DecodeError) {
    guard count >= 0, count <= inputLimit, input.count <= inputLimit else {
      throw DecodeError(.invalid, at: 0)
    }
    var written: Int32 = -1
    unsafe out.append(minimum: count) { room in
      unsafe input.withUnsafeBytes { source in
        written = unsafe LZ4_decompress_safe_partial(
          source.baseAddress?.assumingMemoryBound(to: CChar.self),
          room.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(input.count), Int32(count),
          Int32(count))
      }
      return written == Int32(count) ? count : 0
    }
    if written != Int32(count) { throw DecodeError(.invalid, at: 0) }
  }
}

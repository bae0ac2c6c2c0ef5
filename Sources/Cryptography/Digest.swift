import Bytes

/// The 32 bytes of a SHA-256 hash, held in four words so that it is copied and compared in registers.
public struct Digest: Hashable, BitwiseCopyable, Sendable {
  /// Number of bytes of a digest.
  public static let size = 32

  // Each word is eight bytes in order, least significant first: what a load from memory gives.
  @usableFromInline let a: UInt64
  @usableFromInline let b: UInt64
  @usableFromInline let c: UInt64
  @usableFromInline let d: UInt64

  @inlinable init(words a: UInt64, _ b: UInt64, _ c: UInt64, _ d: UInt64) {
    (self.a, self.b, self.c, self.d) = (a, b, c, d)
  }

  /// 32 zero bytes.
  public static let zero = Digest(words: 0, 0, 0, 0)

  /// Copies `bytes`; nil unless they are exactly 32.
  @inlinable public init?(_ bytes: ByteView) {
    guard bytes.count == Digest.size else { return nil }
    self.init(bytes, at: 0)
  }

  /// Copies 32 bytes of `bytes` from `offset`. Traps when fewer are left.
  @inlinable public init(_ bytes: ByteView, at offset: Int) {
    self.init(
      words: bytes.load64(at: offset), bytes.load64(at: offset + 8), bytes.load64(at: offset + 16),
      bytes.load64(at: offset + 24))
  }

  /// Calls `body` with a view of the 32 bytes, valid during the call.
  @inlinable public func withView<R, E: Error>(_ body: (ByteView) throws(E) -> R) throws(E) -> R {
    // Not `withUnsafeBytes(of: &words)`: with Swift 6.3.1, release builds lose what is computed in `body`
    // from an unaligned load of it.
    return try unsafe withUnsafeTemporaryAllocation(byteCount: Digest.size, alignment: 8) {
      (bytes) throws(E) -> R in
      unsafe bytes.storeBytes(of: a.littleEndian, toByteOffset: 0, as: UInt64.self)
      unsafe bytes.storeBytes(of: b.littleEndian, toByteOffset: 8, as: UInt64.self)
      unsafe bytes.storeBytes(of: c.littleEndian, toByteOffset: 16, as: UInt64.self)
      unsafe bytes.storeBytes(of: d.littleEndian, toByteOffset: 24, as: UInt64.self)
      return try unsafe body(ByteView(UnsafeRawBufferPointer(bytes)))
    }
  }

  /// The 32 bytes.
  public var array: [UInt8] { withView { $0.array } }

  @inlinable public static func == (x: Digest, y: Digest) -> Bool {
    (x.a ^ y.a) | (x.b ^ y.b) | (x.c ^ y.c) | (x.d ^ y.d) == 0
  }
}

extension Digest: CustomStringConvertible {
  /// 64 lowercase hexadecimal digits.
  public var description: String { withView { Hex.encode($0) } }
}

extension ByteBuffer {
  /// Appends the 32 bytes of `digest`.
  @inlinable public mutating func append(_ digest: Digest) {
    reserve(Digest.size)
    append(littleEndian: digest.a)
    append(littleEndian: digest.b)
    append(littleEndian: digest.c)
    append(littleEndian: digest.d)
  }
}

extension ByteReader {
  /// Reads 32 bytes.
  public mutating func digest() throws(DecodeError) -> Digest {
    Digest(try bytes(Digest.size), at: 0)
  }
}

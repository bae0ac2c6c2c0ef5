import Bytes
import COpenSSL
import Synchronization

/// The secret of one encrypted segment: an AES-256 key. It lies in libcrypto's secure heap where there is one
/// (locked, not dumped), and is overwritten when the last reference ends.
@safe public final class SegmentKey: @unchecked Sendable {
  /// Number of bytes of a key.
  public static let size = 32

  private let memory: UnsafeMutableRawPointer
  private let isWiped = Atomic(false)

  private init() throws(CryptoError) {
    guard let memory = unsafe CRYPTO_secure_malloc(Self.size, nil, 0) else { throw CryptoError(.encrypt) }
    unsafe self.memory = memory
  }

  deinit { unsafe CRYPTO_secure_clear_free(memory, Self.size, nil, 0) }

  /// A new random key.
  public static func random() throws(CryptoError) -> SegmentKey {
    let key = try SegmentKey()
    let filled = unsafe RAND_priv_bytes(key.memory.assumingMemoryBound(to: UInt8.self), Int32(size)) == 1
    guard filled else { throw CryptoError(.random) }
    return key
  }

  /// Copies `bytes`, which the caller wipes; traps unless they are exactly 32.
  public convenience init(_ bytes: ByteView) throws(CryptoError) {
    precondition(bytes.count == Self.size)
    try self.init()
    unsafe bytes.withUnsafeBytes { unsafe memory.copyMemory(from: $0.baseAddress!, byteCount: Self.size) }
  }

  /// Overwrites the key; nothing may be using it, and nothing may use it afterwards.
  public func wipe() {
    isWiped.store(true, ordering: .releasing)
    unsafe OPENSSL_cleanse(memory, Self.size)
  }

  /// Calls `body` with a view of the 32 bytes, valid during the call. Copies of them are the caller's to wipe.
  /// Traps when the key was wiped: nothing is ever encrypted with zeros.
  public func withView<R: ~Copyable, E: Error>(_ body: (ByteView) throws(E) -> R) throws(E) -> R {
    precondition(!isWiped.load(ordering: .acquiring))
    return try unsafe body(ByteView(UnsafeRawBufferPointer(start: memory, count: Self.size)))
  }

  /// The seed of the salts of entries that are stored encrypted: `HMAC-SHA-256(key, "stele salts")`. As
  /// secret as the key: who knows it can try out what an entry says.
  public func saltSeed() throws(CryptoError) -> SaltKey {
    try withView { (key) throws(CryptoError) in
      try Array("stele salts".utf8).withView { (label) throws(CryptoError) in
        SaltKey(try SHA256.hmac(key: key, message: label))
      }
    }
  }
}

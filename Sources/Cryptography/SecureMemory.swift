import COpenSSL

/// The memory that libcrypto keeps private keys in.
public enum SecureMemory {
  /// A few hundred keys; within what RLIMIT_MEMLOCK allows everywhere.
  private static let byteCount = 1 << 16
  private static let smallestPart = 32

  // Run once, by the first use.
  private static let isReady = CRYPTO_secure_malloc_init(byteCount, smallestPart) != 0

  /// From now on private keys are in memory that is locked, not dumped, between guard pages, and wiped when
  /// freed (OPENSSL_secure_malloc(3)). False where the system refuses it: then they are on the ordinary heap,
  /// wiped too.
  @discardableResult public static func prepare() -> Bool { isReady }
}

import COpenSSL
import Glibc

/// The memory that libcrypto keeps private keys in.
public enum SecureMemory {
  /// Its bytes: room for 32,000 keys, for OpenSSL has one in it for each TLS connection too; less where
  /// RLIMIT_MEMLOCK does not let that be locked, but never less than what it allows everywhere.
  public static let byteCount: Int = {
    var limit = rlimit()
    let resource = __rlimit_resource_t(__RLIMIT_MEMLOCK.rawValue)
    guard unsafe getrlimit(resource, &limit) == 0, limit.rlim_cur >= 1 << 21 else { return 1 << 16 }
    return 1 << 20
  }()
  private static let smallestPart = 32

  // Run once, by the first use.
  private static let isReady = CRYPTO_secure_malloc_init(byteCount, smallestPart) != 0

  /// From now on private keys are in memory that is locked, not dumped, between guard pages, and wiped when
  /// freed (OPENSSL_secure_malloc(3)). False where the system refuses it: then they are on the ordinary heap,
  /// wiped too.
  @discardableResult public static func prepare() -> Bool { isReady }
}

import Bytes
import COpenSSL
import Cryptography
import Testing

@Suite struct SaltTests {
  static let seed = SaltKey((0..<32).map { UInt8($0) }.withView { Digest($0, at: 0) })

  static func bytes(_ salt: Salt) -> [UInt8] {
    var buffer = ByteBuffer()
    buffer.append(salt)
    return buffer.view.array
  }

  /// The salt of `index` by another way: EVP_MAC for the group key, then one AES-256-ECB block of the
  /// counter.
  static func independent(_ seed: [UInt8], _ index: UInt64) -> [UInt8] {
    let number = (0..<8).map { UInt8(truncatingIfNeeded: (index / 256) >> (8 * $0)) }
    var key = [UInt8](repeating: 0, count: 32)
    var count = 0
    unsafe EVP_Q_mac(
      nil, "HMAC", nil, "SHA256", nil, seed, seed.count, number, number.count, &key, 32, &count)
    var counter = [UInt8](repeating: 0, count: 16)
    counter[15] = UInt8(index % 256)
    var block = [UInt8](repeating: 0, count: 32)
    var written: Int32 = 0
    let context = unsafe EVP_CIPHER_CTX_new()
    unsafe EVP_EncryptInit_ex(context, EVP_aes_256_ecb(), nil, key, nil)
    unsafe EVP_EncryptUpdate(context, &block, &written, counter, 16)
    unsafe EVP_CIPHER_CTX_free(context)
    return Array(block.prefix(Int(written)))
  }

  @Test(
    arguments: [
      (0, "7807929ca4565114c2a6b357d6955e53"),
      (255, "655854afc87ce1523f7bec0b7ee58af8"),
      (256, "9ba38b913abfa27b823d1aadfa3f1d64"),
      (1_000_000, "264e1f3d35242085576e9f5b28778913"),
    ] as [(UInt64, String)])
  func knownAnswers(index: UInt64, hex: String) throws {
    #expect(Self.bytes(try Self.salt(at: index)) == (try CryptographyTests.bytes(hex)))
  }

  @Test func equalAnIndependentComputation() throws {
    let seed = (0..<32).map { UInt8($0) }
    let jumps: [UInt64] = [1 << 40, 3, .max, .max - 300, 0]
    for index in Array(0..<600) + jumps {
      #expect(Self.bytes(try Self.salt(at: index)) == Self.independent(seed, index), "index \(index)")
    }
  }

  /// The salt of the entry with that index in the whole log.
  private static func salt(at index: UInt64) throws -> Salt {
    var group = try SaltGroup()
    try group.load(seed.groupKey(index / 256))
    return group[Int(index % 256)]
  }

  @Test func randomSeedsDiffer() throws {
    #expect(try SaltKey.random() != SaltKey.random())
  }
}

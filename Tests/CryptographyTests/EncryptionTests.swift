import Bytes
import COpenSSL
import Cryptography
import TestSupport
import Testing

/// AES-256-GCM, segment keys, and CMS envelopes.
@Suite struct EncryptionTests {
  private static func bytes(_ hex: String) -> [UInt8] {
    let digits = hex.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
  }

  private static func key(_ bytes: [UInt8]) throws -> SegmentKey {
    try bytes.withView { try SegmentKey($0) }
  }

  private static func open(_ sealed: [UInt8], _ additional: [UInt8], _ key: SegmentKey) throws -> [UInt8]? {
    var cipher = try AES256GCM()
    var out = ByteBuffer()
    out.append("before")
    let isOpen = try sealed.withView { sealed in
      try additional.withView { try cipher.open(sealed, additional: $0, key, to: &out) }
    }
    let written = out.view.dropFirst(6).array
    #expect(out.view.prefix(6).text == "before")
    if !isOpen { #expect(written == [], "nothing is left of what was refused") }
    return isOpen ? written : nil
  }

  private static func seal(_ plain: [UInt8], _ additional: [UInt8], _ key: SegmentKey) throws -> [UInt8] {
    var cipher = try AES256GCM()
    var out = ByteBuffer()
    try plain.withView { plain in
      try additional.withView { try cipher.seal(plain, additional: $0, key, to: &out) }
    }
    return out.view.array
  }

  /// Test case 16 of McGrew and Viega, "The Galois/Counter Mode of Operation", appendix B.
  @Test func aPublishedVectorOpens() throws {
    let key = try Self.key(
      Self.bytes("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"))
    let sealed = Self.bytes(
      "cafebabefacedbaddecaf888"
        + "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
        + "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662" + "76fc6ece0f4e1768cddf8853bb2d551b")
    let plain = Self.bytes(
      "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
        + "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39")
    let additional = Self.bytes("feedfacedeadbeeffeedfacedeadbeefabaddad2")
    #expect(try Self.open(sealed, additional, key) == plain)
  }

  @Test func everyChangedBitIsRefused() throws {
    let key = try SegmentKey.random()
    let plain = Array("GET /account/42".utf8), additional = Array("block 7".utf8)
    let sealed = try Self.seal(plain, additional, key)
    #expect(sealed.count == plain.count + AES256GCM.overhead)
    #expect(try Self.open(sealed, additional, key) == plain)
    for bit in 0..<sealed.count * 8 {
      var changed = sealed
      changed[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(try Self.open(changed, additional, key) == nil, "bit \(bit)")
    }
    for bit in 0..<additional.count * 8 {
      var changed = additional
      changed[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(try Self.open(sealed, changed, key) == nil, "bit \(bit) of the additional data")
    }
    for count in 0..<sealed.count {
      #expect(try Self.open(Array(sealed.prefix(count)), additional, key) == nil, "\(count) bytes")
    }
    #expect(try Self.open(sealed, additional, SegmentKey.random()) == nil)
  }

  @Test func theSameTextIsNeverSealedTwiceAlike() throws {
    let key = try SegmentKey.random()
    let nonces = try (0..<1000).map { _ in Array(try Self.seal([1, 2, 3], [], key).prefix(12)) }
    #expect(Set(nonces).count == 1000)
    #expect(try Self.open(Self.seal([], [], key), [], key) == [])
  }

  @Test func theSaltSeedIsAnHMACOfTheKey() throws {
    let key = try Self.key(Array(0..<32))
    // Computed by Python's hmac.
    #expect(
      "\(try key.saltSeed().bytes)" == "cadeadb7d22cf4a634cdc415b21f71ea261bba930244aff6e2d25263ee1b87eb")
  }

  /// In libcrypto's secure heap memory stays mapped after it was freed, so that a test may look at it.
  @Test func aKeyIsWipedWhenItEnds() throws {
    _ = CRYPTO_secure_malloc_init(1 << 16, 32)
    let secret = [UInt8](repeating: 0xA7, count: 32)
    func address(_ key: SegmentKey) -> UnsafeRawPointer? {
      unsafe key.withView { unsafe $0.withUnsafeBytes { $0.baseAddress } }
    }
    func contents(_ address: UnsafeRawPointer?) -> [UInt8] {
      unsafe [UInt8](UnsafeRawBufferPointer(start: address, count: 32))
    }
    var place: UnsafeRawPointer?
    do {
      let key = try Self.key(secret)
      unsafe place = address(key)
      #expect(unsafe CRYPTO_secure_allocated(place) == 1)
      #expect(unsafe contents(place) == secret)
    }
    // The heap keeps its list of free places at their fronts.
    #expect(unsafe !contents(place).dropFirst(16).contains(0xA7))
    let key = try Self.key(secret)
    unsafe place = address(key)
    key.wipe()
    #expect(unsafe contents(place) == [UInt8](repeating: 0, count: 32))
  }

  @Test func everyRecipientOpensAnEnvelopeAndNobodyElse() throws {
    let key = try SegmentKey.random()
    let secret = key.withView { $0.array }
    let both = try [TestIdentity.rsa.recipient(), TestIdentity.ec.recipient()]
    for recipients in [both, [both[0]], [both[1]]] {
      let envelope = try key.envelope(for: recipients)
      for (identity, isAddressed) in [
        (TestIdentity.rsa, recipients.count == 2 || recipients[0] === both[0]),
        (TestIdentity.ec, recipients.count == 2 || recipients[0] === both[1]), (TestIdentity.stranger, false),
      ] {
        for withCertificate in [false, true] {
          let reader = try identity.recipientKey(withCertificate: withCertificate)
          let opened = envelope.withView { reader.open($0) }
          #expect(opened?.withView { $0.array } == (isAddressed ? secret : nil))
        }
      }
    }
  }

  @Test func aChangedEnvelopeIsNotOpened() throws {
    let key = try SegmentKey.random()
    let envelope = try key.envelope(for: [TestIdentity.ec.recipient()])
    let reader = try TestIdentity.ec.recipientKey()
    for count in [0, 1, 10, envelope.count - 1] {
      #expect(Array(envelope.prefix(count)).withView { reader.open($0) } == nil)
    }
    let secret = key.withView { $0.array }
    for byte in envelope.indices {
      var changed = envelope
      changed[byte] ^= 0x10
      let opened = changed.withView { reader.open($0) }
      // Who it is addressed to is not under its tag; but no other key ever comes out of it.
      if let opened { #expect(opened.withView { $0.array } == secret, "byte \(byte)") }
    }
  }

  @Test func whatNothingCanBeEncryptedToIsRefused() throws {
    func error(_ pem: [UInt8]) -> RecipientError? {
      do throws(RecipientError) {
        _ = try pem.withView { (pem) throws(RecipientError) in try Recipient(pem: pem) }
        return nil
      } catch { return error }
    }
    #expect(error([]) == .unreadable)
    #expect(error(TestIdentity.rsa.key) == .unreadable)
    #expect(error(TestIdentity(["-newkey", "rsa:1024"]).certificate) == .weak(bits: 1024))
    #expect(error(TestIdentity(["-newkey", "ed25519"]).certificate) == .algorithm)
    #expect(error(TestIdentity.rsa.certificate) == nil)
    #expect(throws: RecipientError.unreadable) {
      try TestIdentity.rsa.certificate.withView { _ = try RecipientKey(pem: $0) }
    }
  }
}

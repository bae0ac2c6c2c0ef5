import Bytes
import Cryptography
import Testing

/// Bytes that look random and are the same in every run.
func sample(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
  var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
  return (0..<count).map { _ in
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return UInt8(truncatingIfNeeded: state >> 24)
  }
}

/// The hash through libcrypto's general functions, one piece at a time.
func reference(_ pieces: [UInt8]...) -> Digest {
  var hash = SHA256()
  for piece in pieces { piece.withView { hash.update($0) } }
  return hash.finish()
}

func bytes(_ hex: String) throws -> [UInt8] { try Array(hex.utf8).withView { try Hex.decode($0) } }

@Suite struct SHA256Tests {
  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
  ])
  func knownAnswers(message: String, digest: String) {
    #expect(Array(message.utf8).withView { SHA256.hash($0) }.description == digest)
    #expect(reference(Array(message.utf8)).description == digest)
  }

  @Test func oneShotEqualsPiecesAtEverySize() {
    for count in 0...300 {
      let message = sample(count, seed: UInt64(count))
      let whole = message.withView { SHA256.hash($0) }
      #expect(whole == reference(message), "\(count) bytes")
      #expect(whole == reference(Array(message.prefix(count / 3)), Array(message.dropFirst(count / 3))))
    }
  }

  @Test func finishLeavesTheStateOpen() {
    var hash = SHA256()
    sample(70).withView { hash.update($0) }
    #expect(hash.finish() == reference(sample(70)))
    [1, 2].withView { hash.update($0) }
    #expect(hash.finish() == reference(sample(70), [1, 2]))
  }

  @Test func leafHashesZeroByteAndEntry() {
    for seed in 0..<64 {
      let entry = sample(SHA256.entrySize, seed: UInt64(seed))
      #expect(entry.withView { SHA256.leaf(entry: $0) } == reference([0], entry))
    }
    #expect(
      (0..<52).map { UInt8($0) }.withView { SHA256.leaf(entry: $0) }.description
        == "e19ea0d680fab3c0e86f8e89d55b8d9d5090ad17fd8cd91f93df9adf4176a4eb")
  }

  @Test func nodeHashesOneByteAndBothChildren() {
    for seed in 0..<64 {
      let left = sample(32, seed: UInt64(seed))
      let right = sample(32, seed: UInt64(seed + 1000))
      let node = left.withView { l in right.withView { r in SHA256.node(Digest(l, at: 0), Digest(r, at: 0)) }
      }
      #expect(node == reference([1], left, right))
    }
  }

  @Test func commitmentHashesSaltSizeEnvelopeAndRaw() {
    let salt = Salt(low: 0x0706_0504_0302_0100, high: 0x0F0E_0D0C_0B0A_0908)
    let head = (0..<16).map { UInt8($0) }
    for envelopeCount in Array(0...70) + [255, 256, 300, 65_535] {
      let envelope = sample(envelopeCount, seed: 5)
      let size = [UInt8(envelopeCount & 255), UInt8(envelopeCount >> 8)]
      for rawCount in [0, 1, 9, 10, 27, 28, 29, 45, 46, 47, 54, 55, 56, 63, 64, 65, 101, 102, 110, 300, 1000]
      {
        let raw = sample(rawCount, seed: 7)
        let made = envelope.withView { e in
          raw.withView { SHA256.commitment(salt: salt, envelope: e, raw: $0) }
        }
        #expect(made == reference(head, size, envelope, raw), "\(envelopeCount), \(rawCount)")
      }
    }
  }

  @Test func commitmentKnownAnswer() {
    let salt = Salt(low: 0x0706_0504_0302_0100, high: 0x0F0E_0D0C_0B0A_0908)
    let made = [1, 97, 98, 99].withView { envelope in
      [UInt8](repeating: 120, count: 300).withView {
        SHA256.commitment(salt: salt, envelope: envelope, raw: $0)
      }
    }
    #expect(made.description == "9c81362be90751fbe0fd61db3448d03d5beb2cd27dd058356e8763a4908d372e")
  }

  @Test func hmacKnownAnswersOfRFC4231() throws {
    let first = try [UInt8](repeating: 0x0B, count: 20).withView { key in
      try Array("Hi There".utf8).withView { try SHA256.hmac(key: key, message: $0) }
    }
    #expect(first.description == "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")
    let second = try Array("Jefe".utf8).withView { key in
      try Array("what do ya want for nothing?".utf8).withView { try SHA256.hmac(key: key, message: $0) }
    }
    #expect(second.description == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
  }
}

@Suite struct DigestTests {
  @Test func keepsBytesAndOrder() throws {
    let source = sample(40)
    let digest = source.withView { Digest($0, at: 5) }
    #expect(digest.array == Array(source[5..<37]))
    var buffer = ByteBuffer()
    buffer.append(UInt8(9))
    buffer.append(digest)
    var reader = ByteReader(buffer.view, at: 1)
    #expect(try reader.digest() == digest)
    #expect(reader.remaining == 0)
    #expect(throws: DecodeError(.truncated, at: 2)) {
      var short = ByteReader(buffer.view, at: 2)
      _ = try short.digest()
    }
  }

  @Test func takesExactly32Bytes() {
    #expect(sample(31).withView { Digest($0) } == nil)
    #expect(sample(33).withView { Digest($0) } == nil)
    #expect(sample(32).withView { Digest($0) } != nil)
  }

  @Test func everyByteCountsInEquality() {
    let source = sample(32)
    let digest = source.withView { Digest($0, at: 0) }
    for index in 0..<32 {
      var other = source
      other[index] ^= 0x40
      #expect(other.withView { Digest($0, at: 0) } != digest)
    }
  }
}

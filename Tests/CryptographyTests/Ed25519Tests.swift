import Bytes
import Cryptography
import Testing

@Suite struct Ed25519Tests {
  /// RFC 8032 section 7.1, tests 1 to 3: seed, public key, message, signature.
  static let vectors = [
    (
      "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
      "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    ),
    (
      "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
      "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    ),
    (
      "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
      "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
      "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
    ),
  ]

  @Test(arguments: vectors)
  func knownAnswersOfRFC8032(seed: String, key: String, message: String, signature: String) throws {
    let message = try bytes(message)
    var seedIn = ByteBuffer()
    seedIn.append(try bytes(seed))
    let signing = try SigningKey(seed: seedIn.view)
    #expect(signing.publicKey.bytes.description == key)
    let made = try message.withView { try signing.sign($0) }
    #expect(made == (try bytes(signature)))
    let publicKey = signing.publicKey
    #expect(made.withView { s in message.withView { publicKey.verifies(signature: s, of: $0) } })
    var seedOut = ByteBuffer()
    try signing.appendSeed(to: &seedOut)
    #expect(Hex.encode(seedOut.view) == seed)
  }

  @Test func everyFlippedBitIsRefused() throws {
    let message = sample(20)
    let signing = try SigningKey.generate()
    let publicKey = signing.publicKey
    let signature = try message.withView { try signing.sign($0) }
    func accepts(_ signature: [UInt8], _ message: [UInt8], _ key: PublicKey) -> Bool {
      signature.withView { s in message.withView { key.verifies(signature: s, of: $0) } }
    }
    #expect(accepts(signature, message, publicKey))
    for bit in 0..<512 {
      var bad = signature
      bad[bit / 8] ^= 1 << (bit % 8)
      #expect(!accepts(bad, message, publicKey), "signature bit \(bit)")
    }
    for bit in 0..<160 {
      var bad = message
      bad[bit / 8] ^= 1 << (bit % 8)
      #expect(!accepts(signature, bad, publicKey), "message bit \(bit)")
    }
    for bit in 0..<256 {
      var bad = publicKey.bytes.array
      bad[bit / 8] ^= 1 << (bit % 8)
      let key = try #require(bad.withView { PublicKey($0) })
      #expect(!accepts(signature, message, key), "key bit \(bit)")
    }
    #expect(!accepts(Array(signature.dropLast()), message, publicKey))
    #expect(!accepts(signature + [0], message, publicKey))
    #expect(!accepts([], message, publicKey))
  }

  @Test func generatedKeysDiffer() throws {
    let first = try SigningKey.generate()
    let second = try SigningKey.generate()
    #expect(first.publicKey != second.publicKey)
  }
}

@Suite struct SecretsTests {
  @Test func randomBytesHaveTheAskedCountAndDiffer() throws {
    #expect(try Random.bytes(0) == [])
    let first = try Random.bytes(32)
    #expect(first.count == 32)
    #expect(first != (try Random.bytes(32)))
  }

  @Test func constantTimeComparisonSeesEveryByte() {
    let source = sample(33)
    source.withView { #expect($0.equalsInConstantTime($0)) }
    for index in source.indices {
      var other = source
      other[index] ^= 1
      #expect(!source.withView { a in other.withView { a.equalsInConstantTime($0) } })
    }
    #expect(!source.withView { a in a.equalsInConstantTime(a.dropFirst(1)) })
    #expect(ByteView().equalsInConstantTime(ByteView()))
  }

  @Test func wipeEmptiesAndZeroes() {
    var buffer = ByteBuffer()
    buffer.append([1, 2, 3])
    let stale = buffer.view
    buffer.wipe()
    let count = buffer.count
    #expect(count == 0)
    #expect(stale.array == [0, 0, 0])
  }
}

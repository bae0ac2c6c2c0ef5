import Bytes
import Cryptography
import TestSupport
import Testing

@Suite struct TimestampTests {
  private static let stamped = SHA256.hash(of: "what is stamped")

  @Test func anAuthoritysAnswerIsTakenWhole() throws {
    let authority = try TimestampAuthority()
    let request = try TimestampRequest(imprint: Self.stamped)
    let reply = try authority.reply(to: request.bytes)
    let token = try reply.withView { try request.token(from: $0) }
    #expect(token.imprint == Self.stamped)
    #expect(token.authority == "CN=Test Authority")
    #expect(token.accuracy == 1_500_000_000)
    #expect(token.bytes == reply)
    // genTime has three digits here, of which openssl leaves out trailing zeros.
    #expect(token.time % 1_000_000 == 0)
    var authorities = try TimestampAuthorities(file: authority.certificates)
    try authorities.verify(token)
  }

  @Test func eachRequestHasANonceOfItsOwn() throws {
    let authority = try TimestampAuthority()
    let (first, second) = (
      try TimestampRequest(imprint: Self.stamped), try TimestampRequest(imprint: Self.stamped)
    )
    let reply = try authority.reply(to: first.bytes)
    #expect(throws: TimestampError.otherNonce) { _ = try reply.withView { try second.token(from: $0) } }
    let other = try TimestampRequest(imprint: SHA256.hash(of: "other"))
    #expect(throws: TimestampError.otherImprint) { _ = try reply.withView { try other.token(from: $0) } }
  }

  @Test func aStrangersAuthorityIsNotTrusted() throws {
    let (authority, stranger) = (try TimestampAuthority(), try TimestampAuthority("Stranger"))
    let token = try authority.token(over: Self.stamped.array).withView { try TimestampToken($0) }
    var authorities = try TimestampAuthorities(file: stranger.certificates)
    #expect { try authorities.verify(token) } throws: {
      if case .untrusted(let reason)? = $0 as? TimestampError {
        reason.contains("self-signed")
      } else {
        false
      }
    }
  }

  @Test func onlySHA256IsAccepted() throws {
    let token = try TimestampAuthority().token(
      over: Self.stamped.array + Self.stamped.array, digest: "sha512")
    #expect(throws: TimestampError.otherHash("SHA512")) { _ = try token.withView { try TimestampToken($0) } }
  }

  @Test func aRefusalSaysWhy() throws {
    let authority = try TimestampAuthority()
    var request = try TimestampRequest(imprint: Self.stamped).bytes
    request[19] = 4
    let reply = try authority.reply(to: request)
    #expect { _ = try reply.withView { try TimestampToken($0) } } throws: {
      if case .refused(2, let reason)? = $0 as? TimestampError { reason.contains("badAlg") } else { false }
    }
  }

  /// No change of any one byte gives another token that is accepted: the time, the hash, the certificate.
  @Test func everyByteOfATokenCounts() throws {
    let authority = try TimestampAuthority()
    let bytes = try authority.token(over: Self.stamped.array)
    let token = try bytes.withView { try TimestampToken($0) }
    var authorities = try TimestampAuthorities(file: authority.certificates)
    for place in bytes.indices {
      var changed = bytes
      changed[place] ^= 0x11
      guard let other = try? changed.withView({ try TimestampToken($0) }),
        (try? authorities.verify(other)) != nil
      else { continue }
      // What the signature does not cover (an unused certificate, the status text) changes nothing.
      #expect(
        other.imprint == token.imprint && other.time == token.time && other.authority == token.authority)
    }
    for cut in [0, 1, 20, bytes.count / 2, bytes.count - 1] {
      let short = Array(bytes[..<cut])
      #expect(throws: TimestampError.self) { _ = try short.withView { try TimestampToken($0) } }
    }
    let long = bytes + [0]
    #expect(throws: TimestampError.malformed) { _ = try long.withView { try TimestampToken($0) } }
  }

  /// Both certificates of this token ended their lives seconds after it was made.
  @Test func aTokenOutlivesItsCertificates() throws {
    let directory = try TemporaryDirectory()
    try directory.write("ca.crt", Array(ExpiredToken.authority.utf8))
    let bytes = try Array(ExpiredToken.response.utf8).withView { try Base64.decode($0) }
    let token = try bytes.withView { try TimestampToken($0) }
    #expect(token.imprint == Self.stamped)
    #expect(token.time / 1_000_000_000 == ExpiredToken.time)
    var authorities = try TimestampAuthorities(file: directory.file("ca.crt"))
    try authorities.verify(token)
  }

  /// This token's certificate had ended already when it was made.
  @Test func aCertificateThatHadExpiredBeforeIsRefused() throws {
    let directory = try TemporaryDirectory()
    try directory.write("ca.crt", Array(ExpiredToken.authority.utf8))
    let bytes = try Array(ExpiredToken.late.utf8).withView { try Base64.decode($0) }
    let token = try bytes.withView { try TimestampToken($0) }
    var authorities = try TimestampAuthorities(file: directory.file("ca.crt"))
    #expect { try authorities.verify(token) } throws: {
      if case .untrusted(let reason)? = $0 as? TimestampError { reason.contains("expired") } else { false }
    }
  }

  @Test func aFileWithoutCertificatesIsRefused() throws {
    let directory = try TemporaryDirectory()
    try directory.write("ca.crt", Array("no certificate\n".utf8))
    for name in ["ca.crt", "missing"] {
      #expect { _ = try TimestampAuthorities(file: directory.file(name)) } throws: {
        if case .authorities? = $0 as? TimestampError { true } else { false }
      }
    }
  }
}

extension SHA256 {
  fileprivate static func hash(of text: String) -> Digest { Array(text.utf8).withView { hash($0) } }
}

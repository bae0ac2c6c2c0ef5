// Whole connections in memory, where each byte comes when the test says so.
import Bytes
import COpenSSL
import Glibc
import TLS
import Testing

@Suite struct HandshakeTests {
  private let certificates: TestCertificates

  init() throws { certificates = try TestCertificates() }

  /// The server's reason for letting nobody in.
  private func refusal(_ client: MemoryClient, _ context: TLSServerContext) throws -> String? {
    var server = try TLSServerConnection(context)
    do {
      try client.connect(&server)
    } catch let error as TLSError {
      return error.reason
    }
    return nil
  }

  @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
  func everyRecordMayComeByteByByte(_ version: Int32) throws {
    let client = try MemoryClient(certificates, version: version)
    client.piece = 1
    var server = try TLSServerConnection(certificates.context())
    try client.connect(&server)
    let peer = server.peer
    #expect(peer?.names == [.dns("edge-1.example.com")])
    let text = String(repeating: "<134>a message of some length\n", count: 1000)
    try client.send("<1>first\n", &server)
    try client.send(text, &server)
    #expect(!client.isClosed)
    try client.close(&server)
    #expect(client.isClosed)
    #expect(client.received == Array(("<1>first\n" + text).utf8))
  }

  @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
  func aChainIsFollowedToItsAuthority(_ version: Int32) throws {
    let context = try certificates.context()
    let far = try MemoryClient(certificates, "far", version: version)
    var server = try TLSServerConnection(context)
    try far.connect(&server)
    let peer = server.peer
    #expect(peer?.text.hasPrefix("CN=far") == true)
    // Nor does it need to be shown again when the authorities are read again, or are others.
    try context.reload()
    let isStillTrusted = server.isTrusted(by: context)
    #expect(isStillTrusted)
    #expect(unsafe rename("\(certificates.path)/other.crt", "\(certificates.path)/root.crt") == 0)
    try context.reload()
    let isTrustedByOther = server.isTrusted(by: context)
    #expect(!isTrustedByOther)
  }

  @Test func aChainWithAGapIsRefused() throws {
    let context = try certificates.context()
    let gap = try refusal(MemoryClient(certificates, "short"), context)
    #expect(gap?.contains("unable to get local issuer certificate") == true, "\(gap ?? "let in")")
    // A client's certificate signs nobody else's.
    let forged = try refusal(MemoryClient(certificates, "false"), context)
    #expect(forged?.contains("invalid CA certificate") == true, "\(forged ?? "let in")")
    #expect(try refusal(MemoryClient(certificates, nil), context) != nil)
    #expect(try refusal(MemoryClient(certificates, nil), certificates.context(.optional)) == nil)
  }

  /// A session that is resumed is one whose certificate nobody looks at: expired or not, signed by whom it may.
  @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION], [TLSServerContext.ClientCertificate.required, .none])
  func noSessionIsResumed(_ version: Int32, _ mode: TLSServerContext.ClientCertificate) throws {
    let context = try certificates.context(mode)
    let first = try MemoryClient(certificates, version: version)
    var server = try TLSServerConnection(context)
    try first.connect(&server)
    try first.send("<1>one\n", &server)
    try first.hear()
    #expect(!first.hasTicket)
    let second = try MemoryClient(certificates, version: version, after: first)
    var again = try TLSServerConnection(context)
    try second.connect(&again)
    #expect(!second.hasResumed)
    try second.send("<1>two\n", &again)
    #expect(second.received == Array("<1>two\n".utf8))
    let peer = again.peer
    #expect((peer != nil) == (mode == .required))
  }

  /// Nothing is said to a client that has not asked, so that one that never reads can close without a reset.
  @Test func aClientIsToldNothingAfterTheHandshake() throws {
    let client = try MemoryClient(certificates)
    var server = try TLSServerConnection(certificates.context())
    try client.connect(&server)
    let before = client.bytesHeard
    try client.send("<1>one\n", &server)
    #expect(client.bytesHeard == before && client.bytesAfterHandshake == 0)
  }

  /// RFC 8446, section 4.6.3: new keys, with and without a request for the server's. That is answered before the
  /// server sends something of its own, which never happens, or with a later request.
  @Test(arguments: [SSL_KEY_UPDATE_NOT_REQUESTED, SSL_KEY_UPDATE_REQUESTED])
  func keysMayBeRenewed(_ request: Int32) throws {
    let client = try MemoryClient(certificates)
    client.piece = 7
    var server = try TLSServerConnection(certificates.context())
    try client.connect(&server)
    var text = ""
    for number in 0..<20 {
      #expect(unsafe SSL_key_update(client.session, request) == 1)
      let before = client.bytesHeard
      try client.send("<1>message \(number)\n", &server)
      let isAnswered = client.bytesHeard > before
      #expect(isAnswered == (request == SSL_KEY_UPDATE_REQUESTED && number > 0), "\(number)")
      try client.hear()
      text += "<1>message \(number)\n"
    }
    #expect(client.received == Array(text.utf8))
  }

  /// Renegotiation (TLS 1.2) is declined, and the connection goes on for those who can live with that.
  @Test func nothingIsNegotiatedAgain() throws {
    let client = try MemoryClient(certificates, version: TLS1_2_VERSION)
    var server = try TLSServerConnection(certificates.context())
    try client.connect(&server)
    try client.send("<1>before\n", &server)
    #expect(unsafe SSL_renegotiate(client.session) == 1)
    _ = unsafe SSL_do_handshake(client.session)
    let before = client.bytesHeard
    try client.exchange(&server)
    // One enciphered alert.
    #expect(client.bytesHeard > before && client.bytesHeard < before + 64)
    #expect(throws: MemoryClient.Failure.self) { try client.hear() }
    #expect(client.received == Array("<1>before\n".utf8) && !client.isClosed)
  }
}

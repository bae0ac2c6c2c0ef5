import Testing

/// HAProxy's ring at TLS sources that ask for a certificate, or do not.
@Suite(.serialized) struct ClientCertificateTests {
  @Test(
    .needs(.haproxy, .openssl),
    arguments: [
      ("none", false, true), ("optional", false, true), ("required", true, true), ("required", false, false),
    ])
  func ringsAreLetInAsConfigured(_ asked: String, _ shows: Bool, _ isLetIn: Bool) throws {
    let run = try HAProxyRun(clientCertificate: asked, shows: shows)
    for number in 0..<5 { try run.call("request-\(number)") }
    _ = run.finish(HAProxyRun.sources.filter { isLetIn || $0 != "ring" })
    try run.log.expectIntact()
    let sent = run.tee5424.messages.map(withoutStamp)
    try expectSame(run.log.lines("source.id = rfc5424").map(withoutStamp), sent, "UDP")
    try expectSame(run.log.lines("source.id = ring").map(withoutStamp), isLetIn ? sent : [], "ring")
    if shows {
      let identities = try Set(
        run.log.events("source.id = ring").map { $0.text("source.peer_identity") ?? "" })
      #expect(identities.count == 1)
      #expect(identities.first?.contains("client") == true, "\(identities)")
    }
  }
}

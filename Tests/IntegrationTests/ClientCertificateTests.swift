import Foundation
import Testing

/// One that asks for certificates of `certificates`' authority.
private func daemon(_ log: SteleLog, _ certificates: Certificates) throws -> Daemon {
  try Daemon(
    log,
    sources: """
        - name: secure
          listen: tls://127.0.0.1:0
          certificate: \(certificates.file("server.crt"))
          key: \(certificates.file("server.key"))
          client_ca: \(certificates.file("ca.crt"))

      """)
}

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

  /// The ring's certificate is for edge-1.example.com and 127.0.0.1.
  @Test(
    .needs(.haproxy, .openssl),
    arguments: [
      ("edge-1", "[{san: edge-1.example.com}]", false), ("edge-2", "[{san: edge-1.example.com}]", true),
      ("edge-2", "[{san: 127.0.0.1, hosts: [edge-2]}]", false),
    ])
  func ringsThatSpeakForAnotherHostAreFlagged(_ name: String, _ clients: String, _ isForeign: Bool) throws {
    let run = try HAProxyRun(clientCertificate: "required", shows: true, clients: clients, hostName: name)
    for number in 0..<5 { try run.call("request-\(number)") }
    let count = run.finish()
    try run.log.expectIntact()
    let ring = try run.log.events("source.id = ring")
    #expect(ring.count == count && ring.allSatisfy { $0.text("syslog.host") == name })
    #expect(try run.log.lines("foreign = true").count == (isForeign ? count : 0))
    #expect(try run.log.lines("source.id = ring and foreign = true").count == (isForeign ? count : 0))
  }

  @Test(.needs(.haproxy, .openssl)) func aRingThatIsNotInTheListIsRefused() throws {
    let run = try HAProxyRun(
      clientCertificate: "required", shows: true, clients: "[{san: edge-9.example.com}]")
    for number in 0..<3 { try run.call("request-\(number)") }
    _ = run.finish(HAProxyRun.sources.filter { $0 != "ring" })
    try run.log.expectIntact()
    #expect(try run.log.lines("source.id = ring").isEmpty)
    let losses = try run.log.records("loss").filter { $0.text("source") == "ring" }
    #expect(!losses.isEmpty)
    #expect(losses.allSatisfy { $0.text("layer") == "refused" && $0.text("unit") == "connections" })
    #expect(run.daemon.child.complaints.contains("its certificate is not among the source's clients"))
  }
}

/// Certificates that are replaced while a daemon runs.
@Suite(.serialized) struct CertificateChangeTests {
  private func fingerprint(_ file: String, _ scratch: Scratch) throws -> String {
    let path = try #require(Program.openssl.path)
    let text = try run(path, ["x509", "-in", file, "-noout", "-fingerprint", "-sha256"], in: scratch).text
    let digits = try #require(text.split(separator: "=").last).filter(\.isHexDigit)
    return "SHA256:" + digits.lowercased()
  }

  /// What openssl is shown on the daemon's port.
  private func shown(_ port: UInt16, _ certificates: Certificates) throws -> String {
    let path = try #require(Program.openssl.path)
    let file = certificates.file("shown.crt")
    let client = ["-cert", certificates.file("client.crt"), "-key", certificates.file("client.key")]
    let finished = try run(
      path, ["s_client", "-connect", "127.0.0.1:\(port)"] + client, in: certificates.scratch)
    let text = finished.text
    guard let start = text.range(of: "-----BEGIN"), let end = text.range(of: "-----END CERTIFICATE-----")
    else { return "" }
    try certificates.scratch.write("shown.crt", String(text[start.lowerBound..<end.upperBound]) + "\n")
    return try fingerprint(file, certificates.scratch)
  }

  @Test(.needs(.openssl)) func newFilesAreTakenOverAndBrokenOnesAreNot() throws {
    let scratch = try Scratch()
    let certificates = try Certificates(in: scratch)
    let log = try SteleLog(in: scratch)
    let old = try fingerprint("server.crt", scratch)
    let new = try fingerprint("client.crt", scratch)
    let daemon = try daemon(log, certificates)
    let port = try daemon.port("secure")
    #expect(try shown(port, certificates) == old)
    // Both certificates of these tests end within two days.
    waitUntil("a warning") {
      daemon.child.complaints.contains("source secure: the certificate expires in ")
    }
    #expect(daemon.child.complaints.contains("an authority of the clients' certificates expires in "))
    // The certificate alone, then its key.
    try scratch.write("server.crt", scratch.text("client.crt"))
    waitUntil("a refusal") { daemon.child.complaints.contains("key values mismatch") }
    #expect(try shown(port, certificates) == old)
    try scratch.write("server.key", scratch.text("client.key"))
    waitUntil("the new certificate") { daemon.child.complaints.contains("the certificate is now \(new)") }
    #expect(try shown(port, certificates) == new)
    // What changes without a rest is read when told.
    try scratch.write("server.key", "")
    daemon.child.signal(SIGHUP)
    waitUntil("another refusal") {
      daemon.child.complaints.split(separator: "\n").count { $0.contains("cannot be used") } == 2
    }
    let status = try #require(daemon.status?.object("sources")?.object("secure"))
    #expect((status.number("certificate_not_after") ?? 0) > 1_700_000_000)
    daemon.stop()
    let records = try log.records("certificate")
    #expect(records.map { $0.text("fingerprint") } == [old, new, new])
    #expect(records.map { $0.fields["accepted"] as? Bool } == [false, true, false])
    #expect(records.map { $0.text("error") != nil } == [true, false, true])
    #expect(
      records.allSatisfy { $0.text("source") == "secure" && $0.text("not_after")?.hasSuffix("Z") == true })
    try log.expectIntact()
  }

  /// What was refused is read again although nothing can be seen to have changed: the same size, the same time.
  @Test(.needs(.openssl)) func aPairThatCouldNotBeUsedIsTriedAgain() throws {
    let scratch = try Scratch()
    let certificates = try Certificates(in: scratch)
    let log = try SteleLog(in: scratch)
    let daemon = try daemon(log, certificates)
    let key = certificates.file("server.key")
    let time = [FileAttributeKey.modificationDate: Date(timeIntervalSince1970: 1_700_000_000)]
    func overwrite(_ text: String) throws {
      let file = try #require(FileHandle(forWritingAtPath: key))
      try file.write(contentsOf: Data(text.utf8))
      try file.close()
      try FileManager.default.setAttributes(time, ofItemAtPath: key)
    }
    let good = scratch.text("server.key")
    try overwrite(String(repeating: "x", count: good.utf8.count))
    waitUntil("a refusal") { daemon.child.complaints.contains("cannot be used") }
    try overwrite(good)
    waitUntil("the second attempt") { daemon.child.complaints.contains("the certificate is now") }
    daemon.stop()
    #expect(try log.records("certificate").map { $0.fields["accepted"] as? Bool } == [false, true])
  }
}

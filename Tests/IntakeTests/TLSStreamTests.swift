// TLS on loopback, with the openssl command as client and certificates made on the spot.
import Bytes
import Intake
import Platform
import Syslog
import TLS
import Testing

/// An authority, a server and two clients (the second signed by itself), in a directory of their own.
final class Certificates: Sendable {
  let path: String

  init() throws {
    path = temporaryPath("pki")
    let new = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
    let status = shell(
      """
      exec 2>/dev/null; mkdir \(path) && cd \(path) &&
      openssl req -x509 \(new) -keyout ca.key -out ca.crt -subj /CN=authority -days 2 &&
      openssl req -x509 \(new) -keyout other.key -out other.crt -subj /CN=other -days 2 &&
      printf 'subjectAltName=DNS:edge-1.example.com,IP:192.0.2.7\\n' > names &&
      for n in server client; do
        openssl req \(new) -keyout $n.key -out $n.csr -subj "/O=Example/CN=$n" &&
        openssl x509 -req -in $n.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names \\
          -out $n.crt || exit 1
      done
      """)
    try #require(status == 0)
  }

  deinit { _ = shell("rm -rf '\(path)'") }

  func file(_ name: String) -> String { "\(path)/\(name)" }

  func context(_ client: TLSServerContext.ClientCertificate) throws -> TLSServerContext {
    try TLSServerContext(
      certificateChain: file("server.crt"), privateKey: file("server.key"),
      clientAuthorities: client == .none ? nil : file("ca.crt"), clientCertificate: client)
  }

  /// The SHA-256 fingerprint that the openssl command gives.
  func fingerprint(_ name: String) throws -> [UInt8] {
    let output = file("fingerprint")
    let status = shell("openssl x509 -in \(file(name)) -outform DER | sha256sum | cut -d' ' -f1 > \(output)")
    try #require(status == 0)
    var text = ByteBuffer()
    try FileDescriptor(reading: output).readAll(limit: 1000, into: &text)
    let digits = text.view.text.prefix(64)
    return stride(from: 0, to: 64, by: 2).compactMap { UInt8(digits.dropFirst($0).prefix(2), radix: 16) }
  }
}

@Suite struct TLSStreamTests {
  private let certificates: Certificates

  init() throws { certificates = try Certificates() }

  private func start(
    _ client: TLSServerContext.ClientCertificate, _ intakes: Intakes
  ) throws -> (SourceCounters, UInt16) {
    let source = try Source(
      id: 9, name: "tls", endpoint: .tls(.ip(loopback, port: 0), certificates.context(client)))
    let counters = try intakes.listeners.bind(source)
    try intakes.listeners.start()
    try intakes.consume()
    guard case .ip(_, let port) = try intakes.address("tls") else { throw Missing() }
    return (counters, port)
  }

  /// Sends a file; the openssl command ends when it has been read.
  private func send(_ file: String, to port: UInt16, _ options: String) -> Int32 {
    shell(
      "openssl s_client -connect 127.0.0.1:\(port) -CAfile \(certificates.file("ca.crt")) -quiet \(options) "
        + "-no_ign_eof < \(file) > /dev/null 2>&1")
  }

  private func write(_ text: String) throws -> String {
    let path = certificates.file("messages-\(UInt32.random(in: 0 ... .max))")
    let file = try FileDescriptor(creating: path)
    try Array(text.utf8).withView { bytes throws(SystemError) in try file.write(bytes) }
    return path
  }

  private var client: String {
    "-cert \(certificates.file("client.crt")) -key \(certificates.file("client.key"))"
  }

  @Test(arguments: ["-tls1_2", "-tls1_3"])
  func messagesComeThroughWithTheClientsIdentity(_ version: String) throws {
    let intakes = try Intakes()
    let (counters, port) = try start(.required, intakes)
    let count = 50_000
    var text = ""
    for number in 0..<count {
      let message = "<134>a message with number \(number) and some more text, so that records are filled"
      text += number % 3 == 0 ? message + "\n" : "\(message.utf8.count) \(message)"
    }
    _ = send(try write(text), to: port, "\(version) \(client)")
    let messages = intakes.wait(for: count)
    #expect(messages.count == count)
    let ordered = messages.indices.allSatisfy {
      messages[$0].text.hasPrefix("<134>a message with number \($0) and")
    }
    #expect(ordered)
    let first = try #require(messages.first)
    #expect(first.envelope.first == Envelope.Transport.tls.rawValue)
    #expect(try first.field(.certificate) == certificates.fingerprint("client.crt"))
    let subject = String(decoding: first.field(.subject) ?? [], as: UTF8.self)
    #expect(subject == "CN=client,O=Example; DNS:edge-1.example.com, IP Address:192.0.2.7")
    #expect(first.field(.peerAddress) == [127, 0, 0, 1])
    #expect(counters.reading.tlsFailures == 0)
    _ = intakes.finish()
  }

  @Test(arguments: ["-tls1_2", "-tls1_3"])
  func aClientWithoutACertificateIsRefusedWhereOneIsRequired(_ version: String) throws {
    let intakes = try Intakes()
    let (counters, port) = try start(.required, intakes)
    _ = send(try write("<1>secret\n"), to: port, version)
    waitUntil("a failure") { counters.reading.tlsFailures == 1 }
    #expect(intakes.notices.all.contains { $0.contains("peer did not return a certificate") })
    // Signed by another authority.
    let other = "-cert \(certificates.file("other.crt")) -key \(certificates.file("other.key"))"
    _ = send(try write("<1>secret\n"), to: port, "\(version) \(other)")
    waitUntil("another failure") { counters.reading.tlsFailures == 2 }
    #expect(
      intakes.notices.all.contains { $0.contains("certificate verify failed: ") && $0.contains("(CN=other)") }
    )
    // Signed by the right one, long ago.
    let status = shell(
      """
      exec 2>/dev/null; cd \(certificates.path) && openssl x509 -req -in client.csr -CA ca.crt -CAkey ca.key \\
        -CAcreateserial -days -1 -out expired.crt
      """)
    try #require(status == 0)
    let old = "-cert \(certificates.file("expired.crt")) -key \(certificates.file("client.key"))"
    _ = send(try write("<1>secret\n"), to: port, "\(version) \(old)")
    waitUntil("a third failure") { counters.reading.tlsFailures == 3 }
    #expect(intakes.notices.all.contains { $0.contains("certificate has expired (CN=client,O=Example)") })
    #expect(intakes.finish() == [])
    #expect(counters.reading.connectionsOpen == 0)
  }

  @Test(arguments: [TLSServerContext.ClientCertificate.optional, .none])
  func aClientWithoutACertificateMayCome(_ mode: TLSServerContext.ClientCertificate) throws {
    let intakes = try Intakes()
    let (counters, port) = try start(mode, intakes)
    _ = send(try write("<1>open\n"), to: port, "")
    let message = intakes.wait(for: 1)[0]
    #expect(message.text == "<1>open")
    #expect(message.field(.certificate) == nil && message.field(.subject) == nil)
    if mode == .optional {
      _ = send(try write("<1>known\n"), to: port, client)
      #expect(try intakes.wait(for: 2)[1].field(.certificate) == certificates.fingerprint("client.crt"))
    }
    #expect(counters.reading.tlsFailures == 0)
    _ = intakes.finish()
  }

  @Test func oldVersionsAndPlainTextAreRefused() throws {
    let intakes = try Intakes()
    let (counters, port) = try start(.none, intakes)
    _ = send(try write("<1>old\n"), to: port, "-tls1_1 -cipher ALL:@SECLEVEL=0")
    waitUntil("a failure") { counters.reading.tlsFailures == 1 }
    let plain = try Socket(.stream, connectedTo: .ip(loopback, port: port))
    try plain.sendAll("<1>plain text on the wrong port\n")
    waitUntil("another failure") { counters.reading.tlsFailures == 2 }
    #expect(intakes.notices.all.contains { $0.contains("cannot shake hands") })
    #expect(intakes.finish() == [])
  }

  @Test func aClientThatSaysNothingIsSentAway() throws {
    let intakes = try Intakes()
    var source = try Source(
      id: 9, name: "tls", endpoint: .tls(.ip(loopback, port: 0), certificates.context(.none)))
    source.handshakeTimeout = 20_000_000
    let counters = try intakes.listeners.bind(source)
    try intakes.listeners.start()
    let silent = try Socket(.stream, connectedTo: intakes.address("tls"))
    waitUntil("a failure") { counters.reading.tlsFailures == 1 }
    #expect(intakes.notices.all.contains { $0.contains("the TLS handshake took longer than 20 ms") })
    silent.close()
    try intakes.consume()
    _ = intakes.finish()
  }

  @Test func aClientThatLeavesInTheHandshakeIsForgotten() throws {
    let intakes = try Intakes()
    let (counters, port) = try start(.none, intakes)
    do { _ = try Socket(.stream, connectedTo: .ip(loopback, port: port)) }
    waitUntil("a failure") { counters.reading.tlsFailures == 1 }
    waitUntil("the connection to be gone") { counters.reading.connectionsOpen == 0 }
    _ = intakes.finish()
  }

  @Test func aMessageThatTheStreamEndsInIsKept() throws {
    let intakes = try Intakes()
    let (_, port) = try start(.none, intakes)
    _ = send(try write("<1>whole\n<2>half"), to: port, "")
    let messages = intakes.wait(for: 2)
    #expect(messages.map(\.text) == ["<1>whole", "<2>half"])
    #expect(messages.map { $0.flags.cut } == [false, true])
    _ = intakes.finish()
  }

  /// Whoever ends one direction of its connection, with or without TLS, has sent what it had to.
  @Test func aConnectionThatIsHalfClosedIsReadToItsEnd() throws {
    let intakes = try Intakes()
    let (counters, port) = try start(.required, intakes)
    let client = try TLSClient(certificates, port)
    try client.send("<1>one\n<1>tw")
    client.shutdownSending()
    let messages = intakes.wait(for: 2)
    #expect(messages.map(\.text) == ["<1>one", "<1>tw"])
    #expect(messages.map { $0.flags.cut } == [false, true])
    waitUntil("the end of the connection") { counters.reading.connectionsOpen == 0 }
    // The other direction ends with it.
    try client.waitForEnd()
    #expect(intakes.finish().count == 2)
  }

  /// With a session that was begun under other rules: the clients of the source, and its authorities, are those of
  /// now.
  @Test(arguments: ["-tls1_2", "-tls1_3"], ["clients", "authorities"])
  func whoComesAgainIsJudgedAnew(_ version: String, _ change: String) throws {
    let intakes = try Intakes()
    let context = try certificates.context(.required)
    var source = Source(id: 9, name: "tls", endpoint: .tls(.ip(loopback, port: 0), context))
    source.clients = ClientList([.init(.name("edge-1.example.com"))])
    let counters = try intakes.listeners.bind(source)
    try intakes.listeners.start()
    try intakes.consume()
    guard case .ip(_, let port) = try intakes.address("tls") else { throw Missing() }
    let session = certificates.file("session")
    _ = send(try write("<1>one\n"), to: port, "\(version) \(client) -sess_out \(session)")
    _ = intakes.wait(for: 1)
    let resumed = try write("<1>two\n")
    let again = shell("test -s \(session)") == 0 ? "-sess_in \(session)" : ""
    _ = send(resumed, to: port, "\(version) \(client) \(again)")
    _ = intakes.wait(for: 2)
    waitUntil("both to be gone") { counters.reading.connectionsOpen == 0 }
    if change == "clients" {
      source.clients = ClientList([.init(.name("edge-2.example.com"))])
      intakes.listeners.hand(9, to: source)
    } else {
      #expect(shell("cd \(certificates.path); cp ca.crt own.crt; cp other.crt ca.crt") == 0)
      try context.reload()
      intakes.listeners.recheck(9)
    }
    _ = shell(
      "openssl s_client -connect 127.0.0.1:\(port) -quiet \(version) \(client) \(again) -no_ign_eof "
        + "< \(resumed) > /dev/null 2>&1")
    waitUntil("a refusal") {
      counters.reading.connectionsRefused == (change == "clients" ? 1 : 0)
        && counters.reading.tlsFailures == (change == "clients" ? 0 : 1)
    }
    #expect(intakes.finish().map(\.text) == ["<1>one", "<1>two"])
    let reason =
      change == "clients" ? "is not among the source's clients" : "unable to get local issuer certificate"
    #expect(intakes.notices.all.contains { $0.contains(reason) }, "\(intakes.notices.all)")
  }

  @Test func anOverlongMessageIsKeptInPieces() throws {
    let intakes = try Intakes()
    let (_, port) = try start(.none, intakes)
    let long = String(repeating: "0123456789", count: 20_000)
    _ = send(try write("<1>\(long)\n<2>after\n"), to: port, "")
    let messages = intakes.wait(for: 5)
    #expect(messages.dropLast().map(\.text).joined() == "<1>" + long)
    #expect(messages.map(\.bytes.count) == [65_536, 65_536, 65_536, 3395, 8])
    _ = intakes.finish()
  }

  @Test func aConsumerThatStopsLosesNothing() throws {
    let intakes = try Intakes(slabCount: 4, byteCapacity: 150_000, recordCapacity: 1000)
    let source = try Source(
      id: 9, name: "tls", endpoint: .tls(.ip(loopback, port: 0), certificates.context(.none)))
    _ = try intakes.listeners.bind(source)
    try intakes.listeners.start()
    guard case .ip(_, let port) = try intakes.address("tls") else { throw Missing() }
    let count = 100_000
    let file = try write((0..<count).map { "<1>message number \($0)\n" }.joined())
    let certificates = certificates
    let sender = try Thread(name: "sender") {
      _ = shell(
        "openssl s_client -connect 127.0.0.1:\(port) -CAfile \(certificates.file("ca.crt")) -quiet "
          + "-no_ign_eof < \(file) > /dev/null 2>&1")
    }
    waitUntil("the slabs to be used up") { intakes.queue.usage.waits > 0 }
    try intakes.consume()
    let messages = intakes.wait(for: count)
    sender.join()
    let ordered = messages.indices.allSatisfy { messages[$0].text == "<1>message number \($0)" }
    #expect(messages.count == count && ordered)
    _ = intakes.finish()
  }
}

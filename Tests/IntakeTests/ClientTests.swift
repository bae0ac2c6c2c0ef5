// Who may come to a TLS source, for whom they may speak, and certificates that change meanwhile.
import Bytes
import Events
import Platform
import Syslog
import TLS
import Testing

@testable import Intake

/// One TLS connection of a test.
final class TLSClient {
  private var connection: TLSClientConnection
  private let socket: Socket
  private var buffer = ByteBuffer()

  /// Whether bytes are sent one by one.
  private let isSlow: Bool

  /// `preface` is what a proxy sends first.
  init(
    _ certificates: Certificates, _ port: UInt16, name: String = "client", authority: String = "ca.crt",
    preface: [UInt8] = [], isSlow: Bool = false
  ) throws {
    self.isSlow = isSlow
    let context = try TLSClientContext(
      authorities: certificates.file(authority), certificateChain: certificates.file("\(name).crt"),
      privateKey: certificates.file("\(name).key"))
    connection = try TLSClientConnection(context, host: "192.0.2.7")
    socket = try Socket(.stream, connectedTo: .ip(loopback, port: port))
    socket.disableDelay()
    try send(preface)
    var isDone = try connection.handshake(ByteView())
    try flush()
    while !isDone {
      if try receive() { throw Missing() }
      isDone = try connection.handshake(buffer.view)
      try flush()
    }
  }

  /// Receives something; true at the end.
  private func receive() throws -> Bool {
    buffer.removeAll()
    while true {
      switch try socket.receive(appendingTo: &buffer) {
      case .bytes: return false
      case .end: return true
      case .nothing: Clock.sleep(nanoseconds: 200_000)
      }
    }
  }

  private func flush() throws {
    try send(connection.output.array)
    connection.removeOutput(connection.output.count)
  }

  private func send(_ bytes: [UInt8]) throws {
    if isSlow { return try socket.sendSlowly(bytes) }
    try socket.sendAll(bytes)
  }

  func waitForEnd() throws { while try !receive() {} }

  /// Sends no more, without having said so in TLS.
  func shutdownSending() { socket.shutdownSending() }

  func send(_ text: String) throws {
    try Array(text.utf8).withView { bytes throws(TLSError) in try connection.write(bytes) }
    try flush()
  }
}

/// A socket that is one of many.
final class Held {
  let socket: Socket
  init(_ socket: consuming Socket) { self.socket = socket }
}

@Suite struct ClientTests {
  private let certificates: Certificates

  init() throws { certificates = try Certificates() }

  private func start(
    _ intakes: Intakes, _ clients: [ClientList.Client]?, _ context: TLSServerContext
  ) throws -> (SourceCounters, UInt16) {
    var source = Source(id: 9, name: "tls", endpoint: .tls(.ip(loopback, port: 0), context))
    source.clients = clients.map { ClientList($0) }
    let counters = try intakes.listeners.bind(source)
    try intakes.listeners.start()
    try intakes.consume()
    guard case .ip(_, let port) = try intakes.address("tls") else { throw Missing() }
    return (counters, port)
  }

  private static let lines = [
    "<134>1 2026-11-23T10:00:00Z edge-1 app - - - first label",
    "<134>1 2026-11-23T10:00:00Z Edge-1.EXAMPLE.com app - - - in any case",
    "<134>1 2026-11-23T10:00:00Z 192.0.2.7 app - - - address",
    "<134>1 2026-11-23T10:00:00Z - app - - - none",
    "<134>haproxy[7]: none", "no header at all",
    "<134>Nov 23 10:00:00 edge-1 app: RFC 3164",
    "<134>1 2026-11-23T10:00:00Z edge-2 app - - - another",
    "<134>Nov 23 10:00:00 edge-10 app[5]: longer",
    "<134>1 2026-11-23T10:00:00Z edge-1.example.org app - - - other domain",
    "<134>1 2026-11-23T10:00:00Z edge-1 app - - - and back",
  ]
  private static let areForeign = [
    false, false, false, false, false, false, false, true, true, true, false,
  ]

  @Test func aMessageForAHostThatTheCertificateIsNotForIsFlagged() throws {
    let intakes = try Intakes()
    let (counters, port) = try start(
      intakes, [.init(.name("EDGE-1.example.com"))], certificates.context(.required))
    let client = try TLSClient(certificates, port)
    try client.send(Self.lines.map { $0 + "\n" }.joined())
    let messages = intakes.wait(for: Self.lines.count)
    #expect(messages.map(\.text) == Self.lines)
    #expect(messages.map { $0.flags.foreign } == Self.areForeign)
    #expect(counters.reading.foreign == 3 && counters.reading.connectionsRefused == 0)
    _ = intakes.finish()
  }

  @Test func theHostsOfAClientCanBeGiven() throws {
    let intakes = try Intakes()
    let own = try certificates.fingerprint("client.crt")
    let (_, port) = try start(
      intakes,
      [.init(.fingerprint(own), hosts: ["edge-2", "*.example.org"]), .init(.name("none.example"))],
      certificates.context(.required))
    let client = try TLSClient(certificates, port)
    try client.send(Self.lines.map { $0 + "\n" }.joined())
    let flags = intakes.wait(for: Self.lines.count).map { $0.flags.foreign }
    #expect(
      flags == [true, true, true, false, false, false, true, false, true, false, true])
    _ = intakes.finish()
  }

  @Test func thePiecesOfALongMessageAreFlaggedAlike() throws {
    let intakes = try Intakes()
    let (_, port) = try start(
      intakes, [.init(.name("192.0.2.7"))], certificates.context(.required))
    let client = try TLSClient(certificates, port)
    // The second piece looks like a message of the right host.
    let head = "<134>1 2026-11-23T10:00:00Z edge-2 app - - - "
    let tail = "<134>1 2026-11-23T10:00:00Z edge-1 app - - - x"
    try client.send(head + String(repeating: "x", count: 65_536 - head.utf8.count) + tail + "\n")
    let messages = intakes.wait(for: 2)
    #expect(messages.last?.text == tail)
    #expect(messages.map { $0.flags.foreign } == [true, true])
    _ = intakes.finish()
  }

  @Test func whoIsNotInTheListIsRefusedAndAccountedFor() throws {
    let intakes = try Intakes()
    let (counters, port) = try start(
      intakes, [.init(.name("edge-2.example.com")), .init(.fingerprint(Array(repeating: 1, count: 32)))],
      certificates.context(.required))
    let client = try? TLSClient(certificates, port)
    try? client?.send("<1>secret\n")
    waitUntil("a refusal") { counters.reading.connectionsRefused == 1 }
    waitUntil("the connection to be gone") { counters.reading.connectionsOpen == 0 }
    let text =
      "its certificate is not among the source's clients (CN=client,O=Example; DNS:edge-1.example.com"
    #expect(intakes.notices.all.contains { $0.contains(text) })
    let losses = intakes.losses.take()
    #expect(losses.map(\.layer) == [.refused] && losses.map(\.unit) == [.connections])
    #expect(losses.first?.peer != nil)
    #expect(intakes.finish() == [])
  }

  @Test func aChangedCertificateIsForThoseWhoComeThen() throws {
    let intakes = try Intakes()
    let context = try certificates.context(.required)
    let (counters, port) = try start(intakes, nil, context)
    let old = try TLSClient(certificates, port)
    try old.send("<1>before\n")
    let before = context.certificate
    // A key that is not the certificate's, half a certificate, and no authorities: nothing changes.
    let keep = "cd \(certificates.path); cp server.crt server.old; cp server.key key.old; cp ca.crt ca.old"
    #expect(shell(keep) == 0)
    for damage in ["cp other.key server.key", "head -c 300 server.old > server.crt", ": > ca.crt"] {
      #expect(shell("cd \(certificates.path); \(damage)") == 0)
      #expect(throws: TLSError.self) { try context.reload() }
      #expect(context.certificate == before)
      #expect(
        shell("cd \(certificates.path); cp server.old server.crt; cp key.old server.key; cp ca.old ca.crt")
          == 0)
    }
    // The other authority's own certificate, and it alone may sign clients.
    #expect(
      shell("cd \(certificates.path); cp other.crt server.crt; cp other.key server.key; cp other.crt ca.crt")
        == 0)
    try context.reload()
    #expect(try context.certificate.fingerprint == certificates.fingerprint("other.crt"))
    #expect(throws: (any Error).self) { try TLSClient(certificates, port, authority: "ca.old") }
    let status = shell(
      "cd \(certificates.path); echo '<1>after' | openssl s_client -connect 127.0.0.1:\(port) -CAfile other.crt "
        + "-verify_return_error -cert other.crt -key other.key -quiet -no_ign_eof > /dev/null 2>&1")
    #expect(status == 0)
    try old.send("<1>still there\n")
    #expect(intakes.wait(for: 3).map(\.text).sorted() == ["<1>after", "<1>before", "<1>still there"])
    #expect(counters.reading.connectionsOpen >= 1)
    _ = intakes.finish()
  }

  /// Whoever begins handshakes and does not go on with them takes the place of others who do so.
  @Test func unfinishedHandshakesGiveWay() throws {
    Platform.Process.raiseFileLimit()
    let intakes = try Intakes()
    let (counters, port) = try start(intakes, nil, certificates.context(.required))
    var silent = [try Held(Socket(.stream, connectedTo: .ip(loopback, port: port)))]
    for _ in 1..<Limits.handshakes {
      silent.append(try Held(Socket(.stream, connectedTo: .ip(loopback, port: port))))
    }
    waitUntil("all to be there") { counters.reading.connectionsOpen == Limits.handshakes }
    let client = try TLSClient(certificates, port)
    try client.send("<1>meant\n")
    #expect(intakes.wait(for: 1).map(\.text) == ["<1>meant"])
    #expect(counters.reading.tlsFailures == 1 && counters.reading.connectionsOpen == Limits.handshakes)
    #expect(intakes.notices.all.contains { $0.contains("the TLS handshake gave way to newer ones") })
    silent = []
    _ = intakes.finish()
  }

  @Test(arguments: [("-tls1_1 -cipher ALL:@SECLEVEL=0", false), ("-tls1_2", false), ("-tls1_3", true)])
  func aNewerLeastVersionCanBeAskedFor(_ option: String, _ isLetIn: Bool) throws {
    let intakes = try Intakes()
    let context = try TLSServerContext(
      certificateChain: certificates.file("server.crt"), privateKey: certificates.file("server.key"),
      clientAuthorities: nil, clientCertificate: .none, minimumVersion: .tls13)
    let (counters, port) = try start(intakes, nil, context)
    _ = shell(
      "echo '<1>x' | openssl s_client -connect 127.0.0.1:\(port) \(option) -quiet -no_ign_eof > /dev/null 2>&1"
    )
    if isLetIn {
      #expect(intakes.wait(for: 1).map(\.text) == ["<1>x"])
    } else {
      waitUntil("a failure") { counters.reading.tlsFailures == 1 }
    }
    _ = intakes.finish()
  }

  @Test func theEndOfEachCertificateIsKnown() throws {
    let context = try certificates.context(.required)
    let now = Clock.realtime() / 1_000_000_000
    let left = context.certificate.notAfter - now
    #expect(left > 86_400 && left <= 2 * 86_400)
    #expect(try #require(context.certificate.authoritiesNotAfter) <= context.certificate.notAfter)
    #expect(try certificates.context(.none).certificate.authoritiesNotAfter == nil)
    #expect(try context.certificate.fingerprint == certificates.fingerprint("server.crt"))
  }
}

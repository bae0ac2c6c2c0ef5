// Connections that are open when the settings of their source, or its authorities, change.
import Events
import Platform
import Syslog
import TLS
import Syslog
import Testing

@testable import Intake

@Suite struct RevocationTests {
  private func start(_ intakes: Intakes, _ source: Source) throws -> (SourceCounters, UInt16) {
    let counters = try intakes.listeners.bind(source)
    try intakes.listeners.start()
    try intakes.consume()
    guard case .ip(_, let port) = try intakes.address(source.name) else { throw Missing() }
    return (counters, port)
  }

  /// Whether a connection has been ended by the other side.
  private func isEnded(_ socket: borrowing Socket) -> Bool {
    var byte: UInt8 = 0
    let received = unsafe withUnsafeMutableBytes(of: &byte) { room in try? unsafe socket.receive(into: room) }
    return switch received {
    case .nothing, .bytes: false
    default: true
    }
  }

  @Test func whoseAddressIsNotAllowedAnyMoreIsEnded() throws {
    let intakes = try Intakes()
    var source = Source(id: 1, name: "t", endpoint: .tcp(.ip(loopback, port: 0)))
    source.allow = AllowList([try AddressPrefix("127.0.0.0/8")])
    let (counters, port) = try start(intakes, source)
    let client = try Socket(.stream, connectedTo: .ip(loopback, port: port))
    try client.sendAll("<1>before\n")
    _ = intakes.wait(for: 1)
    source.allow = AllowList([try AddressPrefix("127.0.0.1/32"), try AddressPrefix("10.0.0.0/8")])
    intakes.listeners.hand(1, to: source)
    #expect(counters.reading.connectionsOpen == 1)
    try client.sendAll("<1>arrived\n<1>half")
    source.allow = AllowList([try AddressPrefix("10.0.0.0/8")])
    intakes.listeners.hand(1, to: source)
    // What had arrived is stored, and the end is accounted for.
    #expect(counters.reading.connectionsOpen == 0 && counters.reading.connectionsRefused == 1)
    waitUntil("the end") { isEnded(client) }
    #expect(
      intakes.notices.all.contains {
        $0.contains("connection ended: the source does not allow its address any more")
      })
    let losses = intakes.losses.take()
    #expect(losses.contains { $0.layer == .refused && $0.unit == .connections && $0.count == 1 })
    #expect(intakes.finish().map(\.text) == ["<1>before", "<1>arrived", "<1>half"])
  }

  @Test func aClientThatIsTakenFromTheListIsEnded() throws {
    let certificates = try Certificates()
    let intakes = try Intakes()
    var source = Source(
      id: 9, name: "tls", endpoint: .tls(.ip(loopback, port: 0), try certificates.context(.required)))
    let (counters, port) = try start(intakes, source)
    let client = try TLSClient(certificates, port)
    try client.send("<134>1 2026-11-23T10:00:00Z edge-2 app - - - before\n")
    _ = intakes.wait(for: 1)
    // It stays in the list, from now on with hosts for which it may speak.
    source.clients = ClientList([.init(.name("edge-1.example.com"))])
    intakes.listeners.hand(9, to: source)
    try client.send("<134>1 2026-11-23T10:00:00Z edge-2 app - - - after\n")
    #expect(intakes.wait(for: 2).map { $0.flags.foreign } == [false, true])
    source.clients = ClientList([.init(.name("edge-2.example.com"))])
    intakes.listeners.hand(9, to: source)
    #expect(counters.reading.connectionsOpen == 0)
    let text =
      "connection ended: its certificate is not among the source's clients (CN=client,O=Example; DNS:"
    #expect(intakes.notices.all.contains { $0.contains(text) })
    _ = intakes.finish()
  }

  @Test func whomNoAuthoritySignsAnyMoreIsEnded() throws {
    let certificates = try Certificates()
    let intakes = try Intakes()
    let context = try certificates.context(.required)
    let (counters, port) = try start(
      intakes, Source(id: 9, name: "tls", endpoint: .tls(.ip(loopback, port: 0), context)))
    let client = try TLSClient(certificates, port)
    try client.send("<1>before\n")
    _ = intakes.wait(for: 1)
    // Another authority beside the old one: nobody is ended.
    #expect(shell("cd \(certificates.path); cp ca.crt ca.old; cat other.crt >> ca.crt") == 0)
    try context.reload()
    intakes.listeners.recheck(9)
    try client.send("<1>still there\n")
    _ = intakes.wait(for: 2)
    #expect(shell("cd \(certificates.path); cp other.crt ca.crt") == 0)
    try context.reload()
    intakes.listeners.recheck(9)
    #expect(counters.reading.connectionsOpen == 0 && counters.reading.connectionsRefused == 1)
    #expect(intakes.notices.all.contains { $0.contains("no authority in client_ca stands for") })
    #expect(intakes.finish().map(\.text) == ["<1>before", "<1>still there"])
  }

  /// Limits that are lower hold for whoever comes then, and count who is there.
  @Test func connectionsAboveALowerLimitStay() throws {
    let intakes = try Intakes()
    var source = Source(id: 1, name: "t", endpoint: .tcp(.ip(loopback, port: 0)))
    let (counters, port) = try start(intakes, source)
    let clients = try (0..<2).map { _ in Held(try Socket(.stream, connectedTo: .ip(loopback, port: port))) }
    waitUntil("both") { counters.reading.connectionsOpen == 2 }
    source.connectionsPerPeer = 1
    intakes.listeners.hand(1, to: source)
    let third = try Socket(.stream, connectedTo: .ip(loopback, port: port))
    waitUntil("a refusal") { counters.reading.connectionsRefused == 1 }
    for client in clients { try client.socket.sendAll("<1>there\n") }
    #expect(intakes.wait(for: 2).count == 2)
    _ = third.localAddress()
    _ = intakes.finish()
  }

  /// A shorter limit of messages and of silence holds for connections that are open.
  @Test func otherLimitsHoldForOpenConnections() throws {
    let intakes = try Intakes()
    var source = Source(id: 1, name: "t", endpoint: .tcp(.ip(loopback, port: 0)))
    let (counters, port) = try start(intakes, source)
    let client = try Socket(.stream, connectedTo: .ip(loopback, port: port))
    try client.sendAll("<1>first\n")
    _ = intakes.wait(for: 1)
    source.messageLimit = 1024
    source.idleTimeout = 50_000_000
    intakes.listeners.hand(1, to: source)
    try client.sendAll(String(repeating: "x", count: 1500) + "\n")
    #expect(intakes.wait(for: 3).map(\.bytes.count) == [8, 1024, 476])
    waitUntil("the end of silence") { counters.reading.connectionsOpen == 0 }
    #expect(counters.reading.connectionsIdle == 1)
    _ = intakes.finish()
  }
}

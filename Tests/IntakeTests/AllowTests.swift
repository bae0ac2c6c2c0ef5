// Who may send: what others send is counted, told and never stored.
import Events
import Intake
import Platform
import Testing

@Suite struct AllowTests {
  private func source(_ endpoint: Source.Endpoint, _ allow: String...) throws -> Source {
    var source = Source(id: 4, name: "guarded", endpoint: endpoint)
    source.allow = AllowList(try allow.map { try AddressPrefix($0) })
    return source
  }

  /// A client of a socket for both families.
  private func client(_ kind: Socket.Kind, _ address: IPAddress, _ intakes: Intakes) throws -> Socket {
    guard case .ip(_, let port) = try intakes.address("guarded") else { throw Missing() }
    return try Socket(kind, connectedTo: .ip(address, port: port))
  }

  private let one = IPAddress(v6: 0, 1)
  private var any: SocketAddress { .ip(IPAddress(v6: 0, 0), port: 0) }

  @Test func datagramsOfOthersAreCountedAndNotStored() throws {
    let intakes = try Intakes()
    let counters = try intakes.listeners.bind(try source(.udp(any), "192.0.2.0/24", "127.0.0.0/8"))
    try intakes.listeners.start()
    try intakes.consume()
    let v4 = try client(.datagram, loopback, intakes)
    let v6 = try client(.datagram, one, intakes)
    for number in 0..<5 {
      #expect(try v6.sendDatagram(Array("<1>refused \(number)".utf8)))
      #expect(try v4.sendDatagram(Array("<1>stored \(number)".utf8)))
    }
    _ = intakes.wait(for: 5)
    waitUntil("all refusals") { counters.reading.refused == 5 }
    let messages = intakes.finish()
    #expect(messages.map(\.text) == (0..<5).map { "<1>stored \($0)" })
    #expect(counters.reading.messages == 5)
    let events = intakes.losses.take()
    #expect(events.map(\.count).reduce(0, +) == 5)
    #expect(events.allSatisfy { $0.layer == .refused && $0.unit == .messages && $0.source == 4 })
    #expect(intakes.notices.all.contains { $0.hasPrefix("source guarded: [::1]:") && $0.contains("'allow'") })
    // The first at once, the rest in the end.
    #expect(intakes.notices.all.count <= 2)
  }

  @Test func connectionsOfOthersAreClosedBeforeAnythingIsRead() throws {
    let intakes = try Intakes()
    let counters = try intakes.listeners.bind(try source(.tcp(any), "::1"))
    try intakes.listeners.start()
    try intakes.consume()
    let v4 = try client(.stream, loopback, intakes)
    let v6 = try client(.stream, one, intakes)
    waitUntil("a refusal") { counters.reading.refused == 1 }
    try? v4.sendAll("<1>refused\n")
    try v6.sendAll("<1>stored\n")
    #expect(intakes.wait(for: 1).map(\.text) == ["<1>stored"])
    let refused = try client(.stream, loopback, intakes)
    waitUntil("another") { counters.reading.refused == 2 }
    refused.close()
    try v6.sendAll("<1>more\n")
    #expect(intakes.wait(for: 2).map(\.text) == ["<1>stored", "<1>more"])
    _ = intakes.finish()
    #expect(counters.reading.connectionsAccepted == 1)
    let events = intakes.losses.take()
    #expect(events.map(\.count) == [1, 1])
    #expect(events.allSatisfy { $0.layer == .refused && $0.unit == .connections })
    #expect(intakes.notices.all.first?.hasPrefix("source guarded: 127.0.0.1:") == true)
  }
}

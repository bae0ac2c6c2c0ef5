// Connections that a proxy passes on: whom it speaks for, and that nothing is taken for a message that is not.
import Bytes
import Intake
import Platform
import TLS
import Testing

@Suite struct ProxyStreamTests {
  private func start(_ change: (inout Source) -> Void = { _ in }) throws -> (Intakes, SourceCounters) {
    let intakes = try Intakes()
    var source = Source(id: 7, name: "tcp", endpoint: .tcp(.ip(loopback, port: 0)))
    source.expectsProxy = true
    change(&source)
    let counters = try intakes.listeners.bind(source)
    try intakes.listeners.start()
    try intakes.consume()
    return (intakes, counters)
  }

  private func connect(_ intakes: Intakes) throws -> Socket {
    try Socket(.stream, connectedTo: intakes.address("tcp"))
  }

  @Test func thePeerIsWhomTheProxyNames() throws {
    let (intakes, counters) = try start()
    let client = try connect(intakes)
    client.disableDelay()
    // In several pieces, the last with messages behind the header.
    for piece in ["PRO", "XY TCP4 203.0.113.7 10.0.0.1 ", "49153 6514\r\n<1>one\n<1>t", "wo\n"] {
      try client.sendAll(piece)
      Clock.sleep(nanoseconds: 2_000_000)
    }
    let messages = intakes.wait(for: 2)
    #expect(messages.map(\.text) == ["<1>one", "<1>two"])
    guard case .ip(_, let port)? = client.localAddress() else { throw Missing() }
    for message in messages {
      #expect(message.field(.peerAddress) == [203, 0, 113, 7])
      #expect(message.field(.peerPort) == [0x01, 0xC0])
      #expect(message.field(.proxy) == [127, 0, 0, 1, UInt8(port & 0xFF), UInt8(port >> 8)])
      #expect(message.field(.connection) == [1, 0, 0, 0, 0, 0, 0, 0])
    }
    let unknown = try connect(intakes)
    try unknown.sendAll("PROXY UNKNOWN\r\n<1>three\n")
    let third = intakes.wait(for: 3)[2]
    #expect(third.text == "<1>three" && third.field(.peerAddress) == [127, 0, 0, 1])
    #expect(third.field(.proxy) == nil)
    #expect(counters.reading.badProxyHeaders == 0)
    _ = intakes.finish()
  }

  /// Version 1 and 2 of the header, and what is behind it, byte by byte.
  @Test(arguments: [false, true], [1, 2])
  func everythingMayComeByteByByte(isTLS: Bool, version: Int) throws {
    let certificates = try Certificates()
    let context = try certificates.context(.required)
    let (intakes, counters) = try start { source in
      if isTLS { source.endpoint = .tls(.ip(loopback, port: 0), context) }
    }
    guard case .ip(_, let port) = try intakes.address("tcp") else { throw Missing() }
    let head =
      version == 1
      ? Array("PROXY TCP4 203.0.113.7 10.0.0.1 49153 6514\r\n".utf8)
      : [0x0D, 0x0A, 0x0D, 0x0A, 0, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A, 0x21, 0x11, 0, 12]
        + [203, 0, 113, 7, 10, 0, 0, 1, 0xC0, 0x01, 0x19, 0x72]
    let text = "<1>one\n6 <1>two<1>three\n"
    if isTLS {
      let client = try TLSClient(certificates, port, preface: head, isSlow: true)
      try client.send(text)
    } else {
      let client = try connect(intakes)
      client.disableDelay()
      try client.sendSlowly(head + Array(text.utf8))
      _ = intakes.wait(for: 3)
    }
    let messages = intakes.wait(for: 3)
    #expect(messages.map(\.text) == ["<1>one", "<1>two", "<1>three"])
    for message in messages {
      #expect(message.field(.peerAddress) == [203, 0, 113, 7] && message.field(.peerPort) == [0x01, 0xC0])
      #expect((message.field(.certificate) != nil) == isTLS)
    }
    #expect(intakes.finish().count == 3)
    #expect(counters.reading.badProxyHeaders == 0 && counters.reading.tlsFailures == 0)
  }

  @Test func aConnectionWithoutAHeaderIsRefused() throws {
    let (intakes, counters) = try start { $0.handshakeTimeout = 200_000_000 }
    let plain = try connect(intakes)
    try plain.sendAll("<134>Nov 23 08:00:00 lb haproxy: hello\n")
    waitUntil("a refusal") { counters.reading.badProxyHeaders == 1 }
    let ended = try connect(intakes)
    try ended.sendAll("PROXY TCP4 203")
    ended.shutdownSending()
    waitUntil("another") { counters.reading.badProxyHeaders == 2 }
    let late = try connect(intakes)
    waitUntil("the time to be over") { counters.reading.badProxyHeaders == 3 }
    late.close()
    #expect(intakes.finish().isEmpty)
    #expect(counters.reading.connectionsOpen == 0 && counters.reading.tlsFailures == 0)
    let notices = intakes.notices.all
    #expect(notices.count == 3)
    #expect(notices.first?.contains("does not begin with a PROXY protocol header; only proxies") == true)
    #expect(notices.last?.contains("the PROXY protocol header took longer than 200 ms") == true)
  }

  @Test func whoMayConnectIsTheProxy() throws {
    let (intakes, counters) = try start { source in
      source.allow = (try? AddressPrefix("203.0.113.0/24")).map { AllowList([$0]) }
    }
    let client = try connect(intakes)
    try? client.sendAll("PROXY TCP4 203.0.113.7 10.0.0.1 49153 6514\r\n<1>one\n")
    waitUntil("a refusal") { counters.reading.refused == 1 }
    #expect(intakes.finish().isEmpty)
  }
}

// Sources that come and go while the threads run: nothing of the others is touched, and nothing is lost.
import Bytes
import Events
import Platform
import Syslog
import Testing

@testable import Intake

@Suite struct ChangeTests {
  private func udp(_ id: UInt32, _ name: String, _ port: UInt16 = 0) -> Source {
    Source(id: id, name: name, endpoint: .udp(.ip(loopback, port: port)))
  }

  private func tcp(_ id: UInt32, _ name: String, _ port: UInt16 = 0) -> Source {
    Source(id: id, name: name, endpoint: .tcp(.ip(loopback, port: port)))
  }

  private func port(_ address: SocketAddress) throws -> UInt16 {
    guard case .ip(_, let port) = address else { throw Missing() }
    return port
  }

  /// Of each source in turn: what came, and in which order.
  private func bySource(_ messages: [Message]) -> [UInt32: [String]] {
    Dictionary(grouping: messages, by: \.source).mapValues { $0.map(\.text) }
  }

  @Test func sourcesOfEveryKindAreAddedToListenersThatHadNone() throws {
    let intakes = try Intakes()
    try intakes.listeners.start()
    try intakes.consume()
    let path = temporaryPath("added")
    _ = try intakes.listeners.bind(udp(1, "u"))
    _ = try intakes.listeners.bind(tcp(2, "t"))
    _ = try intakes.listeners.bind(Source(id: 3, name: "x", endpoint: .unixDatagram(path: path)))
    let datagrams = try Socket(.datagram, connectedTo: intakes.address("u"))
    #expect(try datagrams.sendDatagram(Array("<1>before".utf8)))
    try intakes.listeners.prepare()
    #expect(intakes.received.isEmpty)
    intakes.listeners.admit()
    let stream = try Socket(.stream, connectedTo: intakes.address("t"))
    try stream.sendAll("<1>tcp\n")
    let unix = try Socket(.datagram, connectedTo: .unix(path: path))
    #expect(try unix.sendDatagram(Array("<1>unix".utf8)))
    _ = intakes.wait(for: 3)
    #expect(bySource(intakes.finish()) == [1: ["<1>before"], 2: ["<1>tcp"], 3: ["<1>unix"]])
  }

  /// What a rate has kept out is noted before the source is gone.
  @Test func theLastLossesOfARemovedSourceAreNoted() throws {
    let intakes = try Intakes()
    var source = udp(1, "u")
    source.rate = RateLimit(rate: 1, burst: 1)
    _ = try intakes.listeners.bind(source)
    try intakes.listeners.start()
    try intakes.consume()
    let client = try Socket(.datagram, connectedTo: intakes.address("u"))
    for number in 0..<5 { #expect(try client.sendDatagram(Array("<1>\(number)".utf8))) }
    intakes.listeners.remove(1)
    let losses = intakes.losses.take()
    #expect(losses.allSatisfy { $0.layer == .rateLimit && $0.source == 1 })
    #expect(losses.reduce(0) { $0 + $1.count } == 4)
    #expect(intakes.finish().map(\.text) == ["<1>0"])
  }

  @Test func aChangedRateHoldsForWhatComesNext() throws {
    let intakes = try Intakes()
    var source = udp(1, "u")
    _ = try intakes.listeners.bind(source)
    try intakes.listeners.start()
    try intakes.consume()
    let client = try Socket(.datagram, connectedTo: intakes.address("u"))
    for text in ["<1>a", "<1>b"] { #expect(try client.sendDatagram(Array(text.utf8))) }
    _ = intakes.wait(for: 2)
    source.rate = RateLimit(rate: 1, burst: 1)
    intakes.listeners.hand(1, to: source)
    for text in ["<1>c", "<1>d"] { #expect(try client.sendDatagram(Array(text.utf8))) }
    #expect(intakes.finish().map(\.text) == ["<1>a", "<1>b", "<1>c"])
    #expect(intakes.losses.take().reduce(0) { $0 + $1.count } == 1)
  }

  /// Connections that are open count towards a peer's limit when other settings of their source change.
  @Test func openConnectionsCountOn() throws {
    let intakes = try Intakes()
    var source = tcp(1, "t")
    source.connectionsPerPeer = 3
    let counters = try intakes.listeners.bind(source)
    try intakes.listeners.start()
    try intakes.consume()
    let first = try Socket(.stream, connectedTo: intakes.address("t"))
    try first.sendAll("<1>first\n")
    _ = intakes.wait(for: 1)
    source.connectionsPerPeer = 1
    source.messageLimit = 8192
    intakes.listeners.hand(1, to: source)
    let second = try Socket(.stream, connectedTo: intakes.address("t"))
    waitUntil("the second to be refused") { counters.reading.connectionsRefused == 1 }
    try first.sendAll("<1>still there\n")
    _ = intakes.wait(for: 2)
    #expect(intakes.finish().map(\.text) == ["<1>first", "<1>still there"])
    _ = second.localAddress()
  }

  @Test func aRemovedSourceIsReadToItsEndAndClosed() throws {
    let intakes = try Intakes()
    let path = temporaryPath("removed")
    let counters = [
      try intakes.listeners.bind(udp(1, "u")), try intakes.listeners.bind(tcp(2, "t")),
      try intakes.listeners.bind(Source(id: 3, name: "x", endpoint: .unixDatagram(path: path))),
    ]
    _ = try intakes.listeners.bind(tcp(4, "kept"))
    let datagrams = try Socket(.datagram, connectedTo: intakes.address("u"))
    let unix = try Socket(.datagram, connectedTo: .unix(path: path))
    let stream = try Socket(.stream, connectedTo: intakes.address("t"))
    let kept = try Socket(.stream, connectedTo: intakes.address("kept"))
    try kept.sendAll("<1>be")
    // All of it waits in the kernel, and the connections are not accepted yet.
    for number in 0..<500 { #expect(try datagrams.sendDatagram(Array("<1>\(number)".utf8))) }
    for number in 0..<5 { #expect(try unix.sendDatagram(Array("<1>\(number)".utf8))) }
    try stream.sendAll("<1>0\n<1>1\n<1>2 has no end")
    try intakes.listeners.start()
    try intakes.consume()
    for id in [1, 2, 3] as [UInt32] { intakes.listeners.remove(id) }
    #expect(counters.map(\.reading.messages) == [500, 3, 5])
    #expect(counters[1].reading.connectionsOpen == 0 && counters[1].reading.cutFrames == 1)
    // Nobody listens there any more, and the port is free.
    #expect(intakes.listeners.address(of: "u") == nil && shell("test -e \(path)") != 0)
    #expect(throws: SystemError.self) { try stream.sendAll(String(repeating: "x", count: 1 << 20)) }
    try kept.sendAll("fore and after\n")
    _ = intakes.wait(for: 509)
    let messages = bySource(intakes.finish())
    #expect(messages[1] == (0..<500).map { "<1>\($0)" } && messages[3] == (0..<5).map { "<1>\($0)" })
    #expect(messages[2] == ["<1>0", "<1>1", "<1>2 has no end"])
    #expect(messages[4] == ["<1>before and after"])
  }

  @Test func socketsGoToAnotherSourceWithoutLosingOne() throws {
    let intakes = try Intakes()
    let before = try intakes.listeners.bind(udp(1, "old"))
    _ = try intakes.listeners.bind(tcp(2, "stream"))
    let address = try intakes.address("old"), streamAddress = try intakes.address("stream")
    try intakes.listeners.start()
    try intakes.consume()
    let socket = try Socket(.datagram, connectedTo: address)
    let stream = try Socket(.stream, connectedTo: streamAddress)
    try stream.sendAll("<1>half")
    let sender = try Thread(name: "sender") {
      for number in 0..<20_000 {
        while (try? socket.sendDatagram(Array("<1>\(number)".utf8))) != true {
          Clock.sleep(nanoseconds: 100_000)
        }
        if number % 200 == 0 { Clock.sleep(nanoseconds: 500_000) }
      }
    }
    waitUntil("some of the old") { before.reading.messages > 100 }
    let after = intakes.listeners.hand(1, to: udp(7, "new", try port(address)))
    // The listening socket stays, and the connection of the source that is no more ends.
    intakes.listeners.hand(2, to: tcp(8, "other", try port(streamAddress)))
    let second = try Socket(.stream, connectedTo: streamAddress)
    try second.sendAll("<1>second\n")
    sender.join()
    waitUntil("all") { before.reading.messages + after.reading.messages >= 20_000 }
    _ = intakes.wait(for: 20_002)
    let messages = bySource(intakes.finish())
    let old = messages[1] ?? [], new = messages[7] ?? []
    #expect(old.count == Int(before.reading.messages) && new.count == Int(after.reading.messages))
    #expect(!new.isEmpty && old + new == (0..<20_000).map { "<1>\($0)" })
    #expect(messages[2] == ["<1>half"] && messages[8] == ["<1>second"])
    #expect(intakes.listeners.address(of: "new") == address && intakes.listeners.address(of: "old") == nil)
  }

  @Test func otherSettingsHoldForNewConnectionsOnly() throws {
    let intakes = try Intakes()
    let counters = try intakes.listeners.bind(tcp(1, "t"))
    let address = try intakes.address("t")
    try intakes.listeners.start()
    try intakes.consume()
    let old = try Socket(.stream, connectedTo: address)
    try old.sendAll("<1>old a\n")
    _ = intakes.wait(for: 1)
    var source = tcp(1, "t", try port(address))
    source.framing = .octet
    source.expectsPriority = false
    #expect(intakes.listeners.hand(1, to: source) === counters)
    let new = try Socket(.stream, connectedTo: address)
    try new.sendAll("5 new a5 new b")
    try old.sendAll("<1>old b\n")
    _ = intakes.wait(for: 4)
    #expect(Set(intakes.finish().map(\.text)) == ["<1>old a", "<1>old b", "new a", "new b"])
  }

  @Test func aPortThatIsTakenChangesNothing() throws {
    let intakes = try Intakes()
    _ = try intakes.listeners.bind(udp(1, "u"))
    try intakes.listeners.start()
    let taken = try Socket(.datagram, boundTo: .ip(loopback, port: 0))
    guard let takenAddress = taken.localAddress() else { throw Missing() }
    let takenPort = try port(takenAddress)
    let path = temporaryPath("discarded")
    _ = try intakes.listeners.bind(Source(id: 2, name: "x", endpoint: .unixDatagram(path: path)))
    #expect(throws: ListenError.self) {
      try intakes.listeners.bind(udp(3, "v", takenPort))
    }
    intakes.listeners.discard(2)
    #expect(intakes.listeners.address(of: "x") == nil && shell("test -e \(path)") != 0)
    intakes.listeners.admit()
    try intakes.consume()
    let client = try Socket(.datagram, connectedTo: intakes.address("u"))
    #expect(try client.sendDatagram(Array("<1>on".utf8)))
    #expect(intakes.wait(for: 1).map(\.text) == ["<1>on"])
    _ = intakes.finish()
  }

  /// Who asks after the end is not kept waiting.
  @Test func ordersToThreadsThatHaveEndedDoNothing() throws {
    let intakes = try Intakes()
    _ = try intakes.listeners.bind(udp(1, "u"))
    _ = try intakes.listeners.bind(tcp(2, "t"))
    try intakes.listeners.start()
    try intakes.consume()
    _ = intakes.finish()
    intakes.listeners.remove(1)
    intakes.listeners.remove(2)
  }
}

// What one peer may ask of a source, with real sockets.
import Bytes
import Events
import Platform
import Syslog
import TLS
import Testing

@testable import Intake

@Suite struct LimitTests {
  private func start(_ intakes: Intakes, _ source: Source) throws -> SourceCounters {
    let counters = try intakes.listeners.bind(source)
    try intakes.listeners.start()
    try intakes.consume()
    return counters
  }

  private func tcp(_ change: (inout Source) -> Void) -> Source {
    var source = Source(id: 7, name: "s", endpoint: .tcp(.ip(loopback, port: 0)))
    change(&source)
    return source
  }

  private func connect(_ intakes: Intakes) throws -> Socket {
    try Socket(.stream, connectedTo: intakes.address("s"))
  }

  @Test func aPeerHasSoManyConnectionsAndNoMore() throws {
    let intakes = try Intakes()
    let counters = try start(intakes, tcp { $0.connectionsPerPeer = 2 })
    let first = try connect(intakes)
    let second = try connect(intakes)
    waitUntil("two connections") { counters.reading.connectionsOpen == 2 }
    let third = try connect(intakes)
    waitUntil("a refusal") { counters.reading.connectionsRefused == 1 }
    #expect(intakes.notices.all.contains { $0.contains("2 of this peer are open, which is its limit") })
    let address = third.localAddress()
    let loss = intakes.losses.take()
    #expect(loss.map(\.layer) == [.connectionLimit] && loss.map(\.unit) == [.connections])
    #expect(loss.first?.peer == address)
    first.close()
    waitUntil("one connection") { counters.reading.connectionsOpen == 1 }
    let fourth = try connect(intakes)
    try fourth.sendAll("<1>fourth\n")
    try second.sendAll("<1>second\n")
    #expect(Set(intakes.wait(for: 2).map(\.text)) == ["<1>fourth", "<1>second"])
    _ = intakes.finish()
  }

  @Test func aSilentConnectionIsEndedAndWhatItHadBegunIsKept() throws {
    let intakes = try Intakes()
    let counters = try start(intakes, tcp { $0.idleTimeout = 40_000_000 })
    let client = try connect(intakes)
    try client.sendAll("<1>whole\n<1>half")
    let messages = intakes.wait(for: 2)
    #expect(
      messages.map(\.text) == ["<1>whole", "<1>half"] && messages.map { $0.flags.cut } == [false, true])
    waitUntil("the connection to be gone") { counters.reading.connectionsOpen == 0 }
    #expect(counters.reading.connectionsIdle == 1)
    _ = intakes.finish()
  }

  @Test func aStreamAboveItsRateIsReadLaterAndLosesNothing() throws {
    let intakes = try Intakes()
    let counters = try start(intakes, tcp { $0.rate = RateLimit(rate: 20_000, burst: 10) })
    let before = Clock.monotonic()
    let count = 4000
    let client = try connect(intakes)
    for number in 0..<count { try client.sendAll("<1>message number \(number)\n") }
    let messages = intakes.wait(for: count)
    let ordered = messages.indices.allSatisfy { messages[$0].text == "<1>message number \($0)" }
    #expect(messages.count == count && ordered)
    // A second connection of the same peer shares the rate: its last reads pay for those before.
    let again = try connect(intakes)
    try again.sendAll("<1>again\n")
    _ = intakes.wait(for: count + 1)
    let least = Int64(count - 10) * 50_000
    #expect(Clock.monotonic() - before >= least)
    #expect(counters.reading.messages == UInt64(count + 1) && counters.reading.rateLimited == 0)
    #expect(intakes.losses.take().isEmpty)
    _ = intakes.finish()
  }

  @Test func whatIsLeftOfAPausedStreamIsReadAtTheEnd() throws {
    let intakes = try Intakes()
    _ = try start(intakes, tcp { $0.rate = RateLimit(rate: 1, burst: 1) })
    let client = try connect(intakes)
    try client.sendAll("<1>first\n<1>second\n")
    _ = intakes.wait(for: 2)
    // Paused for seconds from here on.
    try client.sendAll("<1>third\n")
    waitUntil("the pause") { client.unacknowledgedBytes == 0 }
    #expect(intakes.finish().map(\.text) == ["<1>first", "<1>second", "<1>third"])
  }

  @Test func datagramsAboveTheRateAreDroppedAndCountedToTheLast() throws {
    let intakes = try Intakes()
    var source = Source(id: 3, name: "s", endpoint: .udp(.ip(loopback, port: 0)))
    source.rate = RateLimit(rate: 100, burst: 50)
    let counters = try start(intakes, source)
    let client = try Socket(.datagram, connectedTo: intakes.address("s"))
    let count = 5000
    let before = Clock.realtime()
    for number in 0..<count {
      while try !client.sendDatagram(Array("<1>\(number)".utf8)) { Clock.sleep(nanoseconds: 100_000) }
    }
    _ = intakes.wait(for: 50)
    let messages = intakes.finish()
    let losses = intakes.losses.take()
    #expect(losses.allSatisfy { $0.source == 3 && $0.from >= before && $0.to >= $0.from })
    let limited = losses.filter { $0.layer == .rateLimit }.reduce(0) { $0 + $1.count }
    let dropped = losses.filter { $0.layer == .kernelUDP }.reduce(0) { $0 + $1.count }
    #expect(messages.count + Int(limited + dropped) == count)
    #expect(limited > 0 && counters.reading.rateLimited == limited)
    #expect(counters.reading.messages == UInt64(messages.count))
    // A burst, and 100 a second for as long as it took.
    let most = 51 + (Clock.realtime() - before) / 10_000_000
    #expect(messages.count >= 50 && messages.count <= most)
    let numbers = messages.compactMap { Int($0.text.dropFirst(3)) }
    #expect(numbers == numbers.sorted() && Set(numbers).count == messages.count)
    // Unless the kernel had no room for them.
    if dropped == 0 { #expect(Array(numbers.prefix(50)) == Array(0..<50)) }
  }

  @Test func slowPeersDelayNobody() throws {
    let certificates = try Certificates()
    let intakes = try Intakes()
    let tls = try Source(
      id: 9, name: "tls", endpoint: .tls(.ip(loopback, port: 0), certificates.context(.none)))
    let secure = try intakes.listeners.bind(tls)
    let plain = try start(intakes, tcp { _ in })
    // Handshakes that do not go on, and frames that do not end.
    var begun: [Held] = []
    for _ in 0..<60 {
      let handshake = try Socket(.stream, connectedTo: intakes.address("tls"))
      try handshake.sendAll([0x16, 3, 1])
      begun.append(Held(handshake))
      let frame = try connect(intakes)
      try frame.sendAll("9999 <1>x")
      begun.append(Held(frame))
    }
    waitUntil("all to be there") {
      secure.reading.connectionsOpen == 60 && plain.reading.connectionsOpen == 60
    }
    for turn in 0..<5 {
      for handle in begun { try handle.socket.sendAll(turn == 0 ? [1] : [0]) }
      let client = try connect(intakes)
      try client.sendAll("<1>turn \(turn)\n")
      #expect(intakes.wait(for: turn + 1).last?.text == "<1>turn \(turn)")
    }
    begun = []
    waitUntil("all to be gone") {
      secure.reading.connectionsOpen == 0 && plain.reading.connectionsOpen == 0
    }
    #expect(plain.reading.cutFrames == 60)
    _ = intakes.finish()
  }
}

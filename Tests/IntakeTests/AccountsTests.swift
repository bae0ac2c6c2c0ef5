// What is counted, noted and said about messages, without a network.
import Bytes
import Events
import Platform
import Synchronization
import Testing

@testable import Intake

@Suite struct AccountsTests {
  @Test func lossesThatAreNotFetchedAreAddedUpExactly() {
    let ledger = LossLedger()
    for number in 1...100 {
      ledger.note(
        LossEvent(
          source: UInt32(number % 2), layer: .kernelUDP, count: UInt64(number), from: Int64(number),
          to: Int64(number + 1)))
    }
    ledger.note(LossEvent(source: 1, layer: .kernelUDP, count: 0, from: 0, to: 0))
    let events = ledger.take()
    #expect(events.count == 2 * Limits.lossEvents)
    #expect(events.reduce(0) { $0 + $1.count } == 5050)
    #expect(events.filter { $0.source == 1 }.reduce(0) { $0 + $1.count } == 2500)
    #expect(events.map(\.from).min() == 1 && events.map(\.to).max() == 101)
    // The first are still apart.
    #expect(events[0] == LossEvent(source: 1, layer: .kernelUDP, count: 1, from: 1, to: 2))
    #expect(ledger.take() == [])
  }

  @Test func lossesOfManyPeersStayFewAndNameNoWrongOne() {
    let ledger = LossLedger()
    for number in 0..<100 {
      let peer = SocketAddress.ip(IPAddress(v4: UInt32(number)), port: 1)
      let unit = number % 2 == 0 ? LossUnit.connections : .messages
      ledger.note(LossEvent(source: 1, layer: .refused, count: 1, from: 0, to: 1, peer: peer, unit: unit))
    }
    let events = ledger.take()
    #expect(events.count == 2 * Limits.lossEvents)
    #expect(events.filter { $0.unit == .connections }.reduce(0) { $0 + $1.count } == 50)
    #expect(events.filter { $0.peer == nil }.map(\.count) == [35, 35])
    #expect(events[0].peer == .ip(IPAddress(v4: 0), port: 1))
  }

  @Test func noticesAreLimitedAndSaySo() {
    let given = Given()
    var limiter = NoticeLimiter { given.add("\($0)") }
    let notice = IntakeNotice(source: "s", peer: .ip(IPAddress(v4: 0x0102_0304), port: 5), text: "t")
    for _ in 0..<25 { limiter.give(notice, now: 7_000_000_000) }
    #expect(given.all == Array(repeating: "source s: 1.2.3.4:5: t", count: 10))
    limiter.give(notice, now: 8_000_000_000)
    limiter.give(notice, now: 8_000_000_001)
    #expect(
      given.all.dropFirst(10) == [
        "source s: 1.2.3.4:5: t (15 notices were left out before this one)", "source s: 1.2.3.4:5: t",
      ])
  }

  @Test func theTokenOfAConnectionThatIsGoneFindsNothing() throws {
    let source = StreamSource(
      Source(id: 1, name: "s", endpoint: .tcp(.ip(loopback, port: 0))), tls: nil, counters: SourceCounters())
    func connection(_ number: UInt64) throws -> Connection {
      try Connection(Socket(.stream, for: .ip(loopback, port: 0)), source: source, number: number)
    }
    var table = ConnectionTable()
    let first = table.add(try connection(1))
    let second = table.add(try connection(2))
    let found = (table[first]?.number, table[second]?.number)
    #expect(found == (1, 2))
    let removed = table.remove(first)?.number
    #expect(removed == 1)
    let third = table.add(try connection(3))
    let now = (table[first]?.number, table[third]?.number, table.count)
    #expect(now == (nil, 3, 2))
    let again = table.remove(first)?.number
    #expect(again == nil && third != first)
    let tokens = Set(table.tokens)
    #expect(tokens == [second, third])
    #expect(source.counters.reading.connectionsOpen == 2)
  }

  @Test func anEnvelopeIsATransportAndFields() throws {
    var envelope = Envelope(.tcp)
    envelope.add(peer: IPAddress(v4: 0x0102_0304), port: 0x1234)
    envelope.add(connection: 7)
    envelope.add(processID: 1, userID: 2, groupID: 3)
    Array("abc".utf8).withView { envelope.add(.path, $0) }
    let expected: [UInt8] =
      [2] + [1, 4, 1, 2, 3, 4] + [2, 2, 0x34, 0x12] + [3, 8, 7, 0, 0, 0, 0, 0, 0, 0]
      + [7, 12, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0] + [6, 3, 97, 98, 99]
    let bytes = envelope.view.array
    #expect(bytes == expected)
    var v6 = Envelope(.udp)
    v6.add(peer: try #require(IPAddress("::1")), port: 1)
    let v6Bytes = v6.view.array
    #expect(v6Bytes == [1, 1, 16] + Array(repeating: 0, count: 15) + [1, 2, 2, 1, 0])
  }
}

private final class Given: Sendable {
  private let texts = Mutex<[String]>([])
  func add(_ text: String) { texts.withLock { $0.append(text) } }
  var all: [String] { texts.withLock { $0 } }
}

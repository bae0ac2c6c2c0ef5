// TCP on loopback: framing in whatever pieces the kernel delivers, ends, limits, and back-pressure.
import Bytes
import Events
import Intake
import Platform
import Synchronization
import Syslog
import Testing

@Suite struct StreamTests {
  private func tcp(_ change: (inout Source) -> Void = { _ in }) -> Source {
    var source = Source(id: 7, name: "tcp", endpoint: .tcp(.ip(loopback, port: 0)))
    change(&source)
    return source
  }

  private func connect(_ intakes: Intakes) throws -> Socket {
    try Socket(.stream, connectedTo: intakes.address("tcp"))
  }

  @Test func bothFramingsMayMixInOneConnection() throws {
    let intakes = try Intakes()
    _ = try intakes.listeners.bind(tcp())
    try intakes.listeners.start()
    try intakes.consume()
    let before = Clock.realtime()
    let client = try connect(intakes)
    try client.sendAll("<1>one\n7 <2>\ntwo<3>three\r\n<4>four\08 <5>five\n\n200 OK\n")
    let messages = intakes.wait(for: 7)
    #expect(messages.map(\.text) == ["<1>one", "<2>\ntwo", "<3>three\r", "<4>four", "<5>five", "", "200 OK"])
    #expect(
      messages.map { $0.flags.framing } == [
        .lineFeed, .octetCounting, .lineFeed, .nul, .octetCounting, .lineFeed, .lineFeed,
      ])
    #expect(messages.map { $0.flags.trailingLineFeed } == [false, false, false, false, true, false, false])
    for message in messages {
      #expect(message.source == 7)
      #expect(message.time >= before && message.time <= Clock.realtime())
      #expect(message.envelope.first == Envelope.Transport.tcp.rawValue)
      #expect(message.field(.peerAddress) == [127, 0, 0, 1])
      #expect(message.field(.connection) == [1, 0, 0, 0, 0, 0, 0, 0])
      #expect(message.field(.certificate) == nil)
    }
    guard case .ip(_, let port)? = client.localAddress() else { throw Missing() }
    #expect(messages[0].field(.peerPort) == [UInt8(port & 0xFF), UInt8(port >> 8)])
    _ = intakes.finish()
  }

  @Test func messagesThatArriveByteByByteAreWhole() throws {
    let intakes = try Intakes()
    let counters = try intakes.listeners.bind(tcp())
    try intakes.listeners.start()
    try intakes.consume()
    let client = try connect(intakes)
    client.disableDelay()
    let stream = "11 <1>counted\n<2>text\n12345678 <3>no count\n19 <4>a longer message<5>x\0"
    for byte in stream.utf8 {
      try client.sendAll([byte])
      Clock.sleep(nanoseconds: 300_000)
    }
    let messages = intakes.wait(for: 5)
    #expect(
      messages.map(\.text) == [
        "<1>counted", "<2>text", "12345678 <3>no count", "<4>a longer message", "<5>x",
      ])
    #expect(counters.reading.messages == 5)
    _ = intakes.finish()
  }

  @Test func anOverlongMessageIsKeptInPieces() throws {
    let intakes = try Intakes()
    let counters = try intakes.listeners.bind(tcp { $0.messageLimit = 10_000 })
    try intakes.listeners.start()
    try intakes.consume()
    let client = try connect(intakes)
    let long = (0..<123_456).map { UInt8(truncatingIfNeeded: $0 % 23 + 65) }
    try client.sendAll(Array("<1>".utf8) + long + [0x0A])
    try client.sendAll(Array("\(long.count + 3) <2>".utf8) + long)
    try client.sendAll("<3>after\n")
    let messages = intakes.wait(for: 27)
    #expect(messages.last?.text == "<3>after")
    for (start, framing) in [(0, FrameFlags.Framing.lineFeed), (13, .octetCounting)] {
      let pieces = messages[start..<(start + 13)]
      #expect(Array(pieces.flatMap(\.bytes).dropFirst(3)) == long)
      #expect(pieces.allSatisfy { $0.flags.truncation == .collector && $0.flags.framing == framing })
      #expect(pieces.map { $0.flags.unterminated } == Array(repeating: true, count: 12) + [false])
      #expect(pieces.map { $0.flags.continued } == [false] + Array(repeating: true, count: 12))
    }
    #expect(counters.reading.overlong == 26)
    _ = intakes.finish()
  }

  @Test func whatAConnectionEndsInIsKeptAndFlagged() throws {
    let intakes = try Intakes()
    let counters = try intakes.listeners.bind(tcp())
    try intakes.listeners.start()
    try intakes.consume()
    do {
      let client = try connect(intakes)
      try client.sendAll("<1>whole\n<2>half")
      client.shutdownSending()
      let messages = intakes.wait(for: 2)
      #expect(messages.map { $0.flags.cut } == [false, true])
      #expect(messages.map(\.text) == ["<1>whole", "<2>half"])
    }
    do {
      let client = try connect(intakes)
      try client.sendAll("100 <3>half")
    }
    let messages = intakes.wait(for: 3)
    #expect(messages[2].text == "<3>half" && messages[2].flags.cut)
    #expect(messages[2].flags.framing == .octetCounting)
    waitUntil("the connections to be closed") { counters.reading.connectionsOpen == 0 }
    #expect(counters.reading.cutFrames == 2 && counters.reading.connectionsAccepted == 2)
    let losses = intakes.losses.take()
    #expect(losses.map(\.layer) == [.cut, .cut] && losses.map(\.count) == [1, 1])
    #expect(
      losses.allSatisfy { $0.unit == .messages && "\(String(describing: $0.peer))".contains("127.0.0.1") })
    #expect(losses.map(\.to) == messages.filter(\.flags.cut).map(\.time))
    _ = intakes.finish()
    #expect(intakes.losses.take() == [])
  }

  @Test func stoppingReadsWhatHasArrivedAndCutsWhatHasNot() throws {
    let intakes = try Intakes()
    _ = try intakes.listeners.bind(tcp())
    try intakes.listeners.start()
    let client = try connect(intakes)
    // Nobody consumes yet: the listener is stopped with this in the slab, in the socket, or on its way there.
    for number in 0..<2000 { try client.sendAll("<1>\(number)\n") }
    try client.sendAll("<1>half")
    waitUntil("all of it to arrive") { client.unacknowledgedBytes == 0 }
    try intakes.consume()
    _ = intakes.wait(for: 1)
    let messages = intakes.finish()
    #expect(messages.map(\.text) == (0..<2000).map { "<1>\($0)" } + ["<1>half"])
    #expect(messages.last?.flags.cut == true)
  }

  @Test func aSenderThatEndsItsConnectionWhenToldLosesNothing() throws {
    let intakes = try Intakes()
    _ = try intakes.listeners.bind(tcp())
    try intakes.listeners.start()
    try intakes.consume()
    let client = try connect(intakes)
    let sent = Atomic(0)
    let sender = try Thread(name: "sender") {
      var end = [UInt8](repeating: 0, count: 1)
      while (try? unsafe end.withUnsafeMutableBytes({ try unsafe client.receive(into: $0) })) == .nothing {
        guard (try? client.sendAll("<1>\(sent.load(ordering: .relaxed))\n")) != nil else { break }
        sent.add(1, ordering: .relaxed)
      }
      client.shutdownSending()
    }
    _ = intakes.wait(for: 1000)
    let messages = intakes.finish()
    sender.join()
    #expect(messages.map(\.text) == (0..<sent.load(ordering: .relaxed)).map { "<1>\($0)" })
  }

  @Test func eachConnectionKeepsItsOrderAndItsEnvelope() throws {
    let intakes = try Intakes(slabCount: 8, byteCapacity: 300_000, recordCapacity: 500, streamThreads: 2)
    _ = try intakes.listeners.bind(tcp())
    try intakes.listeners.start()
    try intakes.consume()
    let address = try intakes.address("tcp")
    let senders = try (0..<6).map { sender in
      try Thread(name: "sender-\(sender)") {
        do {
          let client = try Socket(.stream, connectedTo: address)
          var text = ""
          for number in 0..<5000 {
            let message = "<1>\(sender) \(number)"
            text += number % 2 == 0 ? "\(message)\n" : "\(message.utf8.count) \(message)"
            if number % 10 == 9 {
              try client.sendAll(text)
              text = ""
            }
          }
        } catch { Issue.record(error) }
      }
    }
    for sender in senders { sender.join() }
    let messages = intakes.wait(for: 30_000)
    var next = [Int](repeating: 0, count: 6)
    var envelopes = [[UInt8]?](repeating: nil, count: 6)
    for message in messages {
      let parts = message.text.dropFirst(3).split(separator: " ").compactMap { Int($0) }
      guard parts.count == 2 else { throw Missing() }
      #expect(parts[1] == next[parts[0]])
      next[parts[0]] = parts[1] + 1
      #expect(envelopes[parts[0]] ?? message.envelope == message.envelope)
      envelopes[parts[0]] = message.envelope
    }
    #expect(next == Array(repeating: 5000, count: 6))
    #expect(Set(envelopes.compactMap { $0 }).count == 6)
    _ = intakes.finish()
  }

  @Test func manyTinyMessagesGoOnInTheNextSlab() throws {
    let intakes = try Intakes(slabCount: 8, byteCapacity: 200_000, recordCapacity: 100)
    _ = try intakes.listeners.bind(tcp())
    try intakes.listeners.start()
    try intakes.consume()
    let client = try connect(intakes)
    var stream = ""
    for number in 0..<30_000 { stream += "\(number % 1000)\n" }
    try client.sendAll(stream)
    let messages = intakes.wait(for: 30_000)
    #expect(messages.map(\.text) == (0..<30_000).map { "\($0 % 1000)" })
    _ = intakes.finish()
  }

  @Test func aConsumerThatStopsMakesTheSenderWaitAndNothingIsLost() throws {
    let intakes = try Intakes(slabCount: 4, byteCapacity: 100_000, recordCapacity: 1000)
    _ = try intakes.listeners.bind(tcp())
    try intakes.listeners.start()
    let address = try intakes.address("tcp")
    let progress = Progress()
    let count = 300_000
    let sender = try Thread(name: "sender") {
      do {
        let client = try Socket(.stream, connectedTo: address)
        for first in stride(from: 0, to: count, by: 100) {
          try client.sendAll((first..<(first + 100)).map { "<1>message number \($0)\n" }.joined())
          progress.sent.store(first + 100, ordering: .relaxed)
        }
      } catch { Issue.record(error) }
    }
    // The slabs fill up, then the kernel's buffers, then the sender stands still.
    waitUntil("the slabs to be used up") { intakes.queue.usage.waits > 0 }
    var last = -1
    waitUntil("the sender to stand still") {
      let now = progress.sent.load(ordering: .relaxed)
      defer { last = now }
      Clock.sleep(nanoseconds: 100_000_000)
      return now == last
    }
    #expect(last < count)
    try intakes.consume()
    sender.join()
    let messages = intakes.wait(for: count)
    #expect(messages.count == count)
    let ordered = messages.indices.allSatisfy { messages[$0].text == "<1>message number \($0)" }
    #expect(ordered)
    _ = intakes.finish()
  }

  @Test func connectionsOverTheLimitAreRefused() throws {
    let intakes = try Intakes()
    let counters = try intakes.listeners.bind(tcp { $0.connectionLimit = 2 })
    try intakes.listeners.start()
    try intakes.consume()
    let first = try connect(intakes)
    let second = try connect(intakes)
    waitUntil("two connections") { counters.reading.connectionsOpen == 2 }
    let third = try connect(intakes)
    waitUntil("a refusal") { counters.reading.connectionsRefused == 1 }
    try first.sendAll("<1>a\n")
    _ = intakes.wait(for: 1)
    try second.sendAll("<1>b\n")
    #expect(intakes.wait(for: 2).map(\.text) == ["<1>a", "<1>b"])
    #expect(intakes.notices.all.contains { $0.contains("connection refused: 2 are open") })
    let losses = intakes.losses.take()
    #expect(losses.map(\.layer) == [.connectionLimit] && losses.map(\.unit) == [.connections])
    #expect(losses.first?.count == 1 && losses.first?.peer == third.localAddress())
    third.close()
    _ = intakes.finish()
  }

  @Test func unfinishedMessagesOfManyConnectionsAreStoredInPieces() throws {
    let intakes = try Intakes()
    let counters = try intakes.listeners.bind(tcp { $0.messageLimit = 262_144 })
    try intakes.listeners.start()
    try intakes.consume()
    let half = Array("<1>".utf8) + [UInt8](repeating: 65, count: 260_000)
    let most = Limits.carriedBytes / half.count
    var clients: [Client] = []
    for number in 0..<(most + 10) {
      let client = Client(try connect(intakes))
      try client.socket.sendAll(number % 2 == 0 ? half : Array("260010 ".utf8) + half)
      clients.append(client)
    }
    // What is carried is bounded, so some of it must have been stored before its end has come.
    waitUntil("pieces") { intakes.received.reduce(0) { $0 + $1.bytes.count } > 9 * half.count }
    for (number, client) in clients.enumerated() {
      try client.socket.sendAll(number % 2 == 0 ? "end\n" : "endofit")
    }
    waitUntil("the ends") { intakes.received.filter { !$0.flags.unterminated }.count == clients.count }
    var whole: [[UInt8]: [UInt8]] = [:]
    for message in intakes.received { whole[message.envelope, default: []] += message.bytes }
    #expect(whole.count == clients.count)
    for bytes in whole.values {
      #expect(bytes == half + Array("end".utf8) || bytes == half + Array("endofit".utf8))
    }
    #expect(counters.reading.overlong > 9)
    _ = intakes.finish()
  }

  @Test func aPortInUseIsSaidSo() throws {
    let intakes = try Intakes()
    _ = try intakes.listeners.bind(tcp())
    let address = try intakes.address("tcp")
    guard case .ip(_, let port) = address else { throw Missing() }
    let error = #expect(throws: ListenError.self) {
      _ = try intakes.listeners.bind(Source(id: 8, name: "second", endpoint: .tcp(address)))
    }
    #expect(
      error?.description
        == "source second: cannot listen on tcp://\(address): Address already in use; another process, "
        + "or another source, has it (ss -lnpt 'sport = :\(port)' tells which)")
  }
}

/// Keeps a connection open.
private final class Client {
  let socket: Socket
  init(_ socket: consuming Socket) { self.socket = socket }
}

private final class Progress: Sendable {
  let sent = Atomic<Int>(0)
}

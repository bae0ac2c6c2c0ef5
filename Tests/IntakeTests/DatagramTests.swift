// UDP and unix datagram sockets on this host: nothing lost unless accounted for, to the last datagram.
import Bytes
import Events
import Platform
import Syslog
import Testing

@testable import Intake

@Suite struct DatagramTests {
  private func udp(_ address: IPAddress = loopback, sockets: Int = 1) -> Source {
    Source(id: 3, name: "udp", endpoint: .udp(.ip(address, port: 0), sockets: sockets))
  }

  private func connect(_ intakes: Intakes) throws -> Socket {
    try Socket(.datagram, connectedTo: intakes.address("udp"))
  }

  @Test func eachDatagramIsOneMessageWithoutItsLastLineFeed() throws {
    let intakes = try Intakes()
    let counters = try intakes.listeners.bind(udp())
    try intakes.listeners.start()
    try intakes.consume()
    let before = Clock.realtime()
    let client = try connect(intakes)
    let longest = (0..<65_507).map { UInt8(truncatingIfNeeded: $0 &* 7) | 0x10 }
    let edge = [UInt8](repeating: 65, count: 2047) + [0x0A]
    let beyond = [UInt8](repeating: 66, count: 2048) + [0x0A]
    let sent: [[UInt8]] = [
      Array("<1>one\n".utf8), Array("<1>two".utf8), Array("<1>a\nb\n\n".utf8), [], [0x0A], longest, edge,
      beyond,
    ]
    for datagram in sent { #expect(try client.sendDatagram(datagram)) }
    let messages = intakes.wait(for: sent.count)
    for (message, datagram) in zip(messages, sent) {
      #expect(message.bytes + (message.flags.trailingLineFeed ? [0x0A] : []) == datagram)
      #expect(message.flags.framing == .datagram && message.flags.truncation == .none)
      #expect(message.source == 3)
      #expect(message.time >= before && message.time <= Clock.realtime())
      #expect(message.envelope.first == Envelope.Transport.udp.rawValue)
      #expect(message.field(.peerAddress) == [127, 0, 0, 1])
    }
    #expect(
      messages.map { $0.flags.trailingLineFeed } == [true, false, true, false, true, false, true, true])
    guard case .ip(_, let port)? = client.localAddress() else { throw Missing() }
    #expect(messages[0].field(.peerPort) == [UInt8(port & 0xFF), UInt8(port >> 8)])
    #expect(counters.reading.messages == 8)
    #expect(counters.reading.bytes == UInt64(messages.map(\.bytes.count).reduce(0, +)))
    _ = intakes.finish()
  }

  @Test func aSocketForBothFamiliesKnowsIPv4Peers() throws {
    let intakes = try Intakes()
    let any = try #require(IPAddress("::"))
    let one = try #require(IPAddress("::1"))
    _ = try intakes.listeners.bind(udp(any))
    try intakes.listeners.start()
    try intakes.consume()
    guard case .ip(_, let port) = try intakes.address("udp") else { throw Missing() }
    let v4 = try Socket(.datagram, connectedTo: .ip(loopback, port: port))
    let v6 = try Socket(.datagram, connectedTo: .ip(one, port: port))
    #expect(try v4.sendDatagram([52]))
    #expect(intakes.wait(for: 1)[0].field(.peerAddress) == [127, 0, 0, 1])
    #expect(try v6.sendDatagram([54]))
    #expect(intakes.wait(for: 2)[1].field(.peerAddress) == Array(repeating: 0, count: 15) + [1])
    _ = intakes.finish()
  }

  @Test func whatTheKernelDropsIsAccountedForToTheLast() throws {
    let intakes = try Intakes()
    var source = udp()
    source.receiveBuffer = 4096
    let counters = try intakes.listeners.bind(source)
    let client = try connect(intakes)
    let before = Clock.realtime()
    // Nobody reads yet, so the small buffer must overflow.
    var sent = 0
    for number in 0..<3000 { sent += try client.sendDatagram(Array("<1>\(number)".utf8)) ? 1 : 0 }
    #expect(sent == 3000)
    try intakes.listeners.start()
    try intakes.consume()
    waitUntil("the loss to be noticed without another datagram") { counters.reading.kernelDrops > 0 }
    // Then against a reader, in bursts that it cannot keep up with.
    for _ in 0..<20 {
      for number in 0..<1000 { sent += try client.sendDatagram(Array("<2>\(number)\n".utf8)) ? 1 : 0 }
    }
    let messages = intakes.finish()
    let losses = intakes.losses.take()
    let lost = losses.reduce(0) { $0 + Int($1.count) }
    #expect(lost > 2900)
    #expect(messages.count + lost == sent)
    #expect(counters.reading.kernelDrops == UInt64(lost))
    #expect(counters.reading.messages == UInt64(messages.count))
    // A queue that dropped something was full.
    #expect(counters.reading.receiveQueueLimit > 4096)
    #expect(counters.reading.receiveQueueHighest >= counters.reading.receiveQueueLimit)
    #expect(counters.reading.receiveQueueBytes < counters.reading.receiveQueueLimit)
    for loss in losses {
      #expect(loss.source == 3 && loss.layer == .kernelUDP)
      #expect(loss.from <= loss.to)
      #expect(loss.from <= Clock.realtime() && loss.to >= before)
    }
  }

  @Test func stoppingReadsWhatTheKernelHolds() throws {
    let intakes = try Intakes()
    _ = try intakes.listeners.bind(udp(sockets: 3))
    try intakes.listeners.start()
    try intakes.consume()
    let address = try intakes.address("udp")
    var sent = 0
    for sender in 0..<10 {
      let client = try Socket(.datagram, connectedTo: address)
      for number in 0..<200 { sent += try client.sendDatagram(Array("\(sender) \(number)".utf8)) ? 1 : 0 }
    }
    let messages = intakes.finish()
    let lost = intakes.losses.take().reduce(0) { $0 + Int($1.count) }
    #expect(messages.count + lost == sent)
    // Each sender's datagrams are in its order.
    var last = [Int](repeating: -1, count: 10)
    for message in messages {
      let parts = message.text.split(separator: " ").compactMap { Int($0) }
      #expect(parts[1] > last[parts[0]])
      last[parts[0]] = parts[1]
    }
  }

  @Test func aFloodOfSendersDoesNotMixTheirEnvelopes() throws {
    let intakes = try Intakes(slabCount: 4, byteCapacity: 100_000, recordCapacity: 300)
    _ = try intakes.listeners.bind(udp())
    try intakes.listeners.start()
    try intakes.consume()
    let address = try intakes.address("udp")
    var ports: [Int: UInt16] = [:]
    for number in 0..<500 {
      let client = try Socket(.datagram, connectedTo: address)
      guard case .ip(_, let port)? = client.localAddress() else { throw Missing() }
      ports[number] = port
      #expect(try client.sendDatagram(Array("\(number)".utf8)))
      #expect(try client.sendDatagram(Array("\(number)".utf8)))
    }
    for message in intakes.wait(for: 1000) {
      let port = try #require(Int(message.text).flatMap { ports[$0] })
      #expect(message.field(.peerPort) == [UInt8(port & 0xFF), UInt8(port >> 8)])
    }
    _ = intakes.finish()
  }

  @Test func aNapIsTooShortToOverflowTheReceiveBuffer() {
    #expect(DatagramReceiver.longestNap(receiveBuffer: 32 << 20) > Limits.nap)
    // The usual limit without privileges: 332 short datagrams.
    #expect(DatagramReceiver.longestNap(receiveBuffer: 425_984) == 83_000)
  }

  @Test func aTakenPortIsSaidSo() throws {
    let intakes = try Intakes()
    _ = try intakes.listeners.bind(udp())
    let address = try intakes.address("udp")
    let error = #expect(throws: ListenError.self) {
      _ = try intakes.listeners.bind(Source(id: 4, name: "b", endpoint: .udp(address)))
    }
    #expect(error?.cause.errno == .addressInUse)
  }
}

@Suite struct UnixDatagramTests {
  private func unix(_ path: String) -> Source {
    Source(id: 5, name: "unix", endpoint: .unixDatagram(path: path))
  }

  @Test func everyoneMayWriteAndWhoDidIsKnown() throws {
    let path = temporaryPath("unix")
    let intakes = try Intakes()
    _ = try intakes.listeners.bind(unix(path))
    let directory = try Directory("/tmp")
    let name = String(path.dropFirst(5))
    #expect(try directory.status(of: name)?.mode == 0o666)
    try intakes.listeners.start()
    try intakes.consume()
    let client = try Socket(.datagram, connectedTo: .unix(path: path))
    #expect(try client.sendDatagram(Array("<1>a\n".utf8)))
    let message = intakes.wait(for: 1)[0]
    #expect(message.text == "<1>a" && message.flags.trailingLineFeed)
    #expect(message.envelope.first == Envelope.Transport.unixDatagram.rawValue)
    let pid = UInt32(ownProcess())
    let who = try #require(message.field(.credentials))
    #expect(Array(who.prefix(4)) == (0..<4).map { UInt8(truncatingIfNeeded: pid >> ($0 * 8)) })
    #expect(message.field(.peerAddress) == nil)
    _ = intakes.finish()
    #expect(try directory.status(of: name) == nil)
  }

  @Test func aFullSocketMakesTheSenderWaitAndNothingIsLost() throws {
    let path = temporaryPath("full")
    let intakes = try Intakes()
    _ = try intakes.listeners.bind(unix(path))
    let client = try Socket(.datagram, connectedTo: .unix(path: path))
    var sent = 0
    while try client.sendDatagram(Array("\(sent)".utf8)) { sent += 1 }
    try intakes.listeners.start()
    try intakes.consume()
    while sent < 5000 {
      if try client.sendDatagram(Array("\(sent)".utf8)) {
        sent += 1
      } else {
        Clock.sleep(nanoseconds: 100_000)
      }
    }
    let messages = intakes.finish()
    #expect(messages.map(\.text) == (0..<5000).map { "\($0)" })
    #expect(intakes.losses.take() == [])
  }

  @Test func aLongDatagramIsCutAndFlagged() throws {
    let path = temporaryPath("long")
    let intakes = try Intakes()
    let counters = try intakes.listeners.bind(unix(path))
    try intakes.listeners.start()
    try intakes.consume()
    let client = try Socket(.datagram, connectedTo: .unix(path: path))
    let long = [UInt8](repeating: 65, count: 70_000)
    #expect(try client.sendDatagram(long))
    let message = intakes.wait(for: 1)[0]
    #expect(message.bytes == Array(long.prefix(65_536)))
    #expect(message.flags.truncation == .collector)
    #expect(counters.reading.overlong == 1)
    _ = intakes.finish()
  }

  @Test func aDeadSocketIsReplacedAndNothingElseIs() throws {
    let path = temporaryPath("stale")
    let directory = try Directory("/tmp")
    let name = String(path.dropFirst(5))
    defer { _ = try? directory.remove(name) }
    do { _ = try Socket(.datagram, boundTo: .unix(path: path)) }
    #expect(try directory.status(of: name)?.kind == .socket)
    let first = try Intakes()
    _ = try first.listeners.bind(unix(path))
    // Now it is alive.
    let second = try Intakes()
    let inUse = #expect(throws: ListenError.self) { _ = try second.listeners.bind(unix(path)) }
    #expect(inUse?.cause.errno == .addressInUse)
    try first.listeners.start()
    // Another file in its place is not ours to remove.
    try directory.remove(name)
    try directory.createFile(name).close()
    _ = first.finish()
    #expect(try directory.status(of: name)?.kind == .file)
    let exists = #expect(throws: ListenError.self) { _ = try second.listeners.bind(unix(path)) }
    #expect(exists?.cause.errno == .exists)
    #expect(exists?.description.hasSuffix("a file that is not a socket is there") == true)
  }
}

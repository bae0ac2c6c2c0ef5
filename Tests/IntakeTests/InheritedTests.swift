// Sockets that stay open while one process ends and the next begins: two runs on one socket play the restart.
import Bytes
import Glibc
import Intake
import Platform
import Testing

@Suite struct InheritedTests {
  private func handed(_ socket: borrowing Socket, name: String = "stele.socket") -> InheritedSockets {
    InheritedSockets([dup(socket.descriptor.number)], names: [name])
  }

  private func run(_ source: Source, on socket: borrowing Socket) throws -> Intakes {
    let intakes = try Intakes(inherited: handed(socket))
    _ = try intakes.listeners.bind(source)
    try intakes.consume()
    return intakes
  }

  private func lost(_ intakes: Intakes) -> Int {
    intakes.losses.take().reduce(0) { $0 + Int($1.count) }
  }

  @Test func whatArrivesBetweenTwoRunsIsStoredWithItsTime() throws {
    let socket = try Socket(.datagram, boundTo: .ip(loopback, port: 0))
    let address = try required(socket.localAddress())
    let source = Source(id: 3, name: "udp", endpoint: .udp(address))
    let client = try Socket(.datagram, connectedTo: address)

    let first = try run(source, on: socket)
    try first.listeners.start()
    #expect(try client.sendDatagram(Array("before".utf8)))
    #expect(first.finish().map(\.text) == ["before"])

    for number in 0..<100 { #expect(try client.sendDatagram(Array("\(number)".utf8))) }
    let sent = Clock.realtime()
    Clock.sleep(nanoseconds: 2_000_000)
    let second = try run(source, on: socket)
    try second.listeners.start()
    let messages = second.wait(for: 100)
    #expect(messages.map(\.text) == (0..<100).map { "\($0)" })
    #expect(messages.allSatisfy { $0.time <= sent })
    _ = second.finish()
    #expect(lost(first) == 0 && lost(second) == 0)
  }

  @Test func dropsAreAccountedForOnceByWhicheverRun() throws {
    let socket = try Socket(.datagram, boundTo: .ip(loopback, port: 0))
    socket.setReceiveBuffer(4096)
    let address = try required(socket.localAddress())
    var source = Source(id: 3, name: "udp", endpoint: .udp(address))
    source.receiveBuffer = 2048
    let client = try Socket(.datagram, connectedTo: address)
    var sent = 0
    var stored = 0
    var losses: [Int] = []
    for _ in 0..<3 {
      // Before somebody reads, and so between the runs, the small buffer must overflow.
      for _ in 0..<500 { sent += try client.sendDatagram(Array("<1>x".utf8)) ? 1 : 0 }
      let intakes = try run(source, on: socket)
      try intakes.listeners.start()
      stored += intakes.finish().count
      losses.append(lost(intakes))
    }
    #expect(losses.allSatisfy { $0 > 400 && $0 < 500 })
    #expect(stored + losses.reduce(0, +) == sent)
  }

  @Test func aUnixSocketKeepsItsFileAndItsQueue() throws {
    let path = temporaryPath("inherited")
    let directory = try Directory("/tmp")
    let name = String(path.dropFirst("/tmp/".count))
    defer { _ = try? directory.remove(name) }
    let socket = try Socket(.datagram, boundTo: .unix(path: path))
    let source = Source(id: 5, name: "unix", endpoint: .unixDatagram(path: path))
    let client = try Socket(.datagram, connectedTo: .unix(path: path))
    let first = try run(source, on: socket)
    try first.listeners.start()
    #expect(try client.sendDatagram(Array("one".utf8)))
    #expect(first.finish().map(\.text) == ["one"])
    #expect(try client.sendDatagram(Array("two".utf8)))
    let second = try run(source, on: socket)
    try second.listeners.start()
    #expect(second.wait(for: 1).map(\.text) == ["two"])
    _ = second.finish()
    #expect(try directory.status(of: name)?.kind == .socket)
  }

  @Test func aConnectionMadeBetweenTwoRunsIsServedByTheSecond() throws {
    let socket = try Socket(.stream, boundTo: .ip(loopback, port: 0))
    try socket.listen()
    let address = try required(socket.localAddress())
    let source = Source(id: 7, name: "tcp", endpoint: .tcp(address))
    let first = try run(source, on: socket)
    try first.listeners.start()
    _ = first.finish()
    let client = try Socket(.stream, connectedTo: address)
    try client.sendAll("<1>one\n")
    let second = try run(source, on: socket)
    try second.listeners.start()
    #expect(second.wait(for: 1).map(\.text) == ["<1>one"])
    _ = second.finish()
  }

  @Test func aUnixStreamSocketKeepsItsFileAndItsConnections() throws {
    let path = temporaryPath("inherited")
    let directory = try Directory("/tmp")
    let name = String(path.dropFirst("/tmp/".count))
    defer { _ = try? directory.remove(name) }
    let socket = try Socket(.stream, boundTo: .unix(path: path))
    try socket.listen()
    let source = Source(id: 5, name: "unix", endpoint: .unixStream(path: path))
    let first = try run(source, on: socket)
    try first.listeners.start()
    _ = first.finish()
    #expect(try directory.status(of: name)?.kind == .socket)
    let client = try Socket(.stream, connectedTo: .unix(path: path))
    try client.sendAll("<1>one\n")
    let second = try run(source, on: socket)
    try second.listeners.start()
    #expect(second.wait(for: 1).map(\.text) == ["<1>one"])
    _ = second.finish()
  }

  @Test func aSocketIsFoundByAddressOrNameAndOneThatNobodyWantsIsTold() throws {
    let udp = try Socket(.datagram, boundTo: .ip(loopback, port: 0))
    let other = try Socket(.datagram, boundTo: .ip(loopback, port: 0))
    let address = try required(udp.localAddress())
    let otherAddress = try required(other.localAddress())
    let sockets = InheritedSockets(
      [dup(udp.descriptor.number), dup(other.descriptor.number)], names: ["stele.socket", "edge"])
    let intakes = try Intakes(inherited: sockets)
    // A listening socket is none for datagrams: this one is opened beside it.
    _ = try intakes.listeners.bind(Source(id: 1, name: "tcp", endpoint: .tcp(address)))
    #expect(sockets.unclaimed.count == 2)
    _ = try intakes.listeners.bind(
      Source(id: 2, name: "edge", endpoint: .udp(.ip(IPAddress(v4: 0), port: 514))))
    #expect(intakes.listeners.address(of: "edge") == otherAddress)
    #expect(sockets.unclaimed == ["datagram socket \(address) (stele.socket)"])
    _ = try intakes.listeners.bind(Source(id: 3, name: "udp", endpoint: .udp(address)))
    #expect(sockets.unclaimed.isEmpty)
  }
}

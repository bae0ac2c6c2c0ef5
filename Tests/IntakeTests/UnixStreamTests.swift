// Unix stream sockets: the file, who connects, what breaks off, and back-pressure.
import Events
import Intake
import Platform
import Synchronization
import Syslog
import Testing

@Suite struct UnixStreamTests {
  private let path = temporaryPath("stream")
  private var address: SocketAddress { .unix(path: path) }
  private var name: String { String(path.dropFirst("/tmp/".count)) }

  private func unix(_ id: UInt32 = 5, _ name: String = "unix") -> Source {
    Source(id: id, name: name, endpoint: .unixStream(path: path))
  }

  @Test func everyoneMayConnectAndWhoDidIsKnown() throws {
    let intakes = try Intakes()
    _ = try intakes.listeners.bind(unix())
    let directory = try Directory("/tmp")
    #expect(try directory.status(of: name)?.mode == 0o666)
    try intakes.listeners.start()
    try intakes.consume()
    let client = try Socket(.stream, connectedTo: address)
    try client.sendAll("<1>line\n6 <2>\ntw<3>nul\0")
    let messages = intakes.wait(for: 3)
    #expect(messages.map(\.text) == ["<1>line", "<2>\ntw", "<3>nul"])
    #expect(messages.map(\.flags.framing) == [.lineFeed, .octetCounting, .nul])
    let who = ownCredentials()
    for message in messages {
      #expect(message.envelope.first == Envelope.Transport.unixStream.rawValue)
      #expect(message.field(.connection) == [1, 0, 0, 0, 0, 0, 0, 0])
      #expect(message.field(.peerAddress) == nil)
      let bytes = who.flatMap { number in (0..<4).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) } }
      #expect(message.field(.credentials) == bytes)
    }
    _ = intakes.finish()
    #expect(try directory.status(of: name) == nil)
  }

  /// A sender that is killed cannot end its frame. What came of it is stored, flagged and accounted for.
  @Test func aSenderThatIsKilledInsideAFrameLeavesWhatCame() throws {
    let intakes = try Intakes()
    let counters = try intakes.listeners.bind(unix())
    try intakes.listeners.start()
    try intakes.consume()
    _ = shell(
      #"perl -MSocket -e 'socket(S, PF_UNIX, SOCK_STREAM, 0); connect(S, sockaddr_un("\#(path)")) or die; "#
        + #"syswrite(S, "<1>whole\n100 <2>half"); kill 9, $$'"#)
    let messages = intakes.wait(for: 2)
    #expect(messages.map(\.text) == ["<1>whole", "<2>half"])
    #expect(messages.map(\.flags.cut) == [false, true])
    _ = intakes.finish()
    #expect(counters.reading.cutFrames == 1)
    let losses = intakes.losses.take()
    #expect(losses.map(\.layer) == [.cut] && losses.first?.source == 5 && losses.first?.peer == nil)
  }

  /// The sender waits for as long as nothing takes messages out of the slabs, and loses nothing.
  @Test func aSenderWaitsWhenAllSlabsAreFull() throws {
    let intakes = try Intakes(slabCount: 4, byteCapacity: 100_000, recordCapacity: 1000)
    _ = try intakes.listeners.bind(unix())
    try intakes.listeners.start()
    let address = address
    // More than the slabs and the kernel's buffers hold.
    let count = 100_000
    let isSent = Flag()
    let sender = try Thread(name: "sender") {
      do {
        let client = try Socket(.stream, connectedTo: address)
        for first in stride(from: 0, to: count, by: 100) {
          try client.sendAll((first..<(first + 100)).map { "<1>message number \($0)\n" }.joined())
        }
        isSent.raise()
      } catch { Issue.record(error) }
    }
    waitUntil("the slabs to be used up") { intakes.queue.usage.waits > 0 }
    #expect(!isSent.isUp)
    try intakes.consume()
    sender.join()
    let messages = intakes.wait(for: count)
    let isOrdered = messages.indices.allSatisfy { messages[$0].text == "<1>message number \($0)" }
    #expect(messages.count == count && isOrdered)
    _ = intakes.finish()
    #expect(intakes.losses.take() == [])
  }

  private final class Flag: Sendable {
    private let value = Atomic(false)
    var isUp: Bool { value.load(ordering: .acquiring) }
    func raise() { value.store(true, ordering: .releasing) }
  }

  @Test func aDeadSocketIsReplacedAndALiveOneIsNotDisturbed() throws {
    let directory = try Directory("/tmp")
    defer { _ = try? directory.remove(name) }
    do { try Socket(.stream, boundTo: address).listen() }
    #expect(try directory.status(of: name)?.kind == .socket)
    let first = try Intakes()
    let counters = try first.listeners.bind(unix())
    try first.listeners.start()
    try first.consume()
    let second = try Intakes()
    let others: [Source.Endpoint] = [.unixStream(path: path), .unixDatagram(path: path)]
    for endpoint in others {
      let refused = #expect(throws: ListenError.self) {
        _ = try second.listeners.bind(Source(id: 6, name: "other", endpoint: endpoint))
      }
      #expect(refused?.cause.errno == .addressInUse)
    }
    let client = try Socket(.stream, connectedTo: address)
    try client.sendAll("<1>still there\n")
    #expect(first.wait(for: 1).map(\.text) == ["<1>still there"])
    #expect(counters.reading.connectionsAccepted == 1)
    // Another file in its place is not ours to remove.
    try directory.remove(name)
    try directory.createFile(name).close()
    _ = first.finish()
    #expect(try directory.status(of: name)?.kind == .file)
    let exists = #expect(throws: ListenError.self) { _ = try second.listeners.bind(unix()) }
    #expect(exists?.cause.errno == .exists)
    _ = second.finish()
  }

  @Test func anotherSourceTakesTheSocketOverAndTheFileGoesWithTheLast() throws {
    let intakes = try Intakes()
    let counters = try intakes.listeners.bind(unix())
    try intakes.listeners.start()
    try intakes.consume()
    let before = try Socket(.stream, connectedTo: address)
    try before.sendAll("<1>before\n")
    _ = intakes.wait(for: 1)
    #expect(unix().sharesSocket(with: unix(9, "next")))
    intakes.listeners.hand(5, to: unix(9, "next"))
    waitUntil("the old connection's end") { counters.reading.connectionsOpen == 0 }
    let after = try Socket(.stream, connectedTo: address)
    try after.sendAll("<1>after\n")
    #expect(intakes.wait(for: 2).map(\.source) == [5, 9])
    intakes.listeners.remove(9)
    #expect(try Directory("/tmp").status(of: name) == nil)
    #expect(throws: SystemError.self) { _ = try Socket(.stream, connectedTo: address) }
    _ = intakes.finish()
  }

  @Test func connectionsAboveTheLimitAndSilentOnesAreEnded() throws {
    var source = unix()
    source.connectionLimit = 1
    source.idleTimeout = 200_000_000
    let intakes = try Intakes()
    let counters = try intakes.listeners.bind(source)
    try intakes.listeners.start()
    try intakes.consume()
    let first = try Socket(.stream, connectedTo: address)
    waitUntil("the first") { counters.reading.connectionsAccepted == 1 }
    let second = try Socket(.stream, connectedTo: address)
    waitUntil("its end for its silence") { counters.reading.connectionsIdle == 1 }
    _ = (first.localAddress(), second.localAddress())
    _ = intakes.finish()
    #expect(counters.reading.connectionsRefused == 1)
    #expect(intakes.losses.take().map(\.layer) == [.connectionLimit])
  }
}

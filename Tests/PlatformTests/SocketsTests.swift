// Addresses, sockets, batches of datagrams and event polling, on loopback.
import Bytes
import Platform
import Testing

@Suite struct AddressesTests {
  @Test(arguments: [
    "0.0.0.0", "127.0.0.1", "255.255.255.255", "::", "::1", "2001:db8::1", "fe80::1:2:3:4",
    "1:2:3:4:5:6:7:8", "::ffff:192.0.2.1",
  ])
  func textAndBytesComeBack(_ text: String) throws {
    let address = try #require(IPAddress(text))
    #expect("\(address)" == text)
    var buffer = ByteBuffer()
    address.append(to: &buffer)
    #expect(buffer.count == address.byteCount)
    #expect(IPAddress(buffer.view) == address)
  }

  @Test(arguments: ["", "1.2.3", "1.2.3.4.5", "256.1.1.1", ":::", "localhost", "1.2.3.4 "])
  func whatIsNoAddressIsNone(_ text: String) {
    #expect(IPAddress(text) == nil)
  }

  @Test func aMappedAddressIsTheAddressInIt() throws {
    #expect(try #require(IPAddress("::ffff:192.0.2.1")).unmapped == IPAddress("192.0.2.1"))
    #expect(try #require(IPAddress("::1")).unmapped == IPAddress("::1"))
    let other = try #require(IPAddress("2001:db8::ffff:c000:201"))
    #expect(other.unmapped == other)
  }

  @Test func socketAddressesArePrintedAsConfigurationsWriteThem() throws {
    let v6 = try #require(IPAddress("2001:db8::1"))
    #expect("\(SocketAddress.ip(IPAddress(v4: 0x7F00_0001), port: 514))" == "127.0.0.1:514")
    #expect("\(SocketAddress.ip(v6, port: 6514))" == "[2001:db8::1]:6514")
    let resolved = try SocketAddress.resolve(host: "127.0.0.1", port: 5)
    #expect(resolved == [.ip(IPAddress(v4: 0x7F00_0001), port: 5)])
    #expect(try SocketAddress.resolve(host: "localhost", port: 5).isEmpty == false)
    #expect(throws: ResolveError.self) { try SocketAddress.resolve(host: "no such host.invalid", port: 5) }
  }
}

@Suite struct SocketsTests {
  private let any = SocketAddress.ip(IPAddress(v4: 0x7F00_0001), port: 0)

  private func bound(_ socket: borrowing Socket) throws -> SocketAddress {
    let address = socket.localAddress()
    return try #require(address)
  }

  private func send(_ text: String, _ socket: borrowing Socket) throws {
    let sent = try Array(text.utf8).withView { bytes throws(SystemError) in try socket.send(bytes) }
    #expect(sent == text.utf8.count)
  }

  private func receive(_ socket: borrowing Socket, _ buffer: inout [UInt8]) throws -> Socket.Received {
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: buffer.count, alignment: 1)
    defer { unsafe bytes.deallocate() }
    let received = try unsafe socket.receive(into: bytes)
    buffer = unsafe Array(bytes)
    return received
  }

  private func wait(_ poll: borrowing EventPoll) throws -> [UInt64] {
    var tokens = HeapArray<UInt64>(count: 8) { _ in 0 }
    let count = try poll.wait(into: &tokens, timeout: 10_000_000_000)
    return (0..<count).map { tokens[$0] }
  }

  @Test func aStreamIsAcceptedReadAndEnds() throws {
    let listener = try Socket(.stream, boundTo: any)
    try listener.listen()
    let none = try listener.accept() == nil
    #expect(none)
    let client = try Socket(.stream, connectedTo: bound(listener))
    let poll = try EventPoll()
    try poll.add(listener.descriptor, token: 7)
    #expect(try wait(poll) == [7])
    guard let server = try listener.accept() else {
      Issue.record("nothing to accept")
      return
    }
    let addresses = (server.peerAddress(), client.localAddress())
    #expect(addresses.0 == addresses.1)
    try poll.remove(listener.descriptor)
    try poll.add(server.descriptor, token: 8)
    var buffer = [UInt8](repeating: 0, count: 10)
    let nothing = try receive(server, &buffer)
    #expect(nothing == .nothing)
    try send("hello", client)
    #expect(try wait(poll) == [8])
    let waiting = server.waitingBytes
    #expect(waiting == 5)
    let got = try receive(server, &buffer)
    #expect(got == .bytes(5) && buffer.prefix(5).elementsEqual("hello".utf8))
    client.shutdownSending()
    #expect(try wait(poll) == [8])
    let end = try receive(server, &buffer)
    #expect(end == .end)
  }

  @Test func sendingToAClosedPeerIsAnErrorAndNoSignal() throws {
    let listener = try Socket(.stream, boundTo: any)
    try listener.listen()
    let client = try Socket(.stream, connectedTo: bound(listener))
    do { _ = try listener.accept() }
    let error = #expect(throws: SystemError.self) {
      // The first is answered with a reset.
      for _ in 0..<100 {
        try send("x", client)
        Clock.sleep(nanoseconds: 1_000_000)
      }
    }
    #expect(error?.errno == .brokenPipe || error?.errno == .connectionReset)
  }

  @Test func aBatchHoldsWhatWasSentWithTimesAndSenders() throws {
    let receiver = try Socket(.datagram, boundTo: any)
    try receiver.enableReceiveTimesAndDropCounts()
    let sender = try Socket(.datagram, connectedTo: bound(receiver))
    let before = Clock.realtime()
    for text in ["one", "", String(repeating: "x", count: 5000)] { try send(text, sender) }
    let batch = try DatagramBatch(capacity: 2)
    let first = try batch.receive(from: receiver)
    #expect(first == 2)
    let datagram = batch[0]
    let empty = batch[1]
    #expect(datagram.length == 3 && empty.length == 0 && !datagram.isTruncated && datagram.drops == 0)
    #expect(datagram.time >= before && datagram.time <= Clock.realtime())
    let peer = datagram.peer
    let from = sender.localAddress()
    #expect(peer.address.map { .ip($0, port: peer.port) } == from)
    let short = (batch.head(0, length: 3).text, batch.tail(0, length: 3).text)
    #expect(short == ("one", ""))
    let second = try batch.receive(from: receiver)
    let length = batch[0].length
    #expect(second == 1 && length == 5000)
    let parts = (batch.head(0, length: 5000).count, batch.tail(0, length: 5000).count)
    #expect(parts == (2048, 2952))
    let text = batch.head(0, length: 5000).text + batch.tail(0, length: 5000).text
    #expect(text == String(repeating: "x", count: 5000))
    let third = try batch.receive(from: receiver)
    #expect(third == 0)
  }

  @Test func whatARefusingSocketDropsIsCounted() throws {
    let receiver = try Socket(.datagram, boundTo: any)
    let sender = try Socket(.datagram, connectedTo: bound(receiver))
    try send("in time", sender)
    try receiver.refuseDatagrams()
    for _ in 0..<5 { try send("late", sender) }
    let queue = try receiver.receiveQueue()
    #expect(queue.drops == 5)
    #expect(queue.bytes > 0 && queue.bytes < queue.limit)
    #expect(Int(queue.limit) == receiver.receiveBuffer)
    let batch = try DatagramBatch(capacity: 8)
    let count = try batch.receive(from: receiver)
    let text = batch.head(0, length: batch[0].length).text
    #expect(count == 1 && text == "in time")
  }

  @Test func aFlagStaysRaisedUntilLowered() throws {
    let flag = try EventFlag()
    let poll = try EventPoll()
    try poll.add(flag.descriptor, token: 3)
    var tokens = HeapArray<UInt64>(count: 1) { _ in 0 }
    let before = try poll.wait(into: &tokens, timeout: 0)
    flag.raise()
    flag.raise()
    let raised = try poll.wait(into: &tokens, timeout: 0)
    flag.lower()
    let lowered = try poll.wait(into: &tokens, timeout: 0)
    #expect([before, raised, lowered] == [0, 1, 0])
  }

  @Test func aPathThatIsTooLongForASocketIsAnError() {
    let path = "/tmp/" + String(repeating: "x", count: 200)
    let error = #expect(throws: SystemError.self) { _ = try Socket(.datagram, boundTo: .unix(path: path)) }
    #expect(error?.description == "cannot bind \(path): File name too long")
  }
}

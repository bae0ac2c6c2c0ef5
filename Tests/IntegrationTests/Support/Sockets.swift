import Bytes
import Platform
import Testing

let loopback = IPAddress(v4: 0x7F00_0001)

/// Ports of 127.0.0.1 that nobody uses now, for programs that cannot tell which port the kernel gave them.
func freePorts(_ count: Int) throws -> [UInt16] {
  // All are held until the last is known, so that no two are the same.
  var ports: [UInt16] = []
  var held: [Held] = []
  for _ in 0..<count {
    let socket = try Held()
    ports.append(socket.port)
    held.append(socket)
  }
  return ports
}

private final class Held {
  let socket: Socket
  let port: UInt16

  init() throws {
    socket = try Socket(.stream, boundTo: .ip(loopback, port: 0))
    port = try localPort(socket)
  }
}

func localPort(_ socket: borrowing Socket) throws -> UInt16 {
  guard case .ip(_, let port) = socket.localAddress() else { throw Missing(what: "local address") }
  return port
}

struct Missing: Error { var what: String }

/// Whether something accepts connections there.
func accepts(_ port: UInt16) -> Bool { (try? Socket(.stream, connectedTo: .ip(loopback, port: port))) != nil }

extension Socket {
  /// Sends all, however long the peer takes to make room, up to 10 s.
  func sendAll(_ bytes: [UInt8]) throws {
    let deadline = Clock.monotonic() + 10_000_000_000
    try bytes.withView { view throws(SystemError) in
      var rest = view
      while !rest.isEmpty, Clock.monotonic() < deadline {
        let sent = try send(rest)
        if sent == 0 { Clock.sleep(nanoseconds: 200_000) }
        rest = rest.dropFirst(sent)
      }
    }
  }

  /// Appends what has come; false at the end of the stream. Waits up to `seconds` for the first byte.
  func receive(into bytes: inout [UInt8], seconds: Int64 = 10) throws -> Bool {
    let deadline = Clock.monotonic() + seconds * 1_000_000_000
    while Clock.monotonic() < deadline {
      var received = Received.nothing
      let piece = try unsafe [UInt8](unsafeUninitializedCapacity: 65_536) { buffer, count in
        received = try unsafe self.receive(into: UnsafeMutableRawBufferPointer(buffer))
        if case .bytes(let number) = received { count = number }
      }
      switch received {
      case .bytes:
        bytes += piece
        return true
      case .end: return false
      case .nothing: Clock.sleep(nanoseconds: 200_000)
      }
    }
    throw Missing(what: "data from \(path) in \(seconds) s")
  }
}

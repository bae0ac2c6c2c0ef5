import Bytes
import Platform
import Synchronization

/// A log target of the test's own: keeps each datagram as it came, and may pass it on as it came.
final class Receiver: Sendable {
  private let socket: Socket
  /// Where each datagram goes on to.
  private let next: Socket?
  private let kept = Mutex<[[UInt8]]>([])
  /// Passes on all but every so many-th.
  private let gap: Int?
  private let isStopping = Atomic(false)
  /// 0 for a unix socket.
  let port: UInt16

  /// On a UDP port of the kernel's choice, or on the unix socket `path`.
  static func start(
    path: String? = nil, forwardingTo port: UInt16? = nil, droppingEvery gap: Int? = nil
  ) throws -> Receiver {
    let receiver = try Receiver(path, port, gap)
    let thread = try Platform.Thread(name: "receiver") { [weak receiver] in
      while let receiver, !receiver.isStopping.load(ordering: .acquiring) {
        if !receiver.take() { Clock.sleep(nanoseconds: 300_000) }
      }
    }
    _ = thread
    return receiver
  }

  private init(_ path: String?, _ target: UInt16?, _ gap: Int?) throws {
    self.gap = gap
    let made = try Socket(.datagram, boundTo: path.map { .unix(path: $0) } ?? .ip(loopback, port: 0))
    made.setReceiveBuffer(8 << 20)
    port = path == nil ? try localPort(made) : 0
    if let target {
      next = try Socket(.datagram, connectedTo: .ip(loopback, port: target))
    } else {
      next = nil
    }
    socket = made
  }

  deinit { isStopping.store(true, ordering: .releasing) }

  private func take() -> Bool {
    var received = Socket.Received.nothing
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: 65_536) { buffer, count in
      received = (try? unsafe socket.receive(into: UnsafeMutableRawBufferPointer(buffer))) ?? .nothing
      if case .bytes(let number) = received { count = number }
    }
    guard case .bytes = received else { return false }
    let count = kept.withLock { kept in
      kept.append(bytes)
      return kept.count
    }
    if gap.map({ count % $0 != 0 }) ?? true { try? next?.sendAll(bytes) }
    return true
  }

  /// How many were not passed on.
  var dropped: Int { gap.map { datagrams.count / $0 } ?? 0 }

  /// The datagrams so far.
  var datagrams: [[UInt8]] { kept.withLock { $0 } }

  /// The same without the one line feed that ends most.
  var messages: [[UInt8]] { datagrams.map { $0.last == 10 ? Array($0.dropLast()) : $0 } }
}

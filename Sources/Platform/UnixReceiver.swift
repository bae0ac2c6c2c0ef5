import Glibc

/// Somebody who takes single datagrams at a unix socket, such as the service manager.
struct UnixReceiver: Sendable {
  private let name: [UInt8]

  /// `socket` is a path, or, after `@`, a name in the abstract namespace. Nil when it is neither.
  init?(_ socket: String) {
    var name = Array(socket.utf8)
    guard name.count > 1, name.count < 108, !name.contains(0) else { return nil }
    guard name[0] == UInt8(ascii: "/") || name[0] == UInt8(ascii: "@") else { return nil }
    if name[0] == UInt8(ascii: "@") { name[0] = 0 }
    self.name = name
  }

  /// Sends one datagram. Who does not listen is not waited for; returns whether it was sent. Each time with a
  /// new socket: the receiver may have been restarted.
  func send(_ bytes: [UInt8]) -> Bool {
    let type = Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
    let number = socket(AF_UNIX, type, 0)
    if number < 0 { return false }
    let descriptor = FileDescriptor(owning: number, path: "unix socket")
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: name) }
    let size = socklen_t(MemoryLayout<sa_family_t>.size + name.count)
    let sent = unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { target in
        uninterrupted {
          unsafe sendto(descriptor.number, bytes, bytes.count, Int32(MSG_NOSIGNAL), target, size)
        }
      }
    }
    return sent == bytes.count
  }
}

import Glibc

/// The service manager that started this process and wants to hear how it is doing (sd_notify(3)).
public struct ServiceManager: Sendable {
  private let socketName: [UInt8]

  /// Nil when nobody wants to hear: `NOTIFY_SOCKET` is not set, or is no socket's name.
  public init?() {
    guard let name = Process.environment("NOTIFY_SOCKET") else { return nil }
    self.init(socket: name)
  }

  /// `socket` is a path, or, after `@`, a name in the abstract namespace.
  public init?(socket: String) {
    var name = Array(socket.utf8)
    guard name.count > 1, name.count < 108, !name.contains(0) else { return nil }
    guard name[0] == UInt8(ascii: "/") || name[0] == UInt8(ascii: "@") else { return nil }
    if name[0] == UInt8(ascii: "@") { name[0] = 0 }
    socketName = name
  }

  /// Sends one state, such as `READY=1`; several are separated by line feeds. A manager that does not listen
  /// is not waited for. Returns whether it was sent.
  @discardableResult public func notify(_ state: String) -> Bool {
    let type = Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
    let number = socket(AF_UNIX, type, 0)
    if number < 0 { return false }
    let descriptor = FileDescriptor(owning: number, path: "NOTIFY_SOCKET")
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: socketName) }
    let size = socklen_t(MemoryLayout<sa_family_t>.size + socketName.count)
    let bytes = Array(state.utf8)
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

import Foundation
import Testing

/// What a service manager gives to its services to report to (sd_notify(3)).
final class NotifySocket {
  /// For `NOTIFY_SOCKET`: a path, or, after `@`, a name in the abstract namespace.
  let name: String
  private let number: Int32

  init(_ name: String) throws {
    self.name = name
    let number = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
    self.number = number
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    var bytes = Array(name.utf8)
    let isAbstract = name.hasPrefix("@")
    if isAbstract { bytes[0] = 0 }
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
    let size = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count + (isAbstract ? 0 : 1))
    let bound = unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe bind(number, $0, size) }
    }
    try #require(bound == 0)
  }

  deinit { close(number) }

  /// What has been told since the last call, one state a line.
  func states() -> [Substring] {
    var told = ""
    var buffer = [UInt8](repeating: 0, count: 4096)
    while case let count = unsafe recv(number, &buffer, buffer.count, Int32(MSG_DONTWAIT)), count > 0 {
      told += String(decoding: buffer.prefix(count), as: UTF8.self) + "\n"
    }
    return told.split(separator: "\n")
  }
}

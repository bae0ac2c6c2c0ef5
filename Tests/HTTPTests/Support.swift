import Glibc
import HTTP
import Platform
import Testing

/// A TCP connection on which a test says whatever it likes, byte by byte.
final class RawConnection {
  private let number: Int32

  init(_ address: HTTPListenAddress) throws {
    var port: UInt16 = 0
    if case .host(_, let chosen) = address { port = chosen }
    number = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var name = sockaddr_in()
    name.sin_family = sa_family_t(AF_INET)
    name.sin_port = port.bigEndian
    name.sin_addr.s_addr = unsafe inet_addr("127.0.0.1")
    let result = unsafe withUnsafePointer(to: &name) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe connect(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    try #require(result == 0)
  }

  deinit { close(number) }

  /// False when the other side does not listen any more.
  @discardableResult func send(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    return unsafe Glibc.send(number, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
  }

  /// Everything up to the end of the connection.
  func readToEnd() -> String {
    var all: [UInt8] = []
    var bytes = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = unsafe recv(number, &bytes, bytes.count, 0)
      if count <= 0 { break }
      all += bytes.prefix(count)
    }
    return String(decoding: all, as: UTF8.self)
  }
}

/// A server with a few routes.
func withServer(
  _ limits: HTTPServer.Limits = HTTPServer.Limits(), _ routes: [HTTPRoute] = [],
  _ body: (HTTPListenAddress) throws -> Void
) throws {
  let echo = HTTPRoute("POST", "/echo") { query in
    HTTPReply(
      200, query.body, type: query.header("content-type"),
      headers: [HTTPHeader("X-Seen", query.header("x-asked") ?? "nothing")])
  }
  let page = HTTPRoute("GET", "/page/*") { HTTPReply(200, "\($0.path) \($0.parameters ?? "-")") }
  let server = try RunningHTTPServer(.host("127.0.0.1", port: 0), routes + [echo, page], limits)
  defer { server.stop() }
  try body(server.address)
}

/// Lets those who wait pass once it is open.
final class Gate: @unchecked Sendable {
  private let lock = Lock()
  private let changed = Condition()
  private var isOpen = false

  func open() {
    lock.withLock { isOpen = true }
    changed.broadcast()
  }

  func wait() { lock.withLock { while !isOpen { changed.wait(lock) } } }
}

/// A value that a thread leaves for those who join it.
final class Box<Value>: @unchecked Sendable {
  var value: Value
  init(_ value: Value) { self.value = value }
}

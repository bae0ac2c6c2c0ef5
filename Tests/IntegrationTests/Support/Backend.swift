import Bytes
import Platform
import Synchronization
import Testing

/// The server behind the load balancer. What it answers stands in the request target:
///
///     ?s=404     status
///     ?n=5000    bytes of the body
///     ?d=120     milliseconds before the answer
///     ?x=1       hangs up instead of answering
final class Backend: Sendable {
  let port: UInt16
  private let isStopping = Atomic(false)
  private let threads = Mutex<[Platform.Thread]>([])

  init() throws {
    let socket = try Socket(.stream, boundTo: .ip(loopback, port: 0))
    try socket.listen()
    port = try localPort(socket)
    let number = socket.descriptor.number
    try Self.start(Held(socket), self, number)
  }

  private static func start(_ held: Held, _ backend: Backend, _ number: Int32) throws {
    let thread = try Platform.Thread(name: "backend") { [weak backend] in
      while let backend, !backend.isStopping.load(ordering: .acquiring) {
        if let connection = try? held.socket.accept() {
          backend.serve(Held(connection))
        } else {
          Clock.sleep(nanoseconds: 500_000)
        }
      }
    }
    backend.threads.withLock { $0.append(thread) }
  }

  /// So that a thread may own a socket.
  private final class Held: Sendable {
    let socket: Socket
    init(_ socket: consuming Socket) { self.socket = socket }
  }

  deinit { stop() }

  func stop() { isStopping.store(true, ordering: .releasing) }

  private func serve(_ held: Held) {
    let thread = try? Platform.Thread(name: "connection") {
      var bytes: [UInt8] = []
      while (try? held.socket.receive(into: &bytes, seconds: 5)) == true {
        while let request = Request(&bytes) {
          if request.hangsUp { return }
          if request.delay > 0 { Clock.sleep(nanoseconds: request.delay * 1_000_000) }
          guard (try? held.socket.sendAll(request.answer)) != nil else { return }
        }
      }
    }
    if let thread { threads.withLock { $0.append(thread) } }
  }

  /// One whole request.
  private struct Request {
    var method: Substring
    var status = 200
    var size = 12
    var delay: Int64 = 0
    var hangsUp = false

    /// Takes a request from the front of `bytes`; nil while it is not there as a whole.
    init?(_ bytes: inout [UInt8]) {
      let text = String(decoding: bytes, as: UTF8.self)
      guard let end = text.firstRange(of: "\r\n\r\n") else { return nil }
      let lines = text[..<end.lowerBound].split(separator: "\r\n")
      let length = lines.first { $0.lowercased().hasPrefix("content-length:") }
        .flatMap { Int($0.dropFirst(15).filter { $0 != " " }) }
      var head = 0
      while Array(bytes[head..<head + 4]) != [13, 10, 13, 10] { head += 1 }
      let count = head + 4 + (length ?? 0)
      guard bytes.count >= count else { return nil }
      bytes.removeFirst(count)
      let words = lines.first?.split(separator: " ") ?? []
      method = words.first ?? ""
      for pair in (words.dropFirst().first ?? "").split(separator: "?").last?.split(separator: "&") ?? [] {
        let value = Int(pair.dropFirst(2)) ?? 0
        switch pair.prefix(2) {
        case "s=": status = value
        case "n=": size = value
        case "d=": delay = Int64(value)
        case "x=": hangsUp = true
        default: break
        }
      }
    }

    var answer: [UInt8] {
      let hasBody = status != 204 && status != 304
      var bytes = Array("HTTP/1.1 \(status) Said\r\nContent-Type: text/plain\r\n".utf8)
      if hasBody { bytes += Array("Content-Length: \(size)\r\n".utf8) }
      bytes += Array("\r\n".utf8)
      if hasBody, method != "HEAD" { bytes += [UInt8](repeating: UInt8(ascii: "b"), count: size) }
      return bytes
    }
  }
}

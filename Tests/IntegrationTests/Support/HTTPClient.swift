import Bytes
import Platform

/// What one request gave, as its client saw it.
struct Answer: Sendable {
  /// 0 when there was none.
  var status = 0
  /// Bytes of the whole response, and of its body.
  var byteCount = 0
  var bodyCount = 0
  /// The client's port.
  var port: UInt16
  /// From before the connection or request to after the response.
  var start: Int64
  var end: Int64
  var nanoseconds: Int64 { end - start }
}

/// A client that says exactly what it is told to.
struct HTTPConnection: ~Copyable {
  private let socket: Socket
  let port: UInt16
  private let opened: Int64
  private var rest: [UInt8] = []
  private var isFirst = true

  init(_ port: UInt16) throws {
    opened = Clock.realtime()
    let made = try Socket(.stream, connectedTo: .ip(loopback, port: port))
    made.disableDelay()
    self.port = try localPort(made)
    socket = made
  }

  func send(_ bytes: [UInt8]) throws { try socket.sendAll(bytes) }

  /// Sends a request and reads its response. `HEAD` has none of the body that its header tells.
  mutating func exchange(_ request: [UInt8], isHead: Bool = false) throws -> Answer {
    var answer = Answer(port: port, start: isFirst ? opened : Clock.realtime(), end: 0)
    isFirst = false
    try send(request)
    var bytes = rest
    rest = []
    var total: Int?
    while total.map({ bytes.count < $0 }) ?? true {
      // A peer that hangs up has said all that it will say.
      guard (try? socket.receive(into: &bytes)) == true else { break }
      if total == nil, let head = Self.headCount(bytes) {
        total = Self.contentLength(bytes[..<head]).map { head + (isHead ? 0 : $0) }
        if isHead { total = head }
      }
    }
    answer.end = Clock.realtime()
    let head = Self.headCount(bytes) ?? bytes.count
    let count = min(total ?? bytes.count, bytes.count)
    rest = Array(bytes[count...])
    answer.byteCount = count
    answer.bodyCount = max(0, count - head)
    answer.status = Self.status(bytes)
    return answer
  }

  /// Waits until the peer ends the connection; what it still says counts for nothing.
  consuming func drain() {
    var bytes: [UInt8] = []
    while (try? socket.receive(into: &bytes)) == true {}
  }

  consuming func close() {}

  private static func headCount(_ bytes: [UInt8]) -> Int? {
    let mark: [UInt8] = [13, 10, 13, 10]
    guard bytes.count >= 4 else { return nil }
    for index in 0...bytes.count - 4 where Array(bytes[index..<index + 4]) == mark { return index + 4 }
    return nil
  }

  private static func contentLength(_ head: ArraySlice<UInt8>) -> Int? {
    for line in String(decoding: head, as: UTF8.self).lowercased().split(separator: "\r\n")
    where line.hasPrefix("content-length:") {
      return Int(line.dropFirst(15).filter { $0 != " " })
    }
    return nil
  }

  private static func status(_ bytes: [UInt8]) -> Int {
    let words = String(decoding: bytes.prefix(40), as: UTF8.self).split(separator: " ")
    return words.count > 1 && words[0].hasPrefix("HTTP/") ? Int(words[1]) ?? 0 : 0
  }
}

/// One request on a connection of its own.
func request(_ port: UInt16, _ bytes: [UInt8], isHead: Bool = false) throws -> Answer {
  var connection = try HTTPConnection(port)
  return try connection.exchange(bytes, isHead: isHead)
}

/// The bytes of a request with the header that every request has.
func httpRequest(
  _ method: String, _ target: [UInt8], headers: [String] = [], body: [UInt8]? = nil, close: Bool = true
) -> [UInt8] {
  var bytes = Array("\(method) ".utf8) + target + Array(" HTTP/1.1\r\nHost: shop.example.com\r\n".utf8)
  for header in headers { bytes += Array("\(header)\r\n".utf8) }
  if let body { bytes += Array("Content-Length: \(body.count)\r\n".utf8) }
  return bytes + Array((close ? "Connection: close\r\n\r\n" : "\r\n").utf8) + (body ?? [])
}

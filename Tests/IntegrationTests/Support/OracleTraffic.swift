import Bytes
import Platform
import TLS
import TestSupport
import Testing

/// Requests of every kind that a client can think of, the same ones for the same seed.
struct OracleTraffic {
  /// What makes formats stumble: quotes and escapes of each product, what separates values, JSON, bytes that
  /// are not UTF-8.
  private static let pieces: [[UInt8]] =
    [
      "\"", "\\", "#22", "\\x22", "%22", "%00", "{", "}", "|", "'", "<", ">", "^", "`", "[", "]", ";", ",",
      ":", "-",
      "//", "..", "~", "$x", "%s", "\",\"x\":\"", "\u{E9}", "\u{4F60}", "\u{1F600}", "abc", "0", "=", "+",
      "@", "(", ")",
      "/a/b", "HTTP/1.1",
    ].map { Array($0.utf8) } + [[0xFF], [0xC3], [0x80, 0x81], [0x7F]]
  /// What only values of headers may hold.
  private static let headerPieces: [[UInt8]] =
    [" ", "\t", "\" \"", "\" \"-\" \"", " - ", "] ", " : ", ", ", "a b c", "Mozilla/5.0 (X11; Linux x86_64)"]
    .map { Array($0.utf8) } + [[0x01], [0x1B, 0x5B]]

  private var random: SplitMix64
  private let web: UInt16
  private let secure: UInt16
  private let contexts: [TLSClientContext]
  /// Requests that were sent whole, by the number in their header X-N.
  private(set) var sent = 0

  /// Percent of the requests that may hold bytes which Envoy answers with 400 without looking further.
  private let wildness: Int

  init(seed: UInt64, web: UInt16, secure: UInt16, _ certificates: Certificates, wildness: Int = 100) throws {
    self.wildness = wildness
    random = SplitMix64(seed)
    self.web = web
    self.secure = secure
    contexts = [
      try TLSClientContext(authorities: certificates.file("ca.crt")),
      try TLSClientContext(
        authorities: certificates.file("ca.crt"), certificateChain: certificates.file("client.crt"),
        privateKey: certificates.file("client.key")),
    ]
  }

  private mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

  private mutating func pick<T>(_ values: [T]) -> T {
    values[Int.random(in: 0..<values.count, using: &random)]
  }

  private mutating func text(_ pieces: [[UInt8]], _ count: ClosedRange<Int>) -> [UInt8] {
    (0..<Int.random(in: count, using: &random)).flatMap { _ in pick(pieces) }
  }

  /// Makes `count` requests.
  mutating func run(_ count: Int) throws {
    for _ in 0..<count { try one() }
  }

  private mutating func one() throws {
    var target = Array(
      pick(["/app", "/app", "/app", "/app", "/app", "/app", "/two", "/gone", "/denied"]).utf8)
    target += Array("/\(sent)/".utf8)
    let isWild = chance(wildness)
    let targetPieces = Self.pieces.filter { isWild || $0.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 35 } }
    let headerPieces = (Self.pieces + Self.headerPieces).filter {
      isWild || $0.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
    }
    if chance(60) { target += text(targetPieces, 1...6) }
    let aborts = chance(2)
    var query = chance(50) ? Array("q=".utf8) + text(targetPieces, 0...5) + [UInt8(ascii: "&")] : []
    query += Array(
      "s=\(pick([200, 200, 200, 204, 301, 400, 404, 499, 500, 503]))&n=\(pick([0, 1, 12, 5000]))".utf8)
    if aborts {
      query += Array("&d=60".utf8)
    } else if chance(3) {
      query += Array("&d=\(pick([5, 20]))".utf8)
    }
    if chance(1) { query += Array("&x=1".utf8) }
    target += [UInt8(ascii: "?")] + query
    let method = pick(["GET", "GET", "GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD"])
    let body = method == "POST" || method == "PUT" ? [UInt8](repeating: 120, count: pick([0, 3, 3000])) : nil
    var bytes =
      Array("\(method) ".utf8) + target
      + Array(" HTTP/1.1\r\nHost: shop.example.com\r\nX-N: \(sent)\r\n".utf8)
    for header in ["User-Agent", "Referer", "X-Forwarded-For"] where chance(70) {
      bytes += Array("\(header): ".utf8) + text(headerPieces, 0...6) + [13, 10]
    }
    if chance(40) {
      bytes += Array("Cookie: a=b; SID=\(pick(["abc", "\"x\"", "#22", "a\\b", ""])); c=d\r\n".utf8)
    }
    if let body { bytes += Array("Content-Length: \(body.count)\r\n".utf8) }
    bytes += Array("Connection: close\r\n\r\n".utf8) + (body ?? [])
    sent += 1
    if chance(10) {
      try secureRequest(bytes, pick(contexts))
    } else {
      try plainRequest(bytes, v6: chance(30), aborts: aborts)
    }
  }

  private func plainRequest(_ bytes: [UInt8], v6: Bool, aborts: Bool) throws {
    let address = v6 ? IPAddress(v6: 0, 1) : loopback
    let socket = try Socket(.stream, connectedTo: .ip(address, port: web))
    socket.disableDelay()
    try socket.sendAll(bytes)
    if aborts { return Clock.sleep(nanoseconds: 15_000_000) }
    var answer: [UInt8] = []
    while (try? socket.receive(into: &answer)) == true {}
  }

  private func secureRequest(_ bytes: [UInt8], _ context: TLSClientContext) throws {
    let socket = try Socket(.stream, connectedTo: .ip(loopback, port: secure))
    socket.disableDelay()
    var connection = try TLSClientConnection(context, host: "edge-1.example.com")
    var isDone = try connection.handshake(ByteView())
    func flush(_ connection: inout TLSClientConnection) throws {
      try socket.sendAll(connection.output.array)
      connection.removeOutput(connection.output.count)
    }
    while !isDone {
      try flush(&connection)
      var received: [UInt8] = []
      guard try socket.receive(into: &received) else { throw Missing(what: "an answer to the handshake") }
      isDone = try received.withView { try connection.handshake($0) }
    }
    try bytes.withView { try connection.write($0) }
    try flush(&connection)
    var received: [UInt8] = []
    while (try? socket.receive(into: &received)) == true {}
  }
}

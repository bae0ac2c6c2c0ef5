import Bytes
import Platform
import Testing

@testable import Intake

@Suite struct ProxyHeaderTests {
  private static let signature: [UInt8] = [13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10]

  private func read(_ bytes: [UInt8]) throws(ProxyHeader.Invalid) -> ProxyHeader? {
    try bytes.withView { (view) throws(ProxyHeader.Invalid) in try ProxyHeader(view) }
  }

  private static func binary(
    _ command: UInt8, _ family: UInt8, _ rest: [UInt8], length: Int? = nil
  ) -> [UInt8] {
    let length = length ?? rest.count
    return signature + [0x20 | command, family, UInt8(length >> 8), UInt8(length & 255)] + rest
  }

  private static let v4: [UInt8] = [203, 0, 113, 7, 10, 0, 0, 1, 0xC0, 0x01, 0x19, 0x72]
  private static let v6 =
    [UInt8]([0x20, 1, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 11) + [9])
    + [UInt8](repeating: 0, count: 15) + [1, 0x01, 0xBB, 0, 80]

  /// Whole headers, and the peer that each names.
  static let good: [([UInt8], String?)] = [
    (Array("PROXY TCP4 203.0.113.7 10.0.0.1 49153 6514\r\n".utf8), "203.0.113.7:49153"),
    (Array("PROXY TCP6 2001:db8::9 ::1 443 80\r\n".utf8), "[2001:db8::9]:443"),
    (Array("PROXY TCP6 ::ffff:203.0.113.7 ::1 443 80\r\n".utf8), "203.0.113.7:443"),
    (Array("PROXY UNKNOWN\r\n".utf8), nil),
    (Array("PROXY UNKNOWN ffff:f...f:ffff whatever 65535 65535\r\n".utf8), nil),
    (binary(1, 0x11, v4), "203.0.113.7:49153"),
    (binary(1, 0x21, v6), "[2001:db8::9]:443"),
    // TLVs behind the addresses: PP2_TYPE_NOOP and one that nobody knows.
    (binary(1, 0x11, v4 + [4, 0, 3, 1, 2, 3, 0xEE, 0, 1, 9]), "203.0.113.7:49153"),
    (binary(0, 0x00, []), nil), (binary(0, 0x11, v4), nil), (binary(1, 0x00, [1, 2, 3]), nil),
    (binary(1, 0x31, [UInt8](repeating: 0x2F, count: 216)), nil),
  ]

  @Test func headersAreReadHoweverTheyArrive() throws {
    for (bytes, peer) in Self.good {
      for count in 0..<bytes.count {
        #expect(try read(Array(bytes.prefix(count))) == nil, "\(count) of \(bytes)")
      }
      let header = try #require(try read(bytes + Array("<1>next".utf8)))
      #expect(header.byteCount == bytes.count)
      #expect(header.peer.map { "\($0)" } == peer)
    }
  }

  static let bad: [([UInt8], String)] = [
    (Array("<134>Nov 23 08:00:00 lb haproxy: hello\n".utf8), "does not begin with"),
    (Array("\r\n<1>x\n".utf8), "does not begin with"), (Array("PROXX ".utf8), "does not begin with"),
    ([0x16, 0x03, 0x01], "does not begin with"),
    (Array("PROXY TCP4 203.0.113.7 10.0.0.1 49153 6514\n".utf8), "carriage return"),
    (Array("PROXY TCP4 203.0.113.7 10.0.0.1 49153 65536\r\n".utf8), "no such addresses"),
    (Array("PROXY TCP4 203.0.113.7 10.0.0.1 049153 80\r\n".utf8), "no such addresses"),
    (Array("PROXY TCP4 2001:db8::9 ::1 443 80\r\n".utf8), "no such addresses"),
    (Array("PROXY TCP4 203.0.113.7\r\n".utf8), "neither TCP4"),
    (Array("PROXY UDP4 1 2 3 4\r\n".utf8), "neither TCP4"),
    (Array(("PROXY UNKNOWN " + String(repeating: "x", count: 100)).utf8), "within 107 bytes"),
    (signature + [0x11, 0x11, 0, 12] + v4, "version 1"), (binary(2, 0x11, v4), "command 2"),
    (binary(1, 0x41, v4), "family"), (binary(1, 0x13, v4), "family"),
    (binary(1, 0x11, Array(v4.prefix(8))), "too short"), (binary(1, 0x21, v4), "too short"),
    (binary(1, 0x11, v4, length: 60_000), "at most 4096"),
  ]

  @Test func whatIsNoHeaderIsRefusedWithTheReason() {
    for (bytes, reason) in Self.bad {
      do throws(ProxyHeader.Invalid) {
        let header = try read(bytes)
        Issue.record("\(bytes): \(String(describing: header))")
      } catch { #expect("\(error)".contains(reason), "\(error)") }
    }
  }
}

import Bytes
import Platform

/// What a proxy says of a connection that it passes on, in front of everything else: version 1 (a line) or 2
/// (binary) of the PROXY protocol (HAProxy, doc/proxy-protocol.txt, sections 2.1 and 2.2).
struct ProxyHeader: Equatable {
  /// Who connected to the proxy; nil where the connection is the proxy's own (LOCAL), or it does not know.
  var peer: SocketAddress?
  /// Bytes of the header.
  var byteCount: Int

  /// Why what came is no such header.
  struct Invalid: Error, Equatable, CustomStringConvertible {
    var reason: String
    var description: String {
      "\(reason); only proxies that send a PROXY protocol header may connect to this source (HAProxy: "
        + "send-proxy or send-proxy-v2), or proxy_protocol must not be set"
    }
  }

  /// Bytes of the longest line, with CR and LF (section 2.1).
  private static let longestLine = 107
  /// Bytes of the longest binary header that is taken: addresses, and what the proxy adds to them, in TLVs.
  static let mostBytes = 4096
  private static let signature: [UInt8] = [
    0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A,
  ]
  private static let lineStart = Array("PROXY ".utf8)

  /// Reads the header at the beginning of a connection. Nil while it is not whole.
  init?(_ bytes: ByteView) throws(Invalid) {
    if bytes.isEmpty { return nil }
    let start = bytes[0] == Self.signature[0] ? Self.signature : Self.lineStart
    let known = min(start.count, bytes.count)
    let isLike = start.withView { $0.prefix(known) == bytes.prefix(known) }
    guard isLike else { throw Invalid(reason: "the connection does not begin with a PROXY protocol header") }
    guard bytes.count > start.count else { return nil }
    if start == Self.signature { try self.init(binary: bytes) } else { try self.init(line: bytes) }
  }

  // MARK: Version 1

  private init?(line bytes: ByteView) throws(Invalid) {
    guard let end = bytes.prefix(min(bytes.count, Self.longestLine)).find(0x0A) else {
      if bytes.count < Self.longestLine { return nil }
      throw Invalid(reason: "the PROXY line does not end within \(Self.longestLine) bytes")
    }
    guard bytes[end - 1] == 0x0D else {
      throw Invalid(reason: "the PROXY line ends without a carriage return")
    }
    byteCount = end + 1
    let words = bytes.prefix(end - 1).text.split(separator: " ", omittingEmptySubsequences: false)
    guard words.count > 1 else { throw Invalid(reason: "the PROXY line names no protocol") }
    if words[1] == "UNKNOWN" { return }
    guard words.count == 6, words[1] == "TCP4" || words[1] == "TCP6" else {
      throw Invalid(reason: "the PROXY line is neither TCP4, TCP6 nor UNKNOWN, or has not four more words")
    }
    let isV6 = words[1] == "TCP6"
    guard let source = IPAddress(String(words[2])), let target = IPAddress(String(words[3])),
      source.isIPv6 == isV6, target.isIPv6 == isV6, let port = Self.port(words[4]), Self.port(words[5]) != nil
    else { throw Invalid(reason: "the PROXY line has no such addresses and ports") }
    peer = .ip(source.unmapped, port: port)
  }

  /// 0 to 65535, without leading zeros.
  private static func port(_ word: Substring) -> UInt16? {
    guard let port = UInt16(word), String(port) == word else { return nil }
    return port
  }

  // MARK: Version 2

  private init?(binary bytes: ByteView) throws(Invalid) {
    guard bytes.count >= 16 else { return nil }
    guard bytes[12] >> 4 == 2 else {
      throw Invalid(reason: "version \(bytes[12] >> 4) of the PROXY protocol is not known")
    }
    let length = Int(bytes[14]) << 8 | Int(bytes[15])
    byteCount = 16 + length
    guard byteCount <= Self.mostBytes else {
      throw Invalid(reason: "the PROXY header has \(byteCount) bytes; at most \(Self.mostBytes) are read")
    }
    let command = bytes[12] & 15
    guard command <= 1 else { throw Invalid(reason: "the PROXY header's command \(command) is not known") }
    guard bytes.count >= byteCount else { return nil }
    // LOCAL: whatever else it says is to be skipped.
    if command == 0 { return }
    let family = bytes[13] >> 4
    // Values that the protocol does not have must not be taken for unspecified ones.
    guard family <= 3, bytes[13] & 15 <= 2 else {
      throw Invalid(reason: "the PROXY header's address family and transport \(bytes[13]) are not known")
    }
    let size = family == 1 ? 4 : family == 2 ? 16 : 0
    // Unspecified, or a unix socket of the proxy's host.
    if size == 0 { return }
    guard length >= 2 * size + 4, let address = IPAddress(bytes[16, 16 + size]) else {
      throw Invalid(reason: "the PROXY header is too short for its addresses")
    }
    let port = UInt16(bytes[16 + 2 * size]) << 8 | UInt16(bytes[17 + 2 * size])
    peer = .ip(address.unmapped, port: port)
  }
}

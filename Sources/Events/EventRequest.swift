import Bytes

extension Event {
  /// Splits a request line that did not look like method, target and version when it was matched, as far as
  /// it can be split, and the target into its parts.
  mutating func deriveRequest(_ product: Product?) {
    if self[.httpMethod].isNull, case .text(let line) = self[.httpRequest] { splitRequest(line) }
    if self[.urlPath].isNull, case .text(let target) = self[.urlTarget] { splitTarget(target, product) }
  }

  /// `METHOD target`, with or without ` HTTP/x.y` (a target cut at its limit, or HTTP/0.9). Blanks within the
  /// target stay there. Anything else (`<BADREQ>`, TLS bytes) is no request line.
  private mutating func splitRequest(_ line: TextRange) {
    let text = bytes(line)
    guard let blank = text.find(UInt8(ascii: " ")), blank > 0 else { return }
    for index in 0..<blank where !Self.isTokenByte(text[index]) { return }
    var end = text.count
    if let last = text.findLast(UInt8(ascii: " "), before: end), last > blank, end - last > 6,
      text[last + 1, last + 6].text == "HTTP/"
    {
      let version = part(of: line, last + 6, end)
      end = last
      derive(.httpVersion, .text(Self.shortVersion(version, bytes(version))))
    }
    guard end > blank + 1 else { return }
    derive(.httpMethod, .text(part(of: line, 0, blank)))
    derive(.urlTarget, .text(part(of: line, blank + 1, end)))
  }

  /// `2.0` and `3.0` are written `2` and `3`, as HTTP/2 and HTTP/3 have no minor versions.
  private static func shortVersion(_ range: TextRange, _ text: ByteView) -> TextRange {
    guard text.count == 3, text[0] >= UInt8(ascii: "2"), text[2] == UInt8(ascii: "0") else { return range }
    return TextRange(start: Int(range.start), count: 1)
  }

  /// RFC 9110 `tchar`, letters only of one case: methods are upper-case.
  private static func isTokenByte(_ byte: UInt8) -> Bool {
    byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") || byte == UInt8(ascii: "-")
      || byte == UInt8(ascii: "_")
  }

  /// RFC 9112, 3.2: origin form `/path?query`, absolute form `scheme://host/path?query`, asterisk form.
  ///
  /// For Nginx a fragment ends path and query (`ngx_http_parse_complex_uri`); elsewhere `#` is a byte like others.
  private mutating func splitTarget(_ target: TextRange, _ product: Product?) {
    let text = bytes(target)
    var start = 0
    if text[0] != UInt8(ascii: "/") {
      guard let colon = text.find(UInt8(ascii: ":")), colon > 0, text.count > colon + 3,
        text[colon + 1] == UInt8(ascii: "/"), text[colon + 2] == UInt8(ascii: "/")
      else {
        if text.count == 1, text[0] == UInt8(ascii: "*") { derive(.urlPath, .text(target)) }
        return
      }
      start = text.find(UInt8(ascii: "/"), from: colon + 3) ?? text.count
      derive(.urlScheme, .text(part(of: target, 0, colon)))
      if start > colon + 3 { derive(.urlHost, .text(part(of: target, colon + 3, start))) }
      if start == text.count { return }
    }
    let end = (product == .nginx ? text.find(UInt8(ascii: "#"), from: start) : nil) ?? text.count
    let question = text.prefix(end).find(UInt8(ascii: "?"), from: start) ?? end
    derive(.urlPath, .text(part(of: target, start, question)))
    if question + 1 < end { derive(.urlQuery, .text(part(of: target, question + 1, end))) }
  }

  /// Addresses with their ports, where the format logs both in one.
  mutating func deriveEndpoints() {
    split(.clientEndpoint, .clientIP, .clientPort)
    split(.peerEndpoint, .peerIP, .peerPort)
    split(.localEndpoint, .localIP, .localPort)
    joinUnix()
    deriveServer()
    if case .text(let server) = self[.lbServer], self[.serverIP].isNull, let found = endpoint(server) {
      set(.serverIP, .address(found.address))
      derive(.serverPort, .integer(found.port))
    }
  }

  /// Where a client came by a unix socket, HAProxy logs the number of the listener for its port.
  private mutating func joinUnix() {
    guard let endpoint = bytes(.clientEndpoint), endpoint.isWord("unix"),
      case .integer(let number) = self[.clientPort]
    else { return }
    set(.clientEndpoint, text: "unix:\(number)")
    set(.clientPort, .null(.absent))
  }

  private mutating func split(_ field: Field, _ ip: Field, _ port: Field) {
    guard self[ip].isNull, case .text(let text) = self[field], let found = endpoint(text) else { return }
    set(ip, .address(found.address))
    derive(port, .integer(found.port))
    set(field, .null(.absent))
  }

  /// `192.0.2.1:80`, `[2001:db8::1]:80`, or IPv6 without brackets, split at the last colon.
  func endpoint(_ range: TextRange) -> (address: Address, port: Int64)? {
    let text = bytes(range)
    guard let colon = text.findLast(UInt8(ascii: ":"), before: text.count), colon > 0,
      let port = Digits.decimal(text.dropFirst(colon + 1)), port <= 65_535
    else { return nil }
    let bracketed = colon > 2 && text[0] == UInt8(ascii: "[") && text[colon - 1] == UInt8(ascii: "]")
    guard let address = Address(bracketed ? text[1, colon - 1] : text.prefix(colon)) else { return nil }
    return (address, port)
  }
}

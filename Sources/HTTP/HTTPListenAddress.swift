/// Where a server listens: `http://HOST:PORT` or `unix:///PATH`.
public enum HTTPListenAddress: Equatable, Sendable {
  /// Port 0 lets the kernel choose one.
  case host(String, port: UInt16)
  case socket(path: String)

  /// Why a text is none.
  public struct Invalid: Error, Equatable, CustomStringConvertible {
    public var text: String
    public var description: String {
      "'\(text)' is no address to listen on: http://127.0.0.1:8080 or unix:///run/stele/http.sock is expected"
    }
  }

  /// Reads an address. An IPv6 address stands in brackets; a slash at the end is accepted.
  public init(_ text: String) throws(Invalid) {
    let slashes = text.hasSuffix("/") ? text.dropLast() : text[...]
    if text.hasPrefix("unix:///"), slashes.utf8.count > 8, slashes.utf8.count - 7 <= 107 {
      self = .socket(path: String(slashes.dropFirst(7)))
      return
    }
    let rest = slashes.dropFirst(7)
    guard text.hasPrefix("http://"), let colon = rest.lastIndex(of: ":"),
      let port = UInt16(rest[rest.index(after: colon)...])
    else { throw Invalid(text: text) }
    var host = rest[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = host.dropFirst().dropLast()
    } else if host.contains(":") {
      throw Invalid(text: text)
    }
    guard !host.isEmpty, !host.contains("/") else { throw Invalid(text: text) }
    self = .host(String(host), port: port)
  }
}

extension HTTPListenAddress: CustomStringConvertible {
  public var description: String {
    switch self {
    case .host(let host, let port): "http://\(host.contains(":") ? "[\(host)]" : host):\(port)"
    case .socket(let path): "unix://\(path)"
    }
  }
}

import Platform

/// Where messages come from or go to: `udp://host:port`, `tcp://host:port`, `tls://host:port`,
/// `unix:///path` (datagrams), `unix-stream:///path`. A source may also read files, which have a path and no URL.
struct Endpoint: Equatable, Sendable {
  enum Scheme: String, CaseIterable, Sendable {
    case udp, tcp, tls, unix
    case unixStream = "unix-stream"
    case file

    /// It is a unix socket, of datagrams or a stream.
    var hasSocketFile: Bool { self == .unix || self == .unixStream }
  }

  var scheme: Scheme
  /// A name, an IPv4 address, or an IPv6 address without brackets; for unix sockets and `file` the path.
  var host: String
  /// 0 for unix sockets and `file`.
  var port: UInt16

  /// Why a URL is none of these.
  struct Invalid: Error, Equatable, CustomStringConvertible {
    var url: String
    var reason: String
    var description: String { "'\(url)' is not a place that Stele can use: \(reason)" }
  }

  /// Files: the last component of `path` may have `*`.
  init(files path: String) {
    scheme = .file
    host = path
    port = 0
  }

  init(_ url: String) throws(Invalid) {
    guard let separator = url.utf8.firstIndex(of: UInt8(ascii: ":")), url[separator...].hasPrefix("://")
    else {
      throw Invalid(url: url, reason: "it must begin with udp://, tcp://, tls://, unix:// or unix-stream://")
    }
    if url.hasPrefix("file://") {
      throw Invalid(
        url: url, reason: "a file is followed with 'file: PATH' in place of 'listen', or --file PATH")
    }
    guard let scheme = Scheme(rawValue: String(url[..<separator])) else {
      throw Invalid(url: url, reason: "'\(url[..<separator])' is not one of udp, tcp, tls, unix, unix-stream")
    }
    let rest = String(url[url.index(separator, offsetBy: 3)...])
    self.scheme = scheme
    if scheme.hasSocketFile {
      guard rest.hasPrefix("/") else {
        throw Invalid(
          url: url,
          reason: "a unix socket needs an absolute path: \(scheme.rawValue):///run/stele/nginx.sock")
      }
      guard rest.utf8.count <= 107 else {
        throw Invalid(
          url: url, reason: "the path of a unix socket may have 107 bytes, not \(rest.utf8.count)")
      }
      host = rest
      port = 0
      return
    }
    (host, port) = try Self.split(rest, url)
  }

  private static func split(_ text: String, _ url: String) throws(Invalid) -> (String, UInt16) {
    guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
      throw Invalid(url: url, reason: "a port must follow the host: udp://127.0.0.1:5514")
    }
    var host = String(text[..<colon])
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = String(host.dropFirst().dropLast())
    } else if host.contains(":") {
      throw Invalid(url: url, reason: "an IPv6 address stands in brackets: udp://[::1]:5514")
    }
    guard !host.isEmpty, !host.contains("/") else {
      throw Invalid(url: url, reason: "a host must stand before the port; 0.0.0.0 is all of this machine's")
    }
    return (host, port)
  }

  var hasSocketFile: Bool { scheme.hasSocketFile }
  /// What is sent there has no bounds but those that framing gives it.
  var isStream: Bool { scheme == .tcp || scheme == .tls || scheme == .unixStream }

  /// Only one of the two can be listened to: a socket file is of one type.
  func sharesPlace(with other: Endpoint) -> Bool {
    self == other || hasSocketFile && other.hasSocketFile && host == other.host
  }

  /// The addresses that the host has, in the system's order of preference.
  func addresses() throws(ResolveError) -> [SocketAddress] {
    hasSocketFile ? [.unix(path: host)] : try SocketAddress.resolve(host: host, port: port)
  }

  /// As it is written in configurations.
  var url: String {
    if hasSocketFile { return "\(scheme.rawValue)://\(host)" }
    if scheme == .file { return "file:\(host)" }
    return host.contains(":") ? "\(scheme)://[\(host)]:\(port)" : "\(scheme)://\(host):\(port)"
  }
}

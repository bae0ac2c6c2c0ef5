/// Why a request got no answer: which one, and what would help.
public struct HTTPError: Error, Equatable, Sendable {
  public enum Reason: Equatable, Sendable {
    /// Not an `http://` or `https://` URL without blanks and control bytes.
    case invalidURL
    /// A header whose name or value has a control byte in it.
    case invalidHeader(String)
    /// The host has no address.
    case unknownHost
    /// Nobody accepts connections there.
    case refused
    case timedOut
    /// The server's certificate is not signed by an authority that is trusted here, or is another host's.
    case untrusted
    /// The file of authorities cannot be read.
    case authorities(String)
    /// The answer has more bytes than are read.
    case tooLarge(limit: Int)
    /// The client was told to stop.
    case cancelled
    /// Anything else that libcurl reports, by its number (libcurl-errors(3)).
    case failed(code: UInt32)
  }
  public let url: String
  public let reason: Reason
  /// What libcurl adds; empty when it says nothing.
  public let detail: String

  init(_ reason: Reason, _ url: String, detail: String = "") {
    self.reason = reason
    self.url = url
    self.detail = detail
  }
}

extension HTTPError: CustomStringConvertible {
  public var description: String {
    let text =
      switch reason {
      case .invalidURL: "it is no URL that can be asked: it must begin with http:// or https://"
      case .invalidHeader(let name): "the header '\(name)' holds a control byte; remove it"
      case .unknownHost: "the host has no address; check its name, and this machine's resolver"
      case .refused: "nobody accepts connections there; check that the server runs, and host and port"
      case .timedOut: "no answer in time; check that the server runs and that no firewall is between"
      case .untrusted:
        "the server's certificate is not trusted; give the authority that signed it, or mend the certificate"
      case .authorities(let file): "the authorities in \(file) cannot be read; PEM certificates are expected"
      case .tooLarge(let limit): "the answer has more than \(limit) bytes and was not read"
      case .cancelled: "given up because this process stops"
      case .failed(let code): "the transfer failed (libcurl error \(code))"
      }
    return "\(url): \(text)" + (detail.isEmpty ? "" : " (\(detail))")
  }
}

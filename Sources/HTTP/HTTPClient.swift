import Synchronization

/// Asks HTTP and HTTPS servers, one request after the other, over a connection that is kept. Blocks: for use
/// from a thread of its own, never from the concurrency runtime's.
///
/// Follows no redirects, uses no proxy, whatever the environment says, and asks for no compression: an answer
/// is what the server named in the URL sent, and never larger than the limit.
public final class HTTPClient: Sendable {
  /// What a client does without being told in each request.
  public struct Options: Sendable {
    /// File with the authorities (PEM) that may sign servers' certificates; nil: those of the system.
    public var authorities: String?
    /// Path of a Unix socket to connect to in place of the URL's host and port.
    public var socket: String?
    /// Longest time to connect, TLS included, nanoseconds.
    public var connectTimeout: Int64 = 5_000_000_000
    /// Longest time from the request's begin to the answer's end, nanoseconds.
    public var timeout: Int64 = 20_000_000_000
    /// Most bytes of an answer's body.
    public var answerLimit = 1 << 20

    public init() {}
  }

  /// What a server answered, whatever its status.
  public struct Answer: Equatable, Sendable {
    public var status: Int
    /// In the order in which they came.
    public var headers: [HTTPHeader]
    public var body: [UInt8]

    /// The value of the first header with that name; capitals make no difference.
    public func header(_ name: String) -> String? { headers.value(name) }

    /// The media type without parameters, in lowercase: `text/plain`.
    public var contentType: String? {
      header("content-type")?.split(separator: ";").first?.split(separator: " ").first?.lowercased()
    }
  }

  private let options: Options
  private let handle: Mutex<CurlHandle>
  private let isCancelled = CancelFlag()

  /// A client that has not connected to anything yet.
  public init(_ options: Options = Options()) {
    self.options = options
    handle = Mutex(CurlHandle())
  }

  /// Fetches what is at `url`.
  public func get(_ url: String, headers: [HTTPHeader] = []) throws(HTTPError) -> Answer {
    try perform(url, headers, nil)
  }

  /// Sends `body` of a media type to `url`.
  public func post(
    _ url: String, _ body: [UInt8], type: String, headers: [HTTPHeader] = []
  ) throws(HTTPError) -> Answer {
    try perform(url, [HTTPHeader("Content-Type", type)] + headers, body)
  }

  /// Ends the request that is under way, and every later one, with `cancelled`; from any thread.
  public func cancel() { isCancelled.set() }

  private func perform(_ url: String, _ headers: [HTTPHeader], _ body: [UInt8]?) throws(HTTPError) -> Answer {
    guard Self.isValid(url) else { throw HTTPError(.invalidURL, url) }
    for header in headers
    where !(header.name + header.value).unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F }) {
      throw HTTPError(.invalidHeader(header.name), url)
    }
    return try handle.withLock { (handle) throws(HTTPError) in
      try handle.perform(url, headers, body, options, isCancelled)
    }
  }

  private static func isValid(_ url: String) -> Bool {
    let lower = url.lowercased()
    guard lower.hasPrefix("http://") || lower.hasPrefix("https://") else { return false }
    return url.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F }
  }
}

/// One header of a request or of an answer.
public struct HTTPHeader: Equatable, Sendable {
  public var name: String
  public var value: String

  public init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }
}

extension [HTTPHeader] {
  /// The value of the first header with that name; capitals make no difference.
  func value(_ name: String) -> String? { first { $0.name.lowercased() == name.lowercased() }?.value }
}

/// Whether a client was told to stop.
final class CancelFlag: Sendable {
  private let value = Atomic(false)
  func set() { value.store(true, ordering: .releasing) }
  var isSet: Bool { value.load(ordering: .acquiring) }
}

/// What somebody asks of the server.
public struct HTTPQuery: Sendable {
  /// `GET`, `POST`, …
  public var method: String
  /// As it was sent, from its first slash to before any question mark; nothing in it is decoded.
  public var path: String
  /// Behind the question mark.
  public var parameters: String?
  public var headers: [HTTPHeader]
  public var body: [UInt8]
  /// Address of whoever asks, without port; nil on a Unix socket.
  public var peer: String?

  /// The value of the first header with that name; capitals make no difference.
  public func header(_ name: String) -> String? { headers.value(name) }
}

/// What the server answers.
public struct HTTPReply: Sendable {
  public var status: Int
  public var headers: [HTTPHeader]
  public var body: [UInt8]

  /// A reply with a body of a media type.
  public init(_ status: Int, _ body: [UInt8] = [], type: String? = nil, headers: [HTTPHeader] = []) {
    self.status = status
    self.headers = (type.map { [HTTPHeader("Content-Type", $0)] } ?? []) + headers
    self.body = body
  }

  /// A reply that people read: `text` gets a line feed.
  public init(_ status: Int, _ text: String) {
    self.init(status, Array((text + "\n").utf8), type: "text/plain; charset=utf-8")
  }
}

/// What is done for a method and a path.
public struct HTTPRoute: Sendable {
  let method: String
  let path: String
  let isPrefix: Bool
  let handler: @Sendable (HTTPQuery) -> HTTPReply

  /// `path` is a whole path, or with `/*` at its end all paths below. A `GET` route answers `HEAD` too.
  /// `handler` runs on a thread where it may block, several at once.
  public init(_ method: String, _ path: String, _ handler: @escaping @Sendable (HTTPQuery) -> HTTPReply) {
    self.method = method
    isPrefix = path.hasSuffix("/*")
    self.path = isPrefix ? String(path.dropLast()) : path
    self.handler = handler
  }

  func matches(path other: String) -> Bool { isPrefix ? other.hasPrefix(path) : other == path }

  func matches(method other: String) -> Bool { other == method || (other == "HEAD" && method == "GET") }
}

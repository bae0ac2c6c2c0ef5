import Events

/// Where well-known HTTP headers belong in the event model.
enum HeaderFields {
  /// The field of a request header, by its lower-case name.
  static let request: [String: Field] = [
    "host": .urlHost,
    ":authority": .urlHost,
    "user-agent": .userAgent,
    "referer": .httpReferrer,
    "x-forwarded-for": .forwardedFor,
    "x-request-id": .idRequest,
    ":method": .httpMethod,
    ":path": .urlTarget,
    ":scheme": .urlScheme,
  ]

  /// The name of what was captured from a request header called `name`, or from the capture number `number`
  /// (counted from 1) when its header is not known.
  static func requestName(_ name: String?, number: Int) -> String {
    guard let name else { return "\(Field.httpRequestHeaders.name).\(number)" }
    let lower = name.lowercased()
    return request[lower]?.name ?? "\(Field.httpRequestHeaders.name).\(lower)"
  }

  /// The same for a response header.
  static func responseName(_ name: String?, number: Int) -> String {
    guard let name else { return "\(Field.httpResponseHeaders.name).\(number)" }
    return "\(Field.httpResponseHeaders.name).\(name.lowercased())"
  }
}

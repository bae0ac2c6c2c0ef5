import Events
import Templates

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
    "x-b3-traceid": .idTrace,
    "x-b3-spanid": .idSpan,
  ]

  /// The slot of a request header, by its lower-case name.
  static func requestSlot(_ name: String) -> Slot {
    if name == "traceparent" { return traceparent }
    let field = request[name]
    return Slot(
      requestName(name, number: 0), field == .idRequest ? .identifier : .text, syntax: .any)
  }

  /// W3C Trace Context, version 00: trace id, id of the caller's span, flags.
  private static var traceparent: Slot {
    Slot(
      requestName("traceparent", number: 0), .text, syntax: .any,
      alternatives: [
        Template(
          name: "traceparent", literals: ["00-", "-", "-", ""].map { Array($0.utf8) },
          slots: [
            Slot(Field.idTrace.name, .identifier), Slot(Field.idSpan.name, .identifier),
            Slot("trace.flags", .text, syntax: .token),
          ])
      ])
  }

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

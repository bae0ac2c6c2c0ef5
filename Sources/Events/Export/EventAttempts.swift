import Bytes

/// The attempts to have a request served, in the outputs: the lists `upstream.addr`, `upstream.status` and so
/// on taken apart, one object for each server that was tried.
extension Event {
  /// The attempts, where the line logs lists of them; a single server that it only names is no list.
  private var listedAttempts: [Attempt] {
    let lists: [Field] = [
      .upstreamAddress, .upstreamStatus, .upstreamConnect, .upstreamHeader, .upstreamResponse,
      .upstreamBytesIn,
      .upstreamBytesOut,
    ]
    return lists.contains { bytes($0) != nil } ? attempts : []
  }

  private static func members(_ attempt: Attempt) -> [(name: String, value: Value)] {
    [
      ("addr", attempt.address), ("status", attempt.status), ("connect", attempt.connect),
      ("header", attempt.header), ("response", attempt.response), ("bytes_in", attempt.bytesIn),
      ("bytes_out", attempt.bytesOut),
    ]
  }

  /// Appends `"upstream":[{…},…],` and true, or nothing and false. Durations are nanoseconds; what an attempt
  /// has not logged is left out; `group` counts Nginx's internal redirects from 0.
  @discardableResult func appendUpstream(to out: inout ByteBuffer) -> Bool {
    let attempts = listedAttempts
    if attempts.isEmpty { return false }
    out.append("\"upstream\":[")
    for (place, attempt) in attempts.enumerated() {
      out.append(place == 0 ? "{\"group\":\(attempt.group)," : ",{\"group\":\(attempt.group),")
      for (name, value) in Self.members(attempt) where !value.isNull {
        appendMember(Array(name.utf8), value, to: &out)
      }
      Self.close(&out)
    }
    out.append("],")
    return true
  }

  /// Appends the attempts as OTLP's list of maps; false, and nothing, where there are none.
  func appendUpstreamOTLP(to out: inout ByteBuffer) -> Bool {
    let attempts = listedAttempts
    if attempts.isEmpty { return false }
    out.append("\"arrayValue\":{\"values\":[")
    for (place, attempt) in attempts.enumerated() {
      if place > 0 { out.append(UInt8(ascii: ",")) }
      out.append(
        "{\"kvlistValue\":{\"values\":[{\"key\":\"group\",\"value\":{\"intValue\":\"\(attempt.group)\"}}")
      for (name, value) in Self.members(attempt) where !value.isNull {
        out.append(",{\"key\":\"\(name)\",\"value\":{")
        appendOTLP(value, to: &out)
        out.append("}}")
      }
      out.append("]}}")
    }
    out.append("]}")
    return true
  }

  /// Appends an OTLP value without its braces: `"intValue":"7"`.
  func appendOTLP(_ value: Value, to out: inout ByteBuffer) {
    switch value {
    case .null: break
    case .integer(let number), .duration(let number), .size(let number):
      out.append("\"intValue\":\"\(number)\"")
    case .flag(let flag): out.append("\"boolValue\":\(flag)")
    case .time(let moment):
      out.append("\"stringValue\":")
      JSONText.append(time: moment, to: &out)
    case .address(let address): out.append("\"stringValue\":\"\(address)\"")
    case .text(let range):
      out.append("\"stringValue\":")
      _ = JSONText.append(bytes(range), to: &out)
    }
  }

  /// Appends OCSF's endpoint_connections: the server by address or name, and the status. The lists stand in
  /// `unmapped` as well.
  func appendEndpoints(to out: inout ByteBuffer) -> Bool {
    let attempts = listedAttempts.filter { !$0.address.isNull || !$0.status.isNull }
    if attempts.isEmpty { return false }
    out.append(UInt8(ascii: "["))
    for (place, attempt) in attempts.enumerated() {
      out.append(place == 0 ? "{" : ",{")
      if case .integer(let code) = attempt.status { out.append("\"code\":\(code),") }
      if case .text(let server) = attempt.address {
        out.append("\"network_endpoint\":{")
        if let (address, port) = endpoint(server) {
          out.append("\"ip\":\"\(address)\",\"port\":\(port)")
        } else {
          out.append("\"name\":")
          _ = JSONText.append(bytes(server), to: &out)
        }
        out.append("},")
      } else if case .integer = attempt.status {
      } else {
        out.append("\"network_endpoint\":{\"name\":\"unknown\"},")
      }
      Self.close(&out)
    }
    out.append(UInt8(ascii: "]"))
    return true
  }
}

import Bytes

/// Values in the forms that other standards ask for.
extension Event {
  /// Appends the field's value; false, and nothing appended, when it has none of that form.
  func append(_ field: Field, as form: ExportForm, to out: inout ByteBuffer) -> Bool {
    switch (form, self[field]) {
    case (_, .null): return false
    case (.text, let value): appendText(value, to: &out)
    case (.textOnly, .text(let range)): _ = JSONText.append(bytes(range), to: &out)
    case (.address, .address(let address)): out.append("\"\(address)\"")
    case (.number, .integer(let number)), (.number, .size(let number)), (.number, .duration(let number)):
      JSONText.append(number, to: &out)
    case (.port, .integer(let number)) where number >= 0 && number <= 65_535:
      JSONText.append(number, to: &out)
    case (.count, .integer(let number)) where number >= 0, (.count, .size(let number)) where number >= 0:
      JSONText.append(number, to: &out)
    case (.stamp, .time(let moment)): JSONText.append(time: moment, to: &out)
    case (.epochMilliseconds, .time(let moment)):
      JSONText.append(Timestamp.floorDivide(moment, 1_000_000).quotient, to: &out)
    case (.milliseconds, .duration(let duration)):
      JSONText.append(Timestamp.floorDivide(duration, 1_000_000).quotient, to: &out)
    case (.flag, .flag(let flag)): out.append(flag ? "true" : "false")
    case (.list, .text(let range)): return appendList(range, asAddresses: false, to: &out)
    case (.addresses, .text(let range)): return appendList(range, asAddresses: true, to: &out)
    default: return false
    }
    return true
  }

  /// Appends a value as a JSON string, whatever its type.
  private func appendText(_ value: Value, to out: inout ByteBuffer) {
    switch value {
    case .text(let range):
      _ = JSONText.append(bytes(range), to: &out)
      return
    case .time(let moment): return JSONText.append(time: moment, to: &out)
    default: break
    }
    out.append(UInt8(ascii: "\""))
    switch value {
    case .integer(let number), .duration(let number), .size(let number): JSONText.append(number, to: &out)
    case .address(let address): out.append(address.description)
    case .flag(let flag): out.append(flag ? "true" : "false")
    default: break
    }
    out.append(UInt8(ascii: "\""))
  }

  private func appendList(_ range: TextRange, asAddresses: Bool, to out: inout ByteBuffer) -> Bool {
    let start = out.count
    out.append(UInt8(ascii: "["))
    for element in elements(range) {
      if out.count > start + 1 { out.append(UInt8(ascii: ",")) }
      let text = bytes(element)
      if asAddresses {
        guard let address = Address(text) else {
          out.truncate(to: start)
          return false
        }
        out.append("\"\(address)\"")
      } else {
        _ = JSONText.append(text, to: &out)
      }
    }
    if out.count == start + 1 {
      out.truncate(to: start)
      return false
    }
    out.append(UInt8(ascii: "]"))
    return true
  }

  /// The elements of a list as load balancers write them: joined by `,`, or by ` : ` between groups.
  func elements(_ range: TextRange) -> [TextRange] {
    let text = bytes(range)
    var elements: [TextRange] = []
    var start = 0
    var index = 0
    while index <= text.count {
      let isColon =
        index > 0 && index + 1 < text.count && text[index] == UInt8(ascii: ":")
        && text[index - 1] == UInt8(ascii: " ") && text[index + 1] == UInt8(ascii: " ")
      if index == text.count || text[index] == UInt8(ascii: ",") || isColon {
        var end = index
        while start < end, text[start] == UInt8(ascii: " ") { start += 1 }
        while end > start, text[end - 1] == UInt8(ascii: " ") { end -= 1 }
        if end > start { elements.append(part(of: range, start, end)) }
        start = index + 1
      }
      index += 1
    }
    return elements
  }

  /// Whether the bytes of a text value are UTF-8; true for any other value.
  func isExact(_ value: Value) -> Bool {
    guard case .text(let range) = value else { return true }
    let text = bytes(range)
    var index = 0
    while index < text.count {
      let length = text[index] < 0x80 ? 1 : JSONText.utf8Length(text, at: index)
      if length == 0 { return false }
      index += length
    }
    return true
  }

  /// One line that tells what happened: the message, or method, target and status, or where the connection
  /// went.
  func appendSummary(to out: inout ByteBuffer) {
    var text = ByteBuffer(capacity: 128)
    if let message = bytes(.message) {
      text.append(message)
    } else {
      let fields: [Field] =
        self[.httpMethod].isNull && self[.httpStatus].isNull
        ? [.httpRequest, .clientIP, .lbFrontend, .lbBackend, .lbServer, .tlsErrorText, .termRaw]
        : [.httpMethod, .urlTarget, .httpRequest, .httpStatus]
      for field in fields where !self[field].isNull {
        if field == .httpRequest, !self[.httpMethod].isNull { continue }
        if text.count > 0 { text.append(UInt8(ascii: " ")) }
        switch self[field] {
        case .text(let range): text.append(bytes(range))
        case .address(let address): text.append(address.description)
        case .integer(let number): text.append(String(number))
        default: break
        }
      }
    }
    _ = JSONText.append(text.view, to: &out)
  }
}

import Bytes

extension Event {
  /// Appends the event as one flat JSON object, without a line feed behind it.
  ///
  /// * Keys are field names in table order, then what no field covers, under the load balancer's own names.
  /// * Integers, sizes (bytes) and durations (nanoseconds) are numbers, all digits of them; times are RFC 3339
  ///   in UTC with nanoseconds; addresses and text are strings.
  /// * `upstream` is the list of attempts, one object for each server that was tried, where the line logs lists.
  /// * A field that the line's format has but that holds nothing is `null`. With `nullReasons` the last key,
  ///   `nulls`, is an object that says why, for each of them: `dash`, `empty` or `not_reached`. A field that is
  ///   missing is absent in the line's format, or, where no format fitted, unparsed.
  /// * Bytes are not always UTF-8. Where they are not, the string has U+FFFD in place of each byte that does
  ///   not belong, and a sibling key `"<key>.base64"` holds all the bytes exactly (RFC 4648, padded).
  public func appendJSON(to out: inout ByteBuffer, nullReasons: Bool = false) {
    let start = out.count
    for (field, key) in zip(Field.allCases, FieldTable.jsonKeys) {
      let value = self[field]
      if value.isMissing { continue }
      append(key, value, to: &out)
    }
    appendAttempts(to: &out)
    for extra in extras { append(Array(extra.name.utf8), extra.value, to: &out) }
    if nullReasons { appendReasons(to: &out) }
    if out.count == start { out.append(UInt8(ascii: "{")) }
    out.append(UInt8(ascii: "}"))
    // Each member was written with a comma before it; the first one's becomes the opening brace.
    out.store(littleEndian: UInt8(ascii: "{"), at: start)
  }

  /// Appends `,"upstream":[…]` where the line logs attempts.
  private func appendAttempts(to out: inout ByteBuffer) {
    let start = out.count
    out.append(UInt8(ascii: ","))
    if appendUpstream(to: &out) { out.truncate(to: out.count - 1) } else { out.truncate(to: start) }
  }

  private func append(_ key: [UInt8], _ value: Value, to out: inout ByteBuffer) {
    appendKey(key, "", to: &out)
    switch value {
    case .null: out.append("null")
    case .integer(let number), .duration(let number), .size(let number): JSONText.append(number, to: &out)
    case .flag(let flag): out.append(flag ? "true" : "false")
    case .time(let moment): JSONText.append(time: moment, to: &out)
    case .address(let address): out.append("\"\(address)\"")
    case .text(let range):
      let text = bytes(range)
      if !JSONText.append(text, to: &out) {
        appendKey(key, ".base64", to: &out)
        JSONText.appendBase64(text, to: &out)
      }
    }
  }

  /// Appends `,"nulls":{…}`, or nothing when no field of the line's format is null.
  private func appendReasons(to out: inout ByteBuffer) {
    let start = out.count
    for (field, key) in zip(Field.allCases, FieldTable.jsonKeys) { appendReason(key, self[field], to: &out) }
    for extra in extras { appendReason(Array(extra.name.utf8), extra.value, to: &out) }
    if out.count == start { return }
    let reasons = out.view.dropFirst(start + 1).array
    out.truncate(to: start)
    out.append(",\"nulls\":{")
    out.append(reasons)
    out.append(UInt8(ascii: "}"))
  }

  private func appendReason(_ key: [UInt8], _ value: Value, to out: inout ByteBuffer) {
    guard case .null(let reason) = value, !value.isMissing else { return }
    appendKey(key, "", to: &out)
    out.append("\"\(reason.name)\"")
  }

  private func appendKey(_ key: [UInt8], _ suffix: String, to out: inout ByteBuffer) {
    out.append(UInt8(ascii: ","))
    let key = suffix.isEmpty ? key : key + Array(suffix.utf8)
    key.withView { _ = JSONText.append($0, to: &out) }
    out.append(UInt8(ascii: ":"))
  }
}

/// Strings of JSON (RFC 8259, 7).
enum JSONText {
  /// Appends `text` as a quoted string; false when some bytes were not UTF-8 and are U+FFFD there.
  static func append(_ text: ByteView, to out: inout ByteBuffer) -> Bool {
    var exact = true
    out.append(UInt8(ascii: "\""))
    var index = 0
    while true {
      let run = index
      while index < text.count, isPlain(text[index]) { index += 1 }
      out.append(text[run, index])
      if index == text.count { break }
      let byte = text[index]
      if byte >= 0x80 {
        let length = utf8Length(text, at: index)
        if length == 0 {
          out.append("\u{FFFD}")
          exact = false
          index += 1
        } else if byte == 0xC2, text[index + 1] < 0xA0 {
          // C1 controls: a terminal may take them for the beginning of an escape sequence.
          appendEscape(text[index + 1], to: &out)
          index += 2
        } else {
          out.append(text[index, index + length])
          index += length
        }
        continue
      }
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        out.append(UInt8(ascii: "\\"))
        out.append(byte)
      case UInt8(ascii: "\n"): out.append("\\n")
      case UInt8(ascii: "\r"): out.append("\\r")
      case UInt8(ascii: "\t"): out.append("\\t")
      default: appendEscape(byte, to: &out)
      }
      index += 1
    }
    out.append(UInt8(ascii: "\""))
    return exact
  }

  /// Appends U+0000 to U+00FF as an escape.
  private static func appendEscape(_ code: UInt8, to out: inout ByteBuffer) {
    out.append("\\u00")
    out.append(hexDigit(code &>> 4))
    out.append(hexDigit(code & 15))
  }

  /// Appends a number in decimal, all its digits.
  static func append(_ number: Int64, to out: inout ByteBuffer) {
    if number < 0 { out.append(UInt8(ascii: "-")) }
    DecimalText.append(number.magnitude, width: 1, to: &out)
  }

  /// Appends a moment as RFC 3339 in UTC with nanoseconds, quoted.
  static func append(time moment: Int64, to out: inout ByteBuffer) {
    out.append(UInt8(ascii: "\""))
    Timestamp.append(moment, to: &out)
    out.append(UInt8(ascii: "\""))
  }

  /// Bytes that stand for themselves.
  private static func isPlain(_ byte: UInt8) -> Bool {
    byte >= 0x20 && byte < 0x7F && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
  }

  private static func hexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
  }

  /// Bytes of the well-formed UTF-8 sequence of two to four bytes at `index`; 0 when there is none (RFC 3629,
  /// 4).
  static func utf8Length(_ text: ByteView, at index: Int) -> Int {
    let lead = text[index]
    let (length, low, high): (Int, UInt8, UInt8)
    switch lead {
    case 0xC2...0xDF: (length, low, high) = (2, 0x80, 0xBF)
    case 0xE0: (length, low, high) = (3, 0xA0, 0xBF)
    case 0xED: (length, low, high) = (3, 0x80, 0x9F)
    case 0xE1...0xEF: (length, low, high) = (3, 0x80, 0xBF)
    case 0xF0: (length, low, high) = (4, 0x90, 0xBF)
    case 0xF1...0xF3: (length, low, high) = (4, 0x80, 0xBF)
    case 0xF4: (length, low, high) = (4, 0x80, 0x8F)
    default: return 0
    }
    guard text.count - index >= length, text[index + 1] >= low, text[index + 1] <= high else { return 0 }
    for rest in 2..<max(length, 2) where text[index + rest] & 0xC0 != 0x80 { return 0 }
    return length
  }

  /// Appends the bytes as a quoted base64 string (RFC 4648, 4).
  static func appendBase64(_ bytes: ByteView, to out: inout ByteBuffer) {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    out.append(UInt8(ascii: "\""))
    var index = 0
    while index < bytes.count {
      let left = min(3, bytes.count - index)
      var group: UInt32 = 0
      for offset in 0..<3 { group = group &<< 8 | (offset < left ? UInt32(bytes[index + offset]) : 0) }
      for position in 0..<4 {
        let sextet = Int(group &>> (18 - 6 * UInt32(position)) & 63)
        out.append(position <= left ? alphabet[sextet] : UInt8(ascii: "="))
      }
      index += 3
    }
    out.append(UInt8(ascii: "\""))
  }
}

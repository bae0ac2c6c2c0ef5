import Bytes

extension Event {
  /// Appends the event as one line for people, without a line feed:
  ///
  ///     2026-01-01 00:00:00.123  edge  192.0.2.1  GET www.example.com/s?q=x  200  86ms  38.6kB  app/srv04
  ///
  /// Time (UTC), source, client (where the line has none, whom the request was forwarded for), method and
  /// target (or the message), status and termination, duration, bytes out, where it was served. What the line
  /// does not say is `-`. Control bytes and bytes that are not UTF-8 are shown as `\xHH`, so that no log line
  /// can drive the terminal.
  ///
  /// A line that is about no request and no connection (`isShownInItsOwnWords`) is shown as it was logged,
  /// without its syslog header, provided that the event has the field `raw`:
  ///
  ///     2026-01-01 00:00:00.000  edge          Server app/srv04 is DOWN, reason: Layer4 timeout
  ///     2026-01-01 00:00:00.000  -             started version="1.0" recovered=0
  public func appendLine(to out: inout ByteBuffer) {
    appendTime(to: &out)
    column(.sourceID, width: 12, to: &out)
    if isShownInItsOwnWords, let raw = bytes(.raw) {
      separate(&out)
      if self[.action].isNull || !self[.parserFormat].isNull {
        appendVisible(raw[min(bodyOffset, raw.count), raw.count], to: &out)
      } else {
        appendStatement(raw, to: &out)
      }
      return
    }
    appendClient(to: &out)
    if self[.httpMethod].isNull, self[.urlTarget].isNull {
      appendWhole(to: &out)
    } else {
      separate(&out)
      appendText(.httpMethod, to: &out)
      out.append(UInt8(ascii: " "))
      if let host = bytes(.urlHost), let target = bytes(.urlTarget), target.find(UInt8(ascii: "/")) == 0 {
        appendVisible(host, to: &out)
      }
      appendText(.urlTarget, to: &out)
    }
    if self[.parserFormat].isNull { return }
    separate(&out)
    appendEnd(to: &out)
    separate(&out)
    appendDuration(to: &out)
    separate(&out)
    appendBytes(to: &out)
    appendServer(to: &out)
  }

  /// Whether the columns would say little, and the message all: it is about servers, the load balancer
  /// itself, lost messages or the collector.
  public var isShownInItsOwnWords: Bool {
    switch bytes(.kind).flatMap({ EventKind(rawValue: $0.text) }) {
    case .http, .tcp, .udpSession, .unparsed, nil: false
    case .tlsError, .lbHealth, .lbAdmin, .lbProcess, .errorLog, .lossNotice, .collector: true
    }
  }

  /// A statement of Stele, one line of JSON, as its type and `name=value` for each of the other members.
  private func appendStatement(_ raw: ByteView, to out: inout ByteBuffer) {
    let quote = UInt8(ascii: "\"")
    appendText(.action, to: &out)
    var place = 1
    var depth = 0
    var start = 1
    while place < raw.count {
      switch raw[place] {
      case quote:
        // To the quote that closes it.
        place += 1
        while place < raw.count, raw[place] != quote { place += raw[place] == UInt8(ascii: "\\") ? 2 : 1 }
      case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
      case UInt8(ascii: "}") where depth == 0, UInt8(ascii: ",") where depth == 0:
        appendMember(raw[start, place], to: &out)
        start = place + 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
      default: break
      }
      place += 1
    }
  }

  /// `"name":value` as `name=value`.
  private func appendMember(_ member: ByteView, to out: inout ByteBuffer) {
    guard member.count > 2, let end = member.find(UInt8(ascii: "\""), from: 1), end + 1 < member.count
    else { return }
    if member[1, end].isWord("type") { return }
    out.append(UInt8(ascii: " "))
    appendVisible(member[1, end], to: &out)
    out.append(UInt8(ascii: "="))
    appendVisible(member[end + 2, member.count], to: &out)
  }

  private func appendTime(to out: inout ByteBuffer) {
    guard case .time(let moment) = self[.time] else {
      out.append("-")
      return
    }
    var stamp = ByteBuffer(capacity: 32)
    Timestamp.append(moment, digits: 3, to: &stamp)
    out.append(stamp.view.prefix(10))
    out.append(UInt8(ascii: " "))
    out.append(stamp.view[11, stamp.count - 1])
  }

  private func appendClient(to out: inout ByteBuffer) {
    separate(&out)
    let start = out.count
    switch self[.clientIP] {
    case .address(let address): out.append(address.description)
    case .text(let range): appendVisible(bytes(range), to: &out)
    default: appendText(bytes(.clientEndpoint) == nil ? .forwardedFor : .clientEndpoint, to: &out)
    }
    pad(15 - (out.count - start), &out)
  }

  /// What stands in for method and target: the request line as logged, the message, or the frontend.
  private func appendWhole(to out: inout ByteBuffer) {
    separate(&out)
    for field in [Field.httpRequest, .message, .raw, .lbFrontend] {
      if let text = bytes(field) {
        appendVisible(text, to: &out)
        return
      }
    }
    out.append(UInt8(ascii: "-"))
  }

  private func appendEnd(to out: inout ByteBuffer) {
    if case .integer(let status) = self[.httpStatus] {
      out.append(String(status))
    } else {
      out.append(UInt8(ascii: "-"))
    }
    if let state = bytes(.termRaw), let actor = bytes(.termActor), actor.text != "none" {
      out.append(UInt8(ascii: " "))
      appendVisible(state, to: &out)
    }
  }

  private func appendDuration(to out: inout ByteBuffer) {
    for field in [Field.durationActive, .durationTotal] {
      guard case .duration(let nanoseconds) = self[field] else { continue }
      let milliseconds = nanoseconds / 1_000_000
      if milliseconds < 10_000 {
        out.append("\(milliseconds)ms")
      } else {
        out.append("\(milliseconds / 1000).\(milliseconds % 1000 / 100)s")
      }
      return
    }
    out.append(UInt8(ascii: "-"))
  }

  private func appendBytes(to out: inout ByteBuffer) {
    for field in [Field.bytesOut, .bytesBodyOut] {
      guard case .size(let size) = self[field] else { continue }
      out.append(Self.shortSize(size))
      return
    }
    out.append(UInt8(ascii: "-"))
  }

  /// `999B`, `38.6kB`, `1.2GB`: powers of 1000.
  static func shortSize(_ size: Int64) -> String {
    if size < 1000 { return "\(size)B" }
    var tenths = size / 100
    for unit in ["kB", "MB", "GB", "TB"] {
      if tenths < 10_000 { return "\(tenths / 10).\(tenths % 10)\(unit)" }
      tenths /= 1000
    }
    return "\(tenths / 10).\(tenths % 10)PB"
  }

  private func appendServer(to out: inout ByteBuffer) {
    guard let server = bytes(.lbServer) else { return }
    separate(&out)
    if let backend = bytes(.lbBackend) {
      appendVisible(backend, to: &out)
      out.append(UInt8(ascii: "/"))
    }
    appendVisible(server, to: &out)
  }

  private func column(_ field: Field, width: Int, to out: inout ByteBuffer) {
    separate(&out)
    let start = out.count
    appendText(field, to: &out)
    pad(width - (out.count - start), &out)
  }

  private func appendText(_ field: Field, to out: inout ByteBuffer) {
    if let text = bytes(field) {
      appendVisible(text, to: &out)
    } else {
      out.append(UInt8(ascii: "-"))
    }
  }

  private func separate(_ out: inout ByteBuffer) { out.append("  ") }

  private func pad(_ count: Int, _ out: inout ByteBuffer) {
    for _ in 0..<max(0, count) { out.append(UInt8(ascii: " ")) }
  }

  private func appendVisible(_ text: ByteView, to out: inout ByteBuffer) {
    VisibleText.append(text, to: &out)
  }
}

/// Text that is safe to show on a terminal.
public enum VisibleText {
  /// Appends `text` with every control byte (C0, DEL, C1), what turns the direction of writing around, and every byte
  /// that is not UTF-8 as `\xHH`.
  public static func append(_ text: ByteView, to out: inout ByteBuffer) {
    var index = 0
    while index < text.count {
      let byte = text[index]
      var length = byte >= 0x80 ? JSONText.utf8Length(text, at: index) : byte < 0x20 || byte == 0x7F ? 0 : 1
      if length == 2, byte == 0xC2, text[index + 1] < 0xA0 { length = 0 }
      if length == 3, isTurning(text, index) { length = 0 }
      if length == 0 {
        let hex = String(byte, radix: 16, uppercase: true)
        out.append(byte < 16 ? "\\x0\(hex)" : "\\x\(hex)")
        index += 1
      } else {
        out.append(text[index, index + length])
        index += length
      }
    }
  }

  /// U+202A to U+202E and U+2066 to U+2069 (Unicode Standard Annex 9): after them a line shows other than it is.
  private static func isTurning(_ text: ByteView, _ index: Int) -> Bool {
    guard text[index] == 0xE2 else { return false }
    switch (text[index + 1], text[index + 2]) {
    case (0x80, 0xAA...0xAE), (0x81, 0xA6...0xA9): return true
    default: return false
    }
  }
}

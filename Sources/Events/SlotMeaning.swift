import Bytes
import Templates

/// What a slot's bytes mean for an event: which field they fill, and how they become its value.
///
/// Worked out once per slot, applied to every line (or to every entry of a dictionary column).
public struct SlotMeaning: Sendable {
  /// The field; nil for what is kept beside the fields, under `name`.
  public let field: Field?
  /// The slot's name.
  public let name: String
  let column: ColumnType
  let unit: Unit
  let syntax: Syntax
  /// It holds headers of which only the configuration could tell whether they are the request's or the response's.
  let isOfUnknownCapture: Bool
  /// How the load balancer prints the time that this is, where no column type is made for it.
  private let stampFormat: StampFormat?

  /// The meaning of `slot`, by its name, column and unit.
  public init(_ slot: Slot) {
    name = slot.name
    column = slot.column
    unit = slot.unit
    syntax = slot.syntax
    isOfUnknownCapture = slot.name.hasPrefix(Field.httpCaptures.name)
    if let (field, format) = Self.stamp(slot.name) {
      self.field = field
      stampFormat = format
    } else {
      field = Field(slot.name) ?? Self.spellings[slot.name]
      stampFormat = nil
    }
  }

  /// The times that keep their spelling, because it says how they are printed.
  private static func stamp(_ name: String) -> (Field, StampFormat)? {
    if name == "$error_time" { return StampFormat("%Y/%m/%d %H:%M:%S").map { (.timeEnd, $0) } }
    guard name.first == "%", let open = name.firstIndex(of: "(") else { return nil }
    let field: Field
    switch name[name.index(after: name.startIndex)..<open] {
    case "START_TIME", "START_TIME_LOCAL": field = .timeStart
    case "EMIT_TIME", "EMIT_TIME_LOCAL": field = .timeEnd
    default: return nil
    }
    guard let close = name.lastIndex(of: ")"), let format = StampFormat(name[name.index(after: open)..<close])
    else { return nil }
    return (field, format)
  }

  /// Slots that keep the load balancer's spelling because their bytes say more than the field alone.
  static let spellings: [String: Field] = [
    // The frontend and, by a trailing `~`, that its listener does TLS.
    "%ft": .lbFrontend,
    // Attempts, of which the first is no retry.
    "%UPSTREAM_REQUEST_ATTEMPT_COUNT%": .retries,
    // Nginx's error log has it.
    "$tid": .lbThread,
    // TCP or UDP.
    "$protocol": .transport,
  ]

  /// The value that `bytes` spell.
  ///
  /// `-` and nothing are null, and so is `-1` where a duration was not reached. Bytes that are not of the
  /// field's type are text. A `.text` value is a range of `bytes`. `context` is only looked at for times.
  public func value(of bytes: ByteView, _ context: EventContext) -> Value {
    if bytes.isEmpty { return .null(.empty) }
    if bytes.count == 1, bytes[0] == UInt8(ascii: "-") { return .null(.dash) }
    if syntax == .json { return jsonValue(bytes, context) }
    if isNothing(bytes) { return .null(bytes.isWord("null") ? .empty : .absent) }
    if isEmptyInQuotes(bytes) { return .null(.empty) }
    return typed(bytes, context) ?? .text(TextRange(start: 0, count: bytes.count))
  }

  /// HAProxy's `+Q` prints `""` for a number or an address that is missing, and those that are there without quotes.
  private func isEmptyInQuotes(_ bytes: ByteView) -> Bool {
    guard syntax == .token, bytes.count == 2, bytes[0] == UInt8(ascii: "\""), bytes[1] == bytes[0] else {
      return false
    }
    switch column {
    case .integer, .hexInteger, .hexAddress: return true
    default: return false
    }
  }

  private func jsonValue(_ bytes: ByteView, _ context: EventContext) -> Value {
    if bytes.isWord("null") { return .null(.empty) }
    let quote = UInt8(ascii: "\"")
    guard bytes[0] == quote, bytes.count > 1, bytes[bytes.count - 1] == quote else {
      return typed(bytes, context) ?? .text(TextRange(start: 0, count: bytes.count))
    }
    let inner = bytes[1, bytes.count - 1]
    if inner.isEmpty { return .null(.empty) }
    if inner.count == 1, inner[0] == UInt8(ascii: "-") { return .null(.dash) }
    switch typed(inner, context) {
    case .text(let range): return .text(TextRange(start: Int(range.start) + 1, count: Int(range.count)))
    case let value?: return value
    case nil: return .text(TextRange(start: 1, count: inner.count))
    }
  }

  private func typed(_ bytes: ByteView, _ context: EventContext) -> Value? {
    guard let field else { return extra(bytes) }
    switch field.type {
    case .integer, .status: return integer(bytes, field)
    case .size: return number(bytes).map { .size($0) }
    case .duration: return duration(bytes)
    case .time: return time(bytes, context)
    case .address: return address(bytes)
    case .flag: return Self.flag(bytes)
    case .text, .list: return text(bytes, field)
    }
  }

  /// Beside the fields, numbers are known by their column only.
  private func extra(_ bytes: ByteView) -> Value? {
    switch column {
    case .integer, .plusInteger, .hexInteger:
      guard let number = number(bytes) else { return nil }
      return switch unit {
      case .bytes: .size(number)
      case .none: .integer(number)
      case .hashEscapes, .backslashEscapes, .hashAndBackslashEscapes, .cborItem: .integer(number)
      default: duration(bytes)
      }
    case .decimal: return unit == .none ? nil : duration(bytes)
    default: return nil
    }
  }

  private func integer(_ bytes: ByteView, _ field: Field) -> Value? {
    guard let number = number(bytes) else { return nil }
    if field == .retries, name != field.name { return .integer(max(0, number - 1)) }
    return .integer(number)
  }

  /// A whole number, by the column.
  private func number(_ bytes: ByteView) -> Int64? {
    if column == .hexInteger { return Digits.hexadecimal(bytes) }
    return Number(bytes)?.whole
  }

  private func address(_ bytes: ByteView) -> Value? {
    if column == .hexAddress, let value = ValueCodec.parse(bytes, as: .hexAddress), value.kind > 1 {
      let a = UInt64(bitPattern: value.a)
      if value.kind == 2 { return .address(Address(ipv4: UInt32(truncatingIfNeeded: a))) }
      return .address(Address(ipv6: a, UInt64(bitPattern: value.b)))
    }
    return Address(bytes).map { .address($0) }
  }

  private func duration(_ bytes: ByteView) -> Value? {
    guard let number = Number(bytes) else { return nil }
    if number.whole == -1 { return .null(.notReached) }
    return number.scaled(by: nanosecondsPerUnit).map { .duration($0) }
  }

  private var nanosecondsPerUnit: Int64 {
    switch unit {
    case .seconds: 1_000_000_000
    case .microseconds: 1_000
    case .nanoseconds: 1
    default: 1_000_000
    }
  }

  private func time(_ bytes: ByteView, _ context: EventContext) -> Value? {
    if let stamp = stamp(bytes) { return .time(context.resolve(stamp).nanoseconds) }
    if column == .hexInteger { return Digits.hexadecimal(bytes).map { .time($0 &* nanosecondsPerUnit) } }
    guard unit != .none, let number = Number(bytes) else { return nil }
    if unit.isSpelling { return number.scaled(by: 1_000_000_000).map { .time($0) } }
    return number.scaled(by: nanosecondsPerUnit).map { .time($0) }
  }

  /// The stamp that `bytes` spell, for columns that hold one.
  func stamp(_ bytes: ByteView) -> Stamp? {
    if let stampFormat { return stampFormat.read(bytes) }
    return switch column {
    case .clfTime: Stamp(clf: bytes)
    case .isoTime: Stamp(iso: bytes)
    case .syslogTime: Stamp(syslog: bytes)
    default: nil
    }
  }

  private static func flag(_ bytes: ByteView) -> Value? {
    switch bytes.count {
    case 1:
      switch bytes[0] {
      case UInt8(ascii: "1"), UInt8(ascii: "r"): .flag(true)
      case UInt8(ascii: "0"), UInt8(ascii: "."): .flag(false)
      default: nil
      }
    case 2: bytes.text == "on" ? .flag(true) : nil
    case 4: bytes.text == "true" ? .flag(true) : nil
    case 5: bytes.text == "false" ? .flag(false) : nil
    // HAProxy's `backup server`.
    case 7: bytes.isWord("backup ") ? .flag(true) : nil
    default: nil
    }
  }

  /// The part of the bytes that is the field: the frontend without `~`, the version without `HTTP/` and
  /// without `.0` from 2 on, the query without `?`.
  private func text(_ bytes: ByteView, _ field: Field) -> Value {
    var start = 0
    var end = bytes.count
    switch field {
    case .lbFrontend where name == "%ft" && bytes[end - 1] == UInt8(ascii: "~"):
      end -= 1
    case .httpVersion:
      if end > 5, bytes[4] == UInt8(ascii: "/"), bytes[0] == UInt8(ascii: "H") { start = 5 }
      if end - start == 3, bytes[start] >= UInt8(ascii: "2"), bytes[end - 1] == UInt8(ascii: "0") {
        end = start + 1
      }
    case .urlQuery where bytes[0] == UInt8(ascii: "?"):
      start = 1
    default: break
    }
    return start == end ? .null(.empty) : .text(TextRange(start: start, count: end - start))
  }
}

/// A decimal number in text: sign or `+`, digits, perhaps a point and more digits.
struct Number {
  var negative = false
  var digits: Int64 = 0
  /// Digits behind the point.
  var places = 0

  init?(_ text: ByteView) {
    var index = 0
    if text.count > 1, text[0] == UInt8(ascii: "-") || text[0] == UInt8(ascii: "+") {
      negative = text[0] == UInt8(ascii: "-")
      index = 1
    }
    guard text.count - index >= 1, text.count - index <= 19 else { return nil }
    var point: Int?
    while index < text.count {
      let byte = text[index]
      if byte == UInt8(ascii: "."), point == nil, index + 1 < text.count {
        point = index
      } else {
        let (product, overflow) = digits.multipliedReportingOverflow(by: 10)
        guard byte &- UInt8(ascii: "0") < 10, !overflow else { return nil }
        let (sum, carry) = product.addingReportingOverflow(Int64(byte - UInt8(ascii: "0")))
        guard !carry else { return nil }
        digits = sum
      }
      index += 1
    }
    places = point.map { text.count - 1 - $0 } ?? 0
  }

  /// The number, when it has no point.
  var whole: Int64? { places == 0 ? (negative ? -digits : digits) : nil }

  /// The number times `factor`, rounded toward zero; nil when that does not fit.
  func scaled(by factor: Int64) -> Int64? {
    var factor = factor
    var left = places
    while left > 0, factor % 10 == 0 {
      factor /= 10
      left -= 1
    }
    let (product, overflow) = digits.multipliedReportingOverflow(by: factor)
    guard !overflow else { return nil }
    var value = product
    for _ in 0..<left { value /= 10 }
    return negative ? -value : value
  }
}

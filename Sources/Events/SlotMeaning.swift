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

  /// The meaning of `slot`, by its name, column and unit.
  public init(_ slot: Slot) {
    name = slot.name
    column = slot.column
    unit = slot.unit
    field = Field(slot.name) ?? Self.spellings[slot.name]
  }

  /// Slots that keep the load balancer's spelling because their bytes say more than the field alone.
  static let spellings: [String: Field] = [
    // The frontend and, by a trailing `~`, that its listener does TLS.
    "%ft": .lbFrontend,
    // Attempts, of which the first is no retry.
    "%UPSTREAM_REQUEST_ATTEMPT_COUNT%": .retries,
  ]

  /// The value that `bytes` spell.
  ///
  /// `-` and nothing are null, and so is `-1` where a duration was not reached. Bytes that are not of the
  /// field's type are text. A `.text` value is a range of `bytes`. `context` is only looked at for times.
  public func value(of bytes: ByteView, _ context: EventContext) -> Value {
    if bytes.isEmpty { return .null(.empty) }
    if bytes.count == 1, bytes[0] == UInt8(ascii: "-") { return .null(.dash) }
    return typed(bytes, context) ?? .text(TextRange(start: 0, count: bytes.count))
  }

  private func typed(_ bytes: ByteView, _ context: EventContext) -> Value? {
    guard let field else { return extra(bytes) }
    switch field.type {
    case .integer, .status: return integer(bytes, field)
    case .size: return Number(bytes)?.whole.map { .size($0) }
    case .duration: return duration(bytes)
    case .time: return time(bytes, context)
    case .address: return Address(bytes).map { .address($0) }
    case .flag: return Self.flag(bytes)
    case .text, .list: return text(bytes, field)
    }
  }

  /// Beside the fields, numbers are known by their column only.
  private func extra(_ bytes: ByteView) -> Value? {
    switch column {
    case .integer, .plusInteger:
      guard let number = Number(bytes)?.whole else { return nil }
      return switch unit {
      case .bytes: .size(number)
      case .none: .integer(number)
      default: duration(bytes)
      }
    case .decimal: return unit == .none ? nil : duration(bytes)
    default: return nil
    }
  }

  private func integer(_ bytes: ByteView, _ field: Field) -> Value? {
    guard let number = Number(bytes)?.whole else { return nil }
    if field == .retries, name != field.name { return .integer(max(0, number - 1)) }
    return .integer(number)
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
    case .milliseconds, .none, .bytes: 1_000_000
    }
  }

  private func time(_ bytes: ByteView, _ context: EventContext) -> Value? {
    if let stamp = stamp(bytes) { return .time(context.resolve(stamp).nanoseconds) }
    guard unit != .none, let number = Number(bytes) else { return nil }
    return number.scaled(by: nanosecondsPerUnit).map { .time($0) }
  }

  /// The stamp that `bytes` spell, for columns that hold one.
  func stamp(_ bytes: ByteView) -> Stamp? {
    switch column {
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

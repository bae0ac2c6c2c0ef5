import Bytes

/// A slot's value in the form in which it is stored: what kind of spelling it has, and up to two numbers.
public struct StoredValue: Equatable, Sendable, BitwiseCopyable {
  /// 0: kept as bytes (`verbatim`). 1: the single byte `-` (`absent`). From 2 on: as the column type says.
  public var kind: UInt8
  public var a: Int64
  public var b: Int64

  @inlinable public init(kind: UInt8, a: Int64 = 0, b: Int64 = 0) {
    self.kind = kind
    self.a = a
    self.b = b
  }

  public static let verbatim: UInt8 = 0
  public static let absent: UInt8 = 1
}

/// Turns the canonical spellings of a column type into numbers and back.
///
/// The law that the whole store rests on: when `parse` returns a value of kind 1 or more, `print` gives exactly
/// the bytes that were parsed. Whatever has another spelling (leading zeros, a plus sign, an impossible date) is
/// not parsed, and is then stored as bytes.
public enum ValueCodec {
  /// The stored form of `bytes`, or nil when they are not a canonical spelling for `column`.
  public static func parse(_ bytes: ByteView, as column: ColumnType) -> StoredValue? {
    if bytes.count == 1, bytes[0] == UInt8(ascii: "-") { return StoredValue(kind: StoredValue.absent) }
    switch column {
    case .text, .identifier:
      let value = parseText(LineText(bytes), 0, bytes.count)
      return value.kind == StoredValue.verbatim ? nil : StoredValue(kind: value.kind, a: value.a, b: value.b)
    case .integer: return parseInteger(bytes).map { StoredValue(kind: 2, a: $0) }
    case .plusInteger:
      if bytes.count > 1, bytes[0] == UInt8(ascii: "+") {
        guard bytes[1] != UInt8(ascii: "-") else { return nil }
        return parseInteger(bytes.dropFirst(1)).map { StoredValue(kind: 3, a: $0) }
      }
      return parseInteger(bytes).map { StoredValue(kind: 2, a: $0) }
    case .decimal: return parseDecimal(bytes)
    case .address: return parseAddress(bytes)
    case .clfTime: return TimeCodec.parseCLF(bytes)
    case .isoTime: return TimeCodec.parseISO(bytes)
    case .syslogTime: return TimeCodec.parseSyslog(bytes)
    case .status: return parseStatus(bytes)
    case .hexInteger: return UpperHexCodec.parseInteger(bytes)
    case .hexAddress: return UpperHexCodec.parseAddress(bytes)
    }
  }

  /// Appends the spelling of `value`, whose kind is at least 1. Throws when no value of `column` has that kind or
  /// those numbers, which can only happen to stored bytes that were damaged.
  public static func print(
    _ value: StoredValue, as column: ColumnType, to out: inout ByteBuffer
  ) throws(DecodeError) {
    if value.kind == StoredValue.absent { return out.append(UInt8(ascii: "-")) }
    switch column {
    case .text, .identifier: try HexCodec.print(value, to: &out)
    case .integer:
      guard value.kind == 2 else { throw DecodeError(.invalid, at: 0) }
      printInteger(value.a, to: &out)
    case .plusInteger:
      guard value.kind == 2 || value.kind == 3 && value.a >= 0 else { throw DecodeError(.invalid, at: 0) }
      if value.kind == 3 { out.append(UInt8(ascii: "+")) }
      printInteger(value.a, to: &out)
    case .decimal: try printDecimal(value, to: &out)
    case .address:
      guard value.kind == 2, value.a >= 0, value.a <= 0xFFFF_FFFF else { throw DecodeError(.invalid, at: 0) }
      printAddress(UInt32(value.a), to: &out)
    case .clfTime: try TimeCodec.printCLF(value, to: &out)
    case .isoTime: try TimeCodec.printISO(value, to: &out)
    case .syslogTime: try TimeCodec.printSyslog(value, to: &out)
    case .status:
      if value.kind == 2, value.a >= 0, value.a <= 999 {
        DecimalText.append(UInt64(value.a), width: 3, to: &out)
      } else if value.kind == 3 {
        printInteger(value.a, to: &out)
      } else {
        throw DecodeError(.invalid, at: 0)
      }
    case .hexInteger: try UpperHexCodec.printInteger(value, to: &out)
    case .hexAddress: try UpperHexCodec.printAddress(value, to: &out)
    }
  }

  // MARK: Text

  /// Kind of a canonical integer in a column of texts.
  public static let integerText: UInt8 = 5

  /// The stored form of the text `[start, end)` of `line`: hexadecimal of the usual lengths (`HexCodec`), an integer,
  /// or verbatim. Nothing when `end` is negative.
  @inline(__always) static func parseText(_ line: LineText, _ start: Int, _ end: Int) -> QuickValue {
    let count = end &- start
    if count == 36 || count == 32 || count == 16 { return parseHex(line.text(start, end), end) }
    let first = UInt8(truncatingIfNeeded: line.word(start))
    if first &- UInt8(ascii: "0") > 9 && first != UInt8(ascii: "-") || count > digitLimit || count <= 0 {
      return QuickValue(end: end)
    }
    return parseNumberText(line.text(start, end), end)
  }

  @inline(never) private static func parseHex(_ bytes: ByteView, _ end: Int) -> QuickValue {
    guard let hex = HexCodec.parse(bytes) else { return parseNumberText(bytes, end) }
    var value = QuickValue(end: end)
    (value.kind, value.a, value.b) = (hex.kind, hex.a, hex.b)
    return value
  }

  @inline(never) private static func parseNumberText(_ bytes: ByteView, _ end: Int) -> QuickValue {
    var value = QuickValue(end: end)
    if bytes.count == 1, bytes[0] == UInt8(ascii: "-") {
      value.kind = StoredValue.absent
    } else if let number = parseInteger(bytes) {
      value.kind = integerText
      value.a = number
    }
    return value
  }

  // MARK: Numbers

  /// Most digits of a number that is re-encoded: 10^18 fits an Int64 with room for arithmetic.
  static let digitLimit = 18

  static func parseInteger(_ bytes: ByteView) -> Int64? {
    let count = bytes.count
    if count == 0 || count > digitLimit { return nil }
    var index = 0
    let negative = bytes[0] == UInt8(ascii: "-")
    if negative { index = 1 }
    if index == count { return nil }
    if bytes[index] == UInt8(ascii: "0") { return count == 1 ? 0 : nil }
    var value: Int64 = 0
    while index < count {
      let digit = bytes[index] &- UInt8(ascii: "0")
      if digit > 9 { return nil }
      value = value &* 10 &+ Int64(digit)
      index &+= 1
    }
    return negative ? -value : value
  }

  static func printInteger(_ value: Int64, to out: inout ByteBuffer) {
    if value < 0 { out.append(UInt8(ascii: "-")) }
    DecimalText.append(value.magnitude, width: 1, to: &out)
  }

  /// Kind 2 + number of places; `a` holds all digits.
  static func parseDecimal(_ bytes: ByteView) -> StoredValue? {
    let count = bytes.count
    if count == 0 || count > digitLimit { return nil }
    var value: Int64 = 0
    var point = -1
    var index = 0
    while index < count {
      let byte = bytes[index]
      let digit = byte &- UInt8(ascii: "0")
      if digit <= 9 {
        value = value &* 10 &+ Int64(digit)
      } else if byte == UInt8(ascii: "."), point < 0 {
        point = index
      } else {
        return nil
      }
      index &+= 1
    }
    let whole = point < 0 ? count : point
    let places = point < 0 ? 0 : count - point - 1
    if whole == 0 || whole > 1 && bytes[0] == UInt8(ascii: "0") { return nil }
    if point >= 0 && places == 0 || places > 9 { return nil }
    return StoredValue(kind: UInt8(2 + places), a: value)
  }

  static func powerOfTen(_ exponent: Int) -> Int64 {
    var power: Int64 = 1
    for _ in 0..<exponent { power &*= 10 }
    return power
  }

  static func printDecimal(_ value: StoredValue, to out: inout ByteBuffer) throws(DecodeError) {
    let places = Int(value.kind) - 2
    guard value.a >= 0, places <= 9 else { throw DecodeError(.invalid, at: 0) }
    let power = powerOfTen(places)
    printInteger(value.a / power, to: &out)
    if places > 0 {
      out.append(UInt8(ascii: "."))
      DecimalText.append(UInt64(value.a % power), width: places, to: &out)
    }
  }

  static func parseStatus(_ bytes: ByteView) -> StoredValue? {
    if bytes.count == 3 {
      let a = bytes[0] &- 48, b = bytes[1] &- 48, c = bytes[2] &- 48
      if a <= 9, b <= 9, c <= 9 {
        return StoredValue(kind: 2, a: Int64(a) &* 100 &+ Int64(b) &* 10 &+ Int64(c))
      }
    }
    return parseInteger(bytes).map { StoredValue(kind: 3, a: $0) }
  }

  // MARK: Addresses

  /// The number of an IPv4 address in dotted decimal (RFC 6943 section 3.1.1, strict), or nil.
  public static func parseAddress(_ bytes: ByteView) -> StoredValue? {
    let value = scanAddress(LineText(bytes), 0)
    return value.end == bytes.count ? StoredValue(kind: 2, a: value.a) : nil
  }

  /// The address that begins at `start`. What stands behind it is no digit, and else not looked at.
  @inline(__always) static func scanAddress(_ line: LineText, _ start: Int) -> QuickValue {
    var address: UInt32 = 0
    var position = start
    for octet in 0..<4 {
      let digits = line.word(position) ^ ByteWord.repeating(UInt8(ascii: "0"))
      let count = ByteWord.digitCount(digits)
      if count < 1 || count > 3 || count > 1 && digits & 0xFF == 0 { return QuickValue(end: -1) }
      // The digits in the upper bytes of four: hundreds, tens, ones.
      let aligned = UInt32(truncatingIfNeeded: digits) &<< UInt32(32 &- count &* 8)
      let number = (aligned &>> 8 & 0xFF) &* 100 &+ (aligned &>> 16 & 0xFF) &* 10 &+ aligned &>> 24
      // The byte behind the digits, exclusive-or `0` as they are.
      let next = digits &>> UInt64(count &* 8) & 0xFF
      if number > 255 || octet < 3 && next != 0x1E { return QuickValue(end: -1) }
      address = address &<< 8 | number
      position &+= count &+ 1
    }
    var value = QuickValue(end: position &- 1)
    value.kind = 2
    value.a = Int64(address)
    return value
  }

  static func printAddress(_ address: UInt32, to out: inout ByteBuffer) {
    for shift in [UInt32(24), 16, 8] as [UInt32] {
      DecimalText.append(UInt64(address &>> shift & 0xFF), width: 1, to: &out)
      out.append(UInt8(ascii: "."))
    }
    DecimalText.append(UInt64(address & 0xFF), width: 1, to: &out)
  }
}

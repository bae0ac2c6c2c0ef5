import Bytes

extension Stamp {
  /// Reads a whole stamp of the given column's form; nil when it is not one. The forms are those that
  /// `ColumnType` documents.
  public init?(clf text: ByteView) {
    var scanner = StampScanner(text)
    guard let day = scanner.number(2), scanner.skip("/"), let month = scanner.month(), scanner.skip("/"),
      let year = scanner.number(4), scanner.skip(":"), let second = scanner.clock()
    else { return nil }
    self.init(year: year, month: month, day: day, second: second, nanosecond: 0, offset: nil)
    if scanner.skip(".") {
      guard let fraction = scanner.fraction(3...3) else { return nil }
      nanosecond = fraction
    } else if scanner.skip(" ") {
      guard let zone = scanner.zone(colon: false) else { return nil }
      offset = zone
    }
    guard scanner.atEnd, isDate else { return nil }
  }

  /// Reads an RFC 3339 stamp; also without a zone, which is then unknown.
  public init?(iso text: ByteView) {
    var scanner = StampScanner(text)
    guard let year = scanner.number(4), scanner.skip("-"), let month = scanner.number(2), scanner.skip("-"),
      let day = scanner.number(2), scanner.skip("T") || scanner.skip(" "), let second = scanner.clock()
    else { return nil }
    self.init(year: year, month: month, day: day, second: second, nanosecond: 0, offset: nil)
    if scanner.skip(".") {
      guard let fraction = scanner.fraction(1...9) else { return nil }
      nanosecond = fraction
    }
    if scanner.skip("Z") {
      offset = 0
    } else if !scanner.atEnd {
      guard let zone = scanner.zone(colon: nil) else { return nil }
      offset = zone
    }
    guard scanner.atEnd, isDate else { return nil }
  }

  /// Reads `Mon dd HH:MM:SS` (RFC 3164); the day may be padded by a blank, a zero or not at all, a year may stand behind
  /// the day or at the end, and the seconds may have a fraction.
  public init?(syslog text: ByteView) {
    var scanner = StampScanner(text)
    guard let month = scanner.month(), scanner.skip(" ") else { return nil }
    let padded = scanner.skip(" ")
    guard let day = padded ? scanner.number(1) : scanner.number(2) ?? scanner.number(1), scanner.skip(" ")
    else { return nil }
    var year = scanner.number(4)
    if year != nil, !scanner.skip(" ") { return nil }
    guard let second = scanner.clock() else { return nil }
    var nanosecond = 0
    if scanner.skip(".") {
      guard let fraction = scanner.fraction(1...9) else { return nil }
      nanosecond = fraction
    }
    if year == nil, scanner.skip(" ") {
      guard let last = scanner.number(4) else { return nil }
      year = last
    }
    guard scanner.atEnd else { return nil }
    self.init(year: year, month: month, day: day, second: second, nanosecond: nanosecond, offset: nil)
    guard isDate else { return nil }
  }

  private var isDate: Bool {
    month >= 1 && month <= 12 && day >= 1 && day <= Calendar.daysIn(month, of: year ?? 2000)
  }
}

/// Reads the parts of a stamp from front to back.
struct StampScanner {
  let text: ByteView
  var offset = 0

  init(_ text: ByteView) { self.text = text }

  var atEnd: Bool { offset == text.count }

  mutating func skip(_ byte: Unicode.Scalar) -> Bool {
    guard offset < text.count, text[offset] == UInt8(ascii: byte) else { return false }
    offset += 1
    return true
  }

  /// Exactly `digits` decimal digits.
  mutating func number(_ digits: Int) -> Int? {
    guard text.count - offset >= digits, let value = Digits.decimal(text[offset, offset + digits]) else {
      return nil
    }
    offset += digits
    return Int(value)
  }

  /// `Jan` … `Dec`, as a number from 1.
  mutating func month() -> Int? {
    let names: StaticString = "JanFebMarAprMayJunJulAugSepOctNovDec"
    guard text.count - offset >= 3 else { return nil }
    let view = unsafe ByteView(unsafeBase: names.utf8Start, count: names.utf8CodeUnitCount)
    for month in 0..<12 where text.matches(view[month * 3, month * 3 + 3], at: offset) {
      offset += 3
      return month + 1
    }
    return nil
  }

  /// `HH:MM:SS` as seconds since midnight. Second 60 is a leap second.
  mutating func clock() -> Int? {
    guard let hour = number(2), skip(":"), let minute = number(2), skip(":"), let second = number(2),
      hour < 24, minute < 60, second <= 60
    else { return nil }
    return hour * 3600 + minute * 60 + second
  }

  /// As many digits as there are, a count within `allowed`, as nanoseconds.
  mutating func fraction(_ allowed: ClosedRange<Int>) -> Int? {
    var value = 0
    var digits = 0
    while offset < text.count, text[offset] &- UInt8(ascii: "0") < 10, digits < 10 {
      value = value * 10 + Int(text[offset] - UInt8(ascii: "0"))
      digits += 1
      offset += 1
    }
    guard allowed.contains(digits) else { return nil }
    while digits < 9 {
      value *= 10
      digits += 1
    }
    return value
  }

  /// `+hhmm`, `-hhmm`, or with a colon between, as seconds east of UTC. With nil for `colon` either will do, and the
  /// minutes may be missing.
  mutating func zone(colon: Bool?) -> Int? {
    let sign: Int
    if skip("+") { sign = 1 } else if skip("-") { sign = -1 } else { return nil }
    guard let hours = number(2), hours < 24 else { return nil }
    if colon == nil, atEnd { return sign * hours * 3600 }
    let hasColon = skip(":")
    guard colon ?? hasColon == hasColon, let minutes = number(2), minutes < 60 else { return nil }
    return sign * (hours * 3600 + minutes * 60)
  }
  /// A month's name, short or whole.
  mutating func monthName() -> Int? {
    let start = offset
    guard let month = month() else { return nil }
    let names = [
      "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
      "November",
      "December",
    ]
    let rest = Array(names[month - 1].utf8.dropFirst(3))
    if rest.withView({ text.count - offset >= $0.count && text.matches($0, at: offset) }) {
      offset = start + 3 + rest.count
    }
    return month
  }

  /// A run of letters, one at least.
  mutating func word() -> String? {
    let start = offset
    while offset < text.count, text[offset] | 0x20 >= UInt8(ascii: "a"),
      text[offset] | 0x20 <= UInt8(ascii: "z")
    {
      offset += 1
    }
    return offset == start ? nil : text[start, offset].text
  }

  /// Digits, as many as there are.
  mutating func integer() -> Int? {
    let start = offset
    while offset < text.count, text[offset] &- UInt8(ascii: "0") < 10, offset - start < 15 { offset += 1 }
    return offset == start ? nil : Digits.decimal(text[start, offset]).map { Int($0) }
  }
}

import Bytes

/// The three spellings of time in load balancers' logs, as numbers. A time is stored as it was written: local
/// digits and, beside them, the zone that was written with them; turning it into UTC is the reader's business.
public enum TimeCodec {
  // MARK: Calendar

  /// Days from 1970-01-01 to a date of the proleptic Gregorian calendar. Months and days count from 1.
  public static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
    // Years start in March, so that the leap day is the last (H. Hinnant, chrono-compatible date algorithms).
    let y = month <= 2 ? year - 1 : year
    let era = (y >= 0 ? y : y - 399) / 400
    let yearOfEra = y - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return era * 146097 + dayOfEra - 719468
  }

  /// The date `days` days after 1970-01-01.
  public static func date(days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let z = days + 719468
    let era = (z >= 0 ? z : z - 146096) / 146097
    let dayOfEra = z - era * 146097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
  }

  static func daysInMonth(_ month: Int64, year: Int64) -> Int64 {
    switch month {
    case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }

  /// Years that are re-encoded: nanoseconds since 1970 must fit an Int64.
  static let years = Int64(1900)...Int64(2200)

  // MARK: Common Log Format and HAProxy

  /// Kinds: 2 `dd/Mon/yyyy:HH:MM:SS` (a: local seconds), 3 the same and `.mmm` (a: local milliseconds), 4 and
  /// ` +zzzz` (a: local seconds, b: minutes east of UTC).
  static func parseCLF(_ bytes: ByteView) -> StoredValue? {
    guard bytes.count >= 20, bytes[2] == UInt8(ascii: "/"), bytes[6] == UInt8(ascii: "/"),
      bytes[11] == UInt8(ascii: ":")
    else { return nil }
    let day = two(bytes, 0), month = monthNumber(bytes, 3)
    let year = two(bytes, 7) &* 100 &+ two(bytes, 9)
    let clock = clock(bytes, 12)
    guard day > 0, month > 0, clock >= 0, years.contains(year), day <= daysInMonth(month, year: year)
    else { return nil }
    let seconds = days(year: year, month: month, day: day) &* 86400 &+ clock
    switch bytes.count {
    case 20: return StoredValue(kind: 2, a: seconds)
    case 24:
      guard bytes[20] == UInt8(ascii: "."), digit(bytes, 21) >= 0, two(bytes, 22) >= 0 else { return nil }
      return StoredValue(kind: 3, a: seconds &* 1000 &+ digit(bytes, 21) &* 100 &+ two(bytes, 22))
    case 26:
      guard bytes[20] == UInt8(ascii: " "), let zone = zone(bytes, 21, minutesAt: 24) else { return nil }
      return StoredValue(kind: 4, a: seconds, b: zone)
    default: return nil
    }
  }

  static func printCLF(_ value: StoredValue, to out: inout ByteBuffer) throws(DecodeError) {
    guard value.kind >= 2, value.kind <= 4 else { throw DecodeError(.invalid, at: 0) }
    let seconds = value.kind == 3 ? floorDivide(value.a, 1000) : value.a
    let day = floorDivide(seconds, 86400)
    guard day > -30000, day < 90000, value.b.magnitude < 6000 else { throw DecodeError(.invalid, at: 0) }
    let (year, month, dayOfMonth) = date(days: day)
    put(dayOfMonth, 2, &out)
    out.append(UInt8(ascii: "/"))
    putMonth(month, &out)
    out.append(UInt8(ascii: "/"))
    put(year, 4, &out)
    out.append(UInt8(ascii: ":"))
    putClock(seconds - day * 86400, &out)
    if value.kind == 3 {
      out.append(UInt8(ascii: "."))
      put(value.a - seconds * 1000, 3, &out)
    } else if value.kind == 4 {
      out.append(UInt8(ascii: " "))
      putZone(value.b, colon: false, &out)
    }
  }

  // MARK: RFC 3339

  /// Kind 2 + 2 × digits of the fraction (0 to 9) + (0 for `Z`, 1 for an offset); a: local time in units of the
  /// last digit; b: minutes east of UTC.
  static func parseISO(_ bytes: ByteView) -> StoredValue? {
    let count = bytes.count
    guard count >= 20, count <= 35, bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-"),
      bytes[10] == UInt8(ascii: "T")
    else { return nil }
    let year = two(bytes, 0) &* 100 &+ two(bytes, 2)
    let month = two(bytes, 5), day = two(bytes, 8), clock = clock(bytes, 11)
    guard two(bytes, 0) >= 0, two(bytes, 2) >= 0, month > 0, month <= 12, day > 0, clock >= 0,
      years.contains(year), day <= daysInMonth(month, year: year)
    else { return nil }
    var value = days(year: year, month: month, day: day) &* 86400 &+ clock
    var index = 19
    var places = 0
    if bytes[index] == UInt8(ascii: ".") {
      index += 1
      while index < count, digit(bytes, index) >= 0 {
        value = value &* 10 &+ digit(bytes, index)
        places += 1
        if places > 9 { return nil }
        index += 1
      }
      if places == 0 { return nil }
    }
    if index == count - 1, bytes[index] == UInt8(ascii: "Z") {
      return StoredValue(kind: UInt8(2 + places * 2), a: value)
    }
    guard index == count - 6, bytes[index + 3] == UInt8(ascii: ":"),
      let zone = zone(bytes, index, minutesAt: index + 4)
    else { return nil }
    return StoredValue(kind: UInt8(3 + places * 2), a: value, b: zone)
  }

  static func printISO(_ value: StoredValue, to out: inout ByteBuffer) throws(DecodeError) {
    let places = (Int(value.kind) - 2) / 2
    guard value.kind >= 2, places <= 9 else { throw DecodeError(.invalid, at: 0) }
    let power = ValueCodec.powerOfTen(places)
    let seconds = floorDivide(value.a, power)
    let day = floorDivide(seconds, 86400)
    guard day > -30000, day < 90000, value.b.magnitude < 6000 else { throw DecodeError(.invalid, at: 0) }
    let (year, month, dayOfMonth) = date(days: day)
    put(year, 4, &out)
    out.append(UInt8(ascii: "-"))
    put(month, 2, &out)
    out.append(UInt8(ascii: "-"))
    put(dayOfMonth, 2, &out)
    out.append(UInt8(ascii: "T"))
    putClock(seconds - day * 86400, &out)
    if places > 0 {
      out.append(UInt8(ascii: "."))
      put(value.a - seconds * power, places, &out)
    }
    if value.kind & 1 == 0 {
      out.append(UInt8(ascii: "Z"))
    } else {
      putZone(value.b, colon: true, &out)
    }
  }

  // MARK: RFC 3164

  /// Kind 2 with the day padded by a blank, 3 by a zero; a: seconds since the start of a year whose months all
  /// have 31 days, for the stamp has no year.
  static func parseSyslog(_ bytes: ByteView) -> StoredValue? {
    guard bytes.count == 15, bytes[3] == UInt8(ascii: " "), bytes[6] == UInt8(ascii: " ") else { return nil }
    let month = monthNumber(bytes, 0)
    let blank = bytes[4] == UInt8(ascii: " ")
    let day = blank ? digit(bytes, 5) : two(bytes, 4)
    let clock = clock(bytes, 7)
    guard month > 0, day > 0, day <= daysInMonth(month, year: 2000), clock >= 0 else { return nil }
    let kind: UInt8 = day < 10 && !blank ? 3 : 2
    return StoredValue(kind: kind, a: (month &* 31 &+ day &- 32) &* 86400 &+ clock)
  }

  static func printSyslog(_ value: StoredValue, to out: inout ByteBuffer) throws(DecodeError) {
    guard value.kind == 2 || value.kind == 3, value.a >= 0, value.a < 372 * 86400
    else { throw DecodeError(.invalid, at: 0) }
    let day = value.a / 86400
    putMonth(day / 31 + 1, &out)
    out.append(UInt8(ascii: " "))
    let dayOfMonth = day % 31 + 1
    if dayOfMonth < 10, value.kind == 2 {
      out.append(UInt8(ascii: " "))
      put(dayOfMonth, 1, &out)
    } else {
      put(dayOfMonth, 2, &out)
    }
    out.append(UInt8(ascii: " "))
    putClock(value.a - day * 86400, &out)
  }

  // MARK: Parts

  /// The quotient rounded towards minus infinity.
  public static func floorDivide(_ a: Int64, _ b: Int64) -> Int64 {
    let quotient = a / b
    return a % b < 0 ? quotient - 1 : quotient
  }

  private static let invalid = Int64(-1_000_000_000)

  /// A decimal digit, or a negative number.
  @inline(__always) private static func digit(_ bytes: ByteView, _ index: Int) -> Int64 {
    let digit = bytes[index] &- UInt8(ascii: "0")
    return digit <= 9 ? Int64(digit) : invalid
  }

  /// Two decimal digits, or a negative number, also when only one of them is a digit.
  @inline(__always) private static func two(_ bytes: ByteView, _ index: Int) -> Int64 {
    digit(bytes, index) &* 10 &+ digit(bytes, index + 1)
  }

  /// The second of the day that `HH:MM:SS` says (a leap second is not canonical), or a negative number.
  @inline(__always) private static func clock(_ bytes: ByteView, _ index: Int) -> Int64 {
    let hour = two(bytes, index), minute = two(bytes, index + 3), second = two(bytes, index + 6)
    guard bytes[index + 2] == UInt8(ascii: ":"), bytes[index + 5] == UInt8(ascii: ":"),
      hour >= 0, hour <= 23, minute >= 0, minute <= 59, second >= 0, second <= 59
    else { return invalid }
    return hour &* 3600 &+ minute &* 60 &+ second
  }

  /// Minutes east of UTC of `±hh` at `index` and `mm` at `minutesAt`. Minus zero is not canonical.
  private static func zone(_ bytes: ByteView, _ index: Int, minutesAt: Int) -> Int64? {
    let sign = bytes[index]
    let hours = two(bytes, index + 1), minutes = two(bytes, minutesAt)
    guard hours >= 0, minutes >= 0, minutes <= 59 else { return nil }
    let zone = hours &* 60 &+ minutes
    if sign == UInt8(ascii: "+") { return zone }
    return sign == UInt8(ascii: "-") && zone > 0 ? -zone : nil
  }

  /// Three letters in the low bytes of a word.
  @inline(__always) private static func letters(_ a: UInt8, _ b: UInt8, _ c: UInt8) -> UInt32 {
    UInt32(a) | UInt32(b) &<< 8 | UInt32(c) &<< 16
  }

  private static func monthNumber(_ bytes: ByteView, _ index: Int) -> Int64 {
    switch letters(bytes[index], bytes[index + 1], bytes[index + 2]) {
    case 0x6e614a: 1
    case 0x626546: 2
    case 0x72614d: 3
    case 0x727041: 4
    case 0x79614d: 5
    case 0x6e754a: 6
    case 0x6c754a: 7
    case 0x677541: 8
    case 0x706553: 9
    case 0x74634f: 10
    case 0x766f4e: 11
    case 0x636544: 12
    default: invalid
    }
  }

  private static func putMonth(_ month: Int64, _ out: inout ByteBuffer) {
    let names: StaticString = "JanFebMarAprMayJunJulAugSepOctNovDec"
    let start = Int(month - 1) * 3
    for index in start..<start + 3 { unsafe out.append(names.utf8Start[index]) }
  }

  private static func put(_ value: Int64, _ width: Int, _ out: inout ByteBuffer) {
    DecimalText.append(UInt64(value), width: width, to: &out)
  }

  private static func putClock(_ second: Int64, _ out: inout ByteBuffer) {
    put(second / 3600, 2, &out)
    out.append(UInt8(ascii: ":"))
    put(second / 60 % 60, 2, &out)
    out.append(UInt8(ascii: ":"))
    put(second % 60, 2, &out)
  }

  private static func putZone(_ minutes: Int64, colon: Bool, _ out: inout ByteBuffer) {
    out.append(minutes < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+"))
    let magnitude = Int64(minutes.magnitude)
    put(magnitude / 60, 2, &out)
    if colon { out.append(UInt8(ascii: ":")) }
    put(magnitude % 60, 2, &out)
  }
}

import Bytes

/// A `strftime` format, as far as it says a moment, for reading stamps that it printed.
///
/// Envoy prints times in any such format (`%START_TIME(%d/%b/%Y %T)%`), with additions of its own (`%f`, `%3f`) and
/// those of the library behind it (`%E3S`, `%Ez`). Names of months and days are English: Envoy sets no locale.
public struct StampFormat: Equatable, Sendable {
  private enum Part: Equatable {
    case literal(UInt8)
    case year, shortYear, month, monthName, day, paddedDay, hour, twelveHour, half, minute, second,
      ignoredWord
    case dayOfYear, zone(colon: Bool), zoneName, epoch
    /// Digits behind the second's point; nil for as many as there are.
    case fraction(Int?)
  }

  private var parts: [Part] = []

  /// Compiles a format. Nil when what it prints is no moment: no date and time of day, or a specifier that is not
  /// understood.
  public init?(_ format: some StringProtocol) {
    let bytes = Array(format.utf8)
    var index = 0
    while index < bytes.count {
      if bytes[index] != UInt8(ascii: "%") {
        parts.append(.literal(bytes[index]))
        index += 1
      } else {
        index += 1
        guard append(bytes, &index) else { return nil }
      }
    }
    guard isMoment else { return nil }
  }

  private var isMoment: Bool {
    if parts.contains(.epoch) { return true }
    let has = { (part: Part) in parts.contains(part) }
    let date =
      has(.year) || has(.shortYear)
      ? has(.dayOfYear) || (has(.month) || has(.monthName)) && (has(.day) || has(.paddedDay)) : false
    return date && (has(.hour) || has(.twelveHour) && has(.half)) && has(.minute)
  }

  /// Appends what the specifier at `index`, behind its `%`, stands for; false when it is not known.
  private mutating func append(_ bytes: [UInt8], _ index: inout Int) -> Bool {
    guard index < bytes.count else { return false }
    let byte = bytes[index]
    index += 1
    if byte &- UInt8(ascii: "1") < 9, index < bytes.count, bytes[index] == UInt8(ascii: "f") {
      index += 1
      parts.append(.fraction(Int(byte - UInt8(ascii: "0"))))
      return true
    }
    if byte == UInt8(ascii: "E") { return appendExtended(bytes, &index) }
    guard let known = Self.specifiers[byte] else { return false }
    for part in known { parts.append(part) }
    return true
  }

  /// `%Ez`, `%E*z`, `%E3S`, `%E*S`, `%E3f`, `%E*f`, `%E4Y`.
  private mutating func appendExtended(_ bytes: [UInt8], _ index: inout Int) -> Bool {
    var digits: Int?
    if index < bytes.count, bytes[index] == UInt8(ascii: "*") || bytes[index] &- UInt8(ascii: "0") < 10 {
      digits = bytes[index] == UInt8(ascii: "*") ? nil : Int(bytes[index] - UInt8(ascii: "0"))
      index += 1
    }
    guard index < bytes.count else { return false }
    defer { index += 1 }
    switch bytes[index] {
    case UInt8(ascii: "z"): parts.append(.zone(colon: true))
    case UInt8(ascii: "Y"): parts.append(.year)
    case UInt8(ascii: "f"): parts.append(.fraction(digits))
    case UInt8(ascii: "S"):
      parts.append(.second)
      if digits != 0 { parts += [.literal(UInt8(ascii: ".")), .fraction(digits)] }
    default: return false
    }
    return true
  }

  private static func text(_ text: String) -> [Part] { text.utf8.map { .literal($0) } }

  private static let clock: [Part] = [.hour] + text(":") + [.minute] + text(":") + [.second]
  private static let isoDate: [Part] = [.year] + text("-") + [.month] + text("-") + [.day]
  private static let slashDate: [Part] = [.month] + text("/") + [.day] + text("/") + [.shortYear]
  private static let twelveHourClock: [Part] =
    [.twelveHour] + text(":") + [.minute] + text(":") + [.second] + text(" ") + [.half]
  private static let asctime: [Part] =
    [.ignoredWord] + text(" ") + [.monthName] + text(" ") + [.paddedDay] + text(" ") + clock + text(" ")
    + [.year]

  private static let specifiers: [UInt8: [Part]] = [
    UInt8(ascii: "Y"): [.year], UInt8(ascii: "y"): [.shortYear], UInt8(ascii: "m"): [.month],
    UInt8(ascii: "d"): [.day], UInt8(ascii: "e"): [.paddedDay], UInt8(ascii: "b"): [.monthName],
    UInt8(ascii: "B"): [.monthName], UInt8(ascii: "h"): [.monthName], UInt8(ascii: "a"): [.ignoredWord],
    UInt8(ascii: "A"): [.ignoredWord], UInt8(ascii: "H"): [.hour], UInt8(ascii: "I"): [.twelveHour],
    UInt8(ascii: "p"): [.half], UInt8(ascii: "M"): [.minute], UInt8(ascii: "S"): [.second],
    UInt8(ascii: "j"): [.dayOfYear], UInt8(ascii: "s"): [.epoch], UInt8(ascii: "f"): [.fraction(nil)],
    UInt8(ascii: "z"): [.zone(colon: false)], UInt8(ascii: "Z"): [.zoneName],
    UInt8(ascii: "T"): clock, UInt8(ascii: "X"): clock, UInt8(ascii: "R"): [.hour] + text(":") + [.minute],
    UInt8(ascii: "F"): isoDate, UInt8(ascii: "D"): slashDate, UInt8(ascii: "x"): slashDate,
    UInt8(ascii: "r"): twelveHourClock, UInt8(ascii: "c"): asctime, UInt8(ascii: "%"): text("%"),
  ]

  /// Reads a stamp; nil when the format cannot have printed it. Where the format names no zone the stamp has none.
  public func read(_ text: ByteView) -> Stamp? {
    var scanner = StampScanner(text)
    var found = Found()
    for part in parts {
      guard Self.read(part, &scanner, &found) else { return nil }
    }
    return scanner.atEnd ? found.stamp : nil
  }

  /// The parts of a stamp that were read so far.
  private struct Found {
    var year: Int?
    var month: Int?
    var day: Int?
    var dayOfYear: Int?
    var hour = 0, minute = 0, second = 0, nanosecond = 0
    var isAfternoon: Bool?
    var offset: Int?
    var epoch: Int?

    var stamp: Stamp? {
      if let epoch {
        let (days, clock) = Timestamp.floorDivide(Int64(epoch), 86_400)
        let date = Calendar.date(Int(days))
        return Stamp(
          year: date.year, month: date.month, day: date.day, second: Int(clock), nanosecond: nanosecond,
          offset: 0)
      }
      var hour = hour
      if let isAfternoon { hour = hour % 12 + (isAfternoon ? 12 : 0) }
      guard let year, hour < 24, minute < 60, second <= 60 else { return nil }
      var date = (month: month ?? 0, day: day ?? 0)
      if month == nil, let dayOfYear, dayOfYear > 0 {
        let found = Calendar.date(Calendar.days(year, 1, 1) + dayOfYear - 1)
        guard found.year == year else { return nil }
        date = (found.month, found.day)
      }
      guard date.month >= 1, date.month <= 12, date.day >= 1,
        date.day <= Calendar.daysIn(date.month, of: year)
      else { return nil }
      return Stamp(
        year: year, month: date.month, day: date.day, second: hour * 3600 + minute * 60 + second,
        nanosecond: nanosecond, offset: offset)
    }
  }

  private static func read(_ part: Part, _ scanner: inout StampScanner, _ found: inout Found) -> Bool {
    switch part {
    case .literal(let byte): return scanner.skip(Unicode.Scalar(byte))
    case .year: return set(&found.year, scanner.number(4))
    case .shortYear: return set(&found.year, scanner.number(2).map { $0 < 69 ? 2000 + $0 : 1900 + $0 })
    case .month: return set(&found.month, scanner.number(2))
    case .monthName: return set(&found.month, scanner.monthName())
    case .day: return set(&found.day, scanner.number(2))
    case .paddedDay: return set(&found.day, scanner.number(scanner.skip(" ") ? 1 : 2))
    case .dayOfYear: return set(&found.dayOfYear, scanner.number(3))
    case .hour, .twelveHour: return set(&found.hour, scanner.number(2))
    case .minute: return set(&found.minute, scanner.number(2))
    case .second: return set(&found.second, scanner.number(2))
    case .half:
      found.isAfternoon = scanner.skip("P")
      return (found.isAfternoon == true || scanner.skip("A")) && scanner.skip("M")
    case .fraction(let digits):
      return set(&found.nanosecond, scanner.fraction(digits.map { $0...$0 } ?? 0...15))
    case .zone(let colon):
      guard set(&found.offset, scanner.zone(colon: colon)) else { return false }
      // `%E*z` goes on with seconds.
      return !colon || !scanner.skip(":") || scanner.number(2) != nil
    case .epoch: return set(&found.epoch, scanner.integer())
    case .ignoredWord: return scanner.word() != nil
    case .zoneName:
      guard let name = scanner.word() else { return false }
      if found.offset == nil, name == "UTC" || name == "GMT" { found.offset = 0 }
      return true
    }
  }

  private static func set<T>(_ place: inout T, _ value: T?) -> Bool {
    guard let value else { return false }
    place = value
    return true
  }

  private static func set<T>(_ place: inout T?, _ value: T?) -> Bool {
    place = value
    return value != nil
  }
}

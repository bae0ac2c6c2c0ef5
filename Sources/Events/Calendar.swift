/// The proleptic Gregorian calendar, without leap seconds.
enum Calendar {
  static let nanoseconds: Int64 = 1_000_000_000

  /// Days from 1970-01-01. `month` 1 to 12, `day` 1 to 31.
  static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
    // Years begin in March here, so that the leap day is the last of its year.
    let shifted = month <= 2 ? year - 1 : year
    let era = (shifted >= 0 ? shifted : shifted - 399) / 400
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return era * 146_097 + dayOfEra - 719_468
  }

  /// The date that is `days` after 1970-01-01.
  static func date(_ days: Int) -> (year: Int, month: Int, day: Int) {
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let fromMarch = (5 * dayOfYear + 2) / 153
    let month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    return (year, month, dayOfYear - (153 * fromMarch + 2) / 5 + 1)
  }

  static func isLeap(_ year: Int) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

  static func daysIn(_ month: Int, of year: Int) -> Int {
    switch month {
    case 2: isLeap(year) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }

  /// 0 for Sunday.
  static func weekday(_ days: Int) -> Int { ((days + 4) % 7 + 7) % 7 }
}

/// A stamp as it was written: wall clock, perhaps a zone, perhaps no year.
public struct Stamp: Equatable, Sendable {
  /// Nil in RFC 3164 stamps.
  public var year: Int?
  /// 1 to 12.
  public var month: Int
  /// 1 to 31.
  public var day: Int
  /// Seconds since midnight; 86,400 in a leap second.
  public var second: Int
  /// 0 to 999,999,999.
  public var nanosecond: Int
  /// Seconds east of UTC; nil where the stamp says nothing.
  public var offset: Int?

  /// Seconds from 1970 to this wall clock, in the given year.
  func wall(in year: Int) -> Int64 { Int64(Calendar.days(year, month, day)) * 86_400 + Int64(second) }
}

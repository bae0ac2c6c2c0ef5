import Bytes

/// A POSIX `TZ` rule, as zone files end with: `CET-1CEST,M3.5.0,M10.5.0/3` (POSIX.1-2017, 8.3; RFC 8536,
/// 3.3).
struct ZoneRule: Equatable, Sendable {
  /// Seconds east of UTC outside daylight saving, and in it.
  var standard: Int
  var daylight: Int
  /// When daylight saving begins and ends; nil when there is none.
  var saving: Saving?

  struct Saving: Equatable {
    var begin: Day
    var end: Day
  }

  /// One day of every year, and a time on it.
  struct Day: Equatable {
    enum Form: Equatable {
      /// `Mm.w.d`: the w-th (5: last) weekday d of month m.
      case weekday(month: Int, week: Int, day: Int)
      /// `Jn`: 1 to 365, never February 29.
      case julian(Int)
      /// `n`: 0 to 365.
      case ordinal(Int)
    }
    var form: Form
    /// Seconds after midnight, wall clock; may be negative or beyond the day.
    var second: Int

    /// Seconds from 1970 to the wall clock of this day's time in `year`.
    func wall(in year: Int) -> Int64 {
      let days: Int
      switch form {
      case .weekday(let month, let week, let day):
        let first = Calendar.days(year, month, 1)
        var date = 1 + (day - Calendar.weekday(first) + 7) % 7 + (week - 1) * 7
        if date > Calendar.daysIn(month, of: year) { date -= 7 }
        days = first + date - 1
      case .julian(let number):
        days = Calendar.days(year, 1, 1) + number - (Calendar.isLeap(year) && number >= 60 ? 0 : 1)
      case .ordinal(let number):
        days = Calendar.days(year, 1, 1) + number
      }
      return Int64(days) * 86_400 + Int64(second)
    }
  }

  func offset(at moment: Int64) -> Int {
    guard let saving else { return standard }
    let local = Timestamp.floorDivide(moment + Int64(standard), 86_400).quotient
    let year = Calendar.date(Int(local)).year
    let begin = saving.begin.wall(in: year) - Int64(standard)
    let end = saving.end.wall(in: year) - Int64(daylight)
    let inside = begin < end ? moment >= begin && moment < end : moment >= begin || moment < end
    return inside ? daylight : standard
  }

  init?(_ text: ByteView) {
    var scanner = RuleScanner(text: text)
    guard scanner.name(), let standard = scanner.time() else { return nil }
    self.standard = -standard
    daylight = self.standard
    if scanner.atEnd { return }
    guard scanner.name() else { return nil }
    daylight = self.standard + 3600
    if !scanner.next(is: ",") {
      guard let offset = scanner.time() else { return nil }
      daylight = -offset
    }
    guard scanner.skip(","), let begin = scanner.day(), scanner.skip(","), let end = scanner.day(),
      scanner.atEnd
    else { return nil }
    saving = Saving(begin: begin, end: end)
  }
}

private struct RuleScanner {
  let text: ByteView
  var offset = 0

  var atEnd: Bool { offset == text.count }

  func next(is byte: Unicode.Scalar) -> Bool { offset < text.count && text[offset] == UInt8(ascii: byte) }

  mutating func skip(_ byte: Unicode.Scalar) -> Bool {
    guard next(is: byte) else { return false }
    offset += 1
    return true
  }

  /// A zone's short name: letters, or anything between `<` and `>`.
  mutating func name() -> Bool {
    if skip("<") {
      guard let end = text.find(UInt8(ascii: ">"), from: offset) else { return false }
      offset = end + 1
      return true
    }
    let start = offset
    while offset < text.count, Character(UnicodeScalar(text[offset])).isLetter { offset += 1 }
    return offset - start >= 3
  }

  mutating func number(upTo limit: Int) -> Int? {
    let start = offset
    while offset < text.count, text[offset] &- UInt8(ascii: "0") < 10 { offset += 1 }
    guard let value = Digits.decimal(text[start, offset]), value <= limit else { return nil }
    return Int(value)
  }

  /// `[+-]h[h[h]][:mm[:ss]]` in seconds.
  mutating func time() -> Int? {
    let sign = skip("-") ? -1 : 1
    if sign == 1 { _ = skip("+") }
    guard let hours = number(upTo: 167) else { return nil }
    var seconds = hours * 3600
    if skip(":") {
      guard let minutes = number(upTo: 59) else { return nil }
      seconds += minutes * 60
      if skip(":") {
        guard let rest = number(upTo: 59) else { return nil }
        seconds += rest
      }
    }
    return sign * seconds
  }

  mutating func day() -> ZoneRule.Day? {
    let form: ZoneRule.Day.Form
    if skip("M") {
      guard let month = number(upTo: 12), skip("."), let week = number(upTo: 5), skip("."),
        let day = number(upTo: 6), month >= 1, week >= 1
      else { return nil }
      form = .weekday(month: month, week: week, day: day)
    } else if skip("J") {
      guard let number = number(upTo: 365), number >= 1 else { return nil }
      form = .julian(number)
    } else {
      guard let number = number(upTo: 365) else { return nil }
      form = .ordinal(number)
    }
    var second = 7200
    if skip("/") {
      guard let time = time() else { return nil }
      second = time
    }
    return ZoneRule.Day(form: form, second: second)
  }
}

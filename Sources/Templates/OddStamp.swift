import Bytes

/// Stamps that mean what canonical ones mean but are spelled otherwise. They are kept as they are.
///
///     RFC 3164   Jan 1 00:00:00 · Jan  1 2026 00:00:00 · Jan  1 00:00:00 2026 · Jan  1 00:00:00.123456
///     RFC 3339   2026-01-01T00:00:00+0100 · 2026-01-01T00:00:00+01 · 2026-01-01T00:00:00 (no zone)
///     any        second 60 at the end of a quarter of an hour (zones differ by quarters)
enum OddStamp {
  /// Whether `text` is such a stamp of the column's kind, from front to back.
  static func fits(_ text: ByteView, _ column: ColumnType) -> Bool {
    switch column {
    case .syslogTime: syslogEnd(text, 0, text.count) == text.count
    case .isoTime: iso(text)
    case .clfTime: clf(text)
    default: false
    }
  }

  /// The end of the RFC 3164 stamp that begins at `start`, canonical or not; nil when none does.
  static func syslogEnd(_ line: ByteView, _ start: Int, _ end: Int) -> Int? {
    var cursor = Cursor(line, start, end)
    guard let month = cursor.month(), cursor.skip(" ") else { return nil }
    let isPadded = cursor.skip(" ")
    guard let day = cursor.number(1...(isPadded ? 1 : 2)), cursor.skip(" "), isDay(day, month, 2000) else {
      return nil
    }
    if cursor.isYear {
      cursor.index += 4
      guard cursor.skip(" ") else { return nil }
    }
    guard cursor.clock() else { return nil }
    let whole = cursor.index
    if cursor.skip("."), cursor.number(1...9) == nil { cursor.index = whole }
    let stamp = cursor.index
    if cursor.skip(" "), cursor.isYear {
      cursor.index += 4
      // A year only when something follows it, or nothing at all: else it is the host.
      if cursor.index == end || line[cursor.index] == UInt8(ascii: " ") { return cursor.index }
    }
    return stamp
  }

  private static func iso(_ text: ByteView) -> Bool {
    var cursor = Cursor(text, 0, text.count)
    guard cursor.isYear, let year = cursor.number(4...4), cursor.skip("-"), let month = cursor.number(2...2),
      cursor.skip("-"), let day = cursor.number(2...2), isDay(day, month, year), cursor.skip("T"),
      cursor.clock()
    else { return false }
    if cursor.skip("."), cursor.number(1...9) == nil { return false }
    if cursor.index == text.count || cursor.skip("Z") { return cursor.index == text.count }
    guard cursor.skip("+") || cursor.skip("-"), let hours = cursor.number(2...2), hours < 24 else {
      return false
    }
    if cursor.index == text.count { return true }
    _ = cursor.skip(":")
    guard let minutes = cursor.number(2...2), minutes < 60 else { return false }
    return cursor.index == text.count
  }

  private static func isDay(_ day: Int64, _ month: Int64, _ year: Int64) -> Bool {
    month >= 1 && month <= 12 && day >= 1 && day <= TimeCodec.daysInMonth(month, year: year)
  }

  /// Only what has second 60: everything else that is spelled unusually is no such stamp.
  private static func clf(_ text: ByteView) -> Bool {
    guard text.count >= 20, text[18] == UInt8(ascii: "6"), text[19] == UInt8(ascii: "0") else { return false }
    var cursor = Cursor(text, 12, text.count)
    if !cursor.clock() { return false }
    var bytes = text.array
    bytes[18] = UInt8(ascii: "5")
    bytes[19] = UInt8(ascii: "9")
    return bytes.withView { TimeCodec.parseCLF($0) != nil }
  }

  private struct Cursor {
    let line: ByteView
    var index: Int
    let end: Int

    init(_ line: ByteView, _ start: Int, _ end: Int) {
      self.line = line
      index = start
      self.end = end
    }

    mutating func skip(_ byte: Unicode.Scalar) -> Bool {
      guard index < end, line[index] == UInt8(ascii: byte) else { return false }
      index += 1
      return true
    }

    /// As many digits as there are, up to the most allowed; nil when they are too few.
    mutating func number(_ count: ClosedRange<Int>) -> Int64? {
      let start = index
      var value: Int64 = 0
      while index < end, index - start < count.upperBound, line[index] &- UInt8(ascii: "0") <= 9 {
        value = value * 10 + Int64(line[index] - UInt8(ascii: "0"))
        index += 1
      }
      return index - start >= count.lowerBound ? value : nil
    }

    /// A month's name, as a number from 1.
    mutating func month() -> Int64? {
      let names: StaticString = "JanFebMarAprMayJunJulAugSepOctNovDec"
      guard end - index >= 3 else { return nil }
      let view = unsafe ByteView(unsafeBase: names.utf8Start, count: names.utf8CodeUnitCount)
      for month in 0..<12 where line.matches(view[month * 3, month * 3 + 3], at: index) {
        index += 3
        return Int64(month) + 1
      }
      return nil
    }

    /// Four digits that are a year from 1900 to 2199.
    var isYear: Bool {
      guard end - index >= 4, line[index] == UInt8(ascii: "1") || line[index] == UInt8(ascii: "2") else {
        return false
      }
      for place in index..<index + 4 where line[place] &- UInt8(ascii: "0") > 9 { return false }
      let century = line[index + 1]
      return line[index] == UInt8(ascii: "1") ? century == UInt8(ascii: "9") : century <= UInt8(ascii: "1")
    }

    /// `HH:MM:SS`, second 60 too.
    mutating func clock() -> Bool {
      guard end - index >= 8, line[index + 2] == UInt8(ascii: ":"), line[index + 5] == UInt8(ascii: ":")
      else {
        return false
      }
      let hour = two(index), minute = two(index + 3), second = two(index + 6)
      guard hour < 24, minute < 60, second < 60 || second == 60 && minute % 15 == 14 else { return false }
      index += 8
      return true
    }

    private func two(_ place: Int) -> Int {
      let tens = line[place] &- UInt8(ascii: "0"), ones = line[place + 1] &- UInt8(ascii: "0")
      return tens > 9 || ones > 9 ? 99 : Int(tens) * 10 + Int(ones)
    }
  }
}

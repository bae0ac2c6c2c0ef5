import Bytes

/// Writes times for people and other programs.
public enum Timestamp {
  /// Appends nanoseconds since 1970 as RFC 3339 in UTC with `digits` (0 to 9) digits of fraction:
  /// `2026-01-01T00:00:00.123456789Z`.
  public static func append(_ nanoseconds: Int64, digits: Int = 9, to out: inout ByteBuffer) {
    precondition(digits >= 0 && digits <= 9)
    let (second, fraction) = floorDivide(nanoseconds, Calendar.nanoseconds)
    let (day, clock) = floorDivide(second, 86_400)
    let date = Calendar.date(Int(day))
    appendPadded(date.year, 4, to: &out)
    out.append(UInt8(ascii: "-"))
    appendPadded(date.month, 2, to: &out)
    out.append(UInt8(ascii: "-"))
    appendPadded(date.day, 2, to: &out)
    out.append(UInt8(ascii: "T"))
    appendPadded(Int(clock) / 3600, 2, to: &out)
    out.append(UInt8(ascii: ":"))
    appendPadded(Int(clock) / 60 % 60, 2, to: &out)
    out.append(UInt8(ascii: ":"))
    appendPadded(Int(clock) % 60, 2, to: &out)
    if digits > 0 {
      out.append(UInt8(ascii: "."))
      var value = Int(fraction)
      for _ in digits..<9 { value /= 10 }
      appendPadded(value, digits, to: &out)
    }
    out.append(UInt8(ascii: "Z"))
  }

  /// The same as text.
  public static func text(_ nanoseconds: Int64, digits: Int = 9) -> String {
    var out = ByteBuffer(capacity: 32)
    append(nanoseconds, digits: digits, to: &out)
    return out.view.text
  }

  static func floorDivide(_ value: Int64, _ divisor: Int64) -> (quotient: Int64, remainder: Int64) {
    let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
  }

  private static func appendPadded(_ value: Int, _ width: Int, to out: inout ByteBuffer) {
    DecimalText.append(UInt64(value), width: width, to: &out)
  }
}

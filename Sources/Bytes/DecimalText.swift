/// Decimal digits.
public enum DecimalText {
  /// Appends `value` in decimal, with leading zeros up to `width` digits.
  public static func append(_ value: UInt64, width: Int = 1, to out: inout ByteBuffer) {
    unsafe out.append(minimum: max(20, width)) { room in
      let count = max(digitCount(value), width)
      unsafe write(value, count, room.baseAddress.unsafelyUnwrapped)
      return count
    }
  }

  /// How many digits `value` has.
  @inline(__always) static func digitCount(_ value: UInt64) -> Int {
    if value < 10 { return 1 }
    if value < 100 { return 2 }
    if value < 1000 { return 3 }
    if value < 10_000 { return 4 }
    var digits = 5
    var bound: UInt64 = 100_000
    while digits < 20, value >= bound {
      digits &+= 1
      if digits == 20 { break }
      bound &*= 10
    }
    return digits
  }

  /// Writes the last `count` digits of `value`.
  @inline(__always) static func write(_ value: UInt64, _ count: Int, _ out: UnsafeMutableRawPointer) {
    var rest = value
    var index = count
    while index > 0 {
      index &-= 1
      let (quotient, digit) = (rest / 10, rest % 10)
      unsafe out.storeBytes(of: UInt8(truncatingIfNeeded: digit) | 0x30, toByteOffset: index, as: UInt8.self)
      rest = quotient
    }
  }
}

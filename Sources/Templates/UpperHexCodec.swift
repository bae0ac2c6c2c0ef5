import Bytes

/// Upper-case hexadecimal as HAProxy prints it under `+X` (`src/log.c`: `%04X`, `%02X`).
enum UpperHexCodec {
  /// Kind 2: at least four digits, zeros in front up to four only; kind 3: two or three digits, the first of two may
  /// be zero.
  static func parseInteger(_ bytes: ByteView) -> StoredValue? {
    let count = bytes.count
    guard count >= 2, count <= 15, let value = number(bytes, 0, count) else { return nil }
    switch count {
    case 4: return StoredValue(kind: 2, a: Int64(value))
    case 2: return StoredValue(kind: 3, a: Int64(value))
    default:
      return bytes[0] == UInt8(ascii: "0") ? nil : StoredValue(kind: count > 4 ? 2 : 3, a: Int64(value))
    }
  }

  static func printInteger(_ value: StoredValue, to out: inout ByteBuffer) throws(DecodeError) {
    guard value.kind == 2 || value.kind == 3, value.a >= 0, value.a < 1 &<< 60 else {
      throw DecodeError(.invalid, at: 0)
    }
    let number = UInt64(value.a)
    let digits = (64 - number.leadingZeroBitCount + 3) / 4
    if value.kind == 3, digits > 3 { throw DecodeError(.invalid, at: 0) }
    append(number, max(digits, value.kind == 2 ? 4 : 2), to: &out)
  }

  /// Kind 2: eight digits, the IPv4 address in `a`; kind 3: thirty-two, the IPv6 address in `a` and `b`.
  static func parseAddress(_ bytes: ByteView) -> StoredValue? {
    switch bytes.count {
    case 8: return number(bytes, 0, 8).map { StoredValue(kind: 2, a: Int64($0)) }
    case 32:
      guard let high = number(bytes, 0, 16), let low = number(bytes, 16, 32) else { return nil }
      return StoredValue(kind: 3, a: Int64(bitPattern: high), b: Int64(bitPattern: low))
    default: return nil
    }
  }

  static func printAddress(_ value: StoredValue, to out: inout ByteBuffer) throws(DecodeError) {
    switch value.kind {
    case 2 where value.a >= 0 && value.a <= 0xFFFF_FFFF: append(UInt64(value.a), 8, to: &out)
    case 3:
      append(UInt64(bitPattern: value.a), 16, to: &out)
      append(UInt64(bitPattern: value.b), 16, to: &out)
    default: throw DecodeError(.invalid, at: 0)
    }
  }

  private static func number(_ bytes: ByteView, _ start: Int, _ end: Int) -> UInt64? {
    var value: UInt64 = 0
    for index in start..<end {
      guard let digit = digit(bytes[index]) else { return nil }
      value = value &<< 4 | digit
    }
    return value
  }

  static func digit(_ byte: UInt8) -> UInt64? {
    if byte &- UInt8(ascii: "0") <= 9 { return UInt64(byte &- UInt8(ascii: "0")) }
    if byte &- UInt8(ascii: "A") <= 5 { return UInt64(byte &- UInt8(ascii: "A")) + 10 }
    return nil
  }

  private static func append(_ number: UInt64, _ count: Int, to out: inout ByteBuffer) {
    for place in stride(from: count - 1, through: 0, by: -1) {
      let digit = UInt8(truncatingIfNeeded: number &>> UInt64(place * 4)) & 15
      out.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "A") + digit - 10)
    }
  }
}

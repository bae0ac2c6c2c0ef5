import Bytes

/// Lower-case hexadecimal of the lengths that request and trace ids have, eight digits at a time.
///
/// Kinds: 2 a UUID (8-4-4-4-12, RFC 9562 section 4), 3 thirty-two digits, 4 sixteen digits. `a` holds the first
/// sixteen digits, `b` the others. Of a UUID, `a` begins with the thirteenth digit, its version: it is the same in all
/// of a column, and so costs nothing. Texts that are integers are of kind 5 (`ValueCodec.integerText`).
enum HexCodec {
  static func parse(_ bytes: ByteView) -> StoredValue? {
    switch bytes.count {
    case 36:
      let dash = UInt8(ascii: "-")
      guard bytes[8] == dash, bytes[13] == dash, bytes[18] == dash, bytes[23] == dash else { return nil }
      // The digits around the dashes are gathered into whole words: 8, 4+4, 4+4, 8.
      guard
        let w0 = nibbles(bytes.load64(at: 0)),
        let w1 = nibbles(UInt64(bytes.load32(at: 9)) | UInt64(bytes.load32(at: 14)) &<< 32),
        let w2 = nibbles(UInt64(bytes.load32(at: 19)) | UInt64(bytes.load32(at: 24)) &<< 32),
        let w3 = nibbles(bytes.load64(at: 28))
      else { return nil }
      return StoredValue(kind: 2, a: versionFirst(join(w0, w1)), b: join(w2, w3))
    case 32:
      guard let w0 = nibbles(bytes.load64(at: 0)), let w1 = nibbles(bytes.load64(at: 8)),
        let w2 = nibbles(bytes.load64(at: 16)), let w3 = nibbles(bytes.load64(at: 24))
      else { return nil }
      return StoredValue(kind: 3, a: join(w0, w1), b: join(w2, w3))
    case 16:
      guard let w0 = nibbles(bytes.load64(at: 0)), let w1 = nibbles(bytes.load64(at: 8)) else { return nil }
      return StoredValue(kind: 4, a: join(w0, w1))
    default: return nil
    }
  }

  static func print(_ value: StoredValue, to out: inout ByteBuffer) throws(DecodeError) {
    if value.kind == ValueCodec.integerText { return ValueCodec.printInteger(value.a, to: &out) }
    guard value.kind >= 2, value.kind <= 4 else { throw DecodeError(.invalid, at: 0) }
    let first = UInt64(bitPattern: value.kind == 2 ? versionLast(value.a) : value.a)
    let second = UInt64(bitPattern: value.b)
    let dash = UInt8(ascii: "-")
    let w0 = digits(UInt32(truncatingIfNeeded: first &>> 32)), w1 = digits(UInt32(truncatingIfNeeded: first))
    out.append(littleEndian: w0)
    if value.kind == 4 { return out.append(littleEndian: w1) }
    let w2 = digits(UInt32(truncatingIfNeeded: second &>> 32)),
      w3 = digits(UInt32(truncatingIfNeeded: second))
    if value.kind == 3 {
      out.append(littleEndian: w1)
      out.append(littleEndian: w2)
      return out.append(littleEndian: w3)
    }
    out.append(dash)
    out.append(littleEndian: UInt32(truncatingIfNeeded: w1))
    out.append(dash)
    out.append(littleEndian: UInt32(truncatingIfNeeded: w1 &>> 32))
    out.append(dash)
    out.append(littleEndian: UInt32(truncatingIfNeeded: w2))
    out.append(dash)
    out.append(littleEndian: UInt32(truncatingIfNeeded: w2 &>> 32))
    out.append(littleEndian: w3)
  }

  private static func versionFirst(_ a: Int64) -> Int64 {
    let bits = UInt64(bitPattern: a)
    return Int64(bitPattern: (bits & 0xF000) &<< 48 | (bits &>> 16) &<< 12 | bits & 0xFFF)
  }

  private static func versionLast(_ a: Int64) -> Int64 {
    let bits = UInt64(bitPattern: a)
    return Int64(bitPattern: (bits &>> 12) &<< 16 | (bits &>> 60) &<< 12 | bits & 0xFFF)
  }

  private static func join(_ high: UInt32, _ low: UInt32) -> Int64 {
    Int64(bitPattern: UInt64(high) &<< 32 | UInt64(low))
  }

  /// Eight digits (first digit in the lowest byte) as a number; nil unless all are `0-9a-f`. The digits are
  /// computed without looking whether they are digits, printed again, and compared.
  static func nibbles(_ text: UInt64) -> UInt32? {
    let letters = text &>> 6 & 0x0101_0101_0101_0101
    let values = (text & 0x0F0F_0F0F_0F0F_0F0F) &+ letters &* 9
    if values & 0xF0F0_F0F0_F0F0_F0F0 != 0 { return nil }
    let swapped = values.byteSwapped
    var packed = (swapped | swapped &>> 4) & 0x00FF_00FF_00FF_00FF
    packed = (packed | packed &>> 8) & 0x0000_FFFF_0000_FFFF
    packed = (packed | packed &>> 16) & 0x0000_0000_FFFF_FFFF
    let number = UInt32(truncatingIfNeeded: packed)
    return digits(number) == text ? number : nil
  }

  /// Eight digits of `number`, the first in the lowest byte.
  static func digits(_ number: UInt32) -> UInt64 {
    var spread = UInt64(number)
    spread = (spread | spread &<< 16) & 0x0000_FFFF_0000_FFFF
    spread = (spread | spread &<< 8) & 0x00FF_00FF_00FF_00FF
    spread = (spread | spread &<< 4) & 0x0F0F_0F0F_0F0F_0F0F
    let values = spread.byteSwapped
    // 6 added to a digit from 10 on carries into bit 4: those become letters.
    let letters = (values &+ 0x0606_0606_0606_0606) &>> 4 & 0x0101_0101_0101_0101
    return values &+ 0x3030_3030_3030_3030 &+ letters &* 39
  }
}

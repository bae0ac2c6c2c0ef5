import Bytes

/// Texts in which a backslash begins what stands for another byte.
enum EscapedText {
  /// Appends what `\\xHH` stands for; false, and nothing is appended, when there is none.
  static func decodeHex(_ text: ByteView, to out: inout ByteBuffer) -> Bool {
    decode(text, to: &out) { index, out in
      guard text.count - index >= 4, text[index + 1] == UInt8(ascii: "x"), let byte = hex(text, index + 2, 2)
      else { return 0 }
      out.append(UInt8(truncatingIfNeeded: byte))
      return 4
    }
  }

  /// Appends what a JSON string stands for; false, and nothing is appended, when it stands for itself.
  static func decodeJSON(_ text: ByteView, to out: inout ByteBuffer) -> Bool {
    // Escaped bytes that are no control bytes are what Envoy makes of strings that are no UTF-8.
    let isBytes = holdsEscapedByte(text)
    return decode(text, to: &out) { index, out in
      guard text.count - index >= 2 else { return 0 }
      switch text[index + 1] {
      case UInt8(ascii: "n"): out.append(10)
      case UInt8(ascii: "t"): out.append(9)
      case UInt8(ascii: "r"): out.append(13)
      case UInt8(ascii: "b"): out.append(8)
      case UInt8(ascii: "f"): out.append(12)
      case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): out.append(text[index + 1])
      case UInt8(ascii: "u"): return appendUnit(text, index, isBytes, &out)
      default: return 0
      }
      return 2
    }
  }

  /// `\\uHHHH`, or two of them for one scalar; returns how many bytes of the text that was.
  private static func appendUnit(
    _ text: ByteView, _ index: Int, _ isBytes: Bool, _ out: inout ByteBuffer
  ) -> Int {
    guard text.count - index >= 6, let high = hex(text, index + 2, 4) else { return 0 }
    if isBytes, high < 256 {
      out.append(UInt8(truncatingIfNeeded: high))
      return 6
    }
    if (0xD800..<0xDC00).contains(high), text.count - index >= 12, text[index + 6] == UInt8(ascii: "\\"),
      text[index + 7] == UInt8(ascii: "u"), let low = hex(text, index + 8, 4),
      (0xDC00..<0xE000).contains(low),
      let scalar = Unicode.Scalar(0x10000 + (high - 0xD800) << 10 + (low - 0xDC00))
    {
      out.append(String(scalar))
      return 12
    }
    guard let scalar = Unicode.Scalar(high) else { return 0 }
    out.append(String(scalar))
    return 6
  }

  private static func holdsEscapedByte(_ text: ByteView) -> Bool {
    var index = 0
    while let hit = text.find(UInt8(ascii: "\\"), from: index) {
      if text.count - hit >= 6, text[hit + 1] == UInt8(ascii: "u"), let unit = hex(text, hit + 2, 4),
        (0x80..<0x100).contains(unit)
      {
        return true
      }
      index = hit + 2
    }
    return false
  }

  /// Copies the text, but for what `escape` makes of a backslash: it returns how many bytes it took, or 0 to leave
  /// the backslash as it is.
  private static func decode(
    _ text: ByteView, to out: inout ByteBuffer, _ escape: (Int, inout ByteBuffer) -> Int
  ) -> Bool {
    let start = out.count
    var done = 0
    var index = 0
    var found = false
    while index < text.count, let hit = text.find(UInt8(ascii: "\\"), from: index) {
      out.append(text[done, hit])
      let count = escape(hit, &out)
      found = found || count > 0
      if count == 0 { out.append(text[hit]) }
      index = hit + max(1, count)
      done = index
    }
    if !found {
      out.truncate(to: start)
      return false
    }
    out.append(text[done, text.count])
    return true
  }

  private static func hex(_ text: ByteView, _ start: Int, _ count: Int) -> UInt32? {
    var value: UInt32 = 0
    for index in start..<start + count {
      let byte = text[index], letter = byte | 0x20
      if byte &- UInt8(ascii: "0") < 10 {
        value = value << 4 | UInt32(byte - UInt8(ascii: "0"))
      } else if letter >= UInt8(ascii: "a"), letter <= UInt8(ascii: "f") {
        value = value << 4 | UInt32(letter - UInt8(ascii: "a") + 10)
      } else {
        return nil
      }
    }
    return value
  }
}

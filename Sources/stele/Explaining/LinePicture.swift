import Bytes
import Events

/// A part of a line around a place, and a caret under that place.
///
/// Every character that is shown is one column wide, so that the caret stands right on any terminal:
/// printable ASCII and the letters of the alphabets of Europe stand for themselves, every other byte is
/// `\xHH`.
struct LinePicture {
  /// The line, `…` where it was cut.
  let line: String
  /// Columns before the caret.
  let column: Int

  /// Bytes shown before and after the place.
  private static let before = 60, after = 40

  init(_ bytes: ByteView, at offset: Int) {
    let place = min(max(0, offset), bytes.count)
    var start = max(0, place - Self.before)
    // Not within a character, if it can be helped.
    while start > 0, start < place, bytes[start] & 0xC0 == 0x80 { start += 1 }
    let end = min(bytes.count, place + Self.after)
    let lead = (start > 0 ? "…" : "") + Self.columns(bytes[start, place])
    line = lead + Self.columns(bytes[place, end]) + (end < bytes.count ? "…" : "")
    column = lead.unicodeScalars.count
  }

  /// Two lines, each behind `indent` blanks, without a line feed at the end.
  func text(indent: Int) -> String {
    let blanks = String(repeating: " ", count: indent)
    return "\(blanks)\(line)\n\(blanks)\(String(repeating: " ", count: column))^"
  }

  /// The bytes as characters of one column each.
  static func columns(_ bytes: ByteView) -> String {
    var text = ""
    var index = 0
    while index < bytes.count {
      let byte = bytes[index]
      if byte >= 0x20, byte < 0x7F {
        text.unicodeScalars.append(Unicode.Scalar(byte))
        index += 1
      } else if byte >= 0xC2, byte <= 0xD4, index + 1 < bytes.count, bytes[index + 1] & 0xC0 == 0x80,
        let scalar = Unicode.Scalar(UInt32(byte & 0x1F) << 6 | UInt32(bytes[index + 1] & 0x3F)),
        isLetter(scalar)
      {
        text.unicodeScalars.append(scalar)
        index += 2
      } else {
        let digits = String(byte, radix: 16, uppercase: true)
        text += byte < 16 ? "\\x0\(digits)" : "\\x\(digits)"
        index += 1
      }
    }
    return text
  }

  /// Latin, Greek and Cyrillic letters and signs, which are one column wide everywhere and combine with
  /// nothing.
  private static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0xAD, 0x483...0x489: false
    case 0xA1...0x24F, 0x391...0x3A1, 0x3A3...0x3FF, 0x400...0x52F: true
    default: false
    }
  }
}

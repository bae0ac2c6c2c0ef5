import Bytes
import Templates

/// Spells values as the load balancer would: the inverse of `SlotMeaning.decode`.
enum ValueSpelling {
  static func append(_ text: ByteView, _ unit: Unit, to out: inout ByteBuffer) {
    switch unit {
    case .hashEscapes: escape(text, to: &out) { appendHash($0, to: &$1) }
    case .backslashEscapes: escape(text, to: &out) { appendBackslash($0, to: &$1) }
    case .hashAndBackslashEscapes:
      escape(text, to: &out) { appendHash($0, to: &$1) || appendBackslash($0, to: &$1) }
    case .hexEscapes:
      escape(text, to: &out) { byte, out in
        guard byte < 32 || byte > 126 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else {
          return false
        }
        out.append("\\x")
        appendHex(byte, to: &out)
        return true
      }
    case .jsonEscapes: appendJSON(text, to: &out)
    case .cborItem: appendCBOR(text, to: &out)
    default: out.append(text)
    }
  }

  private static func escape(
    _ text: ByteView, to out: inout ByteBuffer, _ special: (UInt8, inout ByteBuffer) -> Bool
  ) {
    for index in 0..<text.count where !special(text[index], &out) { out.append(text[index]) }
  }

  /// HAProxy: `#HH` for control bytes, those above 126, and what delimits.
  private static func appendHash(_ byte: UInt8, to out: inout ByteBuffer) -> Bool {
    switch byte {
    case 32..<127 where !"\"#{|}".utf8.contains(byte): return false
    default:
      out.append(UInt8(ascii: "#"))
      appendHex(byte, to: &out)
      return true
    }
  }

  private static func appendBackslash(_ byte: UInt8, to out: inout ByteBuffer) -> Bool {
    guard "\"\\]".utf8.contains(byte) else { return false }
    out.append(UInt8(ascii: "\\"))
    out.append(byte)
    return true
  }

  /// RFC 8259, 7. Bytes that are no UTF-8 as Envoy writes them: all above 126 as `\u00HH`.
  private static func appendJSON(_ text: ByteView, to out: inout ByteBuffer) {
    let isUTF8 = String(validating: text.array, as: UTF8.self) != nil
    escape(text, to: &out) { byte, out in
      if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
        out.append(UInt8(ascii: "\\"))
        out.append(byte)
        return true
      }
      guard byte < 32 || byte > 126 && !isUTF8 else { return false }
      out.append("\\u00")
      appendHex(byte, to: &out)
      return true
    }
  }

  /// A text string (RFC 8949, 3.1, major type 3) in hexadecimal digits. Up to 65,535 bytes.
  private static func appendCBOR(_ text: ByteView, to out: inout ByteBuffer) {
    let text = text.prefix(min(text.count, 65_535))
    switch text.count {
    case 0..<24: appendHex(0x60 | UInt8(text.count), to: &out)
    case 24..<256:
      appendHex(0x78, to: &out)
      appendHex(UInt8(text.count), to: &out)
    default:
      appendHex(0x79, to: &out)
      appendHex(UInt8(text.count >> 8), to: &out)
      appendHex(UInt8(text.count & 0xFF), to: &out)
    }
    for index in 0..<text.count { appendHex(text[index], to: &out) }
  }

  static func appendHex(_ byte: UInt8, to out: inout ByteBuffer) {
    for digit in [byte >> 4, byte & 15] {
      out.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "A") + digit - 10)
    }
  }
}

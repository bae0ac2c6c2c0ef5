import Bytes
import Templates

extension Unit {
  /// It says how text is spelled, not what a number means.
  var isSpelling: Bool {
    switch self {
    case .hashEscapes, .backslashEscapes, .hashAndBackslashEscapes, .cborItem, .hexEscapes, .jsonEscapes: true
    default: false
    }
  }
}

/// Spellings of values that are not the values themselves: escapes, hexadecimal, CBOR.
extension SlotMeaning {
  /// The byte that stands before what is escaped; nil when nothing is, or when every value is spelled otherwise.
  public var escape: UInt8? {
    switch unit {
    case .hashEscapes: UInt8(ascii: "#")
    case .backslashEscapes, .hexEscapes, .jsonEscapes: UInt8(ascii: "\\")
    default: nil
    }
  }

  /// Every value of the slot has another spelling than the field's own.
  public var isEncoded: Bool {
    column == .hexInteger || column == .hexAddress || unit == .cborItem || unit == .hashAndBackslashEscapes
      || isBareWord
  }

  /// A word of JSON that stands outside quotes.
  private var isBareWord: Bool { syntax == .token && unit == .backslashEscapes }

  /// Words by which HAProxy says that there was no request: those fields then have no value.
  public var hasNoRequestWord: Bool {
    guard unit.isSpelling, unit != .hexEscapes, unit != .jsonEscapes else { return false }
    switch field {
    case .httpMethod, .urlTarget, .urlPath, .urlQuery, .httpVersion: return true
    default: return false
    }
  }

  /// Whether the bytes say that there is no such value: `<BADREQ>` for the parts of a request, `unix` for an
  /// address, `null` in JSON.
  func isNothing(_ bytes: ByteView) -> Bool {
    switch bytes[0] {
    case UInt8(ascii: "<"): hasNoRequestWord && bytes.isWord("<BADREQ>")
    case UInt8(ascii: "n"): isBareWord && bytes.isWord("null")
    case UInt8(ascii: "u"): field?.type == .address && bytes.isUnix
    default: false
    }
  }

  /// Appends what the bytes stand for; false, and nothing is appended, when they stand for themselves.
  public func decode(_ bytes: ByteView, to out: inout ByteBuffer) -> Bool {
    switch unit {
    case .hashEscapes: Self.unescape(bytes, hash: true, backslash: false, to: &out)
    case .backslashEscapes: Self.unescape(bytes, hash: false, backslash: true, to: &out)
    case .hashAndBackslashEscapes: Self.unescape(bytes, hash: true, backslash: true, to: &out)
    case .cborItem: Self.decodeCBOR(bytes, to: &out)
    case .hexEscapes: EscapedText.decodeHex(bytes, to: &out)
    case .jsonEscapes: EscapedText.decodeJSON(bytes, to: &out)
    default: false
    }
  }

  private static func unescape(
    _ bytes: ByteView, hash: Bool, backslash: Bool, to out: inout ByteBuffer
  ) -> Bool {
    let start = out.count
    var done = 0
    var index = 0
    while index < bytes.count {
      if hash, bytes[index] == UInt8(ascii: "#"), let byte = escaped(bytes, index) {
        out.append(bytes[done, index])
        out.append(byte)
        index += 3
        done = index
      } else if backslash, bytes[index] == UInt8(ascii: "\\"), index + 1 < bytes.count {
        out.append(bytes[done, index])
        out.append(bytes[index + 1])
        index += 2
        done = index
      } else {
        index += 1
      }
    }
    if done == 0 { return false }
    out.append(bytes[done, bytes.count])
    return out.count > start
  }

  /// The byte that `#HH` at `index` stands for. Only bytes that HAProxy escapes: anything else was `#` as it stands.
  private static func escaped(_ bytes: ByteView, _ index: Int) -> UInt8? {
    guard index + 2 < bytes.count, let high = digit(bytes[index + 1]), let low = digit(bytes[index + 2])
    else {
      return nil
    }
    let byte = high << 4 | low
    switch byte {
    case 0..<32, 127...255, UInt8(ascii: "\""), UInt8(ascii: "#"), UInt8(ascii: "{"), UInt8(ascii: "|"),
      UInt8(ascii: "}"):
      return byte
    default: return nil
    }
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    if byte &- UInt8(ascii: "0") < 10 { return byte &- UInt8(ascii: "0") }
    return byte &- UInt8(ascii: "A") < 6 ? byte &- UInt8(ascii: "A") + 10 : nil
  }

  private static func decodeCBOR(_ bytes: ByteView, to out: inout ByteBuffer) -> Bool {
    switch CBORText.value(bytes, to: &out) {
    case .integer(let number): out.append(String(number))
    case .flag(let flag): out.append(flag ? "true" : "false")
    case .null, .text: break
    case .other, nil: return false
    }
    return true
  }
}

extension ByteView {
  func isWord(_ word: StaticString) -> Bool {
    count == word.utf8CodeUnitCount
      && (unsafe matches(ByteView(unsafeBase: word.utf8Start, count: word.utf8CodeUnitCount), at: 0))
  }

  /// `unix`, or `unix:` and the name of a socket: what load balancers write for an address that is none.
  public var isUnix: Bool {
    isWord("unix") || count > 4 && self[4] == UInt8(ascii: ":") && prefix(4).isWord("unix")
  }
}

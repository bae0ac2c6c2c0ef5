/// Standard padded base64 (RFC 4648 section 4), strict: one text for every run of bytes.
public enum Base64 {
  private static let alphabet: StaticString =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

  /// Appends the base64 of `bytes`: 4 characters for every 3 bytes begun.
  public static func encode(_ bytes: ByteView, to output: inout ByteBuffer) {
    let alphabet = unsafe ByteView(unsafeBase: alphabet.utf8Start, count: 64)
    output.reserve((bytes.count + 2) / 3 * 4)
    var offset = 0
    while offset < bytes.count {
      let left = min(bytes.count - offset, 3)
      var group = Int(bytes[offset]) << 16
      if left > 1 { group |= Int(bytes[offset + 1]) << 8 }
      if left > 2 { group |= Int(bytes[offset + 2]) }
      output.append(alphabet[group >> 18])
      output.append(alphabet[group >> 12 & 63])
      output.append(left > 1 ? alphabet[group >> 6 & 63] : UInt8(ascii: "="))
      output.append(left > 2 ? alphabet[group & 63] : UInt8(ascii: "="))
      offset += left
    }
  }

  /// The base64 of `bytes`.
  public static func encode(_ bytes: ByteView) -> String {
    var output = ByteBuffer(capacity: (bytes.count + 2) / 3 * 4)
    encode(bytes, to: &output)
    return output.view.text
  }

  /// Appends the bytes that `text` stands for. Refuses, with the offset, any character outside the alphabet,
  /// missing or misplaced padding, and unused bits that are not zero; `output` is then left as it was.
  public static func decode(_ text: ByteView, to output: inout ByteBuffer) throws(DecodeError) {
    guard text.count % 4 == 0 else { throw DecodeError(.truncated, at: text.count) }
    if text.isEmpty { return }
    var padding = 0
    while padding < 2, text[text.count - 1 - padding] == UInt8(ascii: "=") { padding += 1 }
    let start = output.count
    output.reserve(text.count / 4 * 3)
    var group: UInt32 = 0
    for offset in 0..<(text.count - padding) {
      guard let value = value(of: text[offset]) else {
        output.truncate(to: start)
        throw DecodeError(.invalid, at: offset)
      }
      group = group << 6 | value
      if offset % 4 == 3 {
        output.append(UInt8(truncatingIfNeeded: group >> 16))
        output.append(UInt8(truncatingIfNeeded: group >> 8))
        output.append(UInt8(truncatingIfNeeded: group))
      }
    }
    if padding == 0 { return }
    let unused: UInt32 = padding == 1 ? 0x3 : 0xF
    guard group & unused == 0 else {
      output.truncate(to: start)
      throw DecodeError(.invalid, at: text.count - padding - 1)
    }
    let kept = padding == 1 ? group >> 2 : group >> 4
    if padding == 1 { output.append(UInt8(truncatingIfNeeded: kept >> 8)) }
    output.append(UInt8(truncatingIfNeeded: kept))
  }

  /// The bytes that `text` stands for; see `decode(_:to:)`.
  public static func decode(_ text: ByteView) throws(DecodeError) -> [UInt8] {
    var output = ByteBuffer(capacity: text.count / 4 * 3)
    try decode(text, to: &output)
    return output.view.array
  }

  private static func value(of character: UInt8) -> UInt32? {
    switch character {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(character - UInt8(ascii: "A"))
    case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(character - UInt8(ascii: "a")) + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(character - UInt8(ascii: "0")) + 52
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
  }
}

/// Lowercase hexadecimal, two digits a byte.
public enum Hex {
  /// Appends the two digits of every byte.
  public static func encode(_ bytes: ByteView, to output: inout ByteBuffer) {
    output.reserve(bytes.count * 2)
    for index in 0..<bytes.count {
      output.append(digit(bytes[index] >> 4))
      output.append(digit(bytes[index] & 15))
    }
  }

  /// The two digits of every byte.
  public static func encode(_ bytes: ByteView) -> String {
    var output = ByteBuffer(capacity: bytes.count * 2)
    encode(bytes, to: &output)
    return output.view.text
  }

  /// The bytes that `text` stands for. Refuses, with the offset, an odd count and anything but lowercase
  /// digits.
  public static func decode(_ text: ByteView) throws(DecodeError) -> [UInt8] {
    guard text.count % 2 == 0 else { throw DecodeError(.truncated, at: text.count) }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count / 2)
    for offset in stride(from: 0, to: text.count, by: 2) {
      bytes.append(try value(text, at: offset) << 4 | value(text, at: offset + 1))
    }
    return bytes
  }

  private static func digit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
  }

  private static func value(_ text: ByteView, at offset: Int) throws(DecodeError) -> UInt8 {
    switch text[offset] {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): text[offset] - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): text[offset] - UInt8(ascii: "a") + 10
    default: throw DecodeError(.invalid, at: offset)
    }
  }
}

import Bytes

/// One JSON object as a load balancer writes it into its log, flat: the key of a value within an object is
/// `outer.inner`, and an array of texts is one text, joined by `, `.
///
/// Reads bytes, not Unicode: Nginx writes bytes above 127 as they came. It also takes a value that is missing
/// where a variable without quotes was empty (`"took":,`), as null.
struct FlatJSON {
  /// A value: bytes of a text or number, or nothing.
  struct Member {
    var name: String
    var value: [UInt8]?
  }

  /// Why a line is no such object.
  struct Invalid: Error, CustomStringConvertible {
    var offset: Int
    var what: String
    var description: String { "byte \(offset): \(what)" }
  }

  private(set) var members: [Member] = []
  private let bytes: [UInt8]
  private var place: Int
  /// `\u00E9` stands for the byte E9, and not for the character é.
  private let escapesAreBytes: Bool

  private static let depthLimit = 32

  /// Reads the object that begins at the first `{` of `line`; a syslog header may stand before it.
  init(_ line: [UInt8], escapesAreBytes: Bool) throws(Invalid) {
    bytes = line
    self.escapesAreBytes = escapesAreBytes
    guard let start = line.firstIndex(of: UInt8(ascii: "{")) else {
      throw Invalid(offset: 0, what: "there is no JSON object")
    }
    place = start
    try object("", depth: 0)
    skipBlanks()
    if place < bytes.count { throw Invalid(offset: place, what: "something stands behind the JSON object") }
  }

  private var next: UInt8? { place < bytes.count ? bytes[place] : nil }

  private mutating func skipBlanks() {
    while let byte = next, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { place += 1 }
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    skipBlanks()
    guard next == byte else { return false }
    place += 1
    return true
  }

  private mutating func expect(_ byte: UInt8) throws(Invalid) {
    guard take(byte) else {
      throw Invalid(offset: place, what: "'\(Character(Unicode.Scalar(byte)))' is missing")
    }
  }

  private mutating func object(_ prefix: String, depth: Int) throws(Invalid) {
    guard depth < Self.depthLimit else {
      throw Invalid(offset: place, what: "too many objects in one another")
    }
    try expect(UInt8(ascii: "{"))
    if take(UInt8(ascii: "}")) { return }
    repeat {
      skipBlanks()
      let key = prefix + String(decoding: try string(), as: UTF8.self)
      try expect(UInt8(ascii: ":"))
      skipBlanks()
      if next == UInt8(ascii: "{") {
        try object(key + ".", depth: depth + 1)
      } else {
        members.append(Member(name: key, value: try value()))
      }
    } while take(UInt8(ascii: ","))
    try expect(UInt8(ascii: "}"))
  }

  private mutating func value() throws(Invalid) -> [UInt8]? {
    skipBlanks()
    switch next {
    case UInt8(ascii: "\"")?: return try string()
    case UInt8(ascii: "[")?:
      place += 1
      var values: [[UInt8]] = []
      if take(UInt8(ascii: "]")) { return nil }
      repeat { values.append(try value() ?? []) } while take(UInt8(ascii: ","))
      try expect(UInt8(ascii: "]"))
      return Array(values.joined(separator: Array(", ".utf8)))
    default: break
    }
    let start = place
    while let byte = next, !",}] \t\r\n".utf8.contains(byte) { place += 1 }
    let word = Array(bytes[start..<place])
    return word.isEmpty || word == Array("null".utf8) ? nil : word
  }

  private mutating func string() throws(Invalid) -> [UInt8] {
    try expect(UInt8(ascii: "\""))
    var text: [UInt8] = []
    while let byte = next, byte != UInt8(ascii: "\"") {
      place += 1
      guard byte == UInt8(ascii: "\\") else {
        text.append(byte)
        continue
      }
      let escape = next
      place += 1
      switch escape {
      case UInt8(ascii: "n")?: text.append(0x0A)
      case UInt8(ascii: "r")?: text.append(0x0D)
      case UInt8(ascii: "t")?: text.append(0x09)
      case UInt8(ascii: "b")?: text.append(0x08)
      case UInt8(ascii: "f")?: text.append(0x0C)
      case UInt8(ascii: "u")?: text += try character()
      case let byte?: text.append(byte)
      case nil: throw Invalid(offset: place, what: "the line ends within a text")
      }
    }
    try expect(UInt8(ascii: "\""))
    return text
  }

  /// Behind `\u`.
  private mutating func character() throws(Invalid) -> [UInt8] {
    var code = try hex()
    if escapesAreBytes, code < 0x100 { return [UInt8(code)] }
    if code >= 0xD800, code < 0xDC00, place + 1 < bytes.count, bytes[place] == UInt8(ascii: "\\"),
      bytes[place + 1] == UInt8(ascii: "u")
    {
      place += 2
      let low = try hex()
      code = 0x10000 + (code - 0xD800) << 10 + (low & 0x3FF)
    }
    guard let scalar = Unicode.Scalar(code) else { throw Invalid(offset: place, what: "no such character") }
    return Array(String(Character(scalar)).utf8)
  }

  private mutating func hex() throws(Invalid) -> UInt32 {
    guard place + 4 <= bytes.count,
      let code = UInt32(String(decoding: bytes[place..<place + 4], as: UTF8.self), radix: 16)
    else { throw Invalid(offset: place, what: "four hexadecimal digits must follow \\u") }
    place += 4
    return code
  }
}

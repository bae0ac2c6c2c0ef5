/// Why a text is not JSON.
public struct JSONError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Byte offset of what is wrong.
  public var offset: Int

  public init(offset: Int) { self.offset = offset }

  public var description: String { "this is not JSON from byte \(offset) on" }
}

extension JSONValue {
  /// Reads one JSON value (RFC 8259), strictly: UTF-8, no number but integers of up to 128 bits, no name twice
  /// in an object, at most 16 values in one another, nothing but blanks around it.
  public init(parsing text: ByteView) throws(JSONError) {
    var parser = JSONParser(text)
    self = try parser.value(depth: 0)
    parser.skipBlanks()
    if parser.place < text.count { throw JSONError(offset: parser.place) }
  }

  /// The member of an object with that name; nil when this is no object or has none.
  public subscript(name: String) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.name == name }?.value
  }

  /// The text, if this is one.
  public var string: String? { if case .text(let text) = self { text } else { nil } }
  /// The integer, if this is one that fits.
  public func integer<I: FixedWidthInteger>(_: I.Type = I.self) -> I? {
    if case .integer(let value) = self { I(exactly: value) } else { nil }
  }
  /// The items, if this is a list.
  public var items: [JSONValue]? { if case .list(let items) = self { items } else { nil } }
}

private struct JSONParser {
  private static let depthLimit = 16

  private let text: ByteView
  private(set) var place = 0

  init(_ text: ByteView) { self.text = text }

  private var next: UInt8? { place < text.count ? text[place] : nil }

  mutating func skipBlanks() {
    while let byte = next, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { place += 1 }
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    skipBlanks()
    if next != byte { return false }
    place += 1
    return true
  }

  private mutating func expect(_ word: String) throws(JSONError) {
    let word = Array(word.utf8)
    guard word.withView({ text.matches($0, at: place) }) else { throw JSONError(offset: place) }
    place += word.count
  }

  mutating func value(depth: Int) throws(JSONError) -> JSONValue {
    skipBlanks()
    guard depth < Self.depthLimit else { throw JSONError(offset: place) }
    switch next {
    case UInt8(ascii: "{"): return try object(depth)
    case UInt8(ascii: "["): return try list(depth)
    case UInt8(ascii: "\""): return .text(try string())
    case UInt8(ascii: "t"):
      try expect("true")
      return .flag(true)
    case UInt8(ascii: "f"):
      try expect("false")
      return .flag(false)
    case UInt8(ascii: "n"):
      try expect("null")
      return .null
    default: return try number()
    }
  }

  private mutating func number() throws(JSONError) -> JSONValue {
    let start = place
    if next == UInt8(ascii: "-") { place += 1 }
    let digits = place
    while let byte = next, byte &- UInt8(ascii: "0") < 10 { place += 1 }
    guard place > digits, place == digits + 1 || text[digits] != UInt8(ascii: "0"),
      let value = Int128(text[start, place].text)
    else { throw JSONError(offset: start) }
    return .integer(value)
  }

  private mutating func list(_ depth: Int) throws(JSONError) -> JSONValue {
    place += 1
    var items: [JSONValue] = []
    if take(UInt8(ascii: "]")) { return .list(items) }
    repeat { items.append(try value(depth: depth + 1)) } while take(UInt8(ascii: ","))
    guard take(UInt8(ascii: "]")) else { throw JSONError(offset: place) }
    return .list(items)
  }

  private mutating func object(_ depth: Int) throws(JSONError) -> JSONValue {
    place += 1
    var members: [Member] = []
    var names: Set<String> = []
    if take(UInt8(ascii: "}")) { return .object(members) }
    repeat {
      skipBlanks()
      let start = place
      let name = try string()
      guard names.insert(name).inserted, take(UInt8(ascii: ":")) else { throw JSONError(offset: start) }
      members.append(Member(name, try value(depth: depth + 1)))
    } while take(UInt8(ascii: ","))
    guard take(UInt8(ascii: "}")) else { throw JSONError(offset: place) }
    return .object(members)
  }

  private typealias Member = JSONValue.Member

  private mutating func string() throws(JSONError) -> String {
    let start = place
    guard next == UInt8(ascii: "\"") else { throw JSONError(offset: place) }
    place += 1
    var bytes: [UInt8] = []
    while let byte = next, byte != UInt8(ascii: "\"") {
      guard byte >= 0x20 else { throw JSONError(offset: place) }
      place += 1
      if byte == UInt8(ascii: "\\") { try escape(&bytes) } else { bytes.append(byte) }
    }
    guard next != nil, let string = String(validating: bytes, as: UTF8.self) else {
      throw JSONError(offset: start)
    }
    place += 1
    return string
  }

  private mutating func escape(_ bytes: inout [UInt8]) throws(JSONError) {
    guard let byte = next else { throw JSONError(offset: place) }
    place += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): bytes.append(byte)
    case UInt8(ascii: "b"): bytes.append(0x08)
    case UInt8(ascii: "f"): bytes.append(0x0C)
    case UInt8(ascii: "n"): bytes.append(0x0A)
    case UInt8(ascii: "r"): bytes.append(0x0D)
    case UInt8(ascii: "t"): bytes.append(0x09)
    case UInt8(ascii: "u"):
      let start = place - 2
      var code = try hexadecimal()
      if code >> 10 == 0x36 {
        try expect("\\u")
        let low = try hexadecimal()
        guard low >> 10 == 0x37 else { throw JSONError(offset: start) }
        code = 0x10000 + (code & 0x3FF) << 10 + low & 0x3FF
      }
      guard let scalar = Unicode.Scalar(code) else { throw JSONError(offset: start) }
      bytes.append(contentsOf: Array(String(Character(scalar)).utf8))
    default: throw JSONError(offset: place - 1)
    }
  }

  private mutating func hexadecimal() throws(JSONError) -> UInt32 {
    guard place + 4 <= text.count, let code = UInt32(text[place, place + 4].text, radix: 16),
      text[place] != UInt8(ascii: "+")
    else { throw JSONError(offset: place) }
    place += 4
    return code
  }
}

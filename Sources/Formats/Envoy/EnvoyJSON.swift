import Events

/// A value of a `json_format`, as it stands in a configuration.
public indirect enum EnvoyJSON: Equatable, Sendable {
  case null
  case bool(Bool)
  /// A number as it was written.
  case number(String)
  /// A format string.
  case string(String)
  case list([EnvoyJSON])
  /// Names and values, in any order.
  case object([(name: String, value: EnvoyJSON)])

  /// Reads JSON (RFC 8259). Of a member that is there twice the last counts, as in Envoy.
  public init(parsing text: String) throws(FormatError) {
    var parser = EnvoyJSONParser(text)
    self = try parser.document()
  }

  public static func == (one: EnvoyJSON, other: EnvoyJSON) -> Bool { one.description == other.description }
}

extension EnvoyJSON: CustomStringConvertible {
  /// The value as Envoy writes it: no blanks, members in order of their names.
  public var description: String {
    switch self {
    case .null: "null"
    case .bool(let flag): flag ? "true" : "false"
    case .number(let text): text
    case .string(let text): Self.quoted(text)
    case .list(let items): "[\(items.map(\.description).joined(separator: ","))]"
    case .object: "{\(members.map { "\(Self.quoted($0.name)):\($0.value)" }.joined(separator: ","))}"
    }
  }

  /// The members in the order in which Envoy writes them: by the bytes of their names.
  var members: [(name: String, value: EnvoyJSON)] {
    guard case .object(let members) = self else { return [] }
    var byName: [String: EnvoyJSON] = [:]
    for member in members { byName[member.name] = member.value }
    return byName.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
      .map { (name: $0.key, value: $0.value) }
  }

  static func quoted(_ text: String) -> String { "\"\(escaped(text))\"" }

  /// The text within a JSON string, escaped no more than must be.
  static func escaped(_ text: String) -> String {
    var out = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": out += "\\\""
      case "\\": out += "\\\\"
      case "\n": out += "\\n"
      case "\r": out += "\\r"
      case "\t": out += "\\t"
      case "\u{8}": out += "\\b"
      case "\u{C}": out += "\\f"
      default:
        if scalar.value < 0x20 {
          let hex = String(scalar.value, radix: 16)
          out += "\\u00\(hex.count == 1 ? "0" : "")\(hex)"
        } else {
          out.unicodeScalars.append(scalar)
        }
      }
    }
    return out
  }
}

/// Reads JSON for `EnvoyJSON`.
private struct EnvoyJSONParser {
  private let text: String
  private let bytes: [UInt8]
  private var index = 0
  private var depth = 0

  init(_ text: String) {
    self.text = text
    bytes = Array(text.utf8)
  }

  mutating func document() throws(FormatError) -> EnvoyJSON {
    let value = try value()
    skipBlanks()
    guard index == bytes.count else { throw error("the JSON ends before this") }
    return value
  }

  private func error(_ note: String) -> FormatError {
    FormatError(index < bytes.count ? .unexpected : .unfinished, at: index, in: text, note)
  }

  private mutating func skipBlanks() {
    while index < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[index]) { index += 1 }
  }

  private mutating func skip(_ byte: Unicode.Scalar) -> Bool {
    skipBlanks()
    guard index < bytes.count, bytes[index] == UInt8(ascii: byte) else { return false }
    index += 1
    return true
  }

  private mutating func value() throws(FormatError) -> EnvoyJSON {
    skipBlanks()
    guard index < bytes.count else { throw error("a JSON value must stand here") }
    depth += 1
    defer { depth -= 1 }
    guard depth < 64 else { throw error("more than 64 objects and lists in one another") }
    switch bytes[index] {
    case UInt8(ascii: "{"): return try object()
    case UInt8(ascii: "["): return try list()
    case UInt8(ascii: "\""): return .string(try string())
    default: return try word()
    }
  }

  private mutating func object() throws(FormatError) -> EnvoyJSON {
    index += 1
    var members: [(name: String, value: EnvoyJSON)] = []
    if skip("}") { return .object(members) }
    repeat {
      skipBlanks()
      guard index < bytes.count, bytes[index] == UInt8(ascii: "\"") else {
        throw error("a member's name in double quotes must stand here")
      }
      let name = try string()
      guard skip(":") else { throw error("a colon must follow the member's name") }
      members.append((name, try value()))
    } while skip(",")
    guard skip("}") else { throw error("a comma or } must stand here") }
    return .object(members)
  }

  private mutating func list() throws(FormatError) -> EnvoyJSON {
    index += 1
    var items: [EnvoyJSON] = []
    if skip("]") { return .list(items) }
    repeat { items.append(try value()) } while skip(",")
    guard skip("]") else { throw error("a comma or ] must stand here") }
    return .list(items)
  }

  /// `null`, `true`, `false`, or a number.
  private mutating func word() throws(FormatError) -> EnvoyJSON {
    let start = index
    while index < bytes.count, ![0x20, 0x09, 0x0A, 0x0D, 0x2C, 0x5D, 0x7D].contains(bytes[index]) {
      index += 1
    }
    let word = String(decoding: bytes[start..<index], as: UTF8.self)
    switch word {
    case "null": return .null
    case "true": return .bool(true)
    case "false": return .bool(false)
    default:
      if let first = word.utf8.first, first == UInt8(ascii: "-") || first &- UInt8(ascii: "0") < 10,
        Double(word) != nil
      {
        return .number(word)
      }
      index = start
      throw error("here may stand a string in double quotes, a number, true, false, null, { or [")
    }
  }

  private mutating func string() throws(FormatError) -> String {
    let start = index
    index += 1
    var out: [UInt8] = []
    while index < bytes.count, bytes[index] != UInt8(ascii: "\"") {
      if bytes[index] == UInt8(ascii: "\\") {
        index += 1
        out += Array(String(try escape()).utf8)
      } else {
        out.append(bytes[index])
        index += 1
      }
    }
    guard index < bytes.count else {
      index = start
      throw FormatError(.unfinished, at: start, in: text, "no \" closes the string")
    }
    index += 1
    return String(decoding: out, as: UTF8.self)
  }

  private mutating func escape() throws(FormatError) -> Character {
    guard index < bytes.count else { throw error("an escape must stand here") }
    let byte = bytes[index]
    index += 1
    switch byte {
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Character(Unicode.Scalar(byte))
    case UInt8(ascii: "u"):
      let high = try hex()
      if (0xD800..<0xDC00).contains(high), index + 1 < bytes.count, bytes[index] == UInt8(ascii: "\\"),
        bytes[index + 1] == UInt8(ascii: "u")
      {
        index += 2
        let low = try hex()
        if (0xDC00..<0xE000).contains(low),
          let scalar = Unicode.Scalar(0x10000 + (high - 0xD800) << 10 + (low - 0xDC00))
        {
          return Character(scalar)
        }
        return "\u{FFFD}"
      }
      return Unicode.Scalar(high).map { Character($0) } ?? "\u{FFFD}"
    default:
      index -= 1
      throw error("after a backslash may stand \" \\ / b f n r t or u and four digits")
    }
  }

  private mutating func hex() throws(FormatError) -> UInt32 {
    guard bytes.count - index >= 4,
      let value = UInt32(String(decoding: bytes[index..<index + 4], as: UTF8.self), radix: 16)
    else { throw error("four hexadecimal digits must stand here") }
    index += 4
    return value
  }
}

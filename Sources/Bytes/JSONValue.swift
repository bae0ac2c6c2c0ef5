/// A JSON value (RFC 8259) to be printed; the members of an object keep their order.
public enum JSONValue: Equatable, Sendable {
  case null
  case flag(Bool)
  case integer(Int128)
  /// Printed with the given number of digits behind the point.
  case decimal(Double, digits: Int)
  case text(String)
  case list([JSONValue])
  case object([Member])

  /// One member of an object.
  public struct Member: Equatable, Sendable {
    public var name: String
    public var value: JSONValue

    public init(_ name: String, _ value: JSONValue) {
      self.name = name
      self.value = value
    }
  }

  /// An integer of any type of at most 128 bits.
  public static func number(_ value: some BinaryInteger) -> JSONValue { .integer(Int128(value)) }
  /// Null when there is none.
  public static func optional(_ value: (some BinaryInteger)?) -> JSONValue {
    value.map { .number($0) } ?? .null
  }
  /// Null when there is none.
  public static func optional(_ value: String?) -> JSONValue { value.map { .text($0) } ?? .null }

  /// The value on one line, without a line feed.
  public var text: String {
    var out = ByteBuffer()
    append(to: &out)
    return out.view.text
  }

  /// Appends the value on one line, without a line feed.
  public func append(to out: inout ByteBuffer) {
    switch self {
    case .null: out.append("null")
    case .flag(let flag): out.append(flag ? "true" : "false")
    case .integer(let value): out.append(String(value))
    case .decimal(let value, let digits): out.append(Self.fixed(value, digits))
    case .text(let text): Self.append(quoted: text, to: &out)
    case .list(let values):
      out.append(UInt8(ascii: "["))
      for (place, value) in values.enumerated() {
        if place > 0 { out.append(UInt8(ascii: ",")) }
        value.append(to: &out)
      }
      out.append(UInt8(ascii: "]"))
    case .object(let members):
      out.append(UInt8(ascii: "{"))
      for (place, member) in members.enumerated() {
        if place > 0 { out.append(UInt8(ascii: ",")) }
        Self.append(quoted: member.name, to: &out)
        out.append(UInt8(ascii: ":"))
        member.value.append(to: &out)
      }
      out.append(UInt8(ascii: "}"))
    }
  }

  private static func append(quoted text: String, to out: inout ByteBuffer) {
    out.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        out.append(UInt8(ascii: "\\"))
        out.append(byte)
      case 0x0A: out.append("\\n")
      case 0x0D: out.append("\\r")
      case 0x09: out.append("\\t")
      case 0..<0x20:
        out.append("\\u00")
        [byte].withView { Hex.encode($0, to: &out) }
      default: out.append(byte)
      }
    }
    out.append(UInt8(ascii: "\""))
  }

  /// A number with a fixed count of digits behind the point; JSON has no other than finite ones.
  public static func fixed(_ value: Double, _ digits: Int) -> String {
    var scale: Int128 = 1
    for _ in 0..<digits { scale *= 10 }
    let scaled = value * Double(scale)
    guard scaled.magnitude < 0x1p120 else { return "null" }
    let whole = Int128(scaled.rounded())
    let sign = whole < 0 ? "-" : ""
    let rest = String(whole.magnitude % scale.magnitude)
    if digits == 0 { return sign + String(whole.magnitude) }
    let zeros = String(repeating: "0", count: digits - rest.utf8.count)
    return sign + String(whole.magnitude / scale.magnitude) + "." + zeros + rest
  }
}

/// Members are written as in a dictionary.
extension JSONValue: ExpressibleByDictionaryLiteral {
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    self = .object(elements.map { Member($0.0, $0.1) })
  }
}

extension JSONValue: ExpressibleByStringLiteral {
  public init(stringLiteral value: String) { self = .text(value) }
}

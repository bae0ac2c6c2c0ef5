/// Conditions of `.if` lines (configuration manual, 2.4 "Conditional blocks").
///
/// What only the running HAProxy knows is taken to be as it usually is: a present release, built with
/// everything.
struct HAProxyConditions {
  /// Why a condition cannot be read.
  struct Flaw: Error {
    var text: String
  }

  private let bytes: [UInt8]
  private let variable: (String) -> String?
  private var index = 0
  private var depth = 0

  /// The release that conditions are decided for.
  static let version = "3.3"

  /// Whether the condition holds. An empty one does not.
  static func holds(_ text: String, variable: @escaping (String) -> String?) throws(Flaw) -> Bool {
    var conditions = HAProxyConditions(bytes: Array(text.utf8), variable: variable)
    conditions.skipBlanks()
    if conditions.index == conditions.bytes.count { return false }
    let result = try conditions.either()
    conditions.skipBlanks()
    guard conditions.index == conditions.bytes.count else {
      throw Flaw(text: "&&, || or the condition's end must stand before '\(conditions.rest)'")
    }
    return result
  }

  private init(bytes: [UInt8], variable: @escaping (String) -> String?) {
    self.bytes = bytes
    self.variable = variable
  }

  private var rest: String { String(decoding: bytes[index...].prefix(40), as: UTF8.self) }

  private mutating func skipBlanks() {
    while index < bytes.count, bytes[index] == 0x20 || bytes[index] == 0x09 { index += 1 }
  }

  private mutating func take(_ text: StaticString) -> Bool {
    skipBlanks()
    let wanted = Array("\(text)".utf8)
    guard bytes[index...].starts(with: wanted) else { return false }
    index += wanted.count
    return true
  }

  private mutating func either() throws(Flaw) -> Bool {
    var result = try both()
    while take("||") {
      let next = try both()
      result = result || next
    }
    return result
  }

  private mutating func both() throws(Flaw) -> Bool {
    var result = try single()
    while take("&&") {
      let next = try single()
      result = result && next
    }
    return result
  }

  private mutating func single() throws(Flaw) -> Bool {
    depth += 1
    defer { depth -= 1 }
    if depth > 100 { throw Flaw(text: "too many parentheses stand in each other") }
    if take("!") { return try !single() }
    if take("(") {
      let result = try either()
      guard take(")") else { throw Flaw(text: "no ) closes the condition") }
      return result
    }
    skipBlanks()
    let start = index
    while index < bytes.count, Self.isWord(bytes[index]) { index += 1 }
    let word = String(decoding: bytes[start..<index], as: UTF8.self)
    if let number = Int(word) { return number != 0 }
    guard !word.isEmpty else { throw Flaw(text: "a number or a predicate must stand before '\(rest)'") }
    guard index < bytes.count, bytes[index] == UInt8(ascii: "("),
      let close = bytes[index...].firstIndex(of: UInt8(ascii: ")"))
    else { throw Flaw(text: "'\(word)' is no predicate with its arguments in parentheses") }
    let arguments = bytes[(index + 1)..<close].split(
      separator: UInt8(ascii: ","), omittingEmptySubsequences: false
    ).map { Self.trimmed($0) }
    index = close + 1
    return try predicate(word, arguments)
  }

  private static func isWord(_ byte: UInt8) -> Bool {
    byte &- UInt8(ascii: "0") < 10 || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
      || byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z")
  }

  private static func trimmed(_ bytes: ArraySlice<UInt8>) -> String {
    let start = bytes.firstIndex { $0 != 0x20 } ?? bytes.endIndex
    let end = bytes.lastIndex { $0 != 0x20 }.map { $0 + 1 } ?? start
    return String(decoding: bytes[start..<end], as: UTF8.self)
  }

  private func predicate(_ name: String, _ arguments: [String]) throws(Flaw) -> Bool {
    let first = arguments.first ?? ""
    let second = arguments.count > 1 ? arguments[1] : ""
    switch name {
    case "defined": return variable(first) != nil
    case "streq": return first == second
    case "strneq": return first != second
    case "strstr": return Self.contains(first, second)
    case "version_atleast":
      return Self.parts(first).lexicographicallyPrecedes(Self.parts(Self.version))
        || Self.parts(first) == Self.parts(Self.version)
    case "version_before": return Self.parts(Self.version).lexicographicallyPrecedes(Self.parts(first))
    case "feature", "enabled", "openssl_version_atleast": return true
    case "openssl_version_before", "awslc_api_atleast": return false
    case "awslc_api_before": return true
    case "ssllib_name_startswith": return "OpenSSL".hasPrefix(first)
    default: throw Flaw(text: "no such predicate: \(name)")
    }
  }

  private static func contains(_ text: String, _ part: String) -> Bool {
    let text = Array(text.utf8)
    let part = Array(part.utf8)
    guard part.count <= text.count else { return false }
    return (0...(text.count - part.count)).contains { text[$0...].starts(with: part) }
  }

  /// `2.4-dev19`, `2.4.3`, `2.4`: numbers that compare as the releases do.
  static func parts(_ version: String) -> [Int] {
    let halves = version.split(separator: "-", maxSplits: 1)
    var numbers = (halves.first ?? "").split(separator: ".").map { Int($0.prefix { $0.isNumber }) ?? 0 }
    while numbers.count < 3 { numbers.append(0) }
    // A development release comes before the release.
    let development = halves.count > 1 && halves[1].hasPrefix("dev")
    let number = development ? Int(halves[1].dropFirst(3).prefix { $0.isNumber }) ?? 0 : 0
    return [numbers[0], numbers[1], development ? 0 : 1, development ? number : numbers[2]]
  }
}

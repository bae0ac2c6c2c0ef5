import Yams

/// A value of Envoy's bootstrap with the line where it stands.
indirect enum EnvoyValue {
  case text(String, line: Int)
  /// A number, true, false or null, as it is spelled.
  case plain(String, line: Int)
  case list([EnvoyValue], line: Int)
  case object([(key: String, value: EnvoyValue)], line: Int)

  /// From 1.
  var line: Int {
    switch self {
    case .text(_, let line), .plain(_, let line), .list(_, let line), .object(_, let line): line
    }
  }

  /// The member called `key`.
  subscript(key: String) -> EnvoyValue? {
    guard case .object(let members, _) = self else { return nil }
    return members.first { $0.key == key }?.value
  }

  /// The characters of a scalar.
  var string: String? {
    switch self {
    case .text(let text, _), .plain(let text, _): text
    case .list, .object: nil
    }
  }

  var items: [EnvoyValue] {
    guard case .list(let items, _) = self else { return [] }
    return items
  }

  var members: [(key: String, value: EnvoyValue)] {
    guard case .object(let members, _) = self else { return [] }
    return members
  }
}

/// Reads YAML, and JSON, which is YAML too, within bounds: aliases in aliases multiply, and nesting costs
/// stack.
struct EnvoyDocument {
  private let file: String
  private var count = 0

  private static let valueLimit = 1_000_000
  private static let depthLimit = 200

  static func values(of bytes: [UInt8], file: String) throws(ReadError) -> [EnvoyValue] {
    var document = EnvoyDocument(file: file)
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw ReadError(Place(file, 1), "the file is not UTF-8")
    }
    if let line = tooDeep(bytes) { throw ReadError(Place(file, line), "too much stands in each other") }
    var values: [EnvoyValue] = []
    do {
      let parser = try Parser(yaml: text, encoding: .utf8)
      while let node = try parser.nextRoot() { values.append(try document.value(node, 1, depth: 0)) }
    } catch let error as ReadError {
      throw error
    } catch let error as YamlError {
      throw ReadError(error, file)
    } catch { throw ReadError(Place(file, 1), "\(error)") }
    return values
  }

  /// The line at which brackets and blocks may stand too deep in each other for a parser that calls itself.
  private static func tooDeep(_ bytes: [UInt8]) -> Int? {
    var depth = 0
    var line = 1
    var indent = 0
    var isIndent = true
    for byte in bytes {
      switch byte {
      case 0x0A:
        line += 1
        indent = 0
        isIndent = true
      case UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
      case UInt8(ascii: "]"), UInt8(ascii: "}"): depth = max(0, depth - 1)
      case 0x20, UInt8(ascii: "-"), UInt8(ascii: "?"), UInt8(ascii: ":"): if isIndent { indent += 1 }
      default: isIndent = false
      }
      if byte != 0x0A, byte != 0x20, isIndent, indent > 1000 { return line }
      if depth > depthLimit { return line }
    }
    return nil
  }

  private mutating func value(_ node: Node, _ line: Int, depth: Int) throws(ReadError) -> EnvoyValue {
    count += 1
    let line = node.mark?.line ?? line
    guard count <= Self.valueLimit, depth <= Self.depthLimit else {
      throw ReadError(Place(file, line), "the configuration is too large, or too much stands in each other")
    }
    switch node {
    case .scalar(let scalar):
      let isPlain = scalar.style == .plain
      return isPlain ? .plain(scalar.string, line: line) : .text(scalar.string, line: line)
    case .sequence(let sequence):
      var items: [EnvoyValue] = []
      for item in sequence { items.append(try value(item, line, depth: depth + 1)) }
      return .list(items, line: line)
    case .mapping(let mapping):
      var members: [(key: String, value: EnvoyValue)] = []
      for (key, member) in mapping {
        members.append((key.string ?? "", try value(member, key.mark?.line ?? line, depth: depth + 1)))
      }
      return .object(members, line: line)
    case .alias:
      return .plain("", line: line)
    }
  }
}

extension ReadError {
  /// What the YAML parser says, with its line.
  init(_ error: YamlError, _ file: String) {
    switch error {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      self.init(Place(file, mark.line), "this is not YAML: \(problem)")
    case .duplicatedKeysInMapping(let keys, let context):
      self.init(Place(file, context.mark.line), "the key '\(keys.first ?? "")' is given twice in one group")
    default: self.init(Place(file, 1), "this is not YAML: \(error)")
    }
  }
}

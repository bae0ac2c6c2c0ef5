import Events
import Yams

/// What is wrong with a configuration file, and where.
struct ConfigurationError: Error, Equatable, Sendable, CustomStringConvertible {
  var file: String
  /// From 1.
  var line: Int
  /// From 1, in Unicode scalars.
  var column: Int
  /// What is wrong, and what is allowed there.
  var text: String

  var description: String { "\(file):\(line):\(column): \(text)" }
}

/// A value of a configuration file with its place.
struct ConfigurationValue {
  let node: Node
  let file: String
  /// The key, as messages call it: `log.directory`.
  let name: String
  /// Where the value stands, or its key when there is no value.
  private let line: Int
  private let column: Int

  init(_ node: Node, file: String, name: String, fallback: Mark? = nil) {
    self.node = node
    self.file = file
    self.name = name
    let mark = node.mark ?? fallback
    line = mark?.line ?? 1
    column = mark?.column ?? 1
  }

  func error(_ text: String) -> ConfigurationError {
    ConfigurationError(file: file, line: line, column: column, text: text)
  }

  private var kind: String {
    switch node {
    case .mapping: "a group of keys"
    case .sequence: "a list"
    case .scalar(let scalar): scalar.string.isEmpty && scalar.style == .plain ? "empty" : "a text"
    case .alias: "an alias"
    }
  }

  /// Whether it is a group of keys.
  var isGroup: Bool { node.mapping != nil }

  /// A text; what YAML takes for a number, yes or no, or nothing must stand in quotes to be one.
  func text() throws(ConfigurationError) -> String {
    let text = try scalar()
    guard case .scalar(let scalar) = node, scalar.style == .plain, let kind = PlainScalar.kind(text) else {
      return text
    }
    throw error(
      "\(name) must be a text, and \(text) is \(kind); if it is meant so, write '\(text)' in quotes")
  }

  /// What stands there, be it a text or a number.
  func scalar() throws(ConfigurationError) -> String {
    guard case .scalar(let scalar) = node else { throw error("\(name) must be a text, not \(kind)") }
    guard !scalar.string.isEmpty else { throw error("\(name) must not be empty") }
    return scalar.string
  }

  func list() throws(ConfigurationError) -> [ConfigurationValue] {
    guard case .sequence(let items) = node else {
      throw error("\(name) must be a list ('- …' lines), not \(kind)")
    }
    return items.enumerated().map {
      ConfigurationValue($0.element, file: file, name: "\(name)[\($0.offset + 1)]", fallback: node.mark)
    }
  }

  /// Nanoseconds within `range`.
  func duration(_ range: ClosedRange<Int64>) throws(ConfigurationError) -> Int64 {
    let text = try scalar()
    guard let value = Quantity.duration(text) else {
      throw error("\(name): '\(text)' is no duration; it is written as 250ms, 10s, 5m, 1h or 1d")
    }
    guard range.contains(value) else {
      let least = Quantity.text(duration: range.lowerBound)
      let most = Quantity.text(duration: range.upperBound)
      throw error("\(name): \(text) is outside \(least) to \(most)")
    }
    return value
  }

  /// Bytes within `range`.
  func size(_ range: ClosedRange<Int64>) throws(ConfigurationError) -> Int {
    let text = try scalar()
    guard let value = Quantity.size(text) else {
      throw error("\(name): '\(text)' is no size; it is written as 64KiB, 512MiB or 1GiB")
    }
    guard range.contains(value) else {
      let least = Quantity.text(size: range.lowerBound)
      let most = Quantity.text(size: range.upperBound)
      throw error("\(name): \(text) is outside \(least) to \(most)")
    }
    return Int(value)
  }

  func count(_ range: ClosedRange<Int>) throws(ConfigurationError) -> Int {
    let text = try scalar()
    guard let value = Int(text), range.contains(value) else {
      throw error("\(name) must be a number from \(range.lowerBound) to \(range.upperBound), not '\(text)'")
    }
    return value
  }

  /// One of a few words.
  func choice<T: RawRepresentable & CaseIterable>(
    _: T.Type = T.self, among cases: [T] = Array(T.allCases)
  ) throws(ConfigurationError) -> T where T.RawValue == String {
    let text = try scalar()
    guard let value = cases.first(where: { $0.rawValue == text }) else {
      let words = cases.map(\.rawValue)
      let hint = Spelling.nearest(to: text, among: words).map { "; did you mean \($0)?" } ?? ""
      throw error("\(name) must be one of \(words.joined(separator: ", ")), not '\(text)'\(hint)")
    }
    return value
  }

  /// A group of keys, of which all must be known.
  func group(_ keys: [String]) throws(ConfigurationError) -> ConfigurationGroup {
    guard case .mapping(let mapping) = node else {
      throw error("\(name) must be a group of keys ('key: value' lines), not \(kind)")
    }
    return try ConfigurationGroup(mapping, self, keys)
  }
}

/// A group of keys, each of which is known.
struct ConfigurationGroup {
  private let whole: ConfigurationValue
  private var values: [String: (key: ConfigurationValue, value: ConfigurationValue)] = [:]
  private let prefix: String

  init(_ mapping: Node.Mapping, _ whole: ConfigurationValue, _ keys: [String]) throws(ConfigurationError) {
    self.whole = whole
    prefix = whole.name == "the configuration" ? "" : whole.name + "."
    for (keyNode, valueNode) in mapping {
      let key = ConfigurationValue(keyNode, file: whole.file, name: "the key", fallback: whole.node.mark)
      let word = try key.scalar()
      guard keys.contains(word) else {
        let hint = Spelling.nearest(to: word, among: keys).map { "did you mean '\($0)'?" }
        let there = "there are \(keys.joined(separator: ", "))"
        throw key.error("unknown key '\(word)' in \(whole.name): \(hint ?? there)")
      }
      let value = ConfigurationValue(
        valueNode, file: whole.file, name: prefix + word, fallback: keyNode.mark)
      values[word] = (key, value)
    }
  }

  /// The value of a key that need not be there.
  subscript(key: String) -> ConfigurationValue? { values[key]?.value }

  /// The key itself, to say that it should not be there.
  func key(_ word: String) -> ConfigurationValue? { values[word]?.key }

  /// The value of a key that must be there.
  func required(_ key: String) throws(ConfigurationError) -> ConfigurationValue {
    guard let value = self[key] else { throw whole.error("\(whole.name) lacks the key '\(key)'") }
    return value
  }
}

extension ConfigurationValue {
  /// The whole of a configuration file.
  init(parsing text: String, file: String) throws(ConfigurationError) {
    let root: Node?
    do {
      let parser = try Parser(yaml: text, encoding: .utf8)
      root = try parser.singleRoot()
      // Nodes know their anchors only as long as the parser lives.
      try withExtendedLifetime(parser) { try root.map { try Self.refuseAnchors($0, file) } }
    } catch let error as ConfigurationError {
      throw error
    } catch let error as YamlError {
      throw ConfigurationError(error, text, file)
    } catch {
      throw ConfigurationError(file: file, line: 1, column: 1, text: "\(error)")
    }
    guard let root else {
      throw ConfigurationError(
        file: file, line: 1, column: 1, text: "the file is empty; it must have 'log' and 'sources'")
    }
    self.init(root, file: file, name: "the configuration")
  }

  /// What stands in several places by reference is changed in several places unseen.
  private static func refuseAnchors(_ node: Node, _ file: String) throws(ConfigurationError) {
    if let anchor = node.anchor {
      throw ConfigurationValue(node, file: file, name: "").error(
        "anchors and aliases (&\(anchor.rawValue), *\(anchor.rawValue)) have no place in this file; "
          + "write the value out wherever it is meant")
    }
    switch node {
    case .mapping(let mapping):
      for (key, value) in mapping {
        try refuseAnchors(key, file)
        try refuseAnchors(value, file)
      }
    case .sequence(let items): for item in items { try refuseAnchors(item, file) }
    default: break
    }
  }
}

/// What a text without quotes is for whoever reads YAML.
enum PlainScalar {
  /// Nil for a text.
  static func kind(_ text: String) -> String? {
    switch text.lowercased() {
    case "true", "false", "yes", "no", "on", "off": return "yes or no"
    case "null", "~": return "nothing"
    default:
      let digits = text.drop { "+-.".contains($0) }
      guard digits.first?.isNumber == true, Int(text) != nil || Double(text) != nil else { return nil }
      return "a number"
    }
  }
}

extension ConfigurationError {
  /// What the YAML parser says, with its place.
  init(_ error: YamlError, _ yaml: String, _ file: String) {
    self.init(file: file, line: 1, column: 1, text: "this is not YAML")
    switch error {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      (line, column, text) = (mark.line, mark.column, "this is not YAML: \(Self.mend(problem, mark, yaml))")
    case .duplicatedKeysInMapping(let keys, let context):
      (line, column) = (context.mark.line, context.mark.column)
      text = "the key '\(keys.first ?? "")' is given twice in one group; the first is here"
    case .reader(let problem, let offset, _, _):
      let before = yaml.prefix(offset ?? 0)
      line = before.count { $0.isNewline } + 1
      column =
        (before.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).last ?? "").count + 1
      text = "this is not YAML: \(problem)"
    default: text = "this is not YAML: \(error)"
    }
  }

  /// What the parser says, and what to do where it does not tell.
  private static func mend(_ problem: String, _ mark: Mark, _ yaml: String) -> String {
    if problem.contains("another document") {
      return "a second document begins here; a configuration is one, so remove the line '---'"
    }
    let lines = yaml.split(separator: "\n", maxSplits: mark.line, omittingEmptySubsequences: false)
    guard lines.indices.contains(mark.line - 1), lines[mark.line - 1].contains("\t") else { return problem }
    return "\(problem); there is a tab in this line: indent with blanks"
  }
}

extension ConfigurationValue {
  /// Where a key such as `sources.edge.sockets` stands in a file that can be parsed; where it does not stand
  /// there, the nearest group around it.
  static func place(of key: String, _ text: String, _ file: String) -> ConfigurationValue {
    guard let root = try? ConfigurationValue(parsing: text, file: file) else {
      return ConfigurationValue(Node(""), file: file, name: key)
    }
    return root.place(of: key)
  }

  private func place(of key: String) -> ConfigurationValue {
    switch node {
    case .mapping(let mapping):
      for (keyNode, value) in mapping {
        let word = keyNode.scalar?.string ?? ""
        let place = ConfigurationValue(value, file: file, name: word, fallback: keyNode.mark)
        if key == word { return ConfigurationValue(keyNode, file: file, name: word) }
        if key.hasPrefix(word + ".") { return place.place(of: String(key.dropFirst(word.count + 1))) }
      }
    case .sequence(let items):
      for item in items {
        guard let name = item["name"]?.string, key.hasPrefix(name + ".") else { continue }
        return ConfigurationValue(item, file: file, name: name, fallback: node.mark)
          .place(of: String(key.dropFirst(name.count + 1)))
      }
    default: break
    }
    return self
  }
}

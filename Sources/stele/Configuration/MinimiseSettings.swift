import Bytes
import Collector
import Events
import Platform
import ProxyConfiguration
import Templates
import Yams

/// A source's `minimize:`, or the file that `stele replay --minimize` names.
struct MinimiseSettings: Equatable, Sendable {
  var rules = MinimiseRules()
  /// The file with the key of pseudonyms.
  var keyPath: String?

  static let keys = [
    "preset", "drop", "truncate", "pseudonym", "pseudonym_key", "keep", "mask_query", "mask_pan", "unparsed",
  ]

  /// - Parameter format: the source's, whose slots may be named as the load balancer does.
  init(_ value: ConfigurationValue, _ paths: PathBase, _ format: SourceFormat?) throws(ConfigurationError) {
    let group = try value.group(Self.keys)
    let names = FieldNames(format)
    if let value = group["preset"] {
      let preset: MinimisePreset = try value.choice()
      rules.preset = preset
      rules.masksCards = preset.masksCards
    }
    if let value = group["keep"] {
      for item in try value.words() { rules.kept.append(try names.name(item)) }
    }
    if let value = group["drop"] {
      for item in try value.words() { try add(try names.name(item), .drop, item) }
    }
    if let value = group["truncate"] { try readCuts(value, names) }
    if let value = group["pseudonym"] {
      for item in try value.words() { try add(try names.name(item), .pseudonym, item) }
    }
    try readKey(group, paths)
    if let value = group["mask_query"] { rules.parameters = try Self.parameters(value) }
    if let value = group["mask_pan"] { rules.masksCards = try value.flag() }
    if let value = group["unparsed"] { rules.unparsed = try value.choice() }
    if rules.effectiveRules.isEmpty, rules.effectiveParameters.isEmpty, !rules.masksCards,
      rules.unparsed != .withhold
    {
      throw value.error("\(value.name) has no rule; there are \(Self.keys.joined(separator: ", "))")
    }
  }

  /// Reads a file that holds nothing else.
  init(file: String, _ format: SourceFormat?) throws {
    var bytes = ByteBuffer()
    try FileDescriptor(reading: file).readAll(limit: 1 << 20, into: &bytes)
    guard let text = String(validating: bytes.view.array, as: UTF8.self) else {
      throw ConfigurationError(file: file, line: 1, column: 1, text: "the file is not UTF-8")
    }
    try self.init(ConfigurationValue(parsing: text, file: file), PathBase(file: file), format)
  }

  private mutating func add(
    _ name: String, _ action: MinimiseRules.Action, _ item: ConfigurationValue
  ) throws(ConfigurationError) {
    if rules.rules.contains(where: { $0.name == name }) {
      throw item.error(
        "there is a rule for \(name) already; a field is dropped, truncated or given a pseudonym")
    }
    rules.rules.append(MinimiseRules.Rule(name, action))
  }

  private mutating func readCuts(
    _ value: ConfigurationValue, _ names: FieldNames
  ) throws(ConfigurationError) {
    guard case .mapping(let mapping) = value.node else {
      throw value.error("\(value.name) must be a group of fields ({user_agent: 64, client.ip: /24})")
    }
    for (keyNode, node) in mapping {
      let key = ConfigurationValue(keyNode, file: value.file, name: "the field", fallback: value.node.mark)
      let name = try names.name(key)
      let item = ConfigurationValue(node, file: value.file, name: name, fallback: keyNode.mark)
      try add(name, try Self.cut(item, name), key)
    }
  }

  /// `64`, `/24`, `/24 /48`.
  private static func cut(
    _ item: ConfigurationValue, _ name: String
  ) throws(ConfigurationError) -> MinimiseRules.Action {
    let text = try item.scalar()
    let words = text.split(separator: " ")
    let prefixes = words.compactMap { $0.hasPrefix("/") ? Int($0.dropFirst()) : nil }
    if prefixes.count == words.count, (1...2).contains(prefixes.count) {
      let v6 = prefixes.count == 2 ? prefixes[1] : 48
      guard (0...32).contains(prefixes[0]), (0...128).contains(v6) else {
        throw item.error("\(name): /0 to /32 for IPv4, then /0 to /128 for IPv6, not '\(text)'")
      }
      return .network(v4: prefixes[0], v6: v6)
    }
    let isAddress = FieldNames.holdsAddresses(name)
    guard let count = Int(text), (1...65_535).contains(count), !isAddress else {
      throw item.error(
        isAddress
          ? "\(name) has addresses: how much is kept is written as /24, or /24 /48 for IPv4 and IPv6"
          : "\(name): '\(text)' is neither a count of bytes, 1 to 65535, nor a prefix such as /24")
    }
    return .shorten(count)
  }

  private mutating func readKey(_ group: ConfigurationGroup, _ paths: PathBase) throws(ConfigurationError) {
    guard let value = group["pseudonym_key"] else {
      if let list = group["pseudonym"] { throw list.error("pseudonyms need a key: pseudonym_key: FILE") }
      return
    }
    if group["pseudonym"] == nil, rules.preset != .gdpr {
      throw value.error("nothing uses the key; name fields under 'pseudonym', or remove it")
    }
    let path = try paths.resolve(value)
    var bytes = ByteBuffer()
    do { try FileDescriptor(reading: path).readAll(limit: 4096, into: &bytes) } catch {
      throw value.error("the key cannot be read: \(error)")
    }
    guard let key = PseudonymKey(bytes.view.array) else {
      throw value.error(
        "\(path) has fewer than \(PseudonymKey.smallest) bytes; make a key with: openssl rand -hex 32")
    }
    keyPath = path
    rules.key = key
  }

  private static func parameters(
    _ value: ConfigurationValue
  ) throws(ConfigurationError) -> MinimiseRules.Parameters {
    if case .scalar(let scalar) = value.node, scalar.string == "all" { return .all }
    var names: [String] = []
    for item in try value.words() { names.append(try item.text()) }
    return .named(names)
  }

  /// As the configuration has it: `config check` prints it, and reads it back.
  var json: JSONValue {
    var own = rules
    own.preset = nil
    own.key = nil
    var members: [JSONValue.Member] = []
    if let preset = rules.preset { members.append(.init("preset", .text(preset.rawValue))) }
    if case .object(let rest) = own.json { members += rest }
    if let keyPath { members.append(.init("pseudonym_key", .text(keyPath))) }
    return .object(members)
  }

  /// As a file has it, where paths are read with the environment.
  var escapedJSON: JSONValue {
    var copy = self
    copy.keyPath = keyPath.map(PathBase.escaped)
    return copy.json
  }

  /// What whoever wrote the rules may not have thought of.
  func notes(_ format: SourceFormat) -> [String] {
    var notes: [String] = []
    let names = FieldNames(format)
    for rule in rules.rules where !names.isLogged(rule.name) && !format.isAutomatic {
      notes.append("minimize: the formats have no field \(rule.name)")
    }
    let texts = rules.effectiveRules.map(\.name).filter { !FieldNames.holdsAddresses($0) }
    if rules.unparsed == .redact, !texts.isEmpty {
      notes.append(
        "minimize: in lines that fit no format \(texts.joined(separator: ", ")) cannot be found; "
          + "where they must never be stored, set unparsed: withhold")
    }
    return notes
  }
}

/// What rules can name: fields, and slots of a source's formats.
private struct FieldNames {
  private var slots: Set<String> = []
  private var fields: Set<Field> = []

  init(_ format: SourceFormat?) {
    for template in format?.templates ?? [] { add(template) }
    for group in format?.groups ?? [] { group.templates.forEach { add($0) } }
  }

  private mutating func add(_ template: Template) {
    for slot in template.slots {
      slots.insert(slot.name)
      if let field = SlotMeaning(slot).field { fields.insert(field) }
      slot.alternatives.forEach { add($0) }
    }
  }

  static func holdsAddresses(_ name: String) -> Bool {
    guard let field = Field(name) else { return false }
    return field.type == .address
      || [.forwardedFor, .clientEndpoint, .peerEndpoint, .localEndpoint].contains(field)
  }

  /// Whether some line may have it.
  func isLogged(_ name: String) -> Bool {
    if slots.contains(where: { $0 == name || $0.hasPrefix(name + ".") }) { return true }
    guard let field = Field(name) else { return false }
    return fields.contains(field)
      || fields.contains { other in other.inputs.contains(field) || field.inputs.contains(other) }
  }

  /// The name that `item` is, if values of it can be minimised.
  func name(_ item: ConfigurationValue) throws(ConfigurationError) -> String {
    let text = try item.text()
    if let field = Field(text) {
      if field.isOfEntry || text.hasPrefix("syslog.") || text.hasPrefix("parser.") {
        throw item.error("\(text) is not of the load balancer's line, and always stored")
      }
      return text
    }
    if slots.contains(where: { $0 == text || $0.hasPrefix(text + ".") }) { return text }
    let known = Field.allCases.map(\.name) + slots.sorted()
    let near = Spelling.nearest(to: text, among: known).map { "; did you mean \($0)?" } ?? ""
    throw item.error("there is no field '\(text)'\(near)")
  }
}

extension SourceFormat {
  /// The lines choose the format.
  fileprivate var isAutomatic: Bool { text == "auto" }
}

extension ConfigurationValue {
  /// The items of a list; one text is a list of itself.
  fileprivate func words() throws(ConfigurationError) -> [ConfigurationValue] {
    if case .scalar = node { return [self] }
    return try list()
  }

  fileprivate func flag() throws(ConfigurationError) -> Bool {
    switch try scalar() {
    case "true", "yes": return true
    case "false", "no": return false
    default: throw error("\(name) must be true or false")
    }
  }
}

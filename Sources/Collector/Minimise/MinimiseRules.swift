import Bytes
import Cryptography
import Events

/// What of a source's messages is not to be stored: applied before anything is hashed or written.
public struct MinimiseRules: Equatable, Sendable {
  /// What becomes of one field's values.
  public enum Action: Equatable, Sendable {
    /// `-` (in JSON outside quotes `null`).
    case drop
    /// Text: its first bytes.
    case shorten(Int)
    /// Addresses: their first bits, the others zero.
    case network(v4: Int, v6: Int)
    /// An address of `fd00::/8` made by HMAC from an address, `p:` and hexadecimal digits from other text.
    case pseudonym
  }

  /// One field, or one slot by the load balancer's own spelling.
  public struct Rule: Equatable, Sendable {
    public var name: String
    public var action: Action

    public init(_ name: String, _ action: Action) {
      self.name = name
      self.action = action
    }
  }

  /// Parameters whose values become `***`, wherever a text has `name=value`.
  public enum Parameters: Equatable, Sendable {
    case named([String])
    /// All of every query.
    case all

    public var isEmpty: Bool { self == .named([]) }
  }

  /// What becomes of a line that fits no format.
  public enum Unparsed: String, CaseIterable, Sendable {
    /// Addresses, parameters and card numbers are masked wherever they stand in it.
    case redact
    case keep
    /// Only its size is stored.
    case withhold
  }

  public var preset: MinimisePreset?
  /// Of several for a field the last one counts.
  public var rules: [Rule] = []
  /// Fields that neither the preset nor a rule for another field touches.
  public var kept: [String] = []
  public var parameters = Parameters.named([])
  /// Payment card numbers: 13 to 19 digits whose check digit is right (ISO/IEC 7812-1).
  public var masksCards = false
  public var unparsed = Unparsed.redact
  public var key: PseudonymKey?

  public init() {}

  /// The rule for a name, with those of the preset.
  public func action(for name: String) -> Action? { effectiveRules.last { $0.name == name }?.action }

  /// The preset's rules, then the source's own.
  public var effectiveRules: [Rule] {
    ((preset?.rules(hasKey: key != nil) ?? []) + rules).filter { !kept.contains($0.name) }
  }

  /// The preset's parameters and the source's own.
  public var effectiveParameters: Parameters {
    guard case .named(let own) = parameters else { return .all }
    return .named(Array(Set((preset?.parameters ?? []) + own)).sorted())
  }

  /// What the source's control entry says of them: the key only by its id.
  public var json: JSONValue {
    let effective = effectiveRules
    func names(_ action: Action) -> [JSONValue] {
      var seen: Set<String> = []
      return effective.reversed().filter { seen.insert($0.name).inserted && $0.action == action }.reversed()
        .map { .text($0.name) }
    }
    let cuts = effective.compactMap { rule -> JSONValue.Member? in
      guard self.action(for: rule.name) == rule.action, let text = rule.action.cutText else { return nil }
      return JSONValue.Member(rule.name, .text(text))
    }
    var members: [JSONValue.Member] = []
    if let preset { members.append(.init("preset", .text(preset.rawValue))) }
    if !names(.drop).isEmpty { members.append(.init("drop", .list(names(.drop)))) }
    if !cuts.isEmpty { members.append(.init("truncate", .object(cuts))) }
    if !names(.pseudonym).isEmpty { members.append(.init("pseudonym", .list(names(.pseudonym)))) }
    if let key { members.append(.init("key_id", .text(key.id))) }
    if !kept.isEmpty { members.append(.init("keep", .list(kept.map { .text($0) }))) }
    switch effectiveParameters {
    case .all: members.append(.init("mask_query", "all"))
    case .named(let words) where !words.isEmpty:
      members.append(.init("mask_query", .list(words.map { .text($0) })))
    case .named: break
    }
    members.append(.init("mask_pan", .flag(masksCards)))
    members.append(.init("unparsed", .text(unparsed.rawValue)))
    return .object(members)
  }
}

extension MinimiseRules.Action {
  /// How `truncate` says it: `64`, `/24 /48`.
  public var cutText: String? {
    switch self {
    case .shorten(let count): "\(count)"
    case .network(let v4, let v6): "/\(v4) /\(v6)"
    case .drop, .pseudonym: nil
    }
  }
}

/// The key of a source's pseudonyms.
public struct PseudonymKey: Equatable, Sendable {
  let bytes: [UInt8]

  /// Bytes that a key must have at least.
  public static let smallest = 16

  /// A line feed at the end is not part of the key. Nil when there are fewer than 16 bytes.
  public init?(_ text: [UInt8]) {
    bytes = text.last == UInt8(ascii: "\n") ? Array(text.dropLast()) : text
    if bytes.count < Self.smallest { return nil }
  }

  /// The first eight hexadecimal digits of its SHA-256: tells keys apart, and no key.
  public var id: String { String("\(bytes.withView { SHA256.hash($0) })".prefix(8)) }
}

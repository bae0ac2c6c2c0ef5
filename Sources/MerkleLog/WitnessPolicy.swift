import Bytes

/// Which logs and witnesses are trusted, and how many of the latter must have signed (C2SP tlog-policy).
public struct WitnessPolicy: Hashable, Sendable {
  /// A log, and where it can be reached.
  public struct Log: Hashable, Sendable {
    public let key: VerifierKey
    public let url: String?
  }

  /// A witness, and where checkpoints are sent to: the prefix before `/add-checkpoint`.
  public struct Witness: Hashable, Sendable {
    /// What this file calls it.
    public let name: String
    public let key: VerifierKey
    public let url: String?
  }

  /// Who must have signed.
  indirect enum Rule: Hashable, Sendable {
    case none
    case witness(Int)
    /// At least so many of these.
    case group(Int, [Rule])
  }

  public private(set) var logs: [Log] = []
  public private(set) var witnesses: [Witness] = []
  /// The name in the quorum line.
  public private(set) var quorum = ""
  private var rule: Rule?

  /// Most bytes of a policy that is read.
  public static let sizeLimit = 1 << 20
  /// Most lines of each sort.
  static let countLimit = 1024

  /// Reads a policy, strictly.
  public init(_ file: ByteView) throws(PolicyError) {
    guard file.count <= Self.sizeLimit else { throw PolicyError(.tooLarge, line: 0) }
    var reader = PolicyReader()
    var start = 0
    var number = 0
    while start < file.count {
      number += 1
      guard let end = file.find(0x0A, from: start) else { throw PolicyError(.noFinalLineFeed, line: number) }
      do throws(PolicyError.Reason) { try take(file[start, end], &reader) } catch {
        throw PolicyError(error, line: number)
      }
      start = end + 1
    }
    guard rule != nil else { throw PolicyError(.noQuorum, line: 0) }
  }

  private mutating func take(_ line: ByteView, _ reader: inout PolicyReader) throws(PolicyError.Reason) {
    let words = try PolicyReader.words(line)
    guard let keyword = words.first else { return }
    switch String(decoding: keyword, as: UTF8.self) {
    case "log":
      let (key, url) = try reader.key(words.dropFirst(), as: VerifierKey.ed25519)
      guard logs.count < Self.countLimit else { throw .tooMany }
      logs.append(Log(key: key, url: url))
    case "witness":
      guard words.count > 2 else { throw .wordCount }
      let (key, url) = try reader.key(words.dropFirst(2), as: VerifierKey.cosignature)
      guard witnesses.count < Self.countLimit else { throw .tooMany }
      try reader.define(words[1], .witness(witnesses.count))
      witnesses.append(Witness(name: String(decoding: words[1], as: UTF8.self), key: key, url: url))
    case "group":
      try reader.define(words.count > 1 ? words[1] : [], try reader.group(words))
    case "quorum":
      guard words.count == 2 else { throw .wordCount }
      guard rule == nil else { throw .secondQuorum }
      quorum = String(decoding: words[1], as: UTF8.self)
      rule = words[1] == PolicyReader.none ? Rule.none : try reader.rule(words[1])
    default: throw .keyword
    }
  }

  /// Whether checkpoints need any cosignature at all.
  public var needsWitnesses: Bool { rule != Rule.none }

  /// Whether cosignatures by these keys are enough.
  public func isSatisfied(by keys: [VerifierKey]) -> Bool {
    let signed = Set(keys)
    func holds(_ rule: Rule) -> Bool {
      switch rule {
      case .none: true
      case .witness(let index): signed.contains(witnesses[index].key)
      case .group(let least, let members): members.count(where: holds) >= least
      }
    }
    return rule.map(holds) ?? false
  }
}

/// Why a policy was refused, and where.
public struct PolicyError: Error, Equatable, Sendable {
  public enum Reason: Error, Equatable, Sendable {
    case tooLarge
    case tooMany
    case noFinalLineFeed
    case controlCharacter
    case keyword
    case wordCount
    case key(KeyError)
    /// The key is of a type that cannot sign such a thing.
    case keyType
    case duplicateKey
    case duplicateName
    case reservedName
    case unknownName
    /// A name is a member of a second group.
    case usedTwice
    case threshold
    case secondQuorum
    case noQuorum
  }
  public let reason: Reason
  /// Number of the line, from 1; 0 when it is the whole.
  public let line: Int

  init(_ reason: Reason, line: Int) {
    self.reason = reason
    self.line = line
  }
}

extension PolicyError: CustomStringConvertible {
  public var description: String {
    let text =
      switch reason {
      case .tooLarge: "the policy is larger than \(WitnessPolicy.sizeLimit) bytes"
      case .tooMany: "more than \(WitnessPolicy.countLimit) lines of this sort"
      case .noFinalLineFeed: "the last line is not ended"
      case .controlCharacter: "a control byte; only tabs and line feeds may be there"
      case .keyword: "a line begins with log, witness, group or quorum"
      case .wordCount:
        "'log VKEY [URL]', 'witness NAME VKEY [URL]', 'group NAME all|any|K NAME…' or 'quorum NAME' is expected"
      case .key(let error): "the key cannot be read: \(error)"
      case .keyType: "a log's key is of type 1, a witness's of type 4 (Ed25519 both)"
      case .duplicateKey: "the key is there already"
      case .duplicateName: "the name is there already; each witness and group needs its own"
      case .reservedName: "'none' stands for no witness at all and cannot be a name"
      case .unknownName: "no witness or group of that name stands above this line"
      case .usedTwice: "the name is a member of a group already; each can count once only"
      case .threshold: "a group needs all, any, or a number from 1 to that of its members"
      case .secondQuorum: "there is a quorum already"
      case .noQuorum: "a line 'quorum NAME' is missing"
      }
    return line > 0 ? "line \(line): \(text)" : text
  }
}

/// What is known while the lines of a policy are read. Names are bytes: what only looks the same differs.
private struct PolicyReader {
  static let none = Array("none".utf8)

  private var names: [[UInt8]: WitnessPolicy.Rule] = [:]
  private var members: Set<[UInt8]> = []
  private var keys: Set<[UInt8]> = []

  /// The words of a line; none when it is empty or a comment.
  static func words(_ line: ByteView) throws(PolicyError.Reason) -> [[UInt8]] {
    let bytes = line.array
    guard bytes.allSatisfy({ $0 == 0x09 || $0 >= 0x20 && $0 != 0x7F }) else { throw .controlCharacter }
    let words = bytes.split { $0 == 0x20 || $0 == 0x09 }.map(Array.init)
    return words.first?.first == UInt8(ascii: "#") ? [] : words
  }

  /// The key and URL that end a line.
  mutating func key(_ words: ArraySlice<[UInt8]>, as type: UInt8) throws(PolicyError.Reason)
    -> (VerifierKey, String?)
  {
    guard let text = words.first, words.count <= 2 else { throw .wordCount }
    let key: VerifierKey
    do throws(KeyError) {
      key = try text.withView { (text) throws(KeyError) in try VerifierKey(text) }
    } catch { throw .key(error) }
    guard key.type == type else { throw .keyType }
    guard keys.insert([type] + key.key).inserted else { throw .duplicateKey }
    return (key, words.count == 2 ? words.last.map { String(decoding: $0, as: UTF8.self) } : nil)
  }

  mutating func define(_ name: [UInt8], _ rule: WitnessPolicy.Rule) throws(PolicyError.Reason) {
    if name == Self.none { throw .reservedName }
    if names.updateValue(rule, forKey: name) != nil { throw .duplicateName }
  }

  func rule(_ name: [UInt8]) throws(PolicyError.Reason) -> WitnessPolicy.Rule {
    guard let rule = names[name] else { throw .unknownName }
    return rule
  }

  mutating func group(_ words: [[UInt8]]) throws(PolicyError.Reason) -> WitnessPolicy.Rule {
    guard words.count >= 4 else { throw .wordCount }
    var rules: [WitnessPolicy.Rule] = []
    for name in words.dropFirst(3) {
      rules.append(try rule(name))
      guard members.insert(name).inserted else { throw .usedTwice }
    }
    switch String(decoding: words[2], as: UTF8.self) {
    case "all": return .group(rules.count, rules)
    case "any": return .group(1, rules)
    default:
      guard let least = words[2].withView({ $0.decimal }), least >= 1, least <= UInt64(rules.count) else {
        throw .threshold
      }
      return .group(Int(least), rules)
    }
  }
}

import Bytes

/// One part of a verification's report: facts, each of which is told to people as a line and to programs as
/// members of the one object. To add a part, write a property of `VerifyReport` that makes it, and name it in
/// `sections`; to add a fact, add it to its part.
public struct ReportSection: Sendable {
  public struct Fact: Sendable {
    /// What stands before the text; nil for what only programs are told.
    public var label: String?
    public var text: String
    public var members: [JSONValue.Member]
    /// Shown on the terminal, too, and not only in the report that is filed.
    public var isBrief: Bool
  }

  public let title: String
  public private(set) var facts: [Fact] = []

  /// A part without facts, which is left out.
  public init(_ title: String) { self.title = title }

  /// Adds a line, with the object whose members say the same to programs.
  public mutating func add(
    _ label: String, _ text: String, isBrief: Bool = false, _ json: JSONValue = .object([])
  ) {
    facts.append(Fact(label: label, text: text, members: Self.members(json), isBrief: isBrief))
  }

  /// Adds what only programs are told.
  public mutating func add(_ json: JSONValue) {
    facts.append(Fact(label: nil, text: "", members: Self.members(json), isBrief: false))
  }

  private static func members(_ json: JSONValue) -> [JSONValue.Member] {
    if case .object(let members) = json { members } else { [] }
  }

  /// The lines, labels padded to `width`.
  func lines(width: Int, onlyBrief: Bool = false) -> [String] {
    facts.compactMap { fact in
      guard let label = fact.label, fact.isBrief || !onlyBrief else { return nil }
      return label + String(repeating: " ", count: max(1, width - label.utf8.count)) + fact.text
    }
  }
}

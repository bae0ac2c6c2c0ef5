import Bytes

extension VerifyReport {
  /// The report as one object, with every finding. Indexes of entries are `first` and `end`, which is the one
  /// behind the last.
  public var json: JSONValue {
    let facts = sections.flatMap { $0.facts.flatMap(\.members) }
    let kinds = counts.map { ($0.key.rawValue, $0.value) }
    return .object(
      [
        JSONValue.Member("result", .text(result)),
        JSONValue.Member("exit_status", .number(exitStatus.rawValue)),
      ]
        + facts + [
          JSONValue.Member("counts", Self.json(Dictionary(uniqueKeysWithValues: kinds))),
          JSONValue.Member("findings", .list(findings.map(\.json))),
        ])
  }

  /// What came of it, in a word.
  public var result: String { isIntact ? (exitStatus == .fine ? "intact" : "incomplete") : "damaged" }
}

extension Finding {
  /// The finding as one object; what it has no value for is null.
  public var json: JSONValue {
    [
      "kind": .text(kind.rawValue),
      "severity": .text(severity.rawValue),
      "file": .optional(file),
      "offset": .optional(offset),
      "first": .optional(entries?.lowerBound),
      "end": .optional(entries?.upperBound),
      "text": .text(text),
    ]
  }
}

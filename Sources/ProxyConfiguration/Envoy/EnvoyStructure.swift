import Formats

extension EnvoyValue {
  /// The value as `json_format` takes it.
  var format: EnvoyJSON {
    switch self {
    case .text(let text, _): .string(text)
    case .plain(let text, _): Self.plain(text)
    case .list(let items, _): .list(items.map(\.format))
    case .object(let members, _): .object(members.map { (name: $0.key, value: $0.value.format) })
    }
  }

  /// What a plain scalar of YAML is (YAML 1.2, core schema; other spellings of truth are texts to Envoy as well).
  private static func plain(_ text: String) -> EnvoyJSON {
    switch text {
    case "", "~", "null", "Null", "NULL": .null
    case "true", "True", "TRUE": .bool(true)
    case "false", "False", "FALSE": .bool(false)
    default: isNumber(text) ? .number(text) : .string(text)
    }
  }

  private static func isNumber(_ text: String) -> Bool {
    let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
    let parts = digits.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count <= 2, parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy { (48...57).contains($0) } })
    else { return false }
    return parts[0] == "0" || parts[0].first != "0"
  }
}

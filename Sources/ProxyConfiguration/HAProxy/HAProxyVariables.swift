import Formats

/// Variables as the lines of haproxy.cfg see them (configuration manual, 2.3 "Environment variables").
struct HAProxyVariables {
  /// What the file has set or, by nil, removed.
  private var values: [String: String?] = [:]
  private var ignoresEnvironment = false
  private var section = ""
  private var isGlobal = false
  private let environment: (String) -> String?

  init(environment: @escaping (String) -> String?) {
    self.environment = environment
    for (name, value) in Self.predefined { values[name] = value }
  }

  /// Variables that HAProxy itself sets (2.8 and later).
  private static let predefined: [(String, String)] = {
    var result = [("HAPROXY_BRANCH", HAProxyConditions.version), ("HAPROXY_MWORKER", "1")]
    for (name, format) in [
      ("HTTP", "haproxy/httplog"), ("HTTP_CLF", "haproxy/clf"), ("HTTPS", "haproxy/httpslog"),
      ("TCP", "haproxy/tcplog"), ("TCP_CLF", "haproxy/tcpclf"),
    ] {
      if let entry = ShippedFormats.entries.first(where: { $0.name == format }) {
        result.append(("HAPROXY_\(name)_LOG_FMT", entry.string))
      }
    }
    return result
  }()

  /// The value that a line at `place` sees; nil for a variable that is not set.
  func value(_ name: String, _ place: Place) -> String? {
    switch name {
    case ".FILE": return place.file
    case ".LINE": return "\(place.line)"
    case ".SECTION": return section
    default: break
    }
    if let value = values[name] { return value }
    return ignoresEnvironment ? nil : environment(name)
  }

  /// A section begins.
  mutating func begin(_ words: [String]) {
    section = words.count > 1 ? words[1] : words[0]
    isGlobal = words[0] == "global"
  }

  /// Takes `setenv`, `presetenv`, `unsetenv` and `resetenv` of the global section in; false for other lines.
  mutating func apply(_ words: [String], _ place: Place) -> Bool {
    guard isGlobal else { return false }
    switch words[0] {
    case "setenv" where words.count > 2: values[words[1]] = .some(words[2])
    case "presetenv" where words.count > 2:
      if value(words[1], place) == nil { values[words[1]] = .some(words[2]) }
    case "unsetenv": for name in words.dropFirst() { values[name] = .some(nil) }
    case "resetenv":
      let kept = Set(words.dropFirst())
      for name in kept where values[name] == nil { values[name] = .some(environment(name)) }
      for name in Array(values.keys) where !kept.contains(name) && !name.hasPrefix("HAPROXY_") {
        values[name] = .some(nil)
      }
      ignoresEnvironment = true
    default: return false
    }
    return true
  }
}

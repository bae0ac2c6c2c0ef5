/// Whose configuration a file is.
public enum ProxyKind: String, Sendable, CaseIterable {
  case haproxy
  case nginx
  case envoy

  /// Tells by the file's name, and where that says nothing by what stands in it. Nil when neither does.
  public static func guess(path: String, contents: [UInt8]) -> ProxyKind? {
    let name = path.split(separator: "/").last.map { $0.lowercased() } ?? ""
    for kind in allCases where name.contains(kind.rawValue) { return kind }
    if name.hasSuffix(".yaml") || name.hasSuffix(".yml") || name.hasSuffix(".json") { return .envoy }
    for line in contents.prefix(1 << 16).split(whereSeparator: { $0 == 0x0A }) {
      guard let first = line.first, first != UInt8(ascii: "#"),
        let last = line.last(where: { $0 != 0x20 && $0 != 0x09 && $0 != 0x0D })
      else { continue }
      if last == UInt8(ascii: ";") || last == UInt8(ascii: "{"), line.count > 1 { return .nginx }
      // Of YAML and HAProxy, only what stands at the line's beginning tells anything.
      let word = String(decoding: line.prefix { $0 > 0x20 }, as: UTF8.self)
      if haproxySections.contains(word) { return .haproxy }
      if first == UInt8(ascii: "{") || word == "---" || word.hasSuffix(":") && first != UInt8(ascii: "'") {
        return .envoy
      }
    }
    return name.hasSuffix(".cfg") ? .haproxy : name.hasSuffix(".conf") ? .nginx : nil
  }

  private static let haproxySections: Set<String> = [
    "global", "defaults", "frontend", "backend", "listen", "ring", "peers", "resolvers", "userlist",
    "mailers",
    "cache", "program", "http-errors", "log-forward", "log-profile", "fcgi-app", "crt-list", "traces", "acme",
    "crt-store",
  ]
}

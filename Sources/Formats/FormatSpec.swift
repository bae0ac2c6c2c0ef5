import Templates

/// What `--format` and a source's `format:` say.
public enum FormatSpec {
  /// Reads a format specification and gives the templates that are to be tried on each line, in order.
  ///
  ///     auto                     every shipped format
  ///     none, raw                no format: lines are kept as bytes
  ///     nginx/combined           a shipped format
  ///     haproxy:'STRING'         HAProxy log-format; quotes may be left out, then `\ ` stands for a blank
  ///     nginx:'STRING'           Nginx log_format; `nginx:escape=json 'STRING'` as in the directive
  ///     envoy:'STRING'           Envoy text format
  ///
  /// `captures` are those of the HAProxy frontend, when known.
  public static func parse(_ text: String, captures: Captures? = nil) throws(FormatError) -> [Template] {
    switch text {
    case "auto": return ShippedFormats.all
    case "none", "raw": return []
    default: break
    }
    guard let colon = text.firstIndex(of: ":") else { return try ShippedFormats.named(text) }
    let rest = String(text[text.index(after: colon)...])
    switch text[..<colon] {
    case "haproxy":
      let (string, quote) = try unquoted(rest, of: text)
      let format = quote == "'" ? string : HAProxyFormat.unescape(string)
      return try HAProxyFormat.compile(format, name: "haproxy:\(format)", captures: captures)
    case "nginx":
      let (escape, remainder) = try self.escape(rest, of: text)
      let (string, quote) = try unquoted(remainder, of: text)
      let format = quote == nil ? string : HAProxyFormat.unescape(string)
      return try NginxFormat.compile(format, escape: escape, name: "nginx:\(format)")
    case "envoy":
      var (string, _) = try unquoted(rest, of: text)
      // A line feed as YAML and JSON spell it.
      while string.hasSuffix("\\n") { string.removeLast(2) }
      return try EnvoyFormat.compile(string, name: "envoy:\(string)")
    default:
      throw FormatError(
        .unknown, at: 0, in: text, "before the colon there may stand haproxy, nginx or envoy")
    }
  }

  /// The string without the quotes round it, and which they were.
  private static func unquoted(
    _ string: String, of text: String
  ) throws(FormatError) -> (string: String, quote: Character?) {
    guard let first = string.first, first == "'" || first == "\"" else {
      if string.isEmpty {
        throw FormatError(.empty, at: text.utf8.count, in: text, "a format string must follow")
      }
      return (string, nil)
    }
    guard string.count >= 2, string.last == first else {
      throw FormatError(
        .unfinished, at: text.utf8.count - string.utf8.count, in: text, "no \(first) closes the string")
    }
    return (String(string.dropFirst().dropLast()), first)
  }

  /// `escape=json ` in front of an Nginx string.
  private static func escape(
    _ string: String, of text: String
  ) throws(FormatError) -> (NginxFormat.Escape, String) {
    guard string.hasPrefix("escape=") else { return (.default, string) }
    let word = string.dropFirst(7).prefix { $0 != " " }
    guard let escape = NginxFormat.Escape(rawValue: String(word)) else {
      throw FormatError(
        .unknown, at: text.utf8.count - string.utf8.count + 7, in: text,
        "no such escaping; there are default, json and none")
    }
    return (escape, String(string.dropFirst(7 + word.count).drop { $0 == " " }))
  }
}

import Events
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
  ///     envoy:json 'OBJECT'      Envoy json_format, written in JSON; also `envoy:typed_json`, which prints the same
  ///
  /// `envoy:omit_empty 'STRING'` and `envoy:omit_empty json 'OBJECT'` are for loggers with `omit_empty_values`.
  ///
  /// With every format of Nginx's access logs goes `nginx/error`: both logs mostly go the same way.
  ///
  /// `captures` are those of the HAProxy frontend, when known.
  public static func parse(_ text: String, captures: Captures? = nil) throws(FormatError) -> [Template] {
    switch text {
    case "auto": return ShippedFormats.all
    case "none", "raw": return []
    default: break
    }
    guard let colon = text.firstIndex(of: ":") else {
      let templates = try ShippedFormats.named(text)
      return text.hasPrefix("nginx/") && text != NginxErrors.name
        ? templates + NginxErrors.templates : templates
    }
    let rest = String(text[text.index(after: colon)...])
    switch text[..<colon] {
    case "haproxy":
      let (string, quote) = try unquoted(rest, of: text)
      let format = quote == "'" ? string : HAProxyFormat.unescape(string)
      return HAProxyMessages.adding(
        to: try HAProxyFormat.compile(format, name: "haproxy:\(format)", captures: captures))
    case "nginx":
      let (escape, remainder) = try self.escape(rest, of: text)
      let (string, quote) = try unquoted(remainder, of: text)
      let format = quote == nil ? string : HAProxyFormat.unescape(string)
      return try NginxFormat.compile(format, escape: escape, name: "nginx:\(format)") + NginxErrors.templates
    case "envoy": return try envoy(rest, of: text)
    default:
      throw FormatError(
        .unknown, at: 0, in: text, "before the colon there may stand haproxy, nginx or envoy")
    }
  }

  /// `envoy:`: words that say what kind of format follows, each with a blank behind it, then the string.
  private static func envoy(_ rest: String, of text: String) throws(FormatError) -> [Template] {
    var rest = Substring(rest)
    var isJSON = false
    var omitsEmpty = false
    while let blank = rest.firstIndex(of: " "), let first = rest.first, first.isLetter {
      switch rest[..<blank] {
      case "json", "typed_json", "json_format", "typed_json_format": isJSON = true
      case "omit_empty", "omit_empty_values": omitsEmpty = true
      default:
        let word = String(rest[..<blank])
        let words = ["json", "typed_json", "omit_empty"]
        guard let near = Spelling.nearest(to: word, among: words),
          word.allSatisfy({ $0.isLetter || $0 == "_" })
        else { return try envoyText(String(rest), omitsEmpty, of: text) }
        throw FormatError(
          .unknown, at: text.utf8.count - rest.utf8.count, in: text,
          "before an Envoy format may stand json, typed_json and omit_empty; did you mean \(near)?")
      }
      rest = rest[rest.index(after: blank)...].drop { $0 == " " }
    }
    if !isJSON { return try envoyText(String(rest), omitsEmpty, of: text) }
    let (string, _) = try unquoted(String(rest), of: text)
    let json = try EnvoyJSON(parsing: string)
    return try EnvoyFormat.compile(json: json, omitsEmpty: omitsEmpty, name: "envoy:json \(json)")
  }

  private static func envoyText(
    _ rest: String, _ omitsEmpty: Bool, of text: String
  ) throws(FormatError) -> [Template] {
    var (string, _) = try unquoted(rest, of: text)
    // A line feed as YAML and JSON spell it.
    while string.hasSuffix("\\n") { string.removeLast(2) }
    return try EnvoyFormat.compile(string, omitsEmpty: omitsEmpty, name: "envoy:\(string)")
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
    let closing = closing(of: string, first)
    // `"$request" $status "$http_referer"`: the quotes are the format's own.
    if let closing, string.index(after: closing) != string.endIndex { return (string, nil) }
    guard closing != nil else {
      throw FormatError(
        .unfinished, at: text.utf8.count - string.utf8.count, in: text, "no \(first) closes the string")
    }
    return (String(string.dropFirst().dropLast()), first)
  }

  /// Where the quote that `string` begins with is closed: at the next that has no backslash before it, or, between
  /// quotes that take no backslashes, at the string's end.
  private static func closing(of string: String, _ quote: Character) -> String.Index? {
    var index = string.index(after: string.startIndex)
    if quote == "'" {
      return string.last == quote && index < string.endIndex ? string.index(before: string.endIndex) : nil
    }
    while index < string.endIndex {
      if string[index] == quote { return index }
      if string[index] == "\\" { index = string.index(after: index) }
      if index < string.endIndex { index = string.index(after: index) }
    }
    return nil
  }

  /// `escape=json ` in front of an Nginx string.
  private static func escape(
    _ string: String, of text: String
  ) throws(FormatError) -> (NginxFormat.Escape, String) {
    guard string.hasPrefix("escape=") else { return (.default, string) }
    let word = string.dropFirst(7).prefix { $0 != " " }
    guard let escape = NginxFormat.Escape(rawValue: String(word)) else {
      let words = NginxFormat.Escape.allCases.map(\.rawValue)
      let near = Spelling.nearest(to: String(word), among: words).map { "; did you mean \($0)?" } ?? ""
      throw FormatError(
        .unknown, at: text.utf8.count - string.utf8.count + 7, in: text,
        "no such escaping: \(word); there are default, json and none\(near)")
    }
    return (escape, String(string.dropFirst(7 + word.count).drop { $0 == " " }))
  }
}

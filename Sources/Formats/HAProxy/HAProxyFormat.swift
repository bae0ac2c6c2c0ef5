import Events
import Templates

/// The headers that a HAProxy frontend captures, in the order of its `capture` lines.
public struct Captures: Hashable, Sendable {
  /// Header names; nil for a capture whose header is not known (`declare capture`).
  public var request: [String?]
  /// The same for the response.
  public var response: [String?]

  /// Captures by their headers' names.
  public init(request: [String?], response: [String?]) {
    self.request = request
    self.response = response
  }

  /// Captures of which only the numbers are known.
  public init(request: Int = 0, response: Int = 0) {
    self.request = Array(repeating: nil, count: request)
    self.response = Array(repeating: nil, count: response)
  }

  func requestName(_ number: Int) -> String? { number < request.count ? request[number] : nil }
  func responseName(_ number: Int) -> String? { number < response.count ? response[number] : nil }
}

/// Compiles HAProxy `log-format` strings (2.4 to 3.x).
public enum HAProxyFormat {
  /// Compiles a `log-format` string, quotes and backslashes of the configuration file already removed.
  ///
  /// - Parameters:
  ///   - name: the templates' name; begins with `haproxy/` or `haproxy:`, which tells the product.
  ///   - captures: what the frontend captures; nil when that is not known.
  /// - Returns: templates that exclude one another, the likeliest first. There are several where parts of a
  ///   line vanish with their blank: `%hr` and `%hs` without captures, `%HQ` without a query. Without known
  ///   captures, where only one of `%hr` and `%hs` is there nobody can say which; it is then called
  ///   `http.captures`.
  public static func compile(
    _ string: String, name: String, captures: Captures? = nil
  ) throws(FormatError) -> [Template] {
    let parts = try HAProxyLexer.parts(of: string)
    let items = parts.items
    guard items.contains(where: { $0.item.isVariable }) else {
      throw FormatError(.empty, at: 0, in: string, "nothing here varies from line to line")
    }
    try check(parts, string)
    if !parts.common.isDisjoint(with: .encodings) {
      return try HAProxyEncoding(captures).template(parts, string).build(name: name, of: string)
    }
    var forms: Set<HAProxyValue.Form> = []
    for case (.alias(let alias, let options), _) in items where options.flags.isDisjoint(with: .encodings) {
      if let form = HAProxyAliases.table[alias]?.form { forms.insert(form) }
    }
    var templates: [Template] = []
    for presence in presences(forms, captures) {
      var writer = HAProxyWriter(captures: captures, presence: presence)
      for (item, _) in merged(items) { writer.append(item) }
      for template in try writer.builder.build(name: name, of: string) { add(template, to: &templates) }
    }
    for template in templates where template.literals.last?.last == UInt8(ascii: " ") {
      // The blank before a part that vanished at the line's end is printed, and easily lost on the way.
      var trimmed = template
      trimmed.literals[trimmed.literals.count - 1].removeLast()
      add(trimmed, to: &templates)
    }
    return templates.map { open($0) }
  }

  /// Compiles a `log-format-sd` string: the structured data of a syslog header in format `rfc5424`, whose blanks at the
  /// end HAProxy takes off. For `SyslogHeaders.templates(around:structuredData:)`.
  public static func compileStructuredData(
    _ string: String, captures: Captures? = nil
  ) throws(FormatError) -> [Template] {
    var templates: [Template] = []
    for template in try compile(string, name: "structured data", captures: captures) {
      var trimmed = template
      while trimmed.literals[trimmed.slots.count].last == UInt8(ascii: " ") {
        trimmed.literals[trimmed.slots.count].removeLast()
      }
      if !templates.contains(trimmed) { templates.append(trimmed) }
    }
    return templates
  }

  /// Compiles an `error-log-format` string, whose lines tell of connections that failed before there was a request.
  public static func compileError(_ string: String, captures: Captures? = nil) throws(FormatError)
    -> [Template]
  {
    try compile(string, name: "haproxy/error:\(string)", captures: captures)
  }

  private static func check(_ parts: HAProxyParts, _ string: String) throws(FormatError) {
    for (item, offset) in parts.items {
      let options: HAProxyOptions
      switch item {
      case .alias(_, let given), .expression(_, let given): options = given
      case .text, .separator: continue
      }
      if options.flags.contains(.binary), parts.common.contains(.cbor) {
        throw FormatError(
          .unsupported, at: offset, in: string,
          "+cbor,+bin prints bytes that no line can hold; without +bin it prints hexadecimal digits")
      }
    }
  }

  /// Lets the line end within the quotes round its last part, for a line that was cut off on the way: the closing quote
  /// becomes part of the templates that the part may have.
  private static func open(_ template: Template) -> Template {
    let last = template.slots.count - 1
    let quote = [UInt8(ascii: "\"")]
    guard template.literals[last + 1] == quote, template.literals[last].last == quote[0] else {
      return template
    }
    let slot = template.slots[last]
    guard slot.syntax == .any || slot.syntax == .escaped, slot.unit == .hashEscapes else { return template }
    var closed = slot
    closed.alternatives = []
    closed.syntax = .escaped
    var cut = closed
    cut.syntax = .cut
    var template = template
    template.literals[last + 1] = []
    template.slots[last].syntax = .cut
    template.slots[last].alternatives =
      slot.alternatives.map { part in
        var part = part
        part.literals[part.slots.count] += quote
        return part
      } + [
        Template(name: "closed", literals: [[], quote], slots: [closed]),
        Template(name: "cut off", literals: [[], []], slots: [cut]),
      ]
    return template
  }

  /// Which of the parts that may vanish are there, in each variant.
  private static func presences(
    _ forms: Set<HAProxyValue.Form>, _ captures: Captures?
  ) -> [Set<HAProxyValue.Form>] {
    var variants: [Set<HAProxyValue.Form>] = [[]]
    let order: [HAProxyValue.Form] = [.requestBlock, .responseBlock, .requestList, .responseList, .optional]
    for form in order where forms.contains(form) {
      if let captures, form != .optional {
        let isResponse = form == .responseBlock || form == .responseList
        if isResponse ? captures.response.isEmpty : captures.request.isEmpty { continue }
      }
      let gaps = form == .optional ? variants.map { $0.union([.gap]) } : []
      variants = variants.map { $0.union([form]) } + variants + gaps
    }
    // Of captures that are printed one by one, nobody can tell where those of the response begin.
    let lists: Set<HAProxyValue.Form> = [.requestList, .responseList]
    if captures == nil, lists.isSubset(of: forms) {
      variants.removeAll { $0.intersection(lists).count == 1 }
    }
    // Declared captures come together, or, for a connection that never became a request, not at all.
    if let captures, !captures.request.isEmpty, !captures.response.isEmpty {
      let blocks: Set<HAProxyValue.Form> = [.requestBlock, .responseBlock, .requestList, .responseList]
      let wanted = forms.intersection(blocks)
      variants.removeAll { !$0.intersection(blocks).isEmpty && $0.intersection(blocks) != wanted }
    }
    return variants
  }

  /// Adds a template unless one like it is there. Alike but for the name of the captures, nobody can tell
  /// which of the two it is.
  private static func add(_ template: Template, to templates: inout [Template]) {
    let request = Field.httpRequestHeaders.name
    let response = Field.httpResponseHeaders.name
    for index in templates.indices where templates[index].literals == template.literals {
      let known = templates[index]
      let differing = known.slots.indices.filter { known.slots[$0].name != template.slots[$0].name }
      if differing.isEmpty { return }
      guard differing.count == 1, let place = differing.first,
        Set([known.slots[place].name, template.slots[place].name]) == [request, response]
      else { continue }
      templates[index].slots[place].name = Field.httpCaptures.name
      templates[index].slots[place].alternatives = HAProxyWriter.splits(Field.httpCaptures.name)
      return
    }
    templates.append(template)
  }

  /// `%Ts.%ms` is one stamp, seconds with three decimals; `%HP%HQ` and `%HPO%HQ` are the whole target.
  private static func merged(
    _ items: [(item: HAProxyItem, offset: Int)]
  ) -> [(item: HAProxyItem, offset: Int)] {
    var result: [(item: HAProxyItem, offset: Int)] = []
    for (item, offset) in items {
      if case .alias("ms", let options) = item, !options.flags.contains(.hexadecimal), result.count >= 2,
        case .text([UInt8(ascii: ".")]) = result[result.count - 1].item,
        case .alias("Ts", let other) = result[result.count - 2].item, !other.flags.contains(.hexadecimal)
      {
        result.removeLast(2)
        result.append((.alias("Ts.ms", options), offset))
      } else if case .alias("HQ", let flags) = item, !flags.flags.contains(.quote),
        case .alias(let path, let other)? = result.last?.item, path == "HP" || path == "HPO", flags == other
      {
        result[result.count - 1].item = .alias("HU", flags)
      } else {
        result.append((item, offset))
      }
    }
    return result
  }

  /// A string as it stands in a configuration file without quotes, `\ ` for blanks: backslashes removed as
  /// HAProxy does it (configuration manual, "Quoting and escaping").
  public static func unescape(_ string: String) -> String {
    var result: [UInt8] = []
    var escaped = false
    for byte in string.utf8 {
      if escaped {
        switch byte {
        case UInt8(ascii: "n"): result.append(UInt8(ascii: "\n"))
        case UInt8(ascii: "r"): result.append(UInt8(ascii: "\r"))
        case UInt8(ascii: "t"): result.append(UInt8(ascii: "\t"))
        default: result.append(byte)
        }
        escaped = false
      } else if byte == UInt8(ascii: "\\") {
        escaped = true
      } else {
        result.append(byte)
      }
    }
    if escaped { result.append(UInt8(ascii: "\\")) }
    return String(decoding: result, as: UTF8.self)
  }
}

extension HAProxyItem {
  var isVariable: Bool {
    switch self {
    case .alias, .expression: true
    case .text, .separator: false
    }
  }
}

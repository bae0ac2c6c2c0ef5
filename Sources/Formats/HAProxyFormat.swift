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
    let items = try HAProxyLexer.items(of: string)
    var forms: Set<HAProxyValue.Form> = []
    for (item, offset) in items {
      guard case .alias(let alias, let flags) = item else {
        if case .expression(_, let flags) = item { try check(flags, offset, string) }
        continue
      }
      try check(flags, offset, string)
      if let form = HAProxyAliases.table[alias]?.form { forms.insert(form) }
    }
    guard items.contains(where: { $0.item.isVariable }) else {
      throw FormatError(.empty, at: 0, in: string, "nothing here varies from line to line")
    }
    var templates: [Template] = []
    for presence in presences(forms, captures) {
      var writer = HAProxyWriter(captures: captures, presence: presence)
      for (item, _) in merged(items) { writer.append(item) }
      for template in writer.builder.build(name: name) { add(template, to: &templates) }
    }
    for template in templates where template.literals.last?.last == UInt8(ascii: " ") {
      // The blank before a part that vanished at the line's end is printed, and easily lost on the way.
      var trimmed = template
      trimmed.literals[trimmed.literals.count - 1].removeLast()
      add(trimmed, to: &templates)
    }
    return templates
  }

  private static func check(_ flags: HAProxyFlags, _ offset: Int, _ string: String) throws(FormatError) {
    if flags.contains(.json) || flags.contains(.cbor) || flags.contains(.binary) {
      throw FormatError(
        .unsupported, at: offset, in: string,
        "+json, +cbor and +bin encode the line as a whole; spell the JSON out in the format instead")
    }
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
      if case .alias("ms", let flags) = item, !flags.contains(.hexadecimal), result.count >= 2,
        case .text([UInt8(ascii: ".")]) = result[result.count - 1].item,
        case .alias("Ts", let other) = result[result.count - 2].item, !other.contains(.hexadecimal)
      {
        result.removeLast(2)
        result.append((.alias("Ts.ms", flags), offset))
      } else if case .alias("HQ", let flags) = item, !flags.contains(.quote),
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

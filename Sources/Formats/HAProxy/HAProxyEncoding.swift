import Events
import Templates

/// What HAProxy prints for items under `+json` and `+cbor` (3.0 and later; `src/log.c`, `lf_int_encode`,
/// `_lf_encode_bytes`, `lf_text_len`).
///
/// A value of JSON is a word or a number, text in quotes, or nothing (`null`, and `""` for text): each has a template,
/// and exactly one fits. A value of CBOR is one data item in hexadecimal digits, which a slot keeps whole.
struct HAProxyEncoding {
  private let captures: Captures?

  init(_ captures: Captures?) { self.captures = captures }

  /// One line that is encoded as a whole: a map of the items that have a name. Blanks, text and the others are not
  /// printed.
  func template(_ parts: HAProxyParts, _ string: String) throws(FormatError) -> TemplateBuilder {
    let isJSON = parts.common.contains(.json)
    var builder = TemplateBuilder()
    builder.append((isJSON ? "{" : "BF").utf8)
    var isFirst = true
    for (item, _) in parts.items {
      let options: HAProxyOptions, value: HAProxyValue, spelling: String
      switch item {
      case .text, .separator: continue
      case .alias(let name, let given):
        guard let known = HAProxyAliases.table[name] else { continue }
        (options, value, spelling) = (given, known, "%\(name)")
      case .expression(let text, let given):
        (options, value, spelling) = (given, HAProxySamples.value(of: text, captures), "%[\(text)]")
      }
      guard let name = options.name else { continue }
      if isJSON {
        builder.append("\(isFirst ? "" : ", ")\"\(name)\": ".utf8)
      } else {
        builder.append(Self.cborText(name).utf8)
      }
      isFirst = false
      var encoded = options
      encoded.flags.subtract(.encodings)
      encoded.flags.insert(isJSON ? .json : .cbor)
      builder.append(piece(value, encoded, spelling))
    }
    builder.append((isJSON ? "}" : "FF").utf8)
    guard !isFirst else {
      throw FormatError(
        .empty, at: 0, in: string,
        "+json and +cbor print only items with a name, and none has one: write %(name)ci or %(name)[expression]"
      )
    }
    return builder
  }

  /// The value of one item.
  func piece(_ value: HAProxyValue, _ options: HAProxyOptions, _ spelling: String) -> Piece {
    var slot = value.slot
    if options.type == "bool", slot.column != .text || slot.name == Field.httpStatus.name {
      // A number of which only is left whether it is 0.
      slot = Slot("%(\(options.name ?? ""):bool)\(spelling.dropFirst())", .text)
    }
    guard options.flags.contains(.json) else {
      slot = Slot(slot.name, .text, syntax: .cbor, unit: .cborItem)
      return Piece(slot: slot, escaping: .word, spelling: spelling)
    }
    let outer = Slot(slot.name, .text, syntax: .any, alternatives: alternatives(value, slot, options))
    return Piece(slot: outer, escaping: .encoded, spelling: spelling)
  }

  private func alternatives(_ value: HAProxyValue, _ slot: Slot, _ options: HAProxyOptions) -> [Template] {
    switch value.form {
    case .requestList, .responseList: return lists(value.form == .responseList) + [word(slot)]
    case .requestBlock, .responseBlock:
      return blocks(slot, value.form == .responseBlock) + [quoted(slot, options), word(slot)]
    default: break
    }
    var templates: [Template] = []
    if slot.syntax == .number || slot.syntax == .status {
      var number = slot
      number.alternatives = []
      if number.column == .status { number.syntax = .number }
      if number.column == .plusInteger || number.column == .status { number.column = .integer }
      templates.append(Template(name: "number", literals: [[], []], slots: [number]))
    }
    if slot.column == .text, Field(slot.name) == nil {
      templates.append(
        Template(name: "number", literals: [[], []], slots: [Slot(slot.name, .integer, syntax: .number)]))
    }
    if let request = slot.alternatives.first {
      var parts = request
      parts.literals[0] = [UInt8(ascii: "\"")]
      parts.literals[parts.slots.count] = [UInt8(ascii: "\"")]
      for index in parts.slots.indices { parts.slots[index].addBackslashes() }
      templates.append(parts)
    }
    return templates + [quoted(slot, options), word(slot)]
  }

  private func quoted(_ slot: Slot, _ options: HAProxyOptions) -> Template {
    var text = slot
    text.alternatives = []
    text.addBackslashes()
    text.syntax = .backslash
    let isHexadecimal =
      options.flags.contains(.hexadecimal) && (slot.column == .address || slot.column == .integer)
    if isHexadecimal {
      text.column = slot.column == .address ? .hexAddress : .hexInteger
    } else if text.column != .clfTime && text.column != .address {
      text.column = .text
    }
    if text.column == .clfTime { text.unit = .none }
    let quote = [UInt8(ascii: "\"")]
    return Template(name: "text", literals: [quote, quote], slots: [text])
  }

  /// `null`, `true`, `false`, or the number of an expression.
  private func word(_ slot: Slot) -> Template {
    Template(
      name: "word", literals: [[], []],
      slots: [Slot(slot.name, .text, syntax: .token, unit: .backslashEscapes)])
  }

  /// `"{a|b}"`.
  private func blocks(_ slot: Slot, _ isResponse: Bool) -> [Template] {
    guard let captures else {
      return HAProxyWriter.splits(slot.name).map { split in
        var template = split
        template.literals[0] = Array("\"{".utf8)
        template.literals[split.slots.count] = Array("}\"".utf8)
        for index in template.slots.indices { template.slots[index].addBackslashes() }
        return template
      }
    }
    return list(captures, isResponse, "\"{", "|", "}\"")
  }

  /// `["a", "b"]`; `"-"` for a header that was not there.
  private func lists(_ isResponse: Bool) -> [Template] {
    guard let captures else {
      let name = isResponse ? Field.httpResponseHeaders.name : Field.httpRequestHeaders.name
      return [
        Template(
          name: "list", literals: [[UInt8(ascii: "[")], [UInt8(ascii: "]")]],
          slots: [Slot(name, .text, syntax: .any)])
      ]
    }
    return list(captures, isResponse, "[\"", "\", \"", "\"]")
  }

  private func list(
    _ captures: Captures, _ isResponse: Bool, _ open: String, _ between: String, _ close: String
  ) -> [Template] {
    let names = isResponse ? captures.response : captures.request
    if names.isEmpty { return [] }
    var literals = [Array(open.utf8)]
    var slots: [Slot] = []
    for (index, name) in names.enumerated() {
      let field =
        isResponse
        ? HeaderFields.responseName(name, number: index + 1)
        : HeaderFields.requestName(name, number: index + 1)
      slots.append(Slot(field, .text, syntax: .capture, unit: .hashAndBackslashEscapes))
      literals.append(Array((index + 1 < names.count ? between : close).utf8))
    }
    return [Template(name: "list", literals: literals, slots: slots)]
  }

  /// A text of CBOR: head and bytes in hexadecimal digits.
  static func cborText(_ text: String) -> String {
    let bytes = Array(text.utf8)
    var head: [UInt8] = []
    switch bytes.count {
    case ..<24: head = [0x60 | UInt8(bytes.count)]
    case ..<256: head = [0x78, UInt8(bytes.count)]
    default: head = [0x79, UInt8(bytes.count >> 8 & 0xFF), UInt8(bytes.count & 0xFF)]
    }
    return (head + bytes).map { byte in
      let digits = Array("0123456789ABCDEF")
      return "\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
    }.joined()
  }
}

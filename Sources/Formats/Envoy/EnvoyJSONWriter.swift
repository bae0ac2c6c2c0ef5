import Events
import Templates

/// Turns a JSON format into the literals and slots of the lines that Envoy writes with it.
struct EnvoyJSONWriter {
  let omitsEmpty: Bool
  private(set) var builder = TemplateBuilder()

  init(omitsEmpty: Bool) { self.omitsEmpty = omitsEmpty }

  /// Appends one value. `path` names it in errors and where no operator does: `nested.list[0]`.
  mutating func append(_ json: EnvoyJSON, path: String) throws(FormatError) {
    switch json {
    case .null, .bool: builder.append(json.description.utf8)
    case .number(let text): append(number: text, path)
    case .string(let format): try append(format: format, path)
    case .list(let items):
      let elements = items.enumerated().map { (prefix: "", path: "\(path)[\($0.offset)]", value: $0.element) }
      try append(elements, "[", "]")
    case .object:
      let elements = json.members.map { member in
        let prefix = "\(EnvoyJSON.quoted(member.name)):"
        return (
          prefix: prefix, path: path.isEmpty ? member.name : "\(path).\(member.name)", value: member.value
        )
      }
      try append(elements, "{", "}")
    }
  }

  private typealias Element = (prefix: String, path: String, value: EnvoyJSON)

  /// Members of an object or items of a list. One that may be left out takes its comma with it: the comma behind it
  /// as long as none before it is sure to be there, else the comma before it.
  private mutating func append(_ elements: [Element], _ open: String, _ close: String) throws(FormatError) {
    builder.append(open.utf8)
    let elements = omitsEmpty ? elements.filter { $0.value != .null } : elements
    let anchor = elements.firstIndex { isCertain($0.value) }
    for (index, element) in elements.enumerated() {
      if isCertain(element.value) {
        let comma = omitsEmpty && index == anchor || index == 0 ? "" : ","
        builder.append("\(comma)\(element.prefix)".utf8)
        try append(element.value, path: element.path)
        continue
      }
      var commas = [(",", "")]
      if let anchor { commas = index < anchor ? [("", ",")] : commas } else { commas += [("", "")] }
      if index == 0, anchor == nil { commas.removeFirst() }
      let alternatives = try commas.map { (before, after) throws(FormatError) in
        try optional(element, before: before, after: after)
      }
      builder.append(
        Piece(
          slot: Slot("json.\(element.path)", .text, syntax: .optional, alternatives: alternatives),
          escaping: .none, spelling: "json.\(element.path)"))
    }
    builder.append(close.utf8)
  }

  /// The template of something that may be left out.
  private func optional(_ element: Element, before: String, after: String) throws(FormatError) -> Template {
    var writer = EnvoyJSONWriter(omitsEmpty: omitsEmpty)
    writer.builder.append("\(before)\(element.prefix)".utf8)
    try writer.append(element.value, path: element.path)
    writer.builder.append(after.utf8)
    return writer.builder.whole(name: "json member")
  }

  /// Whether Envoy writes the value in any case.
  private func isCertain(_ json: EnvoyJSON) -> Bool {
    if !omitsEmpty { return true }
    switch json {
    case .null: return false
    case .bool, .number, .list: return true
    case .object: return json.members.contains { isCertain($0.value) }
    case .string(let format):
      guard let sole = try? Self.sole(format) else { return true }
      return sole.isTime
    }
  }

  /// The operator, when the format is nothing else.
  private static func sole(_ format: String) throws(FormatError) -> EnvoyOperator? {
    let parts = try EnvoyFormat.parts(Array(format.utf8), format)
    if parts.count == 1, case .operation(let operation) = parts[0] { return operation }
    return nil
  }

  /// Numbers are printed by their value, not as they were written: only small whole ones surely print alike.
  private mutating func append(number text: String, _ path: String) {
    if let value = Double(text), let whole = Int64(exactly: value), whole.magnitude < 1_000_000_000_000_000,
      !text.hasPrefix("-0")
    {
      builder.append(String(whole).utf8)
    } else {
      builder.append(
        Piece(slot: Slot("json.\(path)", .text, syntax: .json), escaping: .none, spelling: "json.\(path)"))
    }
  }

  private mutating func append(format: String, _ path: String) throws(FormatError) {
    let parts: [EnvoyFormat.Part]
    do { parts = try EnvoyFormat.parts(Array(format.utf8), format) } catch {
      throw FormatError(error.kind, at: error.offset, in: format, "\(error.note) (in \(path))")
    }
    if parts.count == 1, case .operation(let operation) = parts[0] {
      append(sole: operation)
      return
    }
    builder.append(UInt8(ascii: "\""))
    var literal: [UInt8] = []
    for part in parts {
      switch part {
      case .literal(let byte): literal.append(byte)
      case .operation(let operation):
        builder.append(EnvoyJSON.escaped(String(decoding: literal, as: UTF8.self)).utf8)
        literal = []
        var piece = omitsEmpty ? operation.piece.omittable : operation.piece
        if piece.escaping == .none { piece.escaping = .backslash }
        piece.slot = piece.slot.spelled(.jsonEscapes)
        builder.append(piece)
      }
    }
    builder.append("\(EnvoyJSON.escaped(String(decoding: literal, as: UTF8.self)))\"".utf8)
  }

  /// A value that is one sole operator.
  private mutating func append(sole operation: EnvoyOperator) {
    var piece = operation.piece
    if operation.isTime {
      // Never null, always a string.
      builder.append(UInt8(ascii: "\""))
      builder.append(piece)
      builder.append(UInt8(ascii: "\""))
      return
    }
    piece.slot = piece.slot.json
    builder.append(piece)
  }
}

extension Slot {
  /// The slot of the same value in JSON: a number, or a string in quotes; or `null`.
  var json: Slot {
    var slot = self
    slot.syntax = .json
    switch column {
    case .integer, .status: return slot
    default: break
    }
    slot.column = .text
    let quote = [UInt8(ascii: "\"")]
    if alternatives.isEmpty {
      let text = Slot(name, column == .identifier ? .identifier : .text, syntax: .backslash, unit: unit)
        .spelled(.jsonEscapes)
      slot.alternatives = [Template(name: "json string", literals: [quote, quote], slots: [text])]
    } else {
      let whole = Slot(name, .text, syntax: .backslash, unit: .jsonEscapes)
      slot.alternatives =
        alternatives.map { template in
          var template = template
          template.literals[0] = quote + template.literals[0]
          template.literals[template.slots.count] += quote
          return template
        } + [Template(name: "json string", literals: [quote, quote], slots: [whole])]
    }
    return slot
  }

  /// The same for text, and its parts, that is spelled with escapes.
  func spelled(_ unit: Unit) -> Slot {
    var slot = self
    if self.unit == .none, column == .text || column == .identifier { slot.unit = unit }
    for number in alternatives.indices {
      slot.alternatives[number].slots = alternatives[number].slots.map { $0.spelled(unit) }
    }
    return slot
  }
}

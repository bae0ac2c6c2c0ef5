import Events
import Templates

/// Builds one template by doing with literals and slots what HAProxy does with bytes when it prints a line.
struct HAProxyWriter {
  let captures: Captures?
  /// The parts that may vanish and, in this variant, do not.
  let presence: Set<HAProxyValue.Form>
  var builder = TemplateBuilder()
  /// Blanks are only printed after something else: runs of them become one, and none stands in front.
  private var lastIsBlank = true

  init(captures: Captures?, presence: Set<HAProxyValue.Form>) {
    self.captures = captures
    self.presence = presence
  }

  mutating func append(_ item: HAProxyItem) {
    switch item {
    case .text(let bytes):
      builder.append(bytes)
      lastIsBlank = false
    case .separator:
      if !lastIsBlank { builder.append(UInt8(ascii: " ")) }
      lastIsBlank = true
    case .alias("Ts.ms", _):
      let slot = Slot(Field.timeAccept.name, .decimal, syntax: .decimal, unit: .seconds)
      append(Piece(slot: slot, escaping: .word, spelling: "%Ts.%ms"))
    case .alias(let name, let options):
      if let value = HAProxyAliases.table[name] { append(value, options, "%\(name)") }
    case .expression(let text, let options):
      append(HAProxySamples.value(of: text, captures), options, "%[\(text)]")
    }
  }

  private mutating func append(_ value: HAProxyValue, _ options: HAProxyOptions, _ spelling: String) {
    let flags = options.flags
    if !flags.isDisjoint(with: .encodings) {
      append(HAProxyEncoding(captures).piece(value, options, spelling))
      return
    }
    switch value.form {
    case .plain: appendPlain(value, flags, spelling)
    case .optional:
      if flags.contains(.quote) || presence.contains(.optional) {
        appendPlain(value, flags, spelling)
      } else if presence.contains(.gap) {
        lastIsBlank = false
      }
    case .gap: break
    case .requestBlock, .responseBlock:
      if presence.contains(value.form) { appendBlock(value, flags) }
    case .requestList, .responseList:
      if presence.contains(value.form) { appendList(value, flags, spelling) }
    }
  }

  private mutating func append(_ piece: Piece) {
    builder.append(piece)
    lastIsBlank = false
  }

  private mutating func appendPlain(_ value: HAProxyValue, _ flags: HAProxyFlags, _ spelling: String) {
    var value = value
    let isHexadecimal = flags.contains(.hexadecimal) && value.hasHexadecimal
    if isHexadecimal {
      value.slot.column = value.slot.column == .address ? .hexAddress : .hexInteger
      value.slot.syntax = .token
      value.escaping = .word
    }
    // `+Q` leaves hexadecimal values alone (`lf_rawtext` in `src/log.c`).
    let quoted = flags.contains(.quote) && value.isText && !isHexadecimal
    if quoted {
      // A missing value is `""`.
      if value.escaping == .word { value.escaping = .printable }
      value.slot.syntax = .any
    }
    if flags.contains(.escape), value.isText, value.escaping != .word || quoted {
      value.escaping = .backslash
      value.slot.syntax = .any
      value.slot.addBackslashes()
    }
    // A missing port is `""` too, though a port has no quotes (`lf_port`).
    if flags.contains(.quote), ["%cp", "%fp", "%bp", "%sp"].contains(spelling) { value.slot.syntax = .token }
    if quoted { builder.append(UInt8(ascii: "\"")) }
    append(Piece(slot: value.slot, escaping: value.escaping, spelling: spelling))
    if quoted { builder.append(UInt8(ascii: "\"")) }
  }

  /// `{a|b}`, or `"{a|b}"`.
  private mutating func appendBlock(_ value: HAProxyValue, _ flags: HAProxyFlags) {
    let quoted = flags.contains(.quote)
    if quoted { builder.append(UInt8(ascii: "\"")) }
    builder.append(UInt8(ascii: "{"))
    let isResponse = value.form == .responseBlock
    if let captures {
      let names = isResponse ? captures.response : captures.request
      for (index, name) in names.enumerated() {
        if index > 0 { builder.append(UInt8(ascii: "|")) }
        append(capture(name, index + 1, isResponse))
      }
    } else {
      var slot = value.slot
      slot.syntax = .captures
      slot.alternatives = Self.splits(slot.name)
      append(Piece(slot: slot, escaping: .printable, spelling: isResponse ? "%hs" : "%hr"))
    }
    builder.append(UInt8(ascii: "}"))
    if quoted { builder.append(UInt8(ascii: "\"")) }
    lastIsBlank = false
  }

  private func capture(_ name: String?, _ number: Int, _ isResponse: Bool) -> Piece {
    let slot = Slot(
      isResponse
        ? HeaderFields.responseName(name, number: number) : HeaderFields.requestName(name, number: number),
      .text, syntax: .capture, unit: .hashEscapes)
    let spelling = "%[capture.\(isResponse ? "res" : "req").hdr(\(number - 1))]"
    return Piece(slot: slot, escaping: .printable, spelling: spelling)
  }

  /// A block's content by the number of its captures: one alone is `name`, several are `name.1` to `name.n`. Exactly
  /// one fits.
  static func splits(_ name: String) -> [Template] {
    let one = Template(
      name: "captures 1", literals: [[], []], slots: [Slot(name, .text, syntax: .capture, unit: .hashEscapes)]
    )
    return [one]
      + (2...10).map { count in
        Template(
          name: "captures \(count)",
          literals: [[]] + Array(repeating: [UInt8(ascii: "|")], count: count - 1) + [[]],
          slots: (1...count).map { Slot("\(name).\($0)", .text, syntax: .capture, unit: .hashEscapes) })
      }
  }

  /// Captures one by one, each `-` or `""` when absent. When their number is not known, all in one piece,
  /// which takes in those of `%hsl` directly behind `%hrl`.
  private mutating func appendList(_ value: HAProxyValue, _ flags: HAProxyFlags, _ spelling: String) {
    let isResponse = value.form == .responseList
    guard let captures else {
      if builder.mergeList(spelling) {
        lastIsBlank = false
        return
      }
      append(
        Piece(
          slot: Slot(value.slot.name, .text, syntax: .any, unit: value.slot.unit), escaping: .none,
          spelling: spelling))
      return
    }
    for (index, name) in (isResponse ? captures.response : captures.request).enumerated() {
      if index > 0 { builder.append(UInt8(ascii: " ")) }
      var piece = capture(name, index + 1, isResponse)
      let quoted = flags.contains(.quote)
      piece.slot.syntax = .any
      if quoted { builder.append(UInt8(ascii: "\"")) }
      append(piece)
      if quoted { builder.append(UInt8(ascii: "\"")) }
    }
  }
}

extension Slot {
  /// Backslashes before quotes are part of its spelling, and of that of its alternatives' slots.
  mutating func addBackslashes() {
    unit = unit == .hashEscapes ? .hashAndBackslashEscapes : unit == .none ? .backslashEscapes : unit
    for index in alternatives.indices {
      for place in alternatives[index].slots.indices { alternatives[index].slots[place].addBackslashes() }
    }
  }
}

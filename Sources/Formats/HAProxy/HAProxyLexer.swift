import Events

/// One part of a HAProxy `log-format` string.
enum HAProxyItem: Equatable {
  case text([UInt8])
  /// One blank of a run; HAProxy prints one for the whole run.
  case separator
  case alias(String, HAProxyOptions)
  /// A sample expression, as it stands between the brackets.
  case expression(String, HAProxyOptions)
}

/// What stands between `%` and an alias or expression: `%(name:type){flags}`.
struct HAProxyOptions: Hashable {
  var flags: HAProxyFlags = []
  /// The key under `+json` and `+cbor`.
  var name: String?
  /// `str`, `sint` or `bool`.
  var type: String?
}

/// A `log-format` string in parts.
struct HAProxyParts {
  /// The parts in order, each with its byte offset.
  var items: [(item: HAProxyItem, offset: Int)]
  /// What every `%{…}o` sets: `+json`, `+cbor` and `+bin` hold for the whole line only when they are among it.
  var common: HAProxyFlags
}

/// What `%{…}` and `%{…}o` set.
struct HAProxyFlags: OptionSet, Hashable {
  let rawValue: UInt8
  static let quote = HAProxyFlags(rawValue: 1)
  static let hexadecimal = HAProxyFlags(rawValue: 2)
  static let escape = HAProxyFlags(rawValue: 4)
  static let binary = HAProxyFlags(rawValue: 8)
  static let json = HAProxyFlags(rawValue: 16)
  static let cbor = HAProxyFlags(rawValue: 32)

  /// Of these the first that is set stays.
  static let encodings: HAProxyFlags = [.json, .cbor]

  static let names: [(name: String, flag: HAProxyFlags)] = [
    ("Q", .quote), ("X", .hexadecimal), ("E", .escape), ("bin", .binary), ("json", .json), ("cbor", .cbor),
  ]
}

/// Cuts a `log-format` string into its parts (HAProxy configuration manual, "Custom log format").
struct HAProxyLexer {
  private let string: String
  private let bytes: [UInt8]
  private var index = 0
  /// Flags set by `%{…}o` for all items after it.
  private var global: HAProxyFlags = []
  /// Flags that every `%{…}o` sets; nil as long as there was none.
  private var common: HAProxyFlags?
  private var items: [(item: HAProxyItem, offset: Int)] = []
  private var text: [UInt8] = []
  private var textStart = 0

  private init(_ string: String) {
    self.string = string
    bytes = Array(string.utf8)
  }

  /// The parts of a string.
  static func parts(of string: String) throws(FormatError) -> HAProxyParts {
    var lexer = HAProxyLexer(string)
    while lexer.index < lexer.bytes.count { try lexer.next() }
    lexer.flush()
    return HAProxyParts(items: lexer.items, common: lexer.common ?? [])
  }

  private func error(_ kind: FormatError.Kind, at offset: Int, _ note: String) -> FormatError {
    FormatError(kind, at: offset, in: string, note)
  }

  private func peek(_ offset: Int = 0) -> UInt8? {
    index + offset < bytes.count ? bytes[index + offset] : nil
  }

  private mutating func flush() {
    if !text.isEmpty { items.append((.text(text), textStart)) }
    text = []
  }

  private mutating func add(_ byte: UInt8) {
    if text.isEmpty { textStart = index }
    text.append(byte)
  }

  private mutating func next() throws(FormatError) {
    switch bytes[index] {
    case UInt8(ascii: " "):
      flush()
      items.append((.separator, index))
      index += 1
    case UInt8(ascii: "%"):
      try percent()
    default:
      add(bytes[index])
      index += 1
    }
  }

  /// `%%`, or `%`, perhaps `(name:type)`, perhaps `{flags}`, then an alias or `[expression]`.
  private mutating func percent() throws(FormatError) {
    let start = index
    index += 1
    guard let first = peek() else {
      throw error(
        .unfinished, at: start, "nothing after %: an alias, [expression] or %% (a plain percent sign)")
    }
    if first == UInt8(ascii: "%") {
      add(first)
      index += 1
      return
    }
    var options = HAProxyOptions()
    if first == UInt8(ascii: "(") { options = try name() }
    options.flags = global
    if peek() == UInt8(ascii: "{") { options.flags = try flags(global) }
    guard let byte = peek() else {
      throw error(.unfinished, at: index, "an alias or [expression] must follow")
    }
    if byte == UInt8(ascii: "[") {
      let expression = try expression()
      flush()
      items.append((.expression(expression, options), start))
    } else if isAlphanumeric(byte), index > start + 1 || !isDigit(byte) {
      try alias(options, start)
    } else if index == start + 1, !isDigit(byte), byte != UInt8(ascii: " "), byte != UInt8(ascii: "\t") {
      // HAProxy itself lets a stray percent sign before other punctuation pass, and prints none.
      return
    } else {
      throw error(
        .unexpected, at: index, "an alias or [expression] must follow; a plain percent sign is written %%")
    }
  }

  /// `(name)` or `(name:type)`. The name only matters to encodings; the type must be one that there is.
  private mutating func name() throws(FormatError) -> HAProxyOptions {
    var options = HAProxyOptions()
    let open = index
    index += 1
    var type: Int?
    while let byte = peek(), byte != UInt8(ascii: ")") {
      if byte == UInt8(ascii: ":"), type == nil {
        type = index + 1
      } else if !isAlphanumeric(byte), byte != UInt8(ascii: "_"), byte != UInt8(ascii: "-") {
        throw error(.unexpected, at: index, "names hold letters, digits, _ and -")
      }
      index += 1
    }
    guard peek() != nil else { throw error(.unfinished, at: open, "no ) closes the name") }
    if let type {
      let word = String(decoding: bytes[type..<index], as: UTF8.self)
      guard ["str", "sint", "bool"].contains(word) else {
        let near =
          Spelling.nearest(to: word, among: ["str", "sint", "bool"]).map { "; did you mean \($0)?" } ?? ""
        throw error(.unknown, at: type, "no such type; there are str, sint and bool\(near)")
      }
      options.type = word
    }
    let end = type.map { $0 - 1 } ?? index
    if end > open + 1 { options.name = String(decoding: bytes[(open + 1)..<end], as: UTF8.self) }
    index += 1
    return options
  }

  /// `{+Q,-X}`. What is no flag is ignored, as HAProxy does.
  private mutating func flags(_ before: HAProxyFlags) throws(FormatError) -> HAProxyFlags {
    let open = index
    guard let close = bytes[index...].firstIndex(of: UInt8(ascii: "}")) else {
      throw error(.unfinished, at: open, "no } closes the flags")
    }
    var flags = before
    for word in bytes[(open + 1)..<close].split(separator: UInt8(ascii: ",")) {
      let name = String(decoding: word.dropFirst(), as: UTF8.self)
      guard let flag = HAProxyFlags.names.first(where: { $0.name == name })?.flag else { continue }
      let isSecondEncoding = HAProxyFlags.encodings.contains(flag) && !flags.isDisjoint(with: .encodings)
      if word.first == UInt8(ascii: "+"), !isSecondEncoding { flags.insert(flag) }
      if word.first == UInt8(ascii: "-") { flags.remove(flag) }
    }
    index = close + 1
    return flags
  }

  /// The longest run of letters and digits.
  private mutating func alias(_ options: HAProxyOptions, _ start: Int) throws(FormatError) {
    let begin = index
    while let byte = peek(), isAlphanumeric(byte) { index += 1 }
    let name = String(decoding: bytes[begin..<index], as: UTF8.self)
    if name == "o" {
      global = options.flags
      common = common.map { $0.intersection(global) } ?? global
      return
    }
    guard HAProxyAliases.table[name] != nil else {
      let near = HAProxyAliases.nearest(to: name).map { "; did you mean %\($0)?" } ?? ""
      throw error(.unknown, at: begin, "no such alias: %\(name)\(near)")
    }
    flush()
    items.append((.alias(name, options), start))
  }

  /// Up to the `]` outside of parentheses and quotes.
  private mutating func expression() throws(FormatError) -> String {
    let open = index
    index += 1
    let begin = index
    var depth = 0
    var quote: UInt8?
    while let byte = peek() {
      switch byte {
      case UInt8(ascii: "\\"): index += 1
      case UInt8(ascii: "\""), UInt8(ascii: "'"):
        if depth > 0 { quote = quote == nil ? byte : quote == byte ? nil : quote }
      case UInt8(ascii: "(") where quote == nil: depth += 1
      case UInt8(ascii: ")") where quote == nil: depth -= 1
      case UInt8(ascii: "]") where quote == nil && depth <= 0:
        guard index > begin else {
          throw error(.empty, at: open, "a sample expression must stand in the brackets")
        }
        defer { index += 1 }
        return String(decoding: bytes[begin..<index], as: UTF8.self)
      default: break
      }
      index += 1
    }
    throw error(.unfinished, at: open, "no ] closes the expression")
  }

  private func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

  private func isAlphanumeric(_ byte: UInt8) -> Bool {
    isDigit(byte) || byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z")
  }
}

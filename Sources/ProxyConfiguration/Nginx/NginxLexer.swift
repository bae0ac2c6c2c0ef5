/// Cuts the bytes of an Nginx configuration file into tokens, as Nginx 1.22 does (`ngx_conf_read_token`).
struct NginxLexer {
  /// One token.
  enum Token: Equatable {
    case word(String)
    case semicolon
    case open
    case close
    case end
  }

  private let bytes: [UInt8]
  private var index = 0
  private let file: String
  private(set) var line = 1

  init(_ bytes: [UInt8], file: String) {
    self.bytes = bytes
    self.file = file
  }

  var place: Place { Place(file, line) }

  private func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0D || byte == 0x0A }

  private mutating func skipBlanks() {
    while index < bytes.count {
      if isBlank(bytes[index]) {
        if bytes[index] == 0x0A { line += 1 }
        index += 1
      } else if bytes[index] == UInt8(ascii: "#") {
        while index < bytes.count, bytes[index] != 0x0A { index += 1 }
      } else {
        return
      }
    }
  }

  mutating func next() throws(ReadError) -> Token {
    skipBlanks()
    guard index < bytes.count else { return .end }
    switch bytes[index] {
    case UInt8(ascii: ";"):
      index += 1
      return .semicolon
    case UInt8(ascii: "{"):
      index += 1
      return .open
    case UInt8(ascii: "}"):
      index += 1
      return .close
    case UInt8(ascii: "\""), UInt8(ascii: "'"): return .word(try quoted(bytes[index]))
    default: return .word(bare())
    }
  }

  private mutating func quoted(_ quote: UInt8) throws(ReadError) -> String {
    let start = place
    index += 1
    var word: [UInt8] = []
    while index < bytes.count, bytes[index] != quote {
      if bytes[index] == 0x0A { line += 1 }
      append(&word)
    }
    guard index < bytes.count else {
      throw ReadError(start, "the quote that opens here is never closed")
    }
    index += 1
    if index < bytes.count, !isBlank(bytes[index]),
      ![UInt8(ascii: ";"), UInt8(ascii: "{"), UInt8(ascii: ")")].contains(bytes[index])
    {
      throw ReadError(place, "a blank or ; must follow the closing quote")
    }
    return String(decoding: word, as: UTF8.self)
  }

  private mutating func bare() -> String {
    var word: [UInt8] = []
    while index < bytes.count {
      let byte = bytes[index]
      if isBlank(byte) || byte == UInt8(ascii: ";") { break }
      if byte == UInt8(ascii: "{") {
        // `${name}` is a variable, and no block begins.
        guard word.last == UInt8(ascii: "$") else { break }
      }
      append(&word)
    }
    return String(decoding: word, as: UTF8.self)
  }

  /// Takes one byte, or a backslash and the byte behind it.
  private mutating func append(_ word: inout [UInt8]) {
    let byte = bytes[index]
    index += 1
    guard byte == UInt8(ascii: "\\"), index < bytes.count else { return word.append(byte) }
    let escaped = bytes[index]
    index += 1
    switch escaped {
    case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "\\"): word.append(escaped)
    case UInt8(ascii: "t"): word.append(0x09)
    case UInt8(ascii: "r"): word.append(0x0D)
    case UInt8(ascii: "n"): word.append(0x0A)
    default:
      if escaped == 0x0A { line += 1 }
      word += [byte, escaped]
    }
  }

  /// Skips what stands in braces in another language (Lua), its strings and comments too.
  mutating func skipForeignBlock() throws(ReadError) {
    let start = place
    var depth = 1
    var quote: UInt8?
    while index < bytes.count {
      let byte = bytes[index]
      index += 1
      if byte == 0x0A {
        line += 1
        quote = nil
      } else if let open = quote {
        if byte == UInt8(ascii: "\\") { index += 1 } else if byte == open { quote = nil }
      } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
        quote = byte
      } else if byte == UInt8(ascii: "-"), index < bytes.count, bytes[index] == byte {
        while index < bytes.count, bytes[index] != 0x0A { index += 1 }
      } else if byte == UInt8(ascii: "{") {
        depth += 1
      } else if byte == UInt8(ascii: "}") {
        depth -= 1
        if depth == 0 { return }
      }
    }
    throw ReadError(start, "no } closes this block")
  }
}

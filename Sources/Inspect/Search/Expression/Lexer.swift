import Bytes

/// One word, quoted text or sign of an expression.
struct Token: Equatable {
  enum Kind: Equatable {
    /// A run of bytes that are no signs: a name, a number, an address.
    case word(String)
    /// Text in `"` or `'`, its escapes undone.
    case quoted([UInt8])
    /// A name in backquotes.
    case name(String)
    /// A regular expression between slashes, in `Pattern`'s spelling.
    case pattern(String)
    /// A comparison or a bracket.
    case sign(String)
    case end
  }
  var kind: Kind
  /// Byte offset of its first byte.
  var offset: Int
}

/// Cuts an expression into tokens.
struct Lexer {
  let text: String
  private let bytes: [UInt8]
  private var index = 0
  /// The token before was `~`: a slash begins a regular expression.
  private var afterTilde = false

  init(_ text: String) {
    self.text = text
    bytes = Array(text.utf8)
  }

  mutating func tokens() throws(ExpressionError) -> [Token] {
    var tokens: [Token] = []
    while true {
      let token = try next()
      tokens.append(token)
      if token.kind == .end { return tokens }
      afterTilde = token.kind == .sign("~")
    }
  }

  private mutating func next() throws(ExpressionError) -> Token {
    while index < bytes.count, isBlank(bytes[index]) { index += 1 }
    let start = index
    guard start < bytes.count else { return Token(kind: .end, offset: start) }
    switch bytes[start] {
    case UInt8(ascii: "\""), UInt8(ascii: "'"): return Token(kind: .quoted(try quoted()), offset: start)
    case UInt8(ascii: "`"): return Token(kind: .name(try backquoted()), offset: start)
    case UInt8(ascii: "/") where afterTilde: return Token(kind: .pattern(try pattern()), offset: start)
    case UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: ","), UInt8(ascii: "~"):
      index += 1
      return Token(kind: .sign(String(UnicodeScalar(bytes[start]))), offset: start)
    case UInt8(ascii: "="), UInt8(ascii: "!"), UInt8(ascii: "<"), UInt8(ascii: ">"):
      return Token(kind: .sign(try comparison()), offset: start)
    default:
      while index < bytes.count, isWord(bytes[index]) { index += 1 }
      if index == start {
        throw error(.expected("a word: control bytes stand only in quotes, as \\xHH"), start)
      }
      return Token(kind: .word(String(decoding: bytes[start..<index], as: UTF8.self)), offset: start)
    }
  }

  private func isBlank(_ byte: UInt8) -> Bool { byte == 32 || byte >= 9 && byte <= 13 }

  private func isWord(_ byte: UInt8) -> Bool {
    switch byte {
    case 0...32, 127: false
    case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "`"), UInt8(ascii: "("), UInt8(ascii: ")"),
      UInt8(ascii: ","), UInt8(ascii: "="), UInt8(ascii: "!"), UInt8(ascii: "<"), UInt8(ascii: ">"),
      UInt8(ascii: "~"):
      false
    default: true
    }
  }

  private mutating func comparison() throws(ExpressionError) -> String {
    let start = index
    let first = bytes[start]
    index += 1
    let next = index < bytes.count ? bytes[index] : 0
    if next == UInt8(ascii: "="), first != UInt8(ascii: "=") {
      index += 1
      return String(UnicodeScalar(first)) + "="
    }
    if first == UInt8(ascii: "!") { throw error(.expected("!= (or not, in front of a condition)"), start) }
    if next == UInt8(ascii: "=") || next == UInt8(ascii: ">") && first == UInt8(ascii: "<") {
      throw error(.expected(first == UInt8(ascii: "=") ? "= (one sign)" : "!="), start)
    }
    return String(UnicodeScalar(first))
  }

  /// `\"`, `\'`, `\\`, `\n`, `\t`, `\r` and `\xHH` are escapes; another byte behind a backslash is an error,
  /// so that a mistaken regular expression is noticed.
  private mutating func quoted() throws(ExpressionError) -> [UInt8] {
    let start = index
    let quote = bytes[start]
    var out: [UInt8] = []
    index += 1
    while index < bytes.count {
      let byte = bytes[index]
      if byte == quote {
        index += 1
        return out
      }
      if byte == UInt8(ascii: "\\") {
        out.append(try escape())
      } else {
        out.append(byte)
        index += 1
      }
    }
    throw error(.unclosed("no \(String(UnicodeScalar(quote))) closes this text"), start)
  }

  private mutating func escape() throws(ExpressionError) -> UInt8 {
    let start = index
    let next = index + 1 < bytes.count ? bytes[index + 1] : 0
    index += 2
    switch next {
    case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "\\"): return next
    case UInt8(ascii: "n"): return 10
    case UInt8(ascii: "t"): return 9
    case UInt8(ascii: "r"): return 13
    case UInt8(ascii: "x"):
      if index + 2 <= bytes.count,
        let byte = UInt8(String(decoding: bytes[index..<index + 2], as: UTF8.self), radix: 16)
      {
        index += 2
        return byte
      }
      throw error(.expected("two hexadecimal digits behind \\x"), start)
    default:
      throw error(.expected("one of \\\" \\' \\\\ \\n \\t \\r \\xHH (a backslash itself is \\\\)"), start)
    }
  }

  private mutating func backquoted() throws(ExpressionError) -> String {
    let start = index
    guard let end = bytes[(start + 1)...].firstIndex(of: UInt8(ascii: "`")) else {
      throw error(.unclosed("no ` closes this name"), start)
    }
    index = end + 1
    if end == start + 1 { throw error(.expected("a name between the backquotes"), start) }
    return String(decoding: bytes[(start + 1)..<end], as: UTF8.self)
  }

  private mutating func pattern() throws(ExpressionError) -> String {
    let start = index
    index += 1
    while index < bytes.count, bytes[index] != UInt8(ascii: "/") {
      index += bytes[index] == UInt8(ascii: "\\") ? 2 : 1
    }
    guard index < bytes.count else {
      throw error(
        .unclosed("no / closes this regular expression (text that begins with / must be quoted)"), start)
    }
    let body = String(decoding: bytes[(start + 1)..<index], as: UTF8.self)
    index += 1
    let ignoresCase = index < bytes.count && bytes[index] == UInt8(ascii: "i")
    if ignoresCase { index += 1 }
    if index < bytes.count, isWord(bytes[index]) {
      throw error(.expected("a blank behind the regular expression (only i may follow its slash)"), index)
    }
    let source = Pattern.spelled(body, ignoresCase: ignoresCase)
    do { _ = try Pattern.compile(source) } catch { throw self.error(.pattern("\(error)"), start) }
    return source
  }

  private func error(_ reason: ExpressionError.Reason, _ offset: Int) -> ExpressionError {
    ExpressionError(reason, at: offset, in: text)
  }
}

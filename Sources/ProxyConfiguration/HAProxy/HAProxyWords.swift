import Bytes

/// Cuts a line of haproxy.cfg into words (configuration manual, 2.2 "Quoting and escaping", 2.3 "Environment
/// variables"), as HAProxy 2.6 was seen to do it.
struct HAProxyWords {
  /// Why a line cannot be cut.
  struct Flaw: Error {
    /// From 1, in bytes.
    var column: Int
    var text: String
  }

  private let bytes: ArraySlice<UInt8>
  private let variable: (String) -> String?
  private var index: Int
  private var words: [String] = []
  private var word: [UInt8] = []
  /// An empty pair of quotes is a word too.
  private var hasWord = false
  private var isWeak = false
  private var isStrong = false

  private init(_ bytes: ArraySlice<UInt8>, _ variable: @escaping (String) -> String?) {
    self.bytes = bytes
    self.variable = variable
    index = bytes.startIndex
  }

  /// The words of one line, comments left out.
  static func split(
    _ line: ArraySlice<UInt8>, variable: @escaping (String) -> String?
  ) throws(Flaw) -> [String] {
    var words = HAProxyWords(line, variable)
    let quoteMissing = Flaw(column: line.count + 1, text: "a quote is not closed on this line")
    while words.index < line.endIndex {
      if try !words.next() { break }
    }
    if words.isWeak || words.isStrong { throw quoteMissing }
    words.endWord()
    return words.words
  }

  private func flaw(_ text: String) -> Flaw { Flaw(column: index - bytes.startIndex + 1, text: text) }

  private func peek(_ offset: Int) -> UInt8? {
    index + offset < bytes.endIndex ? bytes[index + offset] : nil
  }

  private mutating func endWord() {
    if hasWord { words.append(String(decoding: word, as: UTF8.self)) }
    word = []
    hasWord = false
  }

  private mutating func add(_ byte: UInt8, skipping count: Int = 1) {
    word.append(byte)
    hasWord = true
    index += count
  }

  /// False when a comment begins.
  private mutating func next() throws(Flaw) -> Bool {
    let byte = bytes[index]
    switch byte {
    case UInt8(ascii: "\"") where !isStrong:
      isWeak.toggle()
      hasWord = true
      index += 1
    case UInt8(ascii: "'") where !isWeak:
      isStrong.toggle()
      hasWord = true
      index += 1
    case UInt8(ascii: "\\") where !isStrong: try escape()
    case UInt8(ascii: "#") where !isStrong && !isWeak: return false
    case _ where !isStrong && !isWeak && (byte == 0x20 || byte == 0x09 || byte == 0x0D):
      endWord()
      index += 1
    case UInt8(ascii: "$") where isWeak: try expand()
    default: add(byte)
    }
    return true
  }

  private mutating func escape() throws(Flaw) {
    switch peek(1) {
    case .some(let byte) where [0x20, 0x22, 0x23, 0x27, 0x5C].contains(byte): add(byte, skipping: 2)
    case UInt8(ascii: "n"): add(0x0A, skipping: 2)
    case UInt8(ascii: "r"): add(0x0D, skipping: 2)
    case UInt8(ascii: "t"): add(0x09, skipping: 2)
    case UInt8(ascii: "$") where isWeak: add(UInt8(ascii: "$"), skipping: 2)
    case UInt8(ascii: "x"):
      guard let high = peek(2).flatMap(Self.digit), let low = peek(3).flatMap(Self.digit) else {
        throw flaw("two hexadecimal digits must follow \\x")
      }
      add(high << 4 | low, skipping: 4)
    default: add(UInt8(ascii: "\\"))
    }
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }

  /// `$NAME`, `${NAME}`, `${NAME-default}`, `${NAME[*]}`.
  private mutating func expand() throws(Flaw) {
    index += 1
    let braced = peek(0) == UInt8(ascii: "{")
    if braced { index += 1 }
    guard let first = peek(0), Self.isName(first), first &- UInt8(ascii: "0") > 9 || braced && first == 0x2E
    else {
      throw flaw("a variable's name must follow the dollar sign; a plain one is written \\$")
    }
    let start = index
    if first == UInt8(ascii: "."), !braced { throw flaw("names that begin with a period stand in braces") }
    while let byte = peek(0), Self.isName(byte) && (braced || byte != UInt8(ascii: ".")) { index += 1 }
    let name = String(decoding: bytes[start..<index], as: UTF8.self)
    var fallback: ArraySlice<UInt8> = []
    var isList = false
    if braced {
      if peek(0) == UInt8(ascii: "["), peek(1) == UInt8(ascii: "*"), peek(2) == UInt8(ascii: "]") {
        isList = true
        index += 3
      }
      let hasFallback = peek(0) == UInt8(ascii: "-")
      if hasFallback { index += 1 }
      let begin = index
      guard let close = bytes[index...].firstIndex(of: UInt8(ascii: "}")) else {
        throw flaw("no } closes the variable's name")
      }
      guard hasFallback || close == begin else {
        throw flaw("names hold letters, digits and _; then }, or - and a default, must follow")
      }
      fallback = bytes[begin..<close]
      index = close + 1
    }
    let value = variable(name).map { Array($0.utf8)[...] } ?? fallback
    hasWord = true
    guard isList else {
      word += value
      return
    }
    for (place, part) in value.split(whereSeparator: { $0 == 0x20 || $0 == 0x09 }).enumerated() {
      if place > 0 {
        endWord()
        hasWord = true
      }
      word += part
    }
  }

  private static func isName(_ byte: UInt8) -> Bool {
    byte &- UInt8(ascii: "0") < 10 || byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".")
      || byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z")
  }
}

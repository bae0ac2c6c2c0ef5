import Bytes

/// Finds the values of parameters: `name=value` in queries, and wherever else a text has it.
struct ParameterMask {
  /// What kind of text is looked at: says where a value ends.
  enum Place {
    /// A URL or a part of one: at `&`, at `;` before another name, or with the text.
    case url
    /// The same, and it begins with the query.
    case query
    /// A request line: also before ` HTTP/`.
    case request
    /// Any text: also at blanks, quotes, brackets and control bytes.
    case text
  }

  /// In lower case, sorted by nothing: there are a few dozen.
  private let names: [[UInt8]]
  private let masksAll: Bool

  init(_ parameters: MinimiseRules.Parameters) {
    switch parameters {
    case .all: (names, masksAll) = ([], true)
    case .named(let names): (self.names, masksAll) = (names.map { Array($0.lowercased().utf8) }, false)
    }
  }

  var isEmpty: Bool { names.isEmpty && !masksAll }

  private static let mask = "***"

  /// Appends `text` with `***` for each value that must go; false, with nothing appended, when there is none.
  func mask(_ text: ByteView, _ place: Place, to out: inout ByteBuffer) -> Bool {
    let start = out.count
    let done = masksAll ? maskAll(text, place, to: &out) : maskNamed(text, place, to: &out)
    if done == 0 {
      out.truncate(to: start)
      return false
    }
    out.append(text.dropFirst(done))
    return true
  }

  // MARK: By name

  /// Returns how much of `text` is appended; 0 when nothing had to be masked.
  private func maskNamed(_ text: ByteView, _ place: Place, to out: inout ByteBuffer) -> Int {
    if names.isEmpty { return 0 }
    var done = 0
    var nameStart = 0
    var index = 0
    while index < text.count {
      let unit = Unit(text, index)
      if unit.byte == UInt8(ascii: "="), isNamed(text[nameStart, index]) {
        let valueStart = index + unit.length
        index = valueEnd(text, valueStart, unit, place)
        if index > valueStart {
          out.append(text[done, valueStart])
          out.append(Self.mask)
          done = index
        }
        nameStart = index
        continue
      }
      index += unit.length
      if !unit.isOfName { nameStart = index }
    }
    return done
  }

  /// Whether a name, or a part of it (`user[password]`, `card.number`), is among those to be masked.
  private func isNamed(_ name: ByteView) -> Bool {
    var start = 0
    var index = 0
    while index <= name.count {
      let unit = index < name.count ? Unit(name, index) : nil
      if unit == nil || unit?.isJoint == true {
        if names.contains(where: { Self.isEqual(name[start, index], $0) }) { return true }
        start = index + (unit?.length ?? 1)
      }
      index += unit?.length ?? 1
    }
    return names.contains { Self.isEqual(name, $0) }
  }

  private static func isEqual(_ text: ByteView, _ name: [UInt8]) -> Bool {
    var index = 0
    for byte in name {
      guard index < text.count else { return false }
      let unit = Unit(text, index)
      let lower = unit.byte &- UInt8(ascii: "A") < 26 ? unit.byte | 0x20 : unit.byte
      if lower != byte { return false }
      index += unit.length
    }
    return index == text.count
  }

  /// Where the value that begins at `start` ends. What was written behind an encoded `=` (a URL within a
  /// parameter) ends at an encoded `&`, too.
  private func valueEnd(_ text: ByteView, _ start: Int, _ equals: Unit, _ place: Place) -> Int {
    var index = start
    while index < text.count {
      let unit = Unit(text, index)
      if !unit.isEncoded || equals.isEncoded {
        if unit.byte == UInt8(ascii: "&") { return index }
        if unit.byte == UInt8(ascii: ";"), isName(text, index + unit.length) { return index }
      }
      if !unit.isEncoded, Self.ends(text, index, place) { return index }
      index += unit.length
    }
    return index
  }

  /// Whether `name=` begins at `start`, perhaps behind blanks.
  private func isName(_ text: ByteView, _ start: Int) -> Bool {
    var index = start
    while index < text.count, text[index] == UInt8(ascii: " ") { index += 1 }
    let first = index
    while index < text.count {
      let unit = Unit(text, index)
      if unit.byte == UInt8(ascii: "=") { return index > first }
      if !unit.isOfName { return false }
      index += unit.length
    }
    return false
  }

  private static func ends(_ text: ByteView, _ index: Int, _ place: Place) -> Bool {
    switch place {
    case .url, .query: return false
    case .request:
      return text[index] == UInt8(ascii: " ") && Array(" HTTP/".utf8).withView { text.matches($0, at: index) }
    case .text:
      switch text[index] {
      case 0...0x20, UInt8(ascii: "\""), UInt8(ascii: "|"), UInt8(ascii: "}"), UInt8(ascii: "<"),
        UInt8(ascii: ">"), 0x7F:
        return true
      default: return false
      }
    }
  }

  // MARK: All of a query

  /// Returns how much of `text` is appended; 0 when nothing had to be masked.
  private func maskAll(_ text: ByteView, _ place: Place, to out: inout ByteBuffer) -> Int {
    var done = 0
    var index = 0
    var isQuery = place == .query
    while index < text.count {
      if !isQuery {
        guard let mark = text.find(UInt8(ascii: "?"), from: index) else { return done }
        index = mark + 1
        isQuery = true
      }
      let start = index
      var equals: Int?
      while index < text.count, !Self.ends(text, index, place), text[index] != UInt8(ascii: "&"),
        text[index] != UInt8(ascii: ";") || !isName(text, index + 1)
      {
        if text[index] == UInt8(ascii: "="), equals == nil { equals = index }
        index += 1
      }
      // Of `?` in front of what is no query slot's own.
      let first = equals.map { $0 + 1 } ?? start
      if first < index {
        out.append(text[done, first])
        out.append(Self.mask)
        done = index
      }
      if index < text.count, Self.ends(text, index, place) { isQuery = false }
      index += 1
    }
    return done
  }

  // MARK: Bytes, perhaps percent-encoded

  /// One byte of a text, as it stands or as `%HH` (or `%25HH`, when a URL was encoded twice); in lines that fit
  /// no format also as load balancers escape it: `\xHH`, `\u00HH`, and `#HH` for bytes that are not printed.
  struct Unit {
    var byte: UInt8
    var length: Int
    var isEncoded: Bool { length > 1 }

    init(_ text: ByteView, _ index: Int) {
      byte = text[index]
      length = 1
      switch byte {
      case UInt8(ascii: "%"): readPercent(text, index)
      case UInt8(ascii: "\\") where index + 1 < text.count && text[index + 1] == UInt8(ascii: "x"):
        if let value = Self.hex(text, index + 2) { (byte, length) = (value, 4) }
      case UInt8(ascii: "\\") where index + 1 < text.count && text[index + 1] == UInt8(ascii: "u"):
        if Self.hex(text, index + 2) == 0, let value = Self.hex(text, index + 4) {
          (byte, length) = (value, 6)
        }
      case UInt8(ascii: "#"):
        if let value = Self.hex(text, index + 1), value < 32 || value > 126 { (byte, length) = (value, 3) }
      default: break
      }
    }

    private mutating func readPercent(_ text: ByteView, _ index: Int) {
      var place = index + 1
      while place + 3 < text.count, text[place] == UInt8(ascii: "2"), text[place + 1] == UInt8(ascii: "5"),
        Self.digit(text[place + 2]) != nil, Self.digit(text[place + 3]) != nil
      { place += 2 }
      guard let value = Self.hex(text, place) else { return }
      byte = value
      length = place + 2 - index
    }

    private static func hex(_ text: ByteView, _ index: Int) -> UInt8? {
      guard index + 1 < text.count, let high = digit(text[index]), let low = digit(text[index + 1]) else {
        return nil
      }
      return high << 4 | low
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
      if byte &- UInt8(ascii: "0") < 10 { return byte - UInt8(ascii: "0") }
      let letter = byte | 0x20
      return letter &- UInt8(ascii: "a") < 6 ? letter - UInt8(ascii: "a") + 10 : nil
    }

    /// It may stand in a parameter's name.
    var isOfName: Bool {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
        UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "$"),
        UInt8(ascii: "~"), 0x80...0xFF:
        true
      default: isJoint
      }
    }

    /// It joins the parts of a name.
    var isJoint: Bool { [UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: ".")].contains(byte) }
  }
}

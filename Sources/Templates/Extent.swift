import Bytes

/// How far a value of a self-delimiting syntax reaches, and which bytes the others may hold.
enum Extent {
  /// The end of the value that starts at `start`, for syntaxes that know it by themselves; nil when nothing of
  /// the kind stands there.
  static func of(
    _ syntax: Syntax, _ column: ColumnType, _ line: ByteView, _ start: Int, _ end: Int, stop: UInt8
  ) -> Int? {
    switch syntax {
    case .time: time(column, line, start, end)
    case .structuredData: structuredData(line, start, end)
    case .blanks: blanks(line, start, end)
    case .address: address(line, start, end, stop)
    case .list: list(line, start, end, stop)
    case .backslash: backslash(line, start, end, stop)
    case .json: json(line, start, end)
    case .item: line.findShort(UInt8(ascii: ","), from: start, before: end) ?? end
    case .cbor: CBORText.end(line, start, end)
    case .phrase: phrase(line, start, end)
    default: nil
    }
  }

  private static func time(_ column: ColumnType, _ line: ByteView, _ start: Int, _ end: Int) -> Int? {
    let room = end - start
    if room > 0, line[start] == UInt8(ascii: "-"), room == 1 || line[start + 1] < UInt8(ascii: "0") {
      return start + 1
    }
    switch column {
    case .clfTime:
      if room < 20 { return nil }
      let next = room > 20 ? line[start + 20] : 0
      if next == UInt8(ascii: ".") { return room >= 24 ? start + 24 : nil }
      if next == UInt8(ascii: " "), room >= 26 {
        let sign = line[start + 21]
        if sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { return start + 26 }
      }
      return start + 20
    case .syslogTime:
      // As usual: `Jan  1 00:00:00 host`.
      if room > 16, line[start + 15] == UInt8(ascii: " "), line[start + 9] == UInt8(ascii: ":"),
        line[start + 16] &- UInt8(ascii: "1") > 1
      {
        return start + 15
      }
      return OddStamp.syslogEnd(line, start, end)
    default:
      if let index = isoEnd(line, start, end) { return index }
      var index = start
      while index < end, line[index] > UInt8(ascii: " "), line[index] != UInt8(ascii: "]"),
        line[index] != UInt8(ascii: "\"")
      { index += 1 }
      return index > start ? index : nil
    }
  }

  /// The end of an RFC 3339 stamp, whatever stands behind it: `T`, a fraction, `Z` or an offset in their places.
  private static func isoEnd(_ line: ByteView, _ start: Int, _ end: Int) -> Int? {
    guard end - start >= 19, line[start + 10] == UInt8(ascii: "T"), line[start + 13] == UInt8(ascii: ":"),
      line[start + 16] == UInt8(ascii: ":"), isDigit(line[start + 18])
    else { return nil }
    var index = start + 19
    if index + 1 < end, line[index] == UInt8(ascii: "."), isDigit(line[index + 1]) {
      index += 1
      while index < end, isDigit(line[index]) { index += 1 }
    }
    guard index < end else { return index }
    if line[index] == UInt8(ascii: "Z") { return index + 1 }
    guard line[index] == UInt8(ascii: "+") || line[index] == UInt8(ascii: "-"), end - index >= 3,
      isDigit(line[index + 1]), isDigit(line[index + 2])
    else { return index }
    index += 3
    let minutes = index < end && line[index] == UInt8(ascii: ":") ? index + 1 : index
    return end - minutes >= 2 && isDigit(line[minutes]) && isDigit(line[minutes + 1]) ? minutes + 2 : index
  }

  /// `-`, or `[…]` once or more; inside quotes `\` takes the next byte with it (RFC 5424 section 6.3).
  private static func structuredData(_ line: ByteView, _ start: Int, _ end: Int) -> Int? {
    if start < end, line[start] == UInt8(ascii: "-") { return start + 1 }
    var index = start
    var isQuoted = false
    while index < end, line[index] == UInt8(ascii: "[") {
      index += 1
      while index < end {
        let byte = line[index]
        if byte == UInt8(ascii: "\\"), isQuoted {
          index += 1
        } else if byte == UInt8(ascii: "\"") {
          isQuoted.toggle()
        } else if byte == UInt8(ascii: "]"), !isQuoted {
          break
        }
        index += 1
      }
      if index >= end { return nil }
      index += 1
    }
    return index > start ? index : nil
  }

  private static func blanks(_ line: ByteView, _ start: Int, _ end: Int) -> Int {
    var index = start
    while index < end, line[index] == UInt8(ascii: " ") { index += 1 }
    return index
  }

  /// Up to the last `stop` among the bytes of which addresses consist: in `2001:db8::1:33317` the port is behind
  /// the last colon. Where those bytes hold none (`unix:1`), up to the first.
  private static func address(_ line: ByteView, _ start: Int, _ end: Int, _ stop: UInt8) -> Int? {
    if stop != UInt8(ascii: ":") { return line.findShort(stop, from: start, before: end) }
    var index = start
    var found: Int?
    while index < end, isAddressByte(line[index]) || line[index] == UInt8(ascii: "-") {
      if line[index] == stop { found = index }
      index += 1
    }
    guard found == nil, let first = line.findShort(stop, from: start, before: end) else { return found }
    // Nginx's `unix:`, then the colon that ends it.
    return first - start == 4 && first + 1 < end && line[first + 1] == stop ? first + 1 : first
  }

  /// Up to a blank that is not part of `, ` or ` : `; `stop` is that blank, or any other byte.
  private static func list(_ line: ByteView, _ start: Int, _ end: Int, _ stop: UInt8) -> Int? {
    let blank = UInt8(ascii: " "), colon = UInt8(ascii: ":")
    var index = start
    while let hit = line.findShort(stop, from: index, before: end) {
      let joins =
        stop == blank && hit > start
        && (line[hit - 1] == UInt8(ascii: ",")
          || line[hit - 1] == colon && hit > start + 1 && line[hit - 2] == blank
          || hit + 2 < end && line[hit + 1] == colon && line[hit + 2] == blank)
      if !joins { return hit }
      index = hit + 1
    }
    return nil
  }

  /// Up to the first `stop` that no backslash escapes.
  private static func backslash(_ line: ByteView, _ start: Int, _ end: Int, _ stop: UInt8) -> Int? {
    var index = start
    while index < end {
      if line[index] == UInt8(ascii: "\\") {
        index += 2
      } else if line[index] == stop {
        return index
      } else {
        index += 1
      }
    }
    return nil
  }

  /// The end of the JSON value at `start`. Brackets are counted, not matched: what no writer of JSON makes is kept
  /// as it is.
  private static func json(_ line: ByteView, _ start: Int, _ end: Int) -> Int? {
    if start == end { return start }
    var index = start
    var depth = 0
    repeat {
      switch line[index] {
      case UInt8(ascii: "\""):
        guard let quote = backslash(line, index + 1, end, UInt8(ascii: "\"")) else { return nil }
        index = quote
        if depth == 0 { return index + 1 }
      case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        if depth == 0 { return index }
        depth -= 1
        if depth == 0 { return index + 1 }
      case UInt8(ascii: ","), UInt8(ascii: " "):
        if depth == 0 { return index }
      default: break
      }
      index += 1
    } while index < end
    return depth == 0 ? end : nil
  }

  /// Words up to what is neither letter, digit, blank nor `-_/`, or up to the word `via`; a blank at their end is not
  /// theirs.
  private static func phrase(_ line: ByteView, _ start: Int, _ end: Int) -> Int? {
    let via: StaticString = " via "
    let word = unsafe ByteView(unsafeBase: via.utf8Start, count: 5)
    var index = start
    while index < end, isPhraseByte(line[index]) {
      if line[index] == UInt8(ascii: " "), end - index > 5, line.matches(word, at: index) { break }
      index += 1
    }
    while index > start, line[index - 1] == UInt8(ascii: " ") { index -= 1 }
    return index > start ? index : nil
  }

  private static func isPhraseByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: " "), UInt8(ascii: "-"), UInt8(ascii: "_"),
      UInt8(ascii: "/"):
      true
    default: false
    }
  }

  /// Whether a value that is no canonical number, time or address may stand in a slot of that syntax. `stop`
  /// begins the literal that ended the value.
  static func isAllowed(_ bytes: ByteView, _ syntax: Syntax, _ column: ColumnType, stop: UInt8) -> Bool {
    switch syntax {
    case .any, .escaped, .unquoted, .blanks, .structuredData, .list, .backslash, .cbor, .json, .optional,
      .once:
      true
    case .item: bytes.find(UInt8(ascii: ",")) == nil
    case .phrase: phrase(bytes, 0, bytes.count) == bytes.count
    case .cut: bytes.find(UInt8(ascii: "\"")) == nil
    case .captures: isCaptures(bytes)
    case .capture: isCapture(bytes)
    case .token:
      !bytes.isEmpty && (stop == UInt8(ascii: " ") || bytes.find(UInt8(ascii: " ")) == nil)
    case .number: isNumber(bytes)
    case .decimal: isDecimal(bytes)
    case .address: isAddress(bytes)
    case .time: OddStamp.fits(bytes, column)
    case .status, .priority: false
    case .host: isHost(bytes)
    case .tag: isTag(bytes)
    }
  }

  private static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") <= 9 }

  private static func isNumber(_ bytes: ByteView) -> Bool {
    var index = 0
    if bytes.count > 1, bytes[0] == UInt8(ascii: "-") || bytes[0] == UInt8(ascii: "+") { index = 1 }
    if index == bytes.count { return false }
    while index < bytes.count {
      if !isDigit(bytes[index]) { return false }
      index += 1
    }
    return true
  }

  private static func isDecimal(_ bytes: ByteView) -> Bool {
    var points = 0
    if bytes.isEmpty { return false }
    for index in 0..<bytes.count {
      if bytes[index] == UInt8(ascii: ".") {
        points += 1
      } else if !isDigit(bytes[index]) {
        return false
      }
    }
    return points <= 1
  }

  static func isAddressByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
      UInt8(ascii: "A")...UInt8(ascii: "F"), UInt8(ascii: "."), UInt8(ascii: ":"), UInt8(ascii: "%"):
      true
    default: false
    }
  }

  private static func isAddress(_ bytes: ByteView) -> Bool {
    if bytes.isEmpty { return false }
    let unix: StaticString = "unix"
    if unsafe bytes.matches(ByteView(unsafeBase: unix.utf8Start, count: 4), at: 0) { return true }
    for index in 0..<bytes.count where !isAddressByte(bytes[index]) { return false }
    return true
  }

  private static func isCapture(_ bytes: ByteView) -> Bool {
    for index in 0..<bytes.count {
      switch bytes[index] {
      case UInt8(ascii: "\""), UInt8(ascii: "{"), UInt8(ascii: "|"), UInt8(ascii: "}"): return false
      default: continue
      }
    }
    return true
  }

  private static func isCaptures(_ bytes: ByteView) -> Bool {
    for index in 0..<bytes.count {
      switch bytes[index] {
      case UInt8(ascii: "\""), UInt8(ascii: "{"), UInt8(ascii: "}"): return false
      default: continue
      }
    }
    return true
  }

  private static func isHost(_ bytes: ByteView) -> Bool {
    if bytes.isEmpty || bytes[bytes.count - 1] == UInt8(ascii: ":") { return false }
    for index in 0..<bytes.count {
      switch bytes[index] {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
        UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"),
        UInt8(ascii: ":"):
        continue
      default: return false
      }
    }
    return true
  }

  private static func isTag(_ bytes: ByteView) -> Bool {
    if bytes.isEmpty { return false }
    for index in 0..<bytes.count {
      switch bytes[index] {
      case 0...32, UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: ":"): return false
      default: continue
      }
    }
    return true
  }
}

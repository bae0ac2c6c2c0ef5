import Bytes

/// How a slot is matched when its value looks as usual: value and end are found in one pass. Whatever looks
/// otherwise takes the general way, and a quick way never says anything else than the general one would.
enum Way: UInt8 {
  case general
  case integer
  case status
  case address
  case stamp
  /// Text that may have one of several templates, up to the first occurrence of the literal.
  case nested
  /// Text up to the first occurrence of the literal.
  case text
  /// The same, not empty and without blanks.
  case token
  case capture
  case unquoted

  static func of(_ slot: Slot, _ literal: [UInt8], isLast: Bool) -> Way {
    if literal.count > 8 || literal.isEmpty && !isLast { return .general }
    // What may hold its own literal ends with the text.
    if slot.syntax == .any, isLast, !literal.isEmpty { return .general }
    let first = literal.first ?? 0
    let isNumberByte = first &- UInt8(ascii: "0") <= 9 || "+-.".utf8.contains(first)
    switch (slot.syntax, slot.column) {
    case (.number, .integer) where !literal.isEmpty && !isNumberByte,
      (.number, .plusInteger) where !literal.isEmpty && !isNumberByte:
      return .integer
    case (.status, .status) where !literal.isEmpty && !isNumberByte: return .status
    case (.address, .address) where !literal.isEmpty && !isNumberByte && slot.alternatives.isEmpty: return .address
    case (.time, .clfTime) where !literal.isEmpty: return .stamp
    case (.any, .text), (.escaped, .text), (.any, .identifier), (.escaped, .identifier):
      return slot.alternatives.isEmpty ? .text : .nested
    case (.token, .text), (.token, .identifier): return slot.alternatives.isEmpty ? .token : .general
    case (.capture, .text) where slot.alternatives.isEmpty:
      return literal.isEmpty || "\"{|}".utf8.contains(first) ? .capture : .general
    case (.unquoted, .text) where !literal.isEmpty && slot.alternatives.isEmpty: return .unquoted
    default: return .general
    }
  }
}

extension Matcher {
  /// Matches slots from `first` on in their quick ways, and appends their values, as long as that goes. Returns the slot
  /// that must be matched in the general way, or `last`, and where it starts.
  func matchRun(
    _ first: Int, _ last: Int, _ line: LineText, _ start: Int, _ end: Int, _ result: inout MatchResult
  ) -> (slot: Int, position: Int) {
    var slot = first
    var position = start
    while slot < last {
      var value = QuickValue(end: -1)
      switch slots[slot].way {
      case .general, .nested: return (slot, position)
      case .integer: value = QuickValue(integerAt: position, line)
      case .status: value = QuickValue(statusAt: position, line)
      case .address:
        value = ValueCodec.scanAddress(line, position)
        // The last colon among the bytes of addresses decides: what follows must not hold another.
        if slots[slot].literalFirst == UInt8(ascii: ":"), value.end >= 0, line.hasColon(value.end &+ 1, end) {
          return (slot, position)
        }
      case .stamp: value = result.stamps.match(line, position, end)
      case .text:
        value = ValueCodec.parseText(line, position, findLiteral(slot, line, position, end))
      case .token:
        value = ValueCodec.parseText(line, position, findLiteral(slot, line, position, end))
        let blank = UInt8(ascii: " ")
        if value.end == position || slots[slot].literalFirst != blank && value.end > position
          && line.scan(blank, position, value.end) != value.end
        {
          return (slot, position)
        }
      case .capture:
        value = ValueCodec.parseText(line, position, line.scanForCaptureEnd(position, end))
        if slots[slot].literalCount == 0, value.end != end { return (slot, position) }
      case .unquoted:
        let hit = line.scanForLast(slots[slot].literalLast, position, end)
        let valueEnd = hit &+ 1 &- Int(slots[slot].literalCount)
        if hit < 0 || valueEnd < position { return (slot, position) }
        value = ValueCodec.parseText(line, position, valueEnd)
      }
      let count = Int(slots[slot].literalCount)
      if value.end < 0 || end &- value.end < count
        || line.word(value.end) & slots[slot].literalMask != slots[slot].literalWord
      {
        return (slot, position)
      }
      result.values.append(MatchedValue(slot, position, value))
      position = value.end &+ count
      slot &+= 1
    }
    return (slot, position)
  }

  /// The first occurrence of the slot's literal from `start`; `end` where it has none, -1 where it does not occur.
  @inline(__always) func findLiteral(_ slot: Int, _ line: LineText, _ start: Int, _ end: Int) -> Int {
    let count = Int(slots[slot].literalCount)
    if count == 0 { return end }
    let first = slots[slot].literalFirst
    var hit = line.scan(first, start, end)
    while count > 1, hit < end, line.word(hit) & slots[slot].literalMask != slots[slot].literalWord {
      hit = line.scan(first, hit &+ 1, end)
    }
    return end &- hit < count ? -1 : hit
  }
}

/// A value that was found in the quick way: where it ends, -1 when there is none, and how it will be stored.
struct QuickValue {
  var end: Int
  var kind: UInt8 = StoredValue.verbatim
  var a: Int64 = 0
  var b: Int64 = 0

  @inline(__always) init(end: Int) { self.end = end }

  /// One to seven digits, no leading zero.
  @inline(__always) init(integerAt start: Int, _ line: LineText) {
    let digits = line.word(start) ^ ByteWord.repeating(UInt8(ascii: "0"))
    let count = ByteWord.digitCount(digits)
    end = count < 1 || count > 7 || count > 1 && digits & 0xFF == 0 ? -1 : start &+ count
    kind = 2
    a = Int64(bitPattern: ByteWord.number(digits &<< UInt64((64 &- count &* 8) & 63)))
  }

  /// Three digits.
  @inline(__always) init(statusAt start: Int, _ line: LineText) {
    let digits = line.word(start) ^ ByteWord.repeating(UInt8(ascii: "0"))
    end = ByteWord.digitCount(digits) == 3 ? start &+ 3 : -1
    kind = 2
    a = Int64(bitPattern: ByteWord.number(digits &<< 40))
  }
}

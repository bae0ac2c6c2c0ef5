import Bytes

/// How a slot is matched when its value looks as usual: value and end are found in one pass. Whatever looks
/// otherwise takes the general way, and a quick way never says anything else than the general one would.
enum Way: UInt8 {
  case general
  case integer
  case priority
  case status
  case address
  case stamp
  case standardStamp
  case decimal
  /// Text that may have one of several templates, up to the first occurrence of the literal.
  case nested
  /// Text up to the first occurrence of the literal.
  case text
  /// The same, not empty and without blanks.
  case token
  case capture
  case unquoted
  /// A JSON string, or `null`.
  case string
  /// An IPv4 address and a port.
  case endpoint

  static func of(_ slot: Slot, _ literal: [UInt8], isLast: Bool) -> Way {
    if literal.isEmpty && !isLast { return .general }
    if literal.count > 8 && slot.syntax != .json { return .general }
    // What may hold its own literal ends with the text.
    if slot.syntax == .any, isLast, !literal.isEmpty { return .general }
    let first = literal.first ?? 0
    let isNumberByte = first &- UInt8(ascii: "0") <= 9 || "+-.".utf8.contains(first)
    switch (slot.syntax, slot.column) {
    case (.number, .integer) where !isNumberByte, (.number, .plusInteger) where !isNumberByte: return .integer
    case (.json, .integer), (.any, .integer), (.escaped, .integer):
      return literal.isEmpty || isNumberByte ? .general : .integer
    case (.priority, .integer) where !literal.isEmpty && !isNumberByte: return .priority
    case (.status, .status) where !isNumberByte: return .status
    case (.json, .status), (.escaped, .status): return literal.isEmpty || isNumberByte ? .general : .status
    case (.decimal, .decimal) where !isNumberByte: return .decimal
    case (.escaped, .decimal): return literal.isEmpty || isNumberByte ? .general : .decimal
    case (.time, .isoTime) where !literal.isEmpty: return .standardStamp
    case (.json, .text) where !literal.isEmpty && slot.alternatives.first?.isString == true: return .string
    case (.address, .address) where !literal.isEmpty && !isNumberByte && slot.alternatives.isEmpty:
      return .address
    case (.time, .clfTime) where !literal.isEmpty: return .stamp
    case (.captures, .text), (.cut, .text): return slot.alternatives.isEmpty ? .general : .nested
    case (.any, .text), (.escaped, .text), (.any, .identifier), (.escaped, .identifier):
      return slot.alternatives.isEmpty ? .text : .nested
    case (.token, .text)
    where !literal.isEmpty && !isNumberByte && slot.alternatives.first?.isEndpoint == true:
      return .endpoint
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
      case .string:
        value = matchString(slot, line, position, end, &result)
        if value.end < 0 { return (slot, position) }
        position = value.end &+ Int(slots[slot].literalCount)
        slot &+= 1
        continue
      case .integer:
        let reached = matchIntegers(slot, last, line, position, &result)
        if reached.slot != slot {
          (slot, position) = reached
          continue
        }
        value = QuickValue(integerAt: position, line)
      case .priority:
        value = QuickValue(integerAt: position, line)
        if value.a > 191 { return (slot, position) }
      case .status: value = QuickValue(statusAt: position, line)
      case .address:
        value = ValueCodec.scanAddress(line, position)
        // The last colon among the bytes of addresses decides: what follows must not hold another.
        if slots[slot].literalFirst == UInt8(ascii: ":"), value.end >= 0, line.hasColon(value.end &+ 1, end) {
          return (slot, position)
        }
      case .endpoint:
        value = matchEndpoint(slot, line, position, end, &result)
        if value.end < 0 { return (slot, position) }
        position = value.end &+ Int(slots[slot].literalCount)
        slot &+= 1
        continue
      case .stamp: value = result.stamps.match(line, position, end)
      case .standardStamp: value = result.standardStamps.match(line, position, end)
      case .decimal: value = QuickValue(decimalAt: position, line)
      case .text:
        value = ValueCodec.parseText(line, position, findLiteral(slot, line, position, end))
      case .token:
        value = ValueCodec.parseText(line, position, findLiteral(slot, line, position, end))
        let blank = UInt8(ascii: " ")
        if value.end == position
          || slots[slot].literalFirst != blank && value.end > position
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
        || count > 8 && !hasRest(slot, line, value.end)
      {
        return (slot, position)
      }
      result.values.append(MatchedValue(slot, position, value))
      position = value.end &+ count
      slot &+= 1
    }
    return (slot, position)
  }

  /// Matches a JSON string without escaped quotes, or `null`, and the literal behind it; appends it with what stands
  /// between the quotes. Its end is -1 when it is neither.
  @inline(__always) private func matchString(
    _ slot: Int, _ line: LineText, _ start: Int, _ end: Int, _ result: inout MatchResult
  ) -> QuickValue {
    let word = line.word(start)
    let quote = UInt8(ascii: "\"")
    var value = QuickValue(end: start &+ 4)
    if UInt8(truncatingIfNeeded: word) == quote {
      value.end = line.scan(quote, start &+ 1, end) &+ 1
      if value.end > end || UInt8(truncatingIfNeeded: line.word(value.end &- 2)) == UInt8(ascii: "\\") {
        return QuickValue(end: -1)
      }
      value.kind = 1
    } else if UInt32(truncatingIfNeeded: word) != 0x6C6C_756E {
      return QuickValue(end: -1)
    }
    let count = Int(slots[slot].literalCount)
    if end &- value.end < count
      || line.word(value.end) & slots[slot].literalMask != slots[slot].literalWord
      || count > 8 && !hasRest(slot, line, value.end)
    {
      return QuickValue(end: -1)
    }
    result.values.append(MatchedValue(slot, start, value))
    if value.kind > 0 {
      let inner = Int(nodes[Int(slots[slot].firstAlternative)].firstSlot)
      result.values.append(
        MatchedValue(inner, start &+ 1, ValueCodec.parseText(line, start &+ 1, value.end &- 1)))
    }
    return value
  }

  /// Matches an IPv4 address, a colon and a port, and the literal behind them; appends them with their parts. Their end
  /// is -1 when that is not what stands there.
  @inline(__always) private func matchEndpoint(
    _ slot: Int, _ line: LineText, _ start: Int, _ end: Int, _ result: inout MatchResult
  ) -> QuickValue {
    let address = ValueCodec.scanAddress(line, start)
    if address.end < 0 || UInt8(truncatingIfNeeded: line.word(address.end)) != UInt8(ascii: ":") {
      return QuickValue(end: -1)
    }
    let port = QuickValue(integerAt: address.end &+ 1, line)
    if port.end < 0 || end &- port.end < Int(slots[slot].literalCount)
      || line.word(port.end) & slots[slot].literalMask != slots[slot].literalWord
    {
      return QuickValue(end: -1)
    }
    let inner = Int(nodes[Int(slots[slot].firstAlternative)].firstSlot)
    var value = QuickValue(end: port.end)
    value.kind = 1
    result.values.append(MatchedValue(slot, start, value))
    result.values.append(MatchedValue(inner, start, address))
    result.values.append(MatchedValue(inner &+ 1, address.end &+ 1, port))
    return value
  }

  /// Whether a literal of more than eight bytes goes on at `position` as it should behind those eight.
  @inline(__always) private func hasRest(_ slot: Int, _ line: LineText, _ position: Int) -> Bool {
    let offset = Int(slots[slot].literalOffset)
    return line.matches(
      literals.view[offset &+ 8, offset &+ Int(slots[slot].literalCount)], at: position &+ 8)
  }

  /// Matches integers that one byte ends, from `first` on, as long as value and byte are found in one word. Their
  /// number and the value's digits decide nothing that the next load has to wait for but where it begins.
  @inline(__always) private func matchIntegers(
    _ first: Int, _ last: Int, _ line: LineText, _ start: Int, _ result: inout MatchResult
  ) -> (slot: Int, position: Int) {
    var slot = first
    var position = start
    while slot < last, slots[slot].way == .integer, slots[slot].literalCount == 1, line.hasWord(position) {
      let word = line.wholeWord(position)
      let digits = word ^ ByteWord.repeating(UInt8(ascii: "0"))
      let next = slots[slot].literalFirst
      if digits & 0xFF <= 9, UInt8(truncatingIfNeeded: word &>> 8) == next {
        result.values.append(MatchedValue(slot, position, kind: 2, Int64(digits & 0xFF), end: position &+ 1))
        position &+= 2
      } else {
        let count = ByteWord.digitCount(digits)
        if count < 2 || count > 7 || digits & 0xFF == 0
          || UInt8(truncatingIfNeeded: word &>> UInt64(count &* 8)) != next
        {
          break
        }
        let number = ByteWord.number(digits &<< UInt64((64 &- count &* 8) & 63))
        result.values.append(
          MatchedValue(slot, position, kind: 2, Int64(bitPattern: number), end: position &+ count))
        position &+= count &+ 1
      }
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

extension Template {
  /// An address and a port, a colon between them.
  var isEndpoint: Bool {
    literals == [[], [UInt8(ascii: ":")], []] && slots[0].column == .address && slots[0].syntax == .address
      && slots[1].column == .integer && slots[1].syntax == .number
  }

  /// The text of a JSON string between its quotes.
  var isString: Bool {
    let quote = [UInt8(ascii: "\"")]
    return literals == [quote, quote] && slots[0].alternatives.isEmpty && slots[0].syntax == .backslash
      && (slots[0].column == .text || slots[0].column == .identifier)
  }
}

/// A value that was found in the quick way: where it ends, -1 when there is none, and how it will be stored.
struct QuickValue {
  var end: Int
  var kind: UInt8 = StoredValue.verbatim
  var a: Int64 = 0
  var b: Int64 = 0

  @inline(__always) init(end: Int) { self.end = end }

  @inline(__always) private static func power(_ places: Int) -> Int64 {
    var power: Int64 = 1
    for _ in 0..<places { power &*= 10 }
    return power
  }

  /// One to seven digits, no leading zero.
  @inline(__always) init(integerAt start: Int, _ line: LineText) {
    let digits = line.word(start) ^ ByteWord.repeating(UInt8(ascii: "0"))
    let count = ByteWord.digitCount(digits)
    end = count < 1 || count > 7 || count > 1 && digits & 0xFF == 0 ? -1 : start &+ count
    kind = 2
    a = Int64(bitPattern: ByteWord.number(digits &<< UInt64((64 &- count &* 8) & 63)))
  }

  /// One to seven digits, no leading zero, a point, and one to seven digits more.
  @inline(__always) init(decimalAt start: Int, _ line: LineText) {
    let whole = line.word(start) ^ ByteWord.repeating(UInt8(ascii: "0"))
    let count = ByteWord.digitCount(whole)
    end = -1
    if count < 1 || count > 7 || count > 1 && whole & 0xFF == 0 { return }
    if whole &>> UInt64(count &* 8) & 0xFF != 0x1E { return }
    let digits = line.word(start &+ count &+ 1) ^ ByteWord.repeating(UInt8(ascii: "0"))
    let places = ByteWord.digitCount(digits)
    if places < 1 || places > 7 { return }
    end = start &+ count &+ 1 &+ places
    kind = UInt8(2 &+ places)
    a =
      Int64(bitPattern: ByteWord.number(whole &<< UInt64(64 &- count &* 8))) &* Self.power(places)
      &+ Int64(bitPattern: ByteWord.number(digits &<< UInt64(64 &- places &* 8)))
  }

  /// Three digits.
  @inline(__always) init(statusAt start: Int, _ line: LineText) {
    let digits = line.word(start) ^ ByteWord.repeating(UInt8(ascii: "0"))
    end = ByteWord.digitCount(digits) == 3 ? start &+ 3 : -1
    kind = 2
    a = Int64(bitPattern: ByteWord.number(digits &<< 40))
  }
}

import Bytes

/// The minute of the Common Log Format stamp seen last. Neighbouring lines are of the same minute, nearly always: then
/// only seconds and what follows them must be read.
struct StampMemory: Sendable {
  /// The bytes `dd/Mon/y`, `yyy:HH:M` and `M:`; the last of them is no two bytes as long as nothing was seen.
  private var head: (UInt64, UInt64, UInt64) = (0, 0, .max)
  /// Local seconds at the start of that minute.
  private var minute: Int64 = 0
  /// ` +zzzz` in the upper six bytes, and what it means.
  private var zoneText: UInt64 = 0
  private var zone: Int64 = 0

  /// Reads the stamp at `start` and returns where it ends, if it is of the minute seen last; else looks whether it is
  /// one of any minute, to be remembered. -1 when it is none, or spelled unusually.
  @inline(__always) mutating func match(_ line: LineText, _ start: Int, _ end: Int) -> QuickValue {
    let tail = line.word(start &+ 16)
    if line.word(start) != head.0 || line.word(start &+ 8) != head.1 || tail & 0xFFFF != head.2,
      !remember(line, start, end)
    {
      return QuickValue(end: -1)
    }
    let seconds = (tail &>> 16) ^ 0x3030
    let tens = Int64(seconds & 0xFF), ones = Int64(seconds &>> 8 & 0xFF)
    if tens > 5 || ones > 9 { return QuickValue(end: -1) }
    var value = QuickValue(end: start &+ 20)
    value.a = minute &+ tens &* 10 &+ ones
    value.kind = 2
    let next = UInt8(truncatingIfNeeded: tail &>> 32)
    if next == UInt8(ascii: ".") {
      let digits = line.word(start &+ 21) ^ ByteWord.repeating(UInt8(ascii: "0"))
      value.end = ByteWord.digitCount(digits) < 3 ? -1 : start &+ 24
      value.kind = 3
      value.a = value.a &* 1000 &+ Int64(bitPattern: ByteWord.number(digits &<< 40))
    } else if next == UInt8(ascii: " ") {
      let isKnown = line.word(start &+ 18) &>> 16 == zoneText || rememberZone(line, start, end)
      value.end = isKnown ? start &+ 26 : -1
      value.kind = 4
      value.b = zone
    }
    return value
  }

  @inline(never) private mutating func remember(_ line: LineText, _ start: Int, _ end: Int) -> Bool {
    if end &- start < 20 { return false }
    guard let value = TimeCodec.parseCLF(line.text(start, start + 20)) else { return false }
    head = (line.word(start), line.word(start + 8), line.word(start + 16) & 0xFFFF)
    minute = TimeCodec.floorDivide(value.a, 60) * 60
    return true
  }

  @inline(never) private mutating func rememberZone(_ line: LineText, _ start: Int, _ end: Int) -> Bool {
    if end &- start < 26 { return false }
    guard let value = TimeCodec.parseCLF(line.text(start, start + 26)) else { return false }
    zoneText = line.word(start + 18) &>> 16
    zone = value.b
    return true
  }
}

/// The minute of the RFC 3339 stamp seen last, for the same purpose.
struct RFC3339Memory: Sendable {
  /// The bytes `yyyy-mm-` and `ddTHH:MM`; zero as long as nothing was seen.
  private var head: (UInt64, UInt64) = (0, 0)
  /// Local seconds at the start of that minute.
  private var minute: Int64 = 0

  /// Reads the stamp at `start` if it ends in `Z`, has a fraction of 0, 3 or 6 digits, and is of the minute seen last;
  /// or of any, to be remembered. Its end is -1 when it is spelled otherwise.
  @inline(__always) mutating func match(_ line: LineText, _ start: Int, _ end: Int) -> QuickValue {
    let tail = line.word(start &+ 16) ^ 0x3030_3A
    if line.word(start) != head.0 || line.word(start &+ 8) != head.1, !remember(line, start, end) {
      return QuickValue(end: -1)
    }
    let tens = Int64(tail &>> 8 & 0xFF), ones = Int64(tail &>> 16 & 0xFF)
    if tail & 0xFF != 0 || tens > 5 || ones > 9 { return QuickValue(end: -1) }
    let next = UInt8(truncatingIfNeeded: tail &>> 24)
    var value = QuickValue(end: start &+ 20)
    value.kind = 2
    value.a = minute &+ tens &* 10 &+ ones
    if next == UInt8(ascii: ".") {
      let digits = line.word(start &+ 20) ^ ByteWord.repeating(UInt8(ascii: "0"))
      let count = ByteWord.digitCount(digits)
      if count != 3 && count != 6 || digits &>> UInt64(count &* 8) & 0xFF != 0x6A {
        return QuickValue(end: -1)
      }
      value.end = start &+ 21 &+ count
      value.kind = UInt8(2 &+ count &* 2)
      value.a =
        value.a &* (count == 3 ? 1000 : 1_000_000)
        &+ Int64(bitPattern: ByteWord.number(digits &<< UInt64(64 &- count &* 8)))
    } else if next != UInt8(ascii: "Z") {
      value.end = -1
    }
    return value
  }

  @inline(never) private mutating func remember(_ line: LineText, _ start: Int, _ end: Int) -> Bool {
    if end &- start < 20 { return false }
    var text: [UInt8] = []
    for index in 0..<17 { text.append(line.text(start, end)[index]) }
    text += [0x30, 0x30, UInt8(ascii: "Z")]
    guard let value = text.withView({ TimeCodec.parseISO($0) }) else { return false }
    head = (line.word(start), line.word(start + 8))
    minute = value.a
    return true
  }
}

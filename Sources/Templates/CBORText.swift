import Bytes

/// CBOR (RFC 8949) written as hexadecimal digits, as HAProxy's `+cbor` does.
public enum CBORText {
  /// Items within items that are followed; HAProxy nests three deep at most.
  private static let depthLimit = 8

  /// What one data item holds.
  public enum Value: Equatable, Sendable {
    case integer(Int64)
    case flag(Bool)
    /// Text or bytes, appended to the buffer.
    case text
    /// Null, an undefined or a simple value.
    case null
    /// A sequence, a map, a tag or a floating-point number: kept as it is.
    case other
  }

  /// The end of the item whose digits begin at `start`; nil when none stands there whole.
  static func end(_ line: ByteView, _ start: Int, _ end: Int) -> Int? {
    var reader = Reader(line, start, end)
    return reader.skip(depthLimit) ? reader.index : nil
  }

  /// Reads an item that fills `digits` wholly; text is appended to `out`. Nil when it is no such item.
  public static func value(_ digits: ByteView, to out: inout ByteBuffer) -> Value? {
    var reader = Reader(digits, 0, digits.count)
    let start = out.count
    guard let value = reader.value(to: &out), reader.index == digits.count else {
      out.truncate(to: start)
      return nil
    }
    return value
  }

  private struct Reader {
    let text: ByteView
    var index: Int
    let end: Int

    init(_ text: ByteView, _ start: Int, _ end: Int) {
      self.text = text
      index = start
      self.end = end
    }

    mutating func byte() -> UInt8? {
      guard end - index >= 2, let high = UpperHexCodec.digit(text[index]),
        let low = UpperHexCodec.digit(text[index + 1])
      else { return nil }
      index += 2
      return UInt8(high << 4 | low)
    }

    /// Major type and argument; no argument where the length is indefinite.
    mutating func head() -> (major: UInt8, argument: UInt64?)? {
      guard let first = byte() else { return nil }
      let low = first & 31
      if low == 31 { return (first &>> 5, nil) }
      if low < 24 { return (first &>> 5, UInt64(low)) }
      if low > 27 { return nil }
      var argument: UInt64 = 0
      for _ in 0..<(1 &<< (low - 24)) {
        guard let next = byte() else { return nil }
        argument = argument &<< 8 | UInt64(next)
      }
      return (first &>> 5, argument)
    }

    private var isBreak: Bool {
      end - index >= 2 && text[index] == UInt8(ascii: "F") && text[index + 1] == UInt8(ascii: "F")
    }

    mutating func skip(_ depth: Int) -> Bool {
      guard depth > 0, let (major, argument) = head() else { return false }
      switch major {
      case 0, 1: return argument != nil
      case 7: return argument != nil
      case 2, 3:
        guard let argument else { return skipToBreak(depth) }
        return skipBytes(argument)
      case 4, 5:
        guard let argument else { return skipToBreak(depth) }
        guard argument <= UInt64(end - index) else { return false }
        for _ in 0..<argument * (major == 5 ? 2 : 1) where !skip(depth - 1) { return false }
        return true
      default: return argument != nil && skip(depth - 1)
      }
    }

    private mutating func skipToBreak(_ depth: Int) -> Bool {
      while !isBreak {
        if !skip(depth - 1) { return false }
      }
      index += 2
      return true
    }

    private mutating func skipBytes(_ count: UInt64) -> Bool {
      guard count <= UInt64(end - index) / 2 else { return false }
      for _ in 0..<count where byte() == nil { return false }
      return true
    }

    mutating func value(to out: inout ByteBuffer) -> Value? {
      let start = index
      guard let (major, argument) = head() else { return nil }
      switch (major, argument) {
      case (0, let number?): return number <= UInt64(Int64.max) ? .integer(Int64(number)) : .other
      case (1, let number?): return number <= UInt64(Int64.max) ? .integer(-1 - Int64(number)) : .other
      case (2, let count?), (3, let count?): return append(count, to: &out) ? .text : nil
      case (2, nil), (3, nil):
        while !isBreak {
          guard let (part, count) = head(), part == major, let count, append(count, to: &out) else {
            return nil
          }
        }
        index += 2
        return .text
      case (7, 20?): return .flag(false)
      case (7, 21?): return .flag(true)
      case (7, 22?), (7, 23?): return .null
      default:
        index = start
        return skip(depthLimit) ? .other : nil
      }
    }

    private mutating func append(_ count: UInt64, to out: inout ByteBuffer) -> Bool {
      guard count <= UInt64(end - index) / 2 else { return false }
      for _ in 0..<count {
        guard let byte = byte() else { return false }
        out.append(byte)
      }
      return true
    }
  }
}

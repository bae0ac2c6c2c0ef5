import Bytes

/// Finds the tag of a syslog message (RFC 3164; in RFC 5424, the application's name) without reading all of
/// its header.
public enum SyslogTag {
  /// Where the tag stands; nil when there is none. Forms are those that `SyslogHeaders` knows.
  public static func range(in message: ByteView) -> Range<Int>? {
    var index = 0
    if message.count > 0, message[0] == UInt8(ascii: "<") {
      guard let close = message.find(UInt8(ascii: ">"), from: 1), close <= 5 else { return nil }
      index = close + 1
      if index + 1 < message.count, message[index] == UInt8(ascii: "1"), message[index + 1] == 0x20 {
        return name(in: message, from: index + 2)
      }
    }
    let stamp = index
    // `Mon dd HH:MM:SS `, or one word that is an RFC 3339 stamp.
    if index + 16 <= message.count, message[index + 3] == 0x20, message[index + 6] == 0x20,
      message[index + 15] == 0x20
    {
      index += 16
    } else if index < message.count, message[index] &- UInt8(ascii: "0") < 10,
      let blank = message.find(0x20, from: index)
    {
      index = blank + 1
    }
    let hasStamp = index > stamp
    // The tag, or a host and then the tag.
    for place in 0..<2 {
      guard index < message.count, let blank = message.find(0x20, from: index) else { return nil }
      if blank > index, message[blank - 1] == UInt8(ascii: ":") {
        let bracket = message.find(UInt8(ascii: "["), from: index) ?? blank
        let end = bracket < blank ? bracket : blank - 1
        return end > index ? index..<end : nil
      }
      if place == 1, hasStamp, let end = bracket(in: message, index..<blank) { return index..<end }
      index = blank + 1
    }
    return nil
  }

  /// Where the bracket stands in a word that is a tag with the number of a process and nothing behind it: `shop[42]`
  /// (`-` is no number, but stands for one).
  static func bracket(in message: ByteView, _ word: Range<Int>) -> Int? {
    let close = word.upperBound - 1
    guard word.count > 3, message[close] == UInt8(ascii: "]") else { return nil }
    var start = close
    while start > word.lowerBound, message[start - 1] &- UInt8(ascii: "0") < 10 { start -= 1 }
    if start > word.lowerBound,
      message[start - 1] == UInt8(ascii: "-") || start < close && message[start - 1] == UInt8(ascii: "+")
    {
      start -= 1
    }
    let bracket = start - 1
    guard start < close, bracket > word.lowerBound, message[bracket] == UInt8(ascii: "[") else { return nil }
    for index in word.lowerBound..<bracket {
      switch message[index] {
      case UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: ":"): return nil
      default: continue
      }
    }
    return bracket
  }

  /// The third word from `start`: time, host, name.
  private static func name(in message: ByteView, from start: Int) -> Range<Int>? {
    var index = start
    for _ in 0..<2 {
      guard let blank = message.find(0x20, from: index) else { return nil }
      index = blank + 1
    }
    guard let end = message.find(0x20, from: index), end > index else { return nil }
    return index..<end
  }
}

import Bytes

/// Finds the host that a syslog message's header claims (RFC 5424, section 6.2.4; RFC 3164, section 4.1.2),
/// without reading all of the header.
public enum SyslogHost {
  /// Where the host stands; nil when there is none, or `-`. Forms are those that `SyslogHeaders` knows: in RFC
  /// 3164 a word between a stamp and a tag with its colon, or a tag with a process id.
  public static func range(in message: ByteView) -> Range<Int>? {
    var index = 0
    if message.count > 0, message[0] == UInt8(ascii: "<") {
      guard let close = message.find(UInt8(ascii: ">"), from: 1), close <= 5 else { return nil }
      index = close + 1
      if index + 1 < message.count, message[index] == UInt8(ascii: "1"), message[index + 1] == 0x20 {
        guard let blank = message.find(0x20, from: index + 2) else { return nil }
        return named(word(in: message, from: blank + 1), in: message)
      }
    }
    guard let start = behindStamp(in: message, from: index), let host = word(in: message, from: start),
      isHost(host, in: message), hasTag(message, from: host.upperBound + 1)
    else { return nil }
    return named(host, in: message)
  }

  /// The word from `start`, behind which a blank stands.
  private static func word(in message: ByteView, from start: Int) -> Range<Int>? {
    guard start < message.count, let end = message.find(0x20, from: start), end > start else { return nil }
    return start..<end
  }

  private static func named(_ host: Range<Int>?, in message: ByteView) -> Range<Int>? {
    guard let host, host.count > 1 || message[host.lowerBound] != UInt8(ascii: "-") else { return nil }
    return host
  }

  /// Behind `Mon dd hh:mm:ss ` or an RFC 3339 stamp.
  private static func behindStamp(in message: ByteView, from index: Int) -> Int? {
    let rest = message.count - index
    if rest > 16, message[index + 3] == 0x20, message[index + 6] == 0x20,
      message[index + 9] == UInt8(ascii: ":"), message[index + 12] == UInt8(ascii: ":"),
      message[index + 15] == 0x20
    {
      return index + 16
    }
    guard rest > 20, message[index + 4] == UInt8(ascii: "-"), message[index + 7] == UInt8(ascii: "-"),
      message[index + 13] == UInt8(ascii: ":"), let blank = message.find(0x20, from: index + 19)
    else { return nil }
    return blank + 1
  }

  /// Letters, digits, `.`, `-`, `_`, `:`; not ending in `:`.
  private static func isHost(_ word: Range<Int>, in message: ByteView) -> Bool {
    for index in word {
      switch message[index] {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: ":"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
        continue
      default: return false
      }
    }
    return message[word.upperBound - 1] != UInt8(ascii: ":")
  }

  /// Whether a tag stands from `start`: with its colon, with or without process id; or with one, but no colon, and
  /// a blank behind it.
  private static func hasTag(_ message: ByteView, from start: Int) -> Bool {
    guard start < message.count else { return false }
    let end = message.find(0x20, from: start) ?? message.count
    if end > start + 1, message[end - 1] == UInt8(ascii: ":") { return true }
    return end < message.count && SyslogTag.bracket(in: message, start..<end) != nil
  }
}

import Bytes

/// An IPv4 or IPv6 address. IPv4-mapped IPv6 (`::ffff:192.0.2.1`) stays IPv6: it is what was logged.
public struct Address: Hashable, Sendable, BitwiseCopyable {
  /// The first 64 bits of an IPv6 address; 0 for IPv4.
  public let high: UInt64
  /// The last 64 bits of an IPv6 address, or the 32 of an IPv4 one.
  public let low: UInt64
  /// Whether it has 32 bits rather than 128.
  public let isIPv4: Bool

  /// An IPv4 address from its 32 bits.
  public init(ipv4 bits: UInt32) {
    high = 0
    low = UInt64(bits)
    isIPv4 = true
  }

  /// An IPv6 address from its first and its last 64 bits.
  public init(ipv6 high: UInt64, _ low: UInt64) {
    self.high = high
    self.low = low
    isIPv4 = false
  }

  /// From 4 or 16 bytes in network order; nil for any other count.
  public init?(bytes: ByteView) {
    var high: UInt64 = 0
    var low: UInt64 = 0
    for index in 0..<min(bytes.count, 16) {
      high = high &<< 8 | low &>> 56
      low = low &<< 8 | UInt64(bytes[index])
    }
    switch bytes.count {
    case 4: self.init(ipv4: UInt32(low))
    case 16: self.init(ipv6: high, low)
    default: return nil
    }
  }

  /// Reads dotted decimal or RFC 4291 text; nil when it is neither. Zone ids (`%eth0`) are not addresses.
  public init?(_ text: ByteView) {
    if let bits = Self.ipv4(text) {
      self.init(ipv4: bits)
    } else if let (high, low) = Self.ipv6(text) {
      self.init(ipv6: high, low)
    } else {
      return nil
    }
  }

  /// Four decimal numbers of at most three digits, none above 255.
  static func ipv4(_ text: ByteView) -> UInt32? {
    guard text.count >= 7, text.count <= 15 else { return nil }
    var bits: UInt32 = 0
    var part: UInt32 = 0
    var digits = 0
    var parts = 0
    for index in 0..<text.count {
      let byte = text[index]
      if byte == UInt8(ascii: ".") {
        guard digits > 0, parts < 3 else { return nil }
        bits = bits &<< 8 | part
        part = 0
        digits = 0
        parts += 1
      } else {
        guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9"), digits < 3 else { return nil }
        part = part * 10 + UInt32(byte - UInt8(ascii: "0"))
        guard part <= 255 else { return nil }
        digits += 1
      }
    }
    guard parts == 3, digits > 0 else { return nil }
    return bits &<< 8 | part
  }

  /// Groups of hex digits, at most one `::`, perhaps dotted decimal for the last 32 bits.
  static func ipv6(_ text: ByteView) -> (UInt64, UInt64)? {
    guard text.count >= 2, text.count <= 45 else { return nil }
    var groups: [UInt16] = []
    var gap: Int?
    var index = 0
    if text[0] == UInt8(ascii: ":") {
      guard text[1] == UInt8(ascii: ":") else { return nil }
      gap = 0
      index = 2
    }
    while index < text.count {
      let end = text.find(UInt8(ascii: ":"), from: index) ?? text.count
      if end == text.count, let bits = ipv4(text[index, end]) {
        groups.append(UInt16(truncatingIfNeeded: bits &>> 16))
        groups.append(UInt16(truncatingIfNeeded: bits))
        index = end
        break
      }
      guard end > index, end - index <= 4, let group = Digits.hexadecimal(text[index, end]) else {
        return nil
      }
      groups.append(UInt16(group))
      guard groups.count <= 8 else { return nil }
      if end == text.count { break }
      index = end + 1
      if index == text.count { return nil }
      if text[index] == UInt8(ascii: ":") {
        guard gap == nil else { return nil }
        gap = groups.count
        index += 1
      }
    }
    guard gap == nil ? groups.count == 8 : groups.count < 8 else { return nil }
    if let gap { groups.insert(contentsOf: repeatElement(0, count: 8 - groups.count), at: gap) }
    var high: UInt64 = 0
    var low: UInt64 = 0
    for group in groups[..<4] { high = high &<< 16 | UInt64(group) }
    for group in groups[4...] { low = low &<< 16 | UInt64(group) }
    return (high, low)
  }
}

extension Address: CustomStringConvertible {
  /// Dotted decimal, or RFC 5952 text; an IPv4-mapped one as `::ffff:192.0.2.1` (RFC 5952, 5).
  public var description: String {
    if isIPv4 {
      return [24, 16, 8, 0].map { String(low &>> $0 & 0xFF) }.joined(separator: ".")
    }
    if high == 0, low &>> 32 == 0xFFFF {
      return "::ffff:\(Address(ipv4: UInt32(truncatingIfNeeded: low)))"
    }
    let groups = [48, 32, 16, 0].map { high &>> $0 & 0xFFFF } + [48, 32, 16, 0].map { low &>> $0 & 0xFFFF }
    var longest = 0..<0
    var start = 0
    while start < 8 {
      var end = start
      while end < 8, groups[end] == 0 { end += 1 }
      if end - start > longest.count { longest = start..<end }
      start = max(end, start + 1)
    }
    let text = { (range: Range<Int>) in
      range.map { String(groups[$0], radix: 16) }.joined(separator: ":")
    }
    if longest.count < 2 { return text(0..<8) }
    return text(0..<longest.lowerBound) + "::" + text(longest.upperBound..<8)
  }
}

/// A range of addresses by prefix (CIDR): `203.0.113.0/24`.
public struct Network: Hashable, Sendable {
  /// Some address in the network.
  public let address: Address
  /// Bits that count: 0 to 32 for IPv4, 0 to 128 for IPv6.
  public let prefix: Int

  /// Reads `address/prefix`, or an address alone as the network of itself; nil when it is neither. Bits
  /// behind the prefix are ignored.
  public init?(_ text: ByteView) {
    let slash = text.find(UInt8(ascii: "/")) ?? text.count
    guard let address = Address(text.prefix(slash)) else { return nil }
    self.address = address
    let most = address.isIPv4 ? 32 : 128
    if slash == text.count {
      prefix = most
    } else {
      guard let bits = Digits.decimal(text.dropFirst(slash + 1)), bits <= most else { return nil }
      prefix = Int(bits)
    }
  }

  /// Whether `other` is of the same version and has the same prefix.
  public func contains(_ other: Address) -> Bool {
    guard other.isIPv4 == address.isIPv4 else { return false }
    if address.isIPv4 { return prefix == 0 || (other.low ^ address.low) &>> (32 - UInt64(prefix)) == 0 }
    let high = other.high ^ address.high
    let low = other.low ^ address.low
    if prefix == 0 { return true }
    if prefix <= 64 { return high &>> (64 - UInt64(prefix)) == 0 }
    return high == 0 && low &>> (128 - UInt64(prefix)) == 0
  }
}

/// Plain numbers in text.
enum Digits {
  /// One to eighteen decimal digits and nothing else.
  static func decimal(_ text: ByteView) -> Int64? {
    guard text.count > 0, text.count <= 18 else { return nil }
    var value: Int64 = 0
    for index in 0..<text.count {
      let digit = text[index] &- UInt8(ascii: "0")
      guard digit < 10 else { return nil }
      value = value * 10 + Int64(digit)
    }
    return value
  }

  /// One to fifteen hexadecimal digits and nothing else.
  static func hexadecimal(_ text: ByteView) -> Int64? {
    guard text.count > 0, text.count <= 15 else { return nil }
    var value: Int64 = 0
    for index in 0..<text.count {
      guard let digit = Character(UnicodeScalar(text[index])).hexDigitValue else { return nil }
      value = value &<< 4 | Int64(digit)
    }
    return value
  }
}

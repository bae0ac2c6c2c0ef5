/// A range of addresses that begin alike: `10.0.0.0/8`, `2001:db8::/32`, or one address alone.
public struct AddressPrefix: Hashable, Sendable, BitwiseCopyable, CustomStringConvertible {
  /// The lowest address of the range.
  public let address: IPAddress
  /// Bits that count: 0 to 32 for IPv4, 0 to 128 for IPv6.
  public let bits: Int

  /// Why a text is no range of addresses, and what to write instead.
  public struct Invalid: Error, Equatable, Sendable, CustomStringConvertible {
    public var text: String
    public var reason: String
    public var description: String { "'\(text)' is no range of addresses: \(reason)" }
  }

  /// Reads `address/bits`, or an address alone. An IPv4-mapped IPv6 range means the IPv4 range in it, for that
  /// is how its senders are seen. Bits behind the prefix must be 0: `10.1.2.3/8` is more often a slip than
  /// meant, and it would let in more than it seems to.
  public init(_ text: String) throws(Invalid) {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard let written = parts.first.flatMap({ IPAddress(String($0)) }) else {
      throw Invalid(text: text, reason: "it is written as 10.0.0.0/8, 2001:db8::/32 or 192.0.2.7")
    }
    let most = written.byteCount * 8
    var bits = most
    if parts.count == 2 {
      guard let number = Int(parts[1]), parts[1].utf8.allSatisfy({ $0 &- 0x30 < 10 }), number <= most else {
        throw Invalid(
          text: text, reason: "behind the slash stands how many bits count, 0 to \(most), not '\(parts[1])'")
      }
      bits = number
    }
    let lowest = written.prefix(bits)
    guard lowest == written else {
      throw Invalid(
        text: text,
        reason: "bits are set behind the first \(bits); write \(lowest)/\(bits), or \(written) for it alone")
    }
    let unmapped = written.unmapped
    address = unmapped
    self.bits = unmapped.isIPv6 == written.isIPv6 ? bits : max(0, bits - 96)
  }

  /// Whether `other` is in the range; an IPv4-mapped IPv6 address as the IPv4 address in it.
  public func contains(_ other: IPAddress) -> Bool {
    let other = other.unmapped
    return other.isIPv6 == address.isIPv6 && other.prefix(bits) == address
  }

  /// As configurations write it.
  public var description: String { bits == address.byteCount * 8 ? "\(address)" : "\(address)/\(bits)" }
}

extension IPAddress {
  /// The address with all bits but the first `bits` cleared.
  func prefix(_ bits: Int) -> IPAddress {
    // Shifts by the full width give 0.
    isIPv6
      ? IPAddress(
        v6: high & ~(UInt64.max >> UInt64(min(bits, 64))),
        low & ~(UInt64.max >> UInt64(max(0, bits - 64))))
      : IPAddress(v4: UInt32(truncatingIfNeeded: low) & ~(UInt32.max >> UInt32(bits)))
  }
}

/// Whom a source lets in. Without a list that is everybody; with an empty one, nobody.
public struct AllowList: Equatable, Sendable {
  public let prefixes: [AddressPrefix]

  public init(_ prefixes: [AddressPrefix]) { self.prefixes = prefixes }

  public func contains(_ address: IPAddress) -> Bool {
    for prefix in prefixes where prefix.contains(address) { return true }
    return false
  }
}

import Bytes
import Cryptography
import Events

/// What stands for addresses and texts: equal ones give equal pseudonyms, another key gives others.
struct Pseudonyms {
  private let key: [UInt8]

  init(_ key: PseudonymKey?) { self.key = key?.bytes ?? [] }

  /// A unique local address (RFC 4193): `fd`, then 120 bits of HMAC-SHA-256. An IPv4 address and the same one
  /// mapped to IPv6 have the same.
  func address(_ address: Address) throws(CryptoError) -> Address {
    let plain = address.unmappedIPv4
    var message = ByteBuffer(capacity: 32)
    message.append("address ")
    message.append(plain.isIPv4 ? UInt8(4) : 6)
    message.append(littleEndian: plain.high.byteSwapped)
    message.append(littleEndian: plain.low.byteSwapped)
    return try Self.local(code(message.view))
  }

  /// The same for what stands where an address should and is none.
  func address(for text: ByteView) throws(CryptoError) -> Address {
    var message = ByteBuffer(capacity: 16 + text.count)
    message.append("no address ")
    message.append(text)
    return try Self.local(code(message.view))
  }

  /// Appends `p:` and 128 bits in hexadecimal.
  func append(_ text: ByteView, to out: inout ByteBuffer) throws(CryptoError) {
    var message = ByteBuffer(capacity: 8 + text.count)
    message.append("text ")
    message.append(text)
    let hex = "\(try code(message.view))"
    out.append("p:\(hex.prefix(32))")
  }

  private func code(_ message: ByteView) throws(CryptoError) -> Digest {
    try key.withView { (key) throws(CryptoError) in try SHA256.hmac(key: key, message: message) }
  }

  private static func local(_ code: Digest) -> Address {
    let bytes = code.array
    let word = { (range: Range<Int>) in bytes[range].reduce(UInt64(0)) { $0 << 8 | UInt64($1) } }
    return Address(ipv6: 0xFD << 56 | word(0..<7), word(7..<15))
  }
}

extension Address {
  /// The IPv4 address that `::ffff:192.0.2.1` stands for; else the address itself.
  var unmappedIPv4: Address {
    !isIPv4 && high == 0 && low >> 32 == 0xFFFF ? Address(ipv4: UInt32(truncatingIfNeeded: low)) : self
  }

  /// The address with its first `v4` or `v6` bits, and zeros behind them.
  func network(v4: Int, v6: Int) -> Address {
    if isIPv4 {
      return Address(ipv4: v4 == 0 ? 0 : UInt32(truncatingIfNeeded: low) & ~0 << UInt32(32 - v4))
    }
    if unmappedIPv4.isIPv4 {
      return Address(ipv6: high, 0xFFFF << 32 | unmappedIPv4.network(v4: v4, v6: v6).low)
    }
    // Shifts of 64 give 0.
    let mask = { (bits: Int) in bits <= 0 ? UInt64(0) : ~0 << UInt64(max(0, 64 - bits)) }
    return Address(ipv6: high & mask(v6), low & mask(v6 - 64))
  }
}

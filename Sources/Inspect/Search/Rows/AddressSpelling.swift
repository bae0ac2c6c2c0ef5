import Bytes
import Events

/// How addresses are written.
///
/// To a search, an address is what its canonical spelling says: dotted decimal without leading zeros, RFC
/// 5952, or IPv6 with the last 32 bits in dotted decimal as `inet_ntop` writes them. Anything else in an
/// address field (`010.0.0.1`, which some read as octal; `2001:DB8::1`) is text. So equal addresses are equal
/// bytes, and a filter over the bytes that were logged can be believed.
enum AddressSpelling {
  /// All canonical spellings of an address.
  static func all(of address: Address) -> [[UInt8]] {
    let usual = address.description
    guard !address.isIPv4, address.high == 0, address.low > 0xFFFF else { return [Array(usual.utf8)] }
    let dotted = Address(ipv4: UInt32(truncatingIfNeeded: address.low)).description
    switch address.low &>> 32 {
    case 0xFFFF: return [Array(usual.utf8), Array(hexadecimal(address.low).utf8)]
    case 0: return [Array(usual.utf8), Array("::\(dotted)".utf8)]
    default: return [Array(usual.utf8)]
    }
  }

  /// An IPv4-mapped address in eight groups.
  private static func hexadecimal(_ low: UInt64) -> String {
    "::ffff:\(String(low &>> 16 & 0xFFFF, radix: 16)):\(String(low & 0xFFFF, radix: 16))"
  }

  static func isCanonical(_ bytes: ByteView, _ address: Address) -> Bool {
    all(of: address).contains { $0.withView { $0 == bytes } }
  }

  /// What a slot's bytes mean; an address only where it is spelled canonically.
  static func value(_ bytes: ByteView, _ meaning: SlotMeaning, _ context: EventContext) -> Value {
    let value = meaning.value(of: bytes, context)
    if case .address(let address) = value, !meaning.isEncoded, !isCanonical(bytes, address) {
      return .text(TextRange(start: 0, count: bytes.count))
    }
    return value
  }
}

import Bytes

extension ByteReader {
  /// Skips `literal`; throws, and stays, when something else comes next.
  mutating func expect(_ literal: StaticString) throws(DecodeError) {
    let wanted = unsafe ByteView(unsafeBase: literal.utf8Start, count: literal.utf8CodeUnitCount)
    guard view.matches(wanted, at: offset) else { throw error() }
    _ = try bytes(wanted.count)
  }

  /// Reads a decimal number of 1 to `digits` digits without leading zeros, up to the first byte that is none.
  mutating func decimal(digits: Int = 20) throws(DecodeError) -> UInt64 {
    let start = offset
    var value: UInt64 = 0
    while remaining > 0 {
      let digit = view[offset] &- UInt8(ascii: "0")
      if digit > 9 { break }
      let (scaled, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = scaled.addingReportingOverflow(UInt64(digit))
      if overflow || carry || offset - start == digits { throw DecodeError(.invalid, at: start) }
      value = sum
      _ = try byte()
    }
    let count = offset - start
    guard count > 0, count == 1 || view[start] != UInt8(ascii: "0") else {
      throw DecodeError(.invalid, at: start)
    }
    return value
  }

  /// Reads up to the next LF and past it; nil when there is none.
  mutating func line() -> ByteView? {
    guard let end = view.find(0x0A, from: offset), let line = try? bytes(end - offset) else { return nil }
    _ = try? byte()
    return line
  }
}

extension ByteView {
  /// The bytes as one decimal number and nothing else.
  var decimal: UInt64? {
    var reader = ByteReader(self)
    guard let value = try? reader.decimal(), reader.remaining == 0 else { return nil }
    return value
  }
}

import Bytes
import Events

/// Reads the values of an expression as what they are compared with.
enum Literal {
  // MARK: Numbers

  /// Digits, `-` allowed in front.
  static func integer(_ word: String) -> Int64? {
    guard let first = word.utf8.first, first != UInt8(ascii: "+") else { return nil }
    return Int64(word)
  }

  /// A status (`404`), or a class of them (`4xx`).
  static func status(_ word: String) -> ClosedRange<Int64>? {
    let bytes = Array(word.utf8)
    if bytes.count == 3, bytes[1] | 32 == UInt8(ascii: "x"), bytes[2] | 32 == UInt8(ascii: "x"),
      bytes[0] &- UInt8(ascii: "1") < 9
    {
      let first = Int64(bytes[0] - UInt8(ascii: "0")) * 100
      return first...first + 99
    }
    return integer(word).map { $0...$0 }
  }

  /// Numbers with units, one after the other (`1m30s`), in nanoseconds; or `0`.
  static func duration(_ word: String) -> Int64? {
    sum(word) { unit in
      switch unit {
      case "ns": 1
      case "us", "µs", "μs": 1_000
      case "ms": 1_000_000
      case "s": 1_000_000_000
      case "m", "min": 60_000_000_000
      case "h": 3_600_000_000_000
      case "d": 86_400_000_000_000
      case "w": 604_800_000_000_000
      default: nil
      }
    }
  }

  /// Bytes: a number alone or with a unit, of 1000 (`kB`, `MB`, `GB`, `TB`) or of 1024 (`KiB`, `MiB`, `GiB`,
  /// `TiB`).
  static func size(_ word: String) -> Int64? {
    if let number = integer(word) { return number }
    return sum(word) { unit in
      switch unit {
      case "B": 1
      case "kB", "KB", "k", "K": 1_000
      case "MB", "M": 1_000_000
      case "GB", "G": 1_000_000_000
      case "TB", "T": 1_000_000_000_000
      case "KiB": 1 << 10
      case "MiB": 1 << 20
      case "GiB": 1 << 30
      case "TiB": 1 << 40
      default: nil
      }
    }
  }

  /// `0`, or the sum of `number unit` pairs without blanks between.
  private static func sum(_ word: String, _ factor: (Substring) -> Int64?) -> Int64? {
    if word == "0" { return 0 }
    var rest = word[...]
    let isNegative = rest.hasPrefix("-")
    if isNegative { rest.removeFirst() }
    var total: Int64 = 0
    if rest.isEmpty { return nil }
    while !rest.isEmpty {
      let number = rest.prefix { $0.isASCII && $0.isNumber || $0 == "." }
      rest = rest[number.endIndex...]
      let unit = rest.prefix { !($0.isASCII && $0.isNumber) && $0 != "." }
      rest = rest[unit.endIndex...]
      guard let factor = factor(unit), let part = product(number, factor) else { return nil }
      let (sum, overflow) = total.addingReportingOverflow(part)
      if overflow { return nil }
      total = sum
    }
    return isNegative ? -total : total
  }

  /// A decimal number times `factor`, exactly; nil when that is not whole, or too large.
  private static func product(_ number: Substring, _ factor: Int64) -> Int64? {
    let parts = number.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count <= 2, let whole = Int64(parts[0]) else { return nil }
    let (product, overflow) = whole.multipliedReportingOverflow(by: factor)
    if overflow { return nil }
    if parts.count == 1 { return product }
    guard parts[1].count <= 9, let digits = Int64(parts[1]) else { return nil }
    var scale: Int64 = 1
    for _ in parts[1].indices { scale *= 10 }
    let (part, carry) = digits.multipliedReportingOverflow(by: factor)
    guard !carry, part % scale == 0 else { return nil }
    let (sum, sumOverflow) = product.addingReportingOverflow(part / scale)
    return sumOverflow ? nil : sum
  }

  // MARK: Times

  /// `2026-01-01`, `2026-01-01T10:00`, `2026-01-01 10:00:00.5`, with `Z` or `±hh:mm` behind a time; without
  /// one, a time is of `zone`. Nanoseconds since 1970.
  static func time(_ word: String, zone: Zone) -> Int64? {
    var text = word
    if text.utf8.count == 10 { text += "T00:00:00" }
    // Hours and minutes alone: the seconds are put between them and the zone.
    let bytes = Array(text.utf8)
    if bytes.count >= 16, bytes.count == 16 || bytes[16] != UInt8(ascii: ":") {
      text =
        String(decoding: bytes[..<16], as: UTF8.self) + ":00" + String(decoding: bytes[16...], as: UTF8.self)
    }
    guard let stamp = Array(text.utf8).withView({ Stamp(iso: $0) }), (stamp.year ?? 0) >= 1900 else {
      return nil
    }
    return EventContext(receiveTime: 0, zone: zone).resolve(stamp).nanoseconds
  }

  /// A time as above; or how long before `now`: `30m`, `2d`, `now`.
  static func timeOrAge(_ word: String, now: Int64, zone: Zone) -> Int64? {
    if word == "now" { return now }
    if let age = duration(word), age >= 0 { return now &- age }
    return time(word, zone: zone)
  }

  // MARK: Others

  static func network(_ word: String) -> Network? { Array(word.utf8).withView { Network($0) } }

  static func flag(_ word: String) -> Bool? {
    switch word {
    case "true": true
    case "false": false
    default: nil
    }
  }
}

extension Network {
  /// Least and greatest address, as numbers; nil for IPv6.
  var ipv4Range: ClosedRange<Int64>? {
    guard address.isIPv4 else { return nil }
    let mask: UInt32 = prefix == 0 ? 0 : .max &<< UInt32(32 - prefix)
    let low = UInt32(truncatingIfNeeded: address.low) & mask
    return Int64(low)...Int64(low | ~mask)
  }

  /// The only address in it, if there is only one.
  var single: Address? { prefix == (address.isIPv4 ? 32 : 128) ? address : nil }
}

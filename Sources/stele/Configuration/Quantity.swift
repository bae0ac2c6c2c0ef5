/// Numbers with units as configurations write them: durations `250ms`, sizes `1GiB`.
enum Quantity {
  private static let durations: [(String, Int64)] = [
    ("d", 86_400_000_000_000), ("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000),
    ("ms", 1_000_000), ("us", 1000),
  ]
  private static let sizes: [(String, Int64)] = [
    ("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 1000), ("kB", 1000), ("B", 1),
  ]

  /// Nanoseconds; nil for anything but digits and one of us, ms, s, m, h, d.
  static func duration(_ text: some StringProtocol) -> Int64? { parse(text, durations) }

  /// Bytes; nil for anything but digits and one of B, KiB, MiB, GiB, TiB (or KB, MB, GB, TB: powers of 1000).
  static func size(_ text: some StringProtocol) -> Int64? { parse(text, sizes) }

  private static func parse(_ text: some StringProtocol, _ units: [(String, Int64)]) -> Int64? {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    guard let number = Int64(digits), let unit = units.first(where: { text[digits.endIndex...] == $0.0 })
    else { return nil }
    let (product, overflow) = number.multipliedReportingOverflow(by: unit.1)
    return overflow ? nil : product
  }

  /// In the largest unit that leaves no rest: `90s`, `1h`.
  static func text(duration nanoseconds: Int64) -> String {
    text(nanoseconds, durations) ?? "\(nanoseconds)ns"
  }

  /// In the largest binary unit that leaves no rest: `1GiB`.
  static func text(size bytes: Int64) -> String {
    text(bytes, sizes.filter { $0.0.hasSuffix("iB") }) ?? "\(bytes)B"
  }

  private static func text(_ value: Int64, _ units: [(String, Int64)]) -> String? {
    let unit = units.first { value >= $0.1 && value % $0.1 == 0 }
    return unit.map { "\(value / $0.1)\($0.0)" }
  }

  /// Rounded for people, three digits or so: `1.24 GB`, `317 kB`, `12 B`. Powers of 1000.
  static func rounded(bytes: Int) -> String {
    rounded(Double(bytes), ["B", "kB", "MB", "GB", "TB"], separator: " ")
  }

  /// Rounded for people: `1.24 M`, `317 k`, `12`.
  static func rounded(count: Double) -> String { rounded(count, ["", "k", "M", "G"], separator: " ") }

  private static func rounded(_ value: Double, _ units: [String], separator: String) -> String {
    var value = value
    var place = 0
    while value >= 999.5, place + 1 < units.count {
      value /= 1000
      place += 1
    }
    let number =
      place == 0
      ? "\(Int(value.rounded()))" : decimal(value, places: value < 9.995 ? 2 : value < 99.95 ? 1 : 0)
    return units[place].isEmpty ? number : number + separator + units[place]
  }

  /// A number that is not negative, with so many decimal places (0 to 3).
  static func decimal(_ value: Double, places: Int) -> String {
    let scale = [1.0, 10, 100, 1000][places]
    let scaled = Int((value * scale).rounded())
    if places == 0 { return "\(scaled)" }
    let fraction = String(scaled % Int(scale))
    return "\(scaled / Int(scale))." + String(repeating: "0", count: places - fraction.count) + fraction
  }

  /// For people: `0.35 s`, `12 s`, `3 min 05 s`, `2 h 10 min`.
  static func rounded(nanoseconds: Int64) -> String {
    let seconds = Double(max(0, nanoseconds)) / 1e9
    if seconds < 10 { return decimal(seconds, places: 2) + " s" }
    let whole = Int(seconds.rounded())
    func padded(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    if whole < 60 { return "\(whole) s" }
    if whole < 3600 { return "\(whole / 60) min \(padded(whole % 60)) s" }
    return "\(whole / 3600) h \(padded(whole / 60 % 60)) min"
  }
}

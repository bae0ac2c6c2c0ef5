import Bytes

extension TimestampSettings {
  /// Longest and shortest time between two tokens over checkpoints, nanoseconds.
  private static let intervals: ClosedRange<Int64> = 1_000_000_000...366 * 86_400_000_000_000

  init(_ value: ConfigurationValue, _ paths: PathBase) throws(ConfigurationError) {
    let group = try value.group(["url", "ca", "every"])
    let place = try group.required("url")
    self.init(url: try place.text())
    guard url.hasPrefix("http://") || url.hasPrefix("https://"),
      url.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F })
    else { throw place.error("\(place.name): '\(url)' is no URL that begins with http:// or https://") }
    authorities = try group["ca"].map { (value) throws(ConfigurationError) in try paths.resolve(value) }
    if let value = group["every"] { interval = try value.duration(Self.intervals) }
  }

  /// The keys with their values.
  var members: [(name: String, value: String)] {
    [("url", url)] + (authorities.map { [("ca", $0)] } ?? []) + [("every", Quantity.text(duration: interval))]
  }
}

extension ScrubSettings {
  /// Bytes a second; nanoseconds.
  private static let rates: ClosedRange<Int64> = 4 << 10...1 << 40
  private static let intervals: ClosedRange<Int64> = 1_000_000_000...366 * 86_400_000_000_000

  init(_ value: ConfigurationValue) throws(ConfigurationError) {
    let group = try value.group(["rate", "every"])
    self.init()
    if let value = group["rate"] {
      let text = try value.scalar()
      guard text.hasSuffix("/s"), let rate = Quantity.size(text.dropLast(2)), Self.rates.contains(rate) else {
        throw value.error("\(value.name): '\(text)' is no rate of 4KiB/s or more; it is written as 20MiB/s")
      }
      self.rate = Int(rate)
    }
    if let value = group["every"] { interval = try value.duration(Self.intervals) }
  }

  /// The keys with their values.
  var members: [(name: String, value: String)] {
    [("rate", Quantity.text(size: Int64(rate)) + "/s"), ("every", Quantity.text(duration: interval))]
  }
}

extension Settings {
  /// The groups that are optional as a whole, in order.
  var backgroundGroups: [(name: String, members: [(name: String, value: String)])] {
    (timestamps.map { [("timestamps", $0.members)] } ?? []) + (scrub.map { [("scrub", $0.members)] } ?? [])
      + (http.map { [("http", $0.members)] } ?? [])
  }

  /// Those groups as members of the whole.
  var backgroundJSON: [JSONValue.Member] {
    backgroundGroups.map { group in
      JSONValue.Member(group.name, .object(group.members.map { JSONValue.Member($0.name, .text($0.value)) }))
    }
  }
}

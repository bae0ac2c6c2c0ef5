import Bytes
import Events

/// Events of all kinds with values of all kinds in their fields; the same for each seed.
struct SampleEvents {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  static let formats: [String?] = [
    "nginx/combined", "haproxy/httplog", "haproxy/tcplog", "haproxy/error", "haproxy/backend-down",
    "haproxy/address-change", "haproxy/proxy-stop", "haproxy/loss", "nginx/error", "nginx/stream",
    "envoy/default", "haproxy:own", nil,
  ]

  /// SplitMix64.
  private mutating func below(_ bound: Int) -> Int {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return Int((z ^ z >> 31) % UInt64(bound))
  }

  private mutating func pick<T>(_ values: [T]) -> T { values[below(values.count)] }

  /// An event of a format, or of none, with about one in `share` fields set.
  mutating func event(share: Int = 3, _ body: (borrowing Event) throws -> Void) rethrows {
    var event = Event()
    let format = pick(Self.formats)
    if format == nil, below(2) == 0 { text().withView { event.set(.message, text: $0) } }
    for field in Field.allCases where below(share) == 0 { set(field, &event) }
    // What the parser and the collector set themselves.
    for field in [Field.kind, .outcome, .parseStatus, .parserFormat, .lbProduct, .parseError] {
      event.set(field, .null(.absent))
    }
    event.set(.truncated, text: pick(["none", "source_suspected", "source_certain", "collector"]))
    event.set(.sourceID, text: pick(["edge", "inner"]))
    event.set(.seq, .integer(Int64(below(1 << 40))))
    if format == nil { event.set(.parseStatus, text: pick(["failed", "ambiguous"])) }
    for name in ["$geoip_city", "%[var(txn.\"x\")]"] where below(4) == 0 {
      text().withView { event.addExtra(name, text: $0) }
    }
    event.finish(
      format: format, EventContext(receiveTime: 1_767_225_600_000_000_000 + Int64(below(1 << 40))),
      isStatement: format == nil && below(3) == 0)
    try body(event)
  }

  private static let words: [[UInt8]] =
    [
      "alpha", "be_app", "www.example.com", "www.example.com:8443", "[2001:db8::1]:80", "a b", "x\"y\\z",
      "caf\u{e9}", "\u{FFFD}",
      "\u{1}\u{7F}\t", "TLSv1.3", "/a/b?c=d", "10.0.0.1:80, 10.0.0.2:80 : 10.0.0.3:81", "502, 200 : 404",
      "GET", "BREW",
      "203.0.113.7, 198.51.100.4", "0123456789abcdef", "0123456789abcdef0123456789ABCDEF", "started",
      "reload", "UDP",
      "00000000000000000000000000000000", "da39a3ee5e6b4b0d3255bfef95601890afd80709", "1.1", "unix:/run/x",
      "-1",
    ].map { Array($0.utf8) } + [[0x61, 0xFF, 0x62], [0xC3], [0xED, 0xA0, 0x80]]

  private mutating func text() -> [UInt8] { pick(Self.words) }

  private mutating func set(_ field: Field, _ event: inout Event) {
    if below(12) == 0 { return event.set(field, .null(pick([.dash, .empty, .notReached]))) }
    // Not of the field's type.
    if below(20) == 0 { return text().withView { event.set(field, text: $0) } }
    switch field.type {
    case .integer: event.set(field, .integer(Int64(pick([0, 1, 7, 443, 65_535, 1 << 53 + 1, -1]))))
    case .status: event.set(field, .integer(Int64(pick([200, 404, 503, 0, -1, 9, 499, 999]))))
    case .duration: event.set(field, .duration(Int64(pick([0, 1_000_000, 1_500_000_001, 86_000_000, 999]))))
    case .size: event.set(field, .size(Int64(pick([0, 1, 38_576, 1 << 60]))))
    case .time: event.set(field, .time(1_767_225_600_000_000_000 + Int64(below(3)) * 123_000_001))
    case .address:
      event.set(
        field,
        .address(
          pick([
            Address(ipv4: 0xC000_0201), Address(ipv6: 0x2001_0DB8_0000_0000, 1),
            Address(ipv6: 0, 0xFFFF_C000_0201),
          ])))
    case .flag: event.set(field, .flag(below(2) == 0))
    case .text, .list: text().withView { event.set(field, text: $0) }
    }
  }
}

import Bytes
import ProxyConfiguration

/// A source's `reconcile:`: where its load balancer tells how many requests it has had.
struct ReconcileSettings: Equatable, Sendable {
  var kind: ProxyKind
  /// HAProxy: its stats socket, `unix:///run/haproxy/admin.sock` or `tcp://127.0.0.1:9999`. Nginx: the URL of
  /// `stub_status`. Envoy: the URL of its administration interface.
  var address: String
  /// Frontends of HAProxy, or Envoy's `stat_prefix`es; empty for all.
  var proxies: [String] = []
  /// How often a statement is made, nanoseconds.
  var every: Int64 = 3_600_000_000_000

  private static let intervals: ClosedRange<Int64> = 2_000_000_000...86_400_000_000_000

  init(_ value: ConfigurationValue) throws(ConfigurationError) {
    let group = try value.group(ProxyKind.allCases.map(\.rawValue) + ["proxies", "every"])
    let kinds = ProxyKind.allCases.filter { group[$0.rawValue] != nil }
    guard kinds.count == 1, let place = group[kinds[0].rawValue] else {
      throw value.error(
        "\(value.name) must name one load balancer: {haproxy: unix:///run/haproxy/admin.sock}, "
          + "{nginx: http://127.0.0.1:8080/stub_status} or {envoy: http://127.0.0.1:9901}")
    }
    kind = kinds[0]
    address = try place.text()
    if kind == .haproxy {
      guard let endpoint = try? Endpoint(address), endpoint.scheme == .unix || endpoint.scheme == .tcp else {
        throw place.error(
          "\(place.name): '\(address)' is no stats socket; it is written as "
            + "unix:///run/haproxy/admin.sock or tcp://127.0.0.1:9999")
      }
    } else {
      guard address.hasPrefix("http://") || address.hasPrefix("https://") else {
        throw place.error("\(place.name): '\(address)' is no URL that begins with http:// or https://")
      }
      while address.hasSuffix("/") { address.removeLast() }
    }
    if let value = group["proxies"] {
      if kind == .nginx {
        throw value.error(
          "'proxies' says nothing for Nginx, which counts all its requests together; remove it")
      }
      for item in try value.list() { proxies.append(try item.text()) }
      if proxies.isEmpty { throw value.error("\(value.name) is empty; remove it, and all are counted") }
    }
    if let value = group["every"] { every = try value.duration(Self.intervals) }
  }

  /// As a configuration file may have it.
  var json: JSONValue {
    var members = [JSONValue.Member(kind.rawValue, .text(address))]
    if !proxies.isEmpty { members.append(.init("proxies", .list(proxies.map { .text($0) }))) }
    members.append(.init("every", .text(Quantity.text(duration: every))))
    return .object(members)
  }
}

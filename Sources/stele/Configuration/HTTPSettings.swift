import HTTP
import Platform

/// Where the daemon answers over HTTP, and when it calls itself unhealthy.
struct HTTPSettings: Equatable, Sendable {
  var address: HTTPListenAddress
  /// Others than this machine may ask.
  var allowsRemote = false
  var limits = HealthLimits()

  private enum Answer: String, CaseIterable { case `true`, `false` }

  init(_ value: ConfigurationValue) throws(ConfigurationError) {
    let group = try value.group(["listen", "allow_remote", "max_lag", "max_checkpoint_age", "min_free"])
    let listen = try group.required("listen")
    address = try Self.address(listen)
    if let value = group["allow_remote"] { allowsRemote = try value.choice(Answer.self) == .true }
    if !allowsRemote, !Self.isLocal(address) {
      throw listen.error(
        "\(listen.name): '\(try listen.text())' can be reached from other hosts, and anybody there could read it; "
          + "write 127.0.0.1, [::1] or unix:///PATH, or set http.allow_remote to true")
    }
    if let value = group["max_lag"] { limits.lag = try value.duration(1_000_000_000...86_400_000_000_000) }
    if let value = group["max_checkpoint_age"] {
      limits.checkpointAge = try value.duration(60_000_000_000...86_400_000_000_000)
    }
    if let value = group["min_free"] { limits.free = try value.size(0...1 << 50) }
  }

  /// `127.0.0.1:9464`, `[::1]:9464`, `unix:///run/stele/http.sock`.
  private static func address(_ value: ConfigurationValue) throws(ConfigurationError) -> HTTPListenAddress {
    let text = try value.text()
    do throws(HTTPListenAddress.Invalid) {
      return try HTTPListenAddress(text.contains("://") ? text : "http://" + text)
    } catch {
      throw value.error(
        "\(value.name): '\(text)' is no address to listen on; it is written as 127.0.0.1:9464, [::1]:9464 or "
          + "unix:///run/stele/http.sock")
    }
  }

  private static func isLocal(_ address: HTTPListenAddress) -> Bool {
    guard case .host(let host, _) = address else { return true }
    return host == "localhost" || IPAddress(host)?.isLoopback == true
  }

  /// As it is written in configurations.
  private var listen: String {
    if case .socket = address { "\(address)" } else { String("\(address)".dropFirst("http://".count)) }
  }

  /// The keys with their values.
  var members: [(name: String, value: String)] {
    [
      ("listen", listen), ("allow_remote", "\(allowsRemote)"),
      ("max_lag", Quantity.text(duration: limits.lag)),
      ("max_checkpoint_age", Quantity.text(duration: limits.checkpointAge)),
      ("min_free", Quantity.text(size: Int64(limits.free))),
    ]
  }
}

import Bytes
import Inspect
import Intake
import Platform
import TLS

/// How much one peer, and all together, may ask of a source.
struct PeerLimits: Equatable, Sendable {
  var connections = Intake.Limits.connections
  /// Nil: as many as all together.
  var connectionsPerPeer: Int?
  /// Nanoseconds.
  var handshakeTimeout = Intake.Limits.handshake
  /// Nanoseconds; nil: never.
  var idleTimeout: Int64?
  /// Nil: as much as comes.
  var rate: RateLimit?

  func apply(to source: inout Source) {
    source.connectionLimit = connections
    source.connectionsPerPeer = connectionsPerPeer
    source.handshakeTimeout = handshakeTimeout
    source.idleTimeout = idleTimeout
    source.rate = rate
  }

  /// The keys that say something for a transport, with their values.
  func members(_ scheme: Endpoint.Scheme) -> [(name: String, value: String)] {
    var members: [(name: String, value: String)] = []
    if scheme == .tcp || scheme == .tls || scheme == .unixStream {
      members.append(("connections", "\(connections)"))
      if let connectionsPerPeer { members.append(("connections_per_peer", "\(connectionsPerPeer)")) }
      if let idleTimeout { members.append(("idle_timeout", Quantity.text(duration: idleTimeout))) }
    }
    if scheme == .tls { members.append(("handshake_timeout", Quantity.text(duration: handshakeTimeout))) }
    if let rate { members += [("rate", "\(rate.rate)"), ("burst", "\(rate.burst)")] }
    return members
  }
}

extension SourceSettings {
  mutating func readLimits(_ group: ConfigurationGroup) throws(ConfigurationError) {
    switch listen.scheme {
    case .unix, .file:
      try refuse(
        ["connections", "connections_per_peer", "handshake_timeout", "idle_timeout", "rate", "burst"], group)
    case .udp:
      try refuse(["connections", "connections_per_peer", "handshake_timeout", "idle_timeout"], group)
    case .unixStream:
      // All peers are this host.
      try refuse(["connections_per_peer", "handshake_timeout", "rate", "burst"], group)
    case .tcp: try refuse(["handshake_timeout"], group)
    case .tls: break
    }
    if let value = group["connections"] { limits.connections = try value.count(1...1_000_000) }
    if let value = group["connections_per_peer"] {
      limits.connectionsPerPeer = try value.count(1...1_000_000)
    }
    if let value = group["handshake_timeout"] {
      limits.handshakeTimeout = try value.duration(100_000_000...600_000_000_000)
    }
    if let value = group["idle_timeout"] {
      limits.idleTimeout = try value.duration(100_000_000...366 * 86_400_000_000_000)
    }
    if let value = group["rate"] {
      let rate = try value.count(1...10_000_000)
      limits.rate = RateLimit(rate: rate, burst: try group["burst"]?.count(1...100_000_000) ?? rate)
    } else if let key = group.key("burst") {
      throw key.error("'burst' says nothing without 'rate', the messages a second that a peer may send")
    }
  }

  /// `clients: [{san: lb1.example.com, hosts: [lb1]}, {fingerprint: "SHA256:…"}]`
  func clients(
    _ value: ConfigurationValue, _ group: ConfigurationGroup
  ) throws(ConfigurationError) -> ClientList {
    guard clientCertificate == .required, let key = group.key("clients") else {
      throw value.error(
        "\(value.name) needs client_certificate to be required, for a client without a certificate is nobody")
    }
    var list = ClientList([])
    for item in try value.list() {
      let client = try ClientList.Client(item)
      if list.clients.contains(where: { $0.identity == client.identity }) {
        throw item.error("\(item.name): this client is in the list already; write all its hosts there")
      }
      list.clients.append(client)
    }
    if list.clients.isEmpty { throw key.error("clients must have at least one client; none could send") }
    return list
  }
}

extension ClientList.Client {
  init(_ value: ConfigurationValue) throws(ConfigurationError) {
    let group = try value.group(["san", "fingerprint", "hosts"])
    switch (group["san"], group["fingerprint"]) {
    case (let name?, nil): self.init(.name(try name.text()))
    case (nil, let fingerprint?): self.init(.fingerprint(try Self.fingerprint(fingerprint)))
    case (.some, let fingerprint?):
      throw fingerprint.error("\(value.name) has both 'san' and 'fingerprint'; remove one")
    case (nil, nil):
      throw value.error(
        "\(value.name) needs 'san', a name of the client's certificate, or 'fingerprint', its SHA-256")
    }
    guard let hosts = group["hosts"] else { return }
    var names: [String] = []
    for item in try hosts.list() {
      let name = try item.text()
      guard name.utf8.count <= 255, name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
        throw item.error("\(item.name): '\(name)' is no host name as syslog messages have it")
      }
      names.append(name)
    }
    self.hosts = names
  }

  /// `SHA256:` and 64 hexadecimal digits, in pairs with colons between them or not, as `openssl x509 -fingerprint`
  /// prints them.
  private static func fingerprint(_ value: ConfigurationValue) throws(ConfigurationError) -> [UInt8] {
    let text = try value.text()
    let digits = text.dropFirst(7).filter { $0 != ":" }
    let pairs = stride(from: 0, to: digits.count, by: 2).compactMap {
      UInt8(digits.dropFirst($0).prefix(2), radix: 16)
    }
    guard text.uppercased().hasPrefix("SHA256:"), digits.count == 64, pairs.count == 32 else {
      throw value.error(
        "\(value.name) is written as SHA256: and 64 hexadecimal digits; "
          + "openssl x509 -noout -fingerprint -sha256 -in FILE prints them")
    }
    return pairs
  }
}

extension ClientList {
  var json: JSONValue {
    .list(
      clients.map { client in
        let identity: JSONValue =
          switch client.identity {
          case .name(let name): ["san": .text(name)]
          case .fingerprint(let bytes): ["fingerprint": .text(PeerCertificate.text(fingerprint: bytes))]
          }
        return identity.adding("hosts", client.hosts.map { .list($0.map { .text($0) }) })
      })
  }
}

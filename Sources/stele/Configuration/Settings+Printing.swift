import Bytes
import Collector
import Inspect
import SegmentWriter
import Syslog
import TLS

extension Settings {
  /// Everything that holds, defaults too, as a configuration file that means the same (but for the sources'
  /// tests).
  var yaml: String {
    var text =
      "log:\n" + Self.lines([("directory", directory), ("key", keyPath), ("key_store", keyStorePath)])
    text += "  reserve: \(Quantity.text(size: Int64(reserve)))\n"
    text += "commit: \(Quantity.text(duration: commit))  # longest time a message waits for its fdatasync\n"
    let size = Quantity.text(size: Int64(segmentSize))
    let age = Quantity.text(duration: segmentAge)
    text +=
      "segment: {size: \(size), age: \(age)}  # when a segment is finished and sealed, whichever is first\n"
    if recipients.isEmpty {
      text += "# encryption: none; messages are stored in the clear\n"
    } else {
      text += "encryption:\n  recipients:\n"
      for path in recipients { text += "    - \(Self.scalar(path, of: "key"))\n" }
    }
    if let retention {
      text += "retention:\n" + Self.lines(Self.members(retention))
    } else {
      text += "# retention: none; entries are kept for ever\n"
    }
    for group in backgroundGroups { text += "\(group.name):\n" + Self.lines(group.members) }
    if timestamps == nil { text += "# timestamps: none\n" }
    if scrub == nil { text += "# scrub: none; sealed segments are not read again\n" }
    if let witnesses {
      text += "witnesses:\n" + Self.lines(witnesses.members)
    } else {
      text += "# witnesses: none\n"
    }
    text += "sources:\n"
    for source in sources {
      for (place, member) in source.members.enumerated() {
        text +=
          (place == 0 ? "  - " : "    ") + "\(member.name): \(Self.scalar(member.value, of: member.name))\n"
      }
      // JSON is YAML.
      if let allow = source.allow { text += "    allow: \(allow.json.text)\n" }
      if let clients = source.clients { text += "    clients: \(clients.json.text)\n" }
      if let minimise = source.minimise { text += "    minimize: \(minimise.escapedJSON.text)\n" }
      if let reconcile = source.reconcile { text += "    reconcile: \(reconcile.json.text)\n" }
    }
    return text
  }

  private static func lines(_ members: [(name: String, value: String)]) -> String {
    members.map { "  \($0.name): \(scalar($0.value, of: $0.name))\n" }.joined()
  }

  var json: JSONValue {
    let object: JSONValue = [
      "log": [
        "directory": .text(directory), "key": .text(keyPath), "key_store": .text(keyStorePath),
        "reserve": .text(Quantity.text(size: Int64(reserve))),
      ],
      "commit": .text(Quantity.text(duration: commit)),
      "segment": [
        "size": .text(Quantity.text(size: Int64(segmentSize))),
        "age": .text(Quantity.text(duration: segmentAge)),
      ],
      "encryption": recipients.isEmpty
        ? .null : ["recipients": .list(recipients.map { .text($0) })],
      "retention": retention.map {
        .object(Self.members($0).map { JSONValue.Member($0.name, .text($0.value)) })
      } ?? .null,
      "sources": .list(
        sources.map { source in
          JSONValue.object(source.members.map { JSONValue.Member($0.name, .text($0.value)) })
            .adding("allow", source.allow?.json).adding("clients", source.clients?.json)
            .adding("minimize", source.minimise?.json).adding("reconcile", source.reconcile?.json)
        }),
    ]
    guard case .object(let members) = object else { return object }
    let background = JSONValue.object(members + backgroundJSON)
    guard let witnesses else { return background }
    let policy: JSONValue = [
      "policy": .text(witnesses.policy), "every": .text(Quantity.text(duration: witnesses.every)),
      "ca": .optional(witnesses.authorities),
    ]
    return background.adding("witnesses", policy)
  }

  private static func members(_ retention: RetentionPolicy) -> [(name: String, value: String)] {
    var members: [(name: String, value: String)] = []
    if let age = retention.age { members.append(("age", Quantity.text(duration: age))) }
    if let size = retention.size { members.append(("size", Quantity.text(size: Int64(size)))) }
    return members
  }

  /// Keys whose values are numbers, or yes or no.
  private static let bare: Set<String> = [
    "sockets", "connections", "connections_per_peer", "rate", "burst", "allow_remote",
  ]

  /// A key's value as YAML writes it: plain where that is unmistakable, else in quotes.
  private static func scalar(_ value: String, of key: String) -> String {
    let text = PathBase.keys.contains(key) ? PathBase.escaped(value) : value
    if bare.contains(key) { return text }
    let plain = text.unicodeScalars.allSatisfy {
      ("a"..."z").contains($0) || ("A"..."Z").contains($0) || ("0"..."9").contains($0)
        || "/._-:+".unicodeScalars.contains($0)
    }
    if plain, PlainScalar.kind(text) == nil, !text.hasSuffix(":"),
      text.first?.isLetter == true || text.first == "/" || text.first?.isNumber == true && !text.contains(":")
    {
      return text
    }
    if text.unicodeScalars.contains(where: { $0.value < 0x20 || (0x7F...0xA0).contains($0.value) }) {
      return JSON.quote(text)
    }
    return "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'"
  }
}

extension WitnessSettings {
  /// The keys with their values.
  fileprivate var members: [(name: String, value: String)] {
    [("policy", policy), ("every", Quantity.text(duration: every))]
      + (authorities.map { [("ca", $0)] } ?? [])
  }
}

extension SourceSettings {
  /// The keys that say something for the source's transport, with their values.
  var members: [(name: String, value: String)] {
    let place = listen.scheme == .file ? ("file", listen.host) : ("listen", listen.url)
    var members = [("name", name), place, ("format", format), ("timezone", timezone)]
    switch listen.scheme {
    case .file:
      members += [
        ("start", startsAtEnd ? FileStart.end.rawValue : FileStart.beginning.rawValue),
        ("max_message", Quantity.text(size: Int64(messageLimit))),
      ]
    case .udp:
      members += [
        ("receive_buffer", Quantity.text(size: Int64(receiveBuffer))), ("sockets", "\(sockets)"),
      ]
    case .unix: members.append(("receive_buffer", Quantity.text(size: Int64(receiveBuffer))))
    case .tcp, .tls, .unixStream:
      members += [
        ("framing", framing.rawValue), ("max_message", Quantity.text(size: Int64(messageLimit))),
      ]
      if expectsProxy { members.append(("proxy_protocol", Switch.on.rawValue)) }
    }
    members += limits.members(listen.scheme)
    guard listen.scheme == .tls else { return members }
    if let certificate { members.append(("certificate", certificate)) }
    if let key { members.append(("key", key)) }
    if let clientCA { members.append(("client_ca", clientCA)) }
    members.append(("client_certificate", clientCertificate.rawValue))
    members.append(("tls_minimum", tlsMinimum.rawValue))
    return members
  }
}

import Bytes
import Collector
import Inspect
import Syslog
import TLS

extension Settings {
  /// Everything that was understood, defaults too, as a configuration file that means the same.
  var yaml: String {
    var text = "log:\n  directory: \(Self.scalar(directory))\n  key: \(Self.scalar(keyPath))\n"
    text += "  key_store: \(Self.scalar(keyStorePath))\n"
    text += "commit: \(Quantity.text(duration: commit))\n"
    let size = Quantity.text(size: Int64(segmentSize))
    let age = Quantity.text(duration: segmentAge)
    text += "segment: {size: \(size), age: \(age)}\n"
    if !recipients.isEmpty {
      text += "encryption:\n  recipients:\n"
      for path in recipients { text += "    - \(Self.scalar(path))\n" }
    }
    for group in backgroundGroups {
      text += "\(group.name):\n"
      for member in group.members { text += "  \(member.name): \(Self.scalar(member.value))\n" }
    }
    if let witnesses {
      text += "witnesses: {policy: \(Self.scalar(witnesses.policy)), "
      text += "every: \(Quantity.text(duration: witnesses.every))"
      text += witnesses.authorities.map { ", ca: \(Self.scalar($0))" } ?? ""
      text += "}\n"
    }
    if let retention {
      text += "retention: {\(Self.members(retention).map { "\($0): \($1)" }.joined(separator: ", "))}\n"
    }
    text += "sources:\n"
    for source in sources {
      for (place, member) in source.members.enumerated() {
        text += (place == 0 ? "  - " : "    ") + "\(member.name): \(Self.scalar(member.value))\n"
      }
      // JSON is YAML.
      if let minimise = source.minimise { text += "    minimize: \(minimise.json.text)\n" }
    }
    return text
  }

  var json: JSONValue {
    let object: JSONValue = [
      "log": ["directory": .text(directory), "key": .text(keyPath), "key_store": .text(keyStorePath)],
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
            .adding("minimize", source.minimise?.json)
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

  /// A text as YAML writes it: plain where that is unmistakable, else in single quotes.
  private static func scalar(_ text: String) -> String {
    let plain = text.unicodeScalars.allSatisfy {
      ("a"..."z").contains($0) || ("A"..."Z").contains($0) || ("0"..."9").contains($0)
        || "/._-:+".unicodeScalars.contains($0)
    }
    if plain, text.first?.isLetter == true || text.first == "/", !text.hasSuffix(":") { return text }
    if text.first?.isNumber == true, plain, !text.contains(":") { return text }
    return "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'"
  }
}

extension SourceSettings {
  /// The keys that say something for the source's transport, with their values.
  var members: [(name: String, value: String)] {
    var members = [("name", name), ("listen", listen.url), ("format", format), ("timezone", timezone)]
    switch listen.scheme {
    case .udp:
      members += [
        ("receive_buffer", Quantity.text(size: Int64(receiveBuffer))), ("sockets", "\(sockets)"),
      ]
    case .unix: members.append(("receive_buffer", Quantity.text(size: Int64(receiveBuffer))))
    case .tcp, .tls:
      members += [
        ("framing", framing.rawValue), ("max_message", Quantity.text(size: Int64(messageLimit))),
      ]
    }
    guard listen.scheme == .tls else { return members }
    if let certificate { members.append(("certificate", certificate)) }
    if let key { members.append(("key", key)) }
    if let clientCA { members.append(("client_ca", clientCA)) }
    members.append(("client_certificate", clientCertificate.rawValue))
    return members
  }
}

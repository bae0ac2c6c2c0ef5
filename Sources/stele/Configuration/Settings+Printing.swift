import Bytes
import Inspect
import Syslog
import TLS

extension Settings {
  /// Everything that was understood, defaults too, as a configuration file that means the same.
  var yaml: String {
    var text = "log:\n  directory: \(Self.scalar(directory))\n  key: \(Self.scalar(keyPath))\n"
    text += "commit: \(Quantity.text(duration: commit))\n"
    let size = Quantity.text(size: Int64(segmentSize))
    let age = Quantity.text(duration: segmentAge)
    text += "segment: {size: \(size), age: \(age)}\n"
    text += "sources:\n"
    for source in sources {
      for (place, member) in source.members.enumerated() {
        text += (place == 0 ? "  - " : "    ") + "\(member.name): \(Self.scalar(member.value))\n"
      }
    }
    return text
  }

  var json: JSONValue {
    [
      "log": ["directory": .text(directory), "key": .text(keyPath)],
      "commit": .text(Quantity.text(duration: commit)),
      "segment": [
        "size": .text(Quantity.text(size: Int64(segmentSize))),
        "age": .text(Quantity.text(duration: segmentAge)),
      ],
      "sources": .list(
        sources.map { .object($0.members.map { JSONValue.Member($0.name, .text($0.value)) }) }),
    ]
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

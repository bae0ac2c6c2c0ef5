import Bytes
import Syslog

/// Whether the messages of one connection name hosts for which its client may speak. What was asked last is
/// remembered, for the next message nearly always names the same host. Used by one thread at a time.
final class HostCheck {
  /// In lower case, sorted out once for a connection.
  private let hosts: [[UInt8]]
  private var last = ByteBuffer(capacity: 64)
  private var lastIsForeign = false

  init(_ hosts: [String]) {
    self.hosts = hosts.map { Array($0.lowercased().utf8) }
  }

  /// Whether `message` names another's host. One without a host name says nothing wrong, and what continues a
  /// message is what that was.
  func isForeign(_ message: ByteView, continues: Bool) -> Bool {
    if continues { return lastIsForeign }
    guard let place = SyslogHost.range(in: message) else {
      last.removeAll()
      lastIsForeign = false
      return false
    }
    let host = message[place.lowerBound, place.upperBound]
    if last.count > 0, last.view == host { return lastIsForeign }
    last.removeAll()
    last.append(host.prefix(min(host.count, Self.mostBytes)))
    lastIsForeign = host.count > Self.mostBytes || !hosts.contains { Self.stands($0, for: host) }
    return lastIsForeign
  }

  /// RFC 5424, section 6: no host name is longer.
  private static let mostBytes = 255

  /// Whether `name` is `host`, or, as `*.example.com`, stands for it (RFC 6125, section 6.4.3).
  private static func stands(_ name: [UInt8], for host: ByteView) -> Bool {
    guard name.first == UInt8(ascii: "*") else { return isSame(name[...], host) }
    guard let dot = host.find(UInt8(ascii: "."), from: 0), dot > 0 else { return false }
    return isSame(name.dropFirst(), host.dropFirst(dot))
  }

  private static func isSame(_ lowered: ArraySlice<UInt8>, _ host: ByteView) -> Bool {
    if lowered.count != host.count { return false }
    for (index, expected) in lowered.enumerated() {
      let byte = host[index]
      let isUpper = byte &- UInt8(ascii: "A") < 26
      if (isUpper ? byte | 0x20 : byte) != expected { return false }
    }
    return true
  }
}

import Bytes
import Events
import Platform

/// Time zones by name: the compiled files of the package tzdata.
enum TimeZoneFile {
  /// The zone called `name`: a fixed offset, or one whose rules can be read; nil for any other.
  static func zone(_ name: String) -> Zone? {
    if let zone = Zone(name) { return zone }
    let parts = name.split(separator: "/", omittingEmptySubsequences: false)
    guard !parts.contains(where: { $0.isEmpty || $0.hasPrefix(".") }) else { return nil }
    var bytes = ByteBuffer()
    do {
      try FileDescriptor(reading: "/usr/share/zoneinfo/\(name)").readAll(limit: 1 << 20, into: &bytes)
      return try Zone(tzif: bytes.view)
    } catch { return nil }
  }
}

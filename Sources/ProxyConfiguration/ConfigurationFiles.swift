import Bytes
import Platform

/// Where configuration files are read from.
public struct ConfigurationFiles: Sendable {
  /// The bytes of a file.
  public var read: @Sendable (_ path: String) throws(SystemError) -> [UInt8]
  /// The names in a directory, in no order; nil when it is none.
  public var names: @Sendable (_ directory: String) -> [String]?

  /// Files that something else than the disk holds.
  public init(
    read: @escaping @Sendable (_ path: String) throws(SystemError) -> [UInt8],
    names: @escaping @Sendable (_ directory: String) -> [String]?
  ) {
    self.read = read
    self.names = names
  }

  /// Bytes of one file that are read at most.
  public static let byteLimit = 16 << 20
  /// Files that one configuration may consist of.
  public static let fileLimit = 10_000

  /// The disk.
  public static let disk = ConfigurationFiles(
    read: { (path) throws(SystemError) in
      var bytes = ByteBuffer()
      try FileDescriptor(reading: path).readAll(limit: byteLimit, into: &bytes)
      return bytes.view.array
    },
    names: { path in
      guard let directory = try? Directory(path) else { return nil }
      return try? directory.names()
    })

  /// The paths that a pattern with `*`, `?` and `[…]` stands for, sorted (glob(7)); as shells do, a leading
  /// period must be written out.
  public func matching(_ pattern: String) -> [String] {
    var paths = [pattern.hasPrefix("/") ? "/" : ""]
    for part in pattern.split(separator: "/") {
      var next: [String] = []
      for path in paths {
        let prefix = path.isEmpty || path.hasSuffix("/") ? path : path + "/"
        guard Self.isPattern(part) else {
          next.append(prefix + part)
          continue
        }
        for name in names(path.isEmpty ? "." : path) ?? [] where Self.matches(name, part) {
          next.append(prefix + name)
        }
        if next.count > Self.fileLimit { return [] }
      }
      paths = next
    }
    return paths.sorted()
  }

  /// Whether a path is a pattern.
  public static func isPattern(_ text: some StringProtocol) -> Bool {
    text.utf8.contains { $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "[") }
  }

  /// Whether a name fits one part of a pattern. Takes time in proportion to the product of the lengths.
  static func matches(_ name: some StringProtocol, _ pattern: some StringProtocol) -> Bool {
    let name = Array(name.utf8)
    let pattern = Array(pattern.utf8)
    if name.first == UInt8(ascii: "."), pattern.first != UInt8(ascii: ".") { return false }
    var place = 0
    var index = 0
    var star: (pattern: Int, name: Int)?
    while index < name.count {
      if place < pattern.count, pattern[place] == UInt8(ascii: "*") {
        star = (place, index)
        place += 1
      } else if place < pattern.count, let next = matchOne(name[index], pattern, place) {
        place = next
        index += 1
      } else if let last = star {
        star = (last.pattern, last.name + 1)
        place = last.pattern + 1
        index = last.name + 1
      } else {
        return false
      }
    }
    return pattern[place...].allSatisfy { $0 == UInt8(ascii: "*") }
  }

  /// Where the pattern goes on if the byte fits its part at `place`.
  private static func matchOne(_ byte: UInt8, _ pattern: [UInt8], _ place: Int) -> Int? {
    switch pattern[place] {
    case UInt8(ascii: "?"): return place + 1
    case UInt8(ascii: "["):
      guard place + 2 < pattern.count,
        let close = pattern[(place + 2)...].firstIndex(of: UInt8(ascii: "]"))
      else { return byte == pattern[place] ? place + 1 : nil }
      let isNegated = pattern[place + 1] == UInt8(ascii: "!") || pattern[place + 1] == UInt8(ascii: "^")
      var index = place + (isNegated ? 2 : 1)
      var found = false
      while index < close {
        if index + 2 < close, pattern[index + 1] == UInt8(ascii: "-") {
          if pattern[index] <= byte && byte <= pattern[index + 2] { found = true }
          index += 3
        } else {
          if pattern[index] == byte { found = true }
          index += 1
        }
      }
      return found != isNegated ? close + 1 : nil
    default: return byte == pattern[place] ? place + 1 : nil
    }
  }
}

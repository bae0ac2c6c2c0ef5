/// The files of one source: a path, whose last component may have `*` for any number of characters.
public struct FilePattern: Hashable, Sendable, CustomStringConvertible {
  public let directory: String
  /// The last component.
  public let name: String

  /// Nil when `path` ends with a slash, or a directory in it has a `*`.
  public init?(_ path: String) {
    let slash = path.lastIndex(of: "/")
    directory = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    name = slash.map { String(path[path.index(after: $0)...]) } ?? path
    if name.isEmpty || name == "." || name == ".." || directory.contains("*") { return nil }
  }

  public var description: String { path(of: name) }

  /// Whether several files may match.
  var isWild: Bool { name.contains("*") }

  func path(of name: String) -> String {
    switch directory {
    case ".": name
    case "/": "/" + name
    default: "\(directory)/\(name)"
    }
  }

  func matches(_ other: String) -> Bool {
    Self.matches(Array(name.utf8)[...], Array(other.utf8)[...])
  }

  private static func matches(_ pattern: ArraySlice<UInt8>, _ text: ArraySlice<UInt8>) -> Bool {
    var pattern = pattern
    var text = text
    // Where to go on when what follows the last star does not fit: one character later.
    var retry: (pattern: ArraySlice<UInt8>, text: ArraySlice<UInt8>)?
    while true {
      if pattern.first == UInt8(ascii: "*") {
        pattern = pattern.dropFirst()
        retry = (pattern, text)
      } else if let first = pattern.first, first == text.first {
        pattern = pattern.dropFirst()
        text = text.dropFirst()
      } else if pattern.isEmpty, text.isEmpty {
        return true
      } else if let last = retry, !last.text.isEmpty {
        retry = (last.pattern, last.text.dropFirst())
        pattern = last.pattern
        text = last.text.dropFirst()
      } else {
        return false
      }
    }
  }

  /// Whether it is a name that a file of the source gets when it is rotated: numbers or a date behind it, as in
  /// `access.log.1` or `access.log-20261123`. What is compressed is not read.
  func isRotated(_ other: String) -> Bool {
    if matches(other) { return false }
    let rotation = Set("0123456789.-_:T")
    for place in other.indices where ".-_".contains(other[place]) {
      let suffix = other[place...].dropFirst()
      if !suffix.isEmpty, suffix == "old" || suffix.allSatisfy({ rotation.contains($0) }),
        matches(String(other[..<place]))
      {
        return true
      }
    }
    return false
  }
}

import Platform

/// A line of a configuration file.
public struct Place: Hashable, Sendable, CustomStringConvertible, Comparable {
  /// The file's path, as it was given or as an `include` spelled it.
  public var file: String
  /// From 1.
  public var line: Int

  /// The line `line` of `file`.
  public init(_ file: String, _ line: Int) {
    self.file = file
    self.line = line
  }

  /// `haproxy.cfg:12`.
  public var description: String { "\(file):\(line)" }

  public static func < (a: Place, b: Place) -> Bool { (a.file, a.line) < (b.file, b.line) }
}

/// Why a load balancer's configuration cannot be read, or not all of it.
public struct ReadError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Nil when it is about no line: the file cannot be opened.
  public var place: Place?
  /// What is wrong, and what is to be done; may go on over several lines.
  public var text: String

  /// What the system said, when a file cannot be opened.
  public var cause: SystemError?

  /// An error at a place.
  public init(_ place: Place?, _ text: String, cause: SystemError? = nil) {
    self.place = place
    self.text = text
    self.cause = cause
  }

  /// The place and the text.
  public var description: String { place.map { "\($0): \(text)" } ?? text }
}

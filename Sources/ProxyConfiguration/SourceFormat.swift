import Formats
import Templates

/// A load balancer's configuration file, as `from:` and `--format @FILE` name it.
public struct ProxyReference: Hashable, Sendable {
  public var path: String
  /// Nil where name and contents are to tell.
  public var kind: ProxyKind?

  public init(path: String, kind: ProxyKind? = nil) {
    self.path = path
    self.kind = kind
  }

  /// `@/etc/haproxy/haproxy.cfg`, `@nginx:conf/web`; nil for what does not begin with `@`.
  public init?(_ text: String) {
    guard text.hasPrefix("@") else { return nil }
    path = String(text.dropFirst())
    for kind in ProxyKind.allCases where path.hasPrefix(kind.rawValue + ":") {
      self.kind = kind
      path = String(path.dropFirst(kind.rawValue.utf8.count + 1))
    }
  }

  /// As `--format` takes it.
  public var text: String { kind.map { "@\($0.rawValue):\(path)" } ?? "@\(path)" }
}

/// What a source's messages are read with, wherever the format comes from.
public struct SourceFormat: Sendable {
  /// Formats of the messages with one syslog tag.
  public struct Group: Sendable {
    public var tag: String
    public var templates: [Template]
  }

  /// As it was given.
  public var text: String
  /// Bodies that are tried on each message, in that order.
  public var templates: [Template]
  /// For messages whose tag tells which formats they may have; empty where tags tell nothing.
  public var groups: [Group] = []
  /// Bytes at which the load balancer cuts a datagram.
  public var lengths: [Int] = []
  /// The configuration that all this comes from.
  public var file: ProxyFile?

  /// Reads a format specification: what `FormatSpec` knows, and `@FILE`, a load balancer's own configuration.
  /// Throws a `FormatError` or a `ReadError`.
  public static func read(
    _ text: String, files: ConfigurationFiles = .disk,
    environment: @escaping @Sendable (String) -> String? = { _ in nil }
  ) throws -> SourceFormat {
    guard let reference = ProxyReference(text) else {
      return SourceFormat(text: text, templates: try FormatSpec.parse(text))
    }
    return try SourceFormat(
      text, try ProxyFile(reference.path, kind: reference.kind, files: files, environment: environment))
  }

  private init(text: String, templates: [Template]) {
    self.text = text
    self.templates = templates
  }

  /// Templates that one source can try; what a matcher remembers of each message counts them in a byte.
  public static let templateLimit = 240
  /// Tags that are told apart.
  static let groupLimit = 16

  /// The formats of a configuration that has been read.
  public init(_ text: String, _ file: ProxyFile) throws(ReadError) {
    self.text = text
    self.file = file
    templates = Array(file.templates.prefix(Self.templateLimit))
    guard !templates.isEmpty else {
      throw file.problems.first ?? ReadError(nil, "\(file.path) names no log format")
    }
    lengths = Set(file.lengths.map(\.bytes)).sorted()
    let sets = Set(file.formats.map(\.tags).filter { !$0.isEmpty })
    let tags = Set(sets.joined()).sorted()
    if sets.count > 1, tags.count <= Self.groupLimit {
      for tag in tags {
        let formats = file.formats.filter { $0.tags.isEmpty || $0.tags.contains(tag) }
        groups.append(
          Group(tag: tag, templates: Array(formats.flatMap(\.templates).prefix(Self.templateLimit))))
      }
    }
  }
}

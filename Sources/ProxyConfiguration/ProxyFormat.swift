import Bytes
import Cryptography
import Formats
import Platform
import Templates

/// One log format that a configuration uses.
public struct ProxyFormat: Sendable {
  /// `haproxy/httplog`, `nginx:main`, `envoy:ingress_http`: what the templates are called.
  public var name: String
  /// In the load balancer's own grammar, quotes of the configuration file removed.
  public var string: String
  /// Where it is written; where it is used when the program itself supplies it.
  public var place: Place
  /// What logs so: `frontend web`, `server shop.example.com`.
  public var users: [String]
  /// Syslog tags of those; empty when they are not known.
  public var tags: Set<String>
  /// What is tried on each line.
  public var templates: [Template]
}

/// The most bytes that a target gets of one message.
public struct LengthLimit: Hashable, Sendable {
  /// What the configuration says. HAProxy 2.6 sends one byte more, the line feed, where a syslog header
  /// stands in front.
  public var bytes: Int
  /// Where it says so; where the target is named when it says nothing, and the default holds.
  public var place: Place
}

/// A file that a configuration consists of.
public struct ReadFile: Hashable, Sendable {
  public var path: String
  /// SHA-256 of its bytes, lower-case hexadecimal; nil when it could not be read.
  public var sha256: String?

  init(_ path: String, _ bytes: [UInt8]?) {
    self.path = path
    sha256 = bytes.map { bytes in bytes.withView { "\(SHA256.hash($0))" } }
  }
}

/// What a load balancer's configuration says about its logs.
public struct ProxyFile: Sendable {
  /// Whose it is.
  public let kind: ProxyKind
  /// The file that was named.
  public let path: String
  /// Every file that was read, or should have been, in that order.
  public let files: [ReadFile]
  /// Patterns of `include`: what they stand for may change.
  public let patterns: [String]
  /// Formats in use, the most particular first.
  public let formats: [ProxyFormat]
  /// Datagram length limits of the targets.
  public let lengths: [LengthLimit]
  /// What could not be read or compiled while all the rest could.
  public let problems: [ReadError]
  /// Holes in the audit coverage, in the order of their places.
  public let findings: [CoverageFinding]

  /// Reads a configuration.
  ///
  /// - Parameters:
  ///   - kind: whose it is; nil to find out.
  ///   - environment: values of variables that the configuration names; those of the load balancer's process
  ///     are not known to anybody else.
  ///   - files: where its files are.
  public init(
    _ path: String, kind: ProxyKind? = nil, files: ConfigurationFiles = .disk,
    environment: @escaping @Sendable (String) -> String? = { _ in nil }
  ) throws(ReadError) {
    let contents = try Self.contents(path, files)
    guard let kind = kind ?? contents.first.flatMap({ ProxyKind.guess(path: path, contents: $0.bytes) })
    else {
      throw ReadError(
        nil,
        "\(path): neither name nor contents tell whose configuration this is; say haproxy, nginx or envoy")
    }
    self.kind = kind
    self.path = path
    switch kind {
    case .haproxy:
      let read = try HAProxyConfiguration(contents, environment)
      let compiled = read.compiled()
      self.files = contents.map { ReadFile($0.path, $0.bytes) }
      patterns = []
      formats = compiled.formats
      problems = read.problems + compiled.problems
      lengths = read.lengths
      findings = read.findings.sorted()
    case .nginx:
      let read = try NginxConfiguration(contents[0].path, contents[0].bytes, files)
      let compiled = read.compiled()
      self.files = read.files
      patterns = read.patterns
      formats = compiled.formats
      problems = read.problems + compiled.problems
      lengths = []
      findings = read.findings.sorted()
    case .envoy:
      let read = try EnvoyConfiguration(contents[0].path, contents[0].bytes)
      let compiled = read.compiled()
      self.files = [ReadFile(path, contents[0].bytes)]
      patterns = []
      formats = compiled.formats
      problems = read.problems + compiled.problems
      lengths = []
      findings = read.findings.sorted()
    }
  }

  /// A file, or the `.cfg` files of a directory in the order of their names, as HAProxy's `-f` takes them.
  private static func contents(
    _ path: String, _ files: ConfigurationFiles
  ) throws(ReadError) -> [(path: String, bytes: [UInt8])] {
    if let names = files.names(path) {
      var result: [(path: String, bytes: [UInt8])] = []
      let prefix = path.hasSuffix("/") ? path : path + "/"
      for name in names.sorted() where name.hasSuffix(".cfg") && !name.hasPrefix(".") {
        result.append((prefix + name, try read(prefix + name, files)))
      }
      guard !result.isEmpty else { throw ReadError(nil, "\(path): no .cfg file is in this directory") }
      return result
    }
    return [(path, try read(path, files))]
  }

  static func read(_ path: String, _ files: ConfigurationFiles) throws(ReadError) -> [UInt8] {
    do throws(SystemError) { return try files.read(path) } catch {
      throw ReadError(nil, "\(path) cannot be read: \(error.errno)", cause: error)
    }
  }

  /// The templates of all formats.
  public var templates: [Template] { formats.flatMap(\.templates) }
}

/// Gathers formats: what two parts of a configuration share is one format with two users.
struct FormatCollection {
  private(set) var formats: [ProxyFormat] = []
  private var known: [Parts: Int] = [:]
  private var names: [String: Int] = [:]

  /// Templates but for their names.
  private struct Parts: Hashable {
    var literals: [[[UInt8]]]
    var slots: [[Slot]]

    init(_ templates: [Template]) {
      literals = templates.map(\.literals)
      slots = templates.map(\.slots)
    }
  }

  /// Adds a format. Templates that another has already are left out, for they would never be tried.
  mutating func add(_ format: ProxyFormat) {
    let parts = Parts(format.templates)
    if let index = known[parts] {
      for user in format.users where formats[index].users.last != user { formats[index].users.append(user) }
      if formats[index].tags.isEmpty || format.tags.isEmpty {
        formats[index].tags = []
      } else {
        formats[index].tags.formUnion(format.tags)
      }
      return
    }
    var format = format
    // Two formats of one name would look the same to whoever reads an event.
    let others = names[format.name, default: 0]
    names[format.name] = others + 1
    if others > 0 {
      format.name += "#\(others + 1)"
      for index in format.templates.indices { format.templates[index].name = format.name }
    }
    known[parts] = formats.count
    formats.append(format)
  }

  /// The format with more fixed text and more parts is tried first: what fits it fits the others only by
  /// accident.
  func sorted() -> [ProxyFormat] {
    formats.enumerated().sorted { a, b in
      let weights = (Self.weight(a.element), Self.weight(b.element))
      return weights.0 == weights.1 ? a.offset < b.offset : weights.0 > weights.1
    }.map(\.element)
  }

  private static func weight(_ format: ProxyFormat) -> Int {
    format.templates.map { $0.slots.count * 4 + $0.literals.reduce(0) { $0 + $1.count } }.max() ?? 0
  }
}

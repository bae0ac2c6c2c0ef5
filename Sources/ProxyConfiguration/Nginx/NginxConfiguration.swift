import Formats
import Templates

/// A `log_format` line.
struct NginxLogFormat {
  var escape: NginxFormat.Escape
  var string: String
  var place: Place
}

/// An `access_log` line.
struct NginxAccessLog {
  /// A path, or `syslog:…`.
  var target: String
  /// The name of its `log_format`; nil where none is needed or given.
  var format: String?
  /// `if=`, `buffer=`, `flush=`, `gzip`.
  var options: [String: String]
  var place: Place

  init(_ directive: NginxDirective) {
    target = directive.arguments.first ?? ""
    options = [:]
    for argument in directive.arguments.dropFirst() {
      let halves = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      if halves.count == 2 || argument == "gzip" {
        options[String(halves[0])] = halves.count == 2 ? String(halves[1]) : ""
      } else if format == nil {
        format = argument
      }
    }
    place = directive.place
  }

  var isOff: Bool { target == "off" }

  /// A parameter of `syslog:`, such as `tag`.
  func parameter(_ name: String) -> String? {
    guard target.hasPrefix("syslog:") else { return nil }
    for part in target.dropFirst(7).split(separator: ",") {
      let halves = part.split(separator: "=", maxSplits: 1)
      if halves[0] == name { return halves.count > 1 ? String(halves[1]) : "" }
    }
    return nil
  }
}

/// A place whose requests are logged alike: `http`, a `server`, a `location`.
struct NginxScope {
  /// `server shop.example.com`, `location /health of server …`.
  var title: String
  var place: Place
  var isStream: Bool
  /// Takes requests itself: everything but `http` and `stream`.
  var servesRequests: Bool
  var ownLogs: [NginxAccessLog]
  /// Those that hold here; empty when none is named.
  var logs: [NginxAccessLog]
}

/// What nginx.conf and the files it includes say about logs.
struct NginxConfiguration {
  let files: [ReadFile]
  let patterns: [String]
  private(set) var problems: [ReadError]
  private(set) var scopes: [NginxScope] = []
  /// `error_log` lines.
  private(set) var errorLogs: [NginxDirective] = []
  private var formatsOfHTTP: [String: NginxLogFormat] = [:]
  private var formatsOfStream: [String: NginxLogFormat] = [:]

  init(_ path: String, _ bytes: [UInt8], _ source: ConfigurationFiles) throws(ReadError) {
    var tree = NginxTree(path: path, files: source)
    let directives = try tree.directives(bytes, file: path)
    files = tree.read
    patterns = tree.patterns
    problems = tree.problems
    var found = false
    for directive in directives where directive.block != nil {
      if directive.name == "http" || directive.name == "stream" { found = true }
    }
    if found {
      walk(directives, nil)
    } else {
      // A file that an `http` block includes: conf.d/*.conf.
      walk([NginxDirective(name: "http", arguments: [], block: directives, place: Place(path, 1))], nil)
    }
  }

  private static let serving: Set<String> = ["server", "location", "if", "limit_except"]

  private mutating func walk(_ directives: [NginxDirective], _ outer: NginxScope?) {
    for directive in directives {
      switch directive.name {
      case "log_format": addFormat(directive, isStream: outer?.isStream ?? false)
      case "error_log": errorLogs.append(directive)
      default: break
      }
      guard let block = directive.block else { continue }
      if outer == nil
        ? directive.name == "http" || directive.name == "stream" : Self.serving.contains(directive.name)
      {
        let own = block.filter { $0.name == "access_log" }.map { NginxAccessLog($0) }
        let scope = NginxScope(
          title: Self.title(directive, block, outer), place: directive.place,
          isStream: outer?.isStream ?? (directive.name == "stream"), servesRequests: outer != nil,
          ownLogs: own,
          logs: own.isEmpty ? outer?.logs ?? [] : own)
        scopes.append(scope)
        walk(block, scope)
      }
    }
  }

  private static func title(
    _ directive: NginxDirective, _ block: [NginxDirective], _ outer: NginxScope?
  ) -> String {
    if directive.name == "server" {
      let name = block.first { $0.name == "server_name" } ?? block.first { $0.name == "listen" }
      return "server \(name?.arguments.first ?? "")"
    }
    let own = ([directive.name] + directive.arguments).joined(separator: " ")
    guard let outer, outer.servesRequests else { return own }
    return "\(own) of \(outer.title)"
  }

  private mutating func addFormat(_ directive: NginxDirective, isStream: Bool) {
    guard let name = directive.arguments.first else { return }
    var parts = directive.arguments.dropFirst()
    var escape = NginxFormat.Escape.default
    if let first = parts.first, first.hasPrefix("escape=") {
      let word = String(first.dropFirst(7))
      parts = parts.dropFirst()
      if let known = NginxFormat.Escape(rawValue: word) {
        escape = known
      } else {
        problems.append(
          ReadError(directive.place, "no such escaping: \(word); there are default, json and none"))
      }
    }
    let format = NginxLogFormat(escape: escape, string: parts.joined(), place: directive.place)
    if isStream { formatsOfStream[name] = format } else { formatsOfHTTP[name] = format }
  }

  // MARK: Formats

  /// The format that a line names; nil when there is none of that name.
  func format(of log: NginxAccessLog, _ scope: NginxScope) -> NginxLogFormat? {
    let name = log.format ?? "combined"
    if let format = (scope.isStream ? formatsOfStream : formatsOfHTTP)[name] { return format }
    guard name == "combined", !scope.isStream, let string = Self.shipped("nginx/combined") else { return nil }
    return NginxLogFormat(escape: .default, string: string, place: log.place)
  }

  static func shipped(_ name: String) -> String? {
    ShippedFormats.entries.first { $0.name == name }?.string
  }

  /// Every format that some `access_log` names, compiled.
  func compiled() -> (formats: [ProxyFormat], problems: [ReadError]) {
    var collection = FormatCollection()
    var problems: [ReadError] = []
    var failed: Set<Place> = []
    for scope in scopes {
      for log in logs(of: scope) where !log.isOff {
        guard let format = format(of: log, scope) else {
          if failed.insert(log.place).inserted {
            problems.append(
              ReadError(log.place, "there is no log_format '\(log.format ?? "")'; define it, or name another")
            )
          }
          continue
        }
        do throws(FormatError) {
          let name = name(of: log, format, scope)
          let templates = try NginxFormat.compile(format.string, escape: format.escape, name: name)
          let tag = log.target.hasPrefix("syslog:") ? [log.parameter("tag") ?? "nginx"] : Set<String>()
          collection.add(
            ProxyFormat(
              name: name, string: format.string, place: format.place, users: [scope.title], tags: tag,
              templates: templates))
        } catch {
          if failed.insert(format.place).inserted {
            problems.append(ReadError(format.place, "this log format cannot be used:\n\(error)"))
          }
        }
      }
    }
    var formats = collection.sorted()
    if let templates = try? ShippedFormats.named("nginx/error"), let string = Self.shipped("nginx/error") {
      let place = errorLogs.first?.place ?? Place(files.first?.path ?? "", 1)
      formats.append(
        ProxyFormat(
          name: "nginx/error", string: string, place: place, users: ["error_log"], tags: [],
          templates: templates))
    }
    return (formats, problems)
  }

  /// The logs that a scope writes itself; `combined` where nothing is said at all.
  private func logs(of scope: NginxScope) -> [NginxAccessLog] {
    if !scope.ownLogs.isEmpty { return scope.ownLogs }
    guard scope.logs.isEmpty, !scope.isStream, scope.servesRequests else { return [] }
    return [
      NginxAccessLog(NginxDirective(name: "access_log", arguments: ["logs/access.log"], place: scope.place))
    ]
  }

  /// A format that is one of the shipped ones keeps that name.
  private func name(of log: NginxAccessLog, _ format: NginxLogFormat, _ scope: NginxScope) -> String {
    let shipped = ShippedFormats.entries.first { $0.string == format.string && $0.name.hasPrefix("nginx/") }
    if let shipped, format.escape == .default { return shipped.name }
    return "nginx:\(log.format ?? "combined")"
  }
}

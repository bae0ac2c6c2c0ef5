import Formats
import Templates

/// How an access log of Envoy writes a line.
enum EnvoyFormatChoice {
  /// A format string.
  case text(String)
  /// `json_format`: keys, and values that hold format strings.
  case structured(EnvoyValue)
  /// Nothing is said: Envoy's own string.
  case standard
  /// It is not known: records are not lines, or the string is in a file elsewhere.
  case unknown(String)
}

/// One entry of an `access_log` list.
struct EnvoyAccessLog {
  /// `file`, `stdout`, `stderr`, `http_grpc`, … by the last word of its name or type.
  var kind: String
  var path: String?
  var filter: EnvoyValue?
  var format: EnvoyFormatChoice
  /// `omit_empty_values`: what is not there prints nothing.
  var omitsEmpty: Bool
  /// Where the format stands; where the entry does when there is none.
  var place: Place
}

/// A part of the bootstrap that logs, or should.
struct EnvoyScope {
  enum Kind { case http, tcp, udp, other }

  var kind: Kind
  /// `listener https, http ingress`.
  var title: String
  /// Its `stat_prefix`, or the listener's name.
  var name: String
  var place: Place
  var logs: [EnvoyAccessLog]
  /// `generate_request_id: false`.
  var omitsRequestID: Place?
}

/// What Envoy's bootstrap says about access logs.
struct EnvoyConfiguration {
  private(set) var scopes: [EnvoyScope] = []
  private(set) var problems: [ReadError] = []
  private let file: String

  init(_ path: String, _ bytes: [UInt8]) throws(ReadError) {
    file = path
    let values = try EnvoyDocument.values(of: bytes, file: path)
    guard values.contains(where: { !$0.members.isEmpty }) else {
      throw ReadError(Place(path, 1), "no group of keys is here, as Envoy's bootstrap has them")
    }
    for value in values { walk(value, listener: nil, filter: "") }
  }

  /// Looks everywhere: filters that log stand in listeners, in other filters, and in what control planes wrap
  /// round them.
  ///
  /// `filter` is the name of the filter whose configuration `value` is: before version 3, nothing else told
  /// its type.
  private mutating func walk(_ value: EnvoyValue, listener: String?, filter: String) {
    var listener = listener
    if value["filter_chains"] != nil || value["default_filter_chain"] != nil {
      listener = value["name"]?.string ?? listener
    }
    if case .object(let members, let line) = value {
      let kind = Self.kind(of: value, filter)
      if kind != .other || value["access_log"] != nil {
        scopes.append(scope(value, kind, listener, Place(file, line)))
      }
      let name = value["name"]?.string ?? ""
      for (key, member) in members where key != "access_log" {
        walk(member, listener: listener, filter: key == "config" || key == "typed_config" ? name : "")
      }
    }
    for item in value.items { walk(item, listener: listener, filter: "") }
  }

  private static func kind(of value: EnvoyValue, _ filter: String) -> EnvoyScope.Kind {
    guard let type = value["@type"]?.string else {
      if filter.hasSuffix("http_connection_manager") { return .http }
      return filter.hasSuffix("tcp_proxy") ? .tcp : .other
    }
    if type.hasSuffix(".HttpConnectionManager") { return .http }
    if type.hasSuffix(".TcpProxy") { return .tcp }
    if type.hasSuffix(".UdpProxyConfig") { return .udp }
    return .other
  }

  private func scope(
    _ value: EnvoyValue, _ kind: EnvoyScope.Kind, _ listener: String?, _ place: Place
  ) -> EnvoyScope {
    let prefix = value["stat_prefix"]?.string
    let word =
      switch kind {
      case .http: "http"
      case .tcp: "tcp"
      case .udp: "udp"
      case .other: ""
      }
    let own = [word, prefix ?? ""].filter { !$0.isEmpty }.joined(separator: " ")
    let title = [listener.map { "listener \($0)" } ?? "", own].filter { !$0.isEmpty }.joined(separator: ", ")
    var omitsID: Place?
    if let generates = value["generate_request_id"], generates.string == "false" {
      omitsID = Place(file, generates.line)
    }
    let list = value["access_log"]
    let logs = (list.map { $0.items.isEmpty && !$0.members.isEmpty ? [$0] : $0.items } ?? []).map(log)
    return EnvoyScope(
      kind: kind, title: title.isEmpty ? "access_log" : title, name: prefix ?? listener ?? "access",
      place: place,
      logs: logs, omitsRequestID: omitsID)
  }

  // MARK: One access log

  private func log(_ entry: EnvoyValue) -> EnvoyAccessLog {
    let config = entry["typed_config"] ?? entry["config"] ?? .object([], line: entry.line)
    let type = config["@type"]?.string ?? entry["name"]?.string ?? ""
    let kind = Self.kinds.first { type.lowercased().contains($0) } ?? type
    let found = Self.format(config)
    var choice = found?.choice ?? .standard
    if ![
      "fileaccesslog", "access_log.file", "access_loggers.file", "file_access_log", "stdout", "stderr",
      "syslog",
    ]
    .contains(kind) {
      choice = .unknown("records of '\(type)' are no lines; log to a file or to standard output for Stele")
    }
    return EnvoyAccessLog(
      kind: kind, path: config["path"]?.string, filter: entry["filter"], format: choice,
      omitsEmpty: config["log_format"]?["omit_empty_values"]?.string == "true",
      place: Place(file, found?.line ?? entry.line))
  }

  private static let kinds = [
    "fileaccesslog", "access_loggers.file", "file_access_log", "stdout", "stderr", "syslog", "grpc",
    "opentelemetry", "fluentd", "wasm",
  ]

  private static func format(_ config: EnvoyValue) -> (choice: EnvoyFormatChoice, line: Int)? {
    // `log_format` has replaced `format` and its kin, which older files still have beside the path.
    for (holder, names) in [
      (config["log_format"], ["text_format", "text_format_source", "json_format"]),
      (config, ["format", "json_format", "typed_json_format"]),
    ] {
      guard let holder else { continue }
      for name in names {
        guard let value = holder[name] else { continue }
        switch name {
        case "text_format", "format":
          if let string = value.string, !string.isEmpty { return (.text(string), value.line) }
        case "text_format_source":
          if let string = value["inline_string"]?.string { return (.text(string), value.line) }
          return (.unknown("the format is in another file: give it as inline_string"), value.line)
        default: return (.structured(value), value.line)
        }
      }
    }
    return nil
  }

  // MARK: Formats

  func compiled() -> (formats: [ProxyFormat], problems: [ReadError]) {
    var collection = FormatCollection()
    var problems: [ReadError] = []
    for scope in scopes {
      for log in scope.logs {
        do throws(FormatError) {
          guard let (name, string, templates) = try compile(log, scope) else {
            if case .unknown(let text) = log.format { problems.append(ReadError(log.place, text)) }
            continue
          }
          collection.add(
            ProxyFormat(
              name: name, string: string, place: log.place, users: [scope.title], tags: [],
              templates: templates))
        } catch {
          problems.append(ReadError(log.place, "this log format cannot be used:\n\(error)"))
        }
      }
    }
    return (collection.sorted(), problems)
  }

  private func compile(
    _ log: EnvoyAccessLog, _ scope: EnvoyScope
  ) throws(FormatError) -> (name: String, string: String, templates: [Template])? {
    switch log.format {
    case .unknown: return nil
    case .standard:
      guard let entry = ShippedFormats.entries.first(where: { $0.name == "envoy/default" }) else {
        return nil
      }
      return (entry.name, entry.string, try ShippedFormats.named(entry.name))
    case .text(let string):
      let shipped = ShippedFormats.entries.first {
        $0.string.trimmedLineFeed == string.trimmedLineFeed
          && ($0.name.hasPrefix("envoy/") || $0.name.hasPrefix("istio/"))
      }
      let name = shipped?.name ?? "envoy:\(scope.name)"
      return (name, string, try EnvoyFormat.compile(string, omitsEmpty: log.omitsEmpty, name: name))
    case .structured(let value):
      let name = "envoy:\(scope.name)"
      return (
        name, "\(value.format)",
        try EnvoyFormat.compile(json: value.format, omitsEmpty: log.omitsEmpty, name: name)
      )
    }
  }
}

extension String {
  fileprivate var trimmedLineFeed: Substring {
    var text = self[...]
    while text.last == "\n" { text.removeLast() }
    return text
  }
}

/// Sections of haproxy.cfg.
enum HAProxySectionKind: String {
  case global, defaults, frontend, listen, backend, ring, peers, resolvers, userlist, mailers, cache, program
  case httpErrors = "http-errors"
  case logForward = "log-forward"
  case logProfile = "log-profile"
  case fcgi = "fcgi-app"
  case httpclient, traces, acme, healthcheck
  case crtStore = "crt-store"
  case mailersOld = "mailer"
  case dynamicCookie = "dyn-cookie"
}

/// A log format as a proxy names it.
enum HAProxyFormatChoice: Hashable {
  /// One of HAProxy's own, by Stele's name for it.
  case shipped(String)
  case custom(String)
}

/// What is written at a place.
struct Placed<Value> {
  var value: Value
  var place: Place
}

/// A `log` line.
struct HAProxyTarget {
  /// `global`, or where the messages go.
  var address: String
  var length: Int?
  /// `local`, `rfc3164`, …
  var format: String?
  var sample: String?
  var profile: String?
  var facility: String?
  /// Messages less severe than this are left out.
  var level: String?
  var place: Place

  /// `words` without `log`.
  init(_ words: ArraySlice<String>, _ place: Place) {
    self.place = place
    address = words.first ?? ""
    var rest = words.dropFirst()
    while let word = rest.first, let value = rest.dropFirst().first {
      switch word {
      case "len": length = Int(value)
      case "format": format = value
      case "sample": sample = value
      case "profile": profile = value
      default:
        facility = word
        level = value
        return
      }
      rest = rest.dropFirst(2)
    }
    facility = rest.first
    level = rest.dropFirst().first
  }

  /// How messages go there.
  enum Transport { case udp, unixDatagram, stream, ring, descriptor, backend }

  var transport: Transport {
    for (prefix, transport) in Self.prefixes where address.hasPrefix(prefix) { return transport }
    return address.hasPrefix("/") ? .unixDatagram : .udp
  }

  private static let prefixes: [(String, Transport)] = [
    ("ring@", .ring), ("backend@", .backend), ("stdout", .descriptor), ("stderr", .descriptor),
    ("fd@", .descriptor), ("tcp@", .stream), ("tcp4@", .stream), ("tcp6@", .stream), ("uxst@", .stream),
    ("unix@", .unixDatagram), ("uxdg@", .unixDatagram), ("abns@", .unixDatagram),
  ]

  /// The host is this one.
  var isLocal: Bool {
    var host = address[...]
    for prefix in ["udp@", "udp4@", "udp6@", "ipv4@", "ipv6@"] where host.hasPrefix(prefix) {
      host = host.dropFirst(prefix.count)
    }
    return host.hasPrefix("127.") || host.hasPrefix("localhost") || host.hasPrefix("::1:") || host == "::1"
      || host.hasPrefix("[::1]")
  }

  /// Bytes of one message; nil where nothing is cut.
  var limit: Int? {
    switch transport {
    case .udp, .unixDatagram, .backend: length ?? HAProxyTarget.defaultLength
    case .ring, .stream, .descriptor: nil
    }
  }

  /// Bytes, unless `len` says otherwise (configuration manual, "log").
  static let defaultLength = 1024
}

/// What `defaults` sections hand down.
struct HAProxySettings {
  var mode = Placed(value: "tcp", place: Place("", 0))
  var format: Placed<HAProxyFormatChoice>?
  var errorFormat: Placed<String>?
  var structuredData: Placed<String>?
  var tag: Placed<String>?
  var targets: [HAProxyTarget] = []
  /// `option NAME` lines that are in force.
  var options: [String: Place] = [:]
  var monitorURI: Placed<String>?
  var uniqueID: Place?
  /// `http-request set-log-level silent` and its kind; named defaults hand down rules as well.
  var silences: [Placed<String>] = []
  var monitors: [Placed<String>] = []
  var logSteps: Placed<[String]>?

  /// Takes one line of a proxy or defaults section in.
  mutating func apply(_ line: HAProxyLine) {
    var words = line.words[...]
    var isNegative = false
    if let first = words.first, first == "no" || first == "default" {
      isNegative = true
      words = words.dropFirst()
    }
    guard let keyword = words.first else { return }
    let argument = words.dropFirst().first
    switch keyword {
    case "mode": if let argument { mode = Placed(value: argument, place: line.place) }
    case "option": option(words.dropFirst(), isNegative, line.place)
    case "log-format": format = argument.map { Placed(value: .custom($0), place: line.place) }
    case "error-log-format": errorFormat = argument.map { Placed(value: $0, place: line.place) }
    case "log-format-sd": structuredData = argument.map { Placed(value: $0, place: line.place) }
    case "log-tag": tag = argument.map { Placed(value: $0, place: line.place) }
    case "log":
      if isNegative { targets = [] } else { targets.append(HAProxyTarget(words.dropFirst(), line.place)) }
    case "monitor-uri": monitorURI = argument.map { Placed(value: $0, place: line.place) }
    case "monitor-net", "monitor":
      monitors.append(Placed(value: words.joined(separator: " "), place: line.place))
    case "unique-id-format": uniqueID = line.place
    case "log-steps":
      logSteps = Placed(
        value: words.dropFirst().flatMap { $0.split(separator: ",") }.map(String.init), place: line.place)
    case "http-request", "http-response", "http-after-response", "tcp-request", "tcp-response":
      let rule = words.joined(separator: " ")
      let silent = zip(words, words.dropFirst()).contains { $0 == "set-log-level" && $1 == "silent" }
      if silent { silences.append(Placed(value: rule, place: line.place)) }
    default: break
    }
  }

  private mutating func option(_ words: ArraySlice<String>, _ isNegative: Bool, _ place: Place) {
    guard let name = words.first else { return }
    let isCLF = words.dropFirst().first == "clf"
    let choice: String? =
      switch name {
      case "httplog": isCLF ? "haproxy/clf" : "haproxy/httplog"
      case "tcplog": isCLF ? "haproxy/tcpclf" : "haproxy/tcplog"
      case "httpslog": "haproxy/httpslog"
      default: nil
      }
    if let choice {
      format = isNegative ? nil : Placed(value: .shipped(choice), place: place)
    } else {
      options[name] = isNegative ? nil : place
    }
  }
}

/// A proxy: a `frontend`, `listen` or `backend` section.
struct HAProxyProxy {
  var kind: HAProxySectionKind
  var name: String
  var place: Place
  var settings: HAProxySettings
  var requestCaptures: [String?] = []
  var responseCaptures: [String?] = []
  var isDisabled = false
  /// The first port of the Web among its `bind` lines.
  var webPort: Int?

  /// `frontend web`.
  var title: String { name.isEmpty ? kind.rawValue : "\(kind.rawValue) \(name)" }
  /// What its own formats are called.
  var nameOfFormat: String { name.isEmpty ? kind.rawValue : name }
  /// Whether it takes traffic itself; a backend's traffic is logged by the frontend.
  var isFrontend: Bool { kind == .frontend || kind == .listen }

  mutating func apply(_ line: HAProxyLine) {
    let words = line.words
    switch words[0] {
    case "capture" where words.count > 3 && words[2] == "header":
      if words[1] == "request" { requestCaptures.append(words[3]) }
      if words[1] == "response" { responseCaptures.append(words[3]) }
    case "declare" where words.count > 2 && words[1] == "capture":
      if words[2] == "request" { requestCaptures.append(nil) }
      if words[2] == "response" { responseCaptures.append(nil) }
    case "http-request" where words.count > 2 && words[1] == "capture":
      Self.declare(words.dropFirst(2), "req", &requestCaptures)
    case "http-response" where words.count > 2 && words[1] == "capture":
      Self.declare(words.dropFirst(2), "res", &responseCaptures)
    case "tcp-request" where words.count > 3 && words[1] == "content" && words[2] == "capture":
      Self.declare(words.dropFirst(3), "req", &requestCaptures)
    case "bind" where words.count > 1: bind(words[1])
    case "disabled": isDisabled = true
    case "enabled": isDisabled = false
    default: settings.apply(line)
    }
  }

  private mutating func bind(_ addresses: String) {
    for address in addresses.split(separator: ",") {
      let port = Int(address.split(separator: ":", omittingEmptySubsequences: false).last ?? "")
      if let port, webPort == nil, [80, 443, 8080, 8443].contains(port) { webPort = port }
    }
  }

  /// `SAMPLE len N` takes the next place; `SAMPLE id N` fills one that is declared.
  private static func declare(_ words: ArraySlice<String>, _ kind: String, _ captures: inout [String?]) {
    guard let place = words.firstIndex(where: { $0 == "len" || $0 == "id" }), place > words.startIndex else {
      return
    }
    let sample = words[words.startIndex..<place].joined(separator: " ")
    let name = header(sample, kind)
    if words[place] == "len" {
      captures.append(name)
    } else if place + 1 < words.endIndex, let number = Int(words[place + 1]),
      captures.indices.contains(number), captures[number] == nil
    {
      captures[number] = name
    }
  }

  /// The header's name when a sample is just that header.
  private static func header(_ sample: String, _ kind: String) -> String? {
    for fetch in ["\(kind).hdr(", "\(kind).fhdr(", "hdr(", "fhdr("] where sample.hasPrefix(fetch) {
      let name = sample.dropFirst(fetch.count).prefix { $0 != ")" && $0 != "," }
      return sample.hasSuffix(")") && !name.isEmpty ? String(name) : nil
    }
    return nil
  }
}

/// One step of a `log-profile`.
struct HAProxyStep {
  var name: String
  var format: String?
  var structuredData: String?
  var drops: Bool
  var place: Place
}

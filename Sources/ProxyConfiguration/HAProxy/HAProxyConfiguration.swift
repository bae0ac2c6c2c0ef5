import Events
import Formats
import Templates

/// What haproxy.cfg says about logs.
struct HAProxyConfiguration {
  private(set) var proxies: [HAProxyProxy] = []
  /// `log` lines of the global section.
  private(set) var globalTargets: [HAProxyTarget] = []
  private(set) var globalTag = "haproxy"
  /// Where the global section begins.
  private(set) var globalPlace: Place?
  /// `tune.http.logurilen`: bytes of a URI that are logged.
  private(set) var uriLength = 1024
  /// `log` lines of `log-forward` sections: what HAProxy passes on for others is cut as well.
  private(set) var forwardTargets: [HAProxyTarget] = []
  private(set) var rings: [String: HAProxyRing] = [:]
  private(set) var profiles: [String: HAProxyProfile] = [:]
  private(set) var problems: [ReadError] = []

  private var defaults: [String: HAProxySettings] = [:]
  /// The `defaults` sections as if they were proxies.
  private var templates: [HAProxyProxy] = []
  private var lastDefaults = HAProxySettings()
  private var current: Current = .other

  /// What the next line belongs to.
  private enum Current {
    case global
    case defaults(String, Place)
    case proxy
    case ring(String)
    case profile(String)
    case forward
    case other
  }

  init(
    _ files: [(path: String, bytes: [UInt8])], _ environment: @escaping @Sendable (String) -> String?
  ) throws(ReadError) {
    var lines = HAProxyLines(environment: environment)
    for file in files { try lines.read(file.bytes, file: file.path) }
    problems = lines.problems
    for line in lines.lines {
      if let kind = HAProxySectionKind(rawValue: line.words[0]) {
        begin(kind, line)
      } else {
        apply(line)
      }
    }
    endDefaults()
    guard !proxies.isEmpty || globalPlace != nil || !lines.lines.isEmpty else {
      throw ReadError(files.first.map { Place($0.path, 1) }, "no section of a HAProxy configuration is here")
    }
  }

  // MARK: Sections

  private mutating func endDefaults() {
    guard case .defaults(let name, let place) = current else { return }
    defaults[name] = lastDefaults
    templates.append(HAProxyProxy(kind: .defaults, name: name, place: place, settings: lastDefaults))
  }

  private mutating func begin(_ kind: HAProxySectionKind, _ line: HAProxyLine) {
    endDefaults()
    let words = line.words
    let name = words.count > 1 ? words[1] : ""
    switch kind {
    case .global:
      current = .global
      globalPlace = globalPlace ?? line.place
    case .defaults:
      lastDefaults = inherited(line) ?? HAProxySettings()
      if inherited(line) == nil { lastDefaults.mode.place = line.place }
      current = .defaults(name == "from" ? "" : name, line.place)
    case .frontend, .listen, .backend:
      var settings = inherited(line) ?? lastDefaults
      if settings.mode.place.line == 0 { settings.mode.place = line.place }
      proxies.append(HAProxyProxy(kind: kind, name: name, place: line.place, settings: settings))
      current = .proxy
    case .ring:
      rings[name] = HAProxyRing(place: line.place)
      current = .ring(name)
    case .logProfile:
      profiles[name] = HAProxyProfile(place: line.place)
      current = .profile(name)
    case .logForward: current = .forward
    default: current = .other
    }
  }

  /// The settings that `from NAME` names.
  private mutating func inherited(_ line: HAProxyLine) -> HAProxySettings? {
    guard let place = line.words.lastIndex(of: "from"), place > 0, place + 1 < line.words.count else {
      return nil
    }
    let name = line.words[place + 1]
    if let settings = defaults[name] { return settings }
    let near = Spelling.nearest(to: name, among: defaults.keys.filter { !$0.isEmpty })
    problems.append(
      ReadError(
        line.place,
        "there is no section 'defaults \(name)' above this line\(near.map { "; did you mean \($0)?" } ?? "")")
    )
    return HAProxySettings()
  }

  private mutating func apply(_ line: HAProxyLine) {
    switch current {
    case .global: applyGlobal(line)
    case .defaults: lastDefaults.apply(line)
    case .proxy: proxies[proxies.count - 1].apply(line)
    case .ring(let name): rings[name]?.apply(line)
    case .profile(let name): profiles[name]?.apply(line)
    case .forward:
      if line.words[0] == "log" { forwardTargets.append(HAProxyTarget(line.words.dropFirst(), line.place)) }
    case .other: break
    }
  }

  private mutating func applyGlobal(_ line: HAProxyLine) {
    let words = line.words
    switch words[0] {
    case "log": globalTargets.append(HAProxyTarget(words.dropFirst(), line.place))
    case "no" where words.count > 1 && words[1] == "log": globalTargets = []
    case "log-tag" where words.count > 1: globalTag = words[1]
    case "tune.http.logurilen" where words.count > 1: uriLength = Int(words[1]) ?? uriLength
    default: break
    }
  }

  // MARK: What the sections come to

  /// The frontends that run; where there is none, the `defaults` sections: the frontends are then in files that
  /// were not given, and inherit from these.
  var frontends: [HAProxyProxy] {
    proxies.contains { $0.isFrontend } ? proxies.filter { $0.isFrontend && !$0.isDisabled } : templates
  }

  /// Where a proxy's messages go, `log global` resolved.
  func targets(of proxy: HAProxyProxy) -> [HAProxyTarget] {
    proxy.settings.targets.flatMap { $0.address == "global" ? globalTargets : [$0] }
  }

  /// Datagram length limits in use.
  var lengths: [LengthLimit] {
    var seen: Set<Place> = []
    var result: [LengthLimit] = []
    let targets = globalTargets + proxies.flatMap(\.settings.targets) + forwardTargets
    for target in targets where target.address != "global" && seen.insert(target.place).inserted {
      if let limit = target.limit { result.append(LengthLimit(bytes: limit, place: target.place)) }
    }
    return result
  }

  /// The format that a frontend's traffic is logged in: HTTP formats need `mode http`.
  func choice(of proxy: HAProxyProxy) -> HAProxyFormatChoice {
    guard let format = proxy.settings.format else { return .shipped("haproxy/default") }
    if case .shipped(let name) = format.value, proxy.settings.mode.value == "tcp" {
      switch name {
      case "haproxy/httplog", "haproxy/httpslog": return .shipped("haproxy/tcplog")
      case "haproxy/clf": return .shipped("haproxy/tcpclf")
      default: break
      }
    }
    return format.value
  }

  /// The formats, compiled with the captures of those who use them.
  func compiled() -> (formats: [ProxyFormat], problems: [ReadError]) {
    var collection = FormatCollection()
    var problems: [ReadError] = []
    var failed: Set<Place> = []
    for proxy in frontends {
      let captures = Captures(request: proxy.requestCaptures, response: proxy.responseCaptures)
      for written in strings(of: proxy) {
        do throws(FormatError) {
          let templates = try Self.templates(written.string, written.name, captures)
          collection.add(
            ProxyFormat(
              name: written.name, string: written.string, place: written.place, users: [proxy.title],
              tags: written.tags, templates: templates))
        } catch {
          if failed.insert(written.place).inserted {
            problems.append(ReadError(written.place, "this log format cannot be used:\n\(error)"))
          }
        }
      }
    }
    var formats = collection.sorted()
    formats += messages
    return (formats, problems)
  }

  /// HAProxy's own messages: errors of connections, health checks, and the like. They belong to any tag.
  private var messages: [ProxyFormat] {
    let traffic: Set<String> = [
      "haproxy/httplog", "haproxy/httpslog", "haproxy/tcplog", "haproxy/tcpclf", "haproxy/clf",
      "haproxy/default",
    ]
    var seen: Set<Template> = []
    return ShippedFormats.entries.compactMap { entry in
      guard entry.name.hasPrefix("haproxy/"), !traffic.contains(entry.name) else { return nil }
      let templates = ((try? ShippedFormats.named(entry.name)) ?? []).filter { seen.insert($0).inserted }
      return templates.isEmpty
        ? nil
        : ProxyFormat(
          name: entry.name, string: entry.string, place: globalPlace ?? Place("", 0), users: ["HAProxy"],
          tags: [],
          templates: templates)
    }
  }

  private struct Written {
    var name: String
    var string: String
    var place: Place
    var tags: Set<String> = []
  }

  /// Every format that lines of a frontend may have.
  private func strings(of proxy: HAProxyProxy) -> [Written] {
    let place = proxy.settings.format?.place ?? proxy.place
    var result: [Written] = []
    switch choice(of: proxy) {
    case .shipped(let name):
      if let string = Self.string(name) { result.append(Written(name: name, string: string, place: place)) }
    case .custom(let string): result.append(Self.written(string, proxy.nameOfFormat, place))
    }
    if let format = proxy.settings.errorFormat {
      result.append(Self.written(format.value, "\(proxy.nameOfFormat) error", format.place))
    }
    let names = Set(targets(of: proxy).compactMap(\.profile)).sorted()
    let tag = proxy.settings.tag?.value ?? globalTag
    for index in result.indices { result[index].tags = Set([tag] + names.compactMap { profiles[$0]?.tag }) }
    for name in names {
      for step in profiles[name]?.steps ?? [] {
        guard let format = step.format else { continue }
        var written = Self.written(format, "\(proxy.nameOfFormat) \(name) \(step.name)", step.place)
        written.tags = [profiles[name]?.tag ?? tag]
        result.append(written)
      }
    }
    return result
  }

  /// A format without any variable, such as a profile's `format "close"`, is a template all the same.
  private static func templates(
    _ string: String, _ name: String, _ captures: Captures
  ) throws(FormatError) -> [Template] {
    // Not a format string of HAProxy's, but a fixed text.
    if name == "haproxy/default" { return try ShippedFormats.named(name) }
    if !string.utf8.contains(UInt8(ascii: "%")), !string.isEmpty {
      let words = string.split(separator: " ")
      let literal = (string.hasSuffix(" ") ? words + [""] : words).joined(separator: " ")
      return [Template(name: name, literals: [Array(literal.utf8)], slots: [])]
    }
    return try HAProxyFormat.compile(string, name: name, captures: captures)
  }

  /// A string that is one of HAProxy's own keeps that name.
  private static func written(_ string: String, _ name: String, _ place: Place) -> Written {
    let shipped = ShippedFormats.entries.first { $0.string == string && $0.name.hasPrefix("haproxy/") }
    return Written(name: shipped?.name ?? "haproxy:\(name)", string: string, place: place)
  }

  /// The string of a format that HAProxy has built in.
  static func string(_ name: String) -> String? {
    ShippedFormats.entries.first { $0.name == name }?.string
  }
}

/// A `ring` section: messages wait there until a server takes them.
struct HAProxyRing {
  var place: Place
  /// Bytes of one message.
  var maxlen: Int?
  /// `server` lines.
  var servers: [Placed<[String]>] = []

  init(place: Place) { self.place = place }

  mutating func apply(_ line: HAProxyLine) {
    if line.words[0] == "maxlen", line.words.count > 1 { maxlen = Int(line.words[1]) }
    if line.words[0] == "server" { servers.append(Placed(value: line.words, place: line.place)) }
  }
}

/// A `log-profile` section (3.1 and later).
struct HAProxyProfile {
  var place: Place
  var tag: String?
  var steps: [HAProxyStep] = []

  init(place: Place) { self.place = place }

  mutating func apply(_ line: HAProxyLine) {
    let words = line.words
    if words[0] == "log-tag", words.count > 1 { tag = words[1] }
    guard words[0] == "on", words.count > 1 else { return }
    var step = HAProxyStep(name: words[1], format: nil, structuredData: nil, drops: false, place: line.place)
    var rest = words.dropFirst(2)
    while let word = rest.popFirst() {
      switch word {
      case "drop": step.drops = true
      case "format": step.format = rest.popFirst()
      case "sd": step.structuredData = rest.popFirst()
      default: break
      }
    }
    steps.append(step)
  }
}

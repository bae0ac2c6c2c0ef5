import Events
import Templates

/// What HAProxy sends to its log targets beside access lines: connections that failed or only began, servers, checks,
/// proxies, lost messages (`src/session.c`, `src/frontend.c`, `src/server.c`, `src/check.c`, `src/proxy.c`,
/// `src/backend.c`, `src/sink.c`; 2.4 to 3.x).
public enum HAProxyMessages {
  /// All of them, to be tried behind a source's access formats.
  public static let templates: [Template] = states + opened + failed

  /// `formats`, and those of `templates` that are not among them.
  public static func adding(to formats: [Template]) -> [Template] {
    let names = Set(formats.map(\.name))
    return formats + templates.filter { !names.contains($0.name) }
  }

  // MARK: Connections

  /// A connection was accepted by a frontend without a log format.
  static let opened: [Template] = [
    template(
      "haproxy/default", "Connect from ", address(.clientIP), ":", number(.clientPort), " to ",
      address(.localIP), ":",
      number(.localPort), " (", token(.lbFrontend), "/", token("%[mode]"), ")"),
    template(
      "haproxy/default", "Connect to unix:", number("%[listener]"), " (", token(.lbFrontend), "/",
      token("%[mode]"),
      ")"),
    template(
      "haproxy/default", "Connect from unknown source to listener ", number("%[listener]"), " (",
      token(.lbFrontend),
      "/", token("%[mode]"), ")"),
  ]

  /// A connection failed before there was a request, in a frontend without an error-log-format.
  static let failed: [Template] = [
    template(
      "haproxy/error", address(.clientIP), ":", number(.clientPort), " [", stamp, "] ", token(.lbFrontend),
      "/",
      token(.lbListener), ": ", text(.tlsErrorText)),
    template(
      "haproxy/error", "unknown [", stamp, "] ", token(.lbFrontend), "/", token(.lbListener), ": ",
      text(.tlsErrorText)),
  ]

  private static let stamp = Part.slot(Slot(Field.timeAccept.name, .clfTime, syntax: .time))

  // MARK: Servers, checks, proxies

  /// What became of servers and proxies, and how many messages a ring lost.
  static let states: [Template] =
    servers("haproxy/server", "Server ") + servers("haproxy/backup-server", "Backup Server ")
    + checks("haproxy/health-check", "Health check for ") + checks("haproxy/agent-check", "Agent check for ")
    + proxies + losses + others

  private static func servers(_ name: String, _ head: String) -> [Template] {
    let rest = Slot(Field.lbChange.name, .text, syntax: .any, alternatives: changes)
    return [template(name, .text(head), token(.lbBackend), "/", token(.lbServer), " ", .slot(rest))]
  }

  /// What follows the server's name.
  private static let changes: [Template] = {
    let change = phrase(.lbChange)
    let capacity = text(.lbCapacity)
    let host = Part.slot(Slot("%[server name]", .text, syntax: .escaped))
    let cause = Part.slot(Slot(Field.lbCause.name, .text, syntax: .escaped))
    let via = token(.lbVia)
    let check: [[Part]] = details.map {
      [change, ", reason: ", phrase(.healthReason)] + $0 + ["ms. ", capacity, "."]
    }
    let others: [[Part]] = [
      [change, ", reason: ", phrase(.healthReason), ". ", capacity, "."],
      [change, ". ", capacity, "."], [change, "."],
      [change, " (", cause, "). ", capacity, "."], [change, " (", cause, ")."],
      [change, " (", cause, ") via ", via, ". ", capacity, "."], [change, " (", cause, ") via ", via, "."],
      [change, ", ", phrase(.lbCause), ". ", capacity, "."],
      [change, " via ", via, ". ", capacity, "."], [change, " via ", via, "."],
      ["('", host, "') ", change, " (", cause, ")."], ["('", host, "') ", change, "."],
      ["('", host, "') ", change, " via ", via, "."],
    ]
    return (check + others).map { make("change", $0) }
  }()

  /// `, code: 503, info: "Service Unavailable", check duration: 1` in its forms; the unit follows.
  private static let details: [[Part]] = {
    let code: [Part] = [", code: ", number(.healthCode)]
    // HAProxy writes a quote within as `<22>`.
    let info: [Part] = [", info: \"", .slot(Slot(Field.healthInfo.name, .text, syntax: .escaped)), "\""]
    let duration: [Part] = [
      ", check duration: ",
      .slot(Slot(Field.healthDuration.name, .integer, syntax: .number, unit: .milliseconds)),
    ]
    return [code + info + duration, code + duration, info + duration, duration]
  }()

  /// `Health check for backup server b/s conditionally succeeded, reason: …, status: 3/3 UP.`
  private static func checks(_ name: String, _ head: String) -> [Template] {
    let state: [Part] = [
      ", status: ", number(.healthLevel), "/", number(.healthLevelMost), " ", token(.healthStateNew), ".",
    ]
    let backup = Part.slot(Slot(Field.lbBackup.name, .text, syntax: .escaped))
    let rest =
      (details.map { ["reason: ", phrase(.healthReason)] + $0 + ["ms"] + state }
      + [["reason: ", phrase(.healthReason)] + state]).map { make("check", $0) }
    return [
      template(
        name, .text(head), backup, "server ", token(.lbBackend), "/", token(.lbServer), " ",
        phrase(.healthResult), ", ",
        .slot(Slot("%[check]", .text, syntax: .any, alternatives: rest)))
    ]
  }

  private static let proxies: [Template] = [
    template(
      "haproxy/proxy", "Proxy ", token(.lbProxy), " ", phrase(.lbChange), " (cumulated conns: FE: ",
      number(.lbFrontendTotal), ", BE: ", number(.lbBackendTotal), ")."),
    template("haproxy/proxy", "Proxy ", token(.lbProxy), " ", phrase(.lbChange), "."),
    template(
      "haproxy/proxy", "Proxy ", token(.lbProxy), " ", phrase(.lbChange), " (", number(.lbSessions),
      " remaining conns will be closed)."),
    template(
      "haproxy/proxy", "Proxy ", token(.lbProxy), " ", phrase(.lbChange), " (maxsock=", number("%[maxsock]"),
      "). ",
      text(.lbCause)),
    template("haproxy/proxy", "Proxy ", token(.lbProxy), " ", phrase(.lbChange), ". Please ", text(.lbCause)),
    template("haproxy/proxy-pause", "Paused ", token("%[type]"), " ", token(.lbProxy), "."),
    template("haproxy/proxy-resume", "Resumed ", token("%[type]"), " ", token(.lbProxy), "."),
    template(
      "haproxy/proxy-stop", "Stopping ", token("%[type]"), " ", token(.lbProxy), " in ",
      .slot(Slot("%[delay]", .integer, syntax: .number, unit: .milliseconds)), " ms."),
  ]

  private static let losses: [Template] = [
    template("haproxy/loss", number(.lossCount), " events dropped"),
    template("haproxy/loss", number(.lossCount), " event dropped"),
  ]

  private static let others: [Template] = [
    template("haproxy/backend-down", "backend ", token(.lbBackend), " has no server available!"),
    template("haproxy/backend-down", "proxy ", token(.lbBackend), " has no server available!"),
    template("haproxy/proxy", "SIGHUP: ", text(.lbCause)),
    template("haproxy/proxy", "SIGHUP received, ", text(.lbCause)),
    template("haproxy/proxy", "Connect() failed for backend ", token(.lbBackend), ": ", text(.lbCause)),
    template(
      "haproxy/address-change", token(.lbBackend), "/", token(.lbServer), " changed its IP from ",
      token("%[old address]"), " to ", address(.serverIP), " by ", text(.lbCause)),
    template(
      "haproxy/address-change", token(.lbBackend), "/", token(.lbServer), " changed its FQDN from ",
      token("%[old name]"), " to ", token("%[server name]")),
  ]

  // MARK: Parts

  /// A literal or a slot.
  private enum Part: ExpressibleByStringLiteral {
    case text(String)
    case slot(Slot)
    init(stringLiteral text: String) { self = .text(text) }
  }

  private static func template(_ name: String, _ parts: Part...) -> Template { make(name, parts) }

  private static func make(_ name: String, _ parts: [Part]) -> Template {
    var literals: [[UInt8]] = [[]]
    var slots: [Slot] = []
    for part in parts {
      switch part {
      case .text(let text): literals[slots.count] += Array(text.utf8)
      case .slot(let slot):
        slots.append(slot)
        literals.append([])
      }
    }
    return Template(name: name, literals: literals, slots: slots)
  }

  private static func address(_ field: Field) -> Part { .slot(Slot(field.name, .address, syntax: .address)) }
  private static func number(_ field: Field) -> Part { number(field.name) }
  private static func number(_ name: String) -> Part { .slot(Slot(name, .integer, syntax: .number)) }
  private static func token(_ field: Field) -> Part { token(field.name) }
  private static func token(_ name: String) -> Part { .slot(Slot(name, .text, syntax: .token)) }
  private static func phrase(_ field: Field) -> Part { .slot(Slot(field.name, .text, syntax: .phrase)) }
  private static func text(_ field: Field) -> Part { .slot(Slot(field.name, .text, syntax: .any)) }
}

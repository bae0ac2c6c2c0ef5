import Events
import Templates

/// Lines of Nginx's error log (`ngx_log_error`, `ngx_http_log_error`, `ngx_stream_log_error`).
///
///     2026/01/02 03:04:05 [error] 12#34: *56 message, client: …, server: …, request: "…", upstream: "…", host: "…",
///     referrer: "…"
///
/// Over syslog the line begins with the level. Nginx escapes nothing here. Values in quotes are taken to hold none, and
/// a message not to hold `, client: `: where that does not give one reading, the line's parts are left in one
/// piece, as the message, and the event is marked ambiguous.
enum NginxErrors {
  static let name = "nginx/error"

  /// The line with what Nginx adds for a client's connection, then any other line; each as it stands in a file
  /// and as it is sent over syslog.
  static var templates: [Template] {
    [", client: ", ", udp client: ", nil].flatMap { client in
      [true, false].map { hasTime in Template(hasTime: hasTime, client: client) }
    }
  }
}

extension Template {
  fileprivate static func part(_ literals: [String], _ slots: [Slot]) -> Template {
    Template(name: "part", literals: literals.map { Array($0.utf8) }, slots: slots)
  }

  fileprivate init(hasTime: Bool, client: String?) {
    var literals: [[UInt8]] = [[]]
    var slots: [Slot] = []
    let add = { (slot: Slot, following: String) in
      slots.append(slot)
      literals.append(Array(following.utf8))
    }
    if hasTime {
      add(Slot("$error_time", .text, syntax: .escaped), " [")
    } else {
      literals[0] = Array("[".utf8)
    }
    add(Slot("log.level", .text, syntax: .tag), "] ")
    add(Slot(Field.lbPID.name, .integer, syntax: .number), "#")
    add(Slot("$tid", .integer, syntax: .number), ": ")
    add(
      .optional("$error_connection", "*", Slot(Field.idConnection.name, .integer, syntax: .number), " "), "")
    if let client {
      add(Slot(Field.message.name, .text, syntax: .once), client)
      add(Slot(Field.clientIP.name, .address, syntax: .item), "")
      add(.optional("$error_server", ", server: ", Slot(Field.lbFrontend.name, .text, syntax: .item), ""), "")
      add(.request, "")
      add(.quoted("$error_subrequest", "subrequest", "$subrequest"), "")
      add(.upstream, "")
      add(.quoted("$error_host", "host", Field.urlHost.name), "")
      // The stream module's, when a session ends.
      add(
        .optional(
          "$error_bytes", ", bytes from/to client:", Slot("$bytes", .text, syntax: .once),
          ", bytes from/to upstream:", Slot("$upstream_bytes", .text, syntax: .item), ""), "")
      add(.quoted("$error_referrer", "referrer", Field.httpReferrer.name, syntax: .any), "")
    } else {
      add(Slot(Field.message.name, .text, syntax: .any), "")
    }
    self.init(name: NginxErrors.name, literals: literals, slots: slots)
  }
}

extension Slot {
  /// Something that may be absent, between two literals.
  fileprivate static func optional(_ name: String, _ before: String, _ slot: Slot, _ after: String) -> Slot {
    Slot(
      name, .text, syntax: .optional,
      alternatives: [.part([before, after], [slot])])
  }

  /// Two values, or nothing.
  fileprivate static func optional(
    _ name: String, _ before: String, _ one: Slot, _ between: String, _ other: Slot, _ after: String
  ) -> Slot {
    Slot(name, .text, syntax: .optional, alternatives: [.part([before, between, after], [one, other])])
  }

  /// `, name: "value"`.
  fileprivate static func quoted(
    _ name: String, _ key: String, _ value: String, syntax: Syntax = .escaped
  ) -> Slot {
    optional(name, ", \(key): \"", Slot(value, .text, syntax: syntax), "\"")
  }

  /// The request line: where it has a version, the target may hold quotes.
  fileprivate static var request: Slot {
    Slot(
      "$error_request", .text, syntax: .optional,
      alternatives: [
        .part(
          [", request: \"", " ", " HTTP/", "\""],
          [
            Slot(Field.httpMethod.name), Slot(Field.urlTarget.name, .text, syntax: .escaped),
            Slot(Field.httpVersion.name, .text, syntax: .decimal),
          ]),
        .part([", request: \"", "\""], [Slot(Field.httpRequest.name, .text, syntax: .escaped)]),
      ])
  }

  /// The server asked, and what for: where the host follows, the target may hold quotes.
  fileprivate static var upstream: Slot {
    let address = Slot(Field.upstreamAddress.name, .text, syntax: .escaped)
    return Slot(
      "$error_upstream", .text, syntax: .optional,
      alternatives: [
        .part(
          [", upstream: \"", "\", host: \"", "\""],
          [address, Slot(Field.urlHost.name, .text, syntax: .escaped)]),
        .part([", upstream: \"", "\""], [address]),
      ])
  }
}

import Bytes

extension Event {
  /// What HAProxy's own messages say: about servers, checks, proxies and lost log lines (`src/server.c`,
  /// `src/check.c`, `src/proxy.c`, `src/backend.c`, `src/sink.c`).
  mutating func deriveMessage(_ format: String) {
    switch format {
    case "haproxy/server", "haproxy/backup-server":
      deriveServerChange(isBackup: format.hasSuffix("backup-server"))
    case "haproxy/health-check", "haproxy/agent-check":
      derive(.healthCheck, text: format.hasSuffix("health-check") ? "health" : "agent")
      derive(.kind, text: "lb_health")
      deriveFlag(.lbBackup)
      if let state = bytes(.healthStateNew)?.text { set(.healthStateNew, text: state.lowercased()) }
    case "haproxy/backend-down":
      derive(.kind, text: "lb_health")
      set(.healthStateNew, text: "down")
    case "haproxy/address-change": derive(.kind, text: "lb_admin")
    case "haproxy/proxy": deriveProxyChange()
    case "haproxy/proxy-pause", "haproxy/proxy-resume", "haproxy/proxy-stop":
      derive(.kind, text: "lb_proc")
      derive(.lbAction, text: String(format.dropFirst("haproxy/proxy-".count)))
    case "haproxy/loss":
      derive(.kind, text: "loss_notice")
      derive(.lossLayer, text: "haproxy_ring")
    default:
      if format.hasPrefix("haproxy/error") { deriveHandshakeError() }
    }
  }

  /// A server's state: whether a check or an administrator changed it is in the words.
  private mutating func deriveServerChange(isBackup: Bool) {
    derive(.lbBackup, .flag(isBackup))
    deriveCapacity()
    guard let words = bytes(.lbChange)?.text else { return derive(.kind, text: "lb_admin") }
    let cause = bytes(.lbCause)?.text ?? ""
    let change = ServerChange(words, cause: cause)
    derive(.kind, text: change == nil || change?.action != nil ? "lb_admin" : "lb_health")
    guard let change else { return hasUnknownWords() }
    if let state = change.new { derive(.healthStateNew, text: state) }
    if let state = change.old { derive(.healthStateOld, text: state) }
    if let action = change.action { derive(.lbAction, text: action) }
    let isAsked = cause.hasPrefix("changed from")
    if change.action != nil || isAsked {
      derive(.lbForced, .flag((change.isForced || isAsked) && bytes(.lbVia) == nil))
    }
  }

  /// `1 active and 0 backup servers left. Running on backup. 0 sessions active, 0 requeued, 0 remaining in queue`.
  private mutating func deriveCapacity() {
    guard let text = bytes(.lbCapacity)?.text else { return }
    let numbers = text.split { !$0.isASCII || !$0.isNumber }.compactMap { Int64($0) }
    let fields: [Field] =
      numbers.count == 5
      ? [.lbActiveLeft, .lbBackupLeft, .lbSessions, .lbRequeued, .lbQueued]
      : numbers.count == 4 ? [.lbActiveLeft, .lbBackupLeft, .lbRequeued, .lbQueued] : []
    if fields.isEmpty { hasUnknownWords() }
    for (field, number) in zip(fields, numbers) { derive(field, .integer(number)) }
    derive(.lbOnBackup, .flag(text.contains("Running on backup.")))
  }

  /// `backup ` or nothing.
  private mutating func deriveFlag(_ field: Field) {
    if case .null = self[field] { set(field, .flag(false)) }
  }

  private mutating func deriveProxyChange() {
    derive(.kind, text: "lb_proc")
    guard let words = bytes(.lbChange)?.text else { return }
    guard let action = ["stop", "start", "reached", "hard-stop"].first(where: { words.hasPrefix($0) }) else {
      return hasUnknownWords()
    }
    derive(.lbAction, text: action == "reached" ? "limit" : action == "hard-stop" ? "stop" : action)
  }

  /// `SSL handshake failure (error:0A0000C1:SSL routines::no shared cipher)`: the library's code is in it.
  private mutating func deriveHandshakeError() {
    derive(.kind, text: "tls_error")
    guard case .text(let range) = self[.tlsErrorText] else { return }
    let text = bytes(range).text
    guard let mark = text.firstRange(of: "(error:") else { return }
    let code = text[mark.upperBound...].prefix { $0.isHexDigit }
    if !code.isEmpty { derive(.tlsErrorSSL, text: String(code)) }
  }
}

/// What HAProxy's words about a server mean.
struct ServerChange {
  var old: String?
  var new: String?
  /// What an administrator did, or a tracked server or the resolver made necessary; nil for a check's result.
  var action: String?
  var isForced = false

  /// Nil for words that HAProxy 2.4 to 3.x does not use.
  init?(_ words: String, cause: String) {
    switch words {
    case "is DOWN": new = "down"
    case "is UP": (new, action) = ("up", Self.leaving(cause))
    case "is stopping": new = "stopping"
    case "was DOWN and now enters maintenance": (old, new, action) = ("down", "maint", "maint")
    case "is going DOWN for maintenance": (old, new, action) = ("up", "maint", "maint")
    case "is UP/READY", "is DOWN/READY": (old, action) = ("maint", "ready")
    case "is UP/DRAIN", "is DOWN/DRAIN": (old, action) = ("maint", "drain")
    case "is leaving forced maintenance but remains in maintenance", "remains in forced maintenance",
      "resolves again but remains in maintenance":
      (old, new, action) = ("maint", "maint", "maint")
    case "enters drain state": (new, action) = ("drain", "drain")
    case "is leaving forced drain but remains in drain mode", "remains in drain mode",
      "remains in forced drain mode":
      (old, new, action) = ("drain", "drain", "drain")
    case "administratively READY thanks to valid DNS answer": (old, action) = ("maint", "ready")
    default: return nil
    }
    if words == "is DOWN", cause.hasPrefix("leaving") { action = "ready" }
    if let action, new == nil || words == "is UP" || words == "is DOWN" {
      if words.hasPrefix("is ") {
        new = action == "drain" ? "drain" : words.contains("UP") ? "up" : "down"
        if cause.contains("drain") { old = "drain" }
      }
    }
    isForced =
      words.contains("forced") || cause.contains("forced") || cause.contains("stats page")
      || cause.isEmpty
        && (words.hasPrefix("is going") || words.hasPrefix("was DOWN") || words.hasPrefix("enters"))
  }

  private static func leaving(_ cause: String) -> String? { cause.hasPrefix("leaving") ? "ready" : nil }
}

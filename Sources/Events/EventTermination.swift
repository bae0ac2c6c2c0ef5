import Bytes

extension Event {
  /// Who ended the transaction, when, and whether that was a success.
  mutating func deriveTermination(_ product: Product?) {
    switch product {
    case .haproxy: deriveState()
    case .envoy: deriveFlags()
    case .nginx: deriveFromStatus()
    case nil: break
    }
    deriveOutcome(product)
  }

  /// HAProxy's termination state (configuration manual, 8.5): who, when, and twice about the cookie.
  private mutating func deriveState() {
    guard let state = bytes(.termRaw), state.count >= 2 else { return }
    let who = state[0]
    let when = state[1]
    let cookies = state.count >= 4 ? (state[2], state[3]) : nil
    let actor: String? =
      switch who {
      case UInt8(ascii: "C"), UInt8(ascii: "c"): "client"
      case UInt8(ascii: "S"), UInt8(ascii: "s"), UInt8(ascii: "D"): "server"
      case UInt8(ascii: "P"), UInt8(ascii: "U"): "proxy"
      case UInt8(ascii: "L"): "local"
      case UInt8(ascii: "R"): "resource"
      case UInt8(ascii: "I"): "internal"
      case UInt8(ascii: "K"): "admin"
      case UInt8(ascii: "-"): "none"
      default: nil
      }
    let phase: String? =
      switch when {
      case UInt8(ascii: "R"): "request"
      case UInt8(ascii: "Q"): "queue"
      case UInt8(ascii: "C"): "connect"
      case UInt8(ascii: "H"): "headers"
      case UInt8(ascii: "D"): "data"
      case UInt8(ascii: "L"): "last"
      case UInt8(ascii: "T"): "tarpit"
      case UInt8(ascii: "-"): "end"
      default: nil
      }
    guard let actor, let phase else { return }
    set(.termActor, text: actor)
    set(.termPhase, text: phase)
    set(.termTimeout, .flag(who == UInt8(ascii: "c") || who == UInt8(ascii: "s")))
    guard let cookies else { return }
    setLetter(.persistRequest, cookies.0)
    setLetter(.persistResponse, cookies.1)
  }

  private mutating func setLetter(_ field: Field, _ byte: UInt8) {
    if byte == UInt8(ascii: "-") {
      set(field, .null(.dash))
    } else {
      set(field, text: String(UnicodeScalar(byte)))
    }
  }

  /// Envoy's response flags: the first that says who ended it.
  private mutating func deriveFlags() {
    if case .null(.dash) = self[.termRaw] {
      set(.termActor, text: "none")
      set(.termPhase, text: "end")
      set(.termTimeout, .flag(false))
      return
    }
    guard let flags = bytes(.termRaw) else { return }
    let names = flags.text.split(separator: ",")
    if names.contains(where: { EnvoyFlag($0) == .responseFromCacheFilter }) {
      derive(.cacheStatus, text: "hit")
    }
    guard let meaning = names.lazy.compactMap({ EnvoyFlag($0)?.meaning }).first else { return }
    set(.termActor, text: meaning.actor)
    set(.termPhase, text: meaning.phase)
    set(.termTimeout, .flag(meaning.timeout))
  }

  /// Nginx has no code of its own: some statuses say who gave up.
  private mutating func deriveFromStatus() {
    guard case .integer(let status) = self[.httpStatus] else { return deriveFromSession() }
    let (actor, phase, timeout): (String, String, Bool) =
      switch status {
      case 499: ("client", "headers", false)
      case 444: ("proxy", "request", false)
      case 408: ("client", "request", true)
      case 504: ("server", "headers", true)
      case 502: ("server", "headers", false)
      case 503: ("resource", "queue", false)
      default: ("none", "end", false)
      }
    set(.termActor, text: actor)
    set(.termPhase, text: phase)
    set(.termTimeout, .flag(timeout))
  }

  /// The status of a session of Nginx's stream module.
  private mutating func deriveFromSession() {
    let (actor, phase): (String, String)
    switch bytes(.termRaw)?.text {
    case "200": (actor, phase) = ("none", "end")
    case "400": (actor, phase) = ("client", "request")
    case "403": (actor, phase) = ("proxy", "request")
    case "500": (actor, phase) = ("internal", "end")
    case "502": (actor, phase) = ("server", "connect")
    case "503": (actor, phase) = ("resource", "queue")
    default: return
    }
    set(.termActor, text: actor)
    set(.termPhase, text: phase)
    set(.termTimeout, .flag(false))
  }

  private mutating func deriveOutcome(_ product: Product?) {
    let actor = bytes(.termActor)?.text
    let phase = bytes(.termPhase)?.text
    var outcome: String? =
      switch actor {
      case "client", "admin": "aborted"
      case "server", "resource", "internal": "failure"
      case "proxy": phase == "request" || phase == "tarpit" || phase == "queue" ? "denied" : "failure"
      default: nil
      }
    if product == .envoy, let flags = bytes(.termRaw)?.text {
      outcome = flags.split(separator: ",").lazy.compactMap { EnvoyFlag($0)?.outcome }.first ?? outcome
    }
    if outcome == nil, let grpc = bytes(.grpcStatus)?.text, grpc != "OK", grpc != "0" { outcome = "failure" }
    if outcome == nil, case .integer(let status) = self[.httpStatus] {
      outcome = Self.outcome(status: status)
    }
    if outcome == nil, actor == "none" { outcome = "success" }
    if let outcome { derive(.outcome, text: outcome) }
  }

  private static func outcome(status: Int64) -> String {
    switch status {
    case 9, 100..<400: "success"
    case 401, 403, 407, 429, 444: "denied"
    case 499: "aborted"
    case 400..<1000: "failure"
    default: "unknown"
    }
  }
}

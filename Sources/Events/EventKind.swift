/// What an event is about: the values of the field `kind`.
public enum EventKind: String, CaseIterable, Sendable {
  /// One HTTP transaction.
  case http
  /// One TCP connection.
  case tcp
  /// One UDP session.
  case udpSession = "udp_session"
  /// A TLS handshake that failed, before any request.
  case tlsError = "tls_error"
  /// A server or backend went up or down, or a health check said so.
  case lbHealth = "lb_health"
  /// Somebody changed a server's or backend's state.
  case lbAdmin = "lb_admin"
  /// The load balancer, or a proxy of it, started, stopped or paused.
  case lbProcess = "lb_proc"
  /// A line of the load balancer's error log.
  case errorLog = "error_log"
  /// Messages are known to be lost.
  case lossNotice = "loss_notice"
  /// Written by the collector about itself.
  case collector
  /// A line that no format fits.
  case unparsed

  /// One line for people.
  public var meaning: String {
    switch self {
    case .http: "One HTTP transaction"
    case .tcp: "One TCP connection"
    case .udpSession: "One UDP session"
    case .tlsError: "A TLS handshake that failed, before any request"
    case .lbHealth: "A server or backend went up or down, or a health check said so"
    case .lbAdmin: "Somebody changed a server's or backend's state"
    case .lbProcess: "The load balancer, or a proxy of it, started, stopped or paused"
    case .errorLog: "A line of the load balancer's error log"
    case .lossNotice: "Messages are known to be lost"
    case .collector: "Written by Stele about itself; `action` says what it did"
    case .unparsed: "A line that no format fits; it is kept whole in `message`"
    }
  }

  /// The kind of a format's lines, where they tell of no request and no connection; nil for access logs.
  public static func ofMessages(format name: String) -> EventKind? {
    switch name {
    case "haproxy/default": nil
    case "haproxy/server", "haproxy/backup-server", "haproxy/health-check", "haproxy/agent-check",
      "haproxy/backend-down":
      .lbHealth
    case "haproxy/address-change": .lbAdmin
    case "haproxy/proxy", "haproxy/proxy-pause", "haproxy/proxy-resume", "haproxy/proxy-stop": .lbProcess
    default: EventKind(format: name)
    }
  }

  /// The kind of every line of a format, told by the format's name; nil where it depends on the line.
  init?(format name: String) {
    switch name {
    case "haproxy/error": self = .tlsError
    case "haproxy/default": self = .tcp
    case "nginx/error": self = .errorLog
    case "haproxy/loss": self = .lossNotice
    default: return nil
    }
  }
}

import Events
import TestSupport

/// Makes expressions of all kinds, as text.
struct ExpressionMaker {
  var random: SplitMix64

  static let names = [
    "$geoip_city", "`%CC`", "`%CS`", "http.req_headers.x-foo", "http.resp_headers.content-type",
    "$no_such_thing",
    "\"http.req_headers.x-request-id\"",
  ]

  /// Fields that the sample formats have, so that expressions often mean something.
  static let common: [Field] = [
    .clientIP, .clientPort, .httpStatus, .httpMethod, .urlTarget, .urlPath, .urlQuery, .urlHost, .httpVersion,
    .bytesOut, .bytesBodyOut, .bytesIn, .bytesBodyIn, .durationActive, .durationTotal, .durationQueue,
    .durationResponse, .durationUpstream, .lbFrontend, .lbBackend, .lbServer, .lbTLS, .retries, .redispatched,
    .termRaw, .termActor, .termPhase, .termTimeout, .outcome, .time, .timeStart, .timeEnd, .timeAccept,
    .syslogTime, .syslogPRI, .syslogSeverity, .syslogHost, .lbNode, .lbPID, .userAgent, .httpReferrer, .user,
    .idRequest, .forwardedFor, .upstreamAddress, .upstreamStatus, .cacheStatus, .kind, .parseStatus, .message,
    .httpRequest, .seq, .receiveTime, .sourceID, .sourceTransport, .sourcePeerIP, .frame, .truncated, .raw,
    .rawLength, .serverIP, .serverPort, .parserFormat, .lbProduct, .timeQuality, .connsProcess,
    .persistRequest, .durationIncomplete, .bytesIncomplete, .clientEndpoint, .parseError, .parseOffset,
    .action,
    .lossCount, .sourceClaimMismatch, .sourcePeerIdentity, .durationConnect,
  ]

  mutating func expression(depth: Int = 3) -> String {
    if depth > 0 {
      switch random.below(6) {
      case 0: return "(\(expression(depth: depth - 1)) and \(expression(depth: depth - 1)))"
      case 1: return "(\(expression(depth: depth - 1)) or \(expression(depth: depth - 1)))"
      case 2: return "not \(expression(depth: depth - 1))"
      default: break
      }
    }
    return condition()
  }

  mutating func condition() -> String {
    if random.chance(8) { return named() }
    let field = random.chance(5) ? random.pick(Array(Field.allCases)) : random.pick(Self.common)
    if random.chance(6) { return "has \(field.name)" }
    if random.chance(6) { return "\(field.name) \(reason())" }
    switch field.type {
    case .text, .list: return text(field)
    case .flag: return random.pick(["\(field.name)", "\(field.name) = false", "\(field.name) != true"])
    case .address:
      let networks = [
        "192.0.2.1", "192.0.2.0/24", "2001:db8::/32", "2001:db8::1", "::ffff:192.0.2.1", "10.0.0.0/8",
        "\"unix:\"",
        "0.0.0.0/0", "::/0", "203.0.113.9",
      ]
      return comparison(field.name, ["=", "!=", "in", "not in"], networks)
    case .integer:
      return numbers(field, ["0", "1", "17", "200", "1500", "65536", "-1", "50000", "7", "30", "134"])
    case .status: return numbers(field, ["200", "404", "5xx", "4xx", "0", "-1", "499", "301"])
    case .duration:
      return numbers(field, ["0", "1ms", "17ms", "200ms", "1.5s", "1m5s", "123ms", "1500us", "1us"])
    case .size: return numbers(field, ["0", "1", "17", "200", "1500", "64KiB", "50kB", "1MiB", "100"])
    case .time:
      return numbers(
        field,
        [
          "2026-01-01", "2026-01-02", "2026-01-02T12:00", "2026-01-01T00:20:00Z", "\"2026-01-03 01:00:00\"",
          "2026-01-11T00:30:00+01:00",
        ])
    }
  }

  private mutating func text(_ field: Field) -> String {
    let words =
      LineMaker.words + LineMaker.targets + LineMaker.lists + [
        "GET", "1.1", "2", "client", "data", "success", "failure", "http", "tcp", "unparsed", "loss", "ok",
        "failed", "edge",
        "file", "udp", "nginx/combined", "haproxy", "fe_https", "q=1", "id=17", "x=y", "sH--", "503",
        "10.0.0.1:80", "partial", "loss_notice", "collector", "ambiguous", "type http.status",
        "unclosed_quote", "format",
        "explicit_tz", "local", "www", "/api/v1/orders",
      ]
    switch random.below(5) {
    case 0:
      return
        "\(field.name) ~ \(Self.quoted(random.pick(["a", "e", "/", "1.1", ".com", "10.0", "api", "-", "%", "\u{e9}"])))"
    case 1 where field != .raw:
      return "\(field.name) ~ \(random.pick(["/^[a-z]+$/", "/GET|POST/i", "/\\d{3}/", "/^\\/api\\//"]))"
    case 2: return comparison(field.name, ["in", "not in"], words.map { Self.quoted($0) })
    default: return comparison(field.name, ["=", "!="], words.map { Self.quoted($0) })
    }
  }

  private mutating func numbers(_ field: Field, _ values: [String]) -> String {
    comparison(field.name, ["=", "!=", "<", "<=", ">", ">=", "in", "not in"], values)
  }

  private mutating func reason() -> String {
    "is \(random.pick(["", "", "not "]))"
      + random.pick(["null", "absent_in_format", "dash", "empty", "not_reached", "unparsed"])
  }

  private mutating func named() -> String {
    let name = random.pick(Self.names)
    switch random.below(5) {
    case 0: return "has \(name)"
    case 2: return "\(name) \(reason())"
    case 1: return "\(name) ~ \(random.pick(["a", "1", "html"]))"
    default:
      return comparison(
        name, ["=", "!=", "in"], ["17", "alpha", "Berlin", "\"a b\"", "text/html", "0123456789abcdef"])
    }
  }

  private mutating func comparison(_ name: String, _ signs: [String], _ values: [String]) -> String {
    let sign = random.pick(signs)
    if sign.hasSuffix("in"), random.chance(2) {
      let list = (0...random.below(3)).map { _ in random.pick(values) }
      return "\(name) \(sign) (\(list.joined(separator: ", ")))"
    }
    return "\(name) \(sign) \(random.pick(values))"
  }

  static func quoted(_ text: String) -> String {
    "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
  }
}

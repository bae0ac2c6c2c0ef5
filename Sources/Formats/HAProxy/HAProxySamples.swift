import Events
import Templates

/// Sample fetches that mean what an alias means, or that have a field of their own.
enum HAProxySamples {
  /// What `%[expression]` prints. What is not known keeps its spelling, as bytes.
  static func value(of expression: String, _ captures: Captures?) -> HAProxyValue {
    let parts = HAProxyExpression(expression)
    let whole = parts.key
    if var value = fields[whole] ?? date(parts) {
      value.isText = true
      value.hasHexadecimal = false
      return value
    }
    let known =
      fields[parts.fetch] ?? aliases[parts.fetch].flatMap { HAProxyAliases.table[$0] }
      ?? capture(parts.fetch, captures) ?? header(parts.fetch)
    guard var value = known, parts.converters.allSatisfy({ keeping.contains(HAProxyExpression.name($0)) })
    else {
      return .raw("%[\(expression)]")
    }
    // Expressions are printed as text of their own accord: `+Q` quotes numbers too, and nothing is escaped.
    value.isText = true
    value.hasHexadecimal = false
    if value.slot.unit.isEscape { value.slot.unit = .none }
    if value.escaping == .printable || parts.fetch == "query" { value.escaping = .none }
    value.form = .plain
    if parts.converters == ["hex"], value.slot.column == .address {
      // All bytes of it, as `+X` prints them.
      value.slot.column = .hexAddress
      value.slot.syntax = .token
    } else if !parts.converters.isEmpty {
      // The field stays what it is, its spelling need not: an address masked, a name in other letters.
      value.slot = Slot(value.slot.name, .text, syntax: .any)
      value.escaping = .none
    }
    return value
  }

  /// Converters behind which a value is still that of its field.
  private static let keeping: Set<String> = [
    "lower", "upper", "hex", "ltrim", "rtrim", "url_dec", "url_enc", "json", "ipmask", "capture-req",
    "capture-res",
    "bytes", "utf8",
  ]

  /// Synonyms of aliases (configuration manual, table of aliases, last column).
  static let aliases: [String: String] = [
    "src": "ci", "src_port": "cp", "dst": "fi", "dst_port": "fp", "bc_src": "bi", "bc_src_port": "bp",
    "bc_dst": "si", "bc_dst_port": "sp", "fe_name": "f", "be_name": "b", "srv_name": "s", "hostname": "H",
    "pid": "pid", "unique-id": "ID", "txn.timer.total": "Ta", "bc.timer.connect": "Tc",
    "fc.timer.handshake": "Th", "req.timer.idle": "Ti", "req.timer.tq": "Tq", "req.timer.hdr": "TR",
    "res.timer.hdr": "Tr", "res.timer.data": "Td", "fc.timer.total": "Tt", "txn.timer.user": "Tu",
    "req.timer.queue": "Tw", "txn.status": "ST", "status": "ST", "txn.sess_term_state": "ts",
    "txn.id32": "rt", "txn.conn_retries": "rc", "act_conn": "ac", "srv_conn": "sc",
    "ssl_fc_protocol": "sslv", "ssl_fc_cipher": "sslc", "res.bytes_in": "B", "req.bytes_in": "U",
    "bytes_out": "B", "bytes_in": "U",
    "fe_conn": "fc", "be_conn": "bc", "method": "HM", "capture.req.method": "HM", "capture.req.ver": "HV",
    "req.ver": "HV", "request.ver": "HV",
  ]

  private static let fields: [String: HAProxyValue] = [
    "fc_src": .address(.peerIP), "fc_src_port": .number(.peerPort), "fc_id": .word(.idConnection),
    "so_name": .word(.lbListener), "ssl_fc": .number(.lbTLS), "ssl_fc_is_resumed": .number(.tlsResumed),
    "txn.redispatched": .number(.redispatched),
    "fc_err": .number(.tlsErrorConnection), "ssl_fc_err": .number(.tlsErrorSSL),
    "ssl_fc_hsk_err": .number(.tlsErrorSSL), "ssl_fc_hsk_err,hex": .word(.tlsErrorSSL),
    "ssl_fc_err,hex": .word(.tlsErrorSSL), "ssl_c_err": .number(.tlsErrorVerify),
    "ssl_c_ca_err": .number(.tlsErrorCA), "ssl_c_verify": .number(.tlsClientVerify),
    "fc_err_str": .raw(Field.tlsErrorText.name), "ssl_fc_err_str": .raw(Field.tlsErrorText.name),
    "ssl_fc_hsk_err_str": .raw(Field.tlsErrorText.name),
    "ssl_c_serial,hex": .word(.tlsClientSerial), "ssl_c_sha1,hex": .word(.tlsClientFingerprint),
    "ssl_c_der,sha2(256),hex": .word(.tlsClientFingerprint),
    // The client's own bytes, unescaped.
    "ssl_fc_sni": .raw(Field.tlsSNI.name), "req.ssl_sni": .raw(Field.tlsSNI.name),
    "req_ssl_sni": .raw(Field.tlsSNI.name), "ssl_fc_alpn": .raw(Field.tlsALPN.name),
    "ssl_fc_npn": .raw(Field.tlsALPN.name), "ssl_c_s_dn": .raw(Field.tlsClientSubject.name),
    "ssl_c_i_dn": .raw(Field.tlsClientIssuer.name), "url": .raw(Field.urlTarget.name),
    "capture.req.uri": .raw(Field.urlTarget.name), "path": .raw(Field.urlPath.name),
    "pathq": .raw(Field.urlTarget.name), "query": .raw(Field.urlQuery.name),
    "http_auth_user": .raw(Field.user.name), "last_rule_file": .raw("%[last_rule_file]"),
    // Parts of HAProxy's fixed messages, which no fetch prints.
    "stele.bind": .word(.lbListener), "stele.error": .raw(Field.tlsErrorText.name),
    "stele.mode": .word(.lbStep).named("%[mode]"),
  ]

  /// `accept_date` and `request_date`: seconds since 1970, or milliseconds or microseconds where the argument says so,
  /// or one of the stamps that aliases print.
  private static func date(_ parts: HAProxyExpression) -> HAProxyValue? {
    let name = HAProxyExpression.name(parts.fetch)
    guard let field: Field = ["accept_date": .timeAccept, "request_date": .timeStart][name] else {
      return nil
    }
    let argument = HAProxyExpression.arguments(parts.fetch).first ?? "s"
    if parts.converters.isEmpty {
      let unit: Unit? = ["s": .seconds, "ms": .milliseconds, "us": .microseconds][argument]
      return unit.map { .number(field, unit: $0) }
    }
    guard parts.converters.count == 1, let converter = parts.converters.first else { return nil }
    guard
      ["ltime", "utime", "ms_ltime", "ms_utime", "us_ltime", "us_utime"].contains(
        HAProxyExpression.name(converter))
    else { return nil }
    switch HAProxyExpression.text(converter) {
    case "%d/%b/%Y:%H:%M:%S %z", "%d/%b/%Y:%H:%M:%S.%3N", "%d/%b/%Y:%H:%M:%S": return .date(field)
    case "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.%3NZ", "%Y-%m-%dT%H:%M:%S.%6NZ",
      "%FT%TZ":
      var value = HAProxyValue.date(field)
      // `%z` has no colon, which RFC 3339 wants: such stamps are kept as text.
      guard HAProxyExpression.text(converter).hasSuffix("Z") else { return nil }
      value.slot.column = .isoTime
      return value
    default: return nil
    }
  }

  /// `capture.req.hdr(0)`, `capture.res.hdr(0)`: the same names as in `%hr` and `%hs`.
  private static func capture(_ fetch: String, _ captures: Captures?) -> HAProxyValue? {
    let isResponse: Bool
    switch HAProxyExpression.name(fetch) {
    case "capture.req.hdr": isResponse = false
    case "capture.res.hdr": isResponse = true
    default: return nil
    }
    guard let number = HAProxyExpression.arguments(fetch).first.flatMap({ Int($0) }), number >= 0 else {
      return nil
    }
    if isResponse {
      return .raw(HeaderFields.responseName(captures?.responseName(number), number: number + 1))
    }
    return .raw(HeaderFields.requestName(captures?.requestName(number), number: number + 1))
  }

  /// `req.hdr(User-Agent)` and its kind.
  private static func header(_ fetch: String) -> HAProxyValue? {
    guard let name = HAProxyExpression.arguments(fetch).first, !name.isEmpty else { return nil }
    switch HAProxyExpression.name(fetch) {
    case "req.hdr", "req.fhdr", "hdr", "fhdr", "req.hdr_ip", "hdr_ip":
      return .raw(HeaderFields.requestName(name, number: 0))
    case "res.hdr", "res.fhdr", "shdr": return .raw(HeaderFields.responseName(name, number: 0))
    default: return nil
    }
  }
}

/// A sample expression: a fetch, and converters behind commas, each perhaps with arguments in parentheses.
struct HAProxyExpression {
  var fetch: String
  var converters: [String]

  init(_ text: String) {
    var parts: [String] = [""]
    var depth = 0
    var quote: Character?
    for character in text {
      switch character {
      case "\"", "'": if depth > 0 { quote = quote == nil ? character : quote == character ? nil : quote }
      case "(" where quote == nil: depth += 1
      case ")" where quote == nil: depth -= 1
      case "," where quote == nil && depth == 0:
        parts.append("")
        continue
      case " " where quote == nil: continue
      default: break
      }
      parts[parts.count - 1].append(character)
    }
    // Empty parentheses say nothing.
    parts = parts.map { $0.hasSuffix("()") ? String($0.dropLast(2)) : $0 }
    fetch = parts[0]
    converters = Array(parts.dropFirst()).filter { !$0.isEmpty }
  }

  /// All of it without blanks.
  var key: String { ([fetch] + converters).joined(separator: ",") }

  /// What stands before the parentheses.
  static func name(_ part: String) -> String { String(part.prefix { $0 != "(" }) }

  /// What stands between them, quotes taken off.
  static func text(_ part: String) -> String {
    guard let open = part.firstIndex(of: "("), part.hasSuffix(")") else { return "" }
    var text = part[part.index(after: open)...].dropLast()
    if let first = text.first, first == "\"" || first == "'", text.last == first, text.count > 1 {
      text = text.dropFirst().dropLast()
    }
    return String(text)
  }

  static func arguments(_ part: String) -> [String] {
    let text = text(part)
    return text.isEmpty ? [] : text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
  }
}

extension Unit {
  /// It says how text is escaped.
  var isEscape: Bool {
    switch self {
    case .hashEscapes, .backslashEscapes, .hashAndBackslashEscapes: true
    default: false
    }
  }
}

import Events
import Templates

/// Sample fetches that mean what an alias means, or that have a field of their own.
enum HAProxySamples {
  /// What `%[expression]` prints. What is not known keeps its spelling, as bytes.
  static func value(of expression: String, _ captures: Captures?) -> HAProxyValue {
    let key = expression.filter { $0 != " " }
    let known = fields[key] ?? aliases[key].flatMap { HAProxyAliases.table[$0] } ?? capture(key, captures)
    guard var value = known ?? header(key) else { return .raw("%[\(expression)]") }
    // Expressions are printed as text of their own accord: `+Q` quotes numbers too, and nothing is escaped.
    value.isText = true
    value.hasHexadecimal = false
    if value.escaping == .printable || key == "query" { value.escaping = .none }
    value.form = .plain
    return value
  }

  /// Synonyms of aliases (configuration manual, table of aliases, last column).
  static let aliases: [String: String] = [
    "src": "ci", "src_port": "cp", "dst": "fi", "dst_port": "fp", "bc_src": "bi", "bc_src_port": "bp",
    "bc_dst": "si", "bc_dst_port": "sp", "fe_name": "f", "be_name": "b", "srv_name": "s", "hostname": "H",
    "pid": "pid", "unique-id": "ID", "txn.timer.total": "Ta", "bc.timer.connect": "Tc",
    "fc.timer.handshake": "Th", "req.timer.idle": "Ti", "req.timer.tq": "Tq", "req.timer.hdr": "TR",
    "res.timer.hdr": "Tr", "res.timer.data": "Td", "fc.timer.total": "Tt", "txn.timer.user": "Tu",
    "req.timer.queue": "Tw", "txn.status": "ST", "status": "ST", "txn.sess_term_state": "ts",
    "txn.id32": "rt",
    "ssl_fc_protocol": "sslv", "ssl_fc_cipher": "sslc", "res.bytes_in": "B", "req.bytes_in": "U",
    "fe_conn": "fc", "be_conn": "bc", "method": "HM", "capture.req.method": "HM", "capture.req.ver": "HV",
    "req.ver": "HV",
  ]

  private static let fields: [String: HAProxyValue] = [
    "fc_src": .address(.peerIP), "fc_src_port": .number(.peerPort), "fc_id": .word(.idConnection),
    "ssl_fc": .number(.lbTLS), "ssl_fc_is_resumed": .number(.tlsResumed),
    "fc_err": .number(.tlsErrorConnection), "ssl_fc_err": .number(.tlsErrorSSL),
    "ssl_fc_err,hex": .word(.tlsErrorSSL), "ssl_c_err": .number(.tlsErrorVerify),
    "ssl_c_ca_err": .number(.tlsErrorCA), "ssl_c_verify": .number(.tlsClientVerify),
    "ssl_c_serial,hex": .word(.tlsClientSerial), "ssl_c_sha1,hex": .word(.tlsClientFingerprint),
    "ssl_c_der,sha2(256),hex": .word(.tlsClientFingerprint),
    // The client's own bytes, unescaped.
    "ssl_fc_sni": .raw(Field.tlsSNI.name), "req.ssl_sni": .raw(Field.tlsSNI.name),
    "ssl_fc_alpn": .raw(Field.tlsALPN.name), "ssl_c_s_dn": .raw(Field.tlsClientSubject.name),
    "ssl_c_i_dn": .raw(Field.tlsClientIssuer.name), "url": .raw(Field.urlTarget.name),
    "capture.req.uri": .raw(Field.urlTarget.name), "path": .raw(Field.urlPath.name),
    "pathq": .raw(Field.urlTarget.name), "query": .raw(Field.urlQuery.name),
    // Parts of HAProxy's fixed messages, which no fetch prints.
    "stele.bind": .word(.lbListener), "stele.error": .raw(Field.tlsErrorText.name),
    "stele.mode": .word(.lbStep).named("%[mode]"),
  ]

  /// `capture.req.hdr(0)`, `capture.res.hdr(0)`: the same names as in `%hr` and `%hs`.
  private static func capture(_ key: String, _ captures: Captures?) -> HAProxyValue? {
    if let number = argument(of: "capture.req.hdr", in: key).flatMap({ Int($0) }), number >= 0 {
      return .raw(HeaderFields.requestName(captures?.requestName(number), number: number + 1))
    }
    if let number = argument(of: "capture.res.hdr", in: key).flatMap({ Int($0) }), number >= 0 {
      return .raw(HeaderFields.responseName(captures?.responseName(number), number: number + 1))
    }
    return nil
  }

  /// `req.hdr(User-Agent)` and its kind.
  private static func header(_ key: String) -> HAProxyValue? {
    for fetch in ["req.hdr", "req.fhdr", "hdr", "fhdr"] {
      guard let name = argument(of: fetch, in: key), !name.contains(","), !name.isEmpty else { continue }
      return .raw(HeaderFields.requestName(name, number: 0))
    }
    for fetch in ["res.hdr", "res.fhdr"] {
      guard let name = argument(of: fetch, in: key), !name.contains(","), !name.isEmpty else { continue }
      return .raw(HeaderFields.responseName(name, number: 0))
    }
    return nil
  }

  /// What stands between the parentheses when `key` is `fetch(…)` and nothing more.
  private static func argument(of fetch: String, in key: String) -> String? {
    guard key.hasPrefix(fetch + "("), key.hasSuffix(")") else { return nil }
    let argument = key.dropFirst(fetch.count + 1).dropLast()
    return argument.contains("(") || argument.contains(")") ? nil : String(argument)
  }
}

import Events
import Templates

/// What Nginx's variables print.
enum NginxVariables {
  /// The piece of a template that `$name` becomes. A variable that no field covers keeps its own name, as
  /// text.
  ///
  /// - Parameter isStream: the format is the stream module's, whose status is that of a session.
  static func piece(_ name: String, _ escape: NginxFormat.Escape, isStream: Bool = false) -> Piece {
    let spelling = "$\(name)"
    if isStream, name == "status" {
      return Piece(
        slot: Slot(Field.termRaw.name, .status, syntax: .status), escaping: .word, spelling: spelling)
    }
    // Written directly, whatever `escape=` says.
    if let slot = direct[name] { return Piece(slot: slot, escaping: .word, spelling: spelling) }
    if let slot = numbers[name] ?? otherNumber(name) {
      return Piece(
        slot: missing(slot, escape, isPort: name.hasSuffix("_port")), escaping: .word, spelling: spelling)
    }
    if let field = words[name] {
      let column: ColumnType = field == .idRequest ? .identifier : .text
      return Piece(slot: Slot(field.name, column, syntax: .any), escaping: .bare, spelling: spelling)
    }
    if plainWords.contains(name) {
      return Piece(slot: Slot(spelling, .text, syntax: .any), escaping: .bare, spelling: spelling)
    }
    if let field = lists[name] {
      let slot = Slot(field.name, listColumn(name), syntax: .any, unit: .seconds)
      return Piece(slot: slot, escaping: .list, spelling: spelling)
    }
    if otherLists.contains(name) {
      return Piece(slot: Slot(spelling, listColumn(name), syntax: .any), escaping: .list, spelling: spelling)
    }
    let slot = name == "request" ? .requestLine : text(name)
    return Piece(slot: slot.spelled(Self.unit(escape)), escaping: escaping(escape), spelling: spelling)
  }

  private static func unit(_ escape: NginxFormat.Escape) -> Unit {
    switch escape {
    case .default: .hexEscapes
    case .json: .jsonEscapes
    case .none: .none
    }
  }

  /// A text of the client's, the server's or the configuration's choosing.
  private static func text(_ name: String) -> Slot {
    if let field = texts[name] { return Slot(field.name, .text, syntax: .any) }
    // Nginx writes header names in lower case, `_` for `-`.
    if let header = rest(name, behind: "http_") { return HeaderFields.requestSlot(header) }
    if let header = rest(name, behind: "sent_http_") {
      return Slot(HeaderFields.responseName(header, number: 0), .text, syntax: .any)
    }
    if name.hasPrefix("cookie_"), name.count > 7 {
      return Slot("\(Field.httpRequestCookie.name).\(name.dropFirst(7))", .text, syntax: .any)
    }
    return Slot("$\(name)", .text, syntax: .any)
  }

  private static func rest(_ name: String, behind prefix: String) -> String? {
    guard name.hasPrefix(prefix), name.count > prefix.count else { return nil }
    return String(name.dropFirst(prefix.count).map { $0 == "_" ? "-" : $0 }).lowercased()
  }

  /// Numbers that no field covers.
  private static func otherNumber(_ name: String) -> Slot? {
    if let unit = otherNumbers[name] { return Slot("$\(name)", .integer, syntax: .number, unit: unit) }
    if let unit = otherDecimals[name] { return Slot("$\(name)", .decimal, syntax: .decimal, unit: unit) }
    return nil
  }

  private static func escaping(_ escape: NginxFormat.Escape) -> Escaping {
    switch escape {
    case .default: .printable
    case .json: .backslash
    case .none: .none
    }
  }

  /// Under `json` and `none` a variable without a value prints nothing, which is no number: such a slot ends
  /// where the literal after it begins, whatever it holds.
  ///
  /// So do ports of unix sockets, whatever `escape=` says: they are found, and empty
  /// (`ngx_http_variable_remote_port`).
  private static func missing(_ slot: Slot, _ escape: NginxFormat.Escape, isPort: Bool) -> Slot {
    if escape == .default, !isPort { return slot }
    var slot = slot
    slot.syntax = .escaped
    return slot
  }

  /// Times of attempts keep three decimals; everything else in lists is text.
  private static func listColumn(_ name: String) -> ColumnType { name.hasSuffix("_time") ? .decimal : .text }

  /// The log module's own operations (`ngx_http_log_vars`), never escaped, never missing.
  private static let direct: [String: Slot] = [
    "time_local": Slot(Field.timeEnd.name, .clfTime, syntax: .time),
    "time_iso8601": Slot(Field.timeEnd.name, .isoTime, syntax: .time),
    "msec": Slot(Field.timeEnd.name, .decimal, syntax: .decimal, unit: .seconds),
    "request_time": Slot(Field.durationActive.name, .decimal, syntax: .decimal, unit: .seconds),
    "session_time": Slot(Field.durationTotal.name, .decimal, syntax: .decimal, unit: .seconds),
    "status": Slot(Field.httpStatus.name, .status, syntax: .status),
    "bytes_sent": Slot(Field.bytesOut.name, .integer, syntax: .number, unit: .bytes),
    "bytes_received": Slot(Field.bytesIn.name, .integer, syntax: .number, unit: .bytes),
    "body_bytes_sent": Slot(Field.bytesBodyOut.name, .integer, syntax: .number, unit: .bytes),
    "request_length": Slot(Field.bytesIn.name, .integer, syntax: .number, unit: .bytes),
    "protocol": Slot("$protocol", .text, syntax: .token),
    "pipe": Slot("$pipe", .text, syntax: .token),
    // Names of Kubernetes services, set by ingress-nginx; often empty.
    "proxy_alternative_upstream_name": Slot("$proxy_alternative_upstream_name", .text, syntax: .escaped),
  ]

  private static let otherNumbers: [String: Unit] = [
    "connections_reading": .none, "connections_writing": .none, "connections_waiting": .none,
    "proxy_protocol_server_port": .none, "proxy_port": .none, "tcpinfo_rtt": .microseconds,
    "tcpinfo_rttvar": .microseconds, "tcpinfo_snd_cwnd": .none, "tcpinfo_rcv_space": .bytes,
    "limit_rate": .bytes, "ssl_client_v_remain": .none, "request_port": .none, "request_body_length": .bytes,
  ]

  private static let otherDecimals: [String: Unit] = ["gzip_ratio": .none]

  private static let numbers: [String: Slot] = [
    "content_length": Slot(Field.bytesBodyIn.name, .integer, syntax: .number, unit: .bytes),
    "remote_port": Slot(Field.clientPort.name, .integer, syntax: .number),
    "server_port": Slot(Field.localPort.name, .integer, syntax: .number),
    "proxy_protocol_port": Slot(Field.peerPort.name, .integer, syntax: .number),
    "realip_remote_port": Slot(Field.peerPort.name, .integer, syntax: .number),
    "connection": Slot(Field.idConnection.name, .integer, syntax: .number),
    "connection_requests": Slot(Field.idConnectionRequest.name, .integer, syntax: .number),
    "connection_time": Slot(Field.durationTotal.name, .decimal, syntax: .decimal, unit: .seconds),
    "pid": Slot(Field.lbPID.name, .integer, syntax: .number),
    "connections_active": Slot(Field.connsProcess.name, .integer, syntax: .number),
    // Addresses of unix sockets print as `unix:`.
    "remote_addr": Slot(Field.clientIP.name, .address, syntax: .address),
    "server_addr": Slot(Field.localIP.name, .address, syntax: .address),
    "realip_remote_addr": Slot(Field.peerIP.name, .address, syntax: .address),
    "proxy_protocol_addr": Slot(Field.peerIP.name, .address, syntax: .address),
  ]

  /// Lists over attempts: `, ` and ` : ` join them.
  private static let lists: [String: Field] = [
    "upstream_addr": .upstreamAddress, "upstream_status": .upstreamStatus,
    "upstream_connect_time": .upstreamConnect, "upstream_header_time": .upstreamHeader,
    "upstream_response_time": .upstreamResponse, "upstream_response_length": .upstreamBytesIn,
    "upstream_bytes_received": .upstreamBytesIn, "upstream_bytes_sent": .upstreamBytesOut,
  ]

  /// Lists that no field covers.
  private static let otherLists: Set<String> = [
    "upstream_first_byte_time", "upstream_session_time", "upstream_queue_time",
  ]

  /// Words that no field covers.
  private static let plainWords: Set<String> = [
    "https", "http2", "http3", "is_args", "nginx_version", "limit_req_status", "limit_conn_status",
    "request_body_file", "ssl_session_id", "ssl_early_data", "ssl_curve", "ssl_sigalg",
    "ssl_client_sigalg", "ssl_preread_protocol", "ssl_preread_alpn_protocols", "proxy_protocol_server_addr",
    "binary_remote_addr", "invalid_referer", "slice_range", "ancient_browser", "modern_browser", "msie",
    "geoip_country_code", "geoip_country_code3", "is_request_port", "request_completion_time",
    "upstream_last_server_name", "ssl_encrypted_hello",
  ]

  /// Values without blanks and quotes, of Nginx's own making or checked by it; some are nothing at times.
  private static let words: [String: Field] = [
    "request_method": .httpMethod, "server_protocol": .httpVersion, "scheme": .urlScheme,
    "request_id": .idRequest, "req_id": .idRequest, "hostname": .lbNode, "ssl_protocol": .tlsVersion,
    "ssl_cipher": .tlsCipher, "ssl_session_reused": .tlsResumed, "ssl_alpn_protocol": .tlsALPN,
    "ssl_client_serial": .tlsClientSerial, "ssl_client_fingerprint": .tlsClientFingerprint,
    "upstream_cache_status": .cacheStatus, "request_completion": .termRaw, "server_name": .lbFrontend,
    "otel_trace_id": .idTrace, "otel_span_id": .idSpan, "proxy_upstream_name": .lbBackend,
    "proxy_host": .lbBackend,
  ]

  /// Client bytes, or text with blanks.
  private static let texts: [String: Field] = [
    "remote_user": .user, "request_uri": .urlTarget, "uri": .urlPath, "document_uri": .urlPath,
    "args": .urlQuery, "query_string": .urlQuery, "host": .urlHost, "http_host": .urlHost,
    "http_referer": .httpReferrer, "http_user_agent": .userAgent, "http_x_forwarded_for": .forwardedFor,
    "ssl_server_name": .tlsSNI, "ssl_preread_server_name": .tlsSNI,
    "ssl_client_s_dn": .tlsClientSubject, "ssl_client_i_dn": .tlsClientIssuer,
    "ssl_client_verify": .tlsClientVerify, "ssl_client_s_dn_legacy": .tlsClientSubject,
    "ssl_client_i_dn_legacy": .tlsClientIssuer, "ssl_preread_ja3": .tlsJA3, "http_ssl_ja3": .tlsJA3,
    "http_ssl_ja3_hash": .tlsJA3, "http_ssl_ja4": .tlsJA4, "upstream_server": .lbServer,
  ]
}

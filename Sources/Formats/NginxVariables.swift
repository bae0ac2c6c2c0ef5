import Events
import Templates

/// What Nginx's variables print.
enum NginxVariables {
  /// The piece of a template that `$name` becomes. A variable that no field covers keeps its own name, as
  /// text.
  static func piece(_ name: String, _ escape: NginxFormat.Escape) -> Piece {
    let spelling = "$\(name)"
    // Written directly, whatever `escape=` says.
    if let slot = direct[name] { return Piece(slot: slot, escaping: .word, spelling: spelling) }
    if let slot = numbers[name] {
      return Piece(slot: missing(slot, escape), escaping: .word, spelling: spelling)
    }
    if let field = words[name] {
      let column: ColumnType = field == .idRequest ? .identifier : .text
      return Piece(slot: Slot(field.name, column, syntax: .any), escaping: .bare, spelling: spelling)
    }
    if let field = lists[name] {
      let slot = Slot(field.name, listColumn(name), syntax: .any, unit: .seconds)
      return Piece(slot: slot, escaping: .list, spelling: spelling)
    }
    if name == "request" { return Piece(slot: .requestLine, escaping: escaping(escape), spelling: spelling) }
    return Piece(
      slot: Slot(texts[name]?.name ?? spelling, .text, syntax: .any), escaping: escaping(escape),
      spelling: spelling)
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
  private static func missing(_ slot: Slot, _ escape: NginxFormat.Escape) -> Slot {
    if escape == .default { return slot }
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
    "pipe": Slot("$pipe", .text, syntax: .token),
    // Names of Kubernetes services, set by ingress-nginx; often empty.
    "proxy_alternative_upstream_name": Slot("$proxy_alternative_upstream_name", .text, syntax: .escaped),
  ]

  private static let numbers: [String: Slot] = [
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
    "http_x_request_id": .idRequest, "ssl_server_name": .tlsSNI, "ssl_preread_server_name": .tlsSNI,
    "ssl_client_s_dn": .tlsClientSubject, "ssl_client_i_dn": .tlsClientIssuer,
    "ssl_client_verify": .tlsClientVerify,
  ]
}

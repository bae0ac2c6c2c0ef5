/// Name, type and meaning of every field, in output order. A row stands at its field's raw value.
enum FieldTable {
  struct Row {
    let field: Field
    let name: String
    let type: FieldType
    let meaning: String

    init(_ field: Field, _ name: String, _ type: FieldType, _ meaning: String) {
      self.field = field
      self.name = name
      self.type = type
      self.meaning = meaning
    }
  }

  static let rows: [Row] =
    envelope + service + parties + exchange + amounts + ending + tls
    + FieldTable.health

  /// The names as bytes.
  static let jsonKeys = rows.map { Array($0.name.utf8) }

  static let byName = Dictionary(uniqueKeysWithValues: rows.map { ($0.name, $0.field) })

  private static let envelope: [Row] = [
    Row(.seq, "seq", .integer, "Index of the entry in the log, gapless"),
    Row(.receiveTime, "recv_time", .time, "When the message was received, by the collector's clock"),
    Row(
      .time, "time", .time, "Best time of the event: the line's, else the syslog header's, else received"),
    Row(.timeStart, "time_start", .time, "When the request began"),
    Row(.timeEnd, "time_end", .time, "When the request or connection ended"),
    Row(.timeAccept, "time_accept", .time, "When the connection was accepted"),
    Row(
      .timeQuality, "time_quality", .text,
      "explicit_tz, configured_tz, inferred_year, ambiguous_dst or receive_time: how `time` was found"),
    Row(.timeText, "time_text", .text, "The stamp that `time` was read from, as logged"),
    Row(.raw, "raw", .text, "The message as received (where `masked`: what was stored of it)"),
    Row(.rawLength, "raw_len", .size, "Bytes of the message as received"),
    Row(.frame, "frame", .text, "How the message was framed: udp, octet, lf, nul, file"),
    Row(.truncated, "truncated", .text, "none, source_suspected, source_certain or collector"),
    Row(
      .masked, "masked", .flag, "Parts of the message were masked before it was stored (source's `minimize`)"),
    Row(
      .foreign, "foreign", .flag,
      "The host that the message names is not one for which its client's certificate may speak"),
    Row(.kind, "kind", .text, "What it is about: http, tcp, udp_session, tls_error, … (see Kinds)"),
    Row(.sourceID, "source.id", .text, "Configured name of the source"),
    Row(.sourceTransport, "source.transport", .text, "udp, tcp, tls, unix, unix-stream, file, stdin"),
    Row(.sourcePeerIP, "source.peer_ip", .address, "Address the message came from"),
    Row(.sourcePeerPort, "source.peer_port", .integer, "Port the message came from"),
    Row(.sourcePeerIdentity, "source.peer_identity", .text, "Who the peer's certificate says it is"),
    Row(.sourceClaimMismatch, "source.claim_mismatch", .flag, "The header's host is not who the peer is"),
    Row(.syslogPRI, "syslog.pri", .integer, "Priority value of the syslog header: facility × 8 + severity"),
    Row(.syslogFacility, "syslog.facility", .integer, "Facility, 0 to 23"),
    Row(.syslogSeverity, "syslog.severity", .integer, "Severity, 0 (emergency) to 7 (debug)"),
    Row(.syslogTime, "syslog.time", .time, "Time of the syslog header"),
    Row(.syslogHost, "syslog.host", .text, "Host that the syslog header claims"),
    Row(.syslogApp, "syslog.app", .text, "Application name (RFC 5424) or tag (RFC 3164)"),
    Row(.syslogProcID, "syslog.procid", .text, "Process id"),
    Row(.syslogMsgID, "syslog.msgid", .text, "Message id"),
    Row(.syslogSD, "syslog.sd", .text, "Structured data, as received"),
    Row(.parserFormat, "parser.format", .text, "Name of the format that fitted"),
    Row(.parserFormatHash, "parser.format_hash", .text, "SHA-256 of the compiled format, as blocks keep it"),
    Row(.parseStatus, "parse.status", .text, "ok, partial, ambiguous or failed"),
    Row(.parseError, "parse.error", .text, "What did not fit (see Parsing)"),
    Row(.parseOffset, "parse.offset", .integer, "Byte offset where the line stopped fitting"),
    Row(.message, "message", .text, "What follows the syslog header, where no format fits it"),
    Row(.action, "action", .text, "What was done: started, stopped, source, loss, heartbeat, …"),
    Row(
      .logLevel, "log.level", .text, "Level of a line of the error log: emerg, alert, crit, error, warn, …"),
    Row(.lbThread, "lb.tid", .integer, "Thread id of the load balancer"),
    Row(.lossLayer, "loss.layer", .text, "Where messages were lost: kernel_udp, counter_gap, ring, …"),
    Row(.lossCount, "loss.count", .integer, "How many messages were lost"),
    Row(.lossSource, "loss.source", .text, "Whose messages were lost"),
    Row(.lossFrom, "loss.from", .time, "The last moment at which none was known to be lost"),
    Row(.lossTo, "loss.to", .time, "When the loss was known"),
  ]

  private static let service: [Row] = [
    Row(.lbProduct, "lb.product", .text, "haproxy, nginx or envoy"),
    Row(.lbNode, "lb.node", .text, "Host name of the load balancer"),
    Row(.lbPID, "lb.pid", .integer, "Process id of the load balancer"),
    Row(.lbFrontend, "lb.frontend", .text, "Frontend, or virtual server, that took the connection"),
    Row(.lbListener, "lb.listener", .text, "Listener, or bind line, that took the connection"),
    Row(.lbTLS, "lb.tls", .flag, "The client's connection was TLS (HAProxy's `~` after the frontend)"),
    Row(.lbRoute, "lb.route", .text, "Route or location that was chosen"),
    Row(.lbBackend, "lb.backend", .text, "Backend, upstream or cluster that was chosen"),
    Row(.lbServer, "lb.server", .text, "Server that got the request, by name or address"),
    Row(.lbStep, "lb.step", .text, "Step of the transaction that was logged; only the last one is a request"),
    Row(.lbIP, "lb.ip", .address, "Address the load balancer used toward the server"),
    Row(.lbPort, "lb.port", .integer, "Port the load balancer used toward the server"),
    Row(.idRequest, "id.request", .text, "Request id"),
    Row(.idConnection, "id.conn", .text, "Connection number"),
    Row(.idConnectionRequest, "id.conn_req", .integer, "Which request of its connection this is"),
    Row(.idRequestCounter, "id.req_counter", .integer, "Request counter of the process (HAProxy %rt)"),
    Row(.idLogCounter, "id.log_counter", .integer, "Log counter of the frontend (HAProxy %lc)"),
    Row(.idTrace, "id.trace", .text, "Trace id"),
    Row(.idSpan, "id.span", .text, "Span id"),
  ]

  private static let parties: [Row] = [
    Row(.clientIP, "client.ip", .address, "Client's address, as the load balancer believes it"),
    Row(.clientPort, "client.port", .integer, "Client's port"),
    Row(.clientEndpoint, "client.endpoint", .text, "Client's address where it is not an IP address and port"),
    Row(.peerIP, "peer.ip", .address, "Address of whoever opened the connection (a proxy in front, perhaps)"),
    Row(.peerPort, "peer.port", .integer, "Port of whoever opened the connection"),
    Row(.peerEndpoint, "peer.endpoint", .text, "The same where it is not an IP address and port"),
    Row(.forwardedFor, "forwarded_for", .list, "X-Forwarded-For as received: a claim"),
    Row(.localIP, "local.ip", .address, "Address the client connected to"),
    Row(.localPort, "local.port", .integer, "Port the client connected to"),
    Row(.localEndpoint, "local.endpoint", .text, "The same where it is not an IP address and port"),
    Row(.serverIP, "server.ip", .address, "Server's address"),
    Row(.serverPort, "server.port", .integer, "Server's port"),
    Row(.transport, "net.transport", .text, "Transport protocol of the session (Nginx $protocol)"),
    Row(.user, "user", .text, "User name given by HTTP authentication"),
  ]

  private static let exchange: [Row] = [
    Row(.httpRequest, "http.request", .text, "Request line, where it is not method, target and version"),
    Row(.httpMethod, "http.method", .text, "Method"),
    Row(.urlTarget, "url.target", .text, "Request target as received"),
    Row(.urlPath, "url.path", .text, "Path of the target, without the query"),
    Row(.urlQuery, "url.query", .text, "Query of the target, without the question mark"),
    Row(.urlHost, "url.host", .text, "Host asked for"),
    Row(.urlScheme, "url.scheme", .text, "http or https"),
    Row(.httpVersion, "http.version", .text, "0.9, 1.0, 1.1, 2 or 3"),
    Row(.httpStatus, "http.status", .status, "Status sent to the client; -1 or 0 when none was"),
    Row(.httpReferrer, "http.referrer", .text, "Referer header"),
    Row(.userAgent, "user_agent", .text, "User-Agent header"),
    Row(.httpRequestHeaders, "http.req_headers", .text, "Captured request headers, in one piece"),
    Row(.httpResponseHeaders, "http.resp_headers", .text, "Captured response headers, in one piece"),
    Row(
      .httpCaptures, "http.captures", .text,
      "Captured headers where only the configuration could tell request from response"),
    Row(.httpRequestCookie, "http.req_cookie", .text, "Captured cookie of the request"),
    Row(.httpResponseCookie, "http.resp_cookie", .text, "Captured cookie of the response"),
    Row(.grpcStatus, "grpc.status", .text, "gRPC status, by name or number"),
  ]

  private static let amounts: [Row] = [
    Row(.bytesIn, "bytes.in", .size, "Bytes from the client, headers and all"),
    Row(.bytesOut, "bytes.out", .size, "Bytes to the client, headers and all"),
    Row(.bytesBodyIn, "bytes.body_in", .size, "Bytes of the request's body"),
    Row(.bytesBodyOut, "bytes.body_out", .size, "Bytes of the response's body"),
    Row(.bytesIncomplete, "bytes.incomplete", .flag, "Logged before the end: the byte counts go on"),
    Row(.durationHandshake, "dur.handshake", .duration, "TLS and PROXY protocol handshakes"),
    Row(.durationIdle, "dur.idle", .duration, "Idle on a kept connection before the request"),
    Row(.durationRequest, "dur.request", .duration, "Until the request was there"),
    Row(
      .durationUntilRequest, "dur.until_request", .duration,
      "Handshake, idle and request together (HAProxy %Tq)"),
    Row(.durationQueue, "dur.queue", .duration, "Waiting in queues"),
    Row(.durationConnect, "dur.connect", .duration, "Connecting to the server"),
    Row(.durationResponse, "dur.response", .duration, "Until the server's response headers"),
    Row(.durationData, "dur.data", .duration, "Transferring the response"),
    Row(.durationActive, "dur.active", .duration, "The request, from its first byte to the response's last"),
    Row(.durationTotal, "dur.total", .duration, "The connection or session, from accept to close"),
    Row(.durationUser, "dur.user", .duration, "As the user saw it: total without idle"),
    Row(
      .durationFirstByte, "dur.first_byte", .duration, "From the request's start to the server's first byte"),
    Row(
      .durationRequestSent, "dur.request_sent", .duration, "From the request's start to its last byte sent on"
    ),
    Row(
      .durationUpstream, "dur.upstream", .duration, "What the server took, by its own or the router's account"
    ),
    Row(.durationIncomplete, "dur.incomplete", .flag, "Logged before the end: the durations go on"),
  ]

  private static let ending: [Row] = [
    Row(.upstreamAddress, "upstream.addr", .list, "Servers tried, one each attempt"),
    Row(.upstreamStatus, "upstream.status", .list, "Their statuses"),
    Row(.upstreamConnect, "upstream.connect", .list, "Seconds to connect, per attempt, as logged"),
    Row(
      .upstreamHeader, "upstream.header", .list, "Seconds to the response headers, per attempt, as logged"),
    Row(
      .upstreamResponse, "upstream.response", .list, "Seconds to the response's end, per attempt, as logged"),
    Row(.upstreamBytesIn, "upstream.bytes_in", .list, "Bytes received from the servers, each attempt"),
    Row(.upstreamBytesOut, "upstream.bytes_out", .list, "Bytes sent to the servers, each attempt"),
    Row(.upstreamFailure, "upstream.failure", .text, "Why the transport toward the server failed"),
    Row(.retries, "retries", .integer, "Attempts after the first"),
    Row(.redispatched, "redispatched", .flag, "Sent to another server than the one first chosen"),
    Row(.termRaw, "term.raw", .text, "How it ended, in the load balancer's code (HAProxy %tsc, Envoy flags)"),
    Row(.termDetails, "term.details", .text, "How it ended, in words (Envoy)"),
    Row(.termConnection, "term.connection", .text, "Why the connection ended, in words (Envoy)"),
    Row(
      .termActor, "term.actor", .text,
      "Who ended it: client, server, proxy, local, resource, internal, admin, none"),
    Row(.termPhase, "term.phase", .text, "When: request, queue, connect, headers, data, last, tarpit, end"),
    Row(.termTimeout, "term.timeout", .flag, "A timeout ended it"),
    Row(.outcome, "outcome", .text, "success, failure, denied, aborted or unknown"),
    Row(.cacheStatus, "cache.status", .text, "hit, miss, … as the load balancer's cache says"),
    Row(.persistRequest, "persist.req", .text, "Persistence cookie of the request (HAProxy, third code)"),
    Row(.persistResponse, "persist.resp", .text, "Persistence cookie of the response (HAProxy, fourth code)"),
  ]

  private static let tls: [Row] = [
    Row(.tlsVersion, "tls.version", .text, "TLS version toward the client"),
    Row(.tlsCipher, "tls.cipher", .text, "Cipher toward the client"),
    Row(.tlsSNI, "tls.sni", .text, "Server name the client asked for"),
    Row(.tlsResumed, "tls.resumed", .flag, "The TLS session was resumed"),
    Row(.tlsALPN, "tls.alpn", .text, "Protocol agreed by ALPN"),
    Row(.tlsClientSubject, "tls.client.subject", .text, "Subject of the client's certificate"),
    Row(.tlsClientIssuer, "tls.client.issuer", .text, "Issuer of the client's certificate"),
    Row(.tlsClientSerial, "tls.client.serial", .text, "Serial number of the client's certificate"),
    Row(.tlsClientFingerprint, "tls.client.fp", .text, "Fingerprint of the client's certificate"),
    Row(.tlsClientVerify, "tls.client.verify", .text, "Whether the client's certificate held"),
    Row(.tlsJA3, "tls.ja3", .text, "JA3 fingerprint of the client hello"),
    Row(.tlsJA4, "tls.ja4", .text, "JA4 fingerprint of the client hello"),
    Row(.tlsErrorConnection, "tls.error.fc", .text, "Error of the connection (HAProxy fc_err)"),
    Row(.tlsErrorSSL, "tls.error.ssl", .text, "Error of the TLS library (HAProxy ssl_fc_err)"),
    Row(.tlsErrorVerify, "tls.error.verify", .text, "Error of the client certificate's verification"),
    Row(.tlsErrorCA, "tls.error.ca", .text, "The same, further up its chain"),
    Row(.tlsErrorText, "tls.error.text", .text, "Why the TLS handshake failed, in words"),
    Row(.connsProcess, "conns.process", .integer, "Connections of the process then"),
    Row(.connsFrontend, "conns.frontend", .integer, "Connections of the frontend then"),
    Row(.connsBackend, "conns.backend", .integer, "Connections of the backend then"),
    Row(.connsServer, "conns.server", .integer, "Connections of the server then"),
    Row(.queueServer, "queue.server", .integer, "Requests before it in the server's queue"),
    Row(.queueBackend, "queue.backend", .integer, "Requests before it in the backend's queue"),
  ]
}

extension Field {
  /// The field whose name looks most like `name`; nil when none comes near. For error messages.
  public static func nearest(to name: String) -> Field? {
    Spelling.nearest(to: name, among: allCases.map(\.name)).flatMap { Field($0) }
  }
}

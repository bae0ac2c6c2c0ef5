/// The rows of `FieldMapping`: append new fields where they belong. A field without a row keeps its own name.
enum MappingTable {
  static let rows: [Field: FieldMapping] = {
    var rows: [Field: FieldMapping] = [:]
    for part in [envelope, service, parties, exchange, amounts, ending, tls] {
      rows.merge(part) { row, _ in row }
    }
    return rows
  }()

  /// The rows by raw value: looked up for every field of every event that is written.
  static let all: [FieldMapping] = Field.allCases.map { rows[$0] ?? FieldMapping() }

  /// The fields that OCSF has as metrics of the load balancer.
  static let metricFields = Field.allCases.filter { rows[$0]?.ocsf == metrics }

  /// The fields whose values OCSF writes as milliseconds, if at all.
  static let roundedFields = Field.allCases.filter {
    ($0.type == .time || $0.type == .duration) && !metricFields.contains($0)
  }

  private static let envelope: [Field: FieldMapping] = [
    .seq: FieldMapping("event.sequence", otel: "log.record.uid", ocsf: "metadata.sequence"),
    .receiveTime: FieldMapping(
      "event.created", otel: "record:observedTimeUnixNano", ocsf: "metadata.logged_time"),
    .time: FieldMapping("@timestamp", otel: "record:timeUnixNano", ocsf: "time"),
    .timeStart: FieldMapping("event.start", ocsf: "start_time"),
    .timeEnd: FieldMapping("event.end", ocsf: "end_time"),
    .timeText: FieldMapping(ocsf: "metadata.original_time"),
    .raw: FieldMapping("event.original", otel: "log.record.original", ocsf: "raw_data"),
    .rawLength: FieldMapping(ocsf: "raw_data_size"),
    .truncated: FieldMapping("tags[]", ocsf: "metadata.is_truncated"),
    .masked: FieldMapping("tags[]"),
    .foreign: FieldMapping("tags[]"),
    .kind: FieldMapping(
      "event.category", "event.type", "event.kind", otel: "record:eventName", ocsf: "class_uid"),
    .sourceID: FieldMapping(
      "observer.name", otel: "resource:service.instance.id", ocsf: "metadata.log_source"),
    .sourcePeerIP: FieldMapping(ocsf: "metadata.reporter.ip"),
    .sourcePeerIdentity: FieldMapping(ocsf: "metadata.reporter.uid"),
    .sourceClaimMismatch: FieldMapping("tags[]"),
    .syslogPRI: FieldMapping("log.syslog.priority"),
    .syslogFacility: FieldMapping("log.syslog.facility.code"),
    .syslogSeverity: FieldMapping(
      "log.syslog.severity.code", "event.severity", otel: "record:severityNumber", ocsf: "severity_id"),
    .syslogHost: FieldMapping("log.syslog.hostname", ocsf: "metadata.reporter.hostname"),
    .syslogApp: FieldMapping("log.syslog.appname", ocsf: "metadata.log_provider"),
    .syslogProcID: FieldMapping("log.syslog.procid"),
    .syslogMsgID: FieldMapping("log.syslog.msgid"),
    .parserFormat: FieldMapping(ocsf: "metadata.log_format"),
    .parseError: FieldMapping("error.message", otel: "error.message"),
    .message: FieldMapping("message", otel: "record:body", ocsf: "message"),
    .logLevel: FieldMapping("log.level", otel: "record:severityNumber", ocsf: "metadata.log_level"),
    .lbThread: FieldMapping("process.thread.id", otel: "thread.id"),
    .action: FieldMapping("event.action", ocsf: "activity_id"),
  ]

  private static let service: [Field: FieldMapping] = [
    .lbProduct: FieldMapping(
      "observer.product", otel: "resource:service.name", ocsf: "metadata.product.name"),
    .lbNode: FieldMapping("observer.hostname", otel: "resource:host.name", ocsf: "device.hostname"),
    .lbPID: FieldMapping("process.pid", otel: "resource:process.pid"),
    .lbFrontend: FieldMapping(ocsf: "load_balancer.name"),
    .lbRoute: FieldMapping(otel: "http.route"),
    .lbBackend: FieldMapping(ocsf: "load_balancer.uid"),
    .lbAction: FieldMapping("event.action", ocsf: "activity_id"),
    .healthReason: FieldMapping("event.reason", ocsf: "status_detail"),
    .healthDuration: FieldMapping("event.duration", ocsf: "duration"),
    .lbServer: FieldMapping("server.address", ocsf: "load_balancer.dst_endpoint.name"),
    .lbIP: FieldMapping(ocsf: "load_balancer.ip"),
    .idRequest: FieldMapping("http.request.id", ocsf: "http_request.uid"),
    .idConnection: FieldMapping(ocsf: "connection_info.uid"),
    .idTrace: FieldMapping("trace.id", otel: "record:traceId", ocsf: "trace.uid"),
    .idSpan: FieldMapping("span.id", otel: "record:spanId"),
  ]

  private static let parties: [Field: FieldMapping] = [
    .clientIP: FieldMapping(
      "client.ip", "client.address", "source.ip", "source.address", otel: "client.address",
      ocsf: "src_endpoint.ip"),
    .clientPort: FieldMapping("client.port", "source.port", otel: "client.port", ocsf: "src_endpoint.port"),
    .clientEndpoint: FieldMapping(
      "client.address", "source.address", otel: "client.address", ocsf: "src_endpoint.name"),
    .peerIP: FieldMapping(
      "source.ip", "source.address", otel: "network.peer.address", ocsf: "proxy_endpoint.ip"),
    .peerPort: FieldMapping("source.port", otel: "network.peer.port", ocsf: "proxy_endpoint.port"),
    .peerEndpoint: FieldMapping("source.address", otel: "network.peer.address", ocsf: "proxy_endpoint.name"),
    .forwardedFor: FieldMapping(
      "network.forwarded_ip", otel: "http.request.header.x-forwarded-for",
      ocsf: "http_request.x_forwarded_for"),
    .localIP: FieldMapping(
      "destination.ip", "destination.address", otel: "network.local.address", ocsf: "dst_endpoint.ip"),
    .localPort: FieldMapping("destination.port", otel: "network.local.port", ocsf: "dst_endpoint.port"),
    .localEndpoint: FieldMapping(
      "destination.address", otel: "network.local.address", ocsf: "dst_endpoint.name"),
    .serverIP: FieldMapping("server.ip", ocsf: "load_balancer.dst_endpoint.ip"),
    .serverPort: FieldMapping("server.port", ocsf: "load_balancer.dst_endpoint.port"),
    .transport: FieldMapping(
      "network.transport", otel: "network.transport", ocsf: "connection_info.protocol_name"),
    .user: FieldMapping("user.name", otel: "user.name"),
  ]

  private static let exchange: [Field: FieldMapping] = [
    .httpMethod: FieldMapping(
      "http.request.method", otel: "http.request.method", ocsf: "http_request.http_method"),
    .urlTarget: FieldMapping("url.original", otel: "url.original", ocsf: "http_request.url.url_string"),
    .urlPath: FieldMapping("url.path", otel: "url.path", ocsf: "http_request.url.path"),
    .urlQuery: FieldMapping("url.query", otel: "url.query", ocsf: "http_request.url.query_string"),
    .urlHost: FieldMapping("url.domain", otel: "server.address", ocsf: "http_request.url.hostname"),
    .urlScheme: FieldMapping("url.scheme", otel: "url.scheme", ocsf: "http_request.url.scheme"),
    .httpVersion: FieldMapping(
      "http.version", otel: "network.protocol.version", ocsf: "http_request.version"),
    .httpStatus: FieldMapping(
      "http.response.status_code", otel: "http.response.status_code", ocsf: "http_response.code"),
    .httpReferrer: FieldMapping(
      "http.request.referrer", otel: "http.request.header.referer", ocsf: "http_request.referrer"),
    .userAgent: FieldMapping(
      "user_agent.original", otel: "user_agent.original", ocsf: "http_request.user_agent"),
    .grpcStatus: FieldMapping(otel: "rpc.response.status_code"),
  ]

  private static let amounts: [Field: FieldMapping] = [
    .bytesIn: FieldMapping(
      "source.bytes", "http.request.bytes", otel: "http.request.size", ocsf: "traffic.bytes_in"),
    .bytesOut: FieldMapping(
      "destination.bytes", "http.response.bytes", otel: "http.response.size", ocsf: "traffic.bytes_out"),
    .bytesBodyIn: FieldMapping(
      "http.request.body.bytes", otel: "http.request.body.size", ocsf: "http_request.body_length"),
    .bytesBodyOut: FieldMapping(
      "http.response.body.bytes", otel: "http.response.body.size", ocsf: "http_response.body_length"),
    .durationHandshake: FieldMapping(ocsf: "tls.handshake_dur"),
    .durationIdle: FieldMapping(ocsf: metrics),
    .durationRequest: FieldMapping(ocsf: metrics),
    .durationUntilRequest: FieldMapping(ocsf: metrics),
    .durationQueue: FieldMapping(ocsf: metrics),
    .durationConnect: FieldMapping(ocsf: metrics),
    .durationResponse: FieldMapping(ocsf: "http_response.latency"),
    .durationData: FieldMapping(ocsf: metrics),
    .durationActive: FieldMapping("event.duration", ocsf: "duration"),
    .durationTotal: FieldMapping("event.duration", ocsf: "duration"),
    .durationUser: FieldMapping(ocsf: metrics),
    .durationFirstByte: FieldMapping(ocsf: metrics),
    .durationRequestSent: FieldMapping(ocsf: metrics),
    .durationUpstream: FieldMapping(ocsf: metrics),
    .connsProcess: FieldMapping(ocsf: metrics),
    .connsFrontend: FieldMapping(ocsf: metrics),
    .connsBackend: FieldMapping(ocsf: metrics),
    .connsServer: FieldMapping(ocsf: metrics),
    .queueServer: FieldMapping(ocsf: metrics),
    .queueBackend: FieldMapping(ocsf: metrics),
  ]

  /// The list of names and values for what OCSF knows of no load balancer.
  static let metrics = "load_balancer.metrics[]"

  private static let ending: [Field: FieldMapping] = [
    .upstreamAddress: FieldMapping(ocsf: "load_balancer.endpoint_connections[].network_endpoint"),
    .upstreamStatus: FieldMapping(ocsf: "load_balancer.endpoint_connections[].code"),
    .upstreamFailure: FieldMapping(ocsf: "load_balancer.error_message"),
    .retries: FieldMapping(otel: "http.request.resend_count", ocsf: metrics),
    .termRaw: FieldMapping(ocsf: "load_balancer.status_detail"),
    .termDetails: FieldMapping(ocsf: "load_balancer.message"),
    .outcome: FieldMapping("event.outcome", ocsf: "status_id"),
  ]

  private static let tls: [Field: FieldMapping] = [
    .tlsVersion: FieldMapping("tls.version", otel: "tls.protocol.version", ocsf: "tls.version"),
    .tlsCipher: FieldMapping("tls.cipher", otel: "tls.cipher", ocsf: "tls.cipher"),
    .tlsSNI: FieldMapping("tls.client.server_name", otel: "tls.client.server_name", ocsf: "tls.sni"),
    .tlsResumed: FieldMapping("tls.resumed", otel: "tls.resumed"),
    .tlsALPN: FieldMapping("tls.next_protocol", otel: "tls.next_protocol"),
    .tlsClientSubject: FieldMapping(
      "tls.client.subject", otel: "tls.client.subject", ocsf: "tls.certificate.subject"),
    .tlsClientIssuer: FieldMapping(
      "tls.client.issuer", otel: "tls.client.issuer", ocsf: "tls.certificate.issuer"),
    .tlsClientSerial: FieldMapping("tls.client.x509.serial_number", ocsf: "tls.certificate.serial_number"),
    .tlsClientFingerprint: FieldMapping(
      "tls.client.hash.sha1", "tls.client.hash.sha256", otel: "tls.client.hash.sha1"),
    .tlsJA3: FieldMapping("tls.client.ja3", otel: "tls.client.ja3", ocsf: "tls.ja3_hash.value"),
    .tlsJA4: FieldMapping(ocsf: "ja4_fingerprint_list[]"),
    .tlsErrorText: FieldMapping("error.message", otel: "error.message", ocsf: "status_detail"),
  ]
}

/// The fields of the Elastic Common Schema 9 that the output uses, and their types: from the field reference
/// of the schema's documentation (github.com/elastic/ecs, docs/reference, `generated/csv/fields.csv`), Apache
/// License 2.0.
enum ECSNames {
  static let types: [String: String] = [
    "@timestamp": "date", "message": "match_only_text", "tags": "keyword", "ecs.version": "keyword",
    "error.message": "match_only_text", "event.action": "keyword", "event.category": "keyword",
    "event.created": "date", "event.dataset": "keyword", "event.duration": "long", "event.end": "date",
    "event.kind": "keyword", "event.module": "keyword", "event.original": "keyword",
    "event.outcome": "keyword",
    "event.reason": "keyword",
    "event.sequence": "long", "event.severity": "long", "event.start": "date", "event.type": "keyword",
    "log.level": "keyword", "log.syslog.appname": "keyword", "log.syslog.facility.code": "long",
    "log.syslog.hostname": "keyword", "log.syslog.msgid": "keyword", "log.syslog.priority": "long",
    "log.syslog.procid": "keyword", "log.syslog.severity.code": "long",
    "observer.hostname": "keyword", "observer.name": "keyword", "observer.product": "keyword",
    "process.pid": "long",
    "process.thread.id": "long",
    "client.address": "keyword", "client.ip": "ip", "client.port": "long",
    "source.address": "keyword", "source.bytes": "long", "source.ip": "ip", "source.port": "long",
    "destination.address": "keyword", "destination.bytes": "long", "destination.ip": "ip",
    "destination.port": "long",
    "server.address": "keyword", "server.ip": "ip", "server.port": "long",
    "network.forwarded_ip": "ip", "network.transport": "keyword", "user.name": "keyword",
    "http.request.bytes": "long", "http.request.body.bytes": "long", "http.request.id": "keyword",
    "http.request.method": "keyword", "http.request.referrer": "keyword", "http.response.bytes": "long",
    "http.response.body.bytes": "long", "http.response.status_code": "long", "http.version": "keyword",
    "url.domain": "keyword", "url.original": "wildcard", "url.path": "wildcard", "url.port": "long",
    "url.query": "keyword", "url.scheme": "keyword", "user_agent.original": "keyword",
    "tls.cipher": "keyword", "tls.client.hash.sha1": "keyword", "tls.client.hash.sha256": "keyword",
    "tls.client.issuer": "keyword", "tls.client.ja3": "keyword", "tls.client.server_name": "keyword",
    "tls.client.subject": "keyword", "tls.client.x509.serial_number": "keyword",
    "tls.next_protocol": "keyword",
    "tls.resumed": "boolean", "tls.version": "keyword", "tls.version_protocol": "keyword",
    "trace.id": "keyword", "span.id": "keyword",
  ]

  static let kinds: Set = [
    "alert", "asset", "enrichment", "event", "metric", "state", "pipeline_error", "signal",
  ]

  /// The types that each category may have ("Categorization fields").
  static let categories: [String: Set<String>] = [
    "configuration": ["access", "change", "creation", "deletion", "info"],
    "host": ["access", "change", "end", "info", "start"],
    "network": ["access", "allowed", "connection", "denied", "end", "info", "protocol", "start"],
    "process": ["access", "change", "end", "info", "start"],
    "web": ["access", "error", "info"],
  ]
}

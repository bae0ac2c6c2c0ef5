import Bytes

/// Elastic Common Schema.
extension Event {
  /// Appends the event as one JSON object in the Elastic Common Schema, without a line feed behind it.
  ///
  /// Fields stand where `FieldMapping.ecs` says. What the schema has no field for stands below `stele` under
  /// its own name (`stele."dur.queue"`), with `stele.extra`, `stele.nulls` (why a field of the line's format
  /// is null) and `stele.base64` (all the bytes of text that is not UTF-8 and has U+FFFD in its place).
  public func appendECS(to out: inout ByteBuffer) {
    var state = ExportState()
    if eventKind != .http { state.hidden = ["http", "url", "user_agent"] }
    out.append(UInt8(ascii: "{"))
    Self.ecsTree.appendMembers(self, &state, to: &out)
    appendObject("stele", to: &out) { appendRest(state, to: &$0) }
    Self.close(&out)
  }

  /// Fields that go before others of the same path.
  private static let preferred: [Field] = [.tlsErrorText]

  /// `source` is whoever opened the connection: the peer where the line tells it, else the client.
  private static func source(_ peer: [Field], _ client: [Field], _ form: ExportForm) -> ExportForm {
    .made { event, state, out in
      let isPeer = !event[.peerIP].isNull || !event[.peerEndpoint].isNull
      for field in isPeer ? peer : client where event.append(field, as: form, to: &out) {
        if isPeer { state.done.insert(field) }
        return true
      }
      return false
    }
  }

  private static let ecsTree: ExportTree = {
    var leaves = ecsLeaves
    let made = Set(leaves.map(\.path))
    for field in preferred + Field.allCases {
      for path in field.mapping.ecs where !made.contains(path) && path != "tags[]" {
        if let place = leaves.firstIndex(where: { $0.path == path }) {
          if !leaves[place].fields.contains(field) { leaves[place].fields.append(field) }
        } else {
          leaves.append(ExportTree.Leaf(path, [field], ecsForm(path, field)))
        }
      }
    }
    return ExportTree(leaves)
  }()

  private static func ecsForm(_ path: String, _ field: Field) -> ExportForm {
    if path == "network.forwarded_ip" { return .addresses }
    if path.hasSuffix(".ip") { return .address }
    if path.hasSuffix(".port") { return .port }
    switch field.type {
    case .integer, .status, .size, .duration: return .number
    case .time: return .stamp
    case .flag: return .flag
    case .list: return .list
    case .text, .address: return .text
    }
  }

  /// Values that are no field's as it stands.
  private static let ecsLeaves: [ExportTree.Leaf] = [
    .init("@timestamp", [.time], .stamp),
    .init("ecs.version", [], .constant("\"\(Standard.ecs)\"")),
    .init(
      "message", [],
      .made { event, state, out in
        event.appendSummary(to: &out)
        state.done.insert(.message)
        return true
      }),
    .init("tags", [], .made { event, _, out in event.appendTags(to: &out) }),
    .init("event.kind", [], .made { event, _, out in event.appendWord(event.ecsClass.kind, to: &out) }),
    .init(
      "event.category", [], .made { event, _, out in event.appendWords(event.ecsClass.categories, to: &out) }),
    .init("event.type", [], .made { event, _, out in event.appendWords(event.ecsClass.types, to: &out) }),
    .init(
      "event.module", [], .made { event, _, out in event.appendWord(event.bytes(.lbProduct)?.text, to: &out) }
    ),
    .init(
      "event.dataset", [],
      .made { event, _, out in
        event.appendWord(
          "\(event.bytes(.lbProduct)?.text ?? "stele").\(event.bytes(.kind)?.text ?? "log")", to: &out)
      }),
    .init("event.outcome", [], .made { event, _, out in event.appendWord(event.ecsOutcome, to: &out) }),
    .init("event.action", [.action, .lbAction], .text),
    .init(
      "event.duration", [.durationActive, .durationTotal, .healthDuration], .number),
    .init(
      "log.level", [],
      .made { event, state, out in
        if event.bytes(.logLevel) != nil { state.done.insert(.logLevel) }
        let level = event.bytes(.logLevel)?.text ?? event.severity.map { SyslogSeverity.names[$0] }
        return event.appendWord(level, to: &out)
      }),
    .init(
      "url.domain", [],
      .made { event, state, out in
        guard let (host, _) = event.hostAndPort() else { return false }
        _ = JSONText.append(event.bytes(host), to: &out)
        state.done.insert(.urlHost)
        return true
      }),
    .init(
      "url.port", [],
      .made { event, _, out in
        guard let port = event.hostAndPort()?.port else { return false }
        JSONText.append(port, to: &out)
        return true
      }),
    .init("source.ip", [], source([.peerIP], [.clientIP], .address)),
    .init("source.address", [], source([.peerIP, .peerEndpoint], [.clientIP, .clientEndpoint], .text)),
    .init("source.port", [], source([.peerPort], [.clientPort], .port)),
    .init(
      "network.transport", [],
      .made { event, state, out in
        if event.bytes(.transport) != nil { state.done.insert(.transport) }
        return event.appendWord(event.transportName, to: &out)
      }),
    .init(
      "tls.version", [],
      .made { event, state, out in
        guard let (_, version) = event.tlsVersion() else { return false }
        _ = JSONText.append(event.bytes(version), to: &out)
        state.done.insert(.tlsVersion)
        return true
      }),
    .init(
      "tls.version_protocol", [],
      .made { event, _, out in event.appendWord(event.tlsVersion()?.protocol, to: &out) }),
    .init(
      "tls.client.hash.sha1", [], .made { event, _, out in event.appendFingerprint(digits: 40, to: &out) }),
    .init(
      "tls.client.hash.sha256", [], .made { event, _, out in event.appendFingerprint(digits: 64, to: &out) }),
  ]

  /// ECS event.kind, event.category and event.type, which only allow certain words.
  private var ecsClass: (kind: String, categories: [String], types: [String]) {
    let hasFailed = bytes(.outcome)?.text == "failure"
    switch eventKind {
    case .http: return ("event", ["web"], hasFailed ? ["access", "error"] : ["access"])
    case .tcp, .udpSession:
      let isDenied = bytes(.outcome)?.text == "denied"
      return ("event", ["network"], ["connection"] + (isDenied ? ["denied"] : []) + ["end"])
    case .tlsError: return ("event", ["network"], ["connection", "protocol", "end"])
    case .lbHealth: return ("event", ["host"], ["info"])
    case .lbAdmin: return ("event", ["configuration"], ["change"])
    case .lbProcess, .collector: return ("event", ["process"], [processType])
    case .errorLog: return ("event", ["web"], ["error"])
    case .lossNotice: return ("event", ["network"], ["info"])
    case .unparsed, nil: return ("pipeline_error", [], [])
    }
  }

  private var processType: String {
    switch actionWord {
    case "start", "started", "resume": "start"
    case "stop", "stopped": "end"
    default: "info"
    }
  }

  /// ECS knows success, failure and unknown.
  private var ecsOutcome: String? {
    switch bytes(.outcome)?.text {
    case "success": "success"
    case "failure", "denied", "aborted": "failure"
    case nil: nil
    default: "unknown"
    }
  }

  /// `tcp` or `udp`, where that is known.
  var transportName: String? {
    if let logged = bytes(.transport)?.text.lowercased() { return logged }
    switch eventKind {
    case .tcp, .tlsError: return "tcp"
    case .udpSession: return "udp"
    default: return nil
    }
  }

  /// What should catch the eye.
  private func appendTags(to out: inout ByteBuffer) -> Bool {
    var tags: [String] = []
    if let truncated = bytes(.truncated)?.text, truncated != "none" { tags.append("truncated_\(truncated)") }
    if let status = bytes(.parseStatus)?.text, status != "ok" { tags.append("parse_\(status)") }
    if case .flag(true) = self[.masked] { tags.append("masked") }
    if case .flag(true) = self[.foreign] { tags.append("foreign") }
    if case .flag(true) = self[.sourceClaimMismatch] { tags.append("source_claim_mismatch") }
    return appendWords(tags, to: &out)
  }

  @discardableResult func appendWord(_ word: String?, to out: inout ByteBuffer) -> Bool {
    guard let word else { return false }
    Array(word.utf8).withView { _ = JSONText.append($0, to: &out) }
    return true
  }

  private func appendWords(_ words: [String], to out: inout ByteBuffer) -> Bool {
    if words.isEmpty { return false }
    out.append("[\"" + words.joined(separator: "\",\"") + "\"]")
    return true
  }

  /// The fingerprint in upper-case hexadecimal, when it has so many digits. Colons do not count.
  func fingerprint(digits: Int) -> String? {
    guard let text = bytes(.tlsClientFingerprint)?.text.replacing(":", with: ""), text.utf8.count == digits,
      text.allSatisfy({ $0.isASCII && $0.isHexDigit })
    else { return nil }
    return text.uppercased()
  }

  private func appendFingerprint(digits: Int, to out: inout ByteBuffer) -> Bool {
    appendWord(fingerprint(digits: digits), to: &out)
  }
}

/// Severities of syslog (RFC 5424, 6.2.1).
enum SyslogSeverity {
  /// As `syslog.conf` names them.
  static let names = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"]

  /// The number of a level as load balancers spell it (`error`, `warn`); nil for any other word.
  static func number(_ level: String) -> Int? {
    switch level {
    case "error": 3
    case "warn": 4
    default: names.firstIndex(of: level)
    }
  }
}

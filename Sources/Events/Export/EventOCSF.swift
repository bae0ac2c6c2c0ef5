import Bytes

/// The Open Cybersecurity Schema Framework.
extension Event {
  /// Appends the event as one JSON object of an OCSF class, without a line feed behind it: HTTP Activity
  /// (4002) and Network Activity (4001) with the `load_balancer` profile, Application Lifecycle (6002), or
  /// the Base Event (0).
  ///
  /// Fields stand where `FieldMapping.ocsf` says, if the class has that place. What has none stands below
  /// `unmapped` under its own name, with `unmapped.extra`, `unmapped.nulls` (why a field of the line's format
  /// is null) and `unmapped.base64` (all the bytes of text that is not UTF-8 and has U+FFFD in its place).
  /// Times are milliseconds; where a time has a finer part, `unmapped` has all of it.
  public func appendOCSF(to out: inout ByteBuffer) {
    var state = ExportState()
    let kind = ocsfClass
    state.hidden = kind.hidden
    out.append(UInt8(ascii: "{"))
    Self.ocsfTree.appendMembers(self, &state, to: &out)
    for field in MappingTable.roundedFields {
      switch self[field] {
      case .time(let number), .duration(let number):
        if number % 1_000_000 != 0 { state.done.remove(field) }
      default: break
      }
    }
    appendObject("unmapped", to: &out) { appendRest(state, to: &$0) }
    Self.close(&out)
  }

  /// The classes that are used.
  enum OCSFClass: Int {
    case base = 0
    case network = 4001
    case http = 4002
    case lifecycle = 6002

    var category: Int { rawValue / 1000 }

    /// Top-level attributes that the class does not have.
    var hidden: Set<String> {
      switch self {
      case .http: ["app"]
      case .network: ["http_request", "http_response", "trace", "app"]
      case .lifecycle: Self.exchange
      case .base: Self.exchange.union(["app"])
      }
    }

    private static let exchange: Set<String> = [
      "http_request", "http_response", "trace", "src_endpoint", "dst_endpoint", "proxy_endpoint",
      "connection_info",
      "load_balancer", "traffic", "tls", "ja4_fingerprint_list",
    ]
  }

  var ocsfClass: OCSFClass {
    switch eventKind {
    case .http:
      let isKnown = bytes(.httpMethod).map { Self.methodIDs[$0.text] != nil } ?? false
      if isKnown || Self.httpFields.contains(where: { has($0) }) { return .http }
      return hasEndpoint ? .network : .base
    case .tcp, .udpSession, .tlsError: return hasEndpoint ? .network : .base
    case .lbHealth, .lbAdmin, .lbProcess, .collector: return .lifecycle
    case .errorLog, .lossNotice, .unparsed, nil: return .base
    }
  }

  /// One of them makes a request or a response.
  private static let httpFields: [Field] = [
    .httpStatus, .urlTarget, .urlPath, .userAgent, .httpReferrer, .idRequest, .httpVersion,
  ]

  private var hasEndpoint: Bool {
    [.clientIP, .clientEndpoint, .localIP, .localEndpoint].contains { has($0) }
  }

  /// Whether the field has a value that its OCSF place takes.
  func has(_ field: Field) -> Bool {
    switch (field.type, self[field]) {
    case (_, .null): false
    case (.text, .text), (.list, .text), (.address, .address), (.status, .integer), (.integer, .integer): true
    default: false
    }
  }

  // MARK: The tree

  private static let rules: [String: ExportTree.Rule] = [
    "src_endpoint": .any(["ip", "name"]), "dst_endpoint": .any(["ip", "name"]),
    "proxy_endpoint": .any(["ip", "name"]),
    "http_response": .all(["code"]), "http_request.url": .any(["url_string", "path"]),
    "load_balancer.dst_endpoint": .any(["ip", "name"]), "tls": .all(["version"]),
    "tls.certificate": .all(["issuer", "serial_number"]), "tls.ja3_hash": .all(["value"]),
    "trace": .all(["uid"]),
    "metadata.reporter": .any(["ip", "uid", "hostname"]), "device": .any(["hostname"]),
    "connection_info": .any(["uid", "protocol_name"]),
  ]

  private static let ocsfTree: ExportTree = {
    var leaves = ocsfLeaves
    let made = Set(leaves.map(\.path))
    for field in [.tlsErrorText] + Field.allCases {
      guard let path = field.mapping.ocsf, !path.contains("[]"), !made.contains(path) else { continue }
      if let place = leaves.firstIndex(where: { $0.path == path }) {
        if !leaves[place].fields.contains(field) { leaves[place].fields.append(field) }
      } else {
        leaves.append(ExportTree.Leaf(path, [field], ocsfForm(path, field)))
      }
    }
    return ExportTree(leaves, rules: rules)
  }()

  private static func ocsfForm(_ path: String, _ field: Field) -> ExportForm {
    if path.hasSuffix(".ip") { return .address }
    if path.hasSuffix(".port") { return .port }
    if path == "http_request.x_forwarded_for" { return .addresses }
    switch field.type {
    case .time: return .epochMilliseconds
    case .duration: return .milliseconds
    case .integer, .status, .size: return .number
    case .flag: return .flag
    case .list: return .list
    case .text, .address: return .textOnly
    }
  }

  /// Values that are no field's as it stands.
  private static let ocsfLeaves: [ExportTree.Leaf] = [
    .init("class_uid", [], .made { event, _, out in append(event.ocsfClass.rawValue, &out) }),
    .init("category_uid", [], .made { event, _, out in append(event.ocsfClass.category, &out) }),
    .init("activity_id", [], .made { event, _, out in append(event.ocsfActivity.id, &out) }),
    .init(
      "activity_name", [], .made { event, _, out in event.appendWord(event.ocsfActivity.name, to: &out) }),
    .init(
      "type_uid", [],
      .made { event, _, out in append(event.ocsfClass.rawValue * 100 + event.ocsfActivity.id, &out) }),
    .init("time", [.time], .epochMilliseconds),
    .init("severity_id", [], .made { event, _, out in append(event.ocsfSeverity, &out) }),
    .init("status_id", [], .made { event, _, out in append(event.ocsfStatus.id, &out) }),
    .init("status", [], .made { event, _, out in event.appendWord(event.ocsfStatus.name, to: &out) }),
    .init(
      "message", [],
      .made { event, state, out in
        event.appendSummary(to: &out)
        state.done.insert(.message)
        return true
      }),
    .init("duration", [.durationActive, .durationTotal, .healthDuration], .milliseconds),
    .init("metadata.version", [], .constant("\"\(Standard.ocsf)\"")),
    .init("metadata.profiles", [], .made { event, _, out in event.appendProfiles(to: &out) }),
    .init(
      "metadata.product.name", [], .made { event, state, out in event.appendProduct(0, &state, to: &out) }),
    .init(
      "metadata.product.vendor_name", [],
      .made { event, state, out in event.appendProduct(1, &state, to: &out) }),
    .init(
      "metadata.is_truncated", [],
      .made { event, _, out in
        guard let truncated = event.bytes(.truncated)?.text else { return false }
        out.append(truncated == "none" ? "false" : "true")
        return true
      }),
    .init(
      "metadata.reporter.hostname", [],
      .made { event, state, out in
        event.appendHost(.syslogHost, &state, to: &out)
      }),
    .init("device.hostname", [], .made { event, state, out in event.appendHost(.lbNode, &state, to: &out) }),
    .init("device.type_id", [], .constant("0")),
    .init("app.name", [], .made { event, state, out in event.appendProduct(0, &state, to: &out) }),
    .init("app.vendor_name", [], .made { event, state, out in event.appendProduct(1, &state, to: &out) }),
    .init("connection_info.direction_id", [], .constant("1")),
    .init(
      "connection_info.protocol_name", [],
      .made { event, state, out in
        if event.bytes(.transport) != nil { state.done.insert(.transport) }
        return event.appendWord(event.transportName, to: &out)
      }),
    .init(
      "http_request.http_method", [],
      .made { event, state, out in
        guard let method = event.bytes(.httpMethod)?.text, methodIDs[method] != nil else { return false }
        state.done.insert(.httpMethod)
        return event.appendWord(method, to: &out)
      }),
    .init(
      "http_request.url.hostname", [],
      .made { event, state, out in
        guard let (host, port) = event.hostAndPort(), isHostname(event.bytes(host)) else { return false }
        _ = JSONText.append(event.bytes(host), to: &out)
        if port == nil || !event[.urlTarget].isNull || !event[.urlPath].isNull { state.done.insert(.urlHost) }
        return true
      }),
    .init(
      "http_request.url.port", [],
      .made { event, _, out in
        guard let (host, port) = event.hostAndPort(), let port, isHostname(event.bytes(host)) else {
          return false
        }
        return append(Int(port), &out)
      }),
    .init(
      "load_balancer.name", [], .made { event, state, out in event.appendBalancerName(&state, to: &out) }),
    .init("load_balancer.metrics", [], .made { event, state, out in event.appendMetrics(&state, to: &out) }),
    .init(
      "load_balancer.endpoint_connections", [], .made { event, _, out in event.appendEndpoints(to: &out) }),
    .init("tls.ja3_hash.algorithm_id", [], .constant("1")),
    .init(
      "ja4_fingerprint_list", [],
      .made { event, state, out in
        guard let text = event.bytes(.tlsJA4) else { return false }
        out.append("[{\"type_id\":1,\"value\":")
        _ = JSONText.append(text, to: &out)
        out.append("}]")
        state.done.insert(.tlsJA4)
        return true
      }),
  ]

  private static func append(_ number: Int, _ out: inout ByteBuffer) -> Bool {
    JSONText.append(Int64(number), to: &out)
    return true
  }

  // MARK: What the class asks for

  static let methodIDs = [
    "CONNECT": 1, "DELETE": 2, "GET": 3, "HEAD": 4, "OPTIONS": 5, "POST": 6, "PUT": 7, "TRACE": 8, "PATCH": 9,
  ]

  /// activity_id; a name of our own where it is Other (99).
  private var ocsfActivity: (id: Int, name: String?) {
    switch ocsfClass {
    case .http:
      guard let method = bytes(.httpMethod)?.text else { return (0, nil) }
      if let id = Self.methodIDs[method] { return (id, nil) }
      return (99, method)
    case .network:
      if eventKind == .tlsError { return (4, nil) }
      switch bytes(.outcome)?.text {
      case "success": return (2, nil)
      case "failure": return (4, nil)
      case "denied": return (5, nil)
      case "aborted": return (3, nil)
      default: return (6, nil)
      }
    case .lifecycle:
      guard let action = actionWord else { return (0, nil) }
      return Self.actionIDs[action].map { ($0, nil) } ?? (99, action)
    case .base:
      guard let kind = eventKind, kind != .unparsed else { return (0, nil) }
      return (99, kind.rawValue)
    }
  }

  /// What was done, by Stele or by the load balancer.
  var actionWord: String? { (bytes(.action) ?? bytes(.lbAction))?.text }

  static let actionIDs = [
    "start": 3, "started": 3, "resume": 3, "stop": 4, "stopped": 4, "restart": 5, "restarted": 5, "reload": 5,
    "enable": 6, "ready": 6, "disable": 7, "maint": 7, "drain": 7, "source": 8, "config_change": 8,
    "config_reload": 8, "format": 8,
    "pause": 7,
  ]

  private var ocsfStatus: (id: Int, name: String) {
    switch bytes(.outcome)?.text {
    case "success": (1, "Success")
    case "failure", "denied", "aborted": (2, "Failure")
    default: (0, "Unknown")
    }
  }

  /// From the severity; Informational for what is known to be an event, Unknown for what is not.
  private var ocsfSeverity: Int {
    if let severity { return [6, 5, 5, 4, 3, 2, 1, 1][severity] }
    return eventKind == .unparsed || eventKind == nil ? 0 : 1
  }

  /// The profiles whose attributes the event has.
  private func appendProfiles(to out: inout ByteBuffer) -> Bool {
    var profiles: [String] = []
    let kind = ocsfClass
    if bytes(.lbNode).map({ Self.isHostname($0) }) ?? false { profiles.append("host") }
    if kind == .network || kind == .http {
      profiles.append("load_balancer")
      if has(.peerIP) || has(.peerEndpoint) { profiles.append("network_proxy") }
    }
    if kind == .http, has(.idTrace) { profiles.append("trace") }
    if profiles.isEmpty { return false }
    out.append("[\"" + profiles.joined(separator: "\",\"") + "\"]")
    return true
  }

  private func appendProduct(_ part: Int, _ state: inout ExportState, to out: inout ByteBuffer) -> Bool {
    let names = [
      "haproxy": ("HAProxy", "HAProxy"), "nginx": ("nginx", "nginx"), "envoy": ("Envoy", "Envoy Project"),
    ]
    let product = bytes(.lbProduct).flatMap { names[$0.text] }
    if product != nil { state.done.insert(.lbProduct) }
    let (name, vendor) = product ?? ("Stele", "Stele")
    return appendWord(part == 0 ? name : vendor, to: &out)
  }

  private func appendHost(_ field: Field, _ state: inout ExportState, to out: inout ByteBuffer) -> Bool {
    guard let host = bytes(field), Self.isHostname(host) else { return false }
    _ = JSONText.append(host, to: &out)
    state.done.insert(field)
    return true
  }

  /// `hostname_t`: labels of letters, digits and hyphens.
  static func isHostname(_ text: ByteView) -> Bool {
    guard text.count > 0, text.count <= 253 else { return false }
    return text.text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
      label.utf8.count >= 1 && label.utf8.count <= 63 && !label.hasPrefix("-") && !label.hasSuffix("-")
        && label.utf8.allSatisfy { byte in
          byte >= 0x30 && byte <= 0x39 || byte >= 0x41 && byte <= 0x5A || byte >= 0x61 && byte <= 0x7A
            || byte == 0x2D
        }
    }
  }

  /// A load balancer must have a name: its frontend, else its host, else the source it is configured as.
  private func appendBalancerName(_ state: inout ExportState, to out: inout ByteBuffer) -> Bool {
    for field in [Field.lbFrontend, .lbNode, .sourceID, .lbProduct] {
      guard let name = bytes(field) else { continue }
      _ = JSONText.append(name, to: &out)
      if field == .lbFrontend { state.done.insert(field) }
      return true
    }
    return appendWord("unknown", to: &out)
  }

  private func appendMetrics(_ state: inout ExportState, to out: inout ByteBuffer) -> Bool {
    let start = out.count
    out.append(UInt8(ascii: "["))
    for field in MappingTable.metricFields {
      let number: Int64
      switch self[field] {
      case .duration(let value), .integer(let value), .size(let value): number = value
      default: continue
      }
      if out.count > start + 1 { out.append(UInt8(ascii: ",")) }
      let unit = field.type == .duration ? "_ns" : ""
      out.append("{\"name\":\"\(field.name)\(unit)\",\"value\":\"\(number)\"}")
      state.done.insert(field)
    }
    if out.count == start + 1 {
      out.truncate(to: start)
      return false
    }
    out.append(UInt8(ascii: "]"))
    return true
  }
}

import Bytes

/// OpenTelemetry.
extension Event {
  /// Appends the event as one line of OTLP/JSON (`LogsData` with one record), as the OpenTelemetry
  /// collector's `otlpjsonfile` receiver reads it, without a line feed behind it.
  ///
  /// Fields stand where `FieldMapping.otel` says, the others as attributes `stele.<name>`;
  /// `stele.extra.<name>` is what no field covers, `stele.null.<name>` why a field of the line's format is
  /// null, and `stele.base64.<name>`
  /// (`bytesValue`) all the bytes of text that is not UTF-8 and has U+FFFD in its place. 64-bit integers are strings,
  /// as ProtoJSON asks.
  public func appendOTLP(to out: inout ByteBuffer) {
    var writer = AttributeWriter()
    out.append("{\"resourceLogs\":[{\"resource\":{\"attributes\":[")
    let service = eventKind == .collector || eventKind == .lossNotice ? "stele" : "unknown_service"
    writer.begin(&out)
    writer.add("service.name", word: bytes(.lbProduct)?.text ?? service, to: &out)
    for field in [Field.sourceID, .lbNode, .lbPID] where !self[field].isNull {
      writer.add(String((field.mapping.otel ?? "").dropFirst("resource:".count)), self[field], self, to: &out)
    }
    let schema = "https://opentelemetry.io/schemas/\(Standard.semanticConventions)"
    out.append("]},\"scopeLogs\":[{\"scope\":{\"name\":\"stele\"},\"logRecords\":[{")
    appendRecord(&writer, to: &out)
    out.append("}],\"schemaUrl\":\"\(schema)\"}],\"schemaUrl\":\"\(schema)\"}]}")
  }

  private func appendRecord(_ writer: inout AttributeWriter, to out: inout ByteBuffer) {
    for (field, key) in [(Field.time, "timeUnixNano"), (.receiveTime, "observedTimeUnixNano")] {
      if case .time(let moment) = self[field] { out.append("\"\(key)\":\"\(max(0, moment))\",") }
    }
    if let severity {
      // Log data model, appendix B.
      let number = [21, 19, 18, 17, 13, 10, 9, 5][severity]
      out.append("\"severityNumber\":\(number),\"severityText\":\"\(SyslogSeverity.names[severity])\",")
    }
    if let kind = bytes(.kind)?.text { out.append("\"eventName\":\"stele.\(kind)\",") }
    let (trace, span) = (traceText(.idTrace, 32), traceText(.idSpan, 16))
    if let trace { out.append("\"traceId\":\"\(trace)\",") }
    if let span { out.append("\"spanId\":\"\(span)\",") }
    out.append("\"body\":{\"stringValue\":")
    appendSummary(to: &out)
    out.append("},\"attributes\":[")
    writer.begin(&out)
    if trace != nil { writer.done.insert(.idTrace) }
    if span != nil { writer.done.insert(.idSpan) }
    for field in [Field.time, .receiveTime, .lbProduct, .sourceID, .lbNode, .lbPID, .message] {
      writer.done.insert(field)
    }
    appendMade(&writer, to: &out)
    for field in Field.allCases where !writer.done.contains(field) && !self[field].isNull {
      // One attribute may be there only once.
      let name = attribute(field)
      writer.add(writer.has(name) ? "stele.\(field.name)" : name, self[field], self, to: &out)
    }
    appendOthers(&writer, to: &out)
    out.append(UInt8(ascii: "]"))
  }

  /// Attributes that are no field's as it stands.
  private func appendMade(_ writer: inout AttributeWriter, to out: inout ByteBuffer) {
    if case .integer(let index) = self[.seq] {
      writer.add("log.record.uid", word: String(index), to: &out)
      writer.done.insert(.seq)
    }
    if let type = errorType { writer.add("error.type", word: type, to: &out) }
    if let transport = transportName {
      writer.add("network.transport", word: transport, to: &out)
      writer.done.insert(.transport)
    }
    if let (name, version) = tlsVersion() {
      writer.add("tls.protocol.name", word: name, to: &out)
      writer.add("tls.protocol.version", .text(version), self, to: &out)
      writer.done.insert(.tlsVersion)
    }
    for (digits, name) in [(40, "sha1"), (64, "sha256")] {
      if let print = fingerprint(digits: digits) {
        writer.add("tls.client.hash.\(name)", word: print, to: &out)
      }
    }
    guard eventKind == .http else { return }
    if !self[.httpVersion].isNull { writer.add("network.protocol.name", word: "http", to: &out) }
    if let method = bytes(.httpMethod)?.text {
      let isKnown = Self.methods.contains(method)
      writer.add("http.request.method", word: isKnown ? method : "_OTHER", to: &out)
      if !isKnown { writer.add("http.request.method_original", self[.httpMethod], self, to: &out) }
      writer.done.insert(.httpMethod)
    }
    if let (host, port) = hostAndPort() {
      writer.add("server.address", .text(host), self, to: &out)
      if let port { writer.add("server.port", .integer(port), self, to: &out) }
      writer.done.insert(.urlHost)
    }
    for field in [Field.forwardedFor, .httpReferrer] {
      guard case .text(let range) = self[field], let name = field.mapping.otel else { continue }
      writer.add(name, list: field == .forwardedFor ? elements(range) : [range], self, to: &out)
      writer.done.insert(field)
    }
    if let status = bytes(.grpcStatus) {
      writer.add("rpc.system.name", word: "grpc", to: &out)
      writer.add("rpc.response.status_code", word: status.text, to: &out)
      if isExact(self[.grpcStatus]) { writer.done.insert(.grpcStatus) }
    }
  }

  /// RFC 9110, PATCH and QUERY: what the semantic conventions count as known.
  static let methods: Set<String> = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY",
  ]

  /// What ended it badly, in few words: `timeout`, the status from 500 on, or who ended it.
  private var errorType: String? {
    guard let outcome = bytes(.outcome)?.text, outcome != "success", outcome != "unknown" else { return nil }
    if case .flag(true) = self[.termTimeout] { return "timeout" }
    if case .integer(let status) = self[.httpStatus], status >= 500 { return String(status) }
    if let actor = bytes(.termActor)?.text, actor != "none" { return actor }
    return nil
  }

  /// The attribute of a field: its semantic convention where the kind of the event and the value's type have
  /// it.
  private func attribute(_ field: Field) -> String {
    let own = "stele.\(field.name)"
    guard let name = field.mapping.otel, !name.contains(":"), hasLoggedType(field) else { return own }
    let isAboutHTTP = name.hasPrefix("http.") || name.hasPrefix("url.") || name.hasPrefix("user_agent.")
    if isAboutHTTP || field == .httpVersion || field == .urlHost, eventKind != .http { return own }
    switch field {
    case .tlsVersion, .tlsClientFingerprint: return own
    case .httpStatus:
      if case .integer(100...599) = self[field] { return name }
      return own
    default: return name
    }
  }

  /// Whether the value is of the field's type, and no other text that was logged in its place.
  private func hasLoggedType(_ field: Field) -> Bool {
    if case .text = self[field] { field.type.holdsText } else { true }
  }

  private func appendOthers(_ writer: inout AttributeWriter, to out: inout ByteBuffer) {
    let start = out.count
    writer.appendKey("stele.upstream", to: &out)
    if appendUpstreamOTLP(to: &out) { out.append("}}") } else { out.truncate(to: start) }
    for extra in extras where !extra.value.isNull {
      writer.add("stele.extra.\(extra.name)", extra.value, self, to: &out)
    }
    // The closures cannot hold the writer, so they gather first.
    var nulls: [([UInt8], NullReason)] = []
    forEachNull { nulls.append(($0, $1)) }
    for (name, reason) in nulls {
      writer.add("stele.null.\(String(decoding: name, as: UTF8.self))", word: reason.name, to: &out)
    }
    var inexact: [([UInt8], [UInt8])] = []
    forEachInexact { inexact.append(($0, $1.array)) }
    for (name, bytes) in inexact {
      writer.add("stele.base64.\(String(decoding: name, as: UTF8.self))", bytes: bytes, to: &out)
    }
  }

  /// A trace or span id as OTLP writes it: so many hex digits, not all zero; nil when the field holds none.
  private func traceText(_ field: Field, _ digits: Int) -> String? {
    guard let text = bytes(field)?.text, text.utf8.count == digits, text.contains(where: { $0 != "0" }),
      text.allSatisfy({ $0.isASCII && $0.isHexDigit })
    else { return nil }
    return text.lowercased()
  }
}

/// Writes OTLP's list of keys and typed values.
private struct AttributeWriter {
  var done = FieldSet()
  private var start = 0
  private var names: Set<String> = []

  /// The list begins here.
  mutating func begin(_ out: inout ByteBuffer) {
    start = out.count
    names.removeAll()
  }

  /// Whether the list has that key.
  func has(_ key: String) -> Bool { names.contains(key) }

  mutating func appendKey(_ key: String, to out: inout ByteBuffer) {
    names.insert(key)
    if out.count > start { out.append(UInt8(ascii: ",")) }
    out.append("{\"key\":")
    Array(key.utf8).withView { _ = JSONText.append($0, to: &out) }
    out.append(",\"value\":{")
  }

  mutating func add(_ key: String, word: String, to out: inout ByteBuffer) {
    appendKey(key, to: &out)
    out.append("\"stringValue\":")
    Array(word.utf8).withView { _ = JSONText.append($0, to: &out) }
    out.append("}}")
  }

  mutating func add(_ key: String, bytes: [UInt8], to out: inout ByteBuffer) {
    appendKey(key, to: &out)
    out.append("\"bytesValue\":")
    bytes.withView { JSONText.appendBase64($0, to: &out) }
    out.append("}}")
  }

  mutating func add(_ key: String, list: [TextRange], _ event: borrowing Event, to out: inout ByteBuffer) {
    appendKey(key, to: &out)
    out.append("\"arrayValue\":{\"values\":[")
    for (place, element) in list.enumerated() {
      out.append(place == 0 ? "{\"stringValue\":" : ",{\"stringValue\":")
      _ = JSONText.append(event.bytes(element), to: &out)
      out.append(UInt8(ascii: "}"))
    }
    out.append("]}}}")
  }

  mutating func add(_ key: String, _ value: Value, _ event: borrowing Event, to out: inout ByteBuffer) {
    appendKey(key, to: &out)
    event.appendOTLP(value, to: &out)
    out.append("}}")
  }
}

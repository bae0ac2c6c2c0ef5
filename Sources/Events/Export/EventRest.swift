import Bytes

/// What the published standards have no place for.
extension Event {
  /// Appends `"<field>":…,` for every field that has a value and is not yet written, then `upstream` (the
  /// attempts), `extra`, `nulls` and `base64`, each an object and only where it is not empty: what no field
  /// covers, why fields of the line's format are null, and all the bytes of texts that are not UTF-8. Nothing
  /// behind the last but a comma.
  func appendRest(_ state: ExportState, to out: inout ByteBuffer) {
    for (field, key) in zip(Field.allCases, FieldTable.jsonKeys) where !state.done.contains(field) {
      if self[field].isNull { continue }
      appendMember(key, self[field], to: &out)
    }
    appendUpstream(to: &out)
    appendObject("extra", to: &out) { out in
      for extra in extras where !extra.value.isNull {
        appendMember(Array(extra.name.utf8), extra.value, to: &out)
      }
    }
    appendObject("nulls", to: &out) { out in
      forEachNull { name, reason in
        Self.appendKey(name, to: &out)
        out.append("\"\(reason.name)\",")
      }
    }
    appendObject("base64", to: &out) { out in
      forEachInexact { name, bytes in
        Self.appendKey(name, to: &out)
        JSONText.appendBase64(bytes, to: &out)
        out.append(UInt8(ascii: ","))
      }
    }
  }

  /// Each field, or value under a name of its own, that the line's format has and that holds nothing.
  func forEachNull(_ body: ([UInt8], NullReason) -> Void) {
    for (field, key) in zip(Field.allCases, FieldTable.jsonKeys) {
      if case .null(let reason) = self[field], !self[field].isMissing { body(key, reason) }
    }
    for extra in extras {
      if case .null(let reason) = extra.value { body(Array(extra.name.utf8), reason) }
    }
  }

  /// Each text that is not UTF-8, and all its bytes.
  func forEachInexact(_ body: ([UInt8], ByteView) -> Void) {
    for (field, key) in zip(Field.allCases, FieldTable.jsonKeys) {
      if case .text(let range) = self[field], !isExact(self[field]) { body(key, bytes(range)) }
    }
    for extra in extras {
      if case .text(let range) = extra.value, !isExact(extra.value) {
        body(Array(extra.name.utf8), bytes(range))
      }
    }
  }

  static func appendKey(_ name: [UInt8], to out: inout ByteBuffer) {
    name.withView { _ = JSONText.append($0, to: &out) }
    out.append(UInt8(ascii: ":"))
  }

  func appendMember(_ name: [UInt8], _ value: Value, to out: inout ByteBuffer) {
    Self.appendKey(name, to: &out)
    switch value {
    case .null: out.append("null")
    case .integer(let number), .duration(let number), .size(let number): JSONText.append(number, to: &out)
    case .flag(let flag): out.append(flag ? "true" : "false")
    case .time(let moment): JSONText.append(time: moment, to: &out)
    case .address(let address): out.append("\"\(address)\"")
    case .text(let range): _ = JSONText.append(bytes(range), to: &out)
    }
    out.append(UInt8(ascii: ","))
  }

  /// Appends an object of the members that `body` appends, each with a comma behind it; nothing when it has
  /// none.
  func appendObject(_ name: String, to out: inout ByteBuffer, _ body: (inout ByteBuffer) -> Void) {
    let start = out.count
    out.append("\"\(name)\":{")
    let empty = out.count
    body(&out)
    if out.count == empty { return out.truncate(to: start) }
    Self.close(&out)
    out.append(UInt8(ascii: ","))
  }

  /// Ends an object whose members have commas behind them.
  static func close(_ out: inout ByteBuffer) {
    if out.view[out.count - 1] == UInt8(ascii: ",") { out.truncate(to: out.count - 1) }
    out.append(UInt8(ascii: "}"))
  }

  /// Severity from 0 (emergency) to 7 (debug): the error log's own, else the syslog header's; nil where
  /// neither says.
  var severity: Int? {
    if let level = bytes(.logLevel).flatMap({ SyslogSeverity.number($0.text) }) { return level }
    if case .integer(let number) = self[.syslogSeverity], number >= 0, number < 8 { return Int(number) }
    return nil
  }

  /// What it is about.
  var eventKind: EventKind? { bytes(.kind).flatMap { EventKind(rawValue: $0.text) } }

  /// The host asked for, and the port behind it, if there is one.
  func hostAndPort() -> (host: TextRange, port: Int64?)? {
    guard case .text(let range) = self[.urlHost] else { return nil }
    let text = bytes(range)
    let bracket = text.findLast(UInt8(ascii: "]"), before: text.count)
    guard let colon = text.findLast(UInt8(ascii: ":"), before: text.count), colon > (bracket ?? 0), colon > 0,
      let port = Digits.decimal(text.dropFirst(colon + 1)), port <= 65_535,
      bracket != nil || text.find(UInt8(ascii: ":")) == colon, text.count - colon <= 6,
      text[colon + 1] != UInt8(ascii: "0")
    else { return (range, nil) }
    return (part(of: range, 0, colon), port)
  }

  /// `TLSv1.3`, as load balancers write it, without what is not its number; nil for anything else.
  func tlsVersion() -> (protocol: String, version: TextRange)? {
    guard case .text(let range) = self[.tlsVersion] else { return nil }
    let text = bytes(range).text
    for (prefix, name) in [("TLSv", "tls"), ("SSLv", "ssl")]
    where text.hasPrefix(prefix) && text.utf8.count > 4 {
      return (name, part(of: range, 4, text.utf8.count))
    }
    return nil
  }
}

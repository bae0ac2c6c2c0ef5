import Events
import Templates

extension EnvoyOperator {
  /// The piece of a template that the operator becomes. One that no field covers keeps its spelling.
  var piece: Piece {
    if let slot = slotOfTime ?? Self.slots[name] {
      return Piece(slot: slot, escaping: .word, spelling: spelling)
    }
    if name == "COMMON_DURATION" { return Piece(slot: duration, escaping: .word, spelling: spelling) }
    if name == "RESPONSE_CODE_DETAILS", arguments?.contains("ALLOW_WHITESPACES") == true {
      return Piece(slot: text(.termDetails), escaping: .none, spelling: spelling)
    }
    if let field = Self.words[name] { return Piece(slot: text(field), escaping: .word, spelling: spelling) }
    if let field = Self.texts[name] { return Piece(slot: text(field), escaping: .none, spelling: spelling) }
    if let slot = header { return Piece(slot: slot, escaping: .none, spelling: spelling) }
    return Piece(
      slot: Slot(spelling, .text, syntax: .any), escaping: Self.plain.contains(name) ? .word : .none,
      spelling: spelling)
  }

  private func text(_ field: Field) -> Slot { Slot(field.name, .text, syntax: .any) }

  // MARK: Times

  /// `START_TIME` and its kind: RFC 3339 or seconds where the strftime format says so, else text.
  private var slotOfTime: Slot? {
    let field: Field
    switch name {
    case "START_TIME", "START_TIME_LOCAL": field = .timeStart
    case "EMIT_TIME", "EMIT_TIME_LOCAL": field = .timeEnd
    default: return nil
    }
    guard let format = arguments, !format.isEmpty else {
      return Slot(field.name, .isoTime, syntax: .time)
    }
    if isRFC3339(format) { return Slot(field.name, .isoTime, syntax: .time) }
    switch format {
    case "%s": return Slot(field.name, .integer, syntax: .number, unit: .seconds)
    case "%s.%3f", "%s.%6f", "%s.%9f", "%s.%f":
      return Slot(field.name, .decimal, syntax: .decimal, unit: .seconds)
    case "%s_3f", "%s%3f": return Slot(field.name, .integer, syntax: .number, unit: .milliseconds)
    case "%s_6f", "%s%6f": return Slot(field.name, .integer, syntax: .number, unit: .microseconds)
    case "%s_9f", "%s%9f": return Slot(field.name, .integer, syntax: .number, unit: .nanoseconds)
    case "%d/%b/%Y:%H:%M:%S %z": return Slot(field.name, .clfTime, syntax: .time)
    default: return Slot(field.name, .text, syntax: .any)
    }
  }

  /// `%Y-%m-%dT%H:%M:%S`, a fraction or none, then `Z`, `%z` with a colon (which strftime has not) excepted.
  private func isRFC3339(_ format: String) -> Bool {
    let dates = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%T", "%FT%T", "%FT%H:%M:%S"]
    guard let date = dates.first(where: { format.hasPrefix($0) }), format.hasSuffix("Z") else { return false }
    let fraction = format.dropFirst(date.count).dropLast()
    if fraction.isEmpty || fraction == ".%f" { return true }
    guard fraction.count == 4, fraction.hasPrefix(".%"), fraction.hasSuffix("f"),
      let digits = fraction.dropFirst(2).first?.wholeNumberValue
    else { return false }
    return digits >= 1
  }

  /// `COMMON_DURATION(START:END:PRECISION)`.
  private var duration: Slot {
    let parts = (arguments ?? "").split(separator: ":", omittingEmptySubsequences: false)
    let unit: Unit? =
      switch parts.last {
      case "ms": .milliseconds
      case "us": .microseconds
      case "ns": .nanoseconds
      default: nil
      }
    guard parts.count == 3, let unit else { return Slot(spelling, .text, syntax: .any) }
    let field: Field? =
      switch (parts[0], parts[1]) {
      case ("DS_RX_BEG", "DS_RX_END"): .durationRequest
      case ("DS_RX_BEG", "DS_TX_END"): .durationActive
      case ("US_CX_BEG", "US_CX_END"): .durationConnect
      case ("US_TX_END", "US_RX_BEG"): .durationResponse
      case ("DS_RX_BEG", "US_RX_BEG"): .durationFirstByte
      case ("US_RX_BEG", "US_RX_END"), ("US_RX_BEG", "DS_TX_END"): .durationData
      case ("DS_CX_BEG", "DS_CX_END"): .durationTotal
      default: nil
      }
    return Slot(field?.name ?? spelling, .integer, syntax: .number, unit: unit)
  }

  // MARK: Headers

  /// `REQ(X?Y):Z`: header X, else Y. The names of those that have a field are their own; the rest keep the
  /// operator's spelling.
  private var header: Slot? {
    let names = (arguments ?? "").lowercased().split(separator: "?").map(String.init)
    switch name {
    case "REQ", "REQUEST_HEADER":
      if names == [":method"] { return text(.httpMethod) }
      // The original path is the path as the client sent it.
      if names.contains(":path"), names.allSatisfy({ $0 == ":path" || $0 == "x-envoy-original-path" }) {
        return text(.urlTarget)
      }
      if names == ["x-request-id"] { return Slot(Field.idRequest.name, .identifier, syntax: .any) }
      guard names.count == 1, let field = HeaderFields.request[names[0]] else { return nil }
      return text(field)
    case "RESP", "RESPONSE_HEADER":
      guard names == ["x-envoy-upstream-service-time"] else { return nil }
      return Slot(Field.durationUpstream.name, .integer, syntax: .any, unit: .milliseconds)
    case "REQ_WITHOUT_QUERY": return names.last == ":path" ? text(.urlPath) : nil
    case "PATH": return text(arguments?.uppercased().hasPrefix("NQ") == true ? .urlPath : .urlTarget)
    default: return nil
    }
  }

  // MARK: Tables

  private static func number(_ field: Field, _ unit: Unit = .none) -> Slot {
    Slot(field.name, .integer, syntax: .number, unit: unit)
  }

  private static let slots: [String: Slot] = [
    "DURATION": number(.durationActive, .milliseconds),
    "REQUEST_DURATION": number(.durationRequest, .milliseconds),
    "REQUEST_TX_DURATION": number(.durationRequestSent, .milliseconds),
    "RESPONSE_DURATION": number(.durationFirstByte, .milliseconds),
    "RESPONSE_TX_DURATION": number(.durationData, .milliseconds),
    "DOWNSTREAM_HANDSHAKE_DURATION": number(.durationHandshake, .milliseconds),
    "UPSTREAM_CONNECTION_POOL_READY_DURATION": number(.durationConnect, .milliseconds),
    "ROUNDTRIP_DURATION": Slot("%ROUNDTRIP_DURATION%", .integer, syntax: .number, unit: .milliseconds),
    "BYTES_RECEIVED": number(.bytesBodyIn, .bytes),
    "BYTES_SENT": number(.bytesBodyOut, .bytes),
    "DOWNSTREAM_WIRE_BYTES_RECEIVED": number(.bytesIn, .bytes),
    "DOWNSTREAM_WIRE_BYTES_SENT": number(.bytesOut, .bytes),
    "UPSTREAM_WIRE_BYTES_RECEIVED": number(.upstreamBytesIn, .bytes),
    "UPSTREAM_WIRE_BYTES_SENT": number(.upstreamBytesOut, .bytes),
    "RESPONSE_CODE": Slot(Field.httpStatus.name, .status, syntax: .status),
    // Keeps its spelling for a name: attempts are one more than retries.
    "UPSTREAM_REQUEST_ATTEMPT_COUNT": Slot("%UPSTREAM_REQUEST_ATTEMPT_COUNT%", .integer, syntax: .number),
    "CONNECTION_ID": number(.idConnection),
    "DOWNSTREAM_REMOTE_ADDRESS": .endpoint(
      Field.clientEndpoint.name, ip: Field.clientIP.name, port: Field.clientPort.name),
    "DOWNSTREAM_DIRECT_REMOTE_ADDRESS": .endpoint(
      Field.peerEndpoint.name, ip: Field.peerIP.name, port: Field.peerPort.name),
    "DOWNSTREAM_LOCAL_ADDRESS": .endpoint(
      Field.localEndpoint.name, ip: Field.localIP.name, port: Field.localPort.name),
    "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT": Slot(Field.clientIP.name, .address, syntax: .token),
    "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT": Slot(Field.peerIP.name, .address, syntax: .token),
    "DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT": Slot(Field.localIP.name, .address, syntax: .token),
    "DOWNSTREAM_REMOTE_PORT": number(.clientPort),
    "DOWNSTREAM_DIRECT_REMOTE_PORT": number(.peerPort),
    "DOWNSTREAM_LOCAL_PORT": number(.localPort),
    "UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT": Slot(Field.serverIP.name, .address, syntax: .token),
    "UPSTREAM_REMOTE_PORT": number(.serverPort),
    "UPSTREAM_LOCAL_ADDRESS": .endpoint(
      "%UPSTREAM_LOCAL_ADDRESS%", ip: Field.lbIP.name, port: Field.lbPort.name),
    "UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT": Slot(Field.lbIP.name, .address, syntax: .token),
    "UPSTREAM_LOCAL_PORT": number(.lbPort),
  ]

  /// Values without blanks, of Envoy's own making.
  private static let words: [String: Field] = [
    "PROTOCOL": .httpVersion, "RESPONSE_FLAGS": .termRaw, "RESPONSE_FLAGS_LONG": .termRaw,
    "RESPONSE_CODE_DETAILS": .termDetails, "UPSTREAM_HOST": .lbServer, "UPSTREAM_REMOTE_ADDRESS": .lbServer,
    "UPSTREAM_HOST_NAME": .lbServer, "UPSTREAM_CLUSTER": .lbBackend, "UPSTREAM_CLUSTER_RAW": .lbBackend,
    "UPSTREAM_HOSTS_ATTEMPTED": .upstreamAddress, "HOSTNAME": .lbNode, "STREAM_ID": .idRequest,
    "UNIQUE_ID": .idRequest, "TRACE_ID": .idTrace, "SPAN_ID": .idSpan, "ACCESS_LOG_TYPE": .lbStep,
    "DOWNSTREAM_TLS_VERSION": .tlsVersion, "DOWNSTREAM_TLS_CIPHER": .tlsCipher,
    "DOWNSTREAM_PEER_SERIAL": .tlsClientSerial, "DOWNSTREAM_PEER_FINGERPRINT_256": .tlsClientFingerprint,
    "TLS_JA3_FINGERPRINT": .tlsJA3, "TLS_JA4_FINGERPRINT": .tlsJA4, "GRPC_STATUS_NUMBER": .grpcStatus,
  ]

  /// Values with blanks, or of a client's or server's choosing.
  private static let texts: [String: Field] = [
    "ROUTE_NAME": .lbRoute, "REQUESTED_SERVER_NAME": .tlsSNI,
    "CONNECTION_TERMINATION_DETAILS": .termConnection,
    "UPSTREAM_TRANSPORT_FAILURE_REASON": .upstreamFailure, "GRPC_STATUS": .grpcStatus,
    "DOWNSTREAM_TRANSPORT_FAILURE_REASON": .tlsErrorText, "DOWNSTREAM_PEER_SUBJECT": .tlsClientSubject,
    "DOWNSTREAM_PEER_ISSUER": .tlsClientIssuer,
  ]

  /// Operators without a field whose values never hold a blank.
  private static let plain: Set<String> = [
    "UPSTREAM_PROTOCOL", "BYTES_RETRANSMITTED", "PACKETS_RETRANSMITTED", "REQUEST_HEADERS_BYTES",
    "RESPONSE_HEADERS_BYTES", "RESPONSE_TRAILERS_BYTES", "UPSTREAM_HEADER_BYTES_SENT",
    "UPSTREAM_HEADER_BYTES_RECEIVED", "DOWNSTREAM_HEADER_BYTES_SENT", "DOWNSTREAM_HEADER_BYTES_RECEIVED",
    "UPSTREAM_DECOMPRESSED_HEADER_BYTES_SENT", "UPSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED",
    "DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_SENT", "DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED",
    "DOWNSTREAM_TLS_SESSION_ID", "DOWNSTREAM_TLS_GROUP", "UPSTREAM_TLS_VERSION", "UPSTREAM_TLS_CIPHER",
    "UPSTREAM_TLS_SESSION_ID", "UPSTREAM_CONNECTION_ID", "DOWNSTREAM_PEER_FINGERPRINT_1",
    "DOWNSTREAM_DETECTED_CLOSE_TYPE", "UPSTREAM_DETECTED_CLOSE_TYPE", "VIRTUAL_CLUSTER_NAME",
  ]
}

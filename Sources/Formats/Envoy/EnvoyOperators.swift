import Events
import Templates

extension EnvoyOperator {
  /// The piece of a template that the operator becomes. One that no field covers keeps its spelling.
  var piece: Piece {
    if let piece = pieceOfTime { return piece }
    // A masked address is a network (`10.1.0.0/16`).
    if let slot = Self.slots[name], !name.hasSuffix("_WITHOUT_PORT") || arguments ?? "" == "" {
      return Piece(slot: slot, escaping: .word, spelling: spelling)
    }
    if let unit = Self.numbers[name] {
      return Piece(
        slot: Slot(spelling, .integer, syntax: .number, unit: unit), escaping: .word, spelling: spelling)
    }
    if name == "COMMON_DURATION" { return Piece(slot: duration, escaping: .word, spelling: spelling) }
    if name == "RESPONSE_CODE_DETAILS", arguments?.contains("ALLOW_WHITESPACES") == true {
      return Piece(slot: text(.termDetails), escaping: .none, spelling: spelling)
    }
    if let field = Self.words[name] { return Piece(slot: text(field), escaping: .word, spelling: spelling) }
    if let field = Self.wordsOrNothing[name] {
      return Piece(slot: text(field), escaping: .bare, spelling: spelling)
    }
    if name == "REQUESTED_SERVER_NAME", let arguments, arguments.hasPrefix("HOST_FIRST") {
      return Piece(slot: text(.urlHost), escaping: .none, spelling: spelling)
    }
    if let field = Self.texts[name] { return Piece(slot: text(field), escaping: .none, spelling: spelling) }
    if let slot = header {
      // Methods are tokens: nothing else passes for a request.
      let isMethod = slot.name == Field.httpMethod.name
      return Piece(slot: slot, escaping: isMethod ? .word : .none, spelling: spelling)
    }
    return Piece(
      slot: Slot(spelling, .text, syntax: .any), escaping: Self.plain.contains(name) ? .word : .none,
      spelling: spelling)
  }

  private func text(_ field: Field) -> Slot { Slot(field.name, .text, syntax: .any) }

  // MARK: Times

  /// Whether it is one of the times that every record has.
  var isTime: Bool { Self.times[name] != nil }

  private static let times: [String: Field] = [
    "START_TIME": .timeStart, "START_TIME_LOCAL": .timeStart, "EMIT_TIME": .timeEnd,
    "EMIT_TIME_LOCAL": .timeEnd,
  ]

  /// `START_TIME` and its kind: a column of its own where there is one for the format, else text that keeps its
  /// spelling for a name, which tells how to read it.
  private var pieceOfTime: Piece? {
    guard let field = Self.times[name] else { return nil }
    let isLocal = name.hasSuffix("_LOCAL")
    let standard = isLocal ? "%Y-%m-%dT%H:%M:%S.%3f%z" : "%Y-%m-%dT%H:%M:%S.%3fZ"
    let format = arguments.flatMap { $0.isEmpty ? nil : $0 } ?? standard
    let slot: Slot
    switch format {
    case _ where isRFC3339(format): slot = Slot(field.name, .isoTime, syntax: .time)
    case "%s": slot = Slot(field.name, .integer, syntax: .number, unit: .seconds)
    case "%s.%3f", "%s.%6f", "%s.%9f", "%s.%f":
      slot = Slot(field.name, .decimal, syntax: .decimal, unit: .seconds)
    case "%s%3f": slot = Slot(field.name, .integer, syntax: .number, unit: .milliseconds)
    case "%s%6f": slot = Slot(field.name, .integer, syntax: .number, unit: .microseconds)
    case "%s%9f": slot = Slot(field.name, .integer, syntax: .number, unit: .nanoseconds)
    case "%d/%b/%Y:%H:%M:%S %z": slot = Slot(field.name, .clfTime, syntax: .time)
    default:
      // The spelling tells which bytes it may hold; `%c` and the like hold blanks.
      let blank = ["%c", "%e", "%r"].contains { format.contains($0) } ? " " : ""
      return Piece(
        slot: Slot("%\(name)(\(format))%", .text, syntax: .any), escaping: .stamp, spelling: spelling + blank)
    }
    return Piece(slot: slot, escaping: .word, spelling: spelling)
  }

  /// `%Y-%m-%dT%H:%M:%S`, a fraction or none, then `Z` or `%Ez`.
  private func isRFC3339(_ format: String) -> Bool {
    let dates = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%T", "%FT%T", "%FT%H:%M:%S"]
    let zones = ["Z", "%Ez"]
    guard let date = dates.first(where: { format.hasPrefix($0) }),
      let zone = zones.first(where: { format.hasSuffix($0) }), format.count >= date.count + zone.count
    else { return false }
    let fraction = format.dropFirst(date.count).dropLast(zone.count)
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

  /// `REQ(X?Y):Z`: header X, else Y. Where one header is named, what it holds has a name that says so; the rest, and
  /// what is cut at a length, keep the operator's spelling.
  private var header: Slot? {
    let names = (arguments ?? "").lowercased().split(separator: "?").map(String.init)
    switch name {
    case "REQ", "REQUEST_HEADER":
      if names == [":method"] { return text(.httpMethod) }
      // The original path is the path as the client sent it.
      if names.contains(":path"), names.allSatisfy({ $0 == ":path" || $0 == "x-envoy-original-path" }) {
        return text(.urlTarget)
      }
      guard names.count == 1 else { return nil }
      if limit != nil, HeaderFields.request[names[0]] == nil { return nil }
      return HeaderFields.requestSlot(names[0])
    case "RESP", "RESPONSE_HEADER":
      guard names.count == 1, limit == nil else { return nil }
      if names[0] == "x-envoy-upstream-service-time" {
        return Slot(Field.durationUpstream.name, .integer, syntax: .any, unit: .milliseconds)
      }
      return Slot(HeaderFields.responseName(names[0], number: 0), .text, syntax: .any)
    case "REQ_WITHOUT_QUERY": return names.last == ":path" ? text(.urlPath) : nil
    case "PATH": return text(arguments?.uppercased().hasPrefix("NQ") == true ? .urlPath : .urlTarget)
    case "QUERY_PARAMS": return arguments == "DECODED" ? nil : text(.urlQuery)
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

  /// Numbers that no field covers.
  private static let numbers: [String: Unit] = [
    "BYTES_RETRANSMITTED": .bytes, "PACKETS_RETRANSMITTED": .none, "REQUEST_HEADERS_BYTES": .bytes,
    "RESPONSE_HEADERS_BYTES": .bytes, "RESPONSE_TRAILERS_BYTES": .bytes, "UPSTREAM_HEADER_BYTES_SENT": .bytes,
    "UPSTREAM_HEADER_BYTES_RECEIVED": .bytes, "DOWNSTREAM_HEADER_BYTES_SENT": .bytes,
    "DOWNSTREAM_HEADER_BYTES_RECEIVED": .bytes, "UPSTREAM_DECOMPRESSED_HEADER_BYTES_SENT": .bytes,
    "UPSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED": .bytes,
    "DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_SENT": .bytes,
    "DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED": .bytes, "ROUNDTRIP_DURATION": .milliseconds,
    "UPSTREAM_CONNECTION_ID": .none, "DOWNSTREAM_DIRECT_LOCAL_PORT": .none,
  ]

  /// Values without blanks, of Envoy's own making.
  private static let words: [String: Field] = [
    "PROTOCOL": .httpVersion, "RESPONSE_FLAGS": .termRaw, "RESPONSE_FLAGS_LONG": .termRaw,
    "RESPONSE_CODE_DETAILS": .termDetails, "UPSTREAM_HOST": .lbServer, "UPSTREAM_REMOTE_ADDRESS": .lbServer,
    "UPSTREAM_HOST_NAME": .lbServer, "UPSTREAM_HOST_NAME_WITHOUT_PORT": .lbServer,
    "UPSTREAM_CLUSTER": .lbBackend, "UPSTREAM_CLUSTER_RAW": .lbBackend,
    "UPSTREAM_HOSTS_ATTEMPTED": .upstreamAddress, "UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT": .upstreamAddress,
    "UPSTREAM_HOST_NAMES_ATTEMPTED": .upstreamAddress,
    "UPSTREAM_HOST_NAMES_ATTEMPTED_WITHOUT_PORT": .upstreamAddress, "HOSTNAME": .lbNode,
    "DOWNSTREAM_TLS_VERSION": .tlsVersion, "DOWNSTREAM_TLS_CIPHER": .tlsCipher,
    "DOWNSTREAM_PEER_SERIAL": .tlsClientSerial, "DOWNSTREAM_PEER_FINGERPRINT_256": .tlsClientFingerprint,
    "TLS_JA3_FINGERPRINT": .tlsJA3, "TLS_JA4_FINGERPRINT": .tlsJA4, "GRPC_STATUS_NUMBER": .grpcStatus,
  ]

  /// The same, but sometimes nothing at all.
  private static let wordsOrNothing: [String: Field] = [
    "TRACE_ID": .idTrace, "SPAN_ID": .idSpan, "ACCESS_LOG_TYPE": .lbStep,
  ]

  /// Values with blanks, or of a client's or server's choosing.
  private static let texts: [String: Field] = [
    "ROUTE_NAME": .lbRoute, "REQUESTED_SERVER_NAME": .tlsSNI, "STREAM_ID": .idRequest,
    "CONNECTION_TERMINATION_DETAILS": .termConnection, "FILTER_CHAIN_NAME": .lbListener,
    "UPSTREAM_TRANSPORT_FAILURE_REASON": .upstreamFailure, "GRPC_STATUS": .grpcStatus,
    "DOWNSTREAM_TRANSPORT_FAILURE_REASON": .tlsErrorText, "DOWNSTREAM_PEER_SUBJECT": .tlsClientSubject,
    "DOWNSTREAM_PEER_ISSUER": .tlsClientIssuer,
  ]

  /// Operators without a field whose values never hold a blank.
  private static let plain: Set<String> = [
    "UPSTREAM_PROTOCOL", "UNIQUE_ID", "DOWNSTREAM_TLS_SESSION_ID", "DOWNSTREAM_TLS_GROUP",
    "UPSTREAM_TLS_VERSION", "UPSTREAM_TLS_CIPHER", "UPSTREAM_TLS_SESSION_ID", "UPSTREAM_TLS_GROUP",
    "UPSTREAM_CONNECTION_IDS_ATTEMPTED", "DOWNSTREAM_PEER_FINGERPRINT_1",
    "DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_1", "DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_256",
    "DOWNSTREAM_PEER_CHAIN_SERIALS", "DOWNSTREAM_PEER_ISSUER_FINGERPRINT_256",
    "DOWNSTREAM_PEER_ISSUER_SERIAL",
    "DOWNSTREAM_PEER_CERT", "UPSTREAM_PEER_CERT", "DOWNSTREAM_DETECTED_CLOSE_TYPE",
    "UPSTREAM_DETECTED_CLOSE_TYPE", "DOWNSTREAM_DIRECT_LOCAL_ADDRESS",
    "DOWNSTREAM_DIRECT_LOCAL_ADDRESS_WITHOUT_PORT", "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT",
    "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT", "DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT",
    "UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", "UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", "DOWNSTREAM_PEER_IP_SAN",
    "DOWNSTREAM_LOCAL_IP_SAN", "UPSTREAM_PEER_IP_SAN", "UPSTREAM_LOCAL_IP_SAN", "CUSTOM_FLAGS",
  ]

  /// Operators without a field whose values may be anything.
  private static let free: Set<String> = [
    "REQ", "RESP", "TRAILER", "REQUEST_HEADER", "RESPONSE_HEADER", "RESPONSE_TRAILER", "REQUEST_TRAILER",
    "REQ_WITHOUT_QUERY", "PATH", "QUERY_PARAM", "QUERY_PARAMS", "COMMON_DURATION", "DYNAMIC_METADATA",
    "CLUSTER_METADATA", "UPSTREAM_METADATA", "METADATA", "FILTER_STATE", "UPSTREAM_FILTER_STATE", "CEL",
    "TYPED_CEL", "COALESCE", "ENVIRONMENT", "LOCAL_REPLY_BODY", "VIRTUAL_CLUSTER_NAME", "VIRTUAL_CLUSTER",
    "DOWNSTREAM_LOCAL_ADDRESS_ENDPOINT_ID", "DOWNSTREAM_DIRECT_LOCAL_ADDRESS_ENDPOINT_ID",
    "UPSTREAM_REMOTE_ADDRESS_ENDPOINT_ID", "UPSTREAM_LOCAL_CLOSE_REASON", "DOWNSTREAM_LOCAL_CLOSE_REASON",
    "DOWNSTREAM_LOCAL_SUBJECT", "DOWNSTREAM_LOCAL_DNS_SAN", "DOWNSTREAM_LOCAL_URI_SAN",
    "DOWNSTREAM_LOCAL_EMAIL_SAN", "DOWNSTREAM_LOCAL_OTHERNAME_SAN", "DOWNSTREAM_PEER_DNS_SAN",
    "DOWNSTREAM_PEER_URI_SAN", "DOWNSTREAM_PEER_EMAIL_SAN", "DOWNSTREAM_PEER_OTHERNAME_SAN",
    "UPSTREAM_PEER_DNS_SAN", "UPSTREAM_PEER_URI_SAN", "UPSTREAM_LOCAL_DNS_SAN", "UPSTREAM_LOCAL_URI_SAN",
    "UPSTREAM_PEER_SUBJECT", "UPSTREAM_PEER_ISSUER", "UPSTREAM_SERVER_NAME", "DOWNSTREAM_PEER_CERT_V_START",
    "DOWNSTREAM_PEER_CERT_V_END", "UPSTREAM_PEER_CERT_V_START", "UPSTREAM_PEER_CERT_V_END",
  ]

  /// All operators of Envoy 1.40 and those before it.
  static let known: Set<String> =
    Set(slots.keys).union(numbers.keys).union(words.keys).union(wordsOrNothing.keys).union(texts.keys)
    .union(times.keys).union(plain).union(free)
}

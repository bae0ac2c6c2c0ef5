/// One field of the event model: what a search expression names, and what a JSON object has for a key.
///
/// Whatever no field covers is kept beside the fields under the load balancer's own spelling (`$geoip_city`,
/// `%[var(txn.team)]`).
public enum Field: UInt8, CaseIterable, Sendable {
  // The envelope.
  case seq, receiveTime, time, timeStart, timeEnd, timeAccept, timeQuality, timeText
  case raw, rawLength, frame, truncated, masked, foreign, kind
  case sourceID, sourceTransport, sourcePeerIP, sourcePeerPort, sourcePeerIdentity, sourceClaimMismatch
  case syslogPRI, syslogFacility, syslogSeverity, syslogTime, syslogHost, syslogApp, syslogProcID
  case syslogMsgID, syslogSD
  case parserFormat, parserFormatHash, parseStatus, parseError, parseOffset, message
  // What happened, where it is no request.
  case action, logLevel, lbThread, lossLayer, lossCount, lossSource, lossFrom, lossTo
  // Who served the request.
  case lbProduct, lbNode, lbPID, lbFrontend, lbListener, lbTLS, lbRoute, lbBackend, lbServer, lbStep, lbIP,
    lbPort
  case idRequest, idConnection, idConnectionRequest, idRequestCounter, idLogCounter, idTrace, idSpan
  // Who talked to whom.
  case clientIP, clientPort, clientEndpoint, peerIP, peerPort, peerEndpoint, forwardedFor
  case localIP, localPort, localEndpoint, serverIP, serverPort, transport, user
  // What was asked, and answered.
  case httpRequest, httpMethod, urlTarget, urlPath, urlQuery, urlHost, urlScheme, httpVersion, httpStatus
  case httpReferrer, userAgent, httpRequestHeaders, httpResponseHeaders, httpCaptures
  case httpRequestCookie, httpResponseCookie, grpcStatus
  // How much, and how long.
  case bytesIn, bytesOut, bytesBodyIn, bytesBodyOut, bytesIncomplete
  case durationHandshake, durationIdle, durationRequest, durationUntilRequest, durationQueue, durationConnect
  case durationResponse, durationData, durationActive, durationTotal, durationUser, durationFirstByte
  case durationRequestSent, durationUpstream, durationIncomplete
  // Attempts, and the end.
  case upstreamAddress, upstreamStatus, upstreamConnect, upstreamHeader, upstreamResponse
  case upstreamBytesIn, upstreamBytesOut, upstreamFailure, retries, redispatched
  case termRaw, termDetails, termConnection, termActor, termPhase, termTimeout, outcome, cacheStatus
  case persistRequest, persistResponse
  // TLS toward the client.
  case tlsVersion, tlsCipher, tlsSNI, tlsResumed, tlsALPN
  case tlsClientSubject, tlsClientIssuer, tlsClientSerial, tlsClientFingerprint, tlsClientVerify
  case tlsJA3, tlsJA4, tlsErrorConnection, tlsErrorSSL, tlsErrorVerify, tlsErrorCA, tlsErrorText
  // How busy the load balancer was.
  case connsProcess, connsFrontend, connsBackend, connsServer, queueServer, queueBackend
  // What became of servers and proxies.
  case lbProxy, lbBackup, lbChange, lbCause, lbVia, lbAction, lbForced, lbCapacity
  case lbActiveLeft, lbBackupLeft, lbOnBackup, lbSessions, lbRequeued, lbQueued, lbFrontendTotal,
    lbBackendTotal
  case healthCheck, healthResult, healthStateOld, healthStateNew, healthReason, healthCode, healthInfo
  case healthDuration, healthLevel, healthLevelMost
}

/// What a field's values are, and so what they can be compared with.
public enum FieldType: String, CaseIterable, Sendable {
  /// A whole number.
  case integer
  /// An HTTP status, or `-1`, `0` and `9` where the load balancer has none to report.
  case status
  /// Nanoseconds.
  case duration
  /// Bytes.
  case size
  /// Nanoseconds since 1970, UTC.
  case time
  /// An IPv4 or IPv6 address.
  case address
  /// Yes or no.
  case flag
  /// Bytes, mostly readable. Not necessarily UTF-8.
  case text
  /// Several texts in one, joined by `, ` or ` : ` as the load balancer wrote them.
  case list
}

extension FieldType {
  /// Text is one of its proper values.
  var holdsText: Bool { self == .text || self == .list }
}

extension Field {
  /// The name in expressions, configuration and output, as `http.status`.
  public var name: String { FieldTable.rows[Int(rawValue)].name }

  /// What its values are.
  public var type: FieldType { FieldTable.rows[Int(rawValue)].type }

  /// One line for people.
  public var meaning: String { FieldTable.rows[Int(rawValue)].meaning }

  /// The field of that name; nil when there is none.
  public init?(_ name: some StringProtocol) {
    guard let field = FieldTable.byName[String(name)] else { return nil }
    self = field
  }

  /// The fields a logged line may carry from which this one is worked out when the line does not carry it
  /// itself. Empty for a field that is only ever read directly.
  public var inputs: [Field] {
    switch self {
    case .time, .timeQuality, .timeText:
      [.timeStart, .timeAccept, .timeEnd, .syslogTime, .durationActive, .durationTotal]
    case .timeStart: [.timeEnd, .durationActive]
    case .timeEnd: [.timeStart, .timeAccept, .durationActive, .durationTotal]
    case .syslogFacility, .syslogSeverity: [.syslogPRI]
    case .lbTLS: [.lbFrontend]
    case .lbNode: [.syslogHost]
    case .lbPID: [.syslogProcID]
    case .lbServer: [.upstreamAddress]
    case .clientIP: [.clientEndpoint]
    case .clientPort: [.clientEndpoint, .clientIP]
    case .peerIP, .peerPort: [.peerEndpoint]
    case .localIP, .localPort: [.localEndpoint]
    case .serverIP, .serverPort: [.lbServer, .upstreamAddress]
    case .httpMethod, .urlTarget, .httpVersion: [.httpRequest]
    case .urlPath, .urlQuery, .urlHost, .urlScheme: [.urlTarget, .httpRequest]
    case .retries: [.upstreamAddress]
    case .redispatched: [.retries]
    case .bytesIncomplete: [.bytesOut]
    case .durationIncomplete: [.durationActive, .durationTotal, .durationUser]
    case .termActor, .termPhase, .termTimeout, .outcome: [.termRaw, .httpStatus, .grpcStatus]
    case .persistRequest, .persistResponse: [.termRaw]
    case .cacheStatus: [.termRaw]
    case .kind:
      [
        .httpStatus, .httpMethod, .httpRequest, .urlTarget, .urlPath, .message, .tlsErrorText, .transport,
        .lbChange,
        .lbCause,
      ]
    case .sourceClaimMismatch: [.syslogHost]
    case .lbActiveLeft, .lbBackupLeft, .lbOnBackup, .lbSessions, .lbRequeued, .lbQueued: [.lbCapacity]
    case .lbAction, .lbForced, .healthStateOld, .healthStateNew: [.lbChange, .lbCause, .lbVia]
    case .tlsErrorSSL: [.tlsErrorText]
    default: []
    }
  }
}

extension Field {
  /// Known of the entry, whatever its line says.
  public var isOfEntry: Bool {
    switch self {
    case .seq, .receiveTime, .time, .timeQuality, .raw, .rawLength, .frame, .truncated, .masked, .foreign,
      .kind, .sourceID,
      .sourceTransport, .sourcePeerIP, .sourcePeerPort, .sourcePeerIdentity, .parseStatus, .parseError,
      .parseOffset, .message, .action, .lossLayer, .lossCount, .lossSource, .lossFrom, .lossTo:
      true
    default: false
    }
  }
}

extension Field: CustomStringConvertible {
  /// The name.
  public var description: String { name }
}

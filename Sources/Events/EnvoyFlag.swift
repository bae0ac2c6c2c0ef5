/// Envoy's response flags, by their short names (Envoy documentation, access logging, RESPONSE_FLAGS).
enum EnvoyFlag: String, CaseIterable {
  case noHealthyUpstream = "UH"
  case upstreamConnectionFailure = "UF"
  case upstreamOverflow = "UO"
  case noRouteFound = "NR"
  case upstreamRetryLimitExceeded = "URX"
  case noClusterFound = "NC"
  case durationTimeout = "DT"
  case downstreamConnectionTermination = "DC"
  case failedLocalHealthCheck = "LH"
  case upstreamRequestTimeout = "UT"
  case localReset = "LR"
  case upstreamRemoteReset = "UR"
  case upstreamConnectionTermination = "UC"
  case delayInjected = "DI"
  case faultInjected = "FI"
  case rateLimited = "RL"
  case unauthorizedExternalService = "UAEX"
  case rateLimitServiceError = "RLSE"
  case invalidEnvoyRequestHeaders = "IH"
  case streamIdleTimeout = "SI"
  case downstreamProtocolError = "DPE"
  case upstreamProtocolError = "UPE"
  case upstreamMaxStreamDurationReached = "UMSDR"
  case responseFromCacheFilter = "RFCF"
  case noFilterConfigFound = "NFCF"
  case overloadManagerTerminated = "OM"
  case dnsResolutionFailed = "DF"
  case dropOverload = "DO"
  case downstreamRemoteReset = "DR"
  case unconditionalDropOverload = "UDO"

  /// By short name (`UH`) or long one (`NoHealthyUpstream`). Nil for flags that an extension has added.
  init?(_ name: some StringProtocol) {
    if let flag = EnvoyFlag(rawValue: String(name)) {
      self = flag
    } else if let flag = Self.longNames[name.lowercased()] {
      self = flag
    } else {
      return nil
    }
  }

  /// The long names differ from the cases in their first letter only.
  private static let longNames = Dictionary(
    uniqueKeysWithValues: allCases.map { (String(describing: $0).lowercased(), $0) })

  /// Who ended it, in which phase, and whether by a timeout; nil for flags that end nothing.
  var meaning: (actor: String, phase: String, timeout: Bool)? {
    switch self {
    case .noHealthyUpstream, .upstreamConnectionFailure, .upstreamRetryLimitExceeded, .dnsResolutionFailed:
      ("server", "connect", false)
    case .upstreamOverflow: ("resource", "queue", false)
    case .overloadManagerTerminated: ("resource", "request", false)
    case .noRouteFound, .noClusterFound, .faultInjected, .rateLimited, .unauthorizedExternalService,
      .rateLimitServiceError, .invalidEnvoyRequestHeaders, .noFilterConfigFound:
      ("proxy", "request", false)
    case .dropOverload, .unconditionalDropOverload: ("proxy", "queue", false)
    case .durationTimeout, .streamIdleTimeout: ("proxy", "data", true)
    case .upstreamRequestTimeout: ("server", "headers", true)
    case .upstreamMaxStreamDurationReached: ("server", "data", true)
    case .upstreamRemoteReset, .upstreamConnectionTermination: ("server", "data", false)
    case .upstreamProtocolError: ("server", "headers", false)
    case .downstreamConnectionTermination, .downstreamRemoteReset: ("client", "data", false)
    case .downstreamProtocolError: ("client", "request", false)
    case .localReset, .failedLocalHealthCheck: ("local", "data", false)
    case .delayInjected, .responseFromCacheFilter: nil
    }
  }

  /// What that means for the request; nil for flags that end nothing.
  var outcome: String? {
    switch self {
    case .rateLimited, .unauthorizedExternalService, .invalidEnvoyRequestHeaders, .dropOverload,
      .unconditionalDropOverload:
      "denied"
    case .downstreamConnectionTermination, .downstreamRemoteReset: "aborted"
    case .delayInjected, .responseFromCacheFilter: nil
    default: "failure"
    }
  }
}

extension EnvoyConfiguration {
  /// Holes in what Envoy logs.
  var findings: [CoverageFinding] {
    var list = FindingList()
    for scope in scopes {
      checkPresence(scope, &list)
      for log in scope.logs { check(log, scope, &list) }
      if let place = scope.omitsRequestID {
        list.add(
          CoverageFinding(
            "envoy-request-id", .gap, place, scope.title,
            lost: "requests get no id: they cannot be followed to the servers behind",
            mend: "remove 'generate_request_id: false'"))
      }
    }
    return list.findings
  }

  private func checkPresence(_ scope: EnvoyScope, _ list: inout FindingList) {
    let isSilent = scope.logs.isEmpty || scope.logs.allSatisfy { $0.path == "/dev/null" }
    guard scope.kind != .other, isSilent else { return }
    let what = scope.kind == .http ? "requests" : scope.kind == .tcp ? "connections" : "sessions"
    list.add(
      CoverageFinding(
        "envoy-no-access-log", .hole, scope.logs.first?.place ?? scope.place, scope.title,
        lost: "\(what) here leave no record: there is no access_log",
        mend: "add an 'access_log' with envoy.access_loggers.file and a json_format"))
  }

  private func check(_ log: EnvoyAccessLog, _ scope: EnvoyScope, _ list: inout FindingList) {
    let isOnlyOne = !scope.logs.contains { $0.filter == nil && $0.path != "/dev/null" }
    if let filter = log.filter, isOnlyOne { check(filter, scope, &list) }
    switch log.format {
    case .unknown:
      guard ["grpc", "opentelemetry", "fluentd", "wasm"].contains(log.kind) else { break }
      list.add(
        CoverageFinding(
          "envoy-unacknowledged", .risk, log.place, scope.title,
          lost:
            "records go to a \(log.kind) service without acknowledgement; when it is slow or away they are "
            + "dropped, and only Envoy's statistics tell (logs_dropped)",
          mend: "log to a file as well, and give that to Stele"))
    case .text, .standard:
      list.add(
        CoverageFinding(
          "envoy-text", .gap, log.place, scope.title,
          lost: "text formats escape nothing: a client can write quotes and so forge fields of its line",
          mend: "use json_format, which escapes"))
      if scope.kind == .http { checkID(log, scope, &list) }
    case .structured: if scope.kind == .http { checkID(log, scope, &list) }
    }
    if let path = log.path, path != "/dev/null", log.kind == "syslog" {
      list.add(
        CoverageFinding(
          "envoy-udp", .risk, log.place, scope.title,
          lost: "datagrams that the receiver cannot take are lost", mend: "log to a file"))
    }
  }

  private func checkID(_ log: EnvoyAccessLog, _ scope: EnvoyScope, _ list: inout FindingList) {
    let string: String
    switch log.format {
    case .text(let text): string = text
    case .structured(let value): string = "\(value.format)"
    case .standard, .unknown: return
    }
    let upper = string.uppercased()
    if ["X-REQUEST-ID", "%STREAM_ID", "%UNIQUE_ID", "%TRACE_ID", "TRACEPARENT"].contains(where: {
      Self.holds(upper, $0)
    }) {
      return
    }
    list.add(
      CoverageFinding(
        "envoy-no-request-id", .gap, log.place, scope.title,
        lost: "a request cannot be followed to the servers behind: no request id is logged",
        mend: "add %REQ(X-REQUEST-ID)% to the format"))
  }

  private static func holds(_ text: String, _ part: String) -> Bool {
    let bytes = Array(text.utf8)
    let part = Array(part.utf8)
    return bytes.indices.contains { bytes[$0...].starts(with: part) }
  }

  // MARK: Filters

  private func check(_ filter: EnvoyValue, _ scope: EnvoyScope, _ list: inout FindingList) {
    for (key, value) in filter.members {
      let lost: String
      switch key {
      case "and_filter", "or_filter":
        for inner in value["filters"]?.items ?? [] { check(inner, scope, &list) }
        continue
      case "runtime_filter": lost = "only a share of the requests is logged (\(Self.share(value)))"
      case "not_health_check_filter":
        lost = "health checks, and what passes itself off as one, leave no record"
      case "traceable_filter": lost = "only requests that are traced are logged"
      case "status_code_filter": lost = "only requests with certain status codes are logged"
      case "duration_filter": lost = "only requests of certain durations are logged"
      case "header_filter": lost = "only requests with a certain header are logged"
      case "response_flag_filter": lost = "only requests with certain response flags are logged"
      case "grpc_status_filter": lost = "only calls with certain gRPC statuses are logged"
      case "metadata_filter": lost = "only requests with certain metadata are logged"
      case "log_type_filter": lost = "records of some types are left out"
      case "extension_filter": lost = "an extension decides what is logged"
      default: continue
      }
      list.add(
        CoverageFinding(
          "envoy-\(key.split(separator: "_").joined(separator: "-"))", .hole,
          Place(scope.place.file, value.line),
          scope.title, lost: lost,
          mend: "remove the filter, or add an access log without one for Stele"))
    }
  }

  private static func share(_ value: EnvoyValue) -> String {
    guard let sampled = value["percent_sampled"] else { return "as the runtime says" }
    let denominator = sampled["denominator"]?.string?.lowercased() ?? "hundred"
    let unit = denominator == "hundred" ? "%" : denominator == "ten_thousand" ? " of 10,000" : " of 1,000,000"
    return "\(sampled["numerator"]?.string ?? "0")\(unit)"
  }
}

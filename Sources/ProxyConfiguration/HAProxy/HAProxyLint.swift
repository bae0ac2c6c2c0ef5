extension HAProxyConfiguration {
  /// Holes in what HAProxy logs.
  var findings: [CoverageFinding] {
    var list = FindingList()
    for proxy in frontends {
      checkTargets(proxy, &list)
      checkSuppression(proxy, &list)
      checkFormat(proxy, &list)
    }
    for proxy in proxies where !proxy.isDisabled { checkSilence(proxy, &list) }
    for target in usedTargets { checkTransport(target, &list) }
    return list.findings
  }

  /// Targets that some frontend logs to.
  private var usedTargets: [HAProxyTarget] {
    var seen: Set<Place> = []
    let forwarded = forwardTargets.filter { $0.address != "global" }
    return (frontends.flatMap { targets(of: $0) } + forwarded).filter { seen.insert($0.place).inserted }
  }

  // MARK: Where messages go

  private func checkTargets(_ proxy: HAProxyProxy, _ list: inout FindingList) {
    let targets = targets(of: proxy)
    guard !targets.isEmpty else {
      let reference = proxy.settings.targets.first
      list.add(
        CoverageFinding(
          "haproxy-no-log", .hole, reference?.place ?? proxy.place, proxy.title,
          lost: reference == nil
            ? "nothing of this \(proxy.kind.rawValue) is logged: it has no 'log' line and inherits none"
            : "nothing is logged: 'log global' names the global section's targets, and there are none",
          mend: reference == nil
            ? "add 'log global' here or to its 'defaults' section"
            : "add to 'global': log 127.0.0.1:5514 len 8192 format rfc5424 local0"))
      return
    }
    let whole = targets.filter { $0.sample == nil && !Self.excludesTraffic($0) }
    if whole.isEmpty, !Self.isCovered(targets) {
      for target in targets { checkPartial(target, proxy, &list) }
    }
  }

  private func checkPartial(_ target: HAProxyTarget, _ proxy: HAProxyProxy, _ list: inout FindingList) {
    if Self.excludesTraffic(target) {
      list.add(
        CoverageFinding(
          "haproxy-level", .hole, target.place, proxy.title,
          lost: "requests are logged at level info, and this target takes nothing below "
            + "\(target.level ?? "notice")",
          mend:
            "remove the level '\(target.level ?? "")' behind the facility, or add a 'log' line without one"))
    } else if let sample = target.sample {
      list.add(
        CoverageFinding(
          "haproxy-sample", .hole, target.place, proxy.title,
          lost: "only the messages \(sample) of every round are sent; the others leave no record",
          mend: "remove 'sample \(sample)', or add a 'log' line without it for Stele"))
    }
  }

  /// Whether a maximum level leaves out what traffic is logged at.
  private static func excludesTraffic(_ target: HAProxyTarget) -> Bool {
    ["emerg", "alert", "crit", "err", "warning", "notice"].contains(target.level ?? "")
  }

  /// Whether samples of several targets make up the whole.
  private static func isCovered(_ targets: [HAProxyTarget]) -> Bool {
    var covered: [Int: Set<Int>] = [:]
    for target in targets where !excludesTraffic(target) {
      let halves = (target.sample ?? "").split(separator: ":")
      guard halves.count == 2, let size = Int(halves[1]), (1...65_536).contains(size) else { continue }
      for range in halves[0].split(separator: ",") {
        let bounds = range.split(separator: "-").compactMap { Int($0) }
        guard let low = bounds.first, let high = bounds.last, 1 <= low, low <= high, high <= size else {
          continue
        }
        covered[size, default: []].formUnion(low...high)
      }
    }
    return covered.contains { $0.value.count == $0.key }
  }

  private func checkTransport(_ target: HAProxyTarget, _ list: inout FindingList) {
    let subject = "log \(target.address)"
    if target.transport == .udp {
      list.add(
        CoverageFinding(
          "haproxy-udp", .risk, target.place, subject,
          lost: target.isLocal
            ? "datagrams that the receiver cannot take are lost, and HAProxy does not count them"
            : "datagrams that the network or the receiver drops are lost, and HAProxy does not count them",
          mend: "log to a ring that a server empties over TLS (section 'ring', log-proto octet-count)"))
    }
    checkLength(target, subject, &list)
    guard target.transport == .ring, let ring = rings[String(target.address.dropFirst(5))] else { return }
    for server in ring.servers where !server.value.contains("ssl") && !Self.isLocal(server.value) {
      list.add(
        CoverageFinding(
          "haproxy-plain", .risk, server.place, subject,
          lost: "messages cross the network unencrypted, and whoever is on the way can change them",
          mend: "add to the server: ssl verify required ca-file CA crt CLIENT, and use a tls:// source"))
    }
  }

  private static func isLocal(_ server: [String]) -> Bool {
    let address = server.count > 2 ? server[2] : ""
    return address.hasPrefix("127.") || address.hasPrefix("/") || address.hasPrefix("unix@")
      || address.hasPrefix("uxst@") || address.hasPrefix("localhost:") || address.hasPrefix("[::1]:")
  }

  private func checkLength(_ target: HAProxyTarget, _ subject: String, _ list: inout FindingList) {
    // A URI that is logged whole, and as much again for captures and the rest.
    let wanted = uriLength + 1024
    let ring = target.transport == .ring ? rings[String(target.address.dropFirst(5))] : nil
    if let ring, ring.maxlen ?? HAProxyTarget.defaultLength < wanted {
      list.add(
        CoverageFinding(
          "haproxy-maxlen", .risk, ring.place, subject,
          lost: "messages of more than \(ring.maxlen ?? HAProxyTarget.defaultLength) bytes are cut, with the "
            + "request at their end",
          mend: "set 'maxlen 8192' (or more) in this section"))
    }
    guard target.transport != .descriptor, target.length ?? HAProxyTarget.defaultLength < wanted else {
      return
    }
    let given = target.length.map { "len \($0)" } ?? "1024 bytes, the default of 'len',"
    list.add(
      CoverageFinding(
        "haproxy-len", .risk, target.place, subject,
        lost: "messages longer than \(given) are cut; a URI alone may take \(uriLength)",
        mend: "add 'len 8192' (at most 65535) behind the address"))
  }

  // MARK: What is not logged

  private func checkSuppression(_ proxy: HAProxyProxy, _ list: inout FindingList) {
    let options: [(String, String, String)] = [
      (
        "dontlognull",
        "connections without a request leave no record: port scans, and clients that only connect",
        "remove 'option dontlognull', or put 'no option dontlognull' into this section"
      ),
      (
        "dontlog-normal", "every request that succeeds leaves no record",
        "remove 'option dontlog-normal'"
      ),
      (
        "http-ignore-probes", "connections that are closed before a request came leave no record",
        "remove 'option http-ignore-probes'"
      ),
    ]
    for (name, lost, mend) in options {
      if let place = proxy.settings.options[name] {
        list.add(CoverageFinding("haproxy-\(name)", .hole, place, proxy.title, lost: lost, mend: mend))
      }
    }
    if let place = proxy.settings.options["logasap"] {
      list.add(
        CoverageFinding(
          "haproxy-logasap", .gap, place, proxy.title,
          lost: "lines are written before the transfer ends: bytes and times are not final (marked by +)",
          mend: "remove 'option logasap'"))
    }
    if let uri = proxy.settings.monitorURI {
      list.add(
        CoverageFinding(
          "haproxy-monitor-uri", .hole, uri.place, proxy.title,
          lost: "requests for \(uri.value) leave no record, whoever sends them",
          mend:
            "answer them by a rule, which is logged: http-request return status 200 if { path \(uri.value) }")
      )
    }
    for step in profileDrops(proxy) {
      list.add(
        CoverageFinding(
          "haproxy-profile-drop", .hole, step.place, proxy.title,
          lost: "records of the step '\(step.name)' are dropped", mend: "remove 'drop' or the whole line"))
    }
    if let steps = proxy.settings.logSteps, !steps.value.contains("close"), !steps.value.contains("all") {
      list.add(
        CoverageFinding(
          "haproxy-log-steps", .hole, steps.place, proxy.title,
          lost: "no record tells how a request ended: the step 'close' is not among 'log-steps'",
          mend: "add it: log-steps \((steps.value + ["close"]).joined(separator: ","))"))
    }
  }

  private func profileDrops(_ proxy: HAProxyProxy) -> [HAProxyStep] {
    targets(of: proxy).compactMap(\.profile).flatMap { profiles[$0]?.steps ?? [] }.filter(\.drops)
  }

  private func checkSilence(_ proxy: HAProxyProxy, _ list: inout FindingList) {
    for rule in proxy.settings.silences {
      list.add(
        CoverageFinding(
          "haproxy-silent", .hole, rule.place, proxy.title,
          lost: "what this rule applies to leaves no record: \(rule.value)",
          mend: "remove the rule, or set a level that the target takes: set-log-level info"))
    }
    for rule in proxy.settings.monitors where rule.value.hasPrefix("monitor-net") {
      list.add(
        CoverageFinding(
          "haproxy-monitor-net", .hole, rule.place, proxy.title,
          lost: "connections from there leave no record",
          mend: "remove the line"))
    }
  }

  // MARK: What a record tells

  private func checkFormat(_ proxy: HAProxyProxy, _ list: inout FindingList) {
    if targets(of: proxy).isEmpty { return }
    let isHTTP = proxy.settings.mode.value == "http"
    guard let format = proxy.settings.format else {
      list.add(
        CoverageFinding(
          "haproxy-no-format", isHTTP ? .hole : .gap, proxy.place, proxy.title,
          lost: isHTTP
            ? "one line a connection, when it is accepted: no request, no status, nothing of what follows"
            : "one line a connection, when it is accepted: not how long it lasted, nor how it ended",
          mend: isHTTP ? "add 'option httplog', or a log-format" : "add 'option tcplog', or a log-format"))
      return
    }
    checkMode(proxy, format, &list)
    let string: String =
      switch choice(of: proxy) {
      case .shipped(let name): Self.string(name) ?? ""
      case .custom(let string): string
      }
    checkCounter(proxy, format.place, string, isHTTP, &list)
    checkIdentity(proxy, format.place, string, isHTTP, &list)
    guard proxy.settings.errorFormat == nil else { return }
    list.add(
      CoverageFinding(
        "haproxy-error-format", .gap, format.place, proxy.title,
        lost: "failed connections (TLS handshakes above all) are logged without counter and without detail",
        mend:
          "HAProxy 2.5 and later: error-log-format \"%ci:%cp [%t] %ft %ac/%fc %[fc_err]/%[ssl_fc_err,hex]/"
          + "%[ssl_c_err]/%[ssl_c_ca_err]/%[ssl_fc_is_resumed] %[ssl_fc_sni]/%sslv/%sslc %lc\""))
  }

  private func checkMode(
    _ proxy: HAProxyProxy, _ format: Placed<HAProxyFormatChoice>, _ list: inout FindingList
  ) {
    guard proxy.settings.mode.value == "tcp" else { return }
    if case .shipped(let name) = format.value, name != "haproxy/tcplog", name != "haproxy/tcpclf" {
      list.add(
        CoverageFinding(
          "haproxy-mode", .gap, format.place, proxy.title,
          lost: "the section is in TCP mode, so that HAProxy falls back to tcplog: no requests are logged",
          mend: "set 'mode http' if this is HTTP, else say 'option tcplog'"))
    } else if let port = proxy.webPort {
      list.add(
        CoverageFinding(
          "haproxy-tcp", .gap, proxy.place, proxy.title,
          lost: "port \(port) is passed on as TCP: one line a connection, no request is logged",
          mend: "set 'mode http' and 'option httplog' where HAProxy sees the requests, or log them behind it")
      )
    }
  }

  private func checkCounter(
    _ proxy: HAProxyProxy, _ place: Place, _ string: String, _ isHTTP: Bool, _ list: inout FindingList
  ) {
    if Self.holds(string, ["%lc", "}lc", ")lc"]) { return }
    let macro = isHTTP ? "HAPROXY_HTTP_LOG_FMT" : "HAPROXY_TCP_LOG_FMT"
    var mend = "put %lc into the log-format"
    if case .shipped? = proxy.settings.format?.value {
      mend = "HAProxy 2.8 and later: log-format \"${\(macro)} %lc\"; before that the same string, spelled out"
    }
    list.add(
      CoverageFinding(
        "haproxy-counter", .gap, place, proxy.title,
        lost: "lines that were lost on the way cannot be counted: the format lacks the log counter %lc",
        mend: mend))
  }

  private func checkIdentity(
    _ proxy: HAProxyProxy, _ place: Place, _ string: String, _ isHTTP: Bool, _ list: inout FindingList
  ) {
    guard isHTTP else { return }
    let hasID = Self.holds(string, ["%ID", "}ID", ")ID", "unique-id", "uuid"])
    let capturesID = proxy.requestCaptures.contains { $0?.lowercased() == "x-request-id" }
    if !hasID, !capturesID {
      list.add(
        CoverageFinding(
          "haproxy-request-id", .gap, place, proxy.title,
          lost: "a request cannot be followed to the servers behind: no request id is logged",
          mend: proxy.settings.uniqueID == nil
            ? "add: unique-id-format %[uuid()], unique-id-header X-Request-ID, and %ID to the log-format"
            : "a unique-id-format is set; put %ID into the log-format"))
    }
    let capturesHost = proxy.requestCaptures.contains { $0?.lowercased() == "host" }
    if !capturesHost,
      !Self.holds(string.lowercased(), ["hdr(host)", "capture.req.hdr", "ssl_fc_sni", "base"])
    {
      list.add(
        CoverageFinding(
          "haproxy-host", .gap, place, proxy.title,
          lost: "a line does not tell which site was asked for",
          mend: "add: capture request header Host len 128"))
    }
  }

  private static func holds(_ text: String, _ parts: [String]) -> Bool {
    let bytes = Array(text.utf8)
    return parts.contains { part in
      let part = Array(part.utf8)
      return bytes.indices.contains { bytes[$0...].starts(with: part) }
    }
  }
}

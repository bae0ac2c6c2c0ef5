import Formats

extension NginxConfiguration {
  /// Holes in what Nginx logs.
  var findings: [CoverageFinding] {
    var list = FindingList()
    for scope in scopes {
      for log in scope.ownLogs { check(log, scope, &list) }
      checkMissing(scope, &list)
    }
    for log in errorLogs { checkErrorLog(log, &list) }
    return list.findings
  }

  private func check(_ log: NginxAccessLog, _ scope: NginxScope, _ list: inout FindingList) {
    if log.isOff || log.target == "/dev/null" {
      list.add(
        CoverageFinding(
          "nginx-off", .hole, log.place, scope.title, lost: "requests here leave no record",
          mend: "remove the line, so that the outer access_log holds"))
      return
    }
    // Another line of the same scope may log everything.
    let isOnlyOne = !scope.ownLogs.contains { !$0.isOff && $0.options["if"] == nil }
    if let condition = log.options["if"], isOnlyOne {
      list.add(
        CoverageFinding(
          "nginx-if", .hole, log.place, scope.title,
          lost: "requests for which \(condition) is empty or 0 leave no record",
          mend: "remove 'if=\(condition)', or add an access_log without it for Stele"))
    }
    if log.options["buffer"] != nil || log.options["gzip"] != nil, log.options["flush"] == nil {
      list.add(
        CoverageFinding(
          "nginx-buffer", .risk, log.place, scope.title,
          lost: "lines wait in memory until the buffer is full, and are lost if the process dies",
          mend: "add 'flush=1s', or remove 'buffer' and 'gzip'"))
    }
    if let server = log.parameter("server"), !server.hasPrefix("unix:") {
      list.add(
        CoverageFinding(
          "nginx-udp", .risk, log.place, scope.title,
          lost: "datagrams that the network or the receiver drops are lost, and Nginx does not count them",
          mend: "log to a unix socket of a Stele on this host: "
            + "syslog:server=unix:/run/stele/nginx.sock,nohostname"))
    }
    checkFormat(log, scope, &list)
  }

  private func checkFormat(_ log: NginxAccessLog, _ scope: NginxScope, _ list: inout FindingList) {
    guard let format = format(of: log, scope) else { return }
    let name = log.format ?? "combined"
    if format.escape == .none {
      list.add(
        CoverageFinding(
          "nginx-escape", .gap, format.place, "log_format \(name)",
          lost: "nothing is escaped: a client can write line feeds and quotes, and so forge lines and fields",
          mend: "use escape=json or escape=default"))
    }
    guard !scope.isStream, !Self.names(format.string).contains("request_id") else { return }
    list.add(
      CoverageFinding(
        "nginx-request-id", .gap, format.place, "log_format \(name)",
        lost: "a request cannot be followed to the servers behind: no request id is logged",
        mend: "add $request_id to the format, and: proxy_set_header X-Request-ID $request_id;"))
  }

  /// Names of the variables in a format.
  private static func names(_ format: String) -> Set<String> {
    var names: Set<String> = []
    for part in format.split(separator: "$", omittingEmptySubsequences: false).dropFirst() {
      let name = part.drop { $0 == "{" }.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
      names.insert(String(name))
    }
    return names
  }

  private func checkMissing(_ scope: NginxScope, _ list: inout FindingList) {
    guard scope.logs.isEmpty, scope.servesRequests, scope.title.hasPrefix("server") else { return }
    if scope.isStream {
      list.add(
        CoverageFinding(
          "nginx-stream", .hole, scope.place, scope.title,
          lost: "connections leave no record: stream servers log nothing unless told to",
          mend: "add an access_log with a log_format to 'stream' or to this server"))
    } else {
      list.add(
        CoverageFinding(
          "nginx-no-access-log", .gap, scope.place, scope.title,
          lost:
            "no access_log is named: lines go to the file that Nginx was built with, as 'combined'",
          mend: "name the target: access_log syslog:server=unix:/run/stele/nginx.sock,nohostname combined;"))
    }
  }

  private func checkErrorLog(_ log: NginxDirective, _ list: inout FindingList) {
    let target = log.arguments.first ?? ""
    let level = log.arguments.dropFirst().first ?? "error"
    if target == "/dev/null" || target == "off" {
      list.add(
        CoverageFinding(
          "nginx-error-off", .hole, log.place, "error_log",
          lost: target == "off"
            ? "the error log goes to a file called 'off': error_log cannot be turned off, nor should it be"
            : "failed handshakes, refused requests and lost log lines leave no record",
          mend: "error_log syslog:server=unix:/run/stele/nginx.sock,nohostname warn;"))
    } else if ["crit", "alert", "emerg"].contains(level) {
      list.add(
        CoverageFinding(
          "nginx-error-level", .gap, log.place, "error_log",
          lost: "errors of requests and upstreams are below level \(level) and leave no record",
          mend: "use the level warn"))
    }
  }
}

import Events
import Formats
import Testing

/// What HAProxy says beside access lines. Lines marked with a version are of its sources, all others it wrote.
@Suite struct HAProxyMessageTests {
  private static let left = ". 1 active and 0 backup servers left."
  private static let idle = " 0 sessions active, 0 requeued, 0 remaining in queue."

  @Test func aServerGoingDownSaysWhyAndWhatIsLeft() throws {
    let line =
      #"Server be/s1 is DOWN, reason: Layer7 wrong status, code: 503, info: "a. 9 active <22>b<22>", check duration: "#
      + "3ms. 0 active and 2 backup servers left. Running on backup. 7 sessions active, 5 requeued, 3 remaining in "
      + "queue."
    let fields = try Reader("haproxy/httplog").fields(line)
    #expect(fields[.kind] == "lb_health")
    #expect(fields[.lbBackend] == "be")
    #expect(fields[.lbServer] == "s1")
    #expect(fields[.lbBackup] == "false")
    #expect(fields[.healthStateNew] == "down")
    #expect(fields[.healthReason] == "Layer7 wrong status")
    #expect(fields[.healthCode] == "503")
    #expect(fields[.healthInfo] == "a. 9 active <22>b<22>")
    #expect(fields[.healthDuration] == "3000000")
    #expect(fields[.lbActiveLeft] == "0")
    #expect(fields[.lbBackupLeft] == "2")
    #expect(fields[.lbOnBackup] == "true")
    #expect(fields[.lbSessions] == "7")
    #expect(fields[.lbRequeued] == "5")
    #expect(fields[.lbQueued] == "3")
    #expect(fields[.parseStatus] == "ok")
    #expect(fields[.lbProduct] == "haproxy")
  }

  @Test(
    arguments: [
      ("is DOWN" + left + idle, "lb_health", nil, "down", nil, nil),
      ("is DOWN, changed from CLI" + left + idle, "lb_health", nil, "down", nil, "true"),
      ("is DOWN via px.a/s-1.b" + left + idle, "lb_health", nil, "down", nil, nil),
      (
        "is UP. 1 active and 0 backup servers online. 0 sessions requeued, 0 total in queue.", "lb_health",
        nil, "up", nil, nil
      ),
      (
        "is stopping, changed from CLI. 3 active and 1 backup servers online. 0 sessions requeued, 0 total in queue.",
        "lb_health", nil, "stopping", nil, "true"
      ),
      ("was DOWN and now enters maintenance.", "lb_admin", "down", "maint", "maint", "true"),
      ("was DOWN and now enters maintenance (DNS NX status).", "lb_admin", "down", "maint", "maint", "false"),
      ("is going DOWN for maintenance" + left + idle, "lb_admin", "up", "maint", "maint", "true"),
      (
        "is going DOWN for maintenance ('stop' on stats page)" + left + idle, "lb_admin", "up", "maint",
        "maint", "true"
      ),
      (
        "is going DOWN for maintenance (No IP for server )" + left + idle, "lb_admin", "up", "maint", "maint",
        "false"
      ),
      ("is going DOWN for maintenance via be/s1" + left + idle, "lb_admin", "up", "maint", "maint", "false"),
      ("is UP/READY (leaving forced maintenance).", "lb_admin", "maint", "up", "ready", "true"),
      ("is DOWN/READY (leaving maintenance).", "lb_admin", "maint", "down", "ready", "false"),
      ("is UP/DRAIN (leaving forced maintenance).", "lb_admin", "maint", "drain", "drain", "true"),
      ("('db.example') is UP/READY (resolves again).", "lb_admin", "maint", "up", "ready", "false"),
      (
        "('db.example') resolves again but remains in maintenance.", "lb_admin", "maint", "maint", "maint",
        "false"
      ),
      (
        "is leaving forced maintenance but remains in maintenance via be/x.", "lb_admin", "maint", "maint",
        "maint", "false"
      ),
      ("remains in forced maintenance.", "lb_admin", "maint", "maint", "maint", "true"),
      ("enters drain state" + left + idle, "lb_admin", nil, "drain", "drain", "true"),
      ("is UP (leaving forced drain).", "lb_admin", "drain", "up", "ready", "true"),
      ("is DOWN (leaving drain) via be/x.", "lb_admin", "drain", "down", "ready", "false"),
      ("remains in drain mode via be/x.", "lb_admin", "drain", "drain", "drain", "false"),
      ("is leaving forced drain but remains in drain mode.", "lb_admin", "drain", "drain", "drain", "true"),
      ("administratively READY thanks to valid DNS answer.", "lb_admin", "maint", nil, "ready", "false"),
    ] as [(String, String, String?, String?, String?, String?)])
  func everyChangeOfAServerIsAnEvent(
    _ words: String, _ kind: String, _ old: String?, _ new: String?, _ action: String?, _ forced: String?
  ) throws {
    for (head, backup) in [("Server", "false"), ("Backup Server", "true")] {
      let fields = try Reader("haproxy/tcplog").fields("\(head) be.x/srv:1 \(words)")
      #expect(fields[.kind] == kind)
      #expect(fields[.lbBackup] == backup)
      #expect(fields[.lbServer] == "srv:1")
      #expect(fields[.healthStateOld] == old)
      #expect(fields[.healthStateNew] == new)
      #expect(fields[.lbAction] == action)
      #expect(fields[.lbForced] == forced)
      #expect(fields[.parseStatus] == "ok")
    }
  }

  @Test func theTrackedServerIsNamed() throws {
    let fields = try Reader("haproxy/tcplog").fields(
      "Server be/tr is DOWN via px.a/s-1.b" + Self.left + Self.idle)
    #expect(fields[.lbVia] == "px.a/s-1.b")
    #expect(fields[.lbChange] == "is DOWN")
  }

  @Test func unknownWordsAreKeptAndSaidToBe() throws {
    let fields = try Reader("haproxy/tcplog").fields("Server be/s is a teapot.")
    #expect(fields[.lbChange] == "is a teapot")
    #expect(fields[.parseStatus] == "partial")
    #expect(fields[.healthStateNew] == nil)
  }

  @Test func checksAreEvents() throws {
    let reader = try Reader("haproxy/httplog")
    let failed = reader.fields(
      #"Health check for backup server be/b1 failed, reason: Layer4 connection problem, info: "Connection refused", "#
        + "check duration: 12ms, status: 0/3 DOWN.")
    #expect(failed[.kind] == "lb_health")
    #expect(failed[.healthCheck] == "health")
    #expect(failed[.healthResult] == "failed")
    #expect(failed[.healthStateNew] == "down")
    #expect(failed[.lbBackup] == "true")
    #expect(failed[.healthLevel] == "0")
    #expect(failed[.healthLevelMost] == "3")
    #expect(failed[.healthDuration] == "12000000")
    let agent = reader.fields(
      "Agent check for server be/ag conditionally succeeded, reason: Layer7 check conditionally passed, code: 404, "
        + "check duration: 0ms, status: 2/2 DRAIN.")
    #expect(agent[.healthCheck] == "agent")
    #expect(agent[.healthResult] == "conditionally succeeded")
    #expect(agent[.healthStateNew] == "drain")
    #expect(agent[.healthCode] == "404")
    #expect(agent[.lbBackup] == "false")
    let short = reader.fields("Health check for server be/s failed, reason: Socket error, status: 1/2 UP.")
    #expect(short[.healthReason] == "Socket error")
  }

  @Test(
    arguments: [
      ("Proxy www stopped (cumulated conns: FE: 12, BE: 3).", "www", "stop"),
      ("Proxy www started.", "www", "start"),
      ("Proxy www hard-stopped (4 remaining conns will be closed).", "www", "stop"),
      (
        "Proxy www reached process FD limit (maxsock=1024). Please check 'ulimit-n' and restart.", "www",
        "limit"
      ),
      (
        "Proxy www reached the configured maximum connection limit. Please check the global 'maxconn' value.",
        "www",
        "limit"
      ),
      ("Paused frontend www.", "www", "pause"), ("Resumed frontend www.", "www", "resume"),
      ("Stopping frontend www in 0 ms.", "www", "stop"),
      ("SIGHUP received, dumping servers states.", nil, nil),
      ("Connect() failed for backend be: no free ports.", nil, nil),
    ] as [(String, String?, String?)])
  func proxiesAreEvents(_ line: String, _ proxy: String?, _ action: String?) throws {
    let fields = try Reader("haproxy/clf").fields(line)
    #expect(fields[.kind] == "lb_proc")
    #expect(fields[.lbProxy] == proxy)
    #expect(fields[.lbAction] == action)
    #expect(fields[.parseStatus] == "ok")
  }

  @Test func countsAndLossesAreNumbers() throws {
    let reader = try Reader("haproxy/httplog")
    let stopped = reader.fields("Proxy www stopped (cumulated conns: FE: 12, BE: 3).")
    #expect(stopped[.lbFrontendTotal] == "12")
    #expect(stopped[.lbBackendTotal] == "3")
    for (line, count) in [("1 event dropped", "1"), ("4711 events dropped", "4711")] {
      let lost = reader.fields(line)
      #expect(lost[.kind] == "loss_notice")
      #expect(lost[.lossCount] == count)
      #expect(lost[.lossLayer] == "haproxy_ring")
    }
    #expect(reader.read("-1 events dropped").fields[.lossCount] != "1")
    let down = reader.fields("backend be has no server available!")
    #expect(down[.kind] == "lb_health")
    #expect(down[.healthStateNew] == "down")
    let moved = reader.fields("be/s1 changed its IP from 10.0.0.1 to 2001:db8::2 by DNS cache.")
    #expect(moved[.kind] == "lb_admin")
    #expect(moved[.serverIP] == "2001:db8::2")
  }

  @Test(
    arguments: [
      "SSL handshake failure", "SSL handshake failure (error:0A0000C1:SSL routines::no shared cipher)",
      "Connection closed during SSL handshake", "Timeout during SSL handshake",
      "Received something which does not look like a PROXY protocol header",
      "unknown connection error (code=31 flags=00000300)",
    ])
  func failedConnectionsAreErrors(_ text: String) throws {
    for source in ["192.0.2.1:80", "2001:db8::1:80", "unix:2", "unknown"] {
      let fields = try Reader("haproxy/httpslog").fields(
        "\(source) [08/Mar/2026:10:11:12.345] www/bind-1: \(text)")
      #expect(fields[.kind] == "tls_error")
      #expect(fields[.tlsErrorText] == text)
      #expect(fields[.lbListener] == "bind-1")
      #expect(fields[.lbFrontend] == "www")
      #expect(fields[.tlsErrorSSL] == (text.contains("0A0000C1") ? "0A0000C1" : nil))
      #expect(fields[.timeAccept] == "2026-03-08T10:11:12.345000000Z")
    }
  }

  @Test func acceptedConnectionsHaveThreeForms() throws {
    let reader = try Reader("haproxy/default")
    #expect(
      reader.fields("Connect from ::1:80 to ::ffff:192.0.2.1:443 (www/TCP)")[.localIP] == "::ffff:192.0.2.1")
    #expect(reader.fields("Connect to unix:3 (www/HTTP)")[.lbFrontend] == "www")
    #expect(reader.fields("Connect from unknown source to listener 3 (www/HTTP)")["%[listener]"] == "3")
  }

  @Test func messagesAreTriedBehindEveryHAProxyFormatAndInHeaders() throws {
    let line = "Server be/s1 is DOWN" + Self.left + Self.idle
    for format in ["haproxy/httplog", "haproxy/clf", "haproxy:'%ci %cp'", "auto", "haproxy/messages"] {
      #expect(try Reader(format).fields(line)[.kind] == "lb_health")
      let fields = try Reader(format, headers: true).fields("<129>Nov 23 10:00:00 haproxy[12]: " + line)
      #expect(fields[.kind] == "lb_health")
      #expect(fields[.syslogSeverity] == "1")
    }
    #expect(try Reader("nginx/combined").read(line).fields[.kind] == "unparsed")
  }
}

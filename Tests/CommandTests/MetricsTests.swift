import Foundation
import TestSupport
import Testing

/// What a daemon answers over HTTP, and what is made of it.
@Suite struct MetricsTests {
  private static let promtool =
    ProcessInfo.processInfo.environment["STELE_PROMTOOL"] ?? Program.find("promtool")

  private static func packaged(_ name: String) throws -> String {
    String(
      decoding: try Data(contentsOf: URL(fileURLWithPath: "\(Sandbox.root)/Packaging/\(name)")), as: UTF8.self
    )
  }

  /// Body and status of a request.
  private static func get(
    _ url: String, socket: String? = nil, accept: String = "*/*"
  ) throws -> (status: Int, body: String, type: String) {
    let curl = try #require(Program.find("curl"), "the test needs curl")
    let result = try Program.run(
      curl,
      ["-s", "-w", "\n%{content_type}\n%{http_code}", "-H", "Accept: " + accept, url]
        + (socket.map { ["--unix-socket", $0] } ?? []))
    let lines = result.text.split(separator: "\n", omittingEmptySubsequences: false)
    return (
      Int(lines.last ?? "") ?? 0, lines.dropLast(2).joined(separator: "\n"),
      String(lines.dropLast().last ?? "")
    )
  }

  private static func address(_ daemon: DaemonProcess) -> String {
    String(
      daemon.program.errors.split(whereSeparator: \.isWhitespace).first { $0.hasPrefix("http://") } ?? ""
    )
    .replacing("/metrics", with: "")
  }

  private static func samples(_ text: String) -> [String: String] {
    var samples: [String: String] = [:]
    for line in text.split(separator: "\n") where !line.hasPrefix("#") {
      guard let space = line.lastIndex(of: " ") else { continue }
      samples[String(line[..<space])] = String(line[line.index(after: space)...])
    }
    return samples
  }

  /// Whatever looks like a metric of Stele's.
  private static func names(_ text: String) -> Set<String> {
    Set(text.matches(of: /\b(stele|process)_[a-z_]+\b/).map { String($0.output.0) })
  }

  /// A daemon of which all is configured that has metrics.
  private static func fullDaemon(
    _ sandbox: Sandbox, _ authority: TimestampAuthority, _ witness: WitnessProcess
  )
    throws -> DaemonProcess
  {
    let key = String(decoding: try sandbox.directory.read("log.vkey"), as: UTF8.self)
    try sandbox.write("policy", "log \(key.split(separator: "\n")[0])\n\(witness.line)quorum w1\n")
    try sandbox.write(
      "stele.yaml",
      """
      log: {directory: log}
      commit: 20ms
      sources: [{name: 'edge"1\\"', listen: 'udp://127.0.0.1:0', format: nginx/combined}]
      scrub: {every: 7d}
      timestamps: {url: '\(try authority.serve())/ok', ca: \(authority.certificates)}
      witnesses: {policy: policy, every: 200ms}
      http: {listen: '127.0.0.1:0', min_free: 0B}

      """)
    return try DaemonProcess(sandbox, ["--config", "@stele.yaml"])
  }

  @Test func everythingThatDashboardAndAlertsNameIsThere() throws {
    let sandbox = try Sandbox()
    try sandbox.makeFilledLog()
    let authority = try TimestampAuthority()
    let key = String(decoding: try sandbox.directory.read("log.vkey"), as: UTF8.self)
    let witness = try WitnessProcess(sandbox, "w1", logs: [String(key.split(separator: "\n")[0])])
    let daemon = try Self.fullDaemon(sandbox, authority, witness)
    let source = "edge\"1\\\""
    try sandbox.write("more", Sandbox.lines.joined(separator: "\n") + "\nnonsense\n")
    #expect(try sandbox.stele("replay", "@more", "--to", daemon.url(source)).status == 0)
    let url = Self.address(daemon)
    var text = ""
    let isWhole = daemon.program.wait(30) { _ in
      text = (try? Self.get(url + "/metrics").body) ?? ""
      return text.contains("stele_timestamp_age_seconds ")
        && text.contains("stele_scrub_last_round_timestamp")
        && text.contains(#"stele_stored_messages_total{source="edge\"1\\\""} 21"#)
        && !text.contains("stele_witnessed_entries 0\n")
    }
    #expect(isWhole, "\(text)\(daemon.program.errors)")
    let samples = Self.samples(text)
    let label = #"{source="edge\"1\\\""}"#
    #expect(samples["stele_received_messages_total" + label] == "21")
    #expect(samples["stele_unparsed_messages_total" + label] == "1")
    #expect(samples[#"stele_lost_messages_total{source="edge\"1\\\"",layer="kernel_udp"}"#] == "0")
    #expect(
      samples["stele_fsync_duration_seconds_bucket{le=\"+Inf\"}"]
        == samples["stele_fsync_duration_seconds_count"])
    #expect(Int(samples["stele_fsync_duration_seconds_count"] ?? "") ?? 0 > 0)
    #expect(samples["stele_config_reload_success"] == "1")
    #expect(samples["stele_ready"] == "1" && samples["stele_writing_failed"] == "0")
    #expect(
      Int(samples["stele_segment_open_bytes"] ?? "") ?? 0 > 0 && samples["stele_segments_sealed"] == "2")
    // The kernel of a container may not tell, and then nothing is said; no source of this daemon has a certificate.
    let ofClock = "stele_clock_synchronized"
    let known = Self.names(text).union([ofClock, "stele_certificate_not_after_seconds"])
    for file in ["grafana-dashboard.json", "alerts.yaml"] {
      let named = Self.names(try Self.packaged(file))
      #expect(named.count > 10 && named.subtracting(known) == [], "\(file)")
    }
    // And nothing is collected that no dashboard shows, but what says which version and source it is.
    let shown = Self.names(try Self.packaged("grafana-dashboard.json"))
    let families = Set(text.matches(of: /TYPE ([a-z_]+)\s/).map { String($0.output.1) })
    let unseen = families.subtracting([ofClock]).filter { family in !shown.contains { $0.hasPrefix(family) } }
    #expect(
      unseen == [
        "stele_build_info", "stele_source_info", "stele_writing_failed", "stele_timestamp_failed",
        "stele_config_reload_success", "stele_config_reload_success_timestamp_seconds",
        "stele_scrub_rounds_total", "stele_scrub_last_round_timestamp_seconds",
      ])
    let status = try #require(Sandbox.object(try Self.get(url + "/status").body))
    let isSynchronized = samples[ofClock].map { $0 == "1" }
    #expect(status["clock_synchronized"] as? Bool == isSynchronized)
    #expect(daemon.program.errors.contains("clock is not synchronized") == (isSynchronized == false))
    let started = try sandbox.stele("search", "@log", "--entries", "control", "--output", "raw").text
    let claim = isSynchronized.map { "\"clock_synchronized\":\($0)," } ?? ""
    #expect(started.contains(#"{"type":"started","version":"0.1.0",\#(claim)"recovered""#), "\(started)")
    try expectOpenMetrics(url, families)
    if let promtool = Self.promtool {
      let checked = try Program.run(promtool, ["check", "metrics"], input: Array((text + "\n").utf8))
      #expect(checked.status == 0 && checked.text + checked.errors == "", "\(checked.text)\(checked.errors)")
    }
    #expect(daemon.stop().status == 0)
  }

  /// The same families for whoever asks for OpenMetrics, whose counters are named otherwise.
  private func expectOpenMetrics(_ url: String, _ families: Set<String>) throws {
    let plain = "text/plain; version=0.0.4; charset=utf-8"
    let open = "application/openmetrics-text; version=1.0.0; charset=utf-8"
    for (accept, type) in [
      ("*/*", plain), ("application/openmetrics-text;q=0.1, text/plain;q=0.9", plain),
      ("application/openmetrics-text;q=0, */*", plain), ("application/openmetrics-text", open),
      ("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2", open),
    ] {
      #expect(try Self.get(url + "/metrics", accept: accept).type == type, "\(accept)")
    }
    let text = try Self.get(url + "/metrics", accept: "application/openmetrics-text").body
    #expect(text.hasSuffix("\n# EOF\n"))
    let named = text.matches(of: /TYPE ([a-z_]+) (\w+)/).map { ($0.output.1, $0.output.2) }
    #expect(Set(named.map { $0.1 == "counter" ? "\($0.0)_total" : String($0.0) }) == families)
    for (name, kind) in named where kind == "counter" { #expect(text.contains("\n\(name)_total")) }
    let python = try #require(Program.find("python3"))
    guard try Program.run(python, ["-c", "import prometheus_client"]).status == 0 else { return }
    let script = """
      import sys
      from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
      print(len(list(parse(sys.stdin.read()))))
      """
    let parsed = try Program.run(python, ["-c", script], input: Array(text.utf8))
    #expect(parsed.text == "\(families.count)\n", "\(parsed.errors)")
  }

  @Test(.enabled(if: promtool != nil, "no promtool here: it is in Debian's prometheus"))
  func eachAlertFiresForWhatItIsAboutAndForNothingElse() throws {
    let promtool = try #require(Self.promtool)
    let packaging = "\(Sandbox.root)/Packaging"
    for arguments in [
      ["check", "rules", packaging + "/alerts.yaml"], ["test", "rules", packaging + "/alerts-test.yaml"],
    ] {
      let result = try Program.run(promtool, arguments)
      #expect(result.status == 0, "\(result.text)\(result.errors)")
    }
    let rules = try Self.packaged("alerts.yaml").matches(of: /- alert: (\w+)/).map { $0.output.1 }
    let tests = try Self.packaged("alerts-test.yaml")
    for rule in rules { #expect(tests.contains("alertname=\"\(rule)\""), "\(rule) has no test") }
  }

  @Test func theDashboardIsAnObjectThatGrafanaImports() throws {
    let dashboard = try #require(Sandbox.object(try Self.packaged("grafana-dashboard.json")))
    let panels = try #require(dashboard["panels"] as? [[String: Any]])
    #expect(Set(panels.compactMap { $0["id"] as? Int }).count == panels.count && panels.count > 20)
    for panel in panels where panel["type"] as? String != "row" {
      let targets = try #require(panel["targets"] as? [[String: Any]])
      #expect(!targets.isEmpty && targets.allSatisfy { $0["expr"] is String })
      #expect((panel["datasource"] as? [String: String])?["uid"] == "${datasource}")
    }
  }

  @Test func healthSaysWhyAndAUnixSocketAnswersToo() throws {
    let sandbox = try Sandbox()
    try sandbox.makeLog()
    let socket = sandbox.path("http.sock")
    try sandbox.write(
      "stele.yaml",
      """
      log: {directory: log}
      sources: [{name: a, listen: 'udp://127.0.0.1:0'}]
      http: {listen: 'unix://\(socket)', min_free: 1000TiB}

      """)
    for run in 0..<2 {
      let daemon = try DaemonProcess(sandbox, ["--config", "@stele.yaml"])
      let ready = daemon.program.wait(30) { _ in
        (try? Self.get("http://stele/ready", socket: socket).status) == 200
      }
      #expect(ready)
      let health = try Self.get("http://stele/health", socket: socket)
      #expect(health.status == 503 && health.body.contains(#""check":"disk_free""#), "\(health.body)")
      #expect(health.body.contains("limit 1000TiB") && !health.body.contains("writing"), "\(health.body)")
      let status = Sandbox.object(try Self.get("http://stele/status", socket: socket).body)
      #expect(status?["ready"] as? Bool == true && status?["durable"] is Int)
      #expect(try Self.get("http://stele/nothing", socket: socket).status == 404)
      let mode = try FileManager.default.attributesOfItem(atPath: socket)[.posixPermissions] as? Int
      #expect(mode == 0o660)
      // Another daemon does not take it from this one.
      try sandbox.makeLog("other-\(run)")
      let text = String(decoding: try sandbox.directory.read("stele.yaml"), as: UTF8.self)
      try sandbox.write("other.yaml", text.replacing("directory: log", with: "directory: other-\(run)"))
      let refused = try sandbox.stele("serve", "--config", "@other.yaml")
      #expect(refused.status != 0 && refused.errors.contains("Address already in use"), "\(refused.errors)")
      #expect(try Self.get("http://stele/ready", socket: socket).status == 200)
      // A killed daemon leaves its socket, which the next one takes away.
      daemon.program.signal(SIGKILL)
      daemon.program.wait()
      #expect(FileManager.default.fileExists(atPath: socket))
    }
    let last = try DaemonProcess(sandbox, ["--config", "@stele.yaml"])
    #expect(last.stop().status == 0)
    #expect(!FileManager.default.fileExists(atPath: socket))
  }

  @Test(arguments: [
    ("0.0.0.0:9464", "other hosts"), ("192.0.2.1:1", "set http.allow_remote"),
    ("[2001:db8::1]:1", "other hosts"),
    ("log.example.com:80", "other hosts"), ("9464", "is no address to listen on"),
    ("https://127.0.0.1:1", "is no address"),
  ])
  func othersThanThisMachineMustBeAllowed(_ listen: String, _ text: String) throws {
    let sandbox = try Sandbox()
    func check(_ http: String) throws -> Program.Result {
      try sandbox.write(
        "stele.yaml",
        "log: {directory: log}\nsources: [{name: a, listen: 'udp://127.0.0.1:0'}]\nhttp: \(http)\n")
      return try sandbox.stele("config", "check", "@stele.yaml")
    }
    let refused = try check("{listen: '\(listen)'}")
    #expect(refused.status == 1 && refused.errors.contains(text), "\(refused.errors)")
    #expect(refused.errors.contains("stele.yaml:3:16"), "\(refused.errors)")
    if text.contains("hosts") || text.contains("allow") {
      #expect(try check("{listen: '\(listen)', allow_remote: true}").status == 0)
    }
    #expect(try check("{listen: '[::1]:9464'}").status == 0)
    #expect(
      try check("{listen: localhost:9464, allow_remote: maybe}").errors.contains("must be one of true, false")
    )
  }

  @Test func theControlChannelTellsTheStatusWhileAnotherHasItsTurn() throws {
    let sandbox = try Sandbox()
    try sandbox.makeLog()
    let daemon = try DaemonProcess(sandbox, ["--log", "@log", "--listen", "udp://127.0.0.1:0"])
    let script = """
      import json, socket, sys
      def connect():
          s = socket.socket(socket.AF_UNIX); s.settimeout(20); s.connect(sys.argv[1]); return s.makefile("rw")
      def ask(f, what):
          f.write(json.dumps({"do": what}) + "\\n"); f.flush(); return json.loads(f.readline())
      holder, watcher = connect(), connect()
      assert ask(holder, "hello") == {"done": True}
      for _ in range(3):
          status = ask(watcher, "status")["status"]
          assert status["ready"] and "udp-0" in status["sources"], status
      assert ask(holder, "finish") == {"done": True}
      holder.close()
      print(ask(watcher, "nonsense")["error"])
      """
    let python = try #require(Program.find("python3"))
    let result = try Program.run(python, ["-c", script, sandbox.path("log.control")])
    #expect(result.text == "the request is not known to this version\n", "\(result.errors)")
    #expect(daemon.stop().status == 0)
  }

  /// A continuous integration that does not check them proves nothing.
  @Test(.enabled(if: ProcessInfo.processInfo.environment["CI"] == "true", "only where CI=true"))
  func continuousIntegrationHasPromtool() {
    #expect(Self.promtool != nil, "promtool is in Debian's prometheus; STELE_PROMTOOL says where")
  }
}

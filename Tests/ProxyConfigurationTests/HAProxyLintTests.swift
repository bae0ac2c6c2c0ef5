import Testing

@testable import ProxyConfiguration

@Suite struct HAProxyLintTests {
  /// Nothing is wrong with this one.
  static let clean = #"""
    global
      log ring@stele len 8192 format rfc5424 local0
    ring stele
      maxlen 8192
      server stele logs.example.com:6514 log-proto octet-count ssl verify required ca-file ca.crt
    defaults
      log global
      mode http
      log-format "%ci:%cp [%tr] %ID %hr %hs %{+Q}r %lc"
      error-log-format "%ci:%cp [%t] %lc"
      unique-id-format %[uuid()]
    frontend web
      bind :80
      capture request header Host len 128
      default_backend app
    backend app
      server one 192.0.2.1:80
    """#

  private func findings(_ old: String = "", _ new: String = "", _ severity: CoverageFinding.Severity? = nil)
    throws -> [String]
  {
    let text = old.isEmpty ? Self.clean : Self.clean.replacing(old, with: new)
    #expect(old.isEmpty || text != Self.clean)
    return rules(try read(text, .haproxy), severity)
  }

  @Test func nothingIsFoundWhereNothingIs() throws {
    #expect(try findings() == [])
  }

  @Test(arguments: [
    ("  bind :80", "  option dontlognull", ["13 haproxy-dontlognull"]),
    ("  bind :80", "  option dontlog-normal", ["13 haproxy-dontlog-normal"]),
    ("  bind :80", "  option logasap", ["13 haproxy-logasap"]),
    ("  bind :80", "  option http-ignore-probes", ["13 haproxy-http-ignore-probes"]),
    ("  bind :80", "  monitor-uri /up", ["13 haproxy-monitor-uri"]),
    ("  bind :80", "  monitor-net 192.0.2.0/24", ["13 haproxy-monitor-net"]),
    ("  bind :80", "  log-steps accept", ["13 haproxy-log-steps"]),
    ("  bind :80", "  http-request set-log-level silent if TRUE", ["13 haproxy-silent"]),
    ("  server one", "  http-response set-log-level silent\n  server one", ["17 haproxy-silent"]),
    ("  log global\n", "", ["11 haproxy-no-log"]),
    ("  log ring@stele len 8192 format rfc5424 local0\n", "", ["6 haproxy-no-log"]),
    (" local0", " local0 notice", ["2 haproxy-level"]),
    (" format rfc5424", " sample 1:10 format rfc5424", ["2 haproxy-sample"]),
    (" len 8192", "", ["2 haproxy-len"]),
    (" len 8192", " len 1500", ["2 haproxy-len"]),
    ("  maxlen 8192\n", "", ["3 haproxy-maxlen"]),
    (" ssl verify required ca-file ca.crt", "", ["5 haproxy-plain"]),
    ("ring@stele", "192.0.2.9:514", ["2 haproxy-udp"]),
    (" %lc\"\n  error", "\"\n  error", ["9 haproxy-counter"]),
    (" %ID", "", ["9 haproxy-request-id"]),
    ("header Host", "header Accept", ["9 haproxy-host"]),
    ("  error-log-format \"%ci:%cp [%t] %lc\"\n", "", ["9 haproxy-error-format"]),
    ("  log-format \"%ci:%cp [%tr] %ID %hr %hs %{+Q}r %lc\"\n", "", ["11 haproxy-no-format"]),
    ("  mode http\n", "", ["11 haproxy-tcp"]),
  ])
  func eachHoleIsFoundAlone(_ old: String, _ new: String, _ found: [String]) throws {
    #expect(try findings(old, new) == found)
  }

  @Test func anHTTPOptionInTCPModeIsFound() throws {
    let file = try read(
      "global\n log ring@r len 8192 local0\nfrontend a\n log global\n option httplog\n", .haproxy)
    #expect(rules(file).contains("5 haproxy-mode"))
  }

  @Test func samplesThatTogetherAreEverythingAreNoHole() throws {
    let half = "log ring@stele len 8192 sample 1-2:4 local0\n  log ring@stele len 8192 sample 3,4:4 local0"
    #expect(try findings("log ring@stele len 8192 format rfc5424 local0", half) == [])
    let gap = half.replacing("3,4:4", with: "3:4")
    #expect(
      try findings("log ring@stele len 8192 format rfc5424 local0", gap) == [
        "2 haproxy-sample", "3 haproxy-sample",
      ])
  }

  @Test func aSecondTargetThatTakesLittleIsNoHole() throws {
    let both = "local0\n  log ring@stele len 8192 local1 notice"
    #expect(try findings("local0", both) == [])
  }

  @Test func whatManyInheritIsFoundOnce() throws {
    let text =
      Self.clean.replacing("  mode http", with: "  mode http\n  option dontlognull") + "\nfrontend two\n"
    let found = try read(text, .haproxy).findings.filter { $0.rule == "haproxy-dontlognull" }
    #expect(found.map(\.subjects) == [["frontend web", "frontend two"]])
    #expect(found[0].mend.contains("dontlognull") && !found[0].lost.isEmpty)
  }

  @Test func defaultsAloneAreChecked() throws {
    let file = try read(
      "global\n log /dev/log local0\ndefaults\n log global\n option httplog\n option dontlognull\n mode http\n",
      .haproxy)
    #expect(rules(file, .hole) == ["6 haproxy-dontlognull"])
    #expect(file.formats.contains { $0.name == "haproxy/httplog" })
  }
}

import Bytes
import ProxyConfiguration
import Testing

@testable import stele

@Suite struct ReconcileTests {
  private static func settings(_ line: String) throws(ConfigurationError) -> ReconcileSettings? {
    try Settings(
      parsing:
        "log: {directory: edge}\nsources:\n  - name: a\n    listen: 'udp://127.0.0.1:1'\n    \(line)\n",
      file: "stele.yaml"
    ).sources[0].reconcile
  }

  @Test func everyKeyIsUnderstood() throws {
    let haproxy = try Self.settings(
      "reconcile: {haproxy: 'unix:///run/haproxy/admin.sock', proxies: [web, api], every: 5m}")
    #expect(haproxy?.kind == .haproxy && haproxy?.proxies == ["web", "api"])
    #expect(haproxy?.every == 300_000_000_000)
    #expect(
      haproxy?.json.text
        == #"{"haproxy":"unix:///run/haproxy/admin.sock","proxies":["web","api"],"every":"5m"}"#)
    let envoy = try Self.settings("reconcile: {envoy: 'http://127.0.0.1:9901/'}")
    #expect(envoy?.address == "http://127.0.0.1:9901" && envoy?.every == 3_600_000_000_000)
    #expect(try Self.settings("format: none") == nil)
  }

  @Test(arguments: [
    ("reconcile: {every: 1h}", "must name one load balancer"),
    ("reconcile: {haproxy: 'unix:///a', nginx: 'http://b/'}", "must name one load balancer"),
    ("reconcile: {haproxy: 'http://127.0.0.1/'}", "is no stats socket"),
    ("reconcile: {nginx: 'unix:///a'}", "is no URL"),
    ("reconcile: {nginx: 'http://a/', proxies: [b]}", "says nothing for Nginx"),
    ("reconcile: {haproxy: 'unix:///a', every: 1s}", "every"),
  ]) func whatMakesNoSenseIsRefused(_ line: String, _ reason: String) {
    let error = #expect(throws: ConfigurationError.self) { try Self.settings(line) }
    #expect(error.map { "\($0)".contains(reason) } == true, "\(String(describing: error))")
  }

  // MARK: Answers

  private static let haproxy = """
    Name: HAProxy
    Pid: 4711
    Uptime_sec: 3
    DroppedLogs: 5

    # pxname,svname,scur,stot,req_tot,mode,
    web,FRONTEND,2,90,120,http,
    api,FRONTEND,1,7,9,http,
    db,FRONTEND,4,33,,tcp,
    web,BACKEND,0,1,1,http,

    """

  @Test func haproxyCountsRequestsAndSessions() throws {
    let all = try BalancerCounters.haproxy(Self.haproxy, proxies: [])
    #expect(
      all == BalancerReading(count: 162, counter: "req_tot+stot", active: 7, process: "4711", dropped: 5))
    let web = try BalancerCounters.haproxy(Self.haproxy, proxies: ["web"])
    #expect(web.count == 120 && web.counter == "req_tot" && web.active == 2)
    #expect(throws: NoReading.self) { try BalancerCounters.haproxy(Self.haproxy, proxies: ["wbe"]) }
    #expect(throws: NoReading.self) { try BalancerCounters.haproxy("Unknown command.\n", proxies: []) }
  }

  @Test func nginxCountsRequests() throws {
    let page = """
      Active connections: 291 \n\
      server accepts handled requests
       16630948 16630947 31070465 \n\
      Reading: 6 Writing: 179 Waiting: 106 \n
      """
    let reading = try BalancerCounters.nginx(page)
    #expect(reading.count == 31_070_465 && reading.active == 184)
    #expect(throws: NoReading.self) { try BalancerCounters.nginx("<html>404</html>") }
  }

  @Test func envoyCountsByPrefix() throws {
    let text = """
      {"stats":[{"name":"http.web.downstream_rq_total","value":70},{"name":"http.web.downstream_rq_active","value":3},
      {"name":"http.admin.downstream_rq_total","value":9},{"name":"http.async-client.rq_total","value":1},
      {"name":"tcp.db.downstream_cx_total","value":5},{"name":"tcp.db.downstream_cx_active","value":1},
      {"name":"http.web.downstream_cx_total","value":999},{"histograms":{}}]}
      """
    let web = try BalancerCounters.envoy(text, prefixes: ["web"])
    #expect(web == BalancerReading(count: 70, counter: "downstream_rq_total", active: 3))
    let all = try BalancerCounters.envoy(text, prefixes: [])
    #expect(all.count == 75 && all.active == 4)
    #expect(throws: NoReading.self) { try BalancerCounters.envoy(text, prefixes: ["none"]) }
    #expect(throws: NoReading.self) { try BalancerCounters.envoy("{}", prefixes: []) }
  }

  // MARK: Losses

  @Test func theReportAddsUpByHourAndLayer() throws {
    var report = LossReport(by: .hour, since: nil, until: nil, source: nil)
    for line in [
      #"{"type":"source","id":1,"name":"edge","listen":"udp://0.0.0.0:514","format":"haproxy/httplog"}"#,
      #"{"type":"loss","source":"edge","layer":"kernel_udp","count":5,"from":"2026-11-23T15:59:59Z","to":"2026-11-23T16:10:00Z"}"#,
      #"{"type":"loss","source":"edge","layer":"counter_gap","count":7,"unit":"messages","to":"2026-11-23T16:10:05Z"}"#,
      #"{"type":"loss","source":"edge","layer":"truncated","count":3,"suspected":1,"to":"2026-11-23T16:10:05Z"}"#,
      #"{"type":"loss","source":"edge","layer":"refused","count":2,"unit":"connections","to":"2026-11-23T17:10:05Z"}"#,
      #"{"type":"account","from":"2026-11-23T16:00:00Z","to":"2026-11-23T17:00:00Z","sources":{"edge":{"received":90,"unparsed":4}}}"#,
      #"{"type":"reconciliation","source":"edge","of":"haproxy","counter":"req_tot","from":"2026-11-23T16:00:00Z","to":"2026-11-23T17:00:00Z","says":97,"stored":90,"lost":7,"in_flight":0,"difference":0}"#,
    ] {
      report.take(try Array(line.utf8).withView { try JSONValue(parsing: $0) })
    }
    let periods = report.json["periods"]?.items ?? []
    #expect(periods.map { $0["from"]?.string } == ["2026-11-23T16:00:00Z", "2026-11-23T17:00:00Z"])
    // The numbering misses what the kernel dropped, too.
    #expect(periods.map { $0["lost"]?.integer(Int.self) } == [7, 0])
    #expect(periods.map { $0["received"]?.integer(Int.self) } == [90, nil])
    #expect(periods[0]["suspected"]?.integer(Int.self) == 1)
    #expect(periods[0]["reconciliations"]?.items?.count == 1)
    let text = report.text
    #expect(text.contains("2026-11-23T16h  edge          90         4     7  counter_gap 7, kernel_udp 5, "))
    #expect(text.contains("haproxy req_tot says 97, stored 90, lost 7, in flight 0, difference 0"))
    #expect(text.contains("refused 2 connections"))
    #expect(text.contains("never counted: datagrams that the sender or the network dropped"))
  }
}

import Events
import Templates

/// The formats that Stele knows by name. None is special: each is compiled from the load balancer's own
/// string.
public enum ShippedFormats {
  /// One format: its name, and the string that it is compiled from.
  public struct Entry: Sendable {
    /// As in `--format`.
    public let name: String
    /// In the load balancer's own grammar.
    public let string: String
    let compile: @Sendable (String, String) throws(FormatError) -> [Template]
  }

  /// All formats, the most specific first: the order in which `auto` tries them.
  public static let entries: [Entry] = [
    haproxy("haproxy/httpslog", httplog + httpslogTail),
    haproxy("haproxy/httplog", httplog),
    haproxy("haproxy/tcplog", "%ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts %ac/%fc/%bc/%sc/%rc %sq/%bq"),
    haproxy("haproxy/tcpclf", tcpclf),
    haproxy("haproxy/clf", clf),
    nginx("nginx/main", combined + #" "$http_x_forwarded_for""#),
    nginx("nginx/ingress", ingress),
    nginx("nginx/combined", combined),
    envoy("istio/default", istio),
    envoy("envoy/default", envoyDefault),
    haproxy("haproxy/default", "Connect from %ci:%cp to %fi:%fp (%f/%[stele.mode])"),
    haproxy("haproxy/error", "%ci:%cp [%t] %f/%[stele.bind]: %[stele.error]"),
  ]

  /// The templates of the format called `name`. An unknown name is an error that tells the nearest known one.
  public static func named(_ name: String) throws(FormatError) -> [Template] {
    guard let entry = entries.first(where: { $0.name == name }) else {
      let names = entries.map(\.name)
      let near = Spelling.nearest(to: name, among: names).map { "did you mean \($0)? " } ?? ""
      throw FormatError(
        .unknown, at: 0, in: name,
        "no such format; \(near)There are auto, none, \(names.joined(separator: ", ")), "
          + "and haproxy:'STRING', nginx:'STRING', envoy:'STRING'")
    }
    return try entry.compile(entry.string, entry.name)
  }

  /// The templates of all formats, in the order of `entries`.
  public static let all: [Template] = entries.flatMap { (try? $0.compile($0.string, $0.name)) ?? [] }

  private static func haproxy(_ name: String, _ string: String) -> Entry {
    Entry(name: name, string: string) { (string, name) throws(FormatError) in
      try HAProxyFormat.compile(string, name: name)
    }
  }

  private static func nginx(_ name: String, _ string: String) -> Entry {
    Entry(name: name, string: string) { (string, name) throws(FormatError) in
      try NginxFormat.compile(string, name: name)
    }
  }

  private static func envoy(_ name: String, _ string: String) -> Entry {
    Entry(name: name, string: string) { (string, name) throws(FormatError) in
      try EnvoyFormat.compile(string, name: name)
    }
  }

  // MARK: The strings

  // HAProxy src/log.c.
  private static let httplog =
    "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc "
    + "%ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r"
  private static let httpslogTail =
    " %[fc_err]/%[ssl_fc_err,hex]/%[ssl_c_err]/%[ssl_c_ca_err]/%[ssl_fc_is_resumed] "
    + "%[ssl_fc_sni]/%sslv/%sslc"
  private static let clf =
    #"%{+Q}o %{-Q}ci - - [%trg] %r %ST %B "" "" %cp %ms %ft %b %s %TR %Tw %Tc %Tr %Ta %tsc "#
    + "%ac %fc %bc %sc %rc %sq %bq %CC %CS %hrl %hsl"
  private static let tcpclf =
    #"%{+Q}o %{-Q}ci - - [%T] "TCP " 000 %B "" "" %cp %ms %ft %b %s %Th %Tw %Tc %Tt %U %ts-- "#
    + #"%ac %fc %bc %sc %rc %sq %bq "" """#

  // nginx, ngx_http_log_module; the packaged nginx.conf; ingress-nginx `upstreaminfo`.
  private static let combined =
    #"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "#
    + #""$http_referer" "$http_user_agent""#
  private static let ingress =
    combined + " $request_length $request_time [$proxy_upstream_name] [$proxy_alternative_upstream_name] "
    + "$upstream_addr $upstream_response_length $upstream_response_time $upstream_status $req_id"

  // Envoy, access log usage; Istio, pilot/pkg/model/telemetry_logging.go.
  private static let envoyRequest =
    #"[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" "#
    + "%RESPONSE_CODE% %RESPONSE_FLAGS% "
  private static let envoyTraffic =
    "%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "
    + #""%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "#
    + #""%UPSTREAM_HOST%""#
  private static let envoyDefault = envoyRequest + envoyTraffic + "\n"
  private static let istio =
    envoyRequest
    + #"%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" "#
    + envoyTraffic
    + " %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% "
    + "%DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%\n"
}

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
    nginx("nginx/ingress-stream", ingressStream),
    nginx("nginx/stream-proxy", stream + streamProxy),
    nginx("nginx/stream", stream),
    Entry(name: NginxErrors.name, string: nginxError) { (_, _) throws(FormatError) in NginxErrors.templates },
    envoy("istio/default", istio),
    envoy("envoy/default", envoyDefault),
    json("istio/json", istioJSON),
    json("contour/json", contourJSON),
    haproxy("haproxy/httpclient", httpclient),
    Entry(name: "haproxy/default", string: "Connect from %ci:%cp to %fi:%fp (%f/%[stele.mode])") { _, _ in
      HAProxyMessages.opened
    },
    Entry(name: "haproxy/error", string: "%ci:%cp [%t] %f/%[stele.bind]: %[stele.error]") { _, _ in
      HAProxyMessages.failed
    },
    Entry(name: "haproxy/messages", string: "Server %b/%s …") { _, _ in HAProxyMessages.states },
  ]

  /// The templates of the format called `name`. An unknown name is an error that tells the nearest known one.
  public static func named(_ name: String) throws(FormatError) -> [Template] {
    guard let entry = entries.first(where: { $0.name == synonyms[name, default: name] }) else {
      let names = entries.map(\.name)
      let near =
        Spelling.nearest(to: name, among: names).map { "did you mean \($0)? There are " } ?? "there are "
      throw FormatError(
        .unknown, at: 0, in: name,
        "no such format; \(near)auto, none, \(names.joined(separator: ", ")), "
          + "and haproxy:'STRING', nginx:'STRING', envoy:'STRING'")
    }
    let templates = try entry.compile(entry.string, entry.name)
    return Product(format: name) == .haproxy ? HAProxyMessages.adding(to: templates) : templates
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

  private static func json(_ name: String, _ string: String) -> Entry {
    Entry(name: name, string: string) { (string, name) throws(FormatError) in
      try EnvoyFormat.compile(json: EnvoyJSON(parsing: string), name: name)
    }
  }

  /// Names that mean another format.
  private static let synonyms = [
    "contour": "envoy/default", "contour/default": "envoy/default", "istio": "istio/default",
  ]

  // MARK: The strings

  // HAProxy src/log.c.
  private static let httplog =
    "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc "
    + "%ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r"
  private static let httpslogTail =
    " %[fc_err]/%[ssl_fc_err,hex]/%[ssl_c_err]/%[ssl_c_ca_err]/%[ssl_fc_is_resumed] "
    + "%[ssl_fc_sni]/%sslv/%sslc"
  // What HAProxy's own client asks for: certificates' status, what Lua scripts want.
  private static let httpclient =
    "%ci:%cp [%tr] %ft -/- %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r"
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

  // nginx, ngx_stream_log_module (documentation); ingress-nginx `log-format-stream`.
  private static let stream =
    "$remote_addr [$time_local] $protocol $status $bytes_sent $bytes_received $session_time"
  private static let streamProxy =
    #" "$upstream_addr" "$upstream_bytes_sent" "$upstream_bytes_received" "$upstream_connect_time""#
  private static let ingressStream =
    "[$remote_addr] [$time_local] $protocol $status $bytes_sent $bytes_received $session_time"

  // nginx, ngx_log.c: no format string, this is what the lines look like.
  private static let nginxError =
    #"YYYY/MM/DD HH:MM:SS [level] pid#tid: *cid message, client: …, server: …, request: "…", "#
    + #"upstream: "…", host: "…", referrer: "…""#

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

  // Istio, pilot/pkg/model/telemetry_logging.go; Contour, apis/projectcontour/v1alpha1/accesslog.go.
  private static let sharedJSON =
    #""authority":"%REQ(:AUTHORITY)%","bytes_received":"%BYTES_RECEIVED%","bytes_sent":"%BYTES_SENT%","#
    + #""downstream_local_address":"%DOWNSTREAM_LOCAL_ADDRESS%","#
    + #""downstream_remote_address":"%DOWNSTREAM_REMOTE_ADDRESS%","duration":"%DURATION%","#
    + #""method":"%REQ(:METHOD)%","path":"%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%","protocol":"%PROTOCOL%","#
    + #""request_id":"%REQ(X-REQUEST-ID)%","requested_server_name":"%REQUESTED_SERVER_NAME%","#
    + #""response_code":"%RESPONSE_CODE%","response_flags":"%RESPONSE_FLAGS%","#
    + #""upstream_host":"%UPSTREAM_HOST%","upstream_local_address":"%UPSTREAM_LOCAL_ADDRESS%","#
    + #""upstream_service_time":"%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%","#
    + #""user_agent":"%REQ(USER-AGENT)%","x_forwarded_for":"%REQ(X-FORWARDED-FOR)%","#
  private static let istioJSON =
    "{" + sharedJSON
    + #""connection_termination_details":"%CONNECTION_TERMINATION_DETAILS%","#
    + #""response_code_details":"%RESPONSE_CODE_DETAILS%","route_name":"%ROUTE_NAME%","#
    + #""start_time":"%START_TIME%","upstream_cluster":"%UPSTREAM_CLUSTER_RAW%","#
    + #""upstream_transport_failure_reason":"%UPSTREAM_TRANSPORT_FAILURE_REASON%"}"#
  private static let contourJSON =
    "{" + sharedJSON
    + #""@timestamp":"%START_TIME%","grpc_status":"%GRPC_STATUS%","#
    + #""grpc_status_number":"%GRPC_STATUS_NUMBER%","uber_trace_id":"%REQ(UBER-TRACE-ID)%","#
    + #""upstream_cluster":"%UPSTREAM_CLUSTER%"}"#
}

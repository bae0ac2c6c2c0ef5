import Events
import Formats
import Testing

@Suite struct EnvoyLineTests {
  @Test func theDefaultFormatFillsEveryField() throws {
    let line =
      #"[2026-04-15T20:17:00.310Z] "POST /api/v1/locations?x=1 HTTP/2" 204 - 154 0 226 100 "10.0.35.28" "#
      + #""nsq2http" "cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2" "locations" "tcp://10.0.2.1:80""#
    let fields = try Reader("envoy/default").fields(line)
    #expect(fields[.timeStart] == "2026-04-15T20:17:00.310000000Z")
    #expect(fields[.timeEnd] == "2026-04-15T20:17:00.536000000Z")
    #expect(fields[.timeQuality] == "explicit_tz")
    #expect(fields[.httpMethod] == "POST")
    #expect(fields[.urlPath] == "/api/v1/locations")
    #expect(fields[.httpVersion] == "2")
    #expect(fields[.httpStatus] == "204")
    #expect(fields[.termActor] == "none")
    #expect(fields[.bytesBodyIn] == "154")
    #expect(fields[.bytesBodyOut] == "0")
    #expect(fields[.durationActive] == "226000000")
    #expect(fields[.durationUpstream] == "100000000")
    #expect(fields[.forwardedFor] == "10.0.35.28")
    #expect(fields[.userAgent] == "nsq2http")
    #expect(fields[.idRequest] == "cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2")
    #expect(fields[.urlHost] == "locations")
    #expect(fields[.lbServer] == "tcp://10.0.2.1:80")
    #expect(fields[.outcome] == "success")
    #expect(fields[.lbProduct] == "envoy")
  }

  @Test func aConnectionIsNoRequest() throws {
    let line = #"[2026-04-15T20:17:00.310Z] "- - -" 0 UF,URX 1 2 30 - "-" "-" "-" "-" "10.0.0.1:80""#
    let fields = try Reader("envoy/default").fields(line)
    #expect(fields[.kind] == "tcp")
    #expect(fields[.durationTotal] == "30000000")
    #expect(fields[.durationActive] == nil)
    #expect(fields[.bytesOut] == "2")
    #expect(fields[.termActor] == "server")
    #expect(fields[.termPhase] == "connect")
    #expect(fields[.outcome] == "failure")
    #expect(fields[.durationUpstream] == "dash")
    #expect(fields[.serverIP] == "10.0.0.1")
  }

  @Test func detailsMayHoldWhatEndsThem() throws {
    let details =
      "upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_refused}"
    let fields = try Reader("envoy:'%RESPONSE_CODE_DETAILS%|%START_TIME%} {%BYTES_SENT%'")
      .fields("\(details)|2026-11-23T12:07:27.012Z} {5")
    #expect(fields[.termDetails] == details)
    #expect(fields[.bytesBodyOut] == "5" || fields[.bytesOut] == "5")
  }

  @Test func protocolsAndClustersMayHoldWhatEndsThem() throws {
    let fields = try Reader(
      "envoy:'%UPSTREAM_CLUSTER_RAW%|%RESPONSE_CODE% %PROTOCOL%/%BYTES_SENT% %DOWNSTREAM_LOCAL_ADDRESS%:%DURATION%'"
    )
    .fields("outbound|80||svc.x|200 HTTP/1.1/7 127.0.0.1:35424:5")
    #expect(fields[.parseStatus] == "ok")
    #expect(fields[.lbBackend] == "outbound|80||svc.x")
    #expect(fields[.httpStatus] == "200")
  }

  @Test func aQuoteInAUserAgentIsReadWhenThereIsOneReading() throws {
    let line =
      #"[2026-04-15T20:17:00.310Z] "GET / HTTP/1.1" 200 - 0 0 1 1 "-" "say "hi"" "id" "host" "10.0.0.1:80""#
    #expect(try Reader("envoy/default").fields(line)[.userAgent] == #"say "hi""#)
  }

  @Test func forgedFieldsAreNotBelieved() throws {
    let line =
      #"[2026-04-15T20:17:00.310Z] "GET / HTTP/1.1" 200 - 0 0 1 1 "-" "x" "forged-id" "forged-host" "#
      + #""10.9.9.9:1" "#
      + #""id" "host" "10.0.0.1:80""#
    let fields = try Reader("envoy/default").read(line).fields
    #expect(fields[.parseStatus] == "ambiguous")
    #expect(fields[.idRequest]?.contains("id") != true)
    #expect(fields[.message] == line)
  }

  @Test func istioHasClusterAndAddresses() throws {
    let line =
      #"[2026-04-15T20:17:00.310Z] "GET /status/418 HTTP/1.1" 418 - via_upstream - "-" 0 135 4 4 "-" "#
      + #""curl/7.60.0" "#
      + #""84961386-6d84-929d-98bd-c5aee93b5c88" "httpbin:8000" "127.0.0.1:80" inbound|8000|http "#
      + "127.0.0.1:41854 [2001:db8::1]:80 10.44.1.23:37652 outbound_.8000_._.httpbin default"
    let fields = try Reader("auto").fields(line)
    #expect(fields[.parserFormat] == "istio/default")
    #expect(fields[.termDetails] == "via_upstream")
    #expect(fields[.lbBackend] == "inbound|8000|http")
    #expect(fields[.lbIP] == "127.0.0.1")
    #expect(fields[.lbPort] == "41854")
    #expect(fields[.localIP] == "2001:db8::1")
    #expect(fields[.localPort] == "80")
    #expect(fields[.clientIP] == "10.44.1.23")
    #expect(fields[.tlsSNI] == "outbound_.8000_._.httpbin")
    #expect(fields[.lbRoute] == "default")
    #expect(fields[.outcome] == "failure")
  }

  @Test func attemptsAreOneMoreThanRetries() throws {
    let reader = try Reader("envoy:'%UPSTREAM_REQUEST_ATTEMPT_COUNT% %RESPONSE_FLAGS_LONG%'")
    #expect(reader.fields("3 UpstreamRequestTimeout")[.retries] == "2")
    #expect(reader.fields("0 NoRouteFound")[.retries] == "0")
    #expect(reader.fields("1 UpstreamRequestTimeout")[.termTimeout] == "true")
    #expect(reader.fields("1 SomeExtensionFlag,DownstreamRemoteReset")[.outcome] == "aborted")
  }

  @Test func unixAddressesStayWhole() throws {
    let fields = try Reader("envoy:'%DOWNSTREAM_REMOTE_ADDRESS% %DURATION%'").fields("/run/x.sock 5")
    #expect(fields[.clientEndpoint] == "/run/x.sock")
    #expect(fields[.clientIP] == nil)
  }

  /// Envoy 1.40.
  @Test func timesInAnyFormatAreTimes() throws {
    let reader = try Reader(
      "envoy:'%START_TIME(%a, %d %b %Y %T GMT)% | %START_TIME_LOCAL% %EMIT_TIME_LOCAL(%d/%b/%Y:%H:%M:%S %z)% "
        + "%START_TIME(%H o clock)% %DURATION%'")
    let fields = reader.fields(
      "Mon, 23 Nov 2026 10:35:52 GMT | 2026-11-23T11:35:52.025+0100 23/Nov/2026:11:35:53 +0100 10 o clock 1000"
    )
    #expect(fields[.timeStart] == "2026-11-23T10:35:52.000000000Z")
    #expect(fields[.timeEnd] == "2026-11-23T10:35:53.000000000Z")
    #expect(fields["%START_TIME(%H o clock)%"] == "10 o clock")
    #expect(fields[.parseStatus] == "ok")
  }

  @Test func whatEnvoyLeavesOutIsEmpty() throws {
    let reader = try Reader(
      #"envoy:omit_empty '%START_TIME% "%REQ(A)%" %RESPONSE_CODE_DETAILS% %GRPC_STATUS_NUMBER% %UPSTREAM_HOST% %RESPONSE_CODE% %DURATION%'"#
    )
    let fields = reader.fields(#"2026-11-23T10:35:52.025Z "" direct_response   200 1"#)
    #expect(fields[.termDetails] == "direct_response")
    #expect(fields[.grpcStatus] == "empty")
    #expect(fields[.lbServer] == "empty")
    #expect(fields[.durationActive] == "1000000")
  }

  @Test func onlyTheLastRecordIsARequest() throws {
    let reader = try Reader("envoy:'%ACCESS_LOG_TYPE% %RESPONSE_CODE% %RESPONSE_FLAGS% %DURATION%'")
    let start = reader.fields("DownstreamStart 0 - 0")
    #expect(start[.durationIncomplete] == "true")
    #expect(start[.outcome] == "unknown")
    #expect(start[.termActor] == "not_reached")
    #expect(reader.fields("DownstreamPeriodic 200 - 5")[.outcome] == "unknown")
    let end = reader.fields("DownstreamEnd 200 - 7")
    #expect(end[.durationIncomplete] == nil)
    #expect(end[.outcome] == "success")
    #expect(reader.fields(" 200 - 7")[.lbStep] == "empty")
  }

  @Test func parenthesesMayStandInArguments() throws {
    let reader = try Reader(
      "envoy:'%CEL(request.headers['x'] || request.path.contains('v1')):10% %METADATA(ROUTE:a:b)% %RESPONSE_CODE%'"
    )
    #expect(reader.read("true x y 200").fields[.parseStatus] == "ambiguous")
    #expect(reader.fields("true xy 200")[.httpStatus] == "200")
  }

  @Test func maskedAddressesAreNetworks() throws {
    let reader = try Reader(
      "envoy:'%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(16)% %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%'")
    let fields = reader.fields("10.1.0.0/16 10.1.2.3")
    #expect(fields["%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(16)%"] == "10.1.0.0/16")
    #expect(fields[.clientIP] == "10.1.2.3")
  }

  /// Every operator of Envoy 1.40 compiles, alone and among others, and its line is read.
  @Test(arguments: [
    "REQUEST_HEADERS_BYTES", "UPSTREAM_HOSTS_ATTEMPTED", "UPSTREAM_CONNECTION_IDS_ATTEMPTED", "STREAM_ID",
    "TRACE_ID",
    "SPAN_ID", "DOWNSTREAM_PEER_CERT_V_START(%b %e %Y)", "TLS_JA4_FINGERPRINT", "QUERY_PARAM(x):5",
    "PATH(NQ:ORIG)",
    "PATH", "QUERY_PARAMS", "CUSTOM_FLAGS", "FILTER_STATE(a:FIELD:b)",
    "REQUESTED_SERVER_NAME(SNI_FIRST:HOST)",
    "GRPC_STATUS(SNAKE_STRING)", "COMMON_DURATION(DS_RX_BEG:custom:ns)", "ENVIRONMENT(HOME):3", "HOSTNAME",
    "COALESCE({\"operators\": [\"PROTOCOL\"]})", "TYPED_CEL(1 + 1)", "UPSTREAM_METADATA(a:b)",
    "LOCAL_REPLY_BODY",
    "REQ_WITHOUT_QUERY(:PATH)", "TRAILER(x?y):9", "DOWNSTREAM_DIRECT_LOCAL_PORT", "UNIQUE_ID",
    "NOT_YET_KNOWN",
  ])
  func everyOperatorCompiles(_ operation: String) throws {
    let reader = try Reader("envoy:'<%\(operation)%> [%PROTOCOL%]'")
    #expect(reader.fields("<-> [HTTP/2]")[.httpVersion] == "2")
    #expect(reader.fields("<7> [HTTP/2]")[.parseStatus] == "ok")
  }

  @Test(arguments: [
    ("%PROTOCAL%", 1, "no such operator: PROTOCAL; did you mean PROTOCOL?"),
    ("%PATH(WQ:ORG)%", 9, "here may stand ORIG, PATH, ORIG_OR_PATH, not ORG; did you mean ORIG?"),
    ("%COMMON_DURATION(A:B:s)%", 21, "here may stand ms, us, ns, not s; did you mean ms?"),
    ("%COMMON_DURATION(A:B)%", 20, "COMMON_DURATION needs START:END:PRECISION, as DS_RX_BEG:DS_TX_END:us"),
    ("%METADATA%", 0, "METADATA needs arguments in parentheses"),
    ("%RESPONSE_CODE_DETAILS(X)%", 23, "here may stand ALLOW_WHITESPACES, not X"),
  ])
  func errorsNameWhatIsAllowed(_ string: String, _ offset: Int, _ note: String) {
    let error = #expect(throws: FormatError.self) { try EnvoyFormat.compile(string, name: "envoy:x") }
    #expect(error?.offset == offset)
    #expect(error?.note == note)
  }
}

import Events
import Formats
import Templates
import Testing

/// Lines that Envoy 1.40 wrote with `json_format`.
@Suite struct EnvoyJSONTests {
  /// Members in no order, values of every kind.
  private static let format = #"""
    {"zeta": "%PROTOCOL%", "code": "%RESPONSE_CODE%", "dur": "%DURATION%", "mix": "%REQ(:METHOD)% %REQ(:PATH)%",
     "none": "%REQ(X-NOPE)%", "mixnone": "<%REQ(X-NOPE)%>", "ua": "%REQ(USER-AGENT)%", "lit": "pl\"ain", "num": 5,
     "flt": 1.5, "big": 123456789012, "t": true, "nul": null, "pct": "100%%", "empty": {}, "elist": [],
     "nested": {"b": "%BYTES_SENT%", "a": ["%REQ(X-A)%", "x %RESPONSE_FLAGS%", 7, {"q": "%UPSTREAM_HOST%"}]},
     "start": "%START_TIME%", "starts": "%START_TIME(%s)%", "conn": "%CONNECTION_ID%",
     "det": "%RESPONSE_CODE_DETAILS%", "dm": "%DYNAMIC_METADATA(a)%", "q\"é\n<&>": "%RESPONSE_FLAGS%",
     "ra": "%DOWNSTREAM_REMOTE_ADDRESS%", "att": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%", "id": "%REQ(X-REQUEST-ID)%"}
    """#

  private static let line =
    #"{"att":0,"big":123456789012,"code":200,"conn":3,"det":"direct_response","dm":{"k":["}",1]},"dur":1,"#
    + #""elist":[],"empty":{},"flt":1.5,"id":"8d1486bf-4e01-4df7-9e75-13a9bd65506e","lit":"pl\"ain","#
    + #""mix":"GET /direct?x=1&y=\"2\"","mixnone":"<->","#
    + #""nested":{"a":["aa","x -",7,{"q":null}],"b":2},"none":null,"nul":null,"num":5,"pct":"100%","#
    + #""q\"é\n<&>":"-","ra":"127.0.0.1:49154","start":"2026-11-23T10:35:52.025Z","#
    + #""starts":"1795430152","t":true,"ua":"Moz \"q\" \\ é","zeta":"HTTP/1.1"}"#

  @Test func valuesKeepTheirTypes() throws {
    let fields = try Reader("envoy:json '\(Self.format)'").fields(Self.line)
    #expect(fields[.parseStatus] == "ok")
    #expect(fields[.httpStatus] == "200")
    #expect(fields[.idConnection] == "3")
    #expect(fields[.termDetails] == "direct_response")
    #expect(fields["%DYNAMIC_METADATA(a)%"] == #"{"k":["}",1]}"#)
    #expect(fields[.durationActive] == "1000000")
    #expect(fields[.idRequest] == "8d1486bf-4e01-4df7-9e75-13a9bd65506e")
    #expect(fields[.httpMethod] == "GET")
    #expect(fields[.urlTarget] == #"/direct?x=1&y="2""#)
    #expect(fields["http.req_headers.x-a"] == "aa")
    #expect(fields[.bytesBodyOut] == "2")
    #expect(fields["http.req_headers.x-nope"] == "dash")
    #expect(fields[.lbServer] == "empty")
    #expect(fields[.clientIP] == "127.0.0.1")
    #expect(fields[.clientPort] == "49154")
    #expect(fields[.timeStart] == "2026-11-23T10:35:52.025000000Z")
    #expect(fields[.userAgent] == #"Moz "q" \ é"#)
    #expect(fields[.httpVersion] == "1.1")
    #expect(fields[.termActor] == "none")
    #expect(fields["json.flt"] == "1.5")
  }

  @Test func typedAndUntypedFormatsPrintTheSame() throws {
    let one = try FormatSpec.parse("envoy:typed_json '\(Self.format)'")
    #expect(try FormatSpec.parse("envoy:json '\(Self.format)'") == one)
  }

  /// Envoy before 1.3x printed numbers of `json_format` as strings.
  @Test func numbersInQuotesAreNumbers() throws {
    let reader = try Reader(
      #"envoy:json '{"c":"%RESPONSE_CODE%","d":"%DURATION%","p":"%DOWNSTREAM_REMOTE_PORT%"}'"#)
    let fields = reader.fields(#"{"c":"200","d":"7","p":"-"}"#)
    #expect(fields[.httpStatus] == "200")
    #expect(fields[.durationActive] == "7000000")
    #expect(fields[.clientPort] == "dash")
    #expect(fields[.parseStatus] == "ok")
  }

  @Test(
    arguments: [
      (#"{"a":"DownstreamEnd","m":"<>","n":{"x":1},"l":["b"]}"#, "DownstreamEnd", "absent"),
      (#"{"l":["b"],"m":"<x>"}"#, nil, nil),
      (
        #"{"a":"DownstreamEnd","l":["v","b","w"],"m":"<x>","n":{"x":1,"y":"c"},"z":"HTTP/2"}"#,
        "DownstreamEnd", "2"
      ),
      (#"{"l":["b","w"],"m":"<>","n":{"y":"c"},"z":"HTTP/2"}"#, nil, "2"),
    ] as [(String, String?, String?)])
  func membersMayBeLeftOut(_ line: String, _ step: String?, _ version: String?) throws {
    let reader = try Reader(
      #"envoy:omit_empty json '{"z":"%PROTOCOL%","a":"%ACCESS_LOG_TYPE%","m":"<%REQ(X)%>","nul":null,"#
        + #""n":{"x":"%UPSTREAM_WIRE_BYTES_SENT%","y":"%UPSTREAM_CLUSTER%"},"e":{},"#
        + #""l":["%REQ(A)%","b","%REQ(B)%"]}'"#)
    // The second argument's order of members is not Envoy's.
    if version == "absent" {
      #expect(reader.read(line).fields[.parseStatus] == "failed")
      return
    }
    let fields = reader.fields(line)
    #expect(fields[.parseStatus] == "ok")
    #expect(fields[.lbStep] == step)
    #expect(fields[.httpVersion] == version)
    #expect(fields["http.req_headers.b"] == (line.contains("\"w\"") ? "w" : nil))
  }

  @Test func whereNothingIsSureCommasAreStillRight() throws {
    let reader = try Reader(#"envoy:omit_empty json '{"a":"%PROTOCOL%","b":"%UPSTREAM_CLUSTER%"}'"#)
    for line in [#"{}"#, #"{"a":"HTTP/2"}"#, #"{"b":"c"}"#, #"{"a":"HTTP/2","b":"c"}"#] {
      #expect(reader.fields(line)[.parseStatus] == "ok")
    }
  }

  @Test func bytesThatAreNoUTF8AreEscapedByEnvoy() throws {
    let reader = try Reader(#"envoy:json '{"ua":"%REQ(USER-AGENT)%","z":"%PROTOCOL%"}'"#)
    let fields = reader.fields(#"{"ua":"a\u00ff\u00c3\u00a9t\u0009b<&>/","z":"HTTP/1.1"}"#)
    // The bytes that the client sent: 61 FF C3 A9 74 09 …
    #expect(fields.json.contains(#""user_agent.base64":"Yf/DqXQJYjwmPi8=""#))
    let line = #"{"ua":"é \u0007 \n\/ \ud83d\ude00","z":"HTTP/1.1"}"#
    #expect(reader.fields(line)[.userAgent] == "é \u{7} \n/ 😀")
  }

  @Test(arguments: [
    #"{"a":"x\",\"b\":\"forged","b":"real"}"#, #"{"a":"x\\","b":"real"}"#, #"{"a":"\\\"","b":"real"}"#,
  ])
  func aStringCannotForgeTheNextMember(_ line: String) throws {
    let reader = try Reader(#"envoy:json '{"a":"%REQ(A)%","b":"%REQ(B)%"}'"#)
    #expect(reader.fields(line)["http.req_headers.b"] == "real")
  }

  @Test func istioAndContourJSON() throws {
    let line =
      #"{"authority":"httpbin:8000","bytes_received":0,"bytes_sent":521,"connection_termination_details":null,"#
      + #""downstream_local_address":"10.109.118.31:80","downstream_remote_address":"172.17.0.9:50168","#
      + #""duration":3,"method":"GET","path":"/headers?v=1","protocol":"HTTP/1.1","#
      + #""request_id":"c463717a-a722-47c6-8ec1-ea8f90b9ea58","requested_server_name":null,"response_code":200,"#
      + #""response_code_details":"via_upstream","response_flags":"-","route_name":".v1","#
      + #""start_time":"2020-03-07T16:06:58.480Z","upstream_cluster":"outbound|80|v1|httpbin","#
      + #""upstream_host":"172.17.0.7:80","upstream_local_address":"172.17.0.9:60574","#
      + #""upstream_service_time":"2","upstream_transport_failure_reason":null,"user_agent":"curl/7.58.0","#
      + #""x_forwarded_for":null}"#
    let fields = try Reader("auto").fields(line)
    #expect(fields[.parserFormat] == "istio/json")
    #expect(fields[.lbProduct] == "envoy")
    #expect(fields[.clientIP] == "172.17.0.9")
    #expect(fields[.localPort] == "80")
    #expect(fields[.durationUpstream] == "2000000")
    #expect(fields[.lbRoute] == ".v1")
    #expect(fields[.serverIP] == "172.17.0.7")
    #expect(fields[.forwardedFor] == "empty")
    let contour = try Reader("auto").fields(
      #"{"@timestamp":"2026-04-15T20:17:00.310Z","authority":"a","bytes_received":1,"bytes_sent":2,"#
        + #""downstream_local_address":"[2001:db8::1]:443","downstream_remote_address":"10.0.0.1:2","duration":3,"#
        + #""grpc_status":"OK","grpc_status_number":0,"method":"POST","path":"/p","protocol":"HTTP/2","#
        + #""request_id":"r","requested_server_name":"s","response_code":200,"response_flags":null,"#
        + #""uber_trace_id":null,"upstream_cluster":"c","upstream_host":null,"upstream_local_address":null,"#
        + #""upstream_service_time":null,"user_agent":null,"x_forwarded_for":"1.2.3.4"}"#)
    #expect(contour[.parserFormat] == "contour/json")
    #expect(contour[.localIP] == "2001:db8::1")
    #expect(contour[.tlsSNI] == "s")
    #expect(contour[.grpcStatus] == "OK")
    #expect(try FormatSpec.parse("contour").first?.name == "envoy/default")
  }

  @Test(arguments: [
    ("envoy:json '[1]'", 0, "unexpected"), (#"envoy:json '{"a":1}'"#, 0, "empty"),
    ("envoy:json '{a:1}'", 1, "unexpected"),
    (#"envoy:json '{"a":"%REQ(X%"}'"#, 4, "unfinished"), (#"envoy:json '{"a":"x"'"#, 8, "unfinished"),
    (#"envoy:json '{"a":"%PROTOCAL%"}'"#, 1, "unknown"), (#"envoy:json '{"a":nil}'"#, 5, "unexpected"),
    (#"envoy:json '{"a":"\x"}'"#, 7, "unexpected"), (#"envoy:json '{"a":1,}'"#, 7, "unexpected"),
    (#"envoy:jsn '{}'"#, 6, "unknown"),
  ])
  func errorsPointAtTheirPlace(_ spec: String, _ offset: Int, _ kind: String) {
    let error = #expect(throws: FormatError.self) { try FormatSpec.parse(spec) }
    #expect(error?.offset == offset)
    #expect(error?.kind.rawValue == kind)
  }

  @Test func anErrorNamesItsMember() {
    let error = #expect(throws: FormatError.self) {
      try FormatSpec.parse(#"envoy:json '{"a":{"b":["x","%DURATON%"]}}'"#)
    }
    #expect(error?.string == "%DURATON%")
    #expect(error?.note == "no such operator: DURATON; did you mean DURATION? (in a.b[1])")
  }
}

import Events
import Formats
import Testing

@Suite struct NginxLineTests {
  @Test func combinedFillsEveryField() throws {
    let line =
      #"93.58.19.30 - alice [01/Jan/2026:01:00:00 +0100] "GET /products?id=1 HTTP/2.0" 200 48858 "#
      + #""https://www.example.com/" "Mozilla/5.0 (X11)""#
    let fields = try Reader("nginx/combined").fields(line)
    #expect(fields[.clientIP] == "93.58.19.30")
    #expect(fields[.user] == "alice")
    #expect(fields[.timeEnd] == "2026-01-01T00:00:00.000000000Z")
    #expect(fields[.time] == "2026-01-01T00:00:00.000000000Z")
    #expect(fields[.timeQuality] == "explicit_tz")
    #expect(fields[.httpMethod] == "GET")
    #expect(fields[.urlPath] == "/products")
    #expect(fields[.urlQuery] == "id=1")
    #expect(fields[.httpVersion] == "2")
    #expect(fields[.httpStatus] == "200")
    #expect(fields[.bytesBodyOut] == "48858")
    #expect(fields[.httpReferrer] == "https://www.example.com/")
    #expect(fields[.userAgent] == "Mozilla/5.0 (X11)")
    #expect(fields[.outcome] == "success")
    #expect(fields[.lbProduct] == "nginx")
    #expect(fields[.kind] == "http")
  }

  @Test(arguments: [
    #"2001:db8:95b1::eefd - - [01/Jan/2026:00:00:00 +0000] "" 408 413 "-" "Mozilla/5.0 zgrab/0.x""#,
    #"151.75.177.98 - - [01/Jan/2026:00:00:00 +0000] "\x16\x03\x01\x02\x00\xFC" 400 610 "-" "-""#,
    #"151.42.151.215 - - [01/Jan/2026:00:00:00 +0000] "GET /p\xC3\xA9/\x22b\x22 HTTP/1.1" 404 643 "-" """#,
    #"81.102.108.11 - - [31/Dec/2025:23:59:59 -0330] "-" 000 0 "-" "() { :; }; echo \x22x\x22""#,
    #"192.0.2.1 - - [29/Feb/2024:00:00:00 +0000] "GET / HTTP/1.0" 009 0 "" "a [b] - [c]""#,
    #"unix: - - [01/Jan/2026:00:00:00 +0000] "GET / HTTP/1.1" 200 0 "-" "-""#,
    #"192.0.2.1 - - [01/Jan/2026:00:00:00 +0000] "GET / HTTP/1.1" 499 0 "-" "x\x5C""#,
  ])
  func hostileLinesPrintBack(_ line: String) throws {
    let fields = try Reader("nginx/combined").fields(line)
    #expect(fields[.parserFormat] == "nginx/combined")
    #expect(fields[.httpStatus] != nil)
  }

  @Test func aUserCannotForgeTheStamp() throws {
    let line =
      #"192.0.2.1 - x [01/Jan/2020:00:00:00 +0000] \x22GET /forged HTTP/1.1\x22 200 1 [01/Jan/2026:00:00:00 "#
      + #"+0000] "#
      + #""GET /real HTTP/1.1" 401 5 "-" "-""#
    let fields = try Reader("nginx/combined").fields(line)
    #expect(fields[.user] == #"x [01/Jan/2020:00:00:00 +0000] "GET /forged HTTP/1.1" 200 1"#)
    #expect(fields[.urlTarget] == "/real")
    #expect(fields[.time] == "2026-01-01T00:00:00.000000000Z")
    #expect(fields[.outcome] == "denied")
  }

  @Test func mainHasForwardedFor() throws {
    let line =
      #"192.0.2.1 - - [01/Jan/2026:00:00:00 +0000] "GET / HTTP/1.1" 200 1 "-" "curl" "203.0.113.7, "#
      + #"198.51.100.2""#
    let fields = try Reader("auto").fields(line)
    #expect(fields[.parserFormat] == "nginx/main")
    #expect(fields[.forwardedFor] == "203.0.113.7, 198.51.100.2")
    #expect(fields[.httpReferrer] == "dash")
  }

  @Test func ingressReadsItsLists() throws {
    let line =
      #"10.0.0.9 - - [01/Jan/2026:00:00:00 +0000] "GET /a HTTP/1.1" 200 13 "-" "curl/8" 78 0.102 "#
      + "[default-web-80] [] 10.244.0.5:8080, [2001:db8::5]:8080 : 10.244.0.6:8080 0, 0 : 13 "
      + "0.100, 0.001 : 0.001 502, - : 200 0123456789abcdef0123456789abcdef"
    let fields = try Reader("nginx/ingress").fields(line)
    #expect(fields[.upstreamAddress] == "10.244.0.5:8080, [2001:db8::5]:8080 : 10.244.0.6:8080")
    #expect(fields[.upstreamStatus] == "502, - : 200")
    #expect(fields[.lbServer] == "10.244.0.6:8080")
    #expect(fields[.serverIP] == "10.244.0.6")
    #expect(fields[.serverPort] == "8080")
    #expect(fields[.retries] == "2")
    #expect(fields[.durationActive] == "102000000")
    #expect(fields[.timeStart] == "2025-12-31T23:59:59.898000000Z")
    #expect(fields[.lbBackend] == "default-web-80")
    #expect(fields["$proxy_alternative_upstream_name"] == "empty")
    #expect(fields[.idRequest] == "0123456789abcdef0123456789abcdef")
  }

  @Test func jsonEscapesDoNotEndTheString() throws {
    let reader = try Reader(
      #"nginx:escape=json '{"ua":"$http_user_agent","u":$upstream_response_time,"s":$status,"h":"$host"}'"#)
    let fields = reader.fields(#"{"ua":"a\"b\\","u":,"s":200,"h":"x"}"#)
    #expect(fields[.userAgent] == #"a"b\"#)
    #expect(fields[.upstreamResponse] == "empty")
    #expect(fields[.httpStatus] == "200")
    #expect(fields[.urlHost] == "x")
  }

  @Test func unescapedTextIsAmbiguousOnlyWhenItCanBeReadTwice() throws {
    let reader = try Reader(#"nginx:escape=none '"$http_user_agent" "$http_referer" $status'"#)
    #expect(reader.fields(#""a b" "c" 200"#)[.userAgent] == "a b")
    #expect(reader.read(#""a" "b" "c" 200"#).fields[.parseStatus] == "ambiguous")
  }

  @Test func aFinerStampOwnsTheField() throws {
    let fields = try Reader("nginx:'[$time_local] $msec $request_time'")
      .fields("[01/Jan/2026:00:00:00 +0000] 1767225600.123 0.023")
    #expect(fields[.timeEnd] == "2026-01-01T00:00:00.123000000Z")
    #expect(fields[.timeStart] == "2026-01-01T00:00:00.100000000Z")
    #expect(fields["$time_local"] == "01/Jan/2026:00:00:00 +0000")
  }

  @Test func addressAndPortInOneAreSplitAtTheLastColon() throws {
    let fields = try Reader("nginx:'$remote_addr:$remote_port -> $server_addr:$server_port'")
      .fields("2001:db8::1:5000 -> 192.0.2.1:80")
    #expect(fields[.clientIP] == "2001:db8::1")
    #expect(fields[.clientPort] == "5000")
    #expect(fields[.localPort] == "80")
  }

  @Test(arguments: [";", "|", ",", "_", "Z", "}", "/"])
  func stampsEndWhereTheyEnd(_ mark: String) throws {
    let fields = try Reader("nginx:'${time_iso8601}\(mark)${status}\(mark)$host'")
      .fields("2026-11-23T12:05:36+00:00\(mark)200\(mark)exa.mple")
    #expect(fields[.parseStatus] == "ok")
    #expect(fields[.timeEnd] == "2026-11-23T12:05:36.000000000Z")
    #expect(fields[.httpStatus] == "200")
    let envoy = try Reader("envoy:'%START_TIME%\(mark)%RESPONSE_CODE%\(mark)%PROTOCOL%'")
      .fields("2026-11-23T12:05:36.123Z\(mark)200\(mark)HTTP/2")
    #expect(envoy[.timeStart] == "2026-11-23T12:05:36.123000000Z")
    #expect(envoy[.httpStatus] == "200")
  }

  @Test func portsOfUnixSocketsAreNothing() throws {
    let joined = try Reader("nginx:'$remote_addr:$remote_port|$server_port|$status'").fields("unix::||200")
    #expect(joined[.parseStatus] == "ok")
    #expect(joined[.clientPort] == "empty")
    let apart = try Reader(#"nginx:'{"k0":"$remote_port","k1":$server_port,"k2":"$status"}'"#)
    let unix = apart.fields(#"{"k0":"","k1":,"k2":"200"}"#)
    #expect(unix[.parseStatus] == "ok")
    #expect(unix[.clientPort] == "empty")
    #expect(unix[.localPort] == "empty")
    #expect(unix[.httpStatus] == "200")
    #expect(apart.fields(#"{"k0":"41282","k1":80,"k2":"200"}"#)[.clientPort] == "41282")
  }

  // MARK: Lines that Nginx 1.22 wrote

  @Test func realSyslogLines() throws {
    let reader = try Reader("auto", headers: true)
    let combined = reader.fields(
      #"<190>Nov 23 08:03:58 lb1 nginx: 127.0.0.1 - x [01/Jan/2020 [23/Nov/2026:08:03:58 +0000] "GET / "#
        + #"HTTP/1.1" "#
        + #"200 2 "-" "Moz \x22q\x22 \x5C \xC3\xA9\xFF [a]""#)
    #expect(combined[.user] == "x [01/Jan/2020")
    #expect(combined[.syslogHost] == "lb1")
    #expect(combined[.time] == "2026-11-23T08:03:58.000000000Z")
    let main = reader.fields(
      #"<190>Nov 23 08:03:58 web: ::1 - - [23/Nov/2026:08:03:58 +0000] "GET /old" 444 0 "-" "-" "1.2.3.4, "#
        + #"5.6.7.8""#
    )
    #expect(main[.parserFormat] == "nginx/main")
    #expect(main[.syslogApp] == "web")
    #expect(main[.httpMethod] == "GET")
    #expect(main[.urlTarget] == "/old")
    #expect(main[.httpVersion] == nil)
    #expect(main[.outcome] == "denied")
  }

  @Test func realJSONLines() throws {
    let reader = try Reader(
      #"nginx:escape=json '{"t":"$time_iso8601","m":"$request_method","u":"$request_uri","#
        + #""ua":"$http_user_agent","s":$status,"rt":$request_time,"ut":$upstream_response_time,"#
        + #""ua2":"$upstream_addr","user":"$remote_user"}'"#,
      headers: true)
    let tried = reader.fields(
      #"<190>Nov 23 08:03:58 lb1 nginx: {"t":"2026-11-23T08:03:58+00:00","m":"GET","u":"/p","ua":"Moz \"q\" "#
        + #"\\ [a]","#
        + #""s":200,"rt":0.000,"ut":0.000, 0.010,"ua2":"127.0.0.1:1, 127.0.0.1:28200","user":""}"#)
    #expect(tried[.upstreamResponse] == "0.000, 0.010")
    #expect(tried[.lbServer] == "127.0.0.1:28200")
    #expect(tried[.retries] == "1")
    #expect(tried[.userAgent] == #"Moz "q" \ [a]"#)
    #expect(tried[.user] == "empty")
    let broken = reader.fields(
      #"<190>Nov 23 08:04:00 lb1 nginx: "#
        + #"{"t":"2026-11-23T08:04:00+00:00","m":"","u":"","ua":"","s":400,"rt":2.002,"#
        + #""ut":,"ua2":"","user":""}"#)
    #expect(broken[.upstreamResponse] == "empty")
    #expect(broken[.durationActive] == "2002000000")
    #expect(broken[.httpMethod] == "empty")
    #expect(broken[.timeStart] == "2026-11-23T08:03:57.998000000Z")
  }

  @Test func bytesThatAreNotUTF8PrintBack() throws {
    let reader = try Reader(#"nginx:escape=json '{"ua":"$http_user_agent","s":$status}'"#)
    let line = Array(#"{"ua":"a\"b"#.utf8) + [0xC3, 0xA9, 0xFF] + Array(#"","s":200}"#.utf8)
    let (fields, printed) = reader.read(line)
    #expect(printed == line)
    #expect(fields.json.contains(#""user_agent":"a\"bé\#u{FFFD}","user_agent.base64":"YSJiw6n/""#))
  }

  @Test func realUpstreamLines() throws {
    let reader = try Reader(
      #"nginx:'$remote_addr:$remote_port [$msec] "$request" $status rt=$request_time "#
        + #"ut="$upstream_response_time" "#
        + "us=$upstream_status ua=$upstream_addr ul=$upstream_response_length $pipe "
        + "$connection/$connection_requests "
        + "$host'")
    let tried = reader.fields(
      #"127.0.0.1:54584 [1795421038.613] "GET /p HTTP/1.1" 200 rt=0.000 ut="0.000, 0.000" us=502, 200 "#
        + "ua=127.0.0.1:1, 127.0.0.1:28200 ul=0, 5 . 3/1 ex.com")
    #expect(tried[.upstreamStatus] == "502, 200")
    #expect(tried[.upstreamBytesIn] == "0, 5")
    #expect(tried[.idConnection] == "3")
    #expect(tried[.idConnectionRequest] == "1")
    #expect(tried[.timeEnd] == "2026-11-23T08:03:58.613000000Z")
    let bad = reader.fields(
      #"::1:54620 [1795421040.616] "" 400 rt=2.002 ut="-" us=- ua=- ul=- . 12/1 "#)
    #expect(bad[.clientIP] == "::1")
    #expect(bad[.urlHost] == "empty")
    #expect(bad[.upstreamAddress] == "dash")
    #expect(bad[.lbServer] == nil)
  }

  @Test(
    arguments: [
      ("127.0.0.1 GET /x HTTP/1.1 200 5", "GET", "/x"), ("127.0.0.1 <BADREQ> 400 0", nil, nil),
    ] as [(String, String?, String?)])
  func aRequestWithoutQuotesEndsByItself(_ line: String, _ method: String?, _ target: String?) throws {
    let fields = try Reader("nginx:'$remote_addr $request $status $bytes_sent'").fields(line)
    #expect(fields[.httpMethod] == method)
    #expect(fields[.urlTarget] == target)
    #expect(fields[.clientIP] == "127.0.0.1")
    let other = try Reader("haproxy:'%ci %r %ST %B'").fields(line)
    #expect(other[.urlTarget] == target)
  }

  @Test func sessionsOfTheStreamModule() throws {
    let auto = try Reader("auto")
    let plain = auto.fields("127.0.0.1 [23/Nov/2026:10:56:23 +0000] TCP 502 0 7 0.250")
    #expect(plain[.parserFormat] == "nginx/stream")
    #expect(plain[.kind] == "tcp")
    #expect(plain[.httpStatus] == nil)
    #expect(plain[.termRaw] == "502")
    #expect(plain[.termActor] == "server")
    #expect(plain[.termPhase] == "connect")
    #expect(plain[.outcome] == "failure")
    #expect(plain[.bytesIn] == "7")
    #expect(plain[.durationTotal] == "250000000")
    let denied = auto.fields("[::1] [23/Nov/2026:10:56:23 +0000] TCP 403 0 0 0.000")
    #expect(denied[.parserFormat] == "nginx/ingress-stream")
    #expect(denied[.outcome] == "denied")
    let udp = auto.fields(
      #"127.0.0.1 [23/Nov/2026:10:56:23 +0000] UDP 200 0 2 0.000 "127.0.0.1:1, 127.0.0.1:2" "0, 2" "0, 0" "-, 0.001""#
    )
    #expect(udp[.parserFormat] == "nginx/stream-proxy")
    #expect(udp[.kind] == "udp_session")
    #expect(udp[.retries] == "1")
    #expect(udp[.lbServer] == "127.0.0.1:2")
    #expect(udp[.upstreamConnect] == "-, 0.001")
    #expect(udp[.outcome] == "success")
  }

  @Test func headersCookiesAndTraceContextHaveNames() throws {
    let reader = try Reader(
      #"nginx:'"$http_x_team" "$sent_http_content_type" "$cookie_sid" "$http_traceparent" $arg_x "$mine"'"#)
    let fields = reader.fields(
      #""blue" "text/html" "abc" "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" 1 "m""#)
    #expect(fields["http.req_headers.x-team"] == "blue")
    #expect(fields["http.resp_headers.content-type"] == "text/html")
    #expect(fields["http.req_cookie.sid"] == "abc")
    #expect(fields[.idTrace] == "4bf92f3577b34da6a3ce929d0e0e4736")
    #expect(fields[.idSpan] == "00f067aa0ba902b7")
    #expect(fields["$arg_x"] == "1")
    #expect(fields["$mine"] == "m")
    let none = reader.fields(#""-" "-" "-" "-" - "-""#)
    #expect(none["http.req_headers.traceparent"] == "dash")
    #expect(none[.idTrace] == nil)
  }

  @Test func variablesAreTyped() throws {
    let reader = try Reader(
      "nginx:'$content_length $connection_time $ssl_protocol/$ssl_cipher $limit_req_status $gzip_ratio $tcpinfo_rtt "
        + "$realip_remote_addr:$realip_remote_port $upstream_cache_status $https $pipe'")
    let fields = reader.fields(
      "12 1.250 TLSv1.3/TLS_AES_256_GCM_SHA384 PASSED 2.51 431 192.0.2.1:99 HIT on p")
    #expect(fields[.bytesBodyIn] == "12")
    #expect(fields[.durationTotal] == "1250000000")
    #expect(fields[.tlsVersion] == "TLSv1.3")
    #expect(fields[.tlsCipher] == "TLS_AES_256_GCM_SHA384")
    #expect(fields["$limit_req_status"] == "PASSED")
    #expect(fields["$tcpinfo_rtt"] == "431000")
    #expect(fields[.peerIP] == "192.0.2.1")
    #expect(fields[.peerPort] == "99")
    #expect(fields[.cacheStatus] == "HIT")
    #expect(fields[.parseStatus] == "ok")
    let empty = reader.fields("- - -/- - - - -:- - - .")
    #expect(empty[.tlsVersion] == "dash")
    #expect(empty[.parseStatus] == "ok")
  }

  @Test func linesWithoutEscapesHoldAnything() throws {
    let reader = try Reader(#"nginx:escape=none '$remote_addr|$http_user_agent|$status'"#)
    let line = Array("127.0.0.1|a\nb".utf8) + [10, 0, 0xFF] + Array("|200".utf8)
    let (fields, printed) = reader.read(line)
    #expect(printed == line)
    #expect(fields[.httpStatus] == "200")
    #expect(reader.fields("127.0.0.1|x|404|200")[.userAgent] == "x|404")
    #expect(reader.fields("127.0.0.1||200")[.userAgent] == "empty")
  }

  @Test func aBareNumberMayBeMissing() throws {
    let reader = try Reader(
      #"nginx:escape=json '{"cl":$content_length,"ut":$upstream_response_time,"u":"$uri","s":$status}'"#)
    let fields = reader.fields(#"{"cl":,"ut":,"u":"","s":400}"#)
    #expect(fields[.bytesBodyIn] == "empty")
    #expect(fields[.upstreamResponse] == "empty")
    #expect(fields[.parseStatus] == "ok")
    #expect(reader.fields(#"{"cl":3,"ut":0.001, 0.002 : 0.003,"u":"/","s":200}"#)[.bytesBodyIn] == "3")
  }
}

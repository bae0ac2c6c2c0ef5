import Events
import Formats
import Testing

@Suite struct HAProxyLineTests {
  static let http =
    "109.224.170.16:13301 [01/Jan/2026:00:00:00.000] fe_https~ be_app/srv04 0/0/0/86/86 200 38576 - - --VN "
    + "322/319/107/13/0 0/0 {www.example.com|Mozilla/5.0 (Linux; Android 10; K)||295b63c7-af41} "
    + "{text/html|38296} "
    + #""GET /search?q=running+running&page=3 HTTP/1.1""#

  @Test func httplogFillsEveryField() throws {
    let fields = try Reader("haproxy/httplog").fields(Self.http)
    #expect(fields[.clientIP] == "109.224.170.16")
    #expect(fields[.clientPort] == "13301")
    #expect(fields[.timeStart] == "2026-01-01T00:00:00.000000000Z")
    #expect(fields[.timeEnd] == "2026-01-01T00:00:00.086000000Z")
    #expect(fields[.time] == fields[.timeStart])
    #expect(fields[.timeQuality] == "configured_tz")
    #expect(fields[.timeText] == "01/Jan/2026:00:00:00.000")
    #expect(fields[.lbFrontend] == "fe_https")
    #expect(fields[.lbTLS] == "true")
    #expect(fields[.lbBackend] == "be_app")
    #expect(fields[.lbServer] == "srv04")
    #expect(fields[.durationRequest] == "0")
    #expect(fields[.durationResponse] == "86000000")
    #expect(fields[.durationActive] == "86000000")
    #expect(fields[.durationIncomplete] == "false")
    #expect(fields[.httpStatus] == "200")
    #expect(fields[.bytesOut] == "38576")
    #expect(fields[.httpRequestCookie] == "dash")
    #expect(fields[.termRaw] == "--VN")
    #expect(fields[.termActor] == "none")
    #expect(fields[.termPhase] == "end")
    #expect(fields[.persistRequest] == "V")
    #expect(fields[.persistResponse] == "N")
    #expect(fields[.connsProcess] == "322")
    #expect(fields[.connsServer] == "13")
    #expect(fields[.retries] == "0")
    #expect(fields[.redispatched] == "false")
    #expect(fields[.queueBackend] == "0")
    #expect(fields["http.req_headers.1"] == "www.example.com")
    #expect(fields["http.req_headers.3"] == "empty")
    #expect(fields["http.req_headers.4"] == "295b63c7-af41")
    #expect(fields["http.resp_headers.2"] == "38296")
    #expect(fields[.httpMethod] == "GET")
    #expect(fields[.urlTarget] == "/search?q=running+running&page=3")
    #expect(fields[.urlPath] == "/search")
    #expect(fields[.urlQuery] == "q=running+running&page=3")
    #expect(fields[.httpVersion] == "1.1")
    #expect(fields[.outcome] == "success")
    #expect(fields[.lbProduct] == "haproxy")
    #expect(fields[.parserFormat] == "haproxy/httplog")
    #expect(fields[.parseStatus] == "ok")
    #expect(fields[.kind] == "http")
  }

  @Test func declaredCapturesGiveTheirHeadersNames() throws {
    let captures = Captures(
      request: ["Host", "User-Agent", "Referer", nil], response: ["Content-Type", "Content-Length"])
    let fields = try Reader("haproxy:'\(ShippedFormats.entries[1].string)'", captures: captures)
      .fields(Self.http)
    #expect(fields[.urlHost] == "www.example.com")
    #expect(fields[.userAgent] == "Mozilla/5.0 (Linux; Android 10; K)")
    #expect(fields[.httpReferrer] == "empty")
    #expect(fields["http.req_headers.4"] == "295b63c7-af41")
    #expect(fields["http.resp_headers.content-type"] == "text/html")
  }

  @Test func aLineWithoutItsDeclaredCapturesStillFits() throws {
    let captures = Captures(request: 2, response: 1)
    let line =
      #"192.0.2.1:1 [01/Jan/2026:00:00:00.000] fe~ fe/<NOSRV> -1/-1/-1/-1/0 400 0 - - CR-- 1/1/0/0/0 0/0 "#
      + #""<BADREQ>""#
    let fields = try Reader("haproxy:'\(ShippedFormats.entries[1].string)'", captures: captures).fields(line)
    #expect(fields[.httpStatus] == "400")
    #expect(fields[.termActor] == "client")
    #expect(fields[.outcome] == "aborted")
  }

  @Test func oneBlockIsRequestOrResponse() throws {
    let line = Self.http.replacing(" {text/html|38296}", with: "")
    let fields = try Reader("haproxy/httplog").fields(line)
    #expect(fields["http.captures.1"] == "www.example.com")
    #expect(fields["http.req_headers.1"] == nil)
  }

  @Test func withoutCapturesTheBlanksAreMerged() throws {
    let line =
      #"192.0.2.1:1 [01/Jan/2026:00:00:00.000] fe be/s 0/0/0/0/0 200 1 - - ---- 1/1/0/0/0 0/0 "GET / "#
      + #"HTTP/2.0""#
    let fields = try Reader("haproxy/httplog").fields(line)
    #expect(fields[.httpVersion] == "2")
    #expect(fields[.lbTLS] == "false")
    #expect(fields[.urlQuery] == nil)
  }

  @Test func moreCapturesThanAreSplitStayInOnePiece() throws {
    let many = "{" + (1...11).map(String.init).joined(separator: "|") + "} {x}"
    let line =
      "192.0.2.1:1 [01/Jan/2026:00:00:00.000] fe be/s 0/0/0/0/0 200 1 - - ---- 1/1/0/0/0 0/0 \(many) "
      + #""GET / HTTP/1.1""#
    let fields = try Reader("haproxy/httplog").fields(line)
    #expect(fields[.httpRequestHeaders] == "1|2|3|4|5|6|7|8|9|10|11")
    #expect(fields[.httpResponseHeaders] == "x")
  }

  @Test(arguments: [
    ("2001:db8::1:33317", "2001:db8::1", "33317"), ("::1:80", "::1", "80"),
    ("::ffff:192.0.2.7:443", "::ffff:192.0.2.7", "443"),
  ])
  func portsAreBehindTheLastColon(_ endpoint: String, _ ip: String, _ port: String) throws {
    let line =
      #"\#(endpoint) [01/Jan/2026:00:00:00.000] fe be/s 0/0/0/0/0 200 1 - - ---- 1/1/0/0/0 0/0 "GET / "#
      + #"HTTP/1.1""#
    let fields = try Reader("haproxy/httplog").fields(line)
    #expect(fields[.clientIP] == ip)
    #expect(fields[.clientPort] == port)
    #expect(fields[.parseStatus] == "ok")
  }

  private static let head =
    "192.0.2.1:5 [08/Mar/2026:10:11:12.345] fe~ be/s 0/0/1/2/3 200 100 - - ---- 1/1/0/0/0 0/0 "

  @Test func aUnixClientHasNoAddress() throws {
    let fields = try Reader("haproxy/httplog").fields(
      Self.head.replacing("192.0.2.1:5", with: "unix:17") + #""GET / HTTP/1.1""#)
    #expect(fields[.clientIP] == nil)
    #expect(fields[.clientPort] == nil)
    #expect(fields[.clientEndpoint] == "unix:17")
    #expect(fields[.parseStatus] == "ok")
  }

  @Test(arguments: ["999.1.1.1", "1.2.3", "2001:db8", "::1::2", "-", "10.0.0.01"])
  func whatIsNoAddressIsNotOK(_ address: String) throws {
    let fields = try Reader("haproxy/httplog").fields(
      Self.head.replacing("192.0.2.1", with: address) + #""GET / HTTP/1.1""#)
    #expect(fields[.parseStatus] == (address == "-" || address == "10.0.0.01" ? "ok" : "partial"))
    #expect(fields[.clientPort] == "5")
    #expect(fields[.clientIP] == (address == "-" ? "dash" : address == "10.0.0.01" ? "10.0.0.1" : address))
  }

  @Test(
    arguments: [
      (#""GET /a"#, "partial", "/a"), (#""GET /a#2"#, "partial", "/a#2"), (#"""#, "partial", nil),
      (#""GET /a HTTP/1.1"#, "partial", "/a"), (#""GET /a#22 HTTP/1.1""#, "ok", #"/a""#),
      (#"{x|y} {z} "GET /a"#, "partial", "/a"),
      (#"{x|y} {z"#, "failed", nil), (#""GET /a" b"#, "failed", nil), ("", "failed", nil),
    ] as [(String, String, String?)])
  func aLineCutOffWithinItsRequestIsPartial(_ tail: String, _ status: String, _ target: String?) throws {
    let fields = try Reader("haproxy/httplog").read(Self.head + tail).fields
    #expect(fields[.parseStatus] == status)
    #expect(fields[.urlTarget] == target)
    #expect(fields[.httpStatus] == (status == "failed" ? nil : "200"))
  }

  @Test(
    arguments: [
      ("", "ok"), ("{a} ", "ambiguous"), ("{} ", "ambiguous"), ("{a|b} ", "ambiguous"), ("{a} {b} ", "ok"),
      ("{a|b} {} ", "ok"), ("{a} {b} {c} ", "failed"), ("{a{b} ", "failed"), ("{a\"b} ", "failed"),
      ("{a}{b} ", "failed"),
    ])
  func blocksOfCapturesAreNoneOneOrTwo(_ blocks: String, _ status: String) throws {
    let fields = try Reader("haproxy/httplog").read(Self.head + blocks + #""GET / HTTP/1.1""#).fields
    #expect(fields[.parseStatus] == status)
    #expect(fields[.urlPath] == (status == "failed" ? nil : "/"))
  }

  @Test func declaredCapturesLeaveNothingInDoubt() throws {
    let captures = Captures(request: ["Host", "X-Request-ID", "X-Forwarded-For"], response: [])
    let reader = try Reader("haproxy:'\(ShippedFormats.entries[1].string)'", captures: captures)
    let fields = reader.fields(
      Self.head + #"{ex.com|9b2e0c6a-6a3f-4f2e-9d58-0d3c5b1f7a11|192.0.2.9, 10.0.0.1} "GET / HTTP/1.1""#)
    #expect(fields[.urlHost] == "ex.com")
    #expect(fields[.idRequest] == "9b2e0c6a-6a3f-4f2e-9d58-0d3c5b1f7a11")
    #expect(fields[.forwardedFor] == "192.0.2.9, 10.0.0.1")
    #expect(fields[.parseStatus] == "ok")
    // Three were declared.
    #expect(reader.read(Self.head + #"{ex.com|x} "GET / HTTP/1.1""#).fields[.parseStatus] == "failed")
  }

  @Test func escapesStandForTheirBytesWhereHAProxyMakesThem() throws {
    let fields = try Reader("haproxy/httplog").fields(
      Self.head + #"{a#7Cb#7D#23#41#zz#2|x#C3#A9} {y} "GET /#22#09#E9?q=#23 HTTP/1.1""#)
    // #41 would be `A`, which HAProxy never escapes: that `#` is one.
    #expect(fields["http.req_headers.1"] == "a|b}##41#zz#2")
    #expect(fields["http.req_headers.2"] == "x\u{e9}")
    #expect(fields[.urlQuery] == "q=#")
    #expect(fields.json.contains(#""url.target.base64":"LyIJ6T9xPSM=""#))
  }

  @Test func partsOfNoRequestAreNotReached() throws {
    let reader = try Reader("haproxy:'%HM %HU %HV %ST'")
    let fields = reader.fields("<BADREQ> <BADREQ> <BADREQ> 400")
    #expect(fields[.httpMethod] == nil)
    #expect(fields[.urlTarget] == nil)
    #expect(fields[.httpVersion] == nil)
    #expect(fields[.httpStatus] == "400")
    #expect(reader.fields("GET /%3Ca%3E HTTP/0.9 200")[.httpVersion] == "0.9")
  }

  @Test func internalRequestsHaveNoServer() throws {
    let fields = try Reader("haproxy/httpclient").fields(
      Self.head.replacing("192.0.2.1:5", with: "-:-").replacing("be/s", with: "-/-")
        + #""GET http://ocsp.example/ HTTP/1.1""#)
    #expect(fields[.parserFormat] == "haproxy/httpclient")
    #expect(fields[.clientIP] == "dash")
    #expect(fields[.urlHost] == "ocsp.example")
  }

  @Test func minusOneIsNotReachedAndPlusIsAMark() throws {
    let line =
      "192.0.2.1:1 [01/Jan/2026:00:00:00.000] fe be/<NOSRV> 0/-1/-1/-1/+5 503 +212 - - sQ-- 1/1/0/0/+3 0/7 "
      + #""GET / HTTP/1.1""#
    let fields = try Reader("haproxy/httplog").fields(line)
    #expect(fields[.durationQueue] == "not_reached")
    #expect(fields[.durationActive] == "5000000")
    #expect(fields[.durationIncomplete] == "true")
    #expect(fields[.bytesOut] == "212")
    #expect(fields[.bytesIncomplete] == "true")
    #expect(fields[.retries] == "3")
    #expect(fields[.redispatched] == "true")
    #expect(fields[.lbServer] == "<NOSRV>")
    #expect(fields[.termActor] == "server")
    #expect(fields[.termPhase] == "queue")
    #expect(fields[.termTimeout] == "true")
    #expect(fields[.outcome] == "failure")
    #expect(fields[.persistRequest] == "dash")
  }

  @Test(arguments: ["-1", "0", "200"])
  func statusesWithoutAnAnswerAreStatuses(_ status: String) throws {
    let line =
      #"192.0.2.1:1 [01/Jan/2026:00:00:00.000] fe be/s 0/0/0/0/0 \#(status) 0 - - CD-- 1/1/0/0/0 0/0 "GET / "#
      + #"HTTP/1.1""#
    #expect(try Reader("haproxy/httplog").fields(line)[.httpStatus] == status)
  }

  @Test(
    arguments: [
      ("<BADREQ>", nil, nil), ("", nil, nil), ("GET", nil, nil), ("#16#03#01#02", nil, nil),
      ("GET /cut/at/its/lim", "GET", "/cut/at/its/lim"), ("GET /a b c HTTP/1.1", "GET", "/a b c"),
      ("PROPFIND /x", "PROPFIND", "/x"), ("GET http://h.example/p?q HTTP/1.1", "GET", "http://h.example/p?q"),
    ] as [(String, String?, String?)])
  func requestLinesAreReadAsFarAsTheyGo(_ request: String, _ method: String?, _ target: String?) throws {
    let line =
      #"192.0.2.1:1 [01/Jan/2026:00:00:00.000] fe be/s 0/0/0/0/0 400 0 - - PR-- 1/1/0/0/0 0/0 "\#(request)""#
    let fields = try Reader("haproxy/httplog").fields(line)
    #expect(fields[.httpMethod] == method)
    #expect(fields[.urlTarget] == target)
    #expect(fields[.httpStatus] == "400")
    #expect(fields[.outcome] == "denied")
  }

  @Test func tcplogIsAConnection() throws {
    let line = "192.0.2.1:5 [08/Mar/2026:10:11:12.345] tcp-in db/pg1 1/0/5007 2948 cD 3/2/1/1/0 0/0"
    let fields = try Reader("haproxy/tcplog").fields(line)
    #expect(fields[.kind] == "tcp")
    #expect(fields[.timeAccept] == "2026-03-08T10:11:12.345000000Z")
    #expect(fields[.timeEnd] == "2026-03-08T10:11:17.352000000Z")
    #expect(fields[.durationTotal] == "5007000000")
    #expect(fields[.termTimeout] == "true")
    #expect(fields[.outcome] == "aborted")
    #expect(fields[.persistRequest] == nil)
  }

  @Test func httpslogHasTLSBehindTheRequest() throws {
    let line =
      #"192.0.2.1:5 [08/Mar/2026:10:11:12.345] fe~ be/s 0/0/1/2/3 200 100 - - ---- 1/1/0/0/0 0/0 "GET / "#
      + #"HTTP/1.1" "#
      + "0/0/0/0/1 www.example.com/TLSv1.3/TLS_AES_256_GCM_SHA384"
    let fields = try Reader("haproxy/httpslog").fields(line)
    #expect(fields[.tlsSNI] == "www.example.com")
    #expect(fields[.tlsVersion] == "TLSv1.3")
    #expect(fields[.tlsCipher] == "TLS_AES_256_GCM_SHA384")
    #expect(fields[.tlsResumed] == "true")
    #expect(fields[.tlsErrorSSL] == "0")
  }

  @Test func aServerNameWithASlashIsAmbiguous() throws {
    let line =
      #"192.0.2.1:5 [08/Mar/2026:10:11:12.345] fe~ be/s 0/0/1/2/3 200 100 - - ---- 1/1/0/0/0 0/0 "GET / "#
      + #"HTTP/1.1" "#
      + "0/0/0/0/1 x/TLSv1.3/y/TLSv1.2/AES"
    #expect(try Reader("haproxy/httpslog").read(line).fields[.parseStatus] == "ambiguous")
  }

  @Test func commonLogFormatQuotesItsText() throws {
    let line =
      #"192.0.2.1 - - [24/Mar/2026:10:03:58 +0000] "GET /x HTTP/1.1" 200 148 "" "" 37042 345 "frontend" "#
      + #""be" "s1" "#
      + #"0 0 1 2 3 ---- 1 1 0 0 0 0 0 "" """#
    let fields = try Reader("haproxy/clf").fields(line)
    #expect(fields[.clientPort] == "37042")
    #expect(fields[.lbBackend] == "be")
    #expect(fields["%ms"] == "345")
    #expect(fields[.httpRequestCookie] == "empty")
    #expect(fields[.timeQuality] == "explicit_tz")
  }

  @Test func tcpCommonLogFormatFits() throws {
    let line =
      #"192.0.2.1 - - [24/Mar/2026:10:03:58 +0000] "TCP " 000 148 "" "" 37042 005 "fe" "be" "s1" "#
      + #"0 0 1 2 99 SD-- 1 1 0 0 0 0 0 "" """#
    let fields = try Reader("haproxy/tcpclf").fields(line)
    #expect(fields[.bytesIn] == "99")
    #expect(fields[.termActor] == "server")
  }

  @Test func fixedMessagesAreTyped() throws {
    let opened = try Reader("haproxy/default").fields(
      "Connect from 192.0.2.1:80 to 2001:db8::2:443 (www/HTTP)")
    #expect(opened[.localIP] == "2001:db8::2")
    #expect(opened[.lbFrontend] == "www")
    let failed = try Reader("haproxy/error")
      .fields(
        "192.0.2.1:80 [08/Mar/2026:10:11:12.345] www/1: SSL handshake failure (error: no shared cipher)")
    #expect(failed[.lbListener] == "1")
    #expect(failed[.tlsErrorText] == "SSL handshake failure (error: no shared cipher)")
  }
}

import Events
import Formats
import Testing

/// Lines that HAProxy 2.6 wrote for requests chosen to be awkward.
@Suite struct HAProxyRealLineTests {
  @Test func blanksAtTheEndOfCommonLogFormatAreThere() throws {
    let line =
      #"127.0.0.1 - - [23/Nov/2026:07:52:56 +0000] "<BADREQ>" 400 0 "" "" 44776 263 "clf" "clf" "<NOSRV>" "#
      + #"-1 -1 -1 -1 0 PR-- 1 1 0 0 0 0 0 "" "" "#
    let fields = try Reader("auto").fields(line)
    #expect(fields[.parserFormat] == "haproxy/clf")
    #expect(fields[.durationResponse] == "not_reached")
    #expect(fields[.httpMethod] == nil)
  }

  @Test func listedCapturesNeedTheirNumber() throws {
    let line =
      #"127.0.0.1 - - [23/Nov/2026:07:52:56 +0000] "GET /close HTTP/1.1" 502 209 "" "" 39634 266 "fe" "be" "#
      + #""s1" "#
      + #"0 0 0 -1 0 SH-- 1 1 0 0 0 0 0 "" "" "ex.com" "Moz #22q#22 #7Bx#7Cy#7D #231" """#
    #expect(try Reader("haproxy/clf").read(line).fields[.parserFormat] == nil)
    let clf = try #require(ShippedFormats.entries.first { $0.name == "haproxy/clf" })
    let captures = Captures(request: ["Host", "User-Agent"], response: ["Content-Type"])
    let fields = try Reader("haproxy:'\(clf.string)'", captures: captures).fields(line)
    #expect(fields[.urlHost] == "ex.com")
    #expect(fields[.userAgent] == #"Moz "q" {x|y} #1"#)
    #expect(fields["http.resp_headers.content-type"] == "empty")
  }

  @Test func anEmptyQueryLeavesTwoBlanksOrOne() throws {
    let reader = try Reader(
      "haproxy:'%ci|%{+Q}b   %%  %HM %HP %HQ %HV %{+X}ci:%{+X}cp %Ts.%ms %{+E}HU end'")
    let before30 = reader.fields(#"127.0.0.1|"be" % GET /p  HTTP/1.1 7F000001:D6D8 1795420376.267 /p end"#)
    #expect(before30[.urlQuery] == nil)
    #expect(before30[.httpVersion] == "1.1")
    #expect(before30[.clientIP] == "127.0.0.1")
    #expect(before30[.clientPort] == "55000")
    #expect(before30[.timeAccept] == "2026-11-23T07:52:56.267000000Z")
    let since30 = reader.fields(#"127.0.0.1|"be" % GET /p HTTP/1.1 7F000001:D6D8 1795420376.267 /p end"#)
    #expect(since30[.httpVersion] == "1.1")
    let query = reader.fields(
      #"127.0.0.1|"be" % GET /p ?a=b&c=#22d#22 HTTP/1.1 7F000001:D6E6 1795420376.267 /p?a=b&c=#22d#22 end"#)
    #expect(query[.urlQuery] == #"a=b&c="d""#)
    #expect(query[.urlTarget] == #"/p?a=b&c="d""#)
  }

  @Test func nearlyEverythingQuoted() throws {
    let reader = try Reader(
      "haproxy:'%{+Q}o %ci %cp %t %T %Tl %tr %trg %trl %Ts %ms %f %ft %b %s %H %pid %ID %ST %B %U %Ta %Tt "
        + "%ts "
        + "%tsc %rc %rt %lc %hr %hs %hrl %hsl %r %HM %HU %[src] %[var(txn.nope)] %sslv'")
    let fields = reader.fields(
      #""127.0.0.1" 39732 23/Nov/2026:07:52:56.269 23/Nov/2026:07:52:56 +0000 23/Nov/2026:07:52:56 +0000 "#
        + "23/Nov/2026:07:52:56.269 23/Nov/2026:07:52:56 +0000 23/Nov/2026:07:52:56 +0000 1795420376 269 "
        + #""fe" "fe" "fe" "<NOSRV>" "lb1" 30311 "" 400 0 0 0 0 PR PR-- 0 38 2 "<BADREQ>" "<BADREQ>" "#
        + #""<BADREQ>" "127.0.0.1" "" """#)
    #expect(fields[.clientPort] == "39732")
    #expect(fields[.lbNode] == "lb1")
    #expect(fields[.idRequest] == "empty")
    #expect(fields[.idLogCounter] == "2")
    #expect(fields[.idRequestCounter] == "38")
    #expect(fields["%tsc"] == "PR--")
    #expect(fields["%[var(txn.nope)]"] == "empty")
    #expect(fields[.timeStart] == "2026-11-23T07:52:56.269000000Z")
  }

  @Test func missingPortsAndHexadecimalAddressesAreEmptyQuotes() throws {
    let ports = try Reader("haproxy:'%sp= %{+Q}bp} %ft-%{+Q}sc%% %B %{+X,+Q}si a=%{+Q,+X}sp'")
    let missing = ports.fields(#"-= ""} fe53-0% 192 "" a="""#)
    #expect(missing[.parseStatus] == "ok")
    #expect(missing[.lbPort] == "empty")
    #expect(missing[.serverIP] == "empty")
    #expect(missing["%sp"] == "empty")
    let there = ports.fields("20800= 57008} fe53-0% 192 7F000001 a=5140")
    #expect(there[.parseStatus] == "ok")
    #expect(there[.lbPort] == "57008")
    #expect(there[.serverIP] == "127.0.0.1")
  }

  @Test func convertedAddressesAreAddresses() throws {
    let reader = try Reader("haproxy:'%HV %[src,hex] %{+Q}[dst,hex]'")
    let fields = reader.fields(#"HTTP/1.1 7F000001 "00000000000000000000000000000001""#)
    #expect(fields[.parseStatus] == "ok")
    #expect(fields[.clientIP] == "127.0.0.1")
    #expect(fields[.localIP] == "::1")
  }

  @Test func targetsMayHoldWhatEndsThem() throws {
    let target = try Reader("haproxy:'%HU;%TR - [%HQ %sc'")
      .fields("http://abs.example/a;b=c?d;0 - [?d 1")
    #expect(target[.urlTarget] == "http://abs.example/a;b=c?d")
    #expect(target[.durationRequest] == "0")
    let identifier = try Reader("haproxy:'%Tl] %[unique-id]:%fc=%b'")
      .fields("23/Nov/2026:11:59:20 +0000] 7F000001:8D7A_6B042A98_0019:1=ok-b.1")
    #expect(identifier[.idRequest] == "7F000001:8D7A_6B042A98_0019")
    #expect(identifier[.connsFrontend] == "1")
    let once = try Reader("haproxy:'%HP:%HPO %B'")
    #expect(once.fields("/a:/a 5")[.parseStatus] == "ok")
  }

  @Test func expressionsAreNotEscaped() throws {
    let reader = try Reader(
      #"haproxy:'{"ua":"%[capture.req.hdr(0)]","st":%ST,"q":"%HQ","hr":"%hr"}  '"#)
    let fields = reader.fields(
      #"{"ua":"Moz "q" {x|y} #1","st":200,"q":"","hr":"{Moz #22q#22 #7Bx#7Cy#7D #231}"} "#)
    #expect(fields["http.req_headers.1"] == #"Moz "q" {x|y} #1"#)
    #expect(fields[.httpRequestHeaders] == #"Moz "q" {x|y} #1"#)
    let bad = reader.fields(#"{"ua":"-","st":400,"q":"<BADREQ>","hr":""} "#)
    #expect(bad["http.req_headers.1"] == "dash")
  }

  @Test(arguments: [
    (
      #"127.0.0.1:50704 [23/Nov/2026:07:52:57.514] fe~ be/s1 0/0/1/0/1 200 92 - - ---- 1/1/0/0/0 0/0 "GET "#
        + #"/tls HTTP/1.1" "#
        + "0/0000000000000000/0/0/0 -/TLSv1.3/TLS_AES_256_GCM_SHA384", "haproxy/httpslog"
    ),
    ("127.0.0.1:50710 [23/Nov/2026:07:52:57.551] fe/1: SSL handshake failure", "haproxy/error"),
    (
      "127.0.0.1:44684 [23/Nov/2026:07:52:58.459] tcpdead tcpdead/s 1/-1/904 0 SC 1/1/0/0/3 0/0",
      "haproxy/tcplog"
    ),
    ("Connect from 127.0.0.1:39874 to 127.0.0.1:28009 (def/HTTP)", "haproxy/default"),
    (
      #"::1:42934 [23/Nov/2026:07:52:56.977] fe be/s1 0/0/0/0/0 200 92 - SID=srv ---- 1/1/0/0/0 0/0 {x|y} "#
        + #"{} "GET /v6 HTTP/1.1""#,
      "haproxy/httplog"
    ),
  ])
  func autoFindsTheFormat(_ line: String, _ format: String) throws {
    #expect(try Reader("auto").fields(line)[.parserFormat] == format)
  }

  @Test func aCookieWithBlanksIsKeptWhole() throws {
    let line =
      #"127.0.0.1:54930 [23/Nov/2026:07:52:56.259] fe be/s1 0/0/0/0/0 200 92 SID=a b"c; x=y SID=srv ---- "#
      + #"1/1/0/0/0 "#
      + #"0/0 {ex.com} {text/html} "GET /c HTTP/1.1""#
    let fields = try Reader("auto").read(line).fields
    #expect(fields[.parserFormat] == nil)
    #expect(fields[.message] == line)
    #expect(fields[.kind] == "unparsed")
  }
}

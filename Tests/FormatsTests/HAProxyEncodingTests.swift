import Events
import Formats
import Testing

/// Lines as HAProxy 3.x writes them under `+json` and `+cbor`, and values under `+X` and `+E`.
@Suite struct HAProxyEncodingTests {
  private static let json =
    "haproxy:'%{+json}o anonymous %cp %(ip)ci, %(port)cp %(accept)t %(fe)ft %(be)b %(srv)s %(time)Ta %(status)ST "
    + "%(bytes)B %(req)r %(path)HP %(agent)[req.hdr(User-Agent)] %(n)[fc_rtt] %(hr)hr %(list)hsl %(id)ID'"

  @Test func namedItemsOfJSONAreTyped() throws {
    let captures = Captures(request: ["Host", "Referer"], response: ["Content-Type", nil])
    let fields = try Reader(Self.json, captures: captures).fields(
      #"{"ip": "2001:db8::1", "port": 33317, "accept": "08/Mar/2026:10:11:12.345", "fe": "www~", "be": "app", "#
        + #""srv": "<NOSRV>", "time": 86, "status": 200, "bytes": 1234, "req": "GET /a#22b?x=\\y HTTP/1.1", "#
        + #""path": "/a#22b", "agent": "say \"hi\", \\ \"port\": 1}", "n": 17, "hr": "{ex.com|}", "#
        + #""list": ["text/html", "-"], "id": ""}"#)
    #expect(fields[.clientIP] == "2001:db8::1")
    #expect(fields[.clientPort] == "33317")
    #expect(fields[.timeAccept] == "2026-03-08T10:11:12.345000000Z")
    #expect(fields[.lbFrontend] == "www")
    #expect(fields[.lbTLS] == "true")
    #expect(fields[.lbServer] == "<NOSRV>")
    #expect(fields[.durationActive] == "86000000")
    #expect(fields[.httpStatus] == "200")
    #expect(fields[.bytesOut] == "1234")
    #expect(fields[.httpMethod] == "GET")
    #expect(fields[.urlTarget] == #"/a"b?x=\y"#)
    #expect(fields[.httpVersion] == "1.1")
    #expect(fields[.urlPath] == #"/a"b"#)
    #expect(fields[.userAgent] == #"say "hi", \ "port": 1}"#)
    #expect(fields["%[fc_rtt]"] == "17")
    #expect(fields[.urlHost] == "ex.com")
    #expect(fields[.httpReferrer] == "empty")
    #expect(fields["http.resp_headers.content-type"] == "text/html")
    #expect(fields["http.resp_headers.2"] == "dash")
    #expect(fields[.idRequest] == "empty")
    #expect(fields[.parseStatus] == "ok")
  }

  @Test func nullIsNoValue() throws {
    let reader = try Reader("haproxy:'%{+json}o %(hr)hr %(ip)ci %(status)ST %(req)r'", captures: Captures())
    let fields = reader.fields(#"{"hr": null, "ip": "", "status": 0, "req": "<BADREQ>"}"#)
    #expect(fields[.httpRequestHeaders] == "empty")
    #expect(fields[.clientIP] == "empty")
    #expect(fields[.httpStatus] == "0")
    #expect(fields[.httpMethod] == nil)
  }

  @Test func aTypeOverridesHowAValueIsWritten() throws {
    let reader = try Reader("haproxy:'%{+json}o %(s:str)ST %(b:bool)[ssl_fc] %(p:bool)cp'")
    let fields = reader.fields(#"{"s": "503", "b": true, "p": true}"#)
    #expect(fields[.httpStatus] == "503")
    #expect(fields[.clientPort] == nil)
    #expect(fields["%(p:bool)cp"] == "true")
  }

  @Test func aForgedKeyInAValueStaysInTheValue() throws {
    let reader = try Reader("haproxy:'%{+json}o %(ua)[req.hdr(User-Agent)] %(st)ST'")
    let fields = reader.fields(#"{"ua": "x\", \"st\": 1}", "st": 200}"#)
    #expect(fields[.userAgent] == #"x", "st": 1}"#)
    #expect(fields[.httpStatus] == "200")
  }

  @Test func itemsOfCBORAreReadFromTheirDigits() throws {
    let reader = try Reader(
      "haproxy:'%{+cbor}o %(ip)ci %(port)cp %(ta)Ta %(tw)Tw %(req)HU %(none)ID %(tls)[ssl_fc]'")
    // A map without end; text, integers, text in pieces, null, true.
    let fields = reader.fields(
      "BF" + "626970" + "6A31302E302E3132382E39" + "64706F7274" + "198225" + "627461" + "1856" + "627477"
        + "20"
        + "63726571" + "7F622F616323323261" + "62FF" + "646E6F6E65" + "F6" + "63746C73" + "F5" + "FF")
    #expect(fields[.clientIP] == "10.0.128.9")
    #expect(fields[.clientPort] == "33317")
    #expect(fields[.durationActive] == "86000000")
    #expect(fields[.durationQueue] == "not_reached")
    #expect(fields[.urlTarget] == "/a#22b")
    #expect(fields[.idRequest] == "empty")
    #expect(fields[.lbTLS] == "true")
    #expect(fields[.parseStatus] == "ok")
  }

  @Test(arguments: [
    "BF6269706131FF00", "BF62697061", "BF626970FF", "bf6269706131ff", "BF6269707F61FF",
    "BF626970BB0000000000000001FF",
  ])
  func whatIsNotTheMapDoesNotFit(_ line: String) throws {
    let fields = try Reader("haproxy:'%{+cbor}o %(ip)ci'").read(line).fields
    #expect(fields[.parserFormat] == nil)
    #expect(fields[.message] == line)
  }

  @Test func encodingHoldsForTheWholeLineOnlyWhenEverySetterHasIt() throws {
    let fields = try Reader("haproxy:'ip=%{+json}ci port=%cp'").fields(#"ip="192.0.2.1" port=5"#)
    #expect(fields[.clientIP] == "192.0.2.1")
    #expect(fields[.clientPort] == "5")
  }

  @Test func hexadecimalIsTyped() throws {
    let reader = try Reader("haproxy:'%{+X}o %ci:%cp %{-X}si %pid %rt %lc %Ts %ms %{+Q}b'")
    let fields = reader.fields(#"C0000201:01BB 10.0.0.1 1F90A 0010 FFFFFFFF 5C5342A0 7B "be""#)
    #expect(fields[.clientIP] == "192.0.2.1")
    #expect(fields[.clientPort] == "443")
    #expect(fields[.serverIP] == "10.0.0.1")
    #expect(fields[.lbPID] == "129290")
    #expect(fields[.idRequestCounter] == "16")
    #expect(fields[.idLogCounter] == "4294967295")
    #expect(fields[.timeAccept] == "2019-01-31T18:46:56.000000000Z")
    #expect(fields[.parseStatus] == "ok")
    let six = reader.fields(#"20010DB8000000000000000000000001:FFFF - 1F90A 0010 0000 5C5342A0 07 "be""#)
    #expect(six[.clientIP] == "2001:db8::1")
    let odd = reader.fields(#"c0000201:1BB - 1F90A 10 00000 5C5342A0 07 "be""#)
    #expect(odd[.clientIP] == "c0000201")
    #expect(odd[.parseStatus] == "partial")
  }

  @Test func structuredDataIsRead() throws {
    let captures = Captures(request: ["User-Agent"], response: [])
    let elements = try HAProxyFormat.compileStructuredData(
      #"%{+Q,+E}o [exampleSDID@1234 header=%[capture.req.hdr(0)] id=%ID rt=%rt] "#, captures: captures)
    let body = try FormatSpec.parse("haproxy/tcplog")
    let reader = Reader(SyslogHeaders.templates(around: body, structuredData: elements))
    let line =
      #"<134>1 2026-01-01T00:00:00.123456+01:00 lb1 haproxy 7332 - [exampleSDID@1234 header="a \"b\" \\ \] c" "#
      + #"id="" rt=17] 192.0.2.1:5 [08/Mar/2026:10:11:12.345] tcp-in db/pg1 1/0/5007 2948 -- 3/2/1/1/0 0/0"#
    let fields = reader.fields(line)
    #expect(fields[.userAgent] == #"a "b" \ ] c"#)
    #expect(fields[.idRequest] == "empty")
    #expect(fields[.idRequestCounter] == "17")
    #expect(fields[.parserFormat] == "haproxy/tcplog")
    #expect(fields[.durationTotal] == "5007000000")
    let other = reader.fields(
      line.replacing("exampleSDID", with: "other").replacing("192.0.2.1:5", with: "nobody knows:"))
    #expect(other[.syslogSD]?.hasPrefix("[other@1234") == true)
    #expect(other[.kind] == "unparsed")
  }

  @Test func errorFormatsAreErrors() throws {
    let templates = try HAProxyFormat.compileError(
      "%ci:%cp [%tr] %ft %[fc_err]/%[ssl_fc_err,hex]/%[ssl_c_err] %sslv")
    let fields = Reader(templates).fields("192.0.2.1:5 [08/Mar/2026:10:11:12.345] www~ 30/0A000416/0 TLSv1.3")
    #expect(fields[.kind] == "tls_error")
    #expect(fields[.tlsErrorConnection] == "30")
    #expect(fields[.tlsErrorSSL] == "0A000416")
    #expect(fields[.lbTLS] == "true")
  }
}

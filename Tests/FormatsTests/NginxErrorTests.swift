import Events
import Formats
import Testing

/// Lines that Nginx 1.22 wrote into its error log.
@Suite struct NginxErrorTests {
  private func reader() throws -> Reader { try Reader("nginx/combined", headers: true) }

  @Test func everyPartIsAField() throws {
    let fields = try reader().fields(
      "2026/11/23 10:56:23 [error] 4699#4701: *1 connect() failed (111: Connection refused) while connecting to "
        + #"upstream, client: 127.0.0.1, server: www.example.com, request: "GET /up?x=1&y=2 HTTP/1.1", upstream: "#
        + #""http://127.0.0.1:39981/?x=1&y=2", host: "127.0.0.1:39980", referrer: "http://ref/"x""#)
    #expect(fields[.kind] == "error_log")
    #expect(fields[.parseStatus] == "ok")
    #expect(fields[.time] == "2026-11-23T10:56:23.000000000Z")
    #expect(fields[.timeQuality] == "configured_tz")
    #expect(fields["log.level"] == "error")
    #expect(fields[.lbPID] == "4699")
    #expect(fields[.lbThread] == "4701")
    #expect(fields[.idConnection] == "1")
    #expect(fields[.message] == "connect() failed (111: Connection refused) while connecting to upstream")
    #expect(fields[.clientIP] == "127.0.0.1")
    #expect(fields[.lbFrontend] == "www.example.com")
    #expect(fields[.httpMethod] == "GET")
    #expect(fields[.urlTarget] == "/up?x=1&y=2")
    #expect(fields[.httpVersion] == "1.1")
    #expect(fields[.lbServer] == "127.0.0.1:39981")
    #expect(fields[.serverPort] == "39981")
    #expect(fields[.urlHost] == "127.0.0.1:39980")
    #expect(fields[.httpReferrer] == #"http://ref/"x"#)
    #expect(fields[.retries] == nil)
  }

  @Test(
    arguments: [
      (
        "2026/11/23 10:56:22 [notice] 4697#4697: using the \"epoll\" event method",
        "using the \"epoll\" event method", nil
      ),
      (
        "2026/11/23 10:56:23 [info] 4699#4699: *1 client 127.0.0.1 closed keepalive connection",
        "client 127.0.0.1 closed keepalive connection", nil
      ),
      (
        "2026/11/23 10:56:23 [info] 4699#4699: *31 client sent invalid method while reading client request line, client: "
          + #"127.0.0.1, server: , request: "hello""#,
        "client sent invalid method while reading client request line", "127.0.0.1"
      ),
      (
        #"2026/11/23 10:56:23 [error] 4699#4699: *23 directory index of "/www/" is forbidden, client: ::1, server: "#
          + #"www.example.com, request: "GET / HTTP/1.1", host: "[::1]:39980""#,
        #"directory index of "/www/" is forbidden"#, "::1"
      ),
      (
        "2026/11/23 10:56:23 [error] 4699#4699: *34 connect() failed (111: Connection refused) while connecting to "
          + #"upstream, client: 127.0.0.1, server: 127.0.0.1:39987, upstream: "127.0.0.1:39981", bytes from/to "#
          + "client:0/0, bytes from/to upstream:0/0",
        "connect() failed (111: Connection refused) while connecting to upstream", "127.0.0.1"
      ),
      (
        "2026/11/23 10:56:24 [info] 4699#4699: *40 udp client disconnected, udp client: 127.0.0.1, server: "
          + "127.0.0.1:39989, bytes from/to client:2/0, bytes from/to upstream:0/2",
        "udp client disconnected", "127.0.0.1"
      ),
      (
        "2026/11/23 10:56:24 [crit] 1#1: *40 SSL_do_handshake() failed (SSL: error:0A00006C) while SSL handshaking, "
          + "client: unix:, server: 0.0.0.0:443",
        "SSL_do_handshake() failed (SSL: error:0A00006C) while SSL handshaking", "unix:"
      ),
    ] as [(String, String, String?)])
  func partsThatAreNotThereAreAbsent(_ line: String, _ message: String, _ client: String?) throws {
    let fields = try reader().fields(line)
    #expect(fields[.parserFormat] == "nginx/error")
    #expect(fields[.message] == message)
    #expect(fields[.clientIP] ?? fields[.clientEndpoint] == client)
    #expect(fields[.parseStatus] == "ok")
    #expect(fields[.httpReferrer] == nil)
  }

  @Test func overSyslogTheHeaderHasTheTime() throws {
    let fields = try reader().fields(
      "<187>Nov 23 10:56:23 lb1 nginx: 2026/11/23 10:56:23 [error] 7#8: *9 access forbidden by rule, client: "
        + #"127.0.0.1, server: www.example.com, request: "POST /deny HTTP/1.1", host: "a""#)
    #expect(fields[.parserFormat] == "nginx/error")
    #expect(fields[.syslogSeverity] == "3")
    #expect(fields[.idConnection] == "9")
    let bare = try reader().fields("<187>Nov 23 10:56:23 lb1 nginx: [error] 7#8: *9 access forbidden by rule")
    #expect(bare[.message] == "access forbidden by rule")
    #expect(bare[.lbPID] == "7")
    #expect(bare[.time]?.hasSuffix("-11-23T10:56:23.000000000Z") == true)
  }

  @Test func quotesInATargetStayInIt() throws {
    let fields = try reader().fields(
      #"2026/11/23 10:56:23 [error] 4699#4699: *27 open() "/www/missing/a"b" failed (2: No such file or directory), "#
        + #"client: 127.0.0.1, server: www.example.com, request: "GET /missing/a"b HTTP/1.1", host: "real""#)
    #expect(fields[.urlTarget] == #"/missing/a"b"#)
    #expect(fields[.urlHost] == "real")
    #expect(fields[.parseStatus] == "ok")
  }

  /// What a client wrote into its request line must not pass for the host that it asked for.
  @Test(
    arguments: [
      (#"request: "GET /", host: "evil HTTP/1.1""#, #"/", host: "evil"#),
      (#"request: "GET /up", host: "evil" HTTP/1.1""#, #"/up", host: "evil""#),
      (#"request: "GET /up HTTP/1.1", host: "evil""#, nil), (#"request: "GET /up", host: "evil""#, nil),
    ] as [(String, String?)])
  func forgedPartsAreNotBelieved(_ parts: String, _ target: String?) throws {
    let fields = try reader().fields(
      "2026/11/23 10:56:23 [info] 4699#4699: *25 client sent invalid request while reading client request line, "
        + "client: 127.0.0.1, server: www.example.com, \(parts)")
    #expect(fields[.parseStatus] == (target == nil ? "ambiguous" : "ok"))
    #expect(fields[.urlHost]?.contains("evil") != true)
    #expect(fields[.idConnection] == "25")
    if let target { #expect(fields[.urlTarget] == target) }
  }

  @Test func aForgedClientIsAmbiguous() throws {
    let fields = try reader().fields(
      #"2026/11/23 10:56:23 [error] 1#1: *2 open() "/x, client: 10.9.9.9, server: y" failed, client: 127.0.0.1, "#
        + #"server: www.example.com, request: "GET /x HTTP/1.1""#)
    #expect(fields[.parseStatus] == "ambiguous")
    #expect(fields[.clientIP] == nil)
  }
}

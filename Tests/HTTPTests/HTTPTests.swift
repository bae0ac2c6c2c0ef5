import Glibc
import HTTP
import Platform
import TestSupport
import Testing

/// The client against the server, over loopback.
@Suite struct HTTPTests {
  @Test func bodiesAndHeadersArriveAsTheyWereSent() throws {
    try withServer { address in
      let client = HTTPClient()
      let body = (0..<50_000).map { UInt8(truncatingIfNeeded: $0) }
      for _ in 0..<3 {
        let answer = try client.post(
          "\(address)/echo", body, type: "application/x-test", headers: [HTTPHeader("X-Asked", "so")])
        #expect(answer.status == 200)
        #expect(answer.body == body)
        #expect(answer.contentType == "application/x-test")
        #expect(answer.header("x-seen") == "so")
      }
      let page = try client.get("\(address)/page/a%20b?c=d")
      #expect(String(decoding: page.body, as: UTF8.self) == "/page/a%20b c=d\n")
      #expect(page.contentType == "text/plain")
      let empty = try client.post("\(address)/echo", [], type: "text/plain")
      #expect(empty.body.isEmpty)
    }
  }

  @Test func whatIsNotThereIs404AndWhatIsNotAllowedIs405() throws {
    try withServer { address in
      let client = HTTPClient()
      #expect(try client.get("\(address)/nowhere").status == 404)
      let refused = try client.get("\(address)/echo")
      #expect(refused.status == 405)
      #expect(refused.header("allow") == "POST")
    }
  }

  @Test func aSocketServesToo() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/http.sock"
      let address = try HTTPListenAddress("unix://\(path)")
      let server = try RunningHTTPServer(address, [HTTPRoute("GET", "/") { _ in HTTPReply(200, "here") }])
      defer { server.stop() }
      var options = HTTPClient.Options()
      options.socket = path
      #expect(try HTTPClient(options).get("http://localhost/").body == Array("here\n".utf8))
    }
  }

  @Test func stoppingAnswersWhatIsUnderWay() throws {
    let started = Gate()
    let slow = HTTPRoute("GET", "/slow") { _ in
      started.open()
      Clock.sleep(nanoseconds: 300_000_000)
      return HTTPReply(200, "done")
    }
    let server = try RunningHTTPServer(.host("127.0.0.1", port: 0), [slow])
    let status = Box(0)
    let address = server.address
    let thread = try Thread(name: "ask") {
      let answer = try? HTTPClient().get("\(address)/slow")
      status.value = answer?.status ?? -1
    }
    started.wait()
    server.stop()
    thread.join()
    #expect(status.value == 200)
    #expect(throws: HTTPError.self) { try HTTPClient().get("\(address)/slow") }
  }

  // MARK: The client

  @Test func aLargeAnswerIsNotRead() throws {
    let large = HTTPRoute("GET", "/large") { _ in HTTPReply(200, [UInt8](repeating: 1, count: 100_001)) }
    try withServer(HTTPServer.Limits(), [large]) { address in
      var options = HTTPClient.Options()
      options.answerLimit = 100_000
      let error = #expect(throws: HTTPError.self) { try HTTPClient(options).get("\(address)/large") }
      #expect(error?.reason == .tooLarge(limit: 100_000))
      options.answerLimit = 100_001
      let whole = try HTTPClient(options).get("\(address)/large")
      #expect(whole.body.count == 100_001)
    }
  }

  @Test func errorsNameTheURLAndWhatHelps() throws {
    let nobody = "http://127.0.0.1:1/add-checkpoint"
    let refused = #expect(throws: HTTPError.self) { try HTTPClient().get(nobody) }
    #expect(refused?.reason == .refused)
    #expect(refused?.description.hasPrefix("\(nobody): nobody accepts connections there; check") == true)
    let unknown = #expect(throws: HTTPError.self) { try HTTPClient().get("http://no-such-host.invalid/") }
    #expect(unknown?.reason == .unknownHost)
    let invalid = [
      "file:///etc/passwd", "ftp://127.0.0.1/", "http://127.0.0.1/a b", "http://127.0.0.1/\r\nX: y", "",
    ]
    for url in invalid {
      let error = #expect(throws: HTTPError.self) { try HTTPClient().get(url) }
      #expect(error?.reason == .invalidURL)
    }
    let header = #expect(throws: HTTPError.self) {
      try HTTPClient().get(nobody, headers: [HTTPHeader("X-A", "1\r\nX-B: 2")])
    }
    #expect(header?.reason == .invalidHeader("X-A"))
  }

  @Test func aServerThatDoesNotAnswerCostsTheTimeOutOnly() throws {
    let slow = HTTPRoute("GET", "/slow") { _ in
      Clock.sleep(nanoseconds: 1_000_000_000)
      return HTTPReply(200)
    }
    try withServer(HTTPServer.Limits(), [slow]) { address in
      var options = HTTPClient.Options()
      options.timeout = 100_000_000
      let error = #expect(throws: HTTPError.self) { try HTTPClient(options).get("\(address)/slow") }
      #expect(error?.reason == .timedOut)
    }
  }

  @Test func aClientThatIsCancelledGivesUp() throws {
    let slow = HTTPRoute("GET", "/slow") { _ in
      Clock.sleep(nanoseconds: 2_500_000_000)
      return HTTPReply(200)
    }
    try withServer(HTTPServer.Limits(), [slow]) { address in
      let client = HTTPClient()
      let thread = try Thread(name: "cancel") {
        Clock.sleep(nanoseconds: 50_000_000)
        client.cancel()
      }
      let error = #expect(throws: HTTPError.self) { try client.get("\(address)/slow") }
      #expect(error?.reason == .cancelled)
      thread.join()
    }
  }

  @Test func redirectsAreAnswersAndProxiesAreNotUsed() throws {
    unsafe setenv("http_proxy", "http://127.0.0.1:1", 1)
    unsafe setenv("all_proxy", "http://127.0.0.1:1", 1)
    defer {
      unsafe unsetenv("http_proxy")
      unsafe unsetenv("all_proxy")
    }
    let moved = HTTPRoute("GET", "/moved") { _ in
      HTTPReply(302, headers: [HTTPHeader("Location", "file:///etc/passwd")])
    }
    try withServer(HTTPServer.Limits(), [moved]) { address in
      let answer = try HTTPClient().get("\(address)/moved")
      #expect(answer.status == 302)
      #expect(answer.body.isEmpty)
    }
  }

  @Test func onlyAuthoritiesThatWereGivenAreBelieved() throws {
    let openssl = try #require(Program.find("openssl"))
    try withTemporaryDirectory { directory in
      let (certificate, key) = (directory + "/tls.crt", directory + "/tls.key")
      let made = try Program.run(
        openssl,
        [
          "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
          "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2", "-keyout", key, "-out",
          certificate,
        ])
      try #require(made.status == 0, "\(made.errors)")
      let server = try Program(
        openssl, ["s_server", "-accept", "127.0.0.1:0", "-www", "-cert", certificate, "-key", key])
      defer { server.signal(SIGKILL) }
      var port: Substring?
      let isUp = server.wait(10) { server in
        let text = String(decoding: server.output, as: UTF8.self)
        port = text.split(separator: "\n").first { $0.hasPrefix("ACCEPT 127.0.0.1:") }?.dropFirst(17)
        return port != nil
      }
      try #require(isUp, "\(server.errors)")
      let url = "https://127.0.0.1:\(port ?? "")/"
      var options = HTTPClient.Options()
      options.authorities = certificate
      #expect(try HTTPClient(options).get(url).status == 200)
      let untrusted = #expect(throws: HTTPError.self) { try HTTPClient().get(url) }
      #expect(untrusted?.reason == .untrusted)
      options.authorities = directory + "/none.crt"
      let unreadable = #expect(throws: HTTPError.self) { try HTTPClient(options).get(url) }
      #expect(unreadable?.reason == .authorities(directory + "/none.crt"))
    }
  }
}

/// The server against peers that mean no good.
@Suite struct HostilePeerTests {
  @Test func bodiesOverTheLimitAreRefused() throws {
    var limits = HTTPServer.Limits()
    limits.body = 1000
    try withServer(limits) { address in
      let connection = try RawConnection(address)
      connection.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n")
      #expect(connection.readToEnd().hasPrefix("HTTP/1.1 413 "))
      // Without a length it is found out on the way.
      let chunked = try RawConnection(address)
      chunked.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
      chunked.send("3e8\r\n" + String(repeating: "a", count: 1000) + "\r\n1\r\nb\r\n")
      #expect(chunked.readToEnd().hasPrefix("HTTP/1.1 413 "))
      let answer = try HTTPClient().post("\(address)/echo", [UInt8](repeating: 7, count: 1000), type: "a/b")
      #expect(answer.body.count == 1000)
    }
  }

  @Test func slowBodiesAndSilenceEndTheConnection() throws {
    var limits = HTTPServer.Limits()
    limits.bodyTime = .milliseconds(300)
    limits.idleSeconds = 1
    try withServer(limits) { address in
      let slow = try RawConnection(address)
      slow.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\na")
      #expect(slow.readToEnd().hasPrefix("HTTP/1.1 408 "))
      let silent = try RawConnection(address)
      silent.send("POST /echo HTT")
      #expect(silent.readToEnd().isEmpty)
    }
  }

  @Test func garbageAndHugeHeadsAreRefused() throws {
    try withServer { address in
      let garbage = try RawConnection(address)
      garbage.send("\u{1}\u{2}\u{3} not HTTP\r\n\r\n")
      #expect(garbage.readToEnd().hasPrefix("HTTP/1.1 400 "))
      let huge = try RawConnection(address)
      let value = String(repeating: "a", count: 100_000)
      huge.send("GET /page/a HTTP/1.1\r\nHost: a\r\nX-A: \(value)\r\n\r\n")
      #expect(!huge.readToEnd().hasPrefix("HTTP/1.1 200 "))
      #expect(try HTTPClient().get("\(address)/page/a").status == 200)
    }
  }

  @Test func anAddressInUseIsSaid() throws {
    try withServer { address in
      let error = #expect(throws: HTTPServerError.self) { _ = try RunningHTTPServer(address, []) }
      #expect(error?.description.hasPrefix("cannot listen on \(address): ") == true)
    }
  }

  @Test(arguments: [
    ("http://127.0.0.1:80", "http://127.0.0.1:80"), ("http://[::1]:8080/", "http://[::1]:8080"),
    ("unix:///run/a.sock", "unix:///run/a.sock"),
  ]) func addressesAreRead(text: String, printed: String) throws {
    let address = try HTTPListenAddress(text)
    #expect("\(address)" == printed)
  }

  @Test(arguments: [
    "", "http://", "http://a", "https://a:1", "http://::1:1", "unix://a", "http://a:99999", "unix:///",
  ])
  func whatIsNoAddressIsRefused(text: String) {
    #expect(throws: HTTPListenAddress.Invalid.self) { _ = try HTTPListenAddress(text) }
  }
}

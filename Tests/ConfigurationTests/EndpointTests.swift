import Testing

@testable import stele

@Suite struct EndpointTests {
  @Test(arguments: [
    "udp://127.0.0.1:5514", "tcp://[::1]:601", "tls://logs.example.com:6514", "unix:///run/stele/nginx.sock",
    "udp://0.0.0.0:0", "unix-stream:///run/stele/audit.sock",
  ])
  func urlsComeBackAsTheyWere(_ url: String) throws { #expect(try Endpoint(url).url == url) }

  @Test(arguments: [
    ("", "must begin with"), ("127.0.0.1:514", "must begin with"), ("http://a:1", "not one of udp"),
    ("udp://127.0.0.1", "a port must follow"), ("udp://127.0.0.1:", "a port must follow"),
    ("udp://127.0.0.1:65536", "a port must follow"), ("udp://:514", "a host must stand"),
    ("tcp://::1:514", "in brackets"), ("tcp://a/b:514", "a host must stand"),
    ("unix://run/x", "absolute path"), ("unix-stream://run/x", "absolute path: unix-stream:///run"),
    ("unix:///" + String(repeating: "x", count: 107), "107 bytes"),
  ])
  func whatIsNoPlaceIsRefusedWithTheReason(_ url: String, _ reason: String) {
    #expect {
      _ = try Endpoint(url)
    } throws: { "\($0)".contains(reason) && "\($0)".contains("'\(url)'") }
  }

  @Test func namesOfSourcesTellWhereTheyListen() throws {
    #expect(SourceSettings.name(for: try Endpoint("tls://0.0.0.0:6514")) == "tls-6514")
    #expect(SourceSettings.name(for: try Endpoint("unix:///run/stele/nginx.sock")) == "unix-nginx")
    #expect(SourceSettings.name(for: try Endpoint("unix-stream:///run/a.sock")) == "unix-stream-a")
  }
}

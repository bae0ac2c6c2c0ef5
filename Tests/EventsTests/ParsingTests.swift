import Bytes
import Events
import Templates
import Testing

/// What an event says of the parsing of its line, and of who sent it.
@Suite struct ParsingTests {
  private static let context = EventContext(receiveTime: 1_767_225_600_000_000_000)

  private func event(_ format: String?, _ body: (inout Event) -> Void) -> Event {
    var event = Event()
    body(&event)
    event.finish(format: format, Self.context)
    return event
  }

  private func word(_ event: borrowing Event, _ field: Field) -> String? { event.bytes(field)?.text }

  @Test(arguments: [
    ("failed", #"GET /"#, "format"), ("failed", #""GET / HTTP"#, "unclosed_quote"),
    ("failed", #"a "b\" c" d"#, "format"), ("failed", #"a "b\\" c" d"#, "unclosed_quote"),
    ("failed", "one\ntwo", "line_feed"), ("ambiguous", #"x "y" z"#, "ambiguous"),
  ])
  func whatDidNotFitIsNamed(_ status: String, _ line: String, _ error: String) {
    let event = event(nil) {
      $0.set(.message, text: line)
      $0.set(.parseStatus, text: status)
    }
    #expect(word(event, .parseError) == error)
    #expect(word(event, .kind) == "unparsed")
  }

  @Test func aValueOfTheWrongTypeIsNamedWithItsPlace() {
    let event = event("nginx/x") { event in
      for (slot, text, offset) in [
        (Slot("client.ip", .address), "192.0.2.1", 0), (Slot("http.status", .status), "teapot", 10),
        (Slot("bytes.out", .integer), "many", 17),
      ] {
        Array(text.utf8).withView { event.add(SlotMeaning(slot), $0, Self.context, at: offset) }
      }
    }
    #expect(word(event, .parseStatus) == "partial")
    #expect(word(event, .parseError) == "type http.status")
    #expect(event[.parseOffset] == .integer(10))
  }

  @Test func aLineFeedInAValueIsFlagged() {
    let event = event("nginx/x") { event in
      Array("a\nb".utf8).withView { event.add(SlotMeaning(Slot("user_agent")), $0, Self.context) }
    }
    #expect(word(event, .parseStatus) == "ok")
    #expect(word(event, .parseError) == "line_feed")
  }

  @Test func nullsOfALineWithoutFormatAreUnparsed() {
    let failed = event(nil) { $0.set(.message, text: "x") }
    #expect(failed[.durationConnect] == .null(.unparsed))
    #expect(failed[.sourcePeerIP] == .null(.absent))
    let fitted = event("nginx/combined") { $0.set(.httpMethod, text: "GET") }
    #expect(fitted[.durationConnect] == .null(.absent))
    var statement = Event()
    statement.finish(format: nil, Self.context, isStatement: true)
    #expect(statement[.durationConnect] == .null(.absent))
  }

  @Test(arguments: [
    ("edge-1", "CN=edge-1,O=Example", false), ("EDGE-1", "CN=edge-1", false), ("edge-2", "CN=edge-1", true),
    ("edge-1.example.com", "O=x; DNS:a.example.com, DNS:edge-1.example.com", false),
    ("edge-1", "CN=x; DNS:edge-1.example.com", false),
    ("edge-1.other.net", "CN=x; DNS:edge-1.example.com", true),
    ("lb.example.com", "CN=*.example.com", false), ("a.b.example.com", "CN=*.example.com", true),
    ("192.0.2.9", "CN=x; IP Address:192.0.2.9", false), ("O=Example", "CN=x,O=Example", true),
  ])
  func aClaimedHostIsComparedWithTheCertificate(_ host: String, _ identity: String, _ isMismatch: Bool) {
    let event = event("nginx/x") {
      $0.set(.syslogHost, text: host)
      $0.set(.sourcePeerIdentity, text: identity)
    }
    #expect(event[.sourceClaimMismatch] == .flag(isMismatch))
  }

  @Test func aClaimedAddressIsComparedWithThePeers() {
    for (host, value) in [
      ("192.0.2.1", Value.flag(false)), ("192.0.2.2", .flag(true)), ("edge", .null(.absent)),
      ("::ffff:192.0.2.1", .flag(false)),
    ] {
      let event = event("nginx/x") {
        $0.set(.syslogHost, text: host)
        $0.set(.sourcePeerIP, .address(Address(ipv4: 0xC000_0201)))
      }
      #expect(event[.sourceClaimMismatch] == value, "\(host)")
    }
  }

  @Test func kindsFollowFromTheFormatAndTheLine() {
    let cases: [(String, [Field: String], String)] = [
      ("haproxy/error", ["tls.error.text": "SSL handshake failure"], "tls_error"),
      ("haproxy/default", [:], "tcp"), ("haproxy/backend-down", [:], "lb_health"),
      ("nginx/error", [:], "error_log"),
      ("haproxy/proxy-pause", [:], "lb_proc"), ("haproxy/address-change", [:], "lb_admin"),
      ("nginx:$x", ["http.method": "GET"], "http"),
      ("nginx/stream", ["net.transport": "UDP"], "udp_session"),
      ("nginx/stream", ["net.transport": "TCP"], "tcp"),
      ("envoy:x", ["tls.error.text": "TLS_error"], "tls_error"),
    ].map {
      (
        $0.0,
        Dictionary(
          uniqueKeysWithValues: $0.1.compactMap { pair in Field(pair.key).map { ($0, pair.value) } }), $0.2
      )
    }
    for (format, fields, kind) in cases {
      let event = event(format) { for (field, text) in fields { $0.set(field, text: text) } }
      #expect(word(event, .kind) == kind, "\(format) \(fields)")
    }
  }
}

import Bytes
import Events
import Templates
import Testing

@Suite struct EventTests {
  static let context = EventContext(receiveTime: 1_767_225_600_000_000_000)

  /// An event of slots and their bytes, finished under `format`.
  private func event(_ format: String?, _ slots: [(Slot, [UInt8])]) -> Event {
    var event = Event()
    for (slot, bytes) in slots { bytes.withView { event.add(SlotMeaning(slot), $0, Self.context) } }
    event.finish(format: format, Self.context)
    return event
  }

  private func event(_ format: String?, _ texts: [String: String]) -> Event {
    event(format, texts.sorted { $0.key < $1.key }.map { (Slot($0.key), Array($0.value.utf8)) })
  }

  private func json(_ event: borrowing Event, nullReasons: Bool = false) -> String {
    var out = ByteBuffer()
    event.appendJSON(to: &out, nullReasons: nullReasons)
    return out.view.text
  }

  private func word(_ event: borrowing Event, _ field: Field) -> String? { event.bytes(field)?.text }

  @Test func bytesThatAreNotUTF8AreKeptExactly() {
    let event = event(nil, [(Slot("user_agent"), [0x61, 0xFF, 0x22, 0xC3, 0xA9, 0x0A, 0xED, 0xA0, 0x80])])
    #expect(
      json(event).contains(
        "\"user_agent\":\"a\u{FFFD}\\\"é\\n\u{FFFD}\u{FFFD}\u{FFFD}\",\"user_agent.base64\":\"Yf8iw6kK7aCA\"")
    )
  }

  @Test(arguments: [
    ([0xFF], "/w=="), ([0xFF, 0], "/wA="), ([0xFF, 0, 0x3E], "/wA+"), ([0xFF, 0, 0x3E, 0xFF], "/wA+/w=="),
  ])
  func base64IsPadded(_ bytes: [UInt8], _ text: String) {
    let event = event(nil, [(Slot("user_agent"), bytes)])
    #expect(json(event).contains("\"user_agent.base64\":\"\(text)\""))
  }

  @Test func jsonIsFlatTypedAndInTableOrder() {
    let event = event(
      "nginx/x",
      [
        (Slot("$zeta"), Array("z\u{1}\u{7F}\t".utf8)), (Slot("http.status", .status), Array("404".utf8)),
        (Slot("dur.active", .decimal, unit: .seconds), Array("1.25".utf8)),
        (Slot("client.ip", .address), Array("2001:DB8:0:0::1".utf8)),
        (Slot("http.referrer"), Array("-".utf8)),
        (Slot("$count", .integer), Array("7".utf8)),
      ])
    #expect(
      json(event)
        == #"{"recv_time":"2026-01-01T00:00:00.000000000Z","time":"2026-01-01T00:00:00.000000000Z","#
        + #""time_quality":"receive_time","kind":"http","parser.format":"nginx/x","parse.status":"ok","#
        + #""lb.product":"nginx","client.ip":"2001:db8::1","http.status":404,"http.referrer":null,"#
        + #""dur.active":1250000000,"term.actor":"none","term.phase":"end","term.timeout":false,"#
        + #""outcome":"failure","$zeta":"z\u0001\u007f\t","$count":7}"#)
    #expect(json(event, nullReasons: true).hasSuffix(#","$count":7,"nulls":{"http.referrer":"dash"}}"#))
  }

  @Test func theLineForPeopleShowsWhatMatters() {
    let event = event(
      "haproxy/x",
      [
        (Slot("time_start", .clfTime), Array("01/Jan/2026:00:00:00.123".utf8)),
        (Slot("client.ip", .address), Array("192.0.2.1".utf8)),
        (Slot("http.method"), Array("GET".utf8)), (Slot("url.target"), Array("/s?q=\u{1B}[2J".utf8)),
        (Slot("url.host"), Array("www.example.com".utf8)), (Slot("http.status", .status), Array("200".utf8)),
        (Slot("dur.active", .plusInteger, unit: .milliseconds), Array("86".utf8)),
        (Slot("bytes.out", .plusInteger), Array("38576".utf8)),
        (Slot("lb.backend"), Array("be_app".utf8)), (Slot("lb.server"), Array("srv04".utf8)),
        (Slot("term.raw"), Array("sD--".utf8)),
      ])
    var out = ByteBuffer()
    event.appendLine(to: &out)
    #expect(
      out.view.text
        == "2026-01-01 00:00:00.123  -             192.0.2.1        GET www.example.com/s?q=\\x1B[2J  "
        + "200 sD--  86ms  38.5kB  be_app/srv04")
  }

  @Test func aLineAboutAServerIsShownInItsOwnWords() {
    var event = event("haproxy/server", [])
    event.set(.kind, text: "lb_health")
    event.set(.sourceID, text: "edge")
    let message = "Server app/s1 is DOWN, reason: \u{1B}[2J."
    event.set(.raw, text: "<134>h[1]: \(message)")
    event.setBody(at: 11)
    var out = ByteBuffer()
    event.appendLine(to: &out)
    #expect(
      out.view.text == "2026-01-01 00:00:00.000  edge          Server app/s1 is DOWN, reason: \\x1B[2J.")
  }

  @Test(arguments: [
    (#"{"type":"heartbeat"}"#, "heartbeat"),
    (
      #"{"type":"started","version":"1,\"0","recovered":{"a":[1,2]},"x":[]}"#,
      #"started version="1,\"0" recovered={"a":[1,2]} x=[]"#
    ),
    (#"{"type":"started","a"#, "started"), ("{", "started"), (#"{"type":"started","#, "started"),
    (#"{"a\"#, "started"),
  ])
  func aStatementIsShownAsItsTypeAndMembers(_ raw: String, _ text: String) {
    var event = event(nil, [:])
    event.set(.kind, text: "collector")
    event.set(.action, text: raw.contains("heartbeat") ? "heartbeat" : "started")
    event.set(.raw, text: raw)
    var out = ByteBuffer()
    event.appendLine(to: &out)
    #expect(out.view.text == "2026-01-01 00:00:00.000  -             " + text)
  }

  @Test func anUnparsedLineIsShownWhole() {
    var event = event(nil, ["message": "backend x has no server available!"])
    event.set(.sourceID, text: "edge")
    var out = ByteBuffer()
    event.appendLine(to: &out)
    #expect(
      out.view.text
        == "2026-01-01 00:00:00.000  edge          -                backend x has no server available!")
  }

  @Test(arguments: [
    ("----", "none", "end", false, "success"), ("CD--", "client", "data", false, "aborted"),
    ("cR--", "client", "request", true, "aborted"),
    ("SC--", "server", "connect", false, "failure"), ("sH--", "server", "headers", true, "failure"),
    ("sQ--", "server", "queue", true, "failure"),
    ("PR--", "proxy", "request", false, "denied"), ("PT--", "proxy", "tarpit", false, "denied"),
    ("PH--", "proxy", "headers", false, "failure"),
    ("LR--", "local", "request", false, "success"), ("RC--", "resource", "connect", false, "failure"),
    ("I---", "internal", "end", false, "failure"),
    ("K---", "admin", "end", false, "aborted"), ("D---", "server", "end", false, "failure"),
    ("U---", "proxy", "end", false, "failure"),
    ("SL", "server", "last", false, "failure"),
  ])
  func terminationStatesHaveMeanings(
    _ state: String, _ actor: String, _ phase: String, _ timeout: Bool, _ outcome: String
  ) {
    let event = event("haproxy/httplog", ["term.raw": state, "http.status": "200"])
    #expect(word(event, .termActor) == actor)
    #expect(word(event, .termPhase) == phase)
    #expect(event[.termTimeout] == .flag(timeout))
    #expect(word(event, .outcome) == outcome)
  }

  @Test(arguments: [
    ("UH", "server", "connect", "failure"), ("NR", "proxy", "request", "failure"),
    ("RL", "proxy", "request", "denied"),
    ("DI,UT", "server", "headers", "failure"), ("DC", "client", "data", "aborted"),
    ("UAEX", "proxy", "request", "denied"),
    ("NoHealthyUpstream", "server", "connect", "failure"), ("UO", "resource", "queue", "failure"),
    ("DPE", "client", "request", "failure"),
  ])
  func envoyFlagsHaveMeanings(_ flags: String, _ actor: String, _ phase: String, _ outcome: String) {
    let event = event("envoy/default", ["term.raw": flags, "http.status": "503"])
    #expect(word(event, .termActor) == actor)
    #expect(word(event, .termPhase) == phase)
    #expect(word(event, .outcome) == outcome)
  }

  @Test func unknownEnvoyFlagsAreKept() {
    let event = event("envoy/default", ["term.raw": "XYZ", "http.status": "200"])
    #expect(word(event, .termRaw) == "XYZ")
    #expect(event[.termActor] == .null(.absent))
    #expect(word(event, .outcome) == "success")
  }

  @Test(arguments: [
    (499, "aborted", "client"), (444, "denied", "proxy"), (504, "failure", "server"),
    (408, "aborted", "client"), (502, "failure", "server"), (503, "failure", "resource"),
    (429, "denied", "none"),
    (200, "success", "none"), (302, "success", "none"),
    (404, "failure", "none"), (403, "denied", "none"), (0, "unknown", "none"), (9, "success", "none"),
  ])
  func nginxStatusesHaveOutcomes(_ status: Int, _ outcome: String, _ actor: String) {
    let event = event("nginx/combined", ["http.status": String(status)])
    #expect(word(event, .outcome) == outcome)
    #expect(word(event, .termActor) == actor)
  }

  @Test(
    arguments: [
      ("/a/b?x=1?y", "/a/b", "x=1?y", nil, nil), ("/", "/", nil, nil, nil), ("/a?", "/a", nil, nil, nil),
      ("*", "*", nil, nil, nil),
      ("http://h:80/p?q", "/p", "q", "h:80", "http"), ("https://h", nil, nil, "h", "https"),
      ("h:443", nil, nil, nil, nil),
      ("//h/p", "//h/p", nil, nil, nil), ("?x", nil, nil, nil, nil),
    ] as [(String, String?, String?, String?, String?)])
  func targetsAreSplit(
    _ target: String, _ path: String?, _ query: String?, _ host: String?, _ scheme: String?
  ) {
    let event = event("nginx/x", ["url.target": target])
    #expect(word(event, .urlPath) == path)
    #expect(word(event, .urlQuery) == query)
    #expect(word(event, .urlHost) == host)
    #expect(word(event, .urlScheme) == scheme)
  }

  @Test func aValueOfTheWrongTypeIsTextAndMakesTheLinePartial() {
    let event = event(
      "nginx/x",
      [
        (Slot("http.status", .status), Array("teapot".utf8)),
        (Slot("bytes.out", .integer), Array("99999999999999999999".utf8)),
      ])
    #expect(word(event, .httpStatus) == "teapot")
    #expect(word(event, .bytesOut) == "99999999999999999999")
    #expect(word(event, .parseStatus) == "partial")
  }

  @Test(arguments: [
    ("0.001", Unit.seconds, 1_000_000), ("12", .milliseconds, 12_000_000), ("7", .microseconds, 7000),
    ("9", .nanoseconds, 9),
    ("+5", .milliseconds, 5_000_000), ("1.0000000019", .seconds, 1_000_000_001), ("0", .milliseconds, 0),
    ("-2", .milliseconds, -2_000_000),
  ])
  func durationsAreNanoseconds(_ text: String, _ unit: Unit, _ nanoseconds: Int64) {
    let event = event("nginx/x", [(Slot("dur.active", .decimal, unit: unit), Array(text.utf8))])
    #expect(event[.durationActive] == .duration(nanoseconds))
  }

  @Test func nullsHaveTheirReasons() {
    let event = event(
      "haproxy/x",
      [
        (Slot("dur.queue", .integer, unit: .milliseconds), Array("-1".utf8)), (Slot("user_agent"), []),
        (Slot("http.referrer"), Array("-".utf8)),
      ])
    #expect(event[.durationQueue] == .null(.notReached))
    #expect(event[.userAgent] == .null(.empty))
    #expect(event[.httpReferrer] == .null(.dash))
    #expect(event[.urlHost] == .null(.absent))
  }

  @Test func theFirstValueOfAFieldCounts() {
    var event = Event()
    for text in ["-", "GET", "POST"] {
      Array(text.utf8).withView { event.add(SlotMeaning(Slot("http.method")), $0, Self.context) }
    }
    #expect(word(event, .httpMethod) == "GET")
  }

  @Test func anEventIsReusedClean() {
    var event = event("haproxy/x", ["term.raw": "SD--", "$x": "1", "time_start": "x"])
    event.removeAll()
    event.finish(format: nil, Self.context)
    #expect(
      json(event)
        == #"{"recv_time":"2026-01-01T00:00:00.000000000Z","time":"2026-01-01T00:00:00.000000000Z","#
        + #""time_quality":"receive_time","kind":"unparsed"}"#
    )
  }
}

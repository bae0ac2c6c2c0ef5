import Bytes
import Events
import Templates
import Testing

@Suite struct AttemptTests {
  private func event(_ format: String, _ texts: [(String, String)]) -> Event {
    let context = EventContext(receiveTime: 1_767_225_600_000_000_000)
    var event = Event()
    for (name, text) in texts {
      Array(text.utf8).withView { event.add(SlotMeaning(Slot(name)), $0, context) }
    }
    event.finish(format: format, context)
    return event
  }

  private func text(_ event: borrowing Event, _ value: Value) -> String? {
    switch value {
    case .null(let reason): reason == .absent ? nil : reason.name
    case .integer(let number), .size(let number), .duration(let number): String(number)
    case .text(let range): event.bytes(range).text
    default: "?"
    }
  }

  @Test func listsBecomeOneAttemptEach() {
    let event = event(
      "nginx/x",
      [
        ("upstream.addr", "10.0.0.1:80, [2001:db8::5]:80 : unix:/run/app.sock"),
        ("upstream.status", "502, 504 : 200"),
        ("upstream.connect", "-, 0.001 : 0.000"), ("upstream.header", "-, - : 0.020"),
        ("upstream.response", "0.000, 3.000 : 0.021"), ("upstream.bytes_in", "0, 0 : 512"),
        ("upstream.bytes_out", "0, 78 : 91"),
      ])
    let attempts = event.attempts
    #expect(attempts.map(\.group) == [0, 0, 1])
    #expect(
      attempts.map { text(event, $0.address) } == ["10.0.0.1:80", "[2001:db8::5]:80", "unix:/run/app.sock"])
    #expect(attempts.map(\.status) == [.integer(502), .integer(504), .integer(200)])
    #expect(attempts.map(\.connect) == [.null(.dash), .duration(1_000_000), .duration(0)])
    #expect(attempts.map(\.header) == [.null(.dash), .null(.dash), .duration(20_000_000)])
    #expect(attempts.map(\.response) == [.duration(0), .duration(3_000_000_000), .duration(21_000_000)])
    #expect(attempts.map(\.bytesIn) == [.size(0), .size(0), .size(512)])
    #expect(attempts.map(\.bytesOut) == [.size(0), .size(78), .size(91)])
    #expect(event[.retries] == .integer(2))
    #expect(event.bytes(.lbServer)?.text == "unix:/run/app.sock")
  }

  @Test func shorterListsAreFilledUpGroupByGroup() {
    let event = event(
      "nginx/x",
      [
        ("upstream.addr", "a:1, b:2 : c:3"), ("upstream.status", "502 : 200"),
        ("upstream.connect", "0.1, 0.2, 0.3"),
      ])
    #expect(event.attempts.map { text(event, $0.address) } == ["a:1", "b:2", nil, "c:3"])
    #expect(event.attempts.map { text(event, $0.status) } == ["502", nil, nil, "200"])
    #expect(event.attempts.map { text(event, $0.connect) } == ["100000000", "200000000", "300000000", nil])
  }

  @Test(arguments: [
    ("backend", 1, "backend"), ("10.0.0.1:80 : ", 1, "10.0.0.1:80"), ("a, ", 1, "a"), ("a : b : c", 3, "c"),
    ("::1, b:2", 2, "b:2"),
  ])
  func theLastAddressIsTheServer(_ list: String, _ count: Int, _ last: String) {
    let event = event("nginx/x", [("upstream.addr", list)])
    #expect(event.bytes(.lbServer)?.text == last)
    #expect(event[.retries] == .integer(Int64(count - 1)))
  }

  @Test func whatIsNoNumberStaysText() {
    let event = event(
      "nginx/x", [("upstream.addr", "a"), ("upstream.status", "5x2"), ("upstream.connect", "")])
    #expect(text(event, event.attempts[0].status) == "5x2")
    #expect(event.attempts[0].connect == .null(.absent))
  }

  @Test func envoyLogsTheLastAttemptBesideAllAddresses() {
    let event = event(
      "envoy/x", [("upstream.addr", "10.0.0.1:80,10.0.0.2:80"), ("upstream.bytes_in", "512")])
    #expect(event.attempts.map { text(event, $0.address) } == ["10.0.0.1:80", "10.0.0.2:80"])
    #expect(event.attempts.map(\.bytesIn) == [.null(.absent), .size(512)])
    #expect(event[.retries] == .integer(1))
    #expect(event.bytes(.lbServer)?.text == "10.0.0.2:80")
  }

  @Test func oneServerIsOneAttempt() {
    #expect(event("haproxy/x", [("lb.server", "srv1")]).attempts.count == 1)
    #expect(event("haproxy/x", [("lb.server", "<NOSRV>")]).attempts.isEmpty)
    #expect(event("haproxy/x", [("lb.server", "-")]).attempts.isEmpty)
    let envoy = event("envoy/x", [("lb.server", "10.0.0.1:80"), ("upstream.bytes_out", "7")])
    #expect(envoy.attempts.map(\.bytesOut) == [.size(7)])
    #expect(text(envoy, envoy.attempts[0].address) == "10.0.0.1:80")
  }
}

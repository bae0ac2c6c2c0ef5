import Bytes
import Events
import Templates
import Testing

/// When an event began and ended, and how sure that is.
@Suite struct SpanTests {
  private static let received: Int64 = 1_767_225_600_000_000_000  // 2026-01-01T00:00:00Z

  private func event(_ format: String, _ slots: [(Slot, String)], zone: Zone = .utc) -> Event {
    var event = Event()
    let context = EventContext(receiveTime: Self.received, zone: zone)
    for (slot, text) in slots { Array(text.utf8).withView { event.add(SlotMeaning(slot), $0, context) } }
    event.finish(format: format, context)
    return event
  }

  private func text(_ event: borrowing Event, _ field: Field) -> String? {
    switch event[field] {
    case .time(let moment): Timestamp.text(moment, digits: 3)
    case .text(let range): event.bytes(range).text
    default: nil
    }
  }

  private static let active = Slot("dur.active", .plusInteger, unit: .milliseconds)

  @Test func haproxyBeginsAtItsStampAndEndsWhenItWasActiveSoLong() {
    let event = event(
      "haproxy/httplog", [(Slot("time_start", .clfTime), "31/Dec/2025:23:59:58.500"), (Self.active, "250")])
    #expect(text(event, .time) == "2025-12-31T23:59:58.500Z")
    #expect(text(event, .timeEnd) == "2025-12-31T23:59:58.750Z")
    #expect(text(event, .timeQuality) == "configured_tz")
  }

  @Test func aConnectionEndsWhenItsTotalIsOver() {
    let event = event(
      "haproxy/tcplog",
      [
        (Slot("time_accept", .clfTime), "31/Dec/2025:23:59:58.500"),
        (Slot("dur.total", .plusInteger, unit: .milliseconds), "1500"),
      ])
    #expect(text(event, .timeEnd) == "2026-01-01T00:00:00.000Z")
    #expect(text(event, .time) == "2025-12-31T23:59:58.500Z")
  }

  @Test func nginxEndsAtItsStampAndBeganSoLongBefore() {
    let event = event(
      "nginx/x",
      [
        (Slot("time_end", .clfTime), "01/Jan/2026:01:00:00 +0100"),
        (Slot("dur.active", .decimal, unit: .seconds), "0.250"),
      ])
    #expect(text(event, .timeStart) == "2025-12-31T23:59:59.750Z")
    #expect(text(event, .time) == "2026-01-01T00:00:00.000Z")
    #expect(text(event, .timeQuality) == "explicit_tz")
  }

  @Test func envoyBeginsAtItsStamp() {
    let event = event(
      "envoy/default", [(Slot("time_start", .isoTime), "2026-01-01T00:00:00.100Z"), (Self.active, "20")])
    #expect(text(event, .timeEnd) == "2026-01-01T00:00:00.120Z")
    #expect(text(event, .timeQuality) == "explicit_tz")
  }

  @Test func theHeaderAndTheReceiveTimeStandIn() {
    let header = event("nginx/x", [(Slot("syslog.time", .syslogTime), "Dec 31 23:59:59")])
    #expect(text(header, .time) == "2025-12-31T23:59:59.000Z")
    #expect(text(header, .timeQuality) == "inferred_year")
    #expect(text(header, .timeText) == "Dec 31 23:59:59")
    let none = event("nginx/x", [(Slot("time_end", .clfTime), "31/Feb/2026:00:00:00 +0000")])
    #expect(text(none, .time) == "2026-01-01T00:00:00.000Z")
    #expect(text(none, .timeQuality) == "receive_time")
  }

  @Test func aPhaseThatWasNotReachedIsNoSpan() {
    let event = event(
      "haproxy/x", [(Slot("time_start", .clfTime), "01/Jan/2026:00:00:00.000"), (Self.active, "-1")])
    #expect(event[.timeEnd] == .null(.absent))
  }
}

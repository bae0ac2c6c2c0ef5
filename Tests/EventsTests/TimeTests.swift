import Bytes
import Events
import Testing

@Suite struct TimeTests {
  private func stamp(syslog text: String) -> Stamp? { Array(text.utf8).withView { Stamp(syslog: $0) } }
  private func stamp(clf text: String) -> Stamp? { Array(text.utf8).withView { Stamp(clf: $0) } }
  private func stamp(iso text: String) -> Stamp? { Array(text.utf8).withView { Stamp(iso: $0) } }

  private func moment(_ text: String) throws -> Int64 {
    try #require(stamp(iso: text).map { EventContext(receiveTime: 0).resolve($0).nanoseconds })
  }

  /// What an RFC 3164 stamp means when it is received at `now`.
  private func resolve(_ text: String, receivedAt now: String, zone: Zone = .utc) throws -> (String, String) {
    let context = EventContext(receiveTime: try moment(now), zone: zone)
    let found = context.resolve(try #require(stamp(syslog: text)))
    return (Timestamp.text(found.nanoseconds, digits: 0), found.quality.rawValue)
  }

  @Test(arguments: [
    ("Dec 31 23:59:59", "2026-01-01T00:00:05Z", "2025-12-31T23:59:59Z"),
    ("Jan  1 00:00:03", "2025-12-31T23:59:58Z", "2026-01-01T00:00:03Z"),
    ("Jun 30 12:00:00", "2026-07-01T00:00:00Z", "2026-06-30T12:00:00Z"),
    ("Feb 29 12:00:00", "2024-03-01T00:00:00Z", "2024-02-29T12:00:00Z"),
    ("Feb 29 12:00:00", "2025-03-01T00:00:00Z", "2024-02-29T12:00:00Z"),
    ("Feb 29 12:00:00", "2027-01-01T00:00:00Z", "2028-02-29T12:00:00Z"),
    ("Feb 29 12:00:00", "2101-01-01T00:00:00Z", "2104-02-29T12:00:00Z"),
    ("Jan 01 00:00:00", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
  ])
  func theYearIsTheNearest(_ text: String, _ now: String, _ expected: String) throws {
    let found = try resolve(text, receivedAt: now)
    #expect(found.0 == expected)
    #expect(found.1 == "inferred_year")
  }

  @Test func commonLogStampsHaveAZoneOrNot() throws {
    let zoned = try #require(stamp(clf: "29/Feb/2024:13:14:15 -0330"))
    #expect(zoned.offset == -12_600)
    let context = EventContext(receiveTime: 0, zone: Zone(offset: 3600))
    #expect(Timestamp.text(context.resolve(zoned).nanoseconds, digits: 0) == "2024-02-29T16:44:15Z")
    #expect(context.resolve(zoned).quality == .explicitZone)
    let bare = try #require(stamp(clf: "01/Jan/2026:00:30:00.123"))
    #expect(Timestamp.text(context.resolve(bare).nanoseconds, digits: 3) == "2025-12-31T23:30:00.123Z")
    #expect(context.resolve(bare).quality == .configuredZone)
  }

  @Test(arguments: [
    "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.1Z", "2026-01-01T00:00:00.123456789+05:30",
    "1969-12-31T23:59:59.999999999Z", "2000-02-29T00:00:00Z", "2262-04-11T23:47:16.854775807Z",
  ])
  func isoStampsAreExact(_ text: String) throws {
    let nanoseconds = try moment(text)
    #expect(try moment(Timestamp.text(nanoseconds)) == nanoseconds)
  }

  @Test func momentsAreWhatTheyShouldBe() throws {
    #expect(try moment("1970-01-01T00:00:00Z") == 0)
    #expect(try moment("2026-01-01T00:00:00.5Z") == 1_767_225_600_500_000_000)
    #expect(try moment("1969-12-31T23:59:59.5Z") == -500_000_000)
    #expect(try moment("2026-01-01T05:30:00+05:30") == 1_767_225_600_000_000_000)
    #expect(Timestamp.text(-500_000_000) == "1969-12-31T23:59:59.500000000Z")
  }

  @Test(arguments: [
    "29/Feb/2025:00:00:00 +0000", "31/Apr/2026:00:00:00 +0000", "01/jan/2026:00:00:00 +0000",
    "01/Jan/2026:24:00:00 +0000",
    "01/Jan/2026:00:60:00 +0000", "1/Jan/2026:00:00:00 +0000", "01/Jan/2026:00:00:00 0000",
    "01/Jan/2026:00:00:00.12",
    "01/Jan/2026:00:00:00 +0000x", "", "00/Jan/2026:00:00:00", "01/Jan/2026:00:00:00 +2400",
  ])
  func whatIsNoStampIsNone(_ text: String) {
    #expect(stamp(clf: text) == nil)
  }

  @Test(arguments: [
    "Feb 30 00:00:00", "Foo  1 00:00:00", "Jan 1 2026 00:00:00 2026", "Jan  1 00:00", "Jan   1 00:00:00",
    "Jan 32 00:00:00",
  ])
  func whatIsNoSyslogStampIsNone(_ text: String) {
    #expect(stamp(syslog: text) == nil)
  }

  @Test(arguments: [
    "2026-01-01T00:00:00+00000", "2026-01-01T00:00:00+0", "2026-01-01T00:00:00.Z", "2026-13-01T00:00:00Z",
    "2026-02-29T00:00:00Z",
    "2026-01-01T00:00:00.1234567890Z", "2026-01-01",
  ])
  func whatIsNoISOStampIsNone(_ text: String) {
    #expect(stamp(iso: text) == nil)
  }
}

import Bytes
import Events
import Testing

@Suite struct StampFormatTests {
  private func read(_ format: String, _ text: String) -> Stamp? {
    StampFormat(format).flatMap { format in Array(text.utf8).withView { format.read($0) } }
  }

  /// Printed by Envoy 1.40.
  @Test(arguments: [
    ("%Y/%m/%dT%H:%M:%S%z %s", "2026/11/23T10:35:52+0000 1795430152"),
    ("%a, %d %b %Y %T GMT", "Mon, 23 Nov 2026 10:35:52 GMT"),
    (
      "%e %B %y %I:%M:%S %p %j %Z %f %3f %c",
      "23 November 26 10:35:52 AM 327 UTC 025421000 025 Mon Nov 23 10:35:52 2026"
    ),
    ("%d/%b/%Y:%H:%M:%S %z", "23/Nov/2026:11:35:52 +0100"), ("%Y-%m-%d %E3S %Ez", "2026-11-23 52.025 +00:00"),
    ("%D %F %R x", "11/23/26 2026-11-23 10:35 x"), ("%Y%j%H%M%S", "2026327103552"),
    ("%F %H:%M:%E*S %E*z", "2026-11-23 10:35:52.1096 +01:00:00"),
  ])
  func formatsOfAllKinds(_ format: String, _ text: String) throws {
    if format.contains("E3S") {
      #expect(StampFormat(format) == nil)
      return
    }
    let stamp = try #require(read(format, text))
    #expect(stamp.year == 2026)
    #expect(stamp.month == 11)
    #expect(stamp.day == 23)
    #expect(stamp.second / 60 == (text.contains("11:35") ? 11 * 60 + 35 : 10 * 60 + 35))
    #expect(read(format, text + "x") == nil)
    #expect(read(format, String(text.dropLast())) == nil || format == "%Y/%m/%dT%H:%M:%S%z %s")
  }

  @Test func partsAreTheirOwn() {
    #expect(read("%F %T.%3f", "2026-01-02 03:04:05.678")?.nanosecond == 678_000_000)
    #expect(read("%F %I:%M %p", "2026-01-02 12:30 AM")?.second == 30 * 60)
    #expect(read("%F %I:%M %p", "2026-01-02 01:30 PM")?.second == 13 * 3600 + 30 * 60)
    #expect(read("%F %T %z", "2026-01-02 03:04:05 -0330")?.offset == -(3 * 3600 + 1800))
    #expect(read("%F %T", "2026-01-02 03:04:05")?.offset == nil)
    #expect(read("%F %T", "2026-02-30 03:04:05") == nil)
    #expect(read("%F %T", "2026-02-28 24:04:05") == nil)
    #expect(read("%s", "1767225600")?.year == 2026)
    #expect(read("%Y-%j %H:%M", "2024-366 00:00")?.day == 31)
    #expect(read("%Y-%j %H:%M", "2026-366 00:00") == nil)
  }

  @Test(arguments: ["%H:%M", "%Y-%m-%d", "%Q", "%", "%Y %m %d %I:%M", "%H o'clock", "%E"])
  func whatIsNoMomentIsNoFormat(_ format: String) { #expect(StampFormat(format) == nil) }
}

import Bytes
import Testing

@testable import stele

@Suite struct WrappingTests {
  private func header(_ wrapping: Wrapping, _ time: Int64) -> String {
    var out = ByteBuffer()
    wrapping.appendHeader(time: time, host: "lb", to: &out)
    return out.view.text
  }

  @Test func headersAreThoseOfTheStandards() {
    // 2026-01-05T06:07:08.123456789Z
    let time: Int64 = 1_767_593_228_123_456_789
    #expect(header(.none, time) == "")
    #expect(header(.rfc3164, time) == "<134>Jan  5 06:07:08 lb stele: ")
    #expect(header(.rfc5424, time) == "<134>1 2026-01-05T06:07:08.123456Z lb stele - - - ")
    #expect(header(.rfc3164, time + 86_400_000_000_000 * 20) == "<134>Jan 25 06:07:08 lb stele: ")
  }

  @Test func progressTellsShareRateAndTimeLeft() {
    let text = Progress.text("replaying", done: 50_000_000, total: 200_000_000, elapsed: 1_000_000_000)
    #expect(text == "replaying: 50.0 MB of 200 MB (25 %), 50.0 MB/s, 3.00 s left")
    let unknown = Progress.text("sending", done: 1000, total: 0, elapsed: 1_000_000_000)
    #expect(unknown == "sending: 1.00 kB, 1.00 kB/s")
  }
}

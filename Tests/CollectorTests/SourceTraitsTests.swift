import Bytes
import Syslog
import Templates
import Testing

@testable import Collector

/// Which templates a message is tried on, and whether its sender has cut it.
@Suite struct SourceTraitsTests {
  private static let traits: SourceTraits = {
    var first = SourceDefinition(name: "plain", templates: [], format: "x")
    first.lengths = []
    var second = SourceDefinition(name: "tagged", templates: [], format: "x")
    second.groups = [.init(tag: "one", templates: []), .init(tag: "two", templates: [])]
    second.lengths = [30, 200]
    return SourceTraits(SourceTable([first, second]))
  }()

  @Test(arguments: [
    ("<134>Nov 23 08:00:00 one[12]: x", 3), ("<134>Nov 23 08:00:00 host two: x", 4),
    ("<134>Nov  3 08:00:00 three[1]: x", 2), ("<134>1 2026-11-23T08:00:00Z h two 1 - - x", 4),
    ("<134>2026-11-23T08:00:00Z h one[1]: x", 3), ("Nov 23 08:00:00 one[12]: x", 3), ("<6>one: x", 3),
    ("one two", 2), ("", 2), ("<134>", 2), ("<134>1 ", 2), ("<134>Nov 23 08:00:00 one[12]:", 2),
    ("<134>Nov 23 08:00:00 ones[12]: x", 2), ("<99999999>one: x", 2),
  ])
  func tagsChooseTheList(_ message: String, _ list: Int) {
    let message = Array(message.utf8)
    message.withView {
      #expect(Self.traits.list(for: $0, source: 2) == list, "\(String(decoding: message, as: UTF8.self))")
      #expect(Self.traits.list(for: $0, source: 1) == 1)
    }
  }

  /// Bytes of the message, whether a line feed was taken off, whether it fits its format, whether a header is
  /// in front.
  @Test(arguments: [
    (30, true, false, true, FrameFlags.Truncation.certain), (30, true, true, true, .suspected),
    (29, true, false, false, .certain), (29, true, true, false, .none), (29, true, false, true, .suspected),
    (31, false, false, true, .certain), (30, false, false, false, .certain), (28, true, false, true, .none),
    (200, true, false, true, .certain), (31, true, false, true, .none), (1024, true, false, true, .none),
  ])
  func lengthsTellWhatWasCut(
    _ count: Int, _ hasLineFeed: Bool, _ fits: Bool, _ hasHeader: Bool, _ found: FrameFlags.Truncation
  ) {
    var flags = FrameFlags(.datagram)
    flags.trailingLineFeed = hasLineFeed
    let message = Array(repeating: hasHeader ? UInt8(ascii: "<") : UInt8(ascii: "a"), count: count)
    message.withView {
      #expect(Self.traits.truncation(of: $0, flags, source: 2, fits: fits) == found)
      #expect(Self.traits.truncation(of: $0, flags, source: 1, fits: fits) == .none)
      // Streams are not cut by `len`.
      let stream = FrameFlags(.lineFeed, truncation: .collector)
      #expect(Self.traits.truncation(of: $0, stream, source: 2, fits: fits) == .collector)
    }
  }
}

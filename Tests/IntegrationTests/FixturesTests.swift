import Bytes
import Events
import Formats
import Foundation
import Templates
import Testing

/// Recorded lines keep their meaning. With UPDATE_GOLDEN=1 the expected events are written anew, to be read
/// in the difference that version control shows.
@Suite struct FixturesTests {
  /// The format of each file, and whether a syslog header stands before it.
  private static let formats: [String: (spec: String, hasHeader: Bool)] = [
    "haproxy/httplog.log": ("haproxy/httplog", false),
    "haproxy/httplog-captures.log": ("haproxy/httplog", false),
    "haproxy/httpslog.log": ("auto", false),
    "haproxy/tcplog.log": ("haproxy/tcplog", false),
    "haproxy/rfc3164.log": ("auto", true),
    "haproxy/rfc5424.log": ("auto", true),
    "haproxy/nasty.log": ("auto", true),
    "haproxy/states.log": ("haproxy/httplog", false),
    "nginx/combined.log": ("nginx/combined", false),
    "nginx/main.log": ("nginx/main", false),
    "nginx/custom.log": ("nginx:'\(NginxFormats.custom)'", false),
    "nginx/shaped.log": ("nginx:escape=json '\(NginxFormats.shaped)'", false),
    "nginx/syslog-udp.log": ("nginx/combined", true),
    "nginx/syslog-unix.log": ("nginx/main", true),
    "nginx/nasty.log": ("nginx/combined", true),
    "envoy/default.log": ("envoy/default", false),
    "envoy/default-tcp.log": ("envoy/default", false),
    "envoy/own.log": ("envoy:'\(EnvoyFormats.own)'", false),
    "envoy/nasty.log": ("envoy/default", false),
    "syslog/headers.log": ("none", true),
  ]

  /// When all lines are taken to have come: 2026-11-23T12:00:00Z.
  private static let context = EventContext(receiveTime: 1_795_435_200_000_000_000)

  @Test func everyFileHasAFormatAndTheOtherWayRound() throws {
    #expect(try Fixtures.names() == Self.formats.keys.sorted())
  }

  @Test(arguments: formats.keys.sorted())
  func linesAreTheEventsThatTheyWere(_ name: String) throws {
    let (spec, hasHeader) = try #require(Self.formats[name])
    let body = try FormatSpec.parse(spec)
    let matcher = Matcher([hasHeader ? SyslogHeaders.templates(around: body) : body])
    let shape = EventShape(matcher.templates)
    let events = try Fixtures.lines(name).map { json($0, matcher, shape) }
    let golden = name.dropLast(4) + ".events.jsonl"
    if Repository.updates {
      try Fixtures.write(String(golden), Array(events.map { "\($0)\n" }.joined().utf8))
    }
    let expected = try Fixtures.lines(String(golden)).map { String(decoding: $0, as: UTF8.self) }
    #expect(events.count == expected.count)
    for (number, (event, wanted)) in zip(events, expected).enumerated() {
      #expect(event == wanted, "\(name), line \(number + 1)")
    }
  }

  private func json(_ line: [UInt8], _ matcher: borrowing Matcher, _ shape: EventShape) -> String {
    var result = MatchResult(for: matcher)
    return line.withView { view in
      matcher.match(view, list: 0, into: &result)
      var event = Event()
      event.fill(view, result, matcher, shape, Self.context)
      var out = ByteBuffer()
      event.appendJSON(to: &out)
      return out.view.text
    }
  }

  /// All files through the program, with their own format and with every shipped one.
  @Test(arguments: [false, true])
  func replayedFixturesComeBackByteForByte(_ automatic: Bool) throws {
    let scratch = try Scratch()
    for name in try Fixtures.names() {
      let format = try #require(Self.formats[name])
      let log = try SteleLog(in: scratch, name.map { $0 == "/" ? "-" : "\($0)" }.joined())
      _ = try log.stele(
        ["replay", "\(Fixtures.path)/\(name)", "--into", log.directory]
          + ["--format", automatic ? "auto" : format.spec])
      #expect(try log.raw() == Fixtures.read(name), "\(name)")
      try log.expectIntact()
    }
  }
}

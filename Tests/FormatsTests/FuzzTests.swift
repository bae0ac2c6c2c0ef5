import Bytes
import Events
import Formats
import Templates
import TestSupport
import Testing

/// Lines changed at random: whatever still fits prints back byte for byte, and nothing traps.
@Suite struct FuzzTests {
  private static let seeds: [[UInt8]] =
    ([
      "<134>1 2026-01-01T00:00:00.123456+01:00 lb1 haproxy 7332 - [a b=\"c\"] " + HAProxyLineTests.http,
      HAProxyLineTests.http,
      "2001:db8::1:33317 [08/Mar/2026:10:11:12.345] tcp-in db/pg1 1/0/5007 2948 cD 3/2/1/1/0 0/0",
      "<190>Nov 23 08:03:58 lb1 nginx: " + SyslogHeaderTests.body,
      #"10.0.0.9 - - [01/Jan/2026:00:00:00 +0000] "GET /a HTTP/1.1" 200 13 "-" "curl/8" 78 0.102 "#
        + "[web-80] [] 10.244.0.5:8080, [2001:db8::5]:8080 : 10.244.0.6:8080 0, 0 : 13 0.100, 0.001 : 0.001 "
        + "502, - : 200 01ab",
      #"[2026-04-15T20:17:00.310Z] "GET /status/418 HTTP/1.1" 418 UF,DC via_upstream - "-" 0 135 4 4 "-" "#
        + #""curl" "#
        + #""84961386-6d84" "httpbin:8000" "127.0.0.1:80" inbound|8000|http 127.0.0.1:1 [::1]:80 "#
        + #"10.44.1.23:2 sni default"#,
      #"192.0.2.1 - - [24/Mar/2026:10:03:58 +0000] "GET /x HTTP/1.1" 200 148 "" "" 37042 345 "fe" "be" "s1" "#
        + #"0 0 1 2 3 ---- 1 1 0 0 0 0 0 "" "" "#,
    ] as [String]).map { Array($0.utf8) }

  private static let pieces: [[UInt8]] =
    [
      " ", "\"", "-", ":", "::", "/", "[", "]", "{", "}", "|", ", ", " : ", "\\", "+", "-1", "0", "\n", "\0",
      "\u{FF}", "HTTP/",
      "?", "http://", "%", "Jan", "99999999999999999999", "00", ".", "\" \"", "~", "GET ", "unix:", "<", ">",
    ].map { Array($0.utf8) } + [[0xFF], [0xC3]]

  private func change(_ line: [UInt8], _ random: inout SplitMix64) -> [UInt8] {
    var line = line
    for _ in 0..<Int.random(in: 1...4, using: &random) {
      let place = Int.random(in: 0...line.count, using: &random)
      let end = min(line.count, place + Int.random(in: 0...6, using: &random))
      switch Int.random(in: 0..<4, using: &random) {
      case 0: line.removeSubrange(place..<end)
      case 1: line.insert(contentsOf: Self.pieces.randomElement(using: &random) ?? [], at: place)
      case 2: line.replaceSubrange(place..<end, with: Self.pieces.randomElement(using: &random) ?? [])
      default: line = Array(line[..<place])
      }
    }
    return line
  }

  @Test(arguments: [1, 2, 3, 4] as [UInt64])
  func whatFitsPrintsBack(_ seed: UInt64) throws {
    var random = SplitMix64(seed)
    let reader = try Reader("auto", headers: true)
    var result = MatchResult(for: reader.matcher)
    var event = Event()
    var out = ByteBuffer()
    for turn in 0..<1500 {
      let line = change(Self.seeds[turn % Self.seeds.count], &random)
      let printed = line.withView { view -> [UInt8]? in
        reader.matcher.match(view, list: 0, into: &result)
        event.fill(view, result, reader.matcher, reader.shape, reader.context)
        out.removeAll()
        event.appendJSON(to: &out, nullReasons: true)
        event.appendLine(to: &out)
        return result.node < 0 ? nil : reader.reprint(view, result)
      }
      if let printed, printed != line { Issue.record("seed \(seed), turn \(turn): \(line)") }
    }
  }

  @Test func formatsOfAnyBytesCompileOrSayWhere() {
    var random = SplitMix64(7)
    let pieces = [
      "%", "ci", "[", "]", "{", "+Q", "}", "o", "(", ")", "$", "status", "${", "%REQ(", ":", " ", "hr", "\"",
      "ß", "r", "HQ", "hrl",
    ]
    for _ in 0..<3000 {
      let string = (0..<Int.random(in: 1...8, using: &random))
        .map { _ in pieces.randomElement(using: &random) ?? "" }.joined()
      for kind in ["haproxy", "nginx", "envoy"] {
        do {
          for template in try FormatSpec.parse("\(kind):\(string)") {
            for (slot, literal) in zip(template.slots, template.literals.dropFirst()).dropLast() {
              #expect(!literal.isEmpty || [.optional, .item, .json].contains(slot.syntax))
            }
            #expect(Set(template.slots.map(\.name)).count == template.slots.count)
          }
        } catch {
          #expect(error.offset >= 0 && error.offset <= error.string.utf8.count)
          #expect(!error.description.isEmpty)
        }
      }
    }
  }
}

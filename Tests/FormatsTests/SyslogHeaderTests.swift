import Events
import Formats
import Templates
import Testing

@Suite struct SyslogHeaderTests {
  static let body = #"192.0.2.1 - - [31/Dec/2025:23:59:58 +0000] "GET / HTTP/1.1" 200 1 "-" "curl""#

  @Test(
    arguments: [
      (
        "<134>1 2026-01-01T00:00:00.123456+01:00 lb1 haproxy 7332 - - ", "2025-12-31T23:00:00.123456000Z",
        "lb1", "haproxy", "7332"
      ),
      ("<134>1 - - - - - - ", nil, nil, nil, nil),
      (
        "<134>1 2026-01-01T00:00:00Z lb1 app 1 ID7 [a@1 k=\"v \\\" ]\"][b@1] ",
        "2026-01-01T00:00:00.000000000Z", "lb1", "app", "1"
      ),
      (
        "<134>1 2026-01-01T00:00:00Z lb1 app 1 ID7 - \u{FEFF}", "2026-01-01T00:00:00.000000000Z", "lb1",
        "app", "1"
      ),
      (
        "<190>Dec 31 23:59:59 lb-1.example haproxy[42]: ", "2025-12-31T23:59:59.000000000Z", "lb-1.example",
        "haproxy", "42"
      ),
      ("<190>Jan  1 00:00:01 lb1 nginx: ", "2026-01-01T00:00:01.000000000Z", "lb1", "nginx", nil),
      ("<134>Jan 01 00:00:01 haproxy[42]: ", "2026-01-01T00:00:01.000000000Z", nil, "haproxy", "42"),
      ("<190>Jan  1 00:00:01 nginx: ", "2026-01-01T00:00:01.000000000Z", nil, "nginx", nil),
      (
        "<190>2026-01-01T00:00:00.5+00:00 2001:db8::1 haproxy[42]: ", "2026-01-01T00:00:00.500000000Z",
        "2001:db8::1", "haproxy", "42"
      ),
      ("<6>2026-01-01T00:00:00.5+00:00 ", "2026-01-01T00:00:00.500000000Z", nil, nil, nil),
      ("2026-01-01T00:00:00.5+00:00 ", "2026-01-01T00:00:00.500000000Z", nil, nil, nil),
      ("Jan  1 00:00:00 lb1 haproxy[42]: ", "2026-01-01T00:00:00.000000000Z", "lb1", "haproxy", "42"),
      ("<134>", nil, nil, nil, nil), ("", nil, nil, nil, nil),
    ] as [(String, String?, String?, String?, String?)])
  func headersAreReadAndTheBodyInThem(
    _ header: String, _ time: String?, _ host: String?, _ app: String?, _ process: String?
  ) throws {
    let fields = try Reader("nginx/combined", headers: true).fields(header + Self.body)
    #expect(fields[.parserFormat] == "nginx/combined")
    #expect(fields[.time] == "2025-12-31T23:59:58.000000000Z")
    #expect(fields[.syslogTime] == time || fields[.syslogTime] == "dash" && time == nil)
    #expect(fields[.syslogHost] == host || fields[.syslogHost] == "dash" && host == nil)
    #expect(fields[.syslogApp] == app || fields[.syslogApp] == "dash" && app == nil)
    #expect(fields[.syslogProcID] == process || fields[.syslogProcID] == "dash" && process == nil)
    if header.hasPrefix("<134>") {
      #expect(fields[.syslogFacility] == "16")
      #expect(fields[.syslogSeverity] == "6")
    }
    #expect(fields[.lbNode] == host)
    #expect(fields[.lbPID] == process)
  }

  @Test func aBodyOfUnknownFormatIsTheMessage() throws {
    let fields = try Reader("auto", headers: true)
      .fields("<129>Jan  1 00:00:01 lb1 haproxy[42]: backend be has no server available!")
    #expect(fields[.message] == "backend be has no server available!")
    #expect(fields[.kind] == "unparsed")
    #expect(fields[.parseStatus] == "failed")
    #expect(fields[.syslogHost] == "lb1")
    #expect(fields[.timeQuality] == "inferred_year")
    #expect(fields[.timeText] == "Jan  1 00:00:01")
  }

  @Test func anEmptyMessageIsOne() throws {
    let fields = try Reader("auto", headers: true).fields("<13>1 2026-01-01T00:00:00Z h a p m [x@1]")
    #expect(fields[.syslogSD] == "[x@1]")
    #expect(fields[.syslogMsgID] == "m")
  }

  @Test func textWithoutAHeaderStaysWhole() throws {
    let (fields, _) = try Reader("auto", headers: true).read("1 event dropped")
    #expect(fields[.message] == "1 event dropped")
    #expect(fields[.timeQuality] == "receive_time")
  }

  @Test func namesAreDistinct() throws {
    let names = SyslogHeaders.templates(around: []).map(\.name)
    #expect(Set(names).count == names.count)
  }
}

import Bytes
import Events
import Formats
import Syslog
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
      ("<134>Jan  1 00:00:00 lb1 shop[42] ", "2026-01-01T00:00:00.000000000Z", "lb1", "shop", "42"),
      ("2026-01-01T00:00:00Z lb1 my.shop/x[42] ", "2026-01-01T00:00:00.000000000Z", "lb1", "my.shop/x", "42"),
      ("Jan  1 00:00:00 lb1 haproxy[42]: ", "2026-01-01T00:00:00.000000000Z", "lb1", "haproxy", "42"),
      ("haproxy[14389]: ", nil, nil, "haproxy", "14389"), ("<134>haproxy[1]: ", nil, nil, "haproxy", "1"),
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

  @Test(arguments: [
    ("Jan 1 00:00:01", "2026-01-01T00:00:01.000000000Z"),
    ("Jan  1 2025 00:00:01", "2025-01-01T00:00:01.000000000Z"),
    ("Jan 01 2025 00:00:01", "2025-01-01T00:00:01.000000000Z"),
    ("Jan  1 00:00:01 2025", "2025-01-01T00:00:01.000000000Z"),
    ("Dec 31 23:59:59.123456", "2025-12-31T23:59:59.123456000Z"),
    ("Dec 31 23:59:60", "2026-01-01T00:00:00.000000000Z"),
    ("2026-01-01T00:00:01+0100", "2025-12-31T23:00:01.000000000Z"),
    ("2026-01-01T00:00:01-05", "2026-01-01T05:00:01.000000000Z"),
    ("2026-01-01T00:00:01.5", "2026-01-01T00:00:01.500000000Z"),
  ])
  func stampsMayBeSpelledOddly(_ stamp: String, _ time: String) throws {
    for host in ["", "lb1 "] {
      for tag in ["haproxy[42]: ", "haproxy: "] {
        let fields = try Reader("nginx/combined", headers: true).fields(
          "<134>\(stamp) \(host)\(tag)" + Self.body)
        #expect(fields[.syslogTime] == time)
        #expect(fields[.syslogApp] == "haproxy")
        #expect(fields[.syslogHost] == (host.isEmpty ? nil : "lb1"))
        #expect(fields[.parserFormat] == "nginx/combined")
      }
    }
  }

  @Test(arguments: [
    "Jan  1 1:00:01", "Jan 32 00:00:01", "Foo  1 00:00:01", "Jan  1 00:00:61", "Jan   1 00:00:01",
    "2026-02-30T00:00:00Z",
    "2026-01-01T00:00:00+1", "Jan  1 00:01:60",
  ])
  func whatIsNoStampIsNoHeader(_ stamp: String) throws {
    let line = "<134>\(stamp) lb1 haproxy: " + Self.body
    let fields = try Reader("nginx/combined", headers: true).read(line).fields
    #expect(fields[.syslogTime] == nil)
    #expect(fields[.syslogPRI] == "134")
    #expect(fields[.message] == String(line.dropFirst(5)))
  }

  @Test(arguments: ["<-1>", "<192>", "<013>", "<>", "<+1>", "<1000>", "< 1>", "<1"])
  func whatIsNoPriorityIsNoHeader(_ text: String) throws {
    let line = "\(text)Jan  1 00:00:01 lb1 haproxy: hello"
    let fields = try Reader("nginx/combined", headers: true).read(line).fields
    #expect(fields[.syslogPRI] == nil)
    #expect(fields[.syslogHost] == nil)
    #expect(fields[.message] == line)
  }

  @Test(arguments: [("haproxy[42]:", "42"), ("haproxy:", nil)] as [(String, String?)])
  func aHeaderMayEndWithItsTag(_ tag: String, _ process: String?) throws {
    for head in [
      "<134>Jan  1 00:00:01 ", "<134>Jan  1 00:00:01 lb1 ", "Jan  1 00:00:01 ", "2026-01-01T00:00:01Z lb1 ",
    ] {
      let fields = try Reader("nginx/combined", headers: true).fields(head + tag)
      #expect(fields[.syslogApp] == "haproxy")
      #expect(fields[.syslogProcID] == process)
      #expect(fields[.message] == nil)
    }
  }

  @Test(arguments: ["haproxy[42]:", "<134>haproxy[42]:"])
  func aHeaderMayBeATagWithItsProcess(_ line: String) throws {
    let fields = try Reader("nginx/combined", headers: true).fields(line)
    #expect(fields[.syslogApp] == "haproxy")
    #expect(fields[.syslogProcID] == "42")
    #expect(fields[.message] == nil)
    #expect(fields[.parseStatus] == "failed")
    let unknown = try Reader("nginx/combined", headers: true).fields(line + " hello")
    #expect(unknown[.syslogProcID] == "42")
    #expect(unknown[.message] == "hello")
  }

  @Test(arguments: [
    "error[fatal]: x", "a[1 2]: x", "a b[1]: x", "a[1] x", "a[]: x", "a[1]:x", "<134>a[x]: y",
  ])
  func otherBracketsAreNoHeader(_ line: String) throws {
    let fields = try Reader("nginx/combined", headers: true).read(line).fields
    #expect(fields[.syslogApp] == nil)
    #expect(fields[.message] == (line.hasPrefix("<") ? String(line.dropFirst(5)) : line))
  }

  @Test func theYearOfAnOldLineIsItsOwn() throws {
    for (month, year) in [
      ("Jun 14 12:00:00", "2018-06-14T12:00:00"), ("Jan  1 00:00:01", "2019-01-01T00:00:01"),
    ] {
      let inner = month.hasPrefix("Jun") ? "14/Jun/2018:12:00:00" : "31/Dec/2018:23:59:59"
      let fields = try Reader("nginx/combined", headers: true).fields(
        "<134>\(month) lb1 nginx: " + Self.body.replacing("31/Dec/2025:23:59:58", with: inner))
      #expect(fields[.syslogTime] == "\(year).000000000Z")
      #expect(fields[.timeQuality] == "explicit_tz")
    }
    let alone = try Reader("nginx/combined", headers: true).fields("<134>Jun 14 12:00:00 lb1 nginx: hello")
    #expect(alone[.syslogTime] == "2026-06-14T12:00:00.000000000Z")
    #expect(alone[.timeQuality] == "inferred_year")
  }

  @Test func aBodyOfUnknownFormatIsTheMessage() throws {
    let fields = try Reader("auto", headers: true)
      .fields("<129>Jan  1 00:00:01 lb1 haproxy[42]: nothing that any format knows!")
    #expect(fields[.message] == "nothing that any format knows!")
    #expect(fields[.kind] == "unparsed")
    #expect(fields[.parseStatus] == "failed")
    #expect(fields[.syslogHost] == "lb1")
    #expect(fields[.timeQuality] == "inferred_year")
    #expect(fields[.timeText] == "Jan  1 00:00:01")
  }

  /// A tag without its colon is one only where nothing else can be meant.
  @Test(
    arguments: [
      ("<134>Nov 23 21:35:25 edge-1 shop[42] plain text", "edge-1", "shop", "plain text"),
      ("<134>2026-11-23T21:35:25Z edge-1 shop[42] [x]: y", "edge-1", "shop", "[x]: y"),
      ("Nov 23 21:35:25 edge-1 shop[42]  two blanks", "edge-1", "shop", " two blanks"),
      ("<134>Nov 23 21:35:25 edge-1 shop[42] ", "edge-1", "shop", "empty"),
      ("<134>Nov 23 21:35:25 edge-1 shop text", nil, nil, "edge-1 shop text"),
      ("<134>Nov 23 21:35:25 worker[3] has started", nil, nil, "worker[3] has started"),
      ("<134>Nov 23 21:35:25 see item[a] there", nil, nil, "see item[a] there"),
      ("<134>Nov 23 21:35:25 the item[3]", nil, nil, "the item[3]"),
      ("<134>Nov 23 21:35:25 lost 2 of disk[3] there", nil, nil, "lost 2 of disk[3] there"),
      ("<134>edge-1 shop[42] text", nil, nil, "edge-1 shop[42] text"),
      ("<134>Nov 23 21:35:25 edge-1 shop[42] tag: text", "edge-1", "shop", "tag: text"),
      ("<134>Nov 23 21:35:25 edge-1 shop[42]: text", "edge-1", "shop", "text"),
    ] as [(String, String?, String?, String)])
  func aTagNeedsNoColonBehindHostAndProcess(
    _ line: String, _ host: String?, _ app: String?, _ message: String
  ) throws {
    let fields = try Reader("auto", headers: true).fields(line)
    #expect(fields[.syslogHost] == host)
    #expect(fields[.syslogApp] == app)
    #expect(fields[.syslogProcID] == (app == nil ? nil : "42"))
    #expect(fields[.message] == message)
    // What chooses a source's formats by the tag finds the same.
    let tag = Array(line.utf8).withView { view in
      SyslogTag.range(in: view).map { view[$0.lowerBound, $0.upperBound].text }
    }
    #expect(tag == app)
  }

  @Test func anEmptyMessageIsOne() throws {
    let fields = try Reader("auto", headers: true).fields("<13>1 2026-01-01T00:00:00Z h a p m [x@1]")
    #expect(fields[.syslogSD] == "[x@1]")
    #expect(fields[.syslogMsgID] == "m")
  }

  @Test func textWithoutAHeaderStaysWhole() throws {
    let (fields, _) = try Reader("auto", headers: true).read("1 event, dropped")
    #expect(fields[.message] == "1 event, dropped")
    #expect(fields[.timeQuality] == "receive_time")
  }

  @Test func namesAreDistinct() throws {
    let names = SyslogHeaders.templates(around: []).map(\.name)
    #expect(Set(names).count == names.count)
  }
}

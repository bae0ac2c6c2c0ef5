import Bytes
import Formats
import Syslog
import Testing

/// The host that is found without reading the whole header is the one that the templates find.
@Suite struct SyslogHostTests {
  private func host(_ line: String) -> String? {
    Array(line.utf8).withView { view in
      SyslogHost.range(in: view).map { view[$0.lowerBound, $0.upperBound].text }
    }
  }

  @Test func itIsTheOneThatTheTemplatesFind() throws {
    let reader = try Reader("nginx/combined", headers: true)
    let stamps = [
      "Dec 31 23:59:59 ", "Jan  1 00:00:00 ", "2026-01-01T00:00:00.5+00:00 ", "2026-01-01T00:00:00Z ", "",
    ]
    let middles = [
      "lb1 haproxy[42]: ", "lb-1.example nginx: ", "2001:db8::1 app: ", "haproxy[42]: ", "nginx: ", "",
      "lb1 app:", "lb1 app[1]:", "one two three: ", "one: two: ", "lb/1 app: ", "lb1  app: ", "lb1 ",
      "10.0.0.1:4711 ", "lb1: app: ", "lb1 app[42] ", "lb1 app[-] ", "lb1 app[-7] ", "lb1 app[+7] ",
      "lb1 app[+] ",
      "lb1 app[4a] ", "lb1 app[] ", "lb1 [42] ", "lb1 a:b[42] ", "lb1 a[1][42] ", "lb/1 app[42] ",
      "lb1 app[42]",
      "app[42] ", "lb1 app 42] ", "lb1 a]b[42] ", "lb1 app[42]: x[1] ", "lb1 x app[42] ", "lb1 42] ",
    ]
    var lines = [
      "<134>1 2026-01-01T00:00:00Z lb1 app 1 - - text", "<134>1 - - - - - - text", "<134>1 - lb1 - - - -",
      "<134>1 2026-01-01T00:00:00Z 2001:db8::1 app 1 ID [a@1 k=\"v\"] text",
    ]
    for priority in ["<134>", "<0>", ""] {
      for stamp in stamps {
        for middle in middles { lines.append(priority + stamp + middle + SyslogHeaderTests.body) }
      }
    }
    var found = 0
    for line in lines {
      let host = reader.read(line).fields["syslog.host"]
      // A field that holds `-` tells why it has no value.
      let expected = host == "dash" ? nil : host
      #expect(self.host(line) == expected, "\(line)")
      if expected != nil { found += 1 }
    }
    #expect(found > 30)
  }

  /// None of these may be read beyond its end.
  @Test func shortAndBrokenHeadersHaveNone() {
    let line = "<134>1 2026-01-01T00:00:00Z lb1 app"
    for count in 0..<line.utf8.count {
      let expected = count > 31 ? "lb1" : nil
      #expect(host(String(line.prefix(count))) == expected, "\(count)")
    }
    let old = "<134>Dec 31 23:59:59 lb1 app:"
    for count in 0..<old.utf8.count { #expect(host(String(old.prefix(count))) == nil, "\(count)") }
    #expect(host(old) == "lb1")
    #expect(host("<134") == nil && host("<134567>1 a b c") == nil && host("<1>1 ") == nil)
  }
}

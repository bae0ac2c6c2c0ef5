import Formats
import Testing

@testable import ProxyConfiguration

@Suite struct NginxTests {
  private func formats(_ text: String, others: [String: String] = [:]) throws -> [String: String] {
    let file = try read(text, .nginx, others: others)
    #expect(file.problems.isEmpty, "\(file.problems)")
    return Dictionary(
      uniqueKeysWithValues: file.formats.filter { $0.users != ["error_log"] }.map { ($0.name, $0.string) })
  }

  @Test func wordsAreCutAsNginxDoes() throws {
    let text = "a \"b \\\" c\" 'd'# x\n# x\n e\\;f ${g}h{i;}"
    var lexer = NginxLexer(Array(text.replacing("'d'#", with: "'d' #").utf8), file: "f")
    var tokens: [NginxLexer.Token] = []
    while true {
      let token = try lexer.next()
      if token == .end { break }
      tokens.append(token)
    }
    #expect(
      tokens == [
        .word("a"), .word("b \" c"), .word("d"), .word(#"e\;f"#), .word("${g}h"), .open, .word("i"),
        .semicolon,
        .close,
      ])
    #expect(lexer.line == 3)
  }

  @Test func formatsInUseAreFound() throws {
    let found = try formats(
      #"""
      events { }
      http {
        log_format main '$remote_addr "$request"'
                        ' $status';
        log_format js escape=json '{"a":"$remote_addr"}';
        log_format unused '$host';
        access_log /var/log/a.log main;
        server {
          location / { access_log syslog:server=127.0.0.1:514,tag=web js; }
          location /off { access_log off; }
        }
      }
      stream {
        log_format main '$remote_addr $protocol';
        server { listen 53; access_log /var/log/s.log main; }
      }
      """#)
    #expect(
      found == [
        "nginx:main": #"$remote_addr "$request" $status"#, "nginx:js": #"{"a":"$remote_addr"}"#,
        "nginx:main#2": "$remote_addr $protocol",
      ])
  }

  @Test func combinedNeedsNoDefinition() throws {
    #expect(Array(try formats("http { server { listen 80; } }").keys) == ["nginx/combined"])
    #expect(
      Array(try formats("http { access_log logs/a; server { listen 80; } }").keys) == ["nginx/combined"])
    #expect(
      try formats("http { log_format combined '$host'; access_log a combined; }") == [
        "nginx:combined": "$host"
      ])
  }

  @Test func includesAreCarriedOut() throws {
    let file = try read(
      "include mods/*.conf; http { include conf.d/[a-m]*.conf; include missing.conf; }", .nginx,
      others: [
        "mods/x.conf": "load_module a;", "conf.d/a.conf": "log_format a '$host'; server { access_log x a; }",
        "conf.d/z.conf": "}}}", "conf.d/.b.conf": "}}}",
      ])
    #expect(file.files.map(\.path) == ["conf", "mods/x.conf", "conf.d/a.conf", "missing.conf"])
    #expect(file.files.map { $0.sha256 != nil } == [true, true, true, false])
    #expect(file.patterns == ["mods/*.conf", "conf.d/[a-m]*.conf"])
    #expect(file.problems.map(\.place) == [Place("conf", 1)])
    #expect(file.formats.first { $0.name == "nginx:a" }?.place == Place("conf.d/a.conf", 1))
  }

  @Test func aFileOfServersIsReadToo() throws {
    #expect(
      Array(try formats("log_format a '$host';\nserver { access_log x a; }").keys) == ["nginx:a"])
  }

  @Test func foreignLanguagesAreSkipped() throws {
    let text = "http { init_by_lua_block { local a = \"}\" -- }\n if x then { } end } access_log a; }"
    #expect(Array(try formats(text).keys) == ["nginx/combined"])
  }

  @Test func errorsNameTheLine() throws {
    #expect(error("http {\n server {\n}\n", .nginx)?.place == Place("conf", 1))
    #expect(error("http {\n}\n}\n", .nginx)?.place == Place("conf", 3))
    #expect(error("http {\n log_format a '\n\n", .nginx)?.place == Place("conf", 2))
    #expect(error("http {\n a\n}\n", .nginx)?.place.map(\.line) == 3)
    #expect(error("include conf;", .nginx) != nil)
    let file = try read("http {\n log_format a '$';\n access_log x a;\n access_log y b;\n}", .nginx)
    #expect(file.problems.map(\.place?.line) == [2, 4])
  }

  @Test(arguments: [
    ("access_log off;", ["1 nginx-off"]), ("access_log x r if=$loggable;", ["1 nginx-if"]),
    ("access_log x r if=$loggable; access_log y r;", []), ("access_log /dev/null;", ["1 nginx-off"]),
    ("access_log x r buffer=32k;", ["1 nginx-buffer"]), ("access_log x r gzip flush=1m;", []),
    ("access_log syslog:server=192.0.2.1 r;", ["1 nginx-udp"]),
    ("access_log syslog:server=unix:/run/s,tag=a r;", []),
    ("access_log x;", ["1 nginx-request-id"]), ("access_log x n;", ["1 nginx-escape", "1 nginx-request-id"]),
    ("access_log x r; error_log /dev/null;", ["1 nginx-error-off"]),
    ("access_log x r; error_log off;", ["1 nginx-error-off"]),
    ("access_log x r; error_log e crit;", ["1 nginx-error-level"]), ("access_log x r; error_log e warn;", []),
    ("", ["1 nginx-no-access-log"]),
  ])
  func eachHoleIsFound(_ line: String, _ found: [String]) throws {
    let text =
      "http { log_format r '$host ${request_id}'; log_format n escape=none '$host'; server { listen 80; \(line) } }"
    #expect(rules(try read(text, .nginx)) == found)
  }

  @Test func aStreamServerWithoutLogIsAHole() throws {
    #expect(rules(try read("stream {\n server { listen 53; }\n}", .nginx)) == ["2 nginx-stream"])
  }
}

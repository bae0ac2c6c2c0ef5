import Formats
import Templates
import Testing

@testable import ProxyConfiguration

@Suite struct HAProxyTests {
  private func formats(_ text: String, environment: [String: String] = [:]) throws -> [String: String] {
    let file = try read(text, .haproxy, environment: environment)
    #expect(file.problems.isEmpty, "\(file.problems)")
    let own = file.formats.filter { $0.users != ["HAProxy"] }
    return Dictionary(own.map { ($0.name, $0.string) }) { "\($0) AND \($1)" }
  }

  @Test func theOptionsNameTheirFormats() throws {
    let found = try formats(
      """
      frontend a
        mode http
        option httplog
      frontend b
        mode http
        option httplog clf
      frontend c
        option tcplog
      frontend d
        mode http
        option httpslog
      listen e
        log global
      """)
    #expect(
      Set(found.keys) == [
        "haproxy/httplog", "haproxy/clf", "haproxy/tcplog", "haproxy/httpslog", "haproxy/default",
      ])
  }

  @Test func anHTTPFormatInTCPModeIsTheTCPFormat() throws {
    #expect(Array(try formats("frontend a\n mode tcp\n option httplog\n").keys) == ["haproxy/tcplog"])
  }

  @Test func defaultsAreInherited() throws {
    let found = try formats(
      #"""
      defaults one
        mode http
        log-format "one %ci"
      defaults two from one
        error-log-format "two %fi"
      frontend a
        # The section right above holds.
      frontend b from one
      frontend c from one
        log-format "own %cp"
      defaults
      frontend d
        log-format "last %sp"
      """#)
    #expect(
      found == [
        "haproxy:a": "one %ci", "haproxy:a error": "two %fi", "haproxy:c": "own %cp", "haproxy:d": "last %sp",
      ])
    let file = try read("frontend a from on\n", .haproxy)
    #expect(file.problems.first?.place == Place("conf", 1))
  }

  @Test func theLastFormatOfASectionCounts() throws {
    let found = try formats("frontend a\n mode http\n option httplog\n log-format 'x %ci'\n")
    #expect(found == ["haproxy:a": "x %ci"])
    #expect(
      Array(try formats("defaults\n mode http\n log-format 'x %ci'\nfrontend a\n option httplog\n").keys)
        == ["haproxy/httplog"])
    #expect(
      Array(try formats("defaults\n option tcplog\nfrontend a\n no option tcplog\n").keys) == [
        "haproxy/default"
      ])
  }

  @Test func variablesStandForThemselves() throws {
    let text = #"""
      global
        setenv PREFIX "p "
        presetenv OUTER inner
        presetenv OTHER other
      frontend a
        log-format "${PREFIX}${OUTER}/${OTHER}/${NONE-none} %ci"
      frontend b
        mode http
        log-format "${HAPROXY_HTTP_LOG_FMT} %lc"
      frontend c
        mode http
        log-format "$HAPROXY_HTTP_LOG_FMT"
      """#
    let httplog = try #require(ShippedFormats.entries.first { $0.name == "haproxy/httplog" }).string
    #expect(
      try formats(text, environment: ["OUTER": "outer"]) == [
        "haproxy:a": "p outer/other/none %ci", "haproxy:b": httplog + " %lc", "haproxy/httplog": httplog,
      ])
  }

  @Test func blocksAreDecided() throws {
    let found = try formats(
      #"""
      frontend a
      .if version_atleast(2.8) && defined(X)
        log-format "new %ci"
      .elif streq("$X","y")
        log-format 'unclosed
      .else
        .if 0
          log-format "dead %ci"
        .else
          log-format "else %ci"
        .endif
      .endif
      """#)
    #expect(found == ["haproxy:a": "else %ci"])
  }

  @Test func capturesMakeTheTemplateSure() throws {
    let file = try read(
      """
      frontend a
        mode http
        option httplog
        capture request header User-Agent len 64
        capture request header X-Who len 8
        capture response header Server len 8
        http-request capture req.hdr(Referer) len 20
        declare capture request len 10
        http-request capture req.hdr(Host) id 3
        declare capture response len 10
        http-response capture res.hdr(X-Cache) id 1
      """, .haproxy)
    let format = try #require(file.formats.first { $0.name == "haproxy/httplog" })
    let names = format.templates[0].slots.map(\.name)
    #expect(names.contains("user.agent") || names.contains { $0.contains("agent") }, "\(names)")
    #expect(
      names.contains { $0.hasSuffix("x-who") } && names.contains { $0.hasSuffix("server") }
        && names.contains { $0.hasSuffix("x-cache") }, "\(names)")
    let line =
      #"192.0.2.1:33317 [06/Feb/2024:12:14:14.655] a b/s 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 "#
      + #"{curl/8|me|http://r|shop} {nginx|hit} "GET / HTTP/1.1""#
    #expect(template(line, file.templates) == "haproxy/httplog")
    #expect(template(line.replacing("|shop", with: ""), file.templates) == nil)
  }

  @Test func profilesAddTheirFormats() throws {
    let text = #"""
      global
        log 127.0.0.1:514 profile p local0
      log-profile p
        on connect drop
        on close format "closed %ci"
      log-profile unused
        on any format "never %ci"
      frontend a
        log global
        log-format "own %ci"
      """#
    #expect(try formats(text) == ["haproxy:a": "own %ci", "haproxy:a p close": "closed %ci"])
    #expect(rules(try read(text, .haproxy), .hole) == ["4 haproxy-profile-drop"])
  }

  @Test func lengthsAreThoseOfDatagrams() throws {
    let file = try read(
      """
      global
        log 127.0.0.1:514 len 8192 format rfc5424 local0
        log /dev/log local0
        log ring@r len 300 local0
        log stdout format raw daemon
      frontend a
        log global
        log 192.0.2.1 len 8192 sample 1:2 local0
      log-forward f
        log 192.0.2.2 len 500 local0
      """, .haproxy)
    #expect(file.lengths.map(\.bytes) == [8192, 1024, 8192, 500])
    #expect(file.lengths.map(\.place.line) == [2, 3, 8, 10])
    #expect(try SourceFormat("@conf", file).lengths == [500, 1024, 8192])
  }

  @Test func tagsTellFormatsApart() throws {
    let text = """
      frontend a
        log-tag one
        log-format "%ci %Tt"
      frontend b
        log-tag two
        log-format "%ci %Tw"
      """
    let format = try SourceFormat("@conf", try read(text, .haproxy))
    #expect(format.groups.map(\.tag) == ["one", "two"])
    #expect(template("192.0.2.1 5", format.groups[0].templates) == "haproxy:a")
    #expect(template("192.0.2.1 5", format.groups[1].templates) == "haproxy:b")
    let plain = try SourceFormat(
      "@conf", try read("frontend a\n log-format '%ci'\nfrontend b\n log-format '%cp x'\n", .haproxy))
    #expect(plain.groups.isEmpty)
  }

  @Test func sharedFormatsAreOne() throws {
    let file = try read(
      "defaults\n mode http\n log-format 'x %ci'\nfrontend a\nfrontend b\n disabled\nlisten c\n", .haproxy)
    let own = file.formats.filter { $0.users != ["HAProxy"] }
    #expect(own.map(\.users) == [["frontend a", "listen c"]])
    #expect(own.map(\.place.line) == [3])
  }

  @Test func errorsNameTheLine() throws {
    #expect(error("global\n log 'x\n", .haproxy)?.place == Place("conf", 2))
    #expect(error(".if 1\n", .haproxy)?.place == Place("conf", 1))
    #expect(error("global\n.endif\n", .haproxy)?.place == Place("conf", 2))
    #expect(error(".if 1\n.else\n.else\n.endif\n", .haproxy)?.place == Place("conf", 3))
    #expect(error("", .haproxy) != nil)
    let file = try read("frontend a\n log-format '%nosuch'\nfrontend b\n log-format '%ci'\n", .haproxy)
    #expect(file.problems.map(\.place) == [Place("conf", 2)])
    #expect(file.problems[0].text.contains("^"))
    #expect(file.formats.contains { $0.name == "haproxy:b" })
  }

  @Test func aDirectoryIsItsFiles() throws {
    let files = files([
      "d/1.cfg": "defaults\n mode http\n log-format 'x %ci'\n", "d/2.cfg": "frontend a\n",
      "d/3.txt": "frontend '",
    ])
    let file = try ProxyFile("d", kind: .haproxy, files: files)
    #expect(file.files.map(\.path) == ["d/1.cfg", "d/2.cfg"])
    #expect(file.formats.contains { $0.name == "haproxy:a" && $0.place == Place("d/1.cfg", 3) })
  }
}

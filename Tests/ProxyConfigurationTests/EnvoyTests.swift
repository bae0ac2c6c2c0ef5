import Formats
import Testing

@testable import ProxyConfiguration

@Suite struct EnvoyTests {
  private func bootstrap(_ logs: String, type: String = "HttpConnectionManager") -> String {
    """
    static_resources:
      listeners:
      - name: main
        filter_chains:
        - filters:
          - name: x
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.network.x.v3.\(type)
              stat_prefix: ingress
    \(logs)
    """
  }

  private func file(_ format: String, filter: String = "") -> String {
    """
              access_log:
              - name: envoy.access_loggers.file
    \(filter.isEmpty ? "" : "            filter: \(filter)\n")            typed_config:
                  "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
                  path: /dev/stdout
                  \(format)
    """
  }

  @Test func textFormatsAreFound() throws {
    let text = bootstrap(
      file(#"log_format: {text_format_source: {inline_string: "%PROTOCOL% %STREAM_ID%\n"}}"#))
    let found = try read(text, .envoy)
    #expect(found.problems.isEmpty)
    #expect(found.formats.map(\.name) == ["envoy:ingress"])
    #expect(found.formats.map(\.users) == [["listener main, http ingress"]])
    #expect(found.formats[0].string == "%PROTOCOL% %STREAM_ID%\n")
    #expect(found.formats[0].place.line == 15)
    #expect(template("HTTP/1.1 7", found.templates) == "envoy:ingress")
  }

  @Test func nothingSaidIsTheDefault() throws {
    #expect(try read(bootstrap(file("")), .envoy).formats.map(\.name) == ["envoy/default"])
    #expect(
      try read(bootstrap(file(#"format: "%PROTOCOL%""#)), .envoy).formats.map(\.string) == ["%PROTOCOL%"])
  }

  @Test func jsonFormatsAreFound() throws {
    let format =
      #"{method: "%REQ(:METHOD)%", n: 5, t: true, k: "5", id: "%REQ(X-REQUEST-ID)%", list: ["%PROTOCOL%"]}"#
    for key in ["log_format: {json_format: \(format)}", "typed_json_format: \(format)"] {
      let found = try read(bootstrap(file(key)), .envoy)
      #expect(found.problems.isEmpty)
      #expect(found.formats.map(\.name) == ["envoy:ingress"])
      let line = #"{"id":"7","k":"5","list":["HTTP/1.1"],"method":"GET","n":5,"t":true}"#
      #expect(template(line, found.templates) == "envoy:ingress")
      #expect(template(line.replacing("5,", with: "6,"), found.templates) == nil)
      #expect(rules(found) == [])
    }
    let omitting = "log_format: {json_format: \(format), omit_empty_values: true}"
    let found = try read(bootstrap(file(omitting)), .envoy)
    #expect(template(#"{"k":"5","list":[],"n":5,"t":true}"#, found.templates) != nil)
  }

  @Test func jsonIsYAML() throws {
    let text = #"""
      {"static_resources":{"listeners":[{"name":"l","filter_chains":[{"filters":[{"typed_config":{
      	"@type":"type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy","stat_prefix":"t",
      "access_log":[{"typed_config":{"@type":"x.StdoutAccessLog","log_format":{"text_format":"%BYTES_SENT%\n"}}}]
      }}]}]}]}}
      """#
    let found = try read(text, .envoy)
    #expect(found.formats.map(\.name) == ["envoy:t"])
    #expect(found.formats[0].place.line == 3)
  }

  @Test func aFormatThatIsWrongNamesItsLine() throws {
    let found = try read(bootstrap(file(#"log_format: {text_format: "%GURK"}"#)), .envoy)
    #expect(found.problems.map(\.place) == [Place("conf", 15)])
    #expect(error("a: [", .envoy)?.place != nil)
    #expect(error("just words", .envoy) != nil)
    #expect(error(String(repeating: "[", count: 100_000), .envoy) != nil)
    #expect(error(String(repeating: "- ", count: 100_000), .envoy) != nil)
  }

  @Test func aliasesDoNotMultiplyWithoutEnd() {
    var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for number in 1...12 {
      let list = Array(repeating: "*a\(number - 1)", count: 10).joined(separator: ", ")
      text += "a\(number): &a\(number) [\(list)]\n"
    }
    #expect(error(text, .envoy) != nil)
  }

  @Test(arguments: [
    ("", ["8 envoy-no-access-log"]), ("          access_log: []", ["8 envoy-no-access-log"]),
    ("          generate_request_id: false", ["8 envoy-no-access-log", "10 envoy-request-id"]),
  ])
  func silenceIsFound(_ logs: String, _ found: [String]) throws {
    #expect(rules(try read(bootstrap(logs), .envoy)) == found)
  }

  @Test(arguments: [
    "status_code_filter: {}", "duration_filter: {}", "not_health_check_filter: {}", "traceable_filter: {}",
    "runtime_filter: {percent_sampled: {numerator: 5}}", "and_filter: {filters: [{header_filter: {}}]}",
    "response_flag_filter: {flags: [UH]}",
  ])
  func filtersAreFound(_ filter: String) throws {
    let text = bootstrap(file(#"log_format: {text_format: "%REQ(X-REQUEST-ID)%"}"#, filter: "{\(filter)}"))
    let found = try read(text, .envoy)
    #expect(rules(found, .hole).count == 1, "\(rules(found))")
    #expect(found.findings.allSatisfy { $0.severity != .hole || $0.place.line == 12 })
  }

  @Test func olderFilesNameOnlyTheFilter() throws {
    let text = """
      static_resources:
        listeners:
        - filter_chains:
          - filters:
            - name: envoy.http_connection_manager
              config: {stat_prefix: a}
            - name: envoy.tcp_proxy
              config: {stat_prefix: b, access_log: [{name: envoy.file_access_log, config: {path: /x, format: "%PROTOCOL%"}}]}
      """
    let found = try read(text, .envoy)
    #expect(rules(found, .hole) == ["6 envoy-no-access-log"])
    #expect(found.formats.map(\.name) == ["envoy:b"])
  }

  @Test func textAndMissingIDsAreGaps() throws {
    let found = try read(bootstrap(file(#"log_format: {text_format: "%PROTOCOL%"}"#)), .envoy)
    #expect(rules(found) == ["15 envoy-no-request-id", "15 envoy-text"])
  }

  @Test func kindsAreTold() {
    func kind(_ path: String, _ text: String) -> ProxyKind? {
      ProxyKind.guess(path: path, contents: Array(text.utf8))
    }
    #expect(kind("/etc/haproxy/haproxy.cfg", "") == .haproxy)
    #expect(kind("/etc/nginx/sites/web", "") == .nginx || kind("web", "server {\n}") == .nginx)
    #expect(
      kind("x.yaml", "") == .envoy && kind("boot", "static_resources:\n") == .envoy
        && kind("b", "{\n") == .envoy)
    #expect(kind("lb.cfg", "# c\nglobal\n") == .haproxy && kind("lb", "frontend a\n") == .haproxy)
    #expect(kind("a.conf", "user www;\n") == .nginx && kind("x", "what\n") == nil)
    #expect(kind("a.conf", "log_format a '{ \"a\": 1, '\n  '\"b\": \"$x\" }';\n") == .nginx)
  }

  @Test func patternsFitNames() {
    #expect(
      ConfigurationFiles.matches("a.conf", "*.conf") && !ConfigurationFiles.matches(".a.conf", "*.conf"))
    #expect(ConfigurationFiles.matches("abc", "a?c") && !ConfigurationFiles.matches("abc", "a?"))
    #expect(
      ConfigurationFiles.matches("b1", "[a-c][!2-9]") && !ConfigurationFiles.matches("b2", "[a-c][!2-9]"))
    #expect(
      !ConfigurationFiles.matches(
        String(repeating: "a", count: 2000), String(repeating: "*a", count: 500) + "b"))
  }
}

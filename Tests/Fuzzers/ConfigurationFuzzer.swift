import Bytes
import Formats
import Platform
import ProxyConfiguration
import Templates

extension Fuzzer {
  /// Any bytes are a configuration that is read, with formats that a matcher can hold and findings with
  /// words, or are refused with a place in them.
  ///
  /// Input: whose configuration; then files, parted by a NUL byte: the main one, and those that it includes.
  static let configurations = Fuzzer("configurations", smokeRuns: 1500, seeds: { Self.configurationSeeds }) {
    input in
    var rest = FuzzInput(input)
    let kinds: [ProxyKind?] = ProxyKind.allCases + [nil]
    let kind = kinds[rest.below(kinds.count)]
    let parts = rest.rest().array.split(separator: 0, omittingEmptySubsequences: false).map { Array($0) }
    let files = ConfigurationFiles(
      read: { (path) throws(SystemError) in
        if path == "main" { return parts.first ?? [] }
        guard let number = Int(path.suffix(1)), number < parts.count else {
          throw SystemError(operation: "open", path: path, errno: .noSuchFile)
        }
        return parts[number]
      },
      names: { path in path.isEmpty || path == "." ? ["f1", "f2", "f3"] : nil })
    do throws(ReadError) {
      let file = try ProxyFile("main", kind: kind, files: files) { $0 == "SET" ? "a b" : nil }
      check(file, parts)
    } catch {
      require(!error.text.isEmpty, "an error without words")
      if let place = error.place { require(isInside(place, parts), "\(place) is nowhere") }
    }
  }

  private static func check(_ file: ProxyFile, _ parts: [[UInt8]]) {
    for finding in file.findings {
      require(isInside(finding.place, parts), "\(finding.rule) is nowhere: \(finding.place)")
      require(!finding.lost.isEmpty && !finding.mend.isEmpty && !finding.subjects.isEmpty, "nothing is said")
    }
    for format in file.formats {
      require(!format.templates.isEmpty && !format.users.isEmpty, "an empty format: \(format.name)")
    }
    guard let format = try? SourceFormat("@main", file) else { return }
    require(format.templates.count <= SourceFormat.templateLimit, "too many templates")
    if format.templates.count < 40 { _ = Matcher([format.templates] + format.groups.map(\.templates)) }
  }

  private static func isInside(_ place: Place, _ parts: [[UInt8]]) -> Bool {
    place.line >= 0
      && place.line <= 2 + (parts.map { $0.count { $0 == 0x0A || $0 == 0x0D } + $0.count / 3 }.max() ?? 0)
  }

  private static var configurationSeeds: [[UInt8]] {
    let haproxy = #"""
      global
        setenv A "x y"
        log 127.0.0.1:514 len 900 format rfc5424 sample 1-2,4:5 profile p local0 notice
      ring r
        maxlen 900
        server s 192.0.2.1:514
      log-profile p
        log-tag "t"
        on close format "%ci ${A}" drop
      .if version_atleast(2.4) && (defined(SET) || !streq(a,"b")) # c
      defaults d
        mode http
        option httplog clf
        log-format '%{+Q}o %ci %hr\ %[src] "' # no
      .else
      defaults
        log-format "$HAPROXY_HTTP_LOG_FMT \"%lc\" ${SET[*]} ${NO-d}"
      .endif
      frontend f from d
        bind :80,:443 ssl
        option dontlognull
        capture request header Host len 9
        http-request capture req.hdr(X) len 8
        http-request set-log-level silent if { path /x }
        monitor-uri /up
        no option httplog
      listen l
        log global
        disabled
      """#
    let nginx = #"""
      include f*; include f1;
      http {
        log_format a escape=json '{"x":"$host ${request_id}"' "\x}"; # c
        access_log syslog:server=unix:/x,tag=b,nohostname a if=$c buffer=1k;
        server { server_name s; error_log off; location / { access_log off; if ($x) { return 4; } } }
        content_by_lua_block { local x = "}" }
      }
      stream { server { listen 1; } }
      """#
    let envoy = #"""
      static_resources: &s
        listeners:
        - name: l
          filter_chains:
          - filters:
            - typed_config: {"@type": x.HttpConnectionManager, stat_prefix: p, access_log: [
                {filter: {and_filter: {filters: [{runtime_filter: {percent_sampled: {numerator: 3}}}]}},
                 typed_config: {"@type": x.FileAccessLog, path: /x, log_format: {json_format: {a: "%PROTOCOL%", b: [1, ~]}}}},
                {typed_config: {"@type": x.StdoutAccessLog, log_format: {text_format_source: {inline_string: "%START_TIME%\n"}}}}]}
      other: *s
      """#
    let texts = [haproxy, nginx + "\0server { listen 80; }\0a b;", envoy]
    return texts.enumerated().flatMap { number, text in
      [[UInt8(number)] + Array(text.utf8), [3] + Array(text.utf8)]
    }
  }
}

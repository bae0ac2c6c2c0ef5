import Bytes
import Intake
import Platform
import Syslog
import TLS
import TestSupport
import Testing

@testable import stele

@Suite struct SettingsTests {
  static let text = """
    log:
      directory: data/edge
    commit: 100ms
    segment: {size: 64MiB, age: 10m}
    sources:
      - name: haproxy
        listen: udp://127.0.0.1:5514
        format: haproxy/httplog
        timezone: "+01:00"
        sockets: 2
        receive_buffer: 1MiB
      - name: tls
        listen: tls://[::1]:6514
        certificate: tls.crt
        key: /etc/tls.key
        client_ca: ca.crt
        client_certificate: optional
        framing: octet
        max_message: 32KiB
      - name: nginx
        listen: unix:///run/nginx.sock
        format: "nginx:'$remote_addr it''s'"

    """

  private func settings(_ text: String) throws(ConfigurationError) -> Settings {
    try Settings(parsing: text, file: "/etc/stele/stele.yaml")
  }

  @Test func everyKeyIsUnderstood() throws {
    let settings = try settings(Self.text)
    #expect(settings.directory == "/etc/stele/data/edge")
    #expect(settings.keyPath == "/etc/stele/data/edge.key")
    #expect(settings.commit == 100_000_000)
    #expect(settings.segmentSize == 64 << 20)
    #expect(settings.segmentAge == 600_000_000_000)
    #expect(settings.sources.map(\.name) == ["haproxy", "tls", "nginx"])
    let udp = settings.sources[0]
    #expect(udp.listen.url == "udp://127.0.0.1:5514")
    #expect(udp.format == "haproxy/httplog" && udp.timezone == "+01:00")
    #expect(udp.sockets == 2 && udp.receiveBuffer == 1 << 20)
    let tls = settings.sources[1]
    #expect(
      tls.certificate == "/etc/stele/tls.crt" && tls.key == "/etc/tls.key"
        && tls.clientCA == "/etc/stele/ca.crt")
    #expect(tls.clientCertificate == .optional && tls.framing == .octet && tls.messageLimit == 32 << 10)
    #expect(settings.sources[2].format == "nginx:'$remote_addr it''s'")
    #expect(settings.sources[2].timezone == "UTC")
  }

  @Test func formatsComeFromTheLoadBalancersOwnFile() throws {
    let directory = try TemporaryDirectory()
    try directory.write("lb.cfg", Array("frontend a\n mode http\n option httplog\n".utf8))
    for from in ["lb.cfg", "{haproxy: lb.cfg}"] {
      let text = Self.text.replacing("format: haproxy/httplog", with: "from: \(from)")
      let settings = try Settings(parsing: text, file: directory.file("stele.yaml"))
      #expect(
        settings.sources[0].format == (from.hasPrefix("{") ? "@haproxy:" : "@") + directory.file("lb.cfg"))
      // What is printed can be read again.
      #expect(
        try Settings(parsing: settings.yaml, file: directory.file("stele.yaml")).sources == settings.sources)
    }
    try directory.write("lb.cfg", Array("frontend a\n log-format '%nosuch'\n".utf8))
    let text = Self.text.replacing("format: haproxy/httplog", with: "from: lb.cfg")
    // HAProxy's own messages can be read all the same.
    #expect(try Settings(parsing: text, file: directory.file("stele.yaml")).sources.count == 3)
    try directory.write("lb.cfg", Array("frontend 'a\n".utf8))
    #expect(throws: ConfigurationError.self) {
      try Settings(parsing: text, file: directory.file("stele.yaml"))
    }
  }

  @Test func whatIsPrintedMeansTheSame() throws {
    let settings = try settings(Self.text)
    #expect(
      try Settings(parsing: settings.yaml, file: "x.yaml")
        == { settings in
          var settings = settings
          settings.logKey = settings.keyPath
          settings.keyStore = settings.keyStorePath
          return settings
        }(settings))
  }

  @Test func whoMaySendIsListed() throws {
    let text = Self.text.replacing("sockets: 2", with: "allow: [10.0.0.0/8, '2001:db8::1']")
    let settings = try settings(text)
    #expect(settings.sources[0].allow?.prefixes.map(\.description) == ["10.0.0.0/8", "2001:db8::1"])
    #expect(settings.sources[1].allow == nil)
    #expect(try Settings(parsing: settings.yaml, file: "x.yaml").sources == settings.sources)
    #expect(settings.json.text.contains(#""allow":["10.0.0.0/8","2001:db8::1"]"#))
  }

  @Test func recipientsAreFilesBesideTheConfiguration() throws {
    let text = "encryption: {recipients: [auditor.crt, /keys/dpo.crt]}\n" + Self.text
    let settings = try settings(text)
    #expect(settings.recipients == ["/etc/stele/auditor.crt", "/keys/dpo.crt"])
    #expect(try Settings(parsing: settings.yaml, file: "x.yaml").recipients == settings.recipients)
    #expect(
      settings.json.text.contains(#""encryption":{"recipients":["/etc/stele/auditor.crt","/keys/dpo.crt"]}"#))
    #expect(throws: ConfigurationError.self) {
      try self.settings("encryption: {recipients: []}\n" + Self.text)
    }
    #expect(throws: ConfigurationError.self) { try self.settings("encryption: {}\n" + Self.text) }
  }

  /// What is replaced, by what, and the error: line, column, and a part of its text.
  struct Mistake: Sendable, CustomTestStringConvertible {
    var old: String
    var new: String
    var line: Int
    var column: Int
    var text: String
    var testDescription: String { new }

    init(_ old: String, _ new: String, _ line: Int, _ column: Int, _ text: String) {
      (self.old, self.new, self.line, self.column, self.text) = (old, new, line, column, text)
    }
  }

  static let limits = """
        client_certificate: required
        tls_minimum: 1.3
        connections: 500
        connections_per_peer: 20
        handshake_timeout: 3s
        idle_timeout: 10m
        rate: 1000
        burst: 5000
        clients:
          - {san: lb1.example.com, hosts: [lb1, lb1.example.com]}
          - fingerprint: "SHA256:AB:\(String(repeating: "0", count: 62))"

    """

  @Test func clientsAndLimitsAreUnderstoodAndPrinted() throws {
    let text = Self.text.replacing("    client_certificate: optional\n", with: Self.limits)
    let tls = try settings(text).sources[1]
    #expect(tls.tlsMinimum == .tls13)
    let limits = PeerLimits(
      connections: 500, connectionsPerPeer: 20, handshakeTimeout: 3_000_000_000, idleTimeout: 600_000_000_000,
      rate: RateLimit(rate: 1000, burst: 5000))
    #expect(tls.limits == limits)
    #expect(
      tls.clients
        == ClientList([
          .init(.name("lb1.example.com"), hosts: ["lb1", "lb1.example.com"]),
          .init(.fingerprint([0xAB] + Array(repeating: 0, count: 31))),
        ]))
    // What is printed can be read again.
    #expect(try settings(settings(text).yaml).sources == settings(text).sources)
    #expect(try settings(text).json.text.contains(#""clients":[{"san":"lb1.example.com","hosts":["lb1""#))
    let rated = try settings(Self.text.replacing("sockets: 2", with: "rate: 7")).sources[0]
    #expect(rated.limits.rate == RateLimit(rate: 7, burst: 7))
  }

  @Test(arguments: [
    ("    burst: 5000", "", "    rate: 1000", "    burst: 1", 23, 5, "'burst' says nothing without 'rate'"),
    ("required", "optional", "", "", 26, 7, "needs client_certificate to be required"),
    ("{san: lb1.example.com, hosts", "{host", "", "", 26, 10, "did you mean 'hosts'?"),
    ("san: lb1.example.com, ", "", "", "", 26, 9, "needs 'san'"),
    ("san: lb1.example.com", "fingerprint: x", "", "", 26, 23, "openssl x509"),
    ("san: lb1.example.com", "san: a, fingerprint: x", "", "", 26, 31, "remove one"),
    ("[lb1, ", "['a b', ", "", "", 26, 40, "no host name"),
    ("tls_minimum: 1.3", "tls_minimum: 1.1", "", "", 18, 18, "one of 1.2, 1.3"),
    ("connections: 500", "connections: 0", "", "", 19, 18, "a number from 1 to"),
    ("idle_timeout: 10m", "idle_timeout: 10", "", "", 22, 19, "is no duration"),
  ])
  func mistakesInClientsAndLimitsAreNamed(
    _ old: String, _ new: String, _ other: String, _ otherNew: String, _ line: Int, _ column: Int,
    _ words: String
  ) throws {
    #expect(Self.limits.contains(old))
    var limits = Self.limits.replacing(old, with: new, maxReplacements: 1)
    if !other.isEmpty { limits = limits.replacing(other, with: otherNew) }
    do throws(ConfigurationError) {
      _ = try settings(Self.text.replacing("    client_certificate: optional\n", with: limits))
      Issue.record("no error")
    } catch {
      #expect(error.text.contains(words), "\(error)")
      #expect(error.line == line && error.column == column, "\(error)")
    }
  }

  @Test func aCertificatesEndIsSaidOnceForEachStep() {
    let day: Int64 = 86_400
    var warnings = ExpiryWarnings()
    func due(_ left: Int64) -> [String] {
      warnings.due(.init(fingerprint: [], notAfter: 50 * day, authoritiesNotAfter: nil), now: 50 * day - left)
    }
    #expect(due(31 * day).isEmpty)
    #expect(due(30 * day).count == 1)
    #expect(due(29 * day).isEmpty)
    #expect(due(6 * day).first?.hasPrefix("the certificate expires in 6 days: replace it") == true)
    #expect(due(5 * day).isEmpty)
    #expect(due(3 * 3600).first?.hasPrefix("the certificate expires in 3 h 00 min") == true)
    #expect(due(0).first?.hasPrefix("the certificate has expired") == true)
    #expect(due(-day).isEmpty)
    func early() -> [String] {
      warnings.due(
        .init(fingerprint: [], notBefore: 10 * day, notAfter: .max, authoritiesNotAfter: nil), now: 9 * day)
    }
    #expect(early().first?.hasPrefix("the certificate is not valid before 1970-01-11T00:00:00Z") == true)
    #expect(early().isEmpty)
    // A new certificate begins anew, and authorities are told apart.
    #expect(
      warnings.due(.init(fingerprint: [], notAfter: 5 * day, authoritiesNotAfter: nil), now: 0).count == 1)
    let both = warnings.due(.init(fingerprint: [], notAfter: 90 * day, authoritiesNotAfter: day), now: 0)
    #expect(
      both.count == 1 && both.first?.contains("an authority of the clients' certificates expires") == true)
  }

  @Test(arguments: [
    Mistake(
      "  directory:", "  directroy:", 2, 3, "unknown key 'directroy' in log: did you mean 'directory'?"),
    Mistake("sources:", "sourcs:", 5, 1, "did you mean 'sources'?"),
    Mistake("    format: haproxy/httplog", "    formt: haproxy/httplog", 8, 5, "did you mean 'format'?"),
    Mistake("commit: 100ms", "zzzzzzz: 1", 3, 1, "there are log, commit, segment, "),
    Mistake("commit: 100ms", "commit: 100", 3, 9, "'100' is no duration"),
    Mistake("commit: 100ms", "commit: 2h", 3, 9, "outside 1ms to 1m"),
    Mistake("commit: 100ms", "commit: [1s]", 3, 9, "must be a text, not a list"),
    Mistake("commit: 100ms", "commit:", 3, 8, "must not be empty"),
    Mistake("commit: 100ms", "http: {listen: '0.0.0.0:9464'}", 3, 16, "can be reached from other hosts"),
    Mistake("commit: 100ms", "segment: {size: 1GiB}", 3, 1, "the key 'segment' is given twice"),
    Mistake("size: 64MiB", "size: 64Mib", 4, 17, "'64Mib' is no size"),
    Mistake("segment: {size: 64MiB, age: 10m}", "segment: 64MiB", 4, 10, "must be a group of keys"),
    Mistake("  directory: data/edge", "  key: x", 2, 3, "log lacks the key 'directory'"),
    Mistake("name: haproxy", "nam: haproxy", 6, 5, "did you mean 'name'?"),
    Mistake("    listen: udp://127.0.0.1:5514\n", "", 6, 5, "sources[1] lacks the key 'listen'"),
    Mistake("name: nginx", "name: tls", 20, 11, "there is a source 'tls' already"),
    Mistake("name: nginx", "name: 'a b'", 20, 11, "no blanks"),
    Mistake("udp://127.0.0.1:5514", "udo://127.0.0.1:5514", 7, 13, "'udo' is not one of"),
    Mistake(
      "unix:///run/nginx.sock", "udp://127.0.0.1:5514", 21, 13,
      "'haproxy' listens on udp://127.0.0.1:5514 already"),
    Mistake("haproxy/httplog", "haproxy/htplog", 8, 13, "did you mean haproxy/httplog?"),
    Mistake("\"+01:00\"", "Mars/Olympus", 9, 15, "no time zone 'Mars/Olympus'"),
    Mistake("sockets: 2", "proxy_protocol: true", 10, 5, "says nothing for a udp:// source"),
    Mistake("framing: octet", "proxy_protocol: yes", 18, 21, "true, false, not 'yes'"),
    Mistake("sockets: 2", "allow: [10.1.2.3/8]", 10, 13, "bits are set behind the first 8"),
    Mistake("sockets: 2", "allow: [10.0.0.0/40]", 10, 13, "0 to 32, not '40'"),
    Mistake("sockets: 2", "allow: 10.0.0.0/8", 10, 12, "must be a list"),
    Mistake(
      "    format: \"nginx", "    allow: ['::1']\n    format: \"nginx", 22, 5,
      "says nothing for a unix:// source"),
    Mistake(
      "listen: unix:///run/nginx.sock", "listen: unix-stream:///run/x\n    allow: [10.0.0.0/8]", 22, 5,
      "says nothing for a unix-stream:// source"),
    Mistake(
      "listen: unix:///run/nginx.sock", "listen: unix-stream:///run/x\n    rate: 5", 22, 5,
      "says nothing for a unix-stream:// source"),
    Mistake(
      "listen: unix:///run/nginx.sock", "listen: unix-stream:///run/x\n    connections_per_peer: 5", 22, 5,
      "says nothing for a unix-stream:// source"),
    Mistake(
      "listen: unix:///run/nginx.sock", "listen: unix-stream:///run/x\n    handshake_timeout: 5s", 22, 5,
      "says nothing for a unix-stream:// source"),
    Mistake(
      "listen: unix:///run/nginx.sock", "listen: unix-stream:///run/x\n    receive_buffer: 1MiB", 22, 5,
      "says nothing for a unix-stream:// source"),
    Mistake(
      "listen: unix:///run/nginx.sock", "listen: unix-stream:///run/x\n    proxy_protocol: true", 22, 5,
      "says nothing for a unix-stream:// source"),
    Mistake(
      "listen: unix:///run/nginx.sock", "listen: unix-stream:///run/x\n    clients: []", 22, 5,
      "says nothing for a unix-stream:// source"),
    Mistake("sockets: 2", "allow: []", 10, 12, "lets nobody in"),
    Mistake("sockets: 2", "sockets: 0", 10, 14, "a number from 1 to 64"),
    Mistake("sockets: 2", "framing: lf", 10, 5, "'framing' says nothing for a udp:// source"),
    Mistake("    sockets: 2", "    file: /var/log/x", 7, 5, "'listen' and 'file' exclude each other"),
    Mistake("    sockets: 2", "    start: end", 10, 5, "'start' says nothing for a udp:// source"),
    Mistake("listen: unix:///run/nginx.sock", "file: /var/*/a.log", 21, 11, "only that may have '*'"),
    Mistake(
      "listen: unix:///run/nginx.sock", "file: a.log\n    sockets: 2", 22, 5, "says nothing for a file source"
    ),
    Mistake(
      "listen: unix:///run/nginx.sock", "file: a.log\n    start: now", 22, 12, "beginning, end, not 'now'"),
    Mistake("    sockets: 2", "    from: /none/haproxy.cfg", 8, 5, "'format' and 'from' exclude each other"),
    Mistake("format: haproxy/httplog", "from: /none/haproxy.cfg", 8, 11, "/none/haproxy.cfg cannot be read"),
    Mistake("format: haproxy/httplog", "from: {apache: /etc/x}", 8, 12, "there are haproxy, nginx, envoy"),
    Mistake("format: haproxy/httplog", "from: {}", 8, 11, "must name one file"),
    Mistake(
      "format: haproxy/httplog", "format: '@/none/nginx.conf'", 8, 13, "/none/nginx.conf cannot be read"),
    Mistake("    client_ca: ca.crt\n", "", 13, 13, "needs 'client_ca'"),
    Mistake("client_certificate: optional", "client_certificate: none", 16, 5, "'client_ca' says nothing"),
    Mistake("client_certificate: optional", "client_certificate: optionl", 17, 25, "did you mean optional?"),
    Mistake("    key: /etc/tls.key\n", "", 12, 5, "lacks the key 'key'"),
    Mistake("framing: octet", "framing: file", 18, 14, "auto, octet, lf"),
    Mistake("max_message: 32KiB", "max_message: 1GiB", 19, 18, "outside"),
    Mistake("  - name: tls", "  - tls", 13, 11, "not YAML"),
    Mistake("log:\n", "log: 'x\n", 22, 21, "not YAML"),
    Mistake("directory: data/edge", "directory: 5", 2, 14, "5 is a number; if it is meant so, write '5'"),
    Mistake("name: nginx", "name: 0x10", 20, 11, "0x10 is a number"),
    Mistake("name: nginx", "name: on", 20, 11, "on is yes or no"),
    Mistake("name: nginx", "name: ~", 20, 11, "~ is nothing"),
    Mistake("key: /etc/tls.key", "key: -1.5", 15, 10, "-1.5 is a number"),
    Mistake("format: haproxy/httplog", "format: [a]", 8, 13, "must be a text, not a list"),
    Mistake("sockets: 2", "sockets: {a: 1}", 10, 14, "must be a text, not a group"),
    Mistake("commit: 100ms", "commit: &x 100ms", 3, 9, "anchors and aliases (&x, *x)"),
    Mistake("segment: {size: 64MiB, age: 10m}", "segment: &s {size: 64MiB}", 4, 10, "anchors and aliases"),
    Mistake("name: nginx", "name: *n", 20, 11, "undefined alias"),
    Mistake("commit: 100ms", "\tcommit: 100ms", 3, 1, "indent with blanks"),
    Mistake("    sockets: 2", "\tsockets: 2", 10, 1, "indent with blanks"),
    Mistake("commit: 100ms", "---\ncommit: 100ms", 3, 1, "a second document begins here"),
    Mistake("    sockets: 2", "    format: auto", 8, 5, "the key 'format' is given twice"),
    Mistake(
      "directory: data/edge", "directory: ${NO_SUCH_VAR}/e", 2, 14, "no variable NO_SUCH_VAR; set it, or"),
    Mistake("directory: data/edge", "directory: /data/$HOME", 2, 14, "write $$ for the character itself"),
    Mistake("directory: data/edge", "directory: '${}'", 2, 14, "'${}' is not written as ${NAME}"),
    Mistake("directory: data/edge", "directory: '${A-b}'", 2, 14, "'${A-b}' is not written as ${NAME}"),
    Mistake("directory: data/edge", "directory: '${A:-}'", 2, 14, "comes to nothing"),
  ])
  func mistakesAreNamedWithLineAndColumn(_ mistake: Mistake) throws {
    #expect(Self.text.contains(mistake.old))
    let text = Self.text.replacing(mistake.old, with: mistake.new, maxReplacements: 1)
    do throws(ConfigurationError) {
      _ = try settings(text)
      Issue.record("no error")
    } catch {
      #expect(error.text.contains(mistake.text), "\(error)")
      #expect(error.line == mistake.line && error.column == mistake.column, "\(error)")
      #expect("\(error)".hasPrefix("/etc/stele/stele.yaml:\(mistake.line):\(mistake.column): "))
    }
  }

  @Test func emptyFilesAreRefused() {
    for text in ["", "# nothing\n", "--- \n...\n"] {
      #expect(throws: ConfigurationError.self) { _ = try settings(text) }
    }
    #expect(throws: ConfigurationError.self) { _ = try settings("log: {directory: d}\nsources: []\n") }
    #expect(throws: ConfigurationError.self) { _ = try settings("- a\n") }
  }
}

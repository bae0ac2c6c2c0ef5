// What `stele config show` prints: a file that means the same; and paths that come from the environment.
import Bytes
import Collector
import Platform
import Syslog
import TLS
import TestSupport
import Testing

@testable import stele

@Suite struct ShowTests {
  private static let environment = [
    "CREDENTIALS_DIRECTORY": "/run/credentials/stele", "STATE_DIRECTORY": "/var/lib/x", "EMPTY": "",
    "RELATIVE": "sub/x",
  ]

  private func settings(_ text: String) throws -> Settings {
    try Settings(parsing: text, file: "/etc/stele/stele.yaml") { Self.environment[$0] }
  }

  @Test func pathsComeFromTheEnvironment() throws {
    let settings = try settings(
      """
      log:
        directory: ${STATE_DIRECTORY:-/var/lib/stele}/edge
        key: ${EMPTY:-/etc/keys}/stele.key
        key_store: /a$$b/${RELATIVE}/$${STATE_DIRECTORY}
      encryption: {recipients: ['${RELATIVE}/auditor.crt']}
      sources:
        - name: ${EMPTY}
          listen: tls://127.0.0.1:6514
          format: "nginx:'$remote_addr ${status}'"
          certificate: ${CREDENTIALS_DIRECTORY}/tls.crt
          key: ${CREDENTIALS_DIRECTORY}/tls.key
          client_ca: '${NONE:-ca.crt}'

      """)
    #expect(settings.directory == "/var/lib/x/edge" && settings.logKey == "/etc/keys/stele.key")
    #expect(settings.keyStore == "/a$b/sub/x/${STATE_DIRECTORY}")
    #expect(settings.recipients == ["/etc/stele/sub/x/auditor.crt"])
    let source = settings.sources[0]
    #expect(source.certificate == "/run/credentials/stele/tls.crt" && source.clientCA == "/etc/stele/ca.crt")
    #expect(source.key == "/run/credentials/stele/tls.key")
    // Nowhere else.
    #expect(source.name == "${EMPTY}" && source.format == "nginx:'$remote_addr ${status}'")
    // What is shown is read back without any environment, and a dollar sign stays one.
    #expect(settings.yaml.contains("/a$$b/sub/x/$${STATE_DIRECTORY}"))
    #expect(try Settings(parsing: settings.yaml, file: "x", environment: { _ in nil }) == settings)
  }

  @Test func everyDefaultIsShown() throws {
    let settings = try settings(
      """
      log: {directory: /l}
      sources:
        - {name: a, listen: 'udp://127.0.0.1:1'}
        - {name: b, listen: 'tcp://127.0.0.1:1'}

      """)
    for line in [
      "  key: /l.key", "  key_store: /l.next", "commit: 250ms", "segment: {size: 1GiB, age: 1h}",
      "# encryption: none", "# retention: none", "# timestamps: none", "# scrub: none", "# witnesses: none",
      "    format: auto", "    timezone: UTC", "    receive_buffer: 32MiB", "    sockets: 1",
      "    framing: auto", "    max_message: 64KiB",
    ] {
      #expect(settings.yaml.split(separator: "\n").contains { $0.hasPrefix(line) }, "\(line)")
    }
  }

  /// Settings with odd texts everywhere.
  private struct Maker {
    var random: SplitMix64
    var names: Set<String> = []

    private static let pieces = [
      "a", "Z", "0", "7", ".5", "-", "_", "/", "'", "\"", "#", " #", ": ", ":", "$", "$$", "${", "}", "{",
      "[", "]",
      ",", "&", "*", "!", "|", ">", "%", "@", "`", "~", "no", "true", "null", "é", "日", "😀", "\\", "\\n", "?",
      "- ", "=",
    ]

    mutating func text(_ blanks: Bool = true) -> String {
      var text = ""
      for _ in 0..<Int.random(in: 1...6, using: &random) {
        text += Self.pieces.randomElement(using: &random) ?? ""
      }
      if !blanks { text = text.replacing(" ", with: "") }
      return text.isEmpty ? "x" : text
    }

    mutating func path() -> String { "/" + text() }

    mutating func name() -> String {
      while true {
        let name = text(false)
        if name.utf8.count <= 64, names.insert(name).inserted { return name }
      }
    }

    mutating func flip() -> Bool { Bool.random(using: &random) }

    mutating func settings() throws -> Settings {
      var settings = Settings(directory: path(), logKey: path(), keyStore: path())
      settings.commit = Int64.random(in: 1...60_000, using: &random) * 1_000_000
      settings.segmentSize = Int.random(in: 1 << 20...1 << 40, using: &random)
      settings.segmentAge = Int64.random(in: 1...100_000, using: &random) * 1_000_000_000
      for _ in 0..<Int.random(in: 0...2, using: &random) { settings.recipients.append(path()) }
      if flip() { settings.retention = RetentionPolicy(age: flip() ? 3_600_000_000_000 : nil, size: 1 << 21) }
      if flip() { settings.scrub = ScrubSettings() }
      if flip() {
        settings.timestamps = TimestampSettings(url: "http://tsa/a#b?c='", authorities: flip() ? path() : nil)
      }
      for number in 0..<Int.random(in: 1...4, using: &random) {
        settings.sources.append(try source(number + 1))
      }
      return settings
    }

    private mutating func source(_ number: Int) throws -> SourceSettings {
      let scheme =
        ["udp", "tcp", "tls", "unix", "unix-stream", "file"].randomElement(using: &random) ?? "udp"
      let place = scheme.hasPrefix("unix") ? "/run/\(number)" + text(false) : "[::1]:\(number)"
      let endpoint =
        scheme == "file"
        ? Endpoint(files: "/log/\(number)/*" + text(false).replacing("/", with: ""))
        : try Endpoint("\(scheme)://\(place)")
      var source = SourceSettings(name: name(), listen: endpoint)
      source.format =
        ["auto", "nginx/combined", "nginx:'$remote_addr it''s \"$request\" # x: y'", "none"].randomElement(
          using: &random) ?? "auto"
      source.timezone = ["UTC", "+01:00", "-11:30"].randomElement(using: &random) ?? "UTC"
      switch source.listen.scheme {
      case .udp: source.sockets = Int.random(in: 1...64, using: &random)
      case .tcp, .tls:
        source.messageLimit = Int.random(in: 4096...65_536, using: &random)
        source.framing = [.auto, .octet, .lineFeed].randomElement(using: &random) ?? .auto
        source.expectsProxy = flip()
      case .unixStream:
        source.messageLimit = Int.random(in: 4096...65_536, using: &random)
        source.framing = [.auto, .octet, .lineFeed].randomElement(using: &random) ?? .auto
        source.limits.connections = Int.random(in: 1...100, using: &random)
        source.limits.idleTimeout = flip() ? 60_000_000_000 : nil
      case .unix: source.receiveBuffer = Int.random(in: 4096...1 << 30, using: &random)
      case .file: source.startsAtEnd = flip()
      }
      if !scheme.hasPrefix("unix"), scheme != "file", flip() {
        source.allow = AllowList([try AddressPrefix("10.0.0.0/8"), try AddressPrefix("2001:db8::/32")])
      }
      if scheme == "tls" {
        (source.certificate, source.key) = (path(), path())
        source.clientCertificate = [.required, .optional, .none].randomElement(using: &random) ?? .none
        if source.clientCertificate != .none { source.clientCA = path() }
      }
      return source
    }
  }

  @Test(arguments: 0..<300) func whatIsShownIsReadBack(_ seed: Int) throws {
    var maker = Maker(random: SplitMix64(UInt64(seed)))
    let settings = try maker.settings()
    let again = try Settings(parsing: settings.yaml, file: "/x/y.yaml", environment: { _ in nil })
    #expect(again == settings, "seed \(seed):\n\(settings.yaml)")
    #expect(again.yaml == settings.yaml)
  }

  // MARK: Differences

  private func difference(_ old: String, _ new: String) throws -> SettingsDifference {
    let rest = "\nsources:\n  - {name: a.b, listen: 'udp://127.0.0.1:1', format: none}\n"
    return SettingsDifference(
      try settings("log: {directory: /l}" + rest + old), try settings("log: {directory: /l}" + rest + new))
  }

  @Test func differencesAreNamedKeyByKey() throws {
    let none = try difference("commit: 1s\n", "commit: 1000ms # the same\n")
    #expect(none.changes.isEmpty && !none.isIncomplete)
    let some = try difference(
      "commit: 1s\nscrub: {}\n",
      "  - {name: c, listen: 'tcp://127.0.0.1:1', test: [{line: x, status: failed}]}\nretention: {age: 1d}\n")
    func text(_ change: SettingsDifference.Change) -> String {
      "\(change.key) \(change.old ?? "-") \(change.new ?? "-")"
    }
    let texts = some.changes.map(text)
    #expect(texts.contains("commit 1s 250ms") && texts.contains("retention.age - 1d"))
    #expect(texts.contains("scrub.every 7d -") && texts.contains("sources.c.listen - tcp://127.0.0.1:1"))
    #expect(!texts.contains { $0.hasPrefix("sources.a.b") } && some.sources == ["c"])
    #expect(some.unchangeable.isEmpty)
    let tests = try difference("", "    #\n")
    #expect(tests.changes.isEmpty && !tests.isIncomplete)
  }

  @Test func whatNeedsARestartIsNamed() throws {
    let keys = try difference("", "encryption: {recipients: [/a.crt]}\n").unchangeable.map(\.key)
    #expect(keys == ["encryption.recipients"])
    let old = try settings("log: {directory: /l}\nsources: [{name: a.b, listen: 'udp://127.0.0.1:1'}]\n")
    let text =
      "log: {directory: /m}\nsources:\n  - name: a.b\n    listen: udp://127.0.0.1:1\n    sockets: 2\n"
    let changes = SettingsDifference(old, try settings(text)).unchangeable
    #expect(
      changes.map(\.key).sorted() == ["log.directory", "log.key", "log.key_store", "sources.a.b.sockets"])
    let place = ConfigurationValue.place(of: "sources.a.b.sockets", text, "f.yaml").error("")
    #expect(place.line == 5 && place.column == 5)
    #expect(ConfigurationValue.place(of: "log.key", text, "f.yaml").error("").line == 1)
  }
}

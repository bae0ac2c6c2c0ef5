import Foundation
import TestSupport
import Testing

/// The whole way: rules in a file, lines through the pipeline, and then the log's files.
@Suite struct MinimiseTests {
  private let sandbox: Sandbox

  init() throws {
    sandbox = try Sandbox()
    try sandbox.makeLog()
    try sandbox.write("key", "0123456789abcdef0123456789abcdef\n")
    try sandbox.write("rules.yaml", Self.rules)
  }

  private static let rules = """
    preset: pci-dss
    drop: [http.referrer, http.req_cookie]
    truncate: {user_agent: 24}
    pseudonym: [client.ip, user]
    pseudonym_key: key
    """

  private static let secrets = [
    "203.0.113.77", "SECRETQ", "SECRETU", "SECRETR", "4111111111111111", "378282246310005",
  ]

  private static let lines =
    (0..<300).flatMap { number in
      [
        #"203.0.113.77 - SECRETU [23/Nov/2026:08:00:00 +0000] "GET /\#(number)?a=\#(number)&password=SECRETQ\#(number) HTTP/1.1" 200 5 "http://SECRETR\#(number)/" "agent 4111111111111111""#,
        #"203.0.113.77:50 [23/Nov/2026:08:00:00.123] fe be/s1 0/0/1/2/\#(number) 200 99 - - ---- 1/1/1/1/0 0/0 "GET /?card=378282246310005 HTTP/1.1""#,
        #"odd \#(number) 203.0.113.77 password=SECRETQ"#,
        #"192.0.2.1 - - [23/Nov/2026:08:00:00 +0000] "GET /\#(number) HTTP/1.1" 200 5 "-" "-""#,
      ]
    }

  /// No file of the log has any of `secrets`.
  private func expectNoSecrets(_ secrets: [String]) throws {
    let root = sandbox.path("log")
    let names = try #require(FileManager.default.enumerator(atPath: root)?.allObjects as? [String])
    for name in names {
      guard let data = FileManager.default.contents(atPath: root + "/" + name) else { continue }
      for secret in secrets { #expect(data.range(of: Data(secret.utf8)) == nil, "\(secret) in \(name)") }
    }
    for output in ["raw", "ndjson"] {
      let all = try sandbox.stele("search", "@log", "--entries", "all", "--output", output)
      for secret in secrets { #expect(!all.text.contains(secret), "\(secret) in \(output)") }
    }
  }

  @Test func nothingThatIsMaskedIsInTheLog() throws {
    try sandbox.write("lines", Self.lines.joined(separator: "\n") + "\n")
    let replayed = try sandbox.stele(
      "replay", "@lines", "--into", "@log", "--minimize", "@rules.yaml", "--json")
    #expect(replayed.status == 0, "\(replayed.errors)")
    try expectNoSecrets(Self.secrets)
    let verified = try sandbox.stele("verify", "@log", "--key", "@log.vkey")
    #expect(verified.status == 0, "\(verified.text)")
    // All but those with nothing to mask but the address, which is masked, too.
    #expect(
      try sandbox.stele("search", "@log", "masked = true", "--output", "raw").text.split(separator: "\n")
        .count == 1200)
    // Equal addresses have equal pseudonyms, and lines still have their fields.
    let found = try sandbox.stele(
      "search", "@log", "client.ip in fd00::/8 and http.status = 200", "--output", "ndjson")
    let addresses = found.text.split(separator: "\n").compactMap {
      Sandbox.object($0)?["client.ip"] as? String
    }
    #expect(addresses.count == 900 && Set(addresses).count == 2)
    let record = try sandbox.stele("search", "@log", "--entries", "control", "--output", "raw").text
      .split(separator: "\n").compactMap { Sandbox.object($0) }.first { $0["type"] as? String == "source" }
    let rules = try #require(record?["minimize"] as? [String: Any])
    #expect(
      rules["preset"] as? String == "pci-dss" && rules["pseudonym"] as? [String] == ["client.ip", "user"])
    // printf 0123456789abcdef0123456789abcdef | sha256sum
    #expect(rules["key_id"] as? String == "3eb1bd43")
    #expect((rules["mask_query"] as? [String])?.contains("password") == true)
  }

  @Test func withoutRulesNothingIsMasked() throws {
    try sandbox.write("lines", Self.lines.joined(separator: "\n") + "\n")
    #expect(try sandbox.stele("replay", "@lines", "--into", "@log").status == 0)
    #expect(
      try sandbox.stele("search", "@log", "--output", "raw").text == Self.lines.joined(separator: "\n") + "\n"
    )
    #expect(try sandbox.stele("search", "@log", "masked = true", "--output", "raw").text.isEmpty)
  }

  @Test func theDaemonMinimisesAndSaysSo() throws {
    let indented = Self.rules.split(separator: "\n").map { "      " + $0 }.joined(separator: "\n")
    try sandbox.write(
      "stele.yaml",
      """
      log: {directory: log}
      commit: 20ms
      sources:
        - name: edge
          listen: tcp://127.0.0.1:0
          format: nginx/combined
          minimize:
      \(indented)
      """)
    try sandbox.write("lines", Self.lines[0] + "\n" + Self.lines[3] + "\n")
    let daemon = try DaemonProcess(sandbox, ["--config", "@stele.yaml"])
    #expect(
      try sandbox.stele("replay", "@lines", "--to", daemon.url("edge"), "--wrap", "rfc5424").status == 0)
    #expect(daemon.waitUntilDurable(5), "\(daemon.program.errors)")
    #expect(daemon.stop().status == 0)
    try expectNoSecrets(Self.secrets)
    let found = try sandbox.stele("search", "@log", "masked = true", "--output", "raw").text
    #expect(found.split(separator: "\n").count == 2 && found.contains(" stele - - - fd"))
  }

  /// What `config check` prints means the same when it is read.
  @Test func whatConfigCheckPrintsCanBeReadBack() throws {
    try sandbox.write(
      "stele.yaml",
      """
      log: {directory: log}
      sources:
        - name: edge
          listen: tcp://127.0.0.1:0
          format: nginx/combined
          minimize: {preset: gdpr, pseudonym_key: key, keep: [peer.ip], truncate: {user_agent: 64, server.ip: /16 /32, tls.sni: 9}, mask_query: [q], mask_pan: true, unparsed: withhold}
      """)
    let first = try sandbox.stele("config", "check", "@stele.yaml")
    #expect(first.status == 0, "\(first.errors)")
    try sandbox.write("again.yaml", first.text)
    let second = try sandbox.stele("config", "check", "@again.yaml")
    #expect(second.status == 0, "\(second.errors)")
    #expect(second.text == first.text)
    #expect(first.text.contains("\"server.ip\":\"/16 /32\""))
    #expect("\(first.errors)".contains("the formats have no field tls.sni"))
  }

  @Test(arguments: [
    ("drop: [http.referer]", 1, 8, "did you mean http.referrer?"),
    ("drp: [user]", 1, 1, "did you mean 'drop'?"),
    ("truncate: {client.ip: 64}", 1, 23, "written as /24"),
    ("truncate:\n  user_agent: /x", 2, 15, "neither a count of bytes"),
    ("truncate: {client.ip: /33}", 1, 23, "/0 to /32"),
    ("pseudonym: [user]", 1, 12, "need a key"),
    ("pseudonym: [user]\npseudonym_key: none", 2, 16, "cannot be read"),
    ("pseudonym: [user]\npseudonym_key: short", 2, 16, "fewer than 16 bytes"),
    ("drop: [user]\npseudonym_key: key", 2, 16, "nothing uses the key"),
    ("drop: [user, user_agent]\ntruncate: {user_agent: 5}", 2, 12, "there is a rule for user_agent already"),
    ("drop: [syslog.host]", 1, 8, "always stored"), ("drop: [seq]", 1, 8, "always stored"),
    ("preset: gpdr", 1, 9, "did you mean gdpr?"), ("unparsed: hide", 1, 11, "redact, keep, withhold"),
    ("mask_pan: maybe", 1, 11, "true or false"), ("mask_pan: false", 1, 1, "has no rule"),
  ])
  func mistakesAreToldWithTheirPlace(text: String, line: Int, column: Int, reason: String) throws {
    try sandbox.write("short", "0123456789abcde")
    try sandbox.write("bad.yaml", text + "\n")
    try sandbox.write("lines", "x\n")
    let result = try sandbox.stele(
      "replay", "@lines", "--into", "@log", "--format", "nginx/combined", "--minimize", "@bad.yaml")
    #expect(result.status != 0)
    #expect("\(result.errors)".contains("bad.yaml:\(line):\(column): "), "\(result.errors)")
    #expect("\(result.errors)".contains(reason), "\(result.errors)")
  }
}

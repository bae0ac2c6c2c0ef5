import Bytes
import Events
import Formats
import Syslog
import Templates
import TestSupport
import Testing

@testable import Collector

/// One line through the minimiser, as a worker has it done.
private struct Bench {
  var rules: MinimiseRules
  var format: String

  init(_ format: String, _ rules: MinimiseRules) {
    self.format = format
    self.rules = rules
  }

  struct Outcome {
    var text: String
    var isMasked: Bool
    /// It fits its format, before and after.
    var wasParsed: Bool
    var isParsed: Bool
  }

  func run(_ line: String, flags: FrameFlags = FrameFlags(.lineFeed)) throws -> Outcome {
    try run(Array(line.utf8), flags: flags)
  }

  func run(_ line: [UInt8], flags: FrameFlags = FrameFlags(.lineFeed)) throws -> Outcome {
    var outcomes = try run([line], flags: flags)
    return outcomes.removeLast()
  }

  func run(_ lines: [[UInt8]], flags: FrameFlags = FrameFlags(.lineFeed)) throws -> [Outcome] {
    var definition = SourceDefinition(
      name: "s", templates: SyslogHeaders.templates(around: try FormatSpec.parse(format)), format: format)
    definition.minimise = rules
    let table = SourceTable([definition])
    let matcher = Matcher(table.templateLists)
    var result = MatchResult(for: matcher)
    var made = Minimiser(table, matcher)
    var outcomes: [Outcome] = []
    for line in lines {
      try line.withView { raw in
        matcher.match(raw, list: 1, into: &result)
        let wasParsed = result.node >= 0 && !result.isPartial
        let new = try made?.minimise(raw, flags, source: 1, list: 1, matcher, &result)
        outcomes.append(
          Outcome(
            text: (new ?? raw).text, isMasked: new != nil, wasParsed: wasParsed,
            isParsed: result.node >= 0 && !result.isPartial))
      }
    }
    return outcomes
  }
}

private func rules(
  _ rules: [(String, MinimiseRules.Action)] = [], query: [String] = [], cards: Bool = false,
  unparsed: MinimiseRules.Unparsed = .redact, key: String = "0123456789abcdef"
) -> MinimiseRules {
  var made = MinimiseRules()
  made.rules = rules.map { MinimiseRules.Rule($0.0, $0.1) }
  made.parameters = .named(query)
  made.masksCards = cards
  made.unparsed = unparsed
  made.key = PseudonymKey(Array(key.utf8))
  return made
}

private let head = "203.0.113.7 - alice [23/Nov/2026:08:00:00 +0000] "

@Suite struct MinimiserTests {
  private func combined(
    _ rules: MinimiseRules, request: String = "GET / HTTP/1.1", referrer: String = "-", agent: String = "curl"
  ) throws -> String {
    let outcome = try Bench("nginx/combined", rules)
      .run(head + "\"\(request)\" 200 5 \"\(referrer)\" \"\(agent)\"")
    #expect(outcome.wasParsed && outcome.isParsed, "\(outcome.text)")
    return outcome.text
  }

  @Test func droppedFieldsBecomeDashes() throws {
    let text = try combined(
      rules([("http.referrer", .drop), ("user", .drop), ("user_agent", .drop)]),
      referrer: "http://secret.example/", agent: "secret")
    #expect(text == #"203.0.113.7 - - [23/Nov/2026:08:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "-""#)
  }

  @Test func addressesAreCutToTheirNetwork() throws {
    let cut = rules([("client.ip", .network(v4: 24, v6: 48))])
    #expect(try combined(cut).hasPrefix("203.0.113.0 - alice"))
    let six = try Bench("nginx/combined", cut)
      .run("2001:db8:1:2::9" + head.dropFirst(11) + #""GET / HTTP/1.1" 200 5 "-" "-""#)
    #expect(six.text.hasPrefix("2001:db8:1:: - alice"))
    for (v4, expected) in [(0, "0.0.0.0"), (8, "203.0.0.0"), (31, "203.0.113.6"), (32, "203.0.113.7")] {
      #expect(try combined(rules([("client.ip", .network(v4: v4, v6: 0))])).hasPrefix(expected + " "))
    }
  }

  @Test(arguments: [
    (0, "::"), (1, "8000::"), (64, "ffff:ffff:ffff:ffff::"), (65, "ffff:ffff:ffff:ffff:8000::"),
  ])
  func longAddressesKeepAsManyBitsAsAsked(bits: Int, expected: String) {
    #expect(Address(ipv6: ~0, ~0).network(v4: 0, v6: bits).description == expected)
  }

  @Test func textIsCutBetweenCharacters() throws {
    #expect(try combined(rules([("user_agent", .shorten(3))]), agent: "abcdef").hasSuffix(#""abc""#))
    // Nginx escapes what is above 126: é is two bytes there, and must stay whole.
    #expect(try combined(rules([("user_agent", .shorten(3))]), agent: #"ab\xC3\xA9f"#).hasSuffix(#""ab""#))
    #expect(
      try combined(rules([("user_agent", .shorten(4))]), agent: #"ab\xC3\xA9f"#).hasSuffix(#""ab\xC3\xA9""#))
  }

  @Test func equalInputHasEqualPseudonymsAndAnotherKeyOthers() throws {
    let fields: [(String, MinimiseRules.Action)] = [("client.ip", .pseudonym), ("user", .pseudonym)]
    let one = try combined(rules(fields))
    #expect(try combined(rules(fields)) == one)
    let other = try combined(rules(fields, key: "another key of 16+"))
    #expect(one.hasPrefix("fd") && other.hasPrefix("fd"))
    let parts = one.split(separator: " "), others = other.split(separator: " ")
    #expect(parts[0] != others[0] && parts[2] != others[2])
    #expect(parts[2].hasPrefix("p:") && parts[2].utf8.count == 34)
    let mapped = try Bench("nginx/combined", rules(fields))
      .run("::ffff:" + head + #""GET / HTTP/1.1" 200 5 "-" "-""#)
    #expect(mapped.text.split(separator: " ")[0] == parts[0])
  }

  @Test func whatIsNotThereStaysSo() throws {
    let line = #"203.0.113.7 - - [23/Nov/2026:08:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "-""#
    let outcome = try Bench(
      "nginx/combined",
      rules([("user", .pseudonym), ("http.referrer", .pseudonym)], query: ["a"], cards: true)
    ).run(line)
    #expect(outcome.text == line)
    #expect(!outcome.isMasked)
  }

  /// The same address elsewhere in the line goes with it: nobody must find it in the referrer.
  @Test func aMaskedAddressIsMaskedWhereverItStandsInItsLine() throws {
    let text = try combined(
      rules([("client.ip", .network(v4: 24, v6: 48))]),
      request: "GET /ban?ip=203.0.113.7&of=192.0.2.1 HTTP/1.1",
      agent: "x 203.0.113.7")
    #expect(!text.contains("203.0.113.7"))
    #expect(text.contains("ip=203.0.113.0&of=192.0.2.1"))
  }

  @Test func forwardedAddressesGoWithTheClientsUnlessKept() throws {
    var made = rules([("client.ip", .network(v4: 24, v6: 48))])
    let line = head + #""GET / HTTP/1.1" 200 5 "-" "curl" "198.51.100.9, unknown, 2001:db8:5:6::1""#
    let masked = try Bench("nginx/main", made).run(line)
    #expect(masked.text.hasSuffix(#""198.51.100.0, -, 2001:db8:5::""#))
    made.kept = ["forwarded_for"]
    #expect(
      try Bench("nginx/main", made).run(line).text.hasSuffix(#""198.51.100.9, unknown, 2001:db8:5:6::1""#))
  }

  /// A format that logs one thing twice names only one slot by the field.
  @Test func aSecondSlotOfTheSameFieldIsMaskedToo() throws {
    let outcome = try Bench(
      "nginx:'$remote_addr $remote_user \"$request\" \"$remote_user\" $status'", rules([("user", .pseudonym)])
    ).run(#"203.0.113.7 alice "GET / HTTP/1.1" "alice" 200"#)
    #expect(outcome.isParsed)
    #expect(!outcome.text.contains("alice"))
  }

  /// A load balancer that is configured anew does not end what was decided of its messages.
  @Test func rulesOutliveAChangeOfFormat() {
    var definition = SourceDefinition(name: "s", templates: [], format: "none")
    definition.minimise = rules(query: ["token"])
    var table = SourceTable([definition])
    table.replace(1, by: SourceDefinition(name: "s", templates: [], format: "other"))
    #expect(table.definitions[0].format == "other")
    #expect(table.definitions[0].minimise == definition.minimise)
  }

  @Test func onlyTheQueryOfATargetIsDropped() throws {
    let text = try combined(rules([("url.query", .drop)]), request: "GET /a?secret=1&x=2 HTTP/1.1")
    #expect(text.contains(#""GET /a?- HTTP/1.1""#))
  }
}

@Suite struct MinimisedFormatTests {
  /// Secrets in every place where a shipped format has them; none may be left, and the line must still fit.
  @Test(arguments: [
    (
      "haproxy/httplog",
      #"203.0.113.7:5001 [23/Nov/2026:08:00:00.123] fe be/s1 0/0/1/2/3 200 99 SECRETC - ---- 1/1/1/1/0 0/0 "#
        + #"{203.0.113.7|SECRETH token=SECRETQ} {} "GET /p?token=SECRETQ&a=4111111111111111 HTTP/1.1""#
    ),
    (
      "haproxy/httpslog",
      #"203.0.113.7:5001 [23/Nov/2026:08:00:00.123] fe~ be/s1 0/0/1/2/3 200 99 - - ---- 1/1/1/1/0 0/0 "#
        + #""GET /p?x=1&token=SECRETQ HTTP/1.1" 0/0000000000000000/0/0/0 sni.example/TLSv1.3/TLS_AES_256_GCM_SHA384"#
    ),
    ("haproxy/tcplog", "203.0.113.7:5001 [23/Nov/2026:08:00:00.123] fe be/s1 0/0/5 99 -- 1/1/1/1/0 0/0"),
    (
      "haproxy/clf",
      #"203.0.113.7 - - [23/Nov/2026:08:00:00 +0000] "GET /p?token=SECRETQ HTTP/1.1" 200 99 "" "" 5001 005 "fe" "#
        + #""be" "s1" 0 0 1 2 3 ---- 1 1 0 0 0 0 0 "SECRETC" """#
    ),
    (
      "nginx/combined",
      #"203.0.113.7 - SECRETU [23/Nov/2026:08:00:00 +0000] "GET /p?token=SECRETQ HTTP/1.1" 200 5 "http://SECRETR/" "4111 1111 1111 1111""#
    ),
    (
      "nginx/main",
      #"203.0.113.7 - SECRETU [23/Nov/2026:08:00:00 +0000] "GET /p?token=SECRETQ HTTP/1.1" 200 5 "http://SECRETR/" "a" "203.0.113.7""#
    ),
    (
      "nginx/ingress",
      #"203.0.113.7 - SECRETU [23/Nov/2026:08:00:00 +0000] "GET /p?token=SECRETQ HTTP/1.1" 200 5 "http://SECRETR/" "a" 77 0.001 [ns-svc-80] [] 10.0.0.1:80 5 0.001 200 0123456789abcdef0123456789abcdef"#
    ),
    ("nginx/stream", "203.0.113.7 [23/Nov/2026:08:00:00 +0000] TCP 200 10 20 0.5"),
    ("nginx/ingress-stream", "[203.0.113.7] [23/Nov/2026:08:00:00 +0000] TCP 200 10 20 0.5"),
    (
      "nginx/error",
      #"2026/11/23 08:00:00 [error] 12#12: *5 open() "/p?token=SECRETQ" failed (2: No such file or directory), client: 203.0.113.7, server: _, request: "GET /p?token=SECRETQ HTTP/1.1", host: "a.example", referrer: "http://SECRETR/""#
    ),
    (
      "envoy/default",
      #"[2026-11-23T08:00:00.123Z] "GET /p?token=SECRETQ HTTP/1.1" 200 - 0 5 1 1 "203.0.113.7" "a 4111-1111-1111-1111" "0123" "a.example" "10.0.0.1:80""#
    ),
    (
      "istio/default",
      #"[2026-11-23T08:00:00.123Z] "GET /p?token=SECRETQ HTTP/1.1" 200 - via_upstream - "-" 0 5 1 1 "203.0.113.7" "a" "0123" "a.example" "10.0.0.1:80" outbound|80||x 10.0.0.2:1 10.0.0.3:80 203.0.113.7:5001 - default"#
    ),
    (
      "istio/json",
      #"{"authority":"a.example","bytes_received":0,"bytes_sent":5,"connection_termination_details":null,"#
        + #""downstream_local_address":"10.0.0.3:80","downstream_remote_address":"203.0.113.7:5001","#
        + #""duration":3,"method":"GET","path":"/p?a=\"&token=SECRETQ\\\"x","protocol":"HTTP/1.1","#
        + #""request_id":"c463717a-a722-47c6-8ec1-ea8f90b9ea58","requested_server_name":null,"response_code":200,"#
        + #""response_code_details":"via_upstream","response_flags":"-","route_name":".v1","#
        + #""start_time":"2026-11-23T08:00:00.480Z","upstream_cluster":"outbound|80|v1|x","#
        + #""upstream_host":"10.0.0.1:80","upstream_local_address":"10.0.0.2:1","#
        + #""upstream_service_time":"2","upstream_transport_failure_reason":null,"#
        + #""user_agent":"4111111111111111","x_forwarded_for":"203.0.113.7"}"#
    ),
    ("haproxy/default", "Connect from 203.0.113.7:5001 to 10.0.0.3:80 (fe/HTTP)"),
    ("haproxy/error", "203.0.113.7:5001 [23/Nov/2026:08:00:00.123] fe/1: SSL handshake failure"),
  ])
  func noSecretIsLeftInAShippedFormat(format: String, line: String) throws {
    for header in ["", "<134>Nov 23 08:00:00 lb1 proxy[7]: "] {
      for action in [MinimiseRules.Action.pseudonym, .drop, .network(v4: 16, v6: 32)] {
        let outcome = try Bench(
          format,
          rules(
            [
              ("client.ip", action), ("user", .drop), ("http.referrer", .drop), ("http.req_cookie", .drop),
              ("http.captures", .drop), ("http.req_headers", .drop),
            ], query: ["token"], cards: true)
        ).run(header + line)
        #expect(outcome.wasParsed, "\(line)")
        #expect(outcome.isParsed, "\(outcome.text)")
        #expect(outcome.isMasked)
        #expect(outcome.text.hasPrefix(header))
        for secret in [
          "SECRET", "203.0.113.7", "4111111111111111", "4111 1111 1111 1111", "4111-1111-1111-1111",
        ] {
          #expect(!outcome.text.contains(secret), "\(format): \(outcome.text)")
        }
      }
    }
  }

  /// HAProxy's other spellings of values: hexadecimal, JSON, CBOR.
  @Test(arguments: [
    ("haproxy:'%{+X}ci %{+X}cp %ST'", "CB007107 1389 200"),
    (
      "haproxy:'%{+json}o %(client)ci %(r)r %(s)ST'",
      #"{"client": "203.0.113.7", "r": "GET /?token=SECRET\"x HTTP/1.1", "s": 200}"#
    ),
  ])
  func otherSpellingsStayValid(format: String, line: String) throws {
    for action in [MinimiseRules.Action.pseudonym, .drop, .network(v4: 16, v6: 32)] {
      let outcome = try Bench(format, rules([("client.ip", action)], query: ["token"])).run(line)
      #expect(outcome.wasParsed, "\(line)")
      #expect(outcome.isParsed, "\(outcome.text)")
      for secret in ["SECRET", "203.0.113.7", "CB007107"] {
        #expect(!outcome.text.contains(secret), "\(outcome.text)")
      }
    }
  }
}

@Suite struct HostileLineTests {
  private static let every = [
    MinimiseRules.Action.pseudonym, .drop, .network(v4: 16, v6: 32),
  ].map { rules([("client.ip", $0), ("user", .drop)], query: ["token"], cards: true) }

  @Test(arguments: [
    #"garbage 203.0.113.7 "GET /?token=SECRET HTTP/1.1" 4111 1111 1111 1111"#,
    #"203.0.113.7 - - [23/Nov/2026:08:00:00 +0000] "GET /?token=SECRET"#,
    #"203.0.113.7 - - [23/Nov/2026:08:00:00 +0000] "\x16\x03token=SECRET" 400 0 "-" "-""#,
    #"<134>Nov 23 08:00:00 lb1 proxy[7]: what 203.0.113.7:99 token=SECRET"#,
    #"<134>1 2026-11-23T08:00:00Z lb1 proxy 7 - - odd [203.0.113.7] ?token=SECRET"#,
    #"203.0.113.7 - - [23/Nov/2026:08:00:00 +0000] "GET /?token=SECRET HTTP/1.1" 200 5 "-" "a" "b" "c""#,
    #"::ffff:203.0.113.7 token=SECRET&card=4111-1111-1111-1111"#, "token=SECRET", "203.0.113.7",
    "4111111111111111",
  ])
  func whatFitsNoFormatIsRedacted(line: String) throws {
    for format in ["nginx/combined", "auto", "none"] {
      for made in Self.every {
        let outcome = try Bench(format, made).run(line)
        #expect(outcome.isMasked)
        for secret in ["SECRET", "203.0.113.7", "4111 1111", "4111-1111", "4111111111111111"] {
          #expect(!outcome.text.contains(secret), "\(outcome.text)")
        }
      }
    }
  }

  @Test func headersStayWhereTheMessageIsRedactedOrWithheld() throws {
    let header = "<134>Nov 23 08:00:00 192.0.2.55 proxy[7]: "
    var made = rules([("client.ip", .drop)])
    #expect(try Bench("nginx/combined", made).run(header + "odd 203.0.113.7").text == header + "odd -")
    let structured = "<134>1 2026-11-23T08:00:00Z 192.0.2.55 proxy 7 - "
    #expect(
      try Bench("nginx/combined", made).run(structured + #"[x@1 c="203.0.113.7"] odd"#).text
        == structured + #"[x@1 c="-"] odd"#)
    made.unparsed = .withhold
    #expect(
      try Bench("nginx/combined", made).run(header + "odd 203.0.113.7").text == header + "withheld 15 bytes")
    #expect(try Bench("nginx/combined", made).run("odd 203.0.113.7").text == "withheld 15 bytes")
    made.unparsed = .keep
    let kept = try Bench("nginx/combined", made).run("odd 203.0.113.7")
    #expect(kept.text == "odd 203.0.113.7" && !kept.isMasked)
  }

  /// A secret may be cut in two where a frame is kept in pieces; neither half may stay.
  @Test func theEdgesOfPiecesAreMasked() throws {
    let bench = Bench("nginx/combined", rules(query: ["token"], cards: true))
    var flags = FrameFlags(.lineFeed, truncation: .collector)
    flags.unterminated = true
    #expect(try bench.run("odd 1234 x=4111111111", flags: flags).text == "odd 1234 ***")
    flags.continued = true
    #expect(try bench.run("111111 odd 411111", flags: flags).text == "*** odd ***")
    #expect(try bench.run("secret", flags: flags).text == "***")
    #expect(try bench.run("", flags: flags).text == "")
  }

  /// A line whose end the sender cut fits its format but for the last quotes.
  @Test func aCutCardNumberIsMaskedInALineThatFits() throws {
    let outcome = try Bench("haproxy/httplog", rules(cards: true)).run(
      #"203.0.113.7:5001 [23/Nov/2026:08:00:00.123] fe be/s1 0/0/1/2/3 200 99 - - ---- 1/1/1/1/0 0/0 "#
        + #""GET /?a=4111111111"#)
    #expect(outcome.isMasked)
    #expect(outcome.text.hasSuffix(#""GET /?a=**********"#))
  }

  /// Lines with secrets, changed at random everywhere but in them: nothing crashes, and none is left.
  @Test(arguments: 0..<8) func randomLinesLeakNothing(seed: Int) throws {
    var random = SplitMix64(UInt64(seed))
    let secrets = [
      "203.0.113.7", "token=SECRET", "4111111111111111", "2001:db8:1:2:3:4:5:6", "4111-1111-1111-1111",
    ]
    let seeds = [
      #"\u{1} - alice [23/Nov/2026:08:00:00 +0000] "GET /?\u{2}&x=1 HTTP/1.1" 200 5 "http://r/?\u{2}" "a \u{3}""#,
      #"\u{1}:5001 [23/Nov/2026:08:00:00.123] fe be/s1 0/0/1/2/3 200 99 - - ---- 1/1/1/1/0 0/0 {\u{1}|\u{5}} {} "GET /?\u{2} HTTP/1.1""#,
      #"[2026-11-23T08:00:00.123Z] "GET /?\u{2} HTTP/1.1" 200 - 0 5 1 1 "\u{4}" "a \u{3}" "0123" "a" "10.0.0.1:80""#,
      #"{"a":"\u{1}","b":"/?\u{2}","c":" \u{3}","d":{"e":["\u{4}"]}}"#,
      #"2026/11/23 08:00:00 [error] 12#12: *5 open() "/?\u{2}" failed, client: \u{1}, server: _, request: "GET /?\u{2} HTTP/1.1""#,
    ].map { Self.unescape($0) }
    var lines: [[UInt8]] = []
    for _ in 0..<60 {
      lines.append(Self.mutated(seeds[Int(random.next() % UInt64(seeds.count))], secrets, &random))
    }
    for (number, made) in Self.every.enumerated() {
      let format = ["auto", "haproxy/httplog", "nginx/combined"][(seed + number) % 3]
      for (line, outcome) in zip(lines, try Bench(format, made).run(lines)) {
        for secret in secrets {
          let value = secret.split(separator: "=").last.map(String.init) ?? secret
          #expect(
            !outcome.text.contains(value), "seed \(seed): \(line.withView { $0.text }) -> \(outcome.text)")
        }
      }
    }
  }

  /// `\u{1}` to `\u{5}` stand for the secrets.
  private static func unescape(_ text: String) -> [UInt8] {
    var text = text
    for number in 1...5 {
      text = text.replacing("\\u{\(number)}", with: String(UnicodeScalar(UInt8(number))))
    }
    return Array(text.utf8)
  }

  private static func mutated(_ seed: [UInt8], _ secrets: [String], _ random: inout SplitMix64) -> [UInt8] {
    var line = seed
    let alphabet = Array(" \"[]{}|&;=?#%\\/<>,-xz:.\t".utf8)
    for _ in 0..<random.next() % 6 {
      let place = Int(random.next() % UInt64(line.count))
      // What stands next to a secret tells where it begins and ends.
      let near = line[max(0, place - 1)...min(line.count - 1, place + 1)]
      if near.contains(where: { (1...5).contains($0) }) { continue }
      switch random.next() % 4 {
      case 0: line.remove(at: place)
      case 1: line.insert(alphabet[Int(random.next() % UInt64(alphabet.count))], at: place)
      case 2: line[place] = alphabet[Int(random.next() % UInt64(alphabet.count))]
      default: line.removeSubrange(place...)
      }
      if line.isEmpty { return [] }
    }
    return line.flatMap { (1...5).contains($0) ? Array(secrets[Int($0) - 1].utf8) : [$0] }
  }
}

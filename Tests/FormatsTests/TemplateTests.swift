import Events
import Formats
import Templates
import Testing

@Suite struct TemplateTests {
  private func haproxy(_ string: String, _ captures: Captures? = Captures()) throws -> Template {
    try #require(HAProxyFormat.compile(string, name: "haproxy:x", captures: captures).first)
  }

  private func literals(_ template: Template) -> [String] {
    template.literals.map { String(decoding: $0, as: UTF8.self) }
  }

  /// HAProxy 3.x `logformat_aliases`, and what 2.4 still took.
  static let aliases = [
    "B", "CC", "CS", "H", "ID", "ST", "T", "Ta", "Tc", "Th", "Ti", "Tl", "Tq", "Tr", "TR", "Td", "Ts", "Tt",
    "Tu",
    "Tw", "U", "ac", "b", "bc", "bi", "bp", "bq", "ci", "cp", "f", "fc", "fi", "fp", "ft", "hr", "hrl", "hs",
    "hsl",
    "HM", "HP", "HPO", "HQ", "HU", "HV", "lc", "ms", "pid", "r", "rc", "rt", "s", "sc", "si", "sp", "sq",
    "sslc",
    "sslv", "t", "tr", "trg", "trl", "ts", "tsc", "OG",
    "Bi", "Bp", "Ci", "Cp", "Fi", "Fp", "Si", "Sp", "cc", "cs", "st",
  ]

  @Test(arguments: aliases)
  func everyAliasCompilesInEveryForm(_ alias: String) throws {
    let captures = Captures(request: 2, response: 2)
    for flags in ["", "{+Q}", "{+X}", "{+E}", "{+Q,+E}", "(name:str){-Q}"] {
      let templates = try HAProxyFormat.compile(
        "<%\(flags)\(alias)> end", name: "haproxy:x", captures: captures)
      #expect(templates[0].slots.isEmpty == false)
      #expect(Set(templates).count == templates.count)
    }
  }

  @Test func synonymsFillTheFieldsOfTheirAliases() throws {
    for (fetch, alias) in [
      ("src", "ci"), ("txn.timer.total", "Ta"), ("bc.timer.connect", "Tc"), ("fc.timer.handshake", "Th"),
      ("req.timer.idle", "Ti"), ("req.timer.tq", "Tq"), ("req.timer.hdr", "TR"), ("res.timer.hdr", "Tr"),
      ("res.timer.data", "Td"), ("fc.timer.total", "Tt"), ("txn.timer.user", "Tu"), ("req.timer.queue", "Tw"),
      ("txn.status", "ST"), ("txn.sess_term_state", "ts"), ("txn.id32", "rt"), ("unique-id", "ID"),
      ("ssl_fc_protocol", "sslv"), ("ssl_fc_cipher", "sslc"), ("bc_dst", "si"), ("dst", "fi"),
    ] {
      let one = try haproxy("%[\(fetch)] x")
      let other = try haproxy("%\(alias) x")
      #expect(one.slots[0].name == other.slots[0].name)
      #expect(one.slots[0].column == other.slots[0].column)
    }
  }

  @Test func runsOfBlanksAreOneAndNoneStandsInFront() throws {
    #expect(literals(try haproxy("  %ci   %cp \t%b  ")) == ["", " ", " \t", " "])
    #expect(literals(try haproxy("%ci  %hr  %hs  %cp")) == ["", " ", ""])
    #expect(literals(try haproxy("%ci%%%cp")) == ["", "%", ""])
    #expect(literals(try haproxy("%-%ci")) == ["-", ""])
  }

  @Test func globalFlagsHoldForWhatFollows() throws {
    #expect(literals(try haproxy("%b %{+Q}o %b %cp %{-Q}b %{-Q}o%s")) == ["", " \"", "\" ", " ", " ", ""])
  }

  @Test func expressionsEndAtTheirOwnBracket() throws {
    let template = try haproxy(#"%[var(txn.a),regsub("[ab]","]"),lower] %{+Q}[req.hdr(User-Agent)]"#)
    #expect(template.slots[0].name == #"%[var(txn.a),regsub("[ab]","]"),lower]"#)
    #expect(template.slots[1].name == "user_agent")
    #expect(template.slots[1].syntax == .any)
  }

  @Test func neighboursWithoutALiteralAreOneSlot() throws {
    let template = try haproxy("%f%b x")
    #expect(template.slots.map(\.name) == ["%f%b"])
    #expect(try haproxy("%HP%HQ x").slots.map(\.name) == ["url.target"])
    let nginx = try #require(NginxFormat.compile("$scheme$host$request_uri end", name: "nginx:x").first)
    #expect(nginx.slots.map(\.name) == ["$scheme$host$request_uri"])
  }

  @Test func everyNameIsOnlyThereOnce() throws {
    let template = try #require(
      NginxFormat.compile("$foo $foo $foo $remote_addr $remote_addr", name: "nginx:x").first)
    #expect(template.slots.map(\.name) == ["$foo", "$foo#2", "$foo#3", "client.ip", "$remote_addr"])
  }

  @Test func unknownCapturesGiveDisjointTemplates() throws {
    let templates = try HAProxyFormat.compile("%bq %hr %hs %{+Q}r", name: "haproxy:x")
    #expect(
      templates.map { literals($0) } == [
        ["", " {", "} {", "} \"", "\""], ["", " {", "} \"", "\""], ["", " \"", "\""],
      ])
    #expect(
      templates.map { $0.slots.map(\.name) } == [
        ["queue.backend", "http.req_headers", "http.resp_headers", "http.request"],
        ["queue.backend", "http.captures", "http.request"], ["queue.backend", "http.request"],
      ])
  }

  @Test func bracedNginxVariablesAreVariables() throws {
    let template = try #require(NginxFormat.compile("${status}00 $host", name: "nginx:x").first)
    #expect(template.slots.map(\.name) == ["http.status", "url.host"])
    #expect(literals(template) == ["", "00 ", ""])
  }

  @Test(arguments: [
    ("%START_TIME%", ColumnType.isoTime), ("%START_TIME(%Y-%m-%dT%H:%M:%S.%6fZ)%", .isoTime),
    ("%START_TIME(%s.%3f)%", .decimal), ("%START_TIME(%s)%", .integer),
    ("%START_TIME(%d/%b/%Y:%H:%M:%S %z)%", .clfTime),
    ("%START_TIME(%H o'clock)%", .text), ("%EMIT_TIME%", .isoTime),
  ])
  func envoyTimesAreTypedWhenTheyFit(_ format: String, _ column: ColumnType) throws {
    let template = try #require(EnvoyFormat.compile("[\(format)]", name: "envoy:x").first)
    #expect(template.slots[0].column == column)
    #expect(template.slots[0].name.hasPrefix("time_"))
  }

  @Test func envoyOperatorsKeepWhatNoFieldCovers() throws {
    let string =
      "%% %REQ(X-Team):10% %DYNAMIC_METADATA(a:b)% %COMMON_DURATION(US_CX_BEG:US_CX_END:us)% %NEW_THING%\n\n"
    let template = try #require(EnvoyFormat.compile(string, name: "envoy:x").first)
    #expect(
      template.slots.map(\.name) == [
        "%REQ(X-Team):10%", "%DYNAMIC_METADATA(a:b)%", "dur.connect", "%NEW_THING%",
      ])
    #expect(template.slots[2].unit == .microseconds)
    #expect(literals(template).first == "% ")
    #expect(literals(template).last == "")
  }

  @Test func shippedFormatsCompileUnderTheirNames() throws {
    for entry in ShippedFormats.entries {
      let templates = try ShippedFormats.named(entry.name)
      #expect(templates.isEmpty == false)
      #expect(templates.allSatisfy { $0.name == entry.name })
    }
    #expect(ShippedFormats.all.count >= ShippedFormats.entries.count)
  }

  @Test func noLiteralBetweenSlotsIsEmpty() {
    for template in SyslogHeaders.templates(around: ShippedFormats.all) {
      #expect(template.literals.dropFirst().dropLast().allSatisfy { !$0.isEmpty })
    }
  }

  @Test func namesOfSlotsAreFieldsOrSpellings() {
    for template in ShippedFormats.all {
      for slot in template.slots where Field(slot.name) == nil {
        #expect(slot.name.hasPrefix("%") || slot.name.hasPrefix("$") || slot.name.hasPrefix("http."))
      }
    }
  }

  @Test func backslashesAreTakenOffAsHAProxyDoes() {
    #expect(HAProxyFormat.unescape(#"%ci\ [%t]\\\ x\t"#) == "%ci [%t]\\ x\t")
  }
}

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
      ("src_port", "cp"), ("dst_port", "fp"), ("bc_src", "bi"), ("bc_src_port", "bp"), ("bc_dst_port", "sp"),
      ("fe_name", "f"), ("be_name", "b"), ("srv_name", "s"), ("hostname", "H"), ("pid", "pid"),
      ("act_conn", "ac"),
      ("fe_conn", "fc"), ("be_conn", "bc"), ("srv_conn", "sc"), ("txn.conn_retries", "rc"),
      ("res.bytes_in", "B"),
      ("req.bytes_in", "U"), ("method", "HM"), ("url", "HU"), ("path", "HPO"), ("req.ver", "HV"),
      ("accept_date", "Ts"),
      (#"accept_date,ltime("%d/%b/%Y:%H:%M:%S %z")"#, "Tl"), ("src()", "ci"),
    ] {
      let one = try haproxy("%[\(fetch)] x")
      let other = try haproxy("%\(alias) x")
      #expect(one.slots[0].name == other.slots[0].name)
      #expect(one.slots[0].column == other.slots[0].column)
    }
  }

  @Test(arguments: [
    ("src,ipmask(24)", "client.ip"), ("req.hdr(User-Agent),lower", "user_agent"),
    ("req.hdr(user-agent,1)", "user_agent"), ("hdr(Referer)", "http.referrer"),
    ("req.fhdr(Host),lower,url_dec", "url.host"),
    ("res.hdr(Server)", "http.resp_headers.server"), ("req.hdr(X-Team)", "http.req_headers.x-team"),
    ("capture.req.hdr(1)", "http.referrer"), ("capture.res.hdr(0)", "http.resp_headers.server"),
    ("capture.req.hdr(1),lower", "http.referrer"), ("ssl_c_serial,hex", "tls.client.serial"),
    ("ssl_c_der,sha2(256),hex", "tls.client.fp"), ("ssl_c_s_dn", "tls.client.subject"),
    ("ssl_c_verify", "tls.client.verify"),
    ("fc_src", "peer.ip"), ("fc_id", "id.conn"), ("http_auth_user", "user"),
    ("ssl_fc_hsk_err,hex", "tls.error.ssl"),
    ("so_name", "lb.listener"), ("txn.redispatched", "redispatched"), ("request_date(ms)", "time_start"),
    // These are no longer what the field says.
    ("src,map(/etc/geo.map)", "%[src,map(/etc/geo.map)]"), ("path,crc32", "%[path,crc32]"),
    ("req.hdr(host),length", "%[req.hdr(host),length]"), ("var(txn.src)", "%[var(txn.src)]"),
    ("src,ipmask(24),map(x)", "%[src,ipmask(24),map(x)]"), ("ssl_c_s_dn(cn)", "%[ssl_c_s_dn(cn)]"),
  ])
  func expressionsFillTheFieldsThatTheyMean(_ expression: String, _ name: String) throws {
    let captures = Captures(request: ["Host", "Referer"], response: ["Server"])
    #expect(try haproxy("%[\(expression)] x", captures).slots[0].name == name)
  }

  @Test func aConverterMayChangeTheSpelling() throws {
    let plain = try haproxy("%[src] x").slots[0]
    let masked = try haproxy("%[src,ipmask(24)] x").slots[0]
    #expect(plain.column == .address)
    #expect(masked.column == .text)
    #expect(masked.syntax == .any)
    #expect(try haproxy("%[src,hex] x").slots[0].column == .hexAddress)
    #expect(try haproxy("%[accept_date(us)]").slots[0].unit == .microseconds)
  }

  @Test func whatNoBlockCouldHoldIsRefused() throws {
    let slots = String(repeating: "%ci ", count: 1024)
    #expect(try HAProxyFormat.compile(slots, name: "haproxy:x").first?.slots.count == 1024)
    for (string, note) in [
      (slots + "%cp", "1025 variable parts; a format may have 1024 at most"),
      ("%ci " + String(repeating: "x", count: 65_536), "65537 bytes of text without a variable part"),
      (
        "%[var(txn." + String(repeating: "y", count: 65_537) + ")] x", "a format may have 65536 bytes at most"
      ),
    ] {
      let error = #expect(throws: FormatError.self) { try HAProxyFormat.compile(string, name: "haproxy:x") }
      #expect(error?.note.hasPrefix(note) == true)
      #expect(error?.kind == .unsupported)
      #expect(error?.offset == string.utf8.count)
    }
    #expect(throws: FormatError.self) {
      try NginxFormat.compile("$host" + String(repeating: "x", count: 65_537), name: "nginx:x")
    }
    #expect(throws: FormatError.self) {
      try EnvoyFormat.compile(String(repeating: "%PROTOCOL% ", count: 1025), name: "envoy:x")
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
        ["", " {", "} {", "} \"", ""], ["", " {", "} \"", ""], ["", " \"", ""],
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
    ("%EMIT_TIME%", .isoTime),
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
      let messages = Set(HAProxyMessages.templates.map(\.name))
      #expect(entry.name == "haproxy/messages" || templates.contains { $0.name == entry.name })
      #expect(templates.allSatisfy { $0.name == entry.name || messages.contains($0.name) })
    }
    #expect(ShippedFormats.all.count >= ShippedFormats.entries.count)
  }

  @Test func noLiteralBetweenSlotsIsEmpty() {
    for template in SyslogHeaders.templates(around: ShippedFormats.all) {
      for (slot, literal) in zip(template.slots, template.literals.dropFirst()).dropLast() {
        #expect(!literal.isEmpty || slot.syntax == .optional || slot.syntax == .item)
      }
    }
  }

  @Test func namesOfSlotsAreFieldsOrSpellings() {
    for template in ShippedFormats.all {
      for slot in template.slots where Field(slot.name) == nil {
        #expect(
          slot.name.hasPrefix("%") || slot.name.hasPrefix("$") || slot.name.hasPrefix("http.")
            || slot.name == "log.level")
      }
    }
  }

  @Test func backslashesAreTakenOffAsHAProxyDoes() {
    #expect(HAProxyFormat.unescape(#"%ci\ [%t]\\\ x\t"#) == "%ci [%t]\\ x\t")
  }
}

import Bytes
import Events
import Inspect
import Segments
import Templates
import TestSupport
import Testing

/// What a search finds in a block is what looking at every line by itself finds.
@Suite struct EvaluationTests {
  /// Compares a search of `sample` for each expression with the oracle; returns how many entries each finds.
  @discardableResult static func check(
    _ texts: [String], _ sample: SampleBlock, _ formats: [Template], zones: SourceZones = SourceZones(),
    entries: SearchQuery.Entries = .all, _ note: String
  ) throws -> [Int] {
    let expressions = try texts.map { try Expression($0, isKnown: { $0.hasPrefix("x-") }) }
    var oracle = Oracle(formats, zones: zones)
    var expected = [[UInt64]](repeating: [], count: texts.count)
    for (row, entry) in sample.entries.enumerated() {
      if entries == .received, entry.metadata.kind != .received { continue }
      if entries == .control, entry.metadata.kind != .control { continue }
      let index = sample.firstIndex + UInt64(row)
      let holding = oracle.holding(expressions, entry, index: index)
      for number in texts.indices where holding[number] { expected[number].append(index) }
    }
    for (number, text) in texts.enumerated() {
      let query = SearchQuery(expressions[number], entries: entries, zones: zones)
      let found = try sample.found(BlockSearch(query))
      if found == expected[number] { continue }
      let wrong = Set(found).symmetricDifference(expected[number]).min() ?? 0
      let entry = sample.entries[Int(wrong - sample.firstIndex)]
      Issue.record(
        """
        \(note): \(text)
        found \(found.count) of \(expected[number].count); entry \(wrong): \(String(decoding: entry.raw, as: UTF8.self))
        \(oracle.json(entry, index: wrong))
        """)
    }
    return expected.map(\.count)
  }

  @Test(arguments: 1...6 as ClosedRange<UInt64>)
  func randomExpressionsFindWhatTheOracleFinds(seed: UInt64) throws {
    let formats = SampleFormats.all
    let sample = SampleBlock(
      sampleEntries(250, formats: formats, seed: seed), formats: formats, firstIndex: seed * 100)
    var maker = ExpressionMaker(random: SplitMix64(seed &* 77))
    let found = try Self.check((0..<120).map { _ in maker.expression() }, sample, formats, "seed \(seed)")
    #expect(found.count { $0 > 0 && $0 < 250 } > 30)
  }

  @Test(arguments: 1...2 as ClosedRange<UInt64>)
  func everyFieldAloneIsFoundAsTheOracleFindsIt(seed: UInt64) throws {
    let formats = SampleFormats.all
    let sample = SampleBlock(sampleEntries(300, formats: formats, seed: seed &+ 50), formats: formats)
    var maker = ExpressionMaker(random: SplitMix64(seed &* 31))
    let all =
      Field.allCases.flatMap { ["has \($0.name)", "\($0.name) is null", "\($0.name) is not unparsed"] }
      + (0..<250).map { _ in maker.condition() }
    try Self.check(all, sample, formats, "seed \(seed)")
  }

  @Test(arguments: 1...6 as ClosedRange<UInt64>)
  func zonesOfSourcesAreTakenIntoAccount(seed: UInt64) throws {
    let formats = SampleFormats.httplog + SampleFormats.tcplog + [SampleFormats.syslog]
    let sample = SampleBlock(sampleEntries(300, formats: formats, seed: seed), formats: formats)
    let paris = try #require(SampleZones.paris)
    let east = try #require(Zone("+05:30"))
    let zones = [
      SourceZones(other: east), SourceZones(other: paris),
      SourceZones(named: ["edge": paris, "inner": east]),
    ][Int(seed % 3)]
    var maker = ExpressionMaker(random: SplitMix64(seed))
    let texts = (0..<60).map { _ in
      let field = maker.random.pick([Field.time, .timeStart, .timeAccept, .timeEnd, .syslogTime])
      let sign = maker.random.pick(["<", ">=", "=", "!=", ">"])
      let day = 1 + maker.random.below(3), hour = 10 + maker.random.below(14)
      return "\(field.name) \(sign) 2026-01-0\(day)T\(hour):00:00Z"
    }
    try Self.check(texts, sample, formats, zones: zones, "seed \(seed)")
  }

  @Test func onlyTheWantedKindsOfEntriesAreFound() throws {
    let formats = SampleFormats.all
    let sample = SampleBlock(sampleEntries(500, formats: formats, seed: 5), formats: formats)
    let texts = ["", "kind = loss_notice and action = loss", "message ~ count and loss.source = edge"]
    let all = try Self.check(texts, sample, formats, entries: .all, "all")
    let received = try Self.check(texts, sample, formats, entries: .received, "received")
    let control = try Self.check(texts, sample, formats, entries: .control, "control")
    #expect(all[0] == 500)
    #expect(received[0] + control[0] == 500)
    #expect(control[0] > 0 && control[1] == control[0] && control[2] == control[0])
  }

  /// Blocks with so many values that their columns have filters.
  @Test(arguments: 1...3 as ClosedRange<UInt64>)
  func needlesAreFoundThroughFilters(seed: UInt64) throws {
    var random = SplitMix64(seed)
    let formats = SampleFormats.timed + SampleFormats.httplog
    let entries = sampleEntries(3000, formats: formats, seed: seed, withControl: false).map { entry in
      var entry = entry
      // Every line has an address and an id of its own, in one of several spellings.
      let address = random.pick([
        "10.\(random.below(256)).\(random.below(256)).7",
        "2001:db8::\(String(random.below(65536) + 1, radix: 16))",
        "2001:DB8::\(random.below(9999))", "192.0.02.\(random.below(200))",
        "::ffff:10.1.2.\(random.below(256))",
      ])
      let digits = LineMaker.hexadecimal(&random, random.pick([8, 16, 32, 31]))
      let line =
        "\(address) [2026-01-01T00:00:00Z] \"GET /\(digits) HTTP/1.1\" 200 5 0.1 \"-\" ua=\"-\" us=\"-\" cs=- "
      entry.raw = Array((line + "id=\(random.pick([digits, "\(random.below(1 << 30))"])) x").utf8)
      return entry
    }
    let sample = SampleBlock(entries, formats: formats)
    var texts: [String] = []
    for entry in entries.prefix(60) {
      let words = String(decoding: entry.raw, as: UTF8.self).split(separator: " ")
      texts.append("client.ip = \(random.pick(["\"\(words[0])\"", "192.0.2.9", "2001:db8::5"]))")
      let id = words[words.count - 2].dropFirst(3)
      texts.append("id.request = \(id)")
      texts.append("id.request in (\(id), nobody) or url.target = \(words[3])")
      texts.append("url.path = \(words[3]) and not client.ip = 10.0.0.7")
    }
    let found = try Self.check(texts, sample, formats, "seed \(seed)")
    #expect(found.count { $0 > 0 } > 160)
  }
}

/// Zones for tests.
enum SampleZones {
  /// Central European time, as a compiled zone file says it (RFC 8536): one type, and the rule of POSIX.
  static let paris: Zone? = {
    func header(_ types: UInt8) -> [UInt8] {
      var bytes = Array("TZif2".utf8) + [UInt8](repeating: 0, count: 15 + 24)
      bytes[39] = types
      bytes[43] = 4
      return bytes
    }
    let data: [UInt8] = [0, 0, 0x0E, 0x10, 0, 0] + Array("CET\0".utf8)
    let file = header(1) + data + header(1) + data + Array("\nCET-1CEST,M3.5.0,M10.5.0/3\n".utf8)
    return file.withView { try? Zone(tzif: $0) }
  }()
}

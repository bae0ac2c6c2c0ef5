import Bytes
import Events
import Inspect
import Segments
import Templates

/// Decides slowly and plainly whether an expression holds for an entry: its line is matched once more, every
/// field of the event is worked out, and the tests are read off the expression.
struct Oracle: ~Copyable {
  private let matcher: Matcher
  private let shape: EventShape
  private var result: MatchResult
  private var event = Event()
  private let zones: SourceZones
  private let hashes: [String]

  init(_ formats: [Template], zones: SourceZones = SourceZones()) {
    matcher = Matcher([formats])
    shape = EventShape(matcher.templates)
    result = MatchResult(for: matcher)
    self.zones = zones
    hashes = matcher.templates.map { "\(FormatHash.of($0))" }
  }

  /// For each expression, whether it holds for the entry.
  mutating func holding(_ expressions: [Expression], _ entry: SampleEntry, index: UInt64) -> [Bool] {
    fill(entry, index)
    return expressions.map { holds($0) }
  }

  /// The fields of an entry's event, in JSON.
  mutating func json(_ entry: SampleEntry, index: UInt64) -> String {
    fill(entry, index)
    var out = ByteBuffer()
    event.appendJSON(to: &out)
    return out.view.text
  }

  // MARK: Event

  private mutating func fill(_ entry: SampleEntry, _ index: UInt64) {
    event.removeAll()
    let source = SampleBlock.sources.first { $0.number == entry.metadata.source }?.name ?? ""
    let context = EventContext(receiveTime: entry.metadata.time, zone: zones.named[source] ?? zones.other)
    setEntry(entry, index, source)
    entry.raw.withView { raw in
      event.set(.raw, text: raw)
      event.set(.rawLength, .size(Int64(raw.count)))
      if entry.metadata.kind == .control {
        event.set(.message, text: raw)
        event.set(.kind, text: "loss_notice")
        event.set(.action, text: "loss")
        event.set(.lossSource, text: "edge")
        let count = String(
          decoding: entry.raw.drop { !(48...57).contains($0) }.prefix { (48...57).contains($0) },
          as: UTF8.self)
        event.set(.lossCount, .integer(Int64(count) ?? -1))
        return event.finish(format: nil, context, isStatement: true)
      }
      matcher.match(raw, list: 0, into: &result)
      var messageOffset = 0
      var node = Int(result.node)
      if node >= 0, shape.format(node) == nil { node = -1 }
      for index in 0..<result.values.count {
        let value = result.values[index]
        let alternatives = matcher.alternatives(of: Int(value.slot))
        if !alternatives.isEmpty, value.stored.kind > 0 {
          let nested = alternatives.lowerBound + Int(value.stored.kind) - 1
          if shape.format(nested) != nil { node = nested }
          continue
        }
        let owner = matcher.slotOwners[Int(value.slot)]
        let slot = shape.meaning(owner.node, owner.slot)
        if slot.field == .message { messageOffset = Int(value.start) }
        add(slot, raw[Int(value.start), Int(value.end)], context, at: Int(value.start))
      }
      let format = node < 0 ? nil : shape.format(node)
      if node >= 0 { event.set(.parserFormatHash, text: hashes[node]) }
      if result.node < 0 {
        event.set(.message, text: raw)
        event.set(.parseOffset, .integer(Int64(result.failureOffset)))
      } else if format == nil {
        event.set(.parseOffset, .integer(Int64(messageOffset)))
      }
      if format == nil { event.set(.parseStatus, text: result.isAmbiguous ? "ambiguous" : "failed") }
      event.finish(format: format, context)
    }
  }

  private mutating func setEntry(_ entry: SampleEntry, _ index: UInt64, _ source: String) {
    event.set(.seq, .integer(Int64(index)))
    event.set(.sourceID, text: source)
    let transport = ["file", "udp", "tcp", "tls", "unix", "", "stdin"][Int(entry.envelope[0])]
    if !transport.isEmpty { event.set(.sourceTransport, text: transport) }
    if transport == "udp" {
      event.set(.sourcePeerIP, .address(Address(ipv4: 0xC000_0200 | UInt32(entry.envelope[6]))))
      event.set(.sourcePeerPort, .integer(0x1002))
      if entry.envelope.count > 11 { event.set(.sourcePeerIdentity, text: SampleNames.identity) }
    }
    let fromFile = transport == "file" || transport == "stdin"
    let frames = [transport == "udp" ? "udp" : "datagram", "octet", fromFile ? "file" : "lf", "nul", ""]
    let frame = frames[Int(entry.metadata.flags & 7)]
    if !frame.isEmpty { event.set(.frame, text: frame) }
    let truncations = ["none", "source_suspected", "source_certain", "collector"]
    event.set(.truncated, text: truncations[Int(entry.metadata.flags >> 3 & 3)])
  }

  /// An address is one only in its canonical spelling.
  private mutating func add(
    _ meaning: SlotMeaning, _ bytes: ByteView, _ context: EventContext, at offset: Int
  ) {
    if let field = meaning.field, field.type == .address, let address = Address(bytes) {
      let isMapped = !address.isIPv4 && address.high == 0 && address.low >> 32 == 0xFFFF
      let groups = [address.low >> 16 & 0xFFFF, address.low & 0xFFFF].map { String($0, radix: 16) }
      let mapped = "::ffff:\(groups.joined(separator: ":"))"
      if bytes.text != address.description, !(isMapped && bytes.text == mapped) {
        if event[field].isNull { event.set(field, text: bytes) }
        return
      }
    }
    event.add(meaning, bytes, context, at: offset)
  }

  // MARK: Expression

  private func holds(_ expression: Expression) -> Bool {
    switch expression {
    case .condition(let condition): holds(condition)
    case .and(let parts): parts.allSatisfy { holds($0) }
    case .or(let parts): parts.contains { holds($0) }
    case .not(let part): !holds(part)
    }
  }

  private func holds(_ condition: FieldCondition) -> Bool {
    let test = condition.test
    let value: Value
    switch condition.subject {
    case .field(let field): value = event[field]
    case .name(let name):
      let values = event.extras.filter { $0.name == name }.map(\.value)
      let isUnparsed = event.bytes(.kind)?.text == "unparsed"
      value = values.first { !$0.isNull } ?? values.first ?? .null(isUnparsed ? .unparsed : .absent)
    }
    if !test.reasons.isEmpty {
      if case .null(let reason) = value { return test.reasons.contains(reason) != test.isNegated }
      return test.isNegated
    }
    let isAmong: Bool
    switch value {
    case .null: return false
    case _ where test.isPresence: return true
    case .integer(let number), .duration(let number), .size(let number), .time(let number):
      isAmong = test.numbers.contains { $0.contains(number) }
    case .address(let address): isAmong = test.networks.contains { $0.contains(address) }
    case .flag(let flag): isAmong = test.flags.contains(flag)
    case .text(let range): isAmong = holds(test, event.bytes(range).array)
    }
    return isAmong != test.isNegated
  }

  private func holds(_ test: ValueTest, _ text: [UInt8]) -> Bool {
    switch test.text {
    case .none: return false
    case .among(let texts) where !test.isList: return texts.contains(text)
    case .among(let texts):
      let elements = String(decoding: text, as: UTF8.self).split(separator: ",").flatMap { Self.split($0) }
      return elements.contains { element in
        let bytes = Array(element.utf8)
        let address = bytes.withView { Address($0) }
        return texts.contains(bytes)
          || address.map { found in test.networks.contains { $0.contains(found) } } ?? false
      }
    case .containing(let part):
      return part.isEmpty || text.indices.contains { text[$0...].starts(with: part) }
    case .matching(let source):
      let body = source.hasSuffix("/i") ? source.dropLast(2) : source.dropLast()
      guard let pattern = try? Regex(String(body)) else { return false }
      let text = String(decoding: text, as: UTF8.self)
      return text.contains(pattern.ignoresCase(source.hasSuffix("/i")).matchingSemantics(.unicodeScalar))
    }
  }

  /// The parts of a text between ` : `, without blanks around.
  private static func split(_ text: Substring) -> [String] {
    var parts: [[Character]] = [[]]
    let characters = Array(text)
    for (index, character) in characters.enumerated() {
      if character == ":", index > 0, characters[index - 1] == " ", index + 1 < characters.count,
        characters[index + 1] == " "
      {
        parts.append([])
      } else {
        parts[parts.count - 1].append(character)
      }
    }
    return parts.map { String(String($0).drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()) }
      .filter { !$0.isEmpty }
  }
}

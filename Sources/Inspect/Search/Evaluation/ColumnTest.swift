import Bytes
import Events
import Segments
import Templates

/// Tests the values of one column, each distinct text once and numbers without printing them.
struct ColumnTest {
  let place: SlotPlace
  let prepared: PreparedTest
  let zone: Zone
  /// Earliest and latest receive time of the block.
  let received: ClosedRange<Int64>

  private var test: ValueTest { prepared.test }

  // MARK: Filter

  /// Whether the column may hold a value that passes, as far as its filter tells.
  func mayPass(_ filter: ByteView) -> Bool {
    if filter.isEmpty || test.isNegated || test.isPresence { return true }
    switch place.type {
    case .address, .text, .identifier: break
    default: return true
    }
    var keys: [UInt64] = []
    switch place.meaning.field?.type {
    case .text, nil:
      guard case .among(let texts) = test.text, TextReading(place) == .plain else { return true }
      if place.meaning.escape != nil, !texts.allSatisfy(Self.isUnescaped) { return true }
      for text in texts { text.withView { keys.append(key($0)) } }
    case .address:
      for network in test.networks {
        guard let address = network.single else { return true }
        for text in AddressSpelling.all(of: address) { text.withView { keys.append(key($0)) } }
      }
      switch test.text {
      case .none: break
      case .among(let texts): for text in texts { text.withView { keys.append(key($0)) } }
      default: return true
      }
    default: return true
    }
    return keys.contains { Filter.mayContain($0, filter) }
  }

  /// Text that no load balancer escapes any byte of: it is stored as it is.
  private static func isUnescaped(_ text: [UInt8]) -> Bool {
    text.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: " "), UInt8(ascii: "!"), UInt8(ascii: "$")...UInt8(ascii: "Z"), UInt8(ascii: "["),
        UInt8(ascii: "^")...UInt8(ascii: "z"), UInt8(ascii: "~"):
        true
      default: false
      }
    }
  }

  private func key(_ bytes: ByteView) -> UInt64 {
    if !place.isParent, let value = ValueCodec.parse(bytes, as: place.type), value.kind > 1 {
      return Filter.key(value)
    }
    return Filter.key(bytes)
  }

  // MARK: Rows

  /// The rows of the column whose value passes; nil when that depends on more than the column.
  func rows(_ block: inout DecodedBlock) throws(DecodeError) -> BitSet? {
    let needsTexts = needsTexts
    try block.load(place.column, texts: needsTexts)
    var rows = BitSet(count: block[place.column].rowCount)
    if needsTexts, !markTexts(block, &rows) { return nil }
    if !place.isParent, try !markNumbers(block, &rows) { return nil }
    return rows
  }

  /// Rows stored as text can pass. An address field's texts are no IPv4 addresses.
  private var needsTexts: Bool {
    if place.isParent || test.isNegated || test.isPresence || place.type != .address { return true }
    guard place.meaning.field?.type == .address else { return true }
    return test.text != .none || !test.networks.allSatisfy(\.address.isIPv4)
  }

  // MARK: Texts

  private func markTexts(_ block: borrowing DecodedBlock, _ rows: inout BitSet) -> Bool {
    let count = block[place.column].text.valueCount
    if count == 0 { return true }
    if place.meaning.field?.type == .time, place.type == .syslogTime || !zone.isFixed { return false }
    var passing = BitSet(count: count)
    mark(block[place.column].text, &passing)
    if !passing.isEmpty { block[place.column].mark(texts: passing, into: &rows) }
    return true
  }

  private func mark(_ texts: borrowing DecodedText, _ passing: inout BitSet) {
    let hasEscapes = place.meaning.escape.map { texts.bytes.find($0) != nil } ?? false
    if !hasEscapes, TextReading(place) == .plain || test.isPresence && TextReading(place) == .typed {
      TextScan(prepared, badRequestIsNothing: place.meaning.hasNoRequestWord).mark(texts, &passing)
    } else if let spellings = singleAddresses {
      for number in 0..<texts.valueCount {
        let value = texts.value(number)
        if spellings.contains(where: { $0.withView { $0 == value } }) { passing.insert(number) }
      }
    } else {
      let context = EventContext(receiveTime: received.lowerBound, zone: zone)
      for number in 0..<texts.valueCount where passes(texts.value(number), context) { passing.insert(number) }
    }
  }

  /// The spellings of the test's alternatives, if those are single addresses and texts.
  private var singleAddresses: [[UInt8]]? {
    guard place.meaning.field?.type == .address, !place.meaning.isEncoded, !test.isNegated, !test.isPresence
    else { return nil }
    var spellings: [[UInt8]] = []
    for network in test.networks {
      guard let address = network.single else { return nil }
      spellings += AddressSpelling.all(of: address)
    }
    if case .among(let texts) = test.text {
      // Quoted text that looks like an address has been read as one.
      spellings += texts.filter { !$0.withView { $0.isUnix } }
    }
    return spellings
  }

  private func passes(_ bytes: ByteView, _ context: EventContext) -> Bool {
    if place.meaning.escape != nil || place.meaning.isEncoded {
      var decoded = ByteBuffer()
      if place.meaning.decode(bytes, to: &decoded) { return passesDecoded(decoded.view, context) }
    }
    return passesDecoded(bytes, context)
  }

  private func passesDecoded(_ bytes: ByteView, _ context: EventContext) -> Bool {
    let value = AddressSpelling.value(bytes, place.meaning, context)
    if case .text(let range) = value {
      return prepared.passes(value, text: bytes[Int(range.start), Int(range.start) + Int(range.count)])
    }
    return prepared.passes(value, text: ByteView())
  }

  // MARK: Numbers

  /// Adds the rows stored as numbers that pass; false when that depends on more than the column.
  private func markNumbers(_ block: borrowing DecodedBlock, _ rows: inout BitSet) throws(DecodeError) -> Bool
  {
    if block[place.column].a.count == 0 { return true }
    switch NumberReading(place) {
    case .scaled(let factor, let isDuration):
      var ranges = numbers(NumberRanges.divided(test.numbers, by: factor))
      if isDuration { ranges = NumberRanges.removing(-1, from: ranges) }
      mark(ranges, block, &rows)
    case .retries:
      let shifted = test.numbers.compactMap { range -> ClosedRange<Int64>? in
        if range.upperBound < 0 { return nil }
        let low = range.lowerBound <= 0 ? Int64.min : range.lowerBound == .max ? .max : range.lowerBound + 1
        return low...(range.upperBound == .max ? .max : range.upperBound + 1)
      }
      mark(numbers(shifted), block, &rows)
    case .decimalSeconds:
      for kind in place.numberKinds {
        let factor = TimeScale.power(9 - Int(kind - 2))
        let ranges = numbers(NumberRanges.divided(test.numbers, by: factor))
        block[place.column].mark(kind: kind, numbersIn: ranges, into: &rows)
      }
    case .address:
      let ranges = NumberRangesBuilder.ranges(of: test.networks)
      mark(numbers(ranges), block, &rows)
    case .moment: return try TimeScan(self).mark(numbers(test.numbers), block, &rows)
    case .text: try markPrinted(block, &rows)
    case .other: try markEach(block, &rows)
    }
    return true
  }

  /// The numbers that pass, where `alternatives` are those that the test names.
  private func numbers(_ alternatives: [ClosedRange<Int64>]) -> [ClosedRange<Int64>] {
    if test.isPresence { return NumberRanges.all }
    return test.isNegated ? NumberRanges.complement(alternatives) : alternatives
  }

  private func mark(_ ranges: [ClosedRange<Int64>], _ block: borrowing DecodedBlock, _ rows: inout BitSet) {
    for kind in place.numberKinds { block[place.column].mark(kind: kind, numbersIn: ranges, into: &rows) }
  }

  /// Rows whose number's text passes: for equality the text's own number is looked for.
  private func markPrinted(_ block: borrowing DecodedBlock, _ rows: inout BitSet) throws(DecodeError) {
    guard !test.isList || test.isPresence else { return try markEach(block, &rows) }
    var marked = BitSet(count: rows.count)
    if test.isPresence {
      block[place.column].markNumbers(into: &marked)
    } else if case .among(let texts) = test.text {
      for text in texts {
        let value = text.withView { ValueCodec.parse($0, as: place.type) }
        if let value, value.kind > 1 { block[place.column].mark(value: value, into: &marked) }
      }
      if test.isNegated {
        var others = BitSet(count: rows.count)
        block[place.column].markNumbers(into: &others)
        others.subtract(marked)
        return rows.formUnion(others)
      }
    } else {
      return try markEach(block, &rows)
    }
    rows.formUnion(marked)
  }

  /// Prints each number and reads it again.
  private func markEach(_ block: borrowing DecodedBlock, _ rows: inout BitSet) throws(DecodeError) {
    let context = EventContext(receiveTime: received.lowerBound, zone: zone)
    var text = ByteBuffer(capacity: 64)
    var last: StoredValue?
    var isPassing = false
    for row in 0..<rows.count {
      let value = block[place.column].value(row)
      if value.kind < 2 { continue }
      if value != last {
        text.removeAll()
        try ValueCodec.print(value, as: place.type, to: &text)
        isPassing = passes(text.view, context)
        last = value
      }
      if isPassing { rows.insert(row) }
    }
  }
}

enum NumberRangesBuilder {
  /// The numbers of the IPv4 addresses in `networks`.
  static func ranges(of networks: [Network]) -> [ClosedRange<Int64>] {
    ValueReader.joined(networks.compactMap(\.ipv4Range))
  }
}

extension Zone {
  /// Its offset never changes.
  var isFixed: Bool { self == Zone(offset: offset(at: 0)) }
}

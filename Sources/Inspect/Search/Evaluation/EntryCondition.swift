import Bytes
import Events
import Segments

/// Conditions on what is known of an entry beside its line.
extension BlockEvaluator {
  func entryRows(
    _ leaf: Leaf, _ field: Field, _ block: inout DecodedBlock, _ scope: Scope, _ candidates: borrowing BitSet
  ) throws(DecodeError) -> BitSet {
    switch field {
    case .seq: return indexRows(leaf, scope, block.count)
    case .receiveTime: return try receivedRows(leaf, &block, scope)
    case .sourceID: return try sourceRows(leaf, &block, scope)
    case .raw, .rawLength: return try rawRows(leaf, &block, candidates)
    default: return try envelopeRows(leaf, field, &block, scope, candidates)
    }
  }

  private func indexRows(_ leaf: Leaf, _ scope: Scope, _ count: Int) -> BitSet {
    var hits = BitSet(count: count)
    let first = Int64(clamping: scope.header.firstIndex)
    for range in leaf.passingNumbers {
      let low = max(range.lowerBound, first)
      let high = min(range.upperBound, first + Int64(count) - 1)
      if low <= high { hits.insert(Int(low - first)..<Int(high - first) + 1) }
    }
    return hits
  }

  func receivedRows(
    _ leaf: Leaf, _ block: inout DecodedBlock, _ scope: Scope
  ) throws(DecodeError) -> BitSet {
    let ranges = leaf.passingNumbers
    let received = scope.received
    if ranges.contains(where: { $0.lowerBound <= received.lowerBound && received.upperBound <= $0.upperBound }
    ) {
      return BitSet(count: block.count, filled: true)
    }
    var hits = BitSet(count: block.count)
    if !ranges.contains(where: { $0.overlaps(received) }) { return hits }
    try block.loadTimes()
    block.mark(timesIn: ranges, into: &hits)
    return hits
  }

  private func sourceRows(
    _ leaf: Leaf, _ block: inout DecodedBlock, _ scope: Scope
  ) throws(DecodeError) -> BitSet {
    var numbers: Set<UInt32> = []
    for (number, name) in scope.plan.sourceNames {
      let range = TextRange(start: 0, count: name.utf8.count)
      if Array(name.utf8).withView({ leaf.prepared.passes(.text(range), text: $0) }) {
        numbers.insert(number)
      }
    }
    var hits = BitSet(count: block.count)
    if !numbers.isEmpty { try block.mark(sources: numbers, into: &hits) }
    return hits
  }

  /// Envelopes, sources and flags: each combination is looked at once.
  private func envelopeRows(
    _ leaf: Leaf, _ field: Field, _ block: inout DecodedBlock, _ scope: Scope, _ candidates: borrowing BitSet
  ) throws(DecodeError) -> BitSet {
    var hits = BitSet(count: block.count)
    try block.loadEntries()
    table.removeAll()
    var next = candidates.first()
    while let row = next {
      next = candidates.first(from: row + 1)
      let metadata = block.metadata(row)
      table.key.removeAll()
      table.key.append(UInt64(metadata.flags) | UInt64(metadata.source) &<< 32)
      table.key.append(UInt64(block.envelopeNumber(row)))
      if let known = table.result() {
        if known { hits.insert(row) }
        continue
      }
      event.removeAll()
      event.setEntry(
        index: 0, metadata, source: scope.plan.sourceNames[metadata.source], envelope: block.envelope(row))
      let passes = event.passes(leaf.prepared, .field(field))
      table.insert(passes)
      if passes { hits.insert(row) }
    }
    return hits
  }

  private func rawRows(
    _ leaf: Leaf, _ block: inout DecodedBlock, _ candidates: borrowing BitSet
  ) throws(DecodeError) -> BitSet {
    var hits = BitSet(count: block.count)
    if candidates.population < block.count / Self.pickingShare {
      let rows = candidates.members
      if rows.isEmpty { return hits }
      let picked = try block.picking(rows)
      for (index, row) in rows.enumerated() where try passesRaw(leaf, picked, index) { hits.insert(Int(row)) }
      return hits
    }
    try block.loadAll()
    var next = candidates.first()
    while let row = next {
      next = candidates.first(from: row + 1)
      if try passesRaw(leaf, block, row) { hits.insert(row) }
    }
    return hits
  }

  private func passesRaw(_ leaf: Leaf, _ block: borrowing DecodedBlock, _ row: Int) throws(DecodeError)
    -> Bool
  {
    line.removeAll()
    try block.print(row, to: &line)
    if leaf.field == .rawLength { return leaf.prepared.passes(.size(Int64(line.count)), text: line.view) }
    if line.isEmpty { return leaf.prepared.passes(.null(.empty), text: line.view) }
    return leaf.prepared.passes(.text(TextRange(start: 0, count: line.count)), text: line.view)
  }
}

extension Event {
  /// Whether the subject's value passes.
  func passes(_ prepared: PreparedTest, _ subject: Subject) -> Bool {
    switch subject {
    case .field(let field): return passes(prepared, self[field])
    case .name(let name):
      let found = extras.filter { $0.name == name }
      let missing = Value.null(self[.parserFormat].isNull && !isStatement ? .unparsed : .absent)
      return passes(prepared, (found.first { !$0.value.isNull } ?? found.first)?.value ?? missing)
    }
  }

  private var isStatement: Bool { bytes(.kind)?.text != EventKind.unparsed.rawValue }

  private func passes(_ prepared: PreparedTest, _ value: Value) -> Bool {
    if case .text(let range) = value { return prepared.passes(value, text: bytes(range)) }
    return prepared.passes(value, text: ByteView())
  }
}

import Bytes
import Events
import Segments
import Templates

/// Conditions on what a line does not say outright.
extension BlockEvaluator {
  /// Blocks of which less than one row in so many is wanted have those rows picked and are not decoded whole.
  static let pickingShare = 8

  /// Adds those of `rows` that pass, which all have the template of `root`, by filling events.
  func addDerivedRows(
    _ leaf: Leaf, _ root: LeafPlan.Root, _ block: inout DecodedBlock, _ scope: Scope,
    _ rows: borrowing BitSet,
    _ hits: inout BitSet
  ) throws(DecodeError) {
    if rows.isEmpty { return }
    if root.projection.columns == nil, rows.population < block.count / Self.pickingShare {
      return try addPickedRows(leaf, root.projection, block, scope, rows, &hits)
    }
    for column in root.columns { try block.load(column) }
    if root.projection.needsEntry { try block.loadEntries() }
    if root.isPure { return try addPureRows(leaf, root, block, scope, rows, &hits) }
    try loadMetadata(&block)
    var next = rows.first()
    while let row = next {
      next = rows.first(from: row + 1)
      try source.fill(&event, block, row, index: 0, block.metadata(row), scope.plan, root.projection)
      if event.passes(leaf.prepared, leaf.condition.subject) { hits.insert(row) }
    }
  }

  private func loadMetadata(_ block: inout DecodedBlock) throws(DecodeError) {
    try block.loadTimes()
    try block.loadSources()
    try block.loadFlags()
    try block.loadRoots()
  }

  private func addPickedRows(
    _ leaf: Leaf, _ projection: Projection, _ block: borrowing DecodedBlock, _ scope: Scope,
    _ rows: borrowing BitSet, _ hits: inout BitSet
  ) throws(DecodeError) {
    let members = rows.members
    let picked = try block.picking(members)
    for (index, row) in members.enumerated() {
      try source.fill(&event, picked, index, index: 0, picked.metadata(index), scope.plan, projection)
      if event.passes(leaf.prepared, leaf.condition.subject) { hits.insert(Int(row)) }
    }
  }

  /// Rows with the same values in the columns that count have the same result.
  private func addPureRows(
    _ leaf: Leaf, _ root: LeafPlan.Root, _ block: borrowing DecodedBlock, _ scope: Scope,
    _ rows: borrowing BitSet, _ hits: inout BitSet
  ) throws(DecodeError) {
    let metadata = EntryMetadata(time: 0, source: 0, flags: 0, kind: .received)
    table.removeAll()
    var next = rows.first()
    while let row = next {
      next = rows.first(from: row + 1)
      let (node, nodeRow) = block.root(row)
      table.key.removeAll()
      appendKey(block, node, nodeRow, scope.plan, root.projection.columns)
      if let known = table.result() {
        if known { hits.insert(row) }
        continue
      }
      try source.fill(&event, block, row, index: 0, metadata, scope.plan, root.projection)
      let passes = event.passes(leaf.prepared, leaf.condition.subject)
      table.insert(passes)
      if passes { hits.insert(row) }
    }
  }

  /// Appends to the table's key what tells the wanted values of a row from others in this block.
  private func appendKey(
    _ block: borrowing DecodedBlock, _ node: Int, _ row: Int, _ plan: StructurePlan, _ wanted: [Bool]?
  ) {
    for (slot, place) in plan.nodes[node].enumerated() {
      if place.isParent {
        let (number, position) = block.alternative(place.column, row)
        table.key.append(UInt64(number))
        if number > 0 {
          appendKey(block, plan.alternatives[node][slot][number - 1], position, plan, wanted)
          continue
        }
      }
      if let wanted, !wanted[place.column] { continue }
      let kind = block[place.column].kind(row)
      if kind == 0 {
        let number = block[place.column].text.place(of: block[place.column].position(row))
        table.key.append(UInt64(number) &<< 8)
      } else {
        let value = block[place.column].value(row)
        table.key.append(UInt64(value.kind) | 1 &<< 63)
        table.key.append(UInt64(bitPattern: value.a))
        table.key.append(UInt64(bitPattern: value.b))
      }
    }
  }

  /// The rows whose value is null for one of the reasons asked for, or, negated, is not: looked up on events,
  /// for no column says of a value that it is absent in the format.
  func reasonRows(
    _ leaf: Leaf, _ block: inout DecodedBlock, _ scope: Scope, _ candidates: borrowing BitSet
  ) throws(DecodeError) -> BitSet {
    var hits = BitSet(count: block.count)
    for root in leaf.plan(scope.plan).roots {
      if try block.loadRows(ofNode: root.node) == 0 { continue }
      var rows = BitSet(count: block.count)
      block.mark(root: root.node, into: &rows)
      rows.formIntersection(candidates)
      try addDerivedRows(leaf, root, &block, scope, rows, &hits)
    }
    try block.loadRoots()
    var rows = BitSet(count: block.count)
    block.mark(root: -1, into: &rows)
    rows.formIntersection(candidates)
    if !rows.isEmpty { try addFilledRows(leaf, &block, scope, rows, &hits) }
    return hits
  }

  /// Adds those of `rows`, which have no template, that pass.
  private func addFilledRows(
    _ leaf: Leaf, _ block: inout DecodedBlock, _ scope: Scope, _ rows: borrowing BitSet, _ hits: inout BitSet
  ) throws(DecodeError) {
    try loadMetadata(&block)
    let projection = Projection(columns: [], needsEntry: false)
    var next = rows.first()
    while let row = next {
      next = rows.first(from: row + 1)
      try source.fill(&event, block, row, index: 0, block.metadata(row), scope.plan, projection)
      if event.passes(leaf.prepared, leaf.condition.subject) { hits.insert(row) }
    }
  }

  /// Adds those rows without template that pass.
  func addBareRows(
    _ leaf: Leaf, _ field: Field, _ block: inout DecodedBlock, _ scope: Scope, _ candidates: borrowing BitSet,
    _ hits: inout BitSet
  ) throws(DecodeError) {
    switch field {
    case .message, .kind, .parseStatus, .parseOffset, .parseError, .timeQuality, .action, .lossLayer,
      .lossCount,
      .lossSource, .lossFrom, .lossTo:
      break
    default: return
    }
    try block.loadRoots()
    var rows = BitSet(count: block.count)
    block.mark(root: -1, into: &rows)
    rows.formIntersection(candidates)
    if rows.isEmpty { return }
    if field == .message {
      var texts = BitSet(count: block.bareTexts.valueCount)
      TextScan(leaf.prepared, dashIsText: true).mark(block.bareTexts, &texts)
      var passing = BitSet(count: block.count)
      block.mark(bareTexts: texts, into: &passing)
      passing.formIntersection(rows)
      return hits.formUnion(passing)
    }
    try addFilledRows(leaf, &block, scope, rows, &hits)
  }
}

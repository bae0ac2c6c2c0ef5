import Bytes
import Events
import Segments

/// Finds the rows of blocks for which an expression holds. One for each thread.
///
/// A block that cannot match is left after a look at its filters. Else each condition is worked out on the
/// columns that hold its values; the parts of an `and` that promise to cost least and exclude most come
/// first, and the others only look at the rows that are left. What a line does not say outright is worked out
/// row by row, on an event that has just the parts it depends on.
final class BlockEvaluator {
  let zones: SourceZones
  private let expression: PreparedExpression
  private let kindIsTCP: Leaf
  private var structures: [StructurePlan] = []
  var event = Event()
  var source = EventSource()
  var table = KeyTable()
  /// One message's bytes.
  var line = ByteBuffer(capacity: 4096)

  /// Structures that are remembered: as many as a log's sources may take turns with.
  private static let structureLimit = 8

  init(_ expression: Expression, zones: SourceZones) {
    self.zones = zones
    self.expression = PreparedExpression(expression)
    var tcp = ValueTest()
    tcp.text = .among([Array("tcp".utf8)])
    kindIsTCP = Leaf(FieldCondition(.field(.kind), tcp))
  }

  /// Structures of blocks seen before.
  var known: [BlockStructure] { structures.map(\.structure) }

  /// What is known about blocks of that structure.
  func plan(_ block: borrowing DecodedBlock) -> StructurePlan {
    let structure = block.structure
    if let index = structures.lastIndex(where: { $0.structure === structure }) {
      if index < structures.count - 1 { structures.append(structures.remove(at: index)) }
      return structures[structures.count - 1]
    }
    if structures.count == Self.structureLimit {
      structures.removeFirst()
      expression.leaves.forEach { $0.forgetPlans() }
      kindIsTCP.forgetPlans()
    }
    let plan = StructurePlan(block, zones)
    structures.append(plan)
    return plan
  }

  /// The rows among `candidates` for which the expression holds.
  func matches(
    _ block: inout DecodedBlock, _ header: SearchBlock, among candidates: borrowing BitSet
  ) throws(DecodeError) -> BitSet {
    try rows(expression, &block, Scope(header: header, plan: plan(block)), candidates)
  }

  struct Scope {
    var header: SearchBlock
    var plan: StructurePlan

    /// When the block's messages were received.
    var received: ClosedRange<Int64> { header.firstTime...max(header.firstTime, header.lastTime) }
  }

  // MARK: Structure

  private func rows(
    _ expression: PreparedExpression, _ block: inout DecodedBlock, _ scope: Scope,
    _ candidates: borrowing BitSet
  ) throws(DecodeError) -> BitSet {
    switch expression.form {
    case .leaf(let leaf):
      var hits = try leafRows(leaf, &block, scope, candidates)
      hits.formIntersection(candidates)
      return hits
    case .and(let parts):
      var left = candidates.copy()
      for part in parts {
        if left.isEmpty { return left }
        left = try rows(part, &block, scope, left)
      }
      return left
    case .or(let parts):
      var left = candidates.copy()
      var hits = BitSet(count: block.count)
      for part in parts {
        if left.isEmpty { return hits }
        let more = try rows(part, &block, scope, left)
        hits.formUnion(more)
        left.subtract(more)
      }
      return hits
    case .not(let part):
      var left = candidates.copy()
      left.subtract(try rows(part, &block, scope, candidates))
      return left
    }
  }

  // MARK: One condition

  private func leafRows(
    _ leaf: Leaf, _ block: inout DecodedBlock, _ scope: Scope, _ candidates: borrowing BitSet
  ) throws(DecodeError) -> BitSet {
    if let field = leaf.field, let dependencies = leaf.dependencies {
      if dependencies.isEntry { return try entryRows(leaf, field, &block, scope, candidates) }
      if field == .time, leaf.condition.test.reasons.isEmpty {
        return try timeRows(leaf, &block, scope, candidates)
      }
    }
    if !leaf.condition.test.reasons.isEmpty { return try reasonRows(leaf, &block, scope, candidates) }
    var hits = BitSet(count: block.count)
    for root in leaf.plan(scope.plan).roots {
      if !root.isDerived, !mayPass(leaf, root, block, scope) { continue }
      if try block.loadRows(ofNode: root.node) == 0 { continue }
      try addRows(of: root, leaf, &block, scope, candidates, &hits)
    }
    if let field = leaf.field { try addBareRows(leaf, field, &block, scope, candidates, &hits) }
    return hits
  }

  private func mayPass(_ leaf: Leaf, _ root: LeafPlan.Root, _ block: borrowing DecodedBlock, _ scope: Scope)
    -> Bool
  {
    root.direct.contains { columnTest(leaf.prepared, $0, scope).mayPass(block.filter($0.column)) }
  }

  func columnTest(_ prepared: PreparedTest, _ place: SlotPlace, _ scope: Scope) -> ColumnTest {
    ColumnTest(
      place: place, prepared: prepared, zone: scope.plan.commonZone ?? .utc, received: scope.received)
  }

  /// Adds the rows of one template that pass.
  private func addRows(
    of root: LeafPlan.Root, _ leaf: Leaf, _ block: inout DecodedBlock, _ scope: Scope,
    _ candidates: borrowing BitSet, _ hits: inout BitSet
  ) throws(DecodeError) {
    var left = BitSet(count: block.count)
    block.mark(root: root.node, into: &left)
    left.formIntersection(candidates)
    if left.isEmpty { return }
    var moved: BitSet?
    if root.movesToConnection {
      let connections = try leafRows(kindIsTCP, &block, scope, left)
      left.subtract(connections)
      moved = consume connections
    }
    let isLast = !root.isDerived || root.movesToConnection
    var decided = true
    for (index, place) in root.direct.enumerated() {
      guard
        try addRows(
          of: place, leaf, &block, scope, isLast: isLast && index == root.direct.count - 1, &left, &hits)
      else {
        decided = false
        break
      }
    }
    if let moved = consume moved {
      if decided { left.removeAll() }
      left.formUnion(moved)
    } else if decided, !root.isDerived {
      return
    }
    try addDerivedRows(leaf, root, &block, scope, left, &hits)
  }

  /// Adds the rows that pass by one slot, and takes those that have a value there from `left`; false when the
  /// slot's column cannot tell.
  private func addRows(
    of place: SlotPlace, _ leaf: Leaf, _ block: inout DecodedBlock, _ scope: Scope, isLast: Bool,
    _ left: inout BitSet, _ hits: inout BitSet
  ) throws(DecodeError) -> Bool {
    if place.meaning.field?.type == .time, scope.plan.commonZone == nil { return false }
    let test = columnTest(leaf.prepared, place, scope)
    if isLast, !test.mayPass(block.filter(place.column)) { return true }
    guard let inner = try test.rows(&block) else { return false }
    var passing = try lift(inner, place, &block)
    passing.formIntersection(left)
    hits.formUnion(passing)
    if isLast { return true }
    guard let present = try columnTest(leaf.presence, place, scope).rows(&block) else { return false }
    left.subtract(try lift(present, place, &block))
    return true
  }

  /// The block's rows that have rows of a column.
  func lift(
    _ rows: borrowing BitSet, _ place: SlotPlace, _ block: inout DecodedBlock
  ) throws(DecodeError) -> BitSet {
    var rows = rows.copy()
    var node = place.node
    while true {
      let (column, number) = block.parent(node)
      if column < 0 {
        var lifted = BitSet(count: block.count)
        block.mark(root: node, rows: rows, into: &lifted)
        return lifted
      }
      var lifted = BitSet(count: block[column].rowCount)
      block[column].mark(alternative: number, rows: rows, into: &lifted)
      rows = lifted
      node = block.slot(ofColumn: column).node
    }
  }
}

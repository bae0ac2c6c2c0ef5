import Bytes
import Events
import Segments
import Templates

/// Conditions on `time`, the best time of an event.
extension BlockEvaluator {
  /// The best time of an event: its own stamps in a fixed order, else when it was received.
  func timeRows(
    _ leaf: Leaf, _ block: inout DecodedBlock, _ scope: Scope, _ candidates: borrowing BitSet
  ) throws(DecodeError) -> BitSet {
    var hits = BitSet(count: block.count)
    var left = candidates.copy()
    let plan = leaf.plan(scope.plan)
    for (root, slots) in zip(plan.roots, scope.plan.roots) {
      if try block.loadRows(ofNode: root.node) == 0 { continue }
      if scope.plan.commonZone != nil, try addTimes(leaf, slots.slots, &block, scope, &left, &hits) {
        continue
      }
      var rows = BitSet(count: block.count)
      block.mark(root: root.node, into: &rows)
      rows.formIntersection(candidates)
      hits.subtract(rows)
      left.subtract(rows)
      try addDerivedRows(leaf, root, &block, scope, rows, &hits)
    }
    if left.isEmpty { return hits }
    var received = try receivedRows(leaf, &block, scope)
    received.formIntersection(left)
    hits.formUnion(received)
    return hits
  }

  /// Adds the rows of a template that pass by a stamp of their own, and takes those that have one from
  /// `left`; false when the columns cannot tell.
  private func addTimes(
    _ leaf: Leaf, _ slots: [SlotPlace], _ block: inout DecodedBlock, _ scope: Scope, _ left: inout BitSet,
    _ hits: inout BitSet
  ) throws(DecodeError) -> Bool {
    for field in [Field.timeStart, .timeAccept, .timeEnd, .syslogTime] {
      let places = slots.filter { $0.meaning.field == field }
      // With two slots for one field, which of them counts is a matter of their values.
      if places.count > 1, Set(places.map(\.node)).count < places.count { return false }
      for place in places {
        if let isWithin = try isWithin(leaf, place, &block, scope) {
          var rows = BitSet(count: try block.loadRows(ofNode: place.node), filled: true)
          rows = try lift(rows, place, &block)
          rows.formIntersection(left)
          if isWithin { hits.formUnion(rows) }
          left.subtract(rows)
          continue
        }
        guard let inner = try columnTest(leaf.prepared, place, scope).rows(&block),
          let stamped = try columnTest(leaf.isTime, place, scope).rows(&block)
        else { return false }
        var passing = try lift(inner, place, &block)
        let present = try lift(stamped, place, &block)
        passing.formIntersection(present)
        passing.formIntersection(left)
        hits.formUnion(passing)
        left.subtract(present)
      }
    }
    return true
  }

  /// Whether all rows of a column are moments that pass (true), or moments that do not (false), as far as the
  /// column's bounds tell.
  private func isWithin(
    _ leaf: Leaf, _ place: SlotPlace, _ block: inout DecodedBlock, _ scope: Scope
  ) throws(DecodeError) -> Bool? {
    guard place.meaning.field?.type == .time, !place.isParent,
      let (kind, numbers, isSecondZero) = try block.numberBounds(place.column), isSecondZero,
      let (unit, offset) = scale(place, kind, scope)
    else { return nil }
    let (low, lowOverflow) = numbers.lowerBound.multipliedReportingOverflow(by: unit)
    let (high, highOverflow) = numbers.upperBound.multipliedReportingOverflow(by: unit)
    if lowOverflow || highOverflow { return nil }
    let moments = low &- offset...max(low &- offset, high &- offset)
    let ranges = leaf.passingNumbers
    if ranges.contains(where: { $0.lowerBound <= moments.lowerBound && moments.upperBound <= $0.upperBound })
    {
      return true
    }
    return ranges.contains(where: { $0.overlaps(moments) }) ? nil : false
  }

  /// Nanoseconds in one unit of a column of moments, and those to be taken off for the zone.
  private func scale(_ place: SlotPlace, _ kind: UInt8, _ scope: Scope) -> (unit: Int64, offset: Int64)? {
    switch place.type {
    case .isoTime: return kind > 21 ? nil : (TimeScale.power(9 - Int(kind - 2) / 2), 0)
    case .clfTime where kind == 4: return (1_000_000_000, 0)
    case .clfTime:
      guard let zone = scope.plan.commonZone, zone.isFixed else { return nil }
      return (kind == 2 ? 1_000_000_000 : 1_000_000, Int64(zone.offset(at: 0)) * 1_000_000_000)
    default: return nil
    }
  }
}

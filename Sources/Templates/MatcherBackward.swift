import Bytes

extension Matcher {
  /// Matches from the end of the line, every value ending at the *last* occurrence of its literal, and compares
  /// with what was found from the front. Every possible reading lies between the two: when they agree, there is
  /// only one.
  func backwardAgrees(
    _ node: Node, _ line: ByteView, _ start: Int, _ end: Int, _ result: borrowing MatchResult, _ firstValue: Int
  ) -> Bool {
    let first = Int(node.firstSlot + node.firstForgeable)
    var firstStart = firstValue
    while firstStart < result.values.count, result.values[firstStart].slot != Int32(first) { firstStart += 1 }
    if firstStart == result.values.count { return false }
    let stop = (slot: first, start: Int(result.values[firstStart].start))
    var value = result.values.count
    return walkBackward(node, line, start, end, stop) { slot, valueStart, valueEnd in
      repeat { value -= 1 } while value > firstValue && result.values[value].slot != Int32(slot)
      return result.values[value].start == UInt32(valueStart) && result.values[value].end == UInt32(valueEnd)
    }
  }

  func backwardFits(_ node: Node, _ line: ByteView, _ start: Int, _ end: Int) -> Bool {
    let stop = (slot: Int(node.firstSlot), start: start + Int(node.prefixCount))
    return walkBackward(node, line, start, end, stop) { slot, valueStart, valueEnd in
      let op = slots[slot]
      let bytes = line[valueStart, valueEnd]
      return op.alternativeCount > 0 || ValueCodec.parse(bytes, as: op.column) != nil
        || Extent.isAllowed(bytes, op.syntax, stop: op.literalFirst)
    }
  }

  /// Visits the slots from the last one back to `stop`, which is known to start where it says.
  private func walkBackward(
    _ node: Node, _ line: ByteView, _ start: Int, _ end: Int, _ stop: (slot: Int, start: Int),
    _ visit: (Int, Int, Int) -> Bool
  ) -> Bool {
    let literals = literals.view
    var slot = Int(node.firstSlot + node.slotCount) - 1
    let lastCount = Int(slots[slot].literalCount)
    var valueEnd = end - lastCount
    guard valueEnd >= start + Int(node.prefixCount),
      hasLiteral(line, valueEnd, end, literals, Int(slots[slot].literalOffset), lastCount)
    else { return false }
    while slot > stop.slot {
      let before = slots[slot - 1]
      let count = Int(before.literalCount), offset = Int(before.literalOffset)
      var candidate = valueEnd - count
      while candidate >= stop.start, !hasLiteral(line, candidate, valueEnd, literals, offset, count) {
        candidate -= 1
      }
      if candidate < stop.start { return false }
      if !visit(slot, candidate + count, valueEnd) { return false }
      valueEnd = candidate
      slot -= 1
    }
    return valueEnd >= stop.start && visit(slot, stop.start, valueEnd)
  }
}

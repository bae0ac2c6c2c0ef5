import Bytes

extension Matcher {
  /// Whether what was found from the front, every value ending as early as it can, is the only reading: it is when
  /// matching from the end of the line finds the same, every literal standing as late as it can. Every possible
  /// reading lies between the two.
  ///
  /// Both agree when no value holds the literal before it, perhaps together with bytes of that literal.
  func backwardAgrees(
    _ node: Node, _ line: ByteView, _ result: borrowing MatchResult, _ firstValue: Int
  ) -> Bool {
    if !node.isReversible { return false }
    let first = Int32(node.firstSlot + node.firstForgeable)
    let last = node.firstSlot + node.slotCount
    let literals = literals.view
    for index in firstValue..<result.values.count {
      let value = result.values[index]
      if value.slot <= first || value.slot >= last || !slots[Int(value.slot)].mayHoldLiteralBefore {
        continue
      }
      let before = slots[Int(value.slot) - 1]
      let count = Int(before.literalCount)
      let start = Int(value.start) - count + 1
      if Int(value.end) - start >= count, findFirst(before, line, start, Int(value.end), literals) != nil {
        return false
      }
    }
    return true
  }
}

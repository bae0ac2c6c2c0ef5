import Bytes

/// Templates compiled into flat tables, and the one matcher that runs all of them.
///
/// Every template, nested ones too, becomes a *node*; every slot gets a number that is unique in the matcher. What
/// a line matched is a flat list of (slot, value), written into a `MatchResult` in the order in which the slots
/// stand, a slot with alternatives before the slots of the alternative that it has: nothing is allocated and
/// nothing is recursive for whoever stores the values.
@safe public struct Matcher: ~Copyable, Sendable {
  struct Node {
    var prefixOffset: Int32
    var prefixCount: Int32
    var firstSlot: Int32
    var slotCount: Int32
    /// Some slot may hold the very literal that ends it: the line must be matched from both ends.
    var isForgeable: Bool
    /// The first such slot's place. All before it is certain from the front.
    var firstForgeable: Int32 = 0
  }

  struct SlotOp {
    /// The first eight bytes of the literal behind the value, and as many bits as it has there.
    var literalWord: UInt64
    var literalMask: UInt64
    var literalOffset: Int32
    var literalCount: Int32
    var firstAlternative: Int32
    var alternativeCount: Int32
    var literalFirst: UInt8
    var literalLast: UInt8
    var way: Way
    var column: ColumnType
    var syntax: Syntax
  }

  let nodes: HeapArray<Node>
  let slots: HeapArray<SlotOp>
  let literals: ByteBuffer
  let ranges: HeapArray<Range<Int>>
  /// For each list of templates given to `init`, the nodes that are to be tried.
  public let roots: [Range<Int>]
  /// The template of each node, and the slot numbers' meaning.
  public let templates: [Template]
  /// The node that each slot belongs to, and its place there.
  public let slotOwners: [(node: Int, slot: Int)]

  /// Number of slots, over all nodes.
  public var slotCount: Int { slots.count }
  /// Number of nodes.
  public var nodeCount: Int { nodes.count }

  /// Compiles lists of templates; each list is what one source tries, in that order.
  public init(_ lists: [[Template]]) {
    var compiler = MatcherCompiler()
    let roots = lists.map { compiler.addRoots($0) }
    self.roots = roots
    ranges = HeapArray(count: roots.count) { roots[$0] }
    templates = compiler.templates
    slotOwners = compiler.owners
    let nodes = compiler.nodes, slots = compiler.slots
    self.nodes = HeapArray(count: nodes.count) { nodes[$0] }
    self.slots = HeapArray(count: slots.count) { slots[$0] }
    var literals = ByteBuffer(capacity: compiler.literals.count)
    literals.append(compiler.literals)
    self.literals = literals
  }

  /// The number of the first slot of `node`; its other slots follow.
  public func firstSlot(of node: Int) -> Int { Int(nodes[node].firstSlot) }

  /// The nodes of the templates that the value of `slot` may have.
  public func alternatives(of slot: Int) -> Range<Int> {
    let op = slots[slot]
    return Int(op.firstAlternative)..<Int(op.firstAlternative + op.alternativeCount)
  }

  /// Matches `line` against the templates of list `list`, the one that matched last first. A template that fits
  /// wholly goes before one that fits but for a body of unknown format; among those the list's order decides. On
  /// success `result` holds the node and the values; otherwise it says how far the best template came, or that
  /// more than one reading is possible.
  public func match(_ line: ByteView, list: Int, into result: inout MatchResult) {
    result.begin()
    let range = ranges[list]
    if range.isEmpty { return }
    let recent = range.lowerBound + Int(result.recentRoot[list])
    if tryRoot(recent, line, &result) == .whole { return }
    var partial: Int?
    for node in range {
      switch tryRoot(node, line, &result) {
      case .whole:
        result.recentRoot[list] = UInt16(node - range.lowerBound)
        return
      case .partly: partial = partial ?? node
      case .not: continue
      }
    }
    if let partial { _ = tryRoot(partial, line, &result) }
  }

  private enum Fit { case not, partly, whole }

  /// Matches the line against one template of the list. It fits partly when a value that may be anything has none of
  /// its templates: a syslog header with a body of unknown format, say.
  private func tryRoot(_ node: Int, _ line: ByteView, _ result: inout MatchResult) -> Fit {
    result.values.removeAll()
    result.isPartial = false
    guard matchNode(node, line, 0, line.count, &result) else {
      result.values.removeAll()
      result.node = -1
      return .not
    }
    result.node = Int32(node)
    return result.isPartial ? .partly : .whole
  }

  // MARK: One node

  /// Matches `[start, end)` of `line`; appends the values. On failure the values are in disorder.
  @inline(never) private func matchNode(
    _ index: Int, _ line: ByteView, _ start: Int, _ end: Int, _ result: inout MatchResult
  ) -> Bool {
    let node = nodes[index]
    let literals = literals.view
    let prefix = Int(node.prefixCount)
    guard end - start >= prefix, hasLiteral(line, start, end, literals, Int(node.prefixOffset), prefix)
    else { return result.fail(node: index, slot: 0, at: start) }
    let firstValue = result.values.count
    var position = start + prefix
    var slot = Int(node.firstSlot)
    let last = slot + Int(node.slotCount)
    if slot == last { return position == end || result.fail(node: index, slot: 0, at: position) }
    let text = LineText(line)
    while true {
      (slot, position) = matchRun(slot, last, text, position, end, &result)
      if slot == last { break }
      let valueEnd = matchGenerally(slot, isLast: slot &+ 1 == last, line, position, end, &result)
      if valueEnd < 0 { return fail(node, index, slot, line, (start, position, end), &result) }
      position = valueEnd &+ Int(slots[slot].literalCount)
      slot &+= 1
    }
    if position != end { return result.fail(node: index, slot: Int(node.slotCount), at: position) }
    if node.isForgeable, !backwardAgrees(node, line, start, end, result, firstValue) {
      result.isAmbiguous = true
      return result.fail(node: index, slot: 0, at: start)
    }
    return true
  }

  @inline(never) private func fail(
    _ node: Node, _ index: Int, _ slot: Int, _ line: ByteView, _ place: (start: Int, position: Int, end: Int),
    _ result: inout MatchResult
  ) -> Bool {
    if node.isForgeable, backwardFits(node, line, place.start, place.end) { result.isAmbiguous = true }
    return result.fail(node: index, slot: slot - Int(node.firstSlot), at: place.position)
  }

  /// Matches the value of one slot in the general way, and appends it. Returns where it ends, or -1.
  @inline(never) private func matchGenerally(
    _ slot: Int, isLast: Bool, _ line: ByteView, _ start: Int, _ end: Int, _ result: inout MatchResult
  ) -> Int {
    let op = slots[slot]
    let valueEnd: Int
    if op.way == .nested {
      valueEnd = findLiteral(slot, LineText(line), start, end)
      if valueEnd < 0 { return -1 }
    } else {
      guard let found = findEnd(op, isLast: isLast, line, start, end, literals.view) else { return -1 }
      valueEnd = found
    }
    return matchValue(op, slot, line, start, valueEnd, &result) ? valueEnd : -1
  }

  @inline(__always) func hasLiteral(
    _ line: ByteView, _ position: Int, _ end: Int, _ literals: ByteView, _ offset: Int, _ count: Int
  ) -> Bool {
    if count == 0 { return true }
    if count == 1 { return position < end && line[position] == literals[offset] }
    return end - position >= count && line.matches(literals[offset, offset + count], at: position)
  }

  /// Where the value that starts at `position` ends: before its literal.
  private func findEnd(
    _ op: SlotOp, isLast: Bool, _ line: ByteView, _ position: Int, _ end: Int, _ literals: ByteView
  ) -> Int? {
    let count = Int(op.literalCount)
    switch op.syntax {
    case .address where count == 0, .list where count == 0, .backslash where count == 0: break
    case .time, .structuredData, .blanks, .address, .list, .backslash:
      guard let valueEnd = Extent.of(op.syntax, op.column, line, position, end, stop: op.literalFirst),
        hasLiteral(line, valueEnd, end, literals, Int(op.literalOffset), count)
      else { return nil }
      return valueEnd
    case .any where isLast && count > 0:
      let valueEnd = end - count
      return valueEnd >= position && hasLiteral(line, valueEnd, end, literals, Int(op.literalOffset), count)
        ? valueEnd : nil
    case .unquoted where count > 0: return findUnquotedEnd(op, line, position, end, literals)
    default: break
    }
    if count == 0 { return isLast ? end : nil }
    var candidate = position
    while let hit = line.findShort(op.literalFirst, from: candidate, before: end) {
      if count == 1 { return hit }
      if end - hit < count { return nil }
      let offset = Int(op.literalOffset)
      if line[hit + 1] == literals[offset + 1],
        count == 2 || line.matches(literals[offset, offset + count], at: hit)
      {
        return hit
      }
      candidate = hit + 1
    }
    return nil
  }

  /// The last occurrence of the literal before the next quote, looked for by the literal's last byte.
  private func findUnquotedEnd(
    _ op: SlotOp, _ line: ByteView, _ position: Int, _ end: Int, _ literals: ByteView
  ) -> Int? {
    let count = Int(op.literalCount), offset = Int(op.literalOffset)
    let limit = line.findShort(UInt8(ascii: "\""), from: position, before: end) ?? end
    var found: Int?
    var index = position + count - 1
    while index < limit, let hit = line.findShort(literals[offset + count - 1], from: index, before: limit) {
      if hasLiteral(line, hit - count + 1, limit, literals, offset, count) { found = hit - count + 1 }
      index = hit + 1
    }
    return found
  }

  /// Checks one value and appends it.
  private func matchValue(
    _ op: SlotOp, _ slot: Int, _ line: ByteView, _ start: Int, _ end: Int, _ result: inout MatchResult
  ) -> Bool {
    var value = MatchedValue(slot, start, QuickValue(end: end))
    if op.alternativeCount > 0 {
      return matchAlternatives(op, value, line, &result)
    }
    let bytes = line[start, end]
    if let stored = ValueCodec.parse(bytes, as: op.column) {
      value.stored = stored
    } else if !Extent.isAllowed(bytes, op.syntax, stop: op.literalFirst) {
      return false
    }
    result.values.append(value)
    return true
  }

  func matchAlternatives(
    _ op: SlotOp, _ value: MatchedValue, _ line: ByteView, _ result: inout MatchResult
  ) -> Bool {
    let place = result.values.count
    let wasPartial = result.isPartial
    result.values.append(value)
    let count = Int(op.alternativeCount)
    let recent = Int(result.recentAlternative[Int(value.slot)])
    for turn in 0..<count {
      let choice = turn == 0 ? recent : (turn <= recent ? turn - 1 : turn)
      if matchNode(Int(op.firstAlternative) + choice, line, Int(value.start), Int(value.end), &result) {
        result.values[place].stored.kind = UInt8(choice + 1)
        if choice != recent { result.recentAlternative[Int(value.slot)] = UInt8(choice) }
        return true
      }
      result.values.truncate(to: place + 1)
      result.isPartial = wasPartial
    }
    if op.syntax == .any { result.isPartial = true }
    return Extent.isAllowed(line[Int(value.start), Int(value.end)], op.syntax, stop: op.literalFirst)
  }
}

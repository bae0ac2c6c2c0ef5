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
    /// No slot may be absent: the line can be walked from its end as well.
    var isReversible = true
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
    /// The value may hold the literal that stands before it.
    var mayHoldLiteralBefore: Bool
    var column: ColumnType
    var syntax: Syntax
    /// What stands in it has the templates that also whole lines of the list may have.
    var isBody: Bool
  }

  let nodes: HeapArray<Node>
  /// For each node the bytes that a text of it may begin with.
  let firsts: HeapArray<FirstBytes>
  let slots: HeapArray<SlotOp>
  let literals: ByteBuffer
  let ranges: HeapArray<Range<Int>>
  /// For each list, the first of its roots that is a body: what may follow a header, or be the whole line.
  let bodyStarts: HeapArray<Int>
  /// For each list, whether the root that matched last may be tried first. Not where several roots take any rest of
  /// the line: there the order says which one is meant.
  let remembersRoots: HeapArray<Bool>
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
    let bodyCounts = compiler.bodyCounts
    bodyStarts = HeapArray(count: roots.count) {
      roots[$0].upperBound - (bodyCounts[roots[$0].lowerBound] ?? 0)
    }
    remembersRoots = HeapArray(count: roots.count) { list in
      (bodyCounts[roots[list].lowerBound] ?? 0) < lists[list].count
        || lists[list].count { $0.slots.last?.syntax == .any && $0.slots.last?.alternatives.isEmpty == true }
          < 2
    }
    templates = compiler.templates
    slotOwners = compiler.owners
    let nodes = compiler.nodes, slots = compiler.slots, firsts = compiler.firsts
    self.firsts = HeapArray(count: firsts.count) { firsts[$0] }
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

  /// Matches `line` against the templates of list `list`, the one that matched last first (of bodies, only one that
  /// `MatchResult.prefer` lets be remembered). A template that fits wholly goes before one that fits but for a body of
  /// unknown format; among those the order decides. On success `result` holds the node and the values; otherwise it
  /// says how far the best template came, or that more than one reading is possible.
  public func match(_ line: ByteView, list: Int, into result: inout MatchResult) {
    result.begin(list)
    let range = ranges[list]
    if range.isEmpty { return }
    let bodyStart = bodyStarts[list]
    let recent = range.lowerBound + Int(result.recentRoot[list])
    if tryRoot(recent, bodyStart, line, &result) == .whole { return }
    var partial: Int?
    for place in 0..<range.count {
      var node = range.lowerBound + place
      if node >= bodyStart { node = bodyStart + result.order(node - bodyStart) }
      switch tryRoot(node, bodyStart, line, &result) {
      case .whole:
        if remembersRoots[list], node < bodyStart || result.choice.contains(node - bodyStart) {
          result.recentRoot[list] = UInt16(node - range.lowerBound)
        }
        return
      case .partly: partial = partial ?? node
      case .not: continue
      }
    }
    if let partial { _ = tryRoot(partial, bodyStart, line, &result) }
  }

  enum Fit { case not, partly, whole }

  /// Matches the line against one template of the list. It fits partly when a value that may be anything has none of
  /// its templates: a syslog header with a body of unknown format, say.
  func tryRoot(_ node: Int, _ bodyStart: Int, _ line: ByteView, _ result: inout MatchResult) -> Fit {
    result.values.removeAll()
    result.isPartial = false
    result.body = -1
    guard mayBegin(node, line, 0, line.count, &result), matchNode(node, line, 0, line.count, &result) >= 0
    else {
      result.values.removeAll()
      result.node = -1
      result.body = -1
      return .not
    }
    result.node = Int32(node)
    if node >= bodyStart { result.body = Int32(node - bodyStart) }
    return result.isPartial ? .partly : .whole
  }

  // MARK: One node

  /// Whether the text `[start, end)` begins with a byte that the template of `node` can begin with. Most templates of
  /// a long list are ruled out so, without looking at them.
  @inline(__always) private func mayBegin(
    _ node: Int, _ line: ByteView, _ start: Int, _ end: Int, _ result: inout MatchResult
  ) -> Bool {
    if start == end || firsts[node].contains(line[start]) { return true }
    if result.failureNode < 0 { _ = result.fail(node: node, slot: 0, at: start) }
    return false
  }

  /// Matches `[start, end)` of `line`; appends the values. Returns where the last literal ends, or -1: then the values
  /// are in disorder. An open node need not come to `end`.
  @inline(never) func matchNode(
    _ index: Int, _ line: ByteView, _ start: Int, _ end: Int, isOpen: Bool = false,
    _ result: inout MatchResult
  ) -> Int {
    let node = nodes[index]
    let literals = literals.view
    let prefix = Int(node.prefixCount)
    guard end - start >= prefix, hasLiteral(line, start, end, literals, Int(node.prefixOffset), prefix)
    else { return result.fail(node: index, slot: 0, at: start) }
    let firstValue = result.values.count
    var position = start + prefix
    var slot = Int(node.firstSlot)
    let last = slot + Int(node.slotCount)
    let text = LineText(line)
    while slot < last {
      (slot, position) = matchRun(slot, last, text, position, end, &result)
      if slot == last { break }
      let valueEnd = matchGenerally(slot, isLast: !isOpen && slot &+ 1 == last, line, position, end, &result)
      if valueEnd < 0 { return fail(index, slot, line, (start, position, end), &result, firstValue) }
      position = valueEnd &+ Int(slots[slot].literalCount)
      slot &+= 1
    }
    if isOpen { return position }
    if position != end { return fail(index, last, line, (start, position, end), &result, firstValue) }
    if node.isForgeable, !backwardAgrees(node, line, result, firstValue) {
      return readOnly(index, line, start, end, &result, firstValue)
        ? end : result.fail(node: index, slot: 0, at: start)
    }
    return end
  }

  /// What does not fit when every value ends as early as it can may still have one reading, or several.
  @inline(never) private func fail(
    _ index: Int, _ slot: Int, _ line: ByteView, _ place: (start: Int, position: Int, end: Int),
    _ result: inout MatchResult, _ firstValue: Int
  ) -> Int {
    if nodes[index].isForgeable, slot - Int(nodes[index].firstSlot) > Int(nodes[index].firstForgeable),
      readOnly(index, line, place.start, place.end, &result, firstValue)
    {
      return place.end
    }
    return result.fail(node: index, slot: slot - Int(nodes[index].firstSlot), at: place.position)
  }

  /// Matches the value of one slot in the general way, and appends it. Returns where it ends, or -1.
  @inline(never) private func matchGenerally(
    _ slot: Int, isLast: Bool, _ line: ByteView, _ start: Int, _ end: Int, _ result: inout MatchResult
  ) -> Int {
    let op = slots[slot]
    let valueEnd: Int
    if op.syntax == .optional { return matchOptional(op, slot, isLast: isLast, line, start, end, &result) }
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
  func findEnd(
    _ op: SlotOp, isLast: Bool, _ line: ByteView, _ position: Int, _ end: Int, _ literals: ByteView
  ) -> Int? {
    let count = Int(op.literalCount)
    switch op.syntax {
    case .address where count == 0, .list where count == 0, .backslash where count == 0: break
    case .time, .structuredData, .blanks, .address, .list, .backslash, .cbor, .phrase, .json, .item:
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
    guard let hit = findFirst(op, line, position, end, literals) else { return nil }
    return op.syntax == .once && findFirst(op, line, hit + 1, end, literals) != nil ? nil : hit
  }

  /// The first occurrence of the literal behind a slot, which is not empty.
  func findFirst(
    _ op: SlotOp, _ line: ByteView, _ position: Int, _ end: Int, _ literals: ByteView
  ) -> Int? {
    let count = Int(op.literalCount)
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
  func matchValue(
    _ op: SlotOp, _ slot: Int, _ line: ByteView, _ start: Int, _ end: Int, _ result: inout MatchResult
  ) -> Bool {
    var value = MatchedValue(slot, start, QuickValue(end: end))
    if op.alternativeCount > 0 {
      return matchAlternatives(op, value, line, &result)
    }
    let bytes = line[start, end]
    if let stored = ValueCodec.parse(bytes, as: op.column) {
      if op.syntax == .priority, stored.kind != 2 || stored.a < 0 || stored.a > 191 { return false }
      value.stored = stored
    } else if !Extent.isAllowed(bytes, op.syntax, op.column, stop: op.literalFirst) {
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
    var recent = Int(result.recentAlternative[Int(value.slot)])
    if op.isBody, !result.choice.contains(recent) { recent = result.order(0) }
    for turn in 0...count {
      var choice = recent
      if turn > 0 {
        choice = op.isBody ? result.order(turn - 1) : turn - 1
        if choice == recent { continue }
      }
      let node = Int(op.firstAlternative) + choice
      guard mayBegin(node, line, Int(value.start), Int(value.end), &result) else { continue }
      if matchNode(node, line, Int(value.start), Int(value.end), &result) >= 0 {
        result.values[place].stored.kind = UInt8(choice + 1)
        if op.isBody { result.body = Int32(choice) }
        if choice != recent, !op.isBody || result.choice.contains(choice) {
          result.recentAlternative[Int(value.slot)] = UInt8(choice)
        }
        return true
      }
      result.values.truncate(to: place + 1)
      result.isPartial = wasPartial
    }
    if op.syntax == .any { result.isPartial = true }
    return Extent.isAllowed(
      line[Int(value.start), Int(value.end)], op.syntax, op.column, stop: op.literalFirst)
  }
  /// Matches a value that may be absent, and appends it with what it consists of. Returns where it ends, or -1 when
  /// its literal does not follow.
  func matchOptional(
    _ op: SlotOp, _ slot: Int, isLast: Bool, _ line: ByteView, _ start: Int, _ end: Int,
    _ result: inout MatchResult
  ) -> Int {
    let place = result.values.count
    let count = Int(op.literalCount)
    result.values.append(MatchedValue(slot, start, QuickValue(end: start)))
    for choice in 0..<Int(op.alternativeCount) {
      let node = nodes[Int(op.firstAlternative) + choice]
      let prefix = Int(node.prefixCount)
      if !hasLiteral(line, start, end, literals.view, Int(node.prefixOffset), prefix) { continue }
      // What is the last of the line ends with it, so that its values may hold their own literal.
      let isOpen = !isLast || count > 0
      let stop = matchNode(Int(op.firstAlternative) + choice, line, start, end, isOpen: isOpen, &result)
      if stop >= 0, hasLiteral(line, stop, end, literals.view, Int(op.literalOffset), count) {
        result.values[place].end = UInt32(truncatingIfNeeded: stop)
        result.values[place].stored.kind = UInt8(choice + 1)
        return stop
      }
      result.values.truncate(to: place + 1)
    }
    return hasLiteral(line, start, end, literals.view, Int(op.literalOffset), count) ? start : -1
  }
}

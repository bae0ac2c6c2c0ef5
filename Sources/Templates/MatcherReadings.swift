import Bytes

extension Matcher {
  /// Looks for all readings of `[start, end)` as `node`, whose values may hold the literals that end them, and
  /// appends the values of the only one. False when there is none, or more than one: then the line is ambiguous.
  ///
  /// A value that may be anything is tried up to each occurrence of its literal; every other value ends in one place
  /// only. Readings are counted, not listed: for each slot the places where its value may start are kept, each with
  /// the number of ways (at most two) in which it can be reached. Past a bound of work a line counts as ambiguous.
  @inline(never) func readOnly(
    _ index: Int, _ line: ByteView, _ start: Int, _ end: Int, _ result: inout MatchResult, _ firstValue: Int
  ) -> Bool {
    let node = nodes[index]
    let wasPartial = result.isPartial
    var search = ReadingSearch(start + Int(node.prefixCount), budget: 4096 + 16 * (end - start))
    for place in 0..<Int(node.slotCount) {
      let slot = Int(node.firstSlot) + place
      let isLast = place + 1 == Int(node.slotCount)
      guard extend(&search, slot, isLast, line, end, &result) else {
        result.isAmbiguous = true
        return false
      }
      if search.frontier.isEmpty { return false }
    }
    guard let last = search.frontier.last, last.position == end else { return false }
    if last.ways > 1 {
      result.isAmbiguous = true
      return false
    }
    result.isPartial = wasPartial
    return take(search, node, line, &result, firstValue)
  }

  /// One step: from the places where the slot's value may start to those where the next one's may. False when that is
  /// too much work.
  private func extend(
    _ search: inout ReadingSearch, _ slot: Int, _ isLast: Bool, _ line: ByteView, _ end: Int,
    _ result: inout MatchResult
  ) -> Bool {
    let op = slots[slot]
    let count = Int(op.literalCount)
    let literals = literals.view
    let starts = search.frontier
    search.begin()
    if op.syntax == .any, !isLast, count > 0 {
      return extendAnywhere(&search, op, starts, line, end)
    }
    let endsAtLiteral = op.endsAtLiteral
    // The literal's first occurrence at or after the place last looked at.
    var hit = -1
    for (place, from) in starts.enumerated() {
      let before = result.values.count
      var valueEnd: Int?
      if op.syntax == .optional {
        let stop = matchOptional(op, slot, isLast: isLast, line, from.position, end, &result)
        valueEnd = stop < 0 ? nil : stop
      } else if endsAtLiteral {
        if hit < from.position {
          // Where it does not come, it does not come after the later places either.
          guard let next = findFirst(op, line, from.position, end, literals) else { return true }
          search.budget -= next - from.position
          hit = next
        }
        if matchValue(op, slot, line, from.position, hit, &result) { valueEnd = hit }
      } else if let found = findEnd(op, isLast: isLast, line, from.position, end, literals),
        matchValue(op, slot, line, from.position, found, &result)
      {
        valueEnd = found
      }
      result.values.truncate(to: before)
      search.budget -= 32 + (valueEnd ?? from.position + 256) - from.position
      if search.budget < 0 { return false }
      guard let valueEnd, !isLast || valueEnd + count == end else { continue }
      search.add(valueEnd + count, ways: from.ways, from: place)
    }
    return true
  }

  /// A value that may be anything: each occurrence of its literal may end it.
  private func extendAnywhere(
    _ search: inout ReadingSearch, _ op: SlotOp, _ starts: [ReadingSearch.Place], _ line: ByteView, _ end: Int
  ) -> Bool {
    let count = Int(op.literalCount)
    var candidate = starts[0].position
    var reached = 0
    var ways = 0
    while let hit = findFirst(op, line, candidate, end, literals.view) {
      while reached < starts.count, starts[reached].position <= hit {
        ways = min(2, ways + starts[reached].ways)
        reached += 1
      }
      search.budget -= 32 + hit - candidate
      if search.budget < 0 { return false }
      search.add(hit + count, ways: ways, from: reached - 1)
      candidate = hit + 1
    }
    return true
  }

  /// Appends the values of the one reading that was found.
  private func take(
    _ search: ReadingSearch, _ node: Node, _ line: ByteView, _ result: inout MatchResult, _ firstValue: Int
  ) -> Bool {
    result.values.truncate(to: firstValue)
    let starts = search.path()
    for place in 0..<Int(node.slotCount) {
      let slot = Int(node.firstSlot) + place
      let valueEnd = starts[place + 1] - Int(slots[slot].literalCount)
      if slots[slot].syntax == .optional {
        let isLast = place + 1 == Int(node.slotCount)
        let end = starts[Int(node.slotCount)]
        if matchOptional(slots[slot], slot, isLast: isLast, line, starts[place], end, &result) < 0 {
          return false
        }
      } else if !matchValue(slots[slot], slot, line, starts[place], valueEnd, &result) {
        return false
      }
    }
    return true
  }
}

extension Matcher.SlotOp {
  /// Whether the value ends where its literal first comes, whatever the value holds.
  fileprivate var endsAtLiteral: Bool {
    switch syntax {
    case .any, .once, .unquoted, .optional: false
    case .time, .structuredData, .blanks, .address, .list, .backslash, .cbor, .phrase, .json, .item: false
    default: literalCount > 0
    }
  }
}

/// Where the values of the slots looked at so far may end, and how one gets there.
struct ReadingSearch {
  struct Place {
    /// Where the next value starts.
    var position: Int
    /// In how many ways it is reached: 1, or 2 for more.
    var ways: Int
    /// The place in the frontier before from which it is reached, if in one way only.
    var from: Int
  }

  /// The places reached, in ascending order.
  private(set) var frontier: [Place]
  private var passed: [[Place]] = []
  /// Bytes of work that may still be done.
  var budget: Int

  init(_ start: Int, budget: Int) {
    frontier = [Place(position: start, ways: 1, from: 0)]
    self.budget = budget
  }

  mutating func begin() {
    passed.append(frontier)
    frontier.removeAll(keepingCapacity: false)
  }

  /// Adds a place; places come in ascending order but for those that values without blanks reach from several.
  mutating func add(_ position: Int, ways: Int, from: Int) {
    if let same = frontier.lastIndex(where: { $0.position <= position }) {
      if frontier[same].position == position {
        frontier[same].ways = 2
      } else {
        frontier.insert(Place(position: position, ways: ways, from: from), at: same + 1)
      }
    } else {
      frontier.insert(Place(position: position, ways: ways, from: from), at: 0)
    }
  }

  /// Where each value starts, and where the last one's literal ends, in the one way to the last place.
  func path() -> [Int] {
    var positions: [Int] = []
    var place = frontier.count - 1
    for places in (passed + [frontier]).reversed() {
      positions.append(places[place].position)
      place = places[place].from
    }
    return positions.reversed()
  }
}

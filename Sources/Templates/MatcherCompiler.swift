/// Lays templates out in the matcher's tables. The nodes of one list, and of one slot's alternatives, are
/// neighbours, so that a range names them.
struct MatcherCompiler {
  var nodes: [Matcher.Node] = []
  var firsts: [FirstBytes] = []
  var slots: [Matcher.SlotOp] = []
  var literals: [UInt8] = []
  var templates: [Template] = []
  var owners: [(node: Int, slot: Int)] = []
  /// For each list of roots, how many of its last templates are bodies.
  private(set) var bodyCounts: [Int: Int] = [:]
  private var known: [[Template]: Range<Int>] = [:]

  /// Adds a list of templates that whole lines may have; equal lists share their nodes.
  mutating func addRoots(_ list: [Template]) -> Range<Int> {
    if let range = known[list] { return range }
    let range = add(list)
    known[list] = range
    bodyCounts[range.lowerBound] = markBodies(list, range)
    return range
  }

  /// Finds the slots that hold what follows a header: those whose alternatives are the last templates of the list
  /// itself. Returns how many templates that are; where there is no header all of them.
  private mutating func markBodies(_ list: [Template], _ range: Range<Int>) -> Int {
    var count = list.count
    for (node, template) in zip(range, list) {
      for (place, slot) in template.slots.enumerated() where !slot.alternatives.isEmpty {
        guard slot.alternatives.count < list.count,
          list.suffix(slot.alternatives.count).elementsEqual(slot.alternatives)
        else { continue }
        slots[Int(nodes[node].firstSlot) + place].isBody = true
        count = slot.alternatives.count
      }
    }
    return count
  }

  /// Adds a list of templates. Those of slots are never shared: each slot's values are columns of their own.
  private mutating func add(_ list: [Template]) -> Range<Int> {
    let range = nodes.count..<nodes.count + list.count
    for template in list {
      let (offset, count) = literal(template.literals[0])
      nodes.append(
        Matcher.Node(
          prefixOffset: offset, prefixCount: count, firstSlot: 0, slotCount: Int32(template.slots.count),
          isForgeable: Self.firstForgeable(template) != nil,
          firstForgeable: Int32(Self.firstForgeable(template) ?? 0),
          isReversible: template.slots.allSatisfy { $0.syntax != .optional }))
      firsts.append(FirstBytes(of: template))
      templates.append(template)
    }
    for (node, template) in zip(range, list) {
      let firstSlot = slots.count
      nodes[node].firstSlot = Int32(firstSlot)
      for (place, slot) in template.slots.enumerated() {
        let (offset, count) = literal(template.literals[place + 1])
        owners.append((node, place))
        let literal = template.literals[place + 1]
        let (word, mask) = Self.word(literal)
        slots.append(
          Matcher.SlotOp(
            literalWord: word, literalMask: mask, literalOffset: offset, literalCount: count,
            firstAlternative: 0, alternativeCount: 0, literalFirst: literal.first ?? 0,
            literalLast: literal.last ?? 0,
            way: .of(slot, literal, isLast: place + 1 == template.slots.count),
            mayHoldLiteralBefore: Self.mayHold(slot, template.literals[place]), column: slot.column,
            syntax: slot.syntax, isBody: false))
      }
      for (place, slot) in template.slots.enumerated() where !slot.alternatives.isEmpty {
        precondition(slot.alternatives.count < 255)
        let alternatives = add(slot.alternatives)
        slots[firstSlot + place].firstAlternative = Int32(alternatives.lowerBound)
        slots[firstSlot + place].alternativeCount = Int32(alternatives.count)
      }
    }
    return range
  }

  private mutating func literal(_ bytes: [UInt8]) -> (Int32, Int32) {
    defer { literals += bytes }
    return (Int32(literals.count), Int32(bytes.count))
  }

  private static func word(_ literal: [UInt8]) -> (UInt64, mask: UInt64) {
    var word: UInt64 = 0, mask: UInt64 = 0
    for (place, byte) in literal.prefix(8).enumerated() {
      word |= UInt64(byte) << UInt64(place * 8)
      mask |= 0xFF << UInt64(place * 8)
    }
    return (word, mask)
  }

  /// Whether a value of the slot can hold `literal`, as far as its syntax tells.
  private static func mayHold(_ slot: Slot, _ literal: [UInt8]) -> Bool {
    let isNumber = { (byte: UInt8) in byte &- UInt8(ascii: "0") <= 9 || "+-.".utf8.contains(byte) }
    // Bytes of the literal may be its own: then the rest of it must stand in the value.
    guard let last = literal.last else { return true }
    return switch slot.syntax {
    case .number, .decimal, .status: isNumber(last)
    case .token: last != UInt8(ascii: " ")
    case .item: last != UInt8(ascii: ",")
    default: true
    }
  }

  /// The first slot whose value can contain the literal that ends it without the load balancer escaping it.
  private static func firstForgeable(_ template: Template) -> Int? {
    template.slots.indices.first { template.slots[$0].syntax == .any && !template.literals[$0 + 1].isEmpty }
  }
}

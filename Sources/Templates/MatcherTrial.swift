import Bytes

/// Trying each format on its own, to find out which one a source has.
extension Matcher {
  /// Number of bodies in list `list`: templates of what follows a header, or of whole lines.
  public func bodyCount(list: Int) -> Int { ranges[list].upperBound - bodyStarts[list] }

  /// The name of a body's template.
  public func bodyName(_ body: Int, list: Int) -> String { templates[bodyStarts[list] + body].name }

  /// A body's template.
  public func bodyTemplate(_ body: Int, list: Int) -> Template { templates[bodyStarts[list] + body] }

  /// Where in `line`, which `result` has just matched, the body begins: behind the header, or at 0.
  public func bodyStart(_ result: borrowing MatchResult) -> Int {
    for index in 0..<result.values.count where slots[Int(result.values[index].slot)].isBody {
      return Int(result.values[index].start)
    }
    return 0
  }

  /// Tries one body of list `list` on `text`, a line without its header. Nil when it does not fit wholly; else how
  /// much that says: the bytes of its literals, and four for each value of the type that was expected.
  public func trial(_ body: Int, _ text: ByteView, list: Int, into result: inout MatchResult) -> Int? {
    result.begin(list)
    let node = bodyStarts[list] + body
    guard tryRoot(node, node, text, &result) == .whole else { return nil }
    var points = Int(nodes[node].prefixCount)
    for index in 0..<result.values.count {
      let value = result.values[index]
      let op = slots[Int(value.slot)]
      points += Int(op.literalCount)
      if op.alternativeCount > 0 {
        if value.kind > 0 { points += Int(nodes[Int(op.firstAlternative) + Int(value.kind) - 1].prefixCount) }
      } else if op.column != .text, value.kind != StoredValue.verbatim {
        points += 4
      }
    }
    return points
  }
}

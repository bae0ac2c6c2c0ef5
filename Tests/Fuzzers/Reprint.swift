import Bytes
import Templates

/// Checks what matching gave: values in order and within the line, and the line again when printed.
struct Reprint: ~Copyable {
  private var next = 0
  private var out = ByteBuffer()

  static func check(_ line: ByteView, _ result: borrowing MatchResult, _ matcher: borrowing Matcher) {
    require(
      result.failureOffset >= 0 && result.failureOffset <= line.count, "failure at \(result.failureOffset)")
    if result.node < 0 { return require(result.values.count == 0, "values of a line that has no template") }
    var reprint = Reprint()
    reprint.node(Int(result.node), line, 0, line.count, result, matcher)
    require(reprint.next == result.values.count, "\(result.values.count - reprint.next) values too many")
    require(
      reprint.out.view == line,
      "\(matcher.templates[Int(result.node)].name) prints \(Hex.encode(reprint.out.view))")
  }

  private mutating func node(
    _ node: Int, _ line: ByteView, _ start: Int, _ end: Int, _ result: borrowing MatchResult,
    _ matcher: borrowing Matcher
  ) {
    let template = matcher.templates[node]
    out.append(template.literals[0])
    var place = start + template.literals[0].count
    for slot in template.slots.indices {
      require(next < result.values.count, "a value is missing")
      let value = result.values[next]
      next += 1
      require(
        Int(value.slot) == matcher.firstSlot(of: node) + slot && Int(value.start) == place
          && value.end >= value.start && Int(value.end) <= end,
        "slot \(slot) of \(template.name): \(value) within \(place)..<\(end)")
      let alternatives = matcher.alternatives(of: Int(value.slot))
      if !alternatives.isEmpty, value.stored.kind > 0 {
        require(Int(value.stored.kind) <= alternatives.count, "alternative \(value.stored.kind)")
        self.node(
          alternatives.lowerBound + Int(value.stored.kind) - 1, line, Int(value.start), Int(value.end),
          result,
          matcher)
      } else if value.stored.kind > 0 {
        do { try ValueCodec.print(value.stored, as: template.slots[slot].column, to: &out) } catch {
          require(false, "\(value.stored) of \(template.slots[slot].column) does not print")
        }
      } else {
        out.append(line[Int(value.start), Int(value.end)])
      }
      out.append(template.literals[slot + 1])
      place = Int(value.end) + template.literals[slot + 1].count
    }
  }
}

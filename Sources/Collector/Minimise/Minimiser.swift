import Bytes
import Cryptography
import Events
import Syslog
import Templates

/// Makes of a line what may be stored of it: the same line with other values, which is matched again. Nothing
/// of what it masks is ever handed on.
struct Minimiser: ~Copyable {
  /// By source number.
  private let plans: [MinimisePlan?]
  private var line = ByteBuffer()
  private var text = MinimisedText()

  /// Nil when no source has rules.
  init?(_ sources: SourceTable, _ matcher: borrowing Matcher) {
    guard sources.definitions.contains(where: { $0.minimise != nil }) else { return nil }
    var plans: [MinimisePlan?] = [nil]
    for definition in sources.definitions {
      // Not `map`: a borrowed matcher cannot be captured.
      if let rules = definition.minimise {
        plans.append(MinimisePlan(rules, matcher))
      } else {
        plans.append(nil)
      }
    }
    self.plans = plans
  }

  /// What is to be stored in place of `raw`, which `result` is of; `result` then is of the new line. Nil when
  /// nothing had to be masked. Valid until the next call.
  mutating func minimise(
    _ raw: ByteView, _ flags: FrameFlags, source: Int, list: Int, _ matcher: borrowing Matcher,
    _ result: inout MatchResult
  ) throws(CryptoError) -> ByteView? {
    guard let plan = plans[source] else { return nil }
    line.removeAll()
    let isMasked =
      result.node < 0
      ? try text.append(body: raw, flags, plan, to: &line)
      : try rewrite(raw, flags, plan, matcher, result)
    guard isMasked, line.view != raw else { return nil }
    matcher.match(line.view, list: list, into: &result)
    return line.view
  }

  /// Writes the line with its values replaced. The literals between them stay.
  private mutating func rewrite(
    _ raw: ByteView, _ flags: FrameFlags, _ plan: MinimisePlan, _ matcher: borrowing Matcher,
    _ result: borrowing MatchResult
  ) throws(CryptoError) -> Bool {
    text.beginLine()
    for index in 0..<result.values.count {
      let value = result.values[index]
      let rule = plan.rules[Int(value.slot)]
      if rule.action != nil, rule.content != .number {
        text.note(addressesIn: raw[Int(value.start), Int(value.end)], rule, plan)
      }
    }
    var done = 0
    var isMasked = false
    for index in 0..<result.values.count {
      let value = result.values[index]
      let start = Int(value.start), end = Int(value.end)
      // A part of what has been replaced as a whole, or nothing.
      if start < done || start == end { continue }
      let rule = plan.rules[Int(value.slot)]
      let isWhole = value.stored.kind > 0 && !matcher.alternatives(of: Int(value.slot)).isEmpty
      if isWhole, rule.wholeAction == nil { continue }
      line.append(raw[done, start])
      let bytes = raw[start, end]
      var hasPort = false
      if rule.isEndpoint, end < raw.count { hasPort = raw[end] == UInt8(ascii: ":") }
      isMasked =
        try text.append(
          bytes, rule, isWhole: isWhole, hasPort: hasPort, kind: value.stored.kind, flags, plan, to: &line)
        || isMasked
      done = end
    }
    line.append(raw.dropFirst(done))
    return isMasked
  }
}

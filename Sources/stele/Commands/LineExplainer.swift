import Bytes
import Events
import Formats
import Platform
import Templates

/// Matches lines and says what their parts are.
struct LineExplainer: ~Copyable {
  private let matcher: Matcher
  private var result: MatchResult
  private let shape: EventShape
  private let format: String
  private(set) var fitting = 0
  private(set) var failing = 0

  /// Characters of one value that are shown.
  private static let valueWidth = 60

  init(_ templates: [Template], _ format: String) {
    matcher = Matcher([SyslogHeaders.templates(around: templates)])
    result = MatchResult(for: matcher)
    shape = EventShape(matcher.templates)
    self.format = format
  }

  mutating func explain(_ line: ByteView) -> Explanation {
    matcher.match(line, list: 0, into: &result)
    var explanation = Explanation()
    explanation.byteCount = line.count
    if result.node >= 0 { addParts(line, to: &explanation) }
    if result.node < 0 || result.isPartial { explanation.failure = failure(line) }
    if explanation.fits { fitting += 1 } else { failing += 1 }
    return explanation
  }

  private func addParts(_ line: ByteView, to explanation: inout Explanation) {
    let context = EventContext(receiveTime: Clock.realtime())
    explanation.templates.append(matcher.templates[Int(result.node)].name)
    // Parts with alternatives contain the parts behind them up to their own end.
    var ends: [Int] = []
    for index in 0..<result.values.count {
      let value = result.values[index]
      let range = Int(value.start)..<Int(value.end)
      while let end = ends.last, range.lowerBound > end || range.upperBound > end { ends.removeLast() }
      let owner = matcher.slotOwners[Int(value.slot)]
      let slot = matcher.templates[owner.node].slots[owner.slot]
      let meaning = shape.meaning(owner.node, owner.slot)
      let bytes = line[range.lowerBound, range.upperBound]
      var part = Explanation.Part(
        range: range, depth: ends.count, name: meaning.field?.name ?? meaning.name,
        text: ValueText.visible(bytes, limit: Self.valueWidth), value: nil)
      if !slot.alternatives.isEmpty, value.stored.kind > 0 {
        let node = matcher.alternatives(of: Int(value.slot)).lowerBound + Int(value.stored.kind) - 1
        if let name = shape.format(node) { explanation.templates.append(name) }
        ends.append(range.upperBound)
      } else {
        part.value = ValueText.text(meaning.value(of: bytes, context))
      }
      explanation.parts.append(part)
    }
  }

  private func failure(_ line: ByteView) -> Explanation.Failure {
    let offset = min(result.failureOffset, line.count)
    let picture = Self.picture(line, offset)
    if result.isAmbiguous {
      return Explanation.Failure(
        offset: offset, picture: picture,
        text: "the line fits in more than one way, so it is kept as it is: some value in it looks like what "
          + "separates values")
    }
    return Explanation.Failure(offset: offset, picture: picture, text: "byte \(offset): \(expectation)")
  }

  /// What would have had to stand at the place of the failure.
  private var expectation: String {
    guard result.failureNode >= 0 else { return "there is no format that it could fit" }
    let template = matcher.templates[result.failureNode]
    let name = template.name
    if result.failureSlot >= template.slots.count { return "\(name) ends here, but the line goes on" }
    let slot = template.slots[result.failureSlot]
    let prefix = Self.quoted(template.literals[0])
    let meaning = SlotMeaning(slot)
    var text = "\(name) has \(meaning.field?.name ?? meaning.name) (\(slot.syntax)) here"
    if result.failureSlot == 0, !prefix.isEmpty { text = "\(name) begins with \(prefix), then " + text }
    let literal = template.literals[result.failureSlot + 1]
    text += literal.isEmpty ? ", then the line's end" : ", then \(Self.quoted(literal))"
    return text
  }

  private static func quoted(_ literal: [UInt8]) -> String {
    literal.isEmpty ? "" : "'" + literal.withView { ValueText.visible($0) } + "'"
  }

  /// The line around a place, and a caret below it.
  private static func picture(_ line: ByteView, _ offset: Int) -> String {
    let start = max(0, offset - 60)
    let end = min(line.count, offset + 40)
    let before = (start > 0 ? "…" : "") + ValueText.visible(line[start, offset])
    let after = ValueText.visible(line[offset, end]) + (end < line.count ? "…" : "")
    return "  \(before)\(after)\n  " + String(repeating: " ", count: before.count) + "^\n"
  }
}

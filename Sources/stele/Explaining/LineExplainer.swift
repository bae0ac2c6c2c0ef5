import Bytes
import Events
import Formats
import Platform
import Templates

/// Matches lines and says what their parts are, or where and why they do not fit.
struct LineExplainer: ~Copyable {
  private let matcher: Matcher
  private var result: MatchResult
  private let shape: EventShape
  private var event = Event()
  private let hasFormats: Bool
  /// The formats on their own, for lines that do not fit.
  private var bodies: BodyExplainer
  /// When and where lines are taken to have come.
  var context: EventContext

  /// Characters of one value that are shown.
  private static let valueWidth = 60
  /// Fields that say nothing about the line's own contents.
  private static let aside: Set<Field> = [
    .receiveTime, .parserFormat, .parseStatus, .parseError, .parseOffset, .time, .timeText, .message,
  ]

  /// `message` are the templates of whole messages, `format` the ones of what follows a header.
  init(_ format: [Template], message: [Template]? = nil, context: EventContext? = nil) {
    matcher = Matcher([message ?? SyslogHeaders.templates(around: format)])
    result = MatchResult(for: matcher)
    // As where lines are collected: how a line is read does not depend on those before it.
    let count = matcher.bodyCount(list: 0)
    result.prefer(0..<min(1, count), order: Array(0..<count), list: 0)
    shape = EventShape(matcher.templates)
    hasFormats = !format.isEmpty
    bodies = BodyExplainer(format)
    self.context = context ?? EventContext(receiveTime: Clock.realtime())
  }

  mutating func explain(_ line: ByteView) -> Explanation {
    matcher.match(line, list: 0, into: &result)
    event.fill(line, result, matcher, shape, context)
    var explanation = Explanation()
    explanation.byteCount = line.count
    explanation.status = status
    if result.node >= 0 { addParts(line, to: &explanation) }
    if explanation.fits {
      addDerived(to: &explanation)
    } else if result.node >= 0, explanation.status == .ambiguous {
      addDerived(to: &explanation)
      explanation.failure = captures(line, explanation)
    } else {
      bodies.explain(line, from: matcher.bodyStart(result), context, &explanation)
    }
    return explanation
  }

  /// The event of the line that was last explained.
  func withEvent<R>(_ body: (borrowing Event) -> R) -> R { body(event) }

  private var status: Explanation.Status {
    if !hasFormats { return result.node >= 0 ? .ok : .failed }
    let status = event.bytes(.parseStatus).flatMap { Explanation.Status(rawValue: $0.text) } ?? .failed
    return status == .ok && result.isPartial ? .partial : status
  }

  /// Why a line that fits is ambiguous nonetheless.
  private func captures(_ line: ByteView, _ explanation: Explanation) -> Explanation.Failure {
    let name = Field.httpCaptures.name
    let offset = explanation.parts.first { $0.name == name }?.range.lowerBound ?? 0
    return .init(
      offset: offset, picture: LinePicture(line, at: offset), format: explanation.templates.last, field: name,
      expected: "one block of captured headers, which may be the request's or the response's",
      found: "the other fields are sure; with --format @haproxy.cfg it is known which they are")
  }

  private func addParts(_ line: ByteView, to explanation: inout Explanation) {
    explanation.templates.append(matcher.templates[Int(result.node)].name)
    Self.addParts(
      line, 0, result, matcher, shape, context, Int.max, to: &explanation)
  }

  /// Adds the parts that `result` has of `line[start…]`, as far as slot `limit`.
  static func addParts(
    _ line: ByteView, _ start: Int, _ result: borrowing MatchResult, _ matcher: borrowing Matcher,
    _ shape: EventShape, _ context: EventContext, _ limit: Int, to explanation: inout Explanation
  ) {
    // Parts with alternatives contain the parts behind them up to their own end.
    var ends: [Int] = []
    for index in 0..<result.values.count {
      let value = result.values[index]
      let owner = matcher.slotOwners[Int(value.slot)]
      if owner.node == Int(result.node), owner.slot >= limit { return }
      let range = start + Int(value.start)..<start + Int(value.end)
      while let end = ends.last, range.lowerBound > end || range.upperBound > end { ends.removeLast() }
      let slot = matcher.templates[owner.node].slots[owner.slot]
      let meaning = shape.meaning(owner.node, owner.slot)
      let bytes = line[range.lowerBound, range.upperBound]
      var part = Explanation.Part(
        range: range, depth: ends.count, name: meaning.field?.name ?? meaning.name,
        text: ValueText.visible(bytes, limit: valueWidth))
      if String(validating: bytes.array, as: UTF8.self) == nil { part.base64 = Base64.encode(bytes) }
      if !slot.alternatives.isEmpty, value.stored.kind > 0 {
        let node = matcher.alternatives(of: Int(value.slot)).lowerBound + Int(value.stored.kind) - 1
        if let name = shape.format(node) { explanation.templates.append(name) }
        ends.append(range.upperBound)
      } else {
        let value = meaning.value(of: bytes, context)
        if case .null(let reason) = value {
          part.null = reason.name
        } else {
          part.value = ValueText.text(value)
        }
      }
      explanation.parts.append(part)
    }
  }

  private func addDerived(to explanation: inout Explanation) {
    let direct = Set(explanation.parts.map(\.name))
    for field in Field.allCases where !direct.contains(field.name) && !Self.aside.contains(field) {
      let value = event[field]
      if value.isNull { continue }
      let text =
        event.bytes(field).map { ValueText.visible($0, limit: Self.valueWidth) } ?? ValueText.text(value)
      explanation.derived.append((field.name, text ?? ""))
    }
  }
}

import Bytes
import Events
import Formats
import Templates

/// Says where and why what follows a header does not fit: each format is tried on its own.
struct BodyExplainer: ~Copyable {
  private let matcher: Matcher
  private var result: MatchResult
  /// The shipped formats, which are the lists from 1 on. List 0 is the format asked for.
  private let names: [String]

  init(_ format: [Template]) {
    let entries = ShippedFormats.entries
    let shipped = entries.map { entry in (try? ShippedFormats.named(entry.name)) ?? [] }
    names = entries.map(\.name)
    matcher = Matcher([format] + shipped)
    result = MatchResult(for: matcher)
  }

  /// Adds what can be said of `line` from `start` on.
  mutating func explain(
    _ line: ByteView, from start: Int, _ context: EventContext, _ explanation: inout Explanation
  ) {
    let text = line.dropFirst(start)
    for (place, name) in names.enumerated() {
      matcher.match(text, list: place + 1, into: &result)
      let fits = result.node >= 0
      explanation.advice.append(
        .init(format: name, fits: fits, offset: start + (fits ? text.count : result.failureOffset)))
    }
    explanation.advice.sort { $0.fits != $1.fits ? $0.fits : $0.offset > $1.offset }
    matcher.match(text, list: 0, into: &result)
    guard result.failureNode >= 0 else {
      explanation.failure = .init(
        offset: start, picture: LinePicture(line, at: start),
        expected: "there is no format that it could fit",
        found: "")
      return
    }
    let isOne = matcher.roots[0].allSatisfy {
      matcher.templates[$0].name == matcher.templates[result.failureNode].name
    }
    if !isOne, result.failureOffset == 0 {
      explanation.failure = .init(
        offset: start, picture: LinePicture(line, at: start),
        expected: "no format that Stele knows begins like this",
        found: "")
      return
    }
    let isAmbiguous = explanation.status == .ambiguous
    let node = isAmbiguous ? ambiguousNode(text) : result.failureNode
    let slot = isAmbiguous ? Int.max : result.failureSlot
    let offset = isAmbiguous ? 0 : min(result.failureOffset, text.count)
    let template = matcher.templates[node]
    if isAmbiguous {
      explain(ambiguity: template, line, start, context, &explanation)
    } else {
      addBeginning(template, slot, line, start, context, &explanation)
      explanation.failure = failure(template, slot, line, start + offset)
    }
  }

  // MARK: What still fits

  /// Adds the parts before slot `count` of the template, as far as the line has them.
  private func addBeginning(
    _ template: Template, _ count: Int, _ line: ByteView, _ start: Int, _ context: EventContext,
    _ explanation: inout Explanation
  ) {
    if count == 0 { return }
    let beginning = Self.beginning(template, min(count, template.slots.count))
    let matcher = Matcher([[beginning]])
    var result = MatchResult(for: matcher)
    matcher.match(line.dropFirst(start), list: 0, into: &result)
    guard result.node >= 0 else { return }
    LineExplainer.addParts(
      line, start, result, matcher, EventShape(matcher.templates), context, count, to: &explanation)
  }

  /// The first `count` slots, then anything. Where a value could forge its end, the first end is taken.
  private static func beginning(_ template: Template, _ count: Int) -> Template {
    var slots = Array(template.slots[..<count])
    for place in slots.indices where slots[place].syntax == .any && !template.literals[place + 1].isEmpty {
      slots[place].syntax = .escaped
    }
    return Template(
      name: template.name, literals: Array(template.literals[...count]) + [[]],
      slots: slots + [Slot("…", .text, syntax: .any)])
  }

  // MARK: Why it does not fit

  private func failure(_ template: Template, _ slot: Int, _ line: ByteView, _ offset: Int)
    -> Explanation.Failure
  {
    var failure = Explanation.Failure(
      offset: offset, picture: LinePicture(line, at: offset), format: template.name, expected: "", found: "")
    let rest = line.dropFirst(offset)
    guard slot < template.slots.count else {
      failure.expected = "the format ends here"
      failure.found = "the line goes on with \(Self.quoted(rest))"
      return failure
    }
    let meaning = SlotMeaning(template.slots[slot])
    let literal = template.literals[slot + 1]
    let prefix = template.literals[0]
    let name = meaning.field?.name ?? meaning.name
    let syntax = template.slots[slot].syntax
    if slot == 0, !prefix.isEmpty, !prefix.withView({ rest.count >= $0.count && rest.prefix($0.count) == $0 })
    {
      failure.expected = "it begins with \(Self.quoted(prefix)), then \(name)"
      failure.found = rest.isEmpty ? "the line is empty" : "this line begins with \(Self.quoted(rest))"
      return failure
    }
    failure.field = name
    let end: Int? = literal.isEmpty ? rest.count : literal.withView { rest.find($0) }
    failure.expected = "\(SyntaxText.name(template.slots[slot])), then "
    failure.expected += literal.isEmpty ? "the line's end" : Self.quoted(literal)
    if rest.isEmpty {
      failure.found = "the line ends here: it may have been cut"
    } else if let end {
      let value = rest.prefix(end)
      failure.found = value.isEmpty ? "nothing stands there" : "\(Self.quoted(value)) is none"
      if syntax == .time { failure.found = "\(Self.quoted(rest.prefix(min(rest.count, 30)))) is none" }
    } else {
      failure.found = "no \(Self.quoted(literal)) follows: the line may have been cut, or have another format"
    }
    return failure
  }

  private static func quoted(_ bytes: [UInt8]) -> String { bytes.withView { quoted($0) } }

  /// At most 40 bytes.
  private static func quoted(_ bytes: ByteView) -> String {
    let shown = LinePicture.columns(bytes.prefix(min(bytes.count, 40)))
    return "'\(shown)\(bytes.count > 40 ? "…" : "")'"
  }
}

// MARK: Ambiguity

extension BodyExplainer {
  /// The first node of the format that by itself makes the line ambiguous.
  private mutating func ambiguousNode(_ text: ByteView) -> Int {
    for node in matcher.roots[0] {
      let alone = Matcher([[matcher.templates[node]]])
      var trial = MatchResult(for: alone)
      alone.match(text, list: 0, into: &trial)
      if trial.node < 0, trial.isAmbiguous { return node }
    }
    return result.failureNode
  }

  /// Shows the first value that may end in two places, so that what follows fits after both.
  private func explain(
    ambiguity template: Template, _ line: ByteView, _ start: Int, _ context: EventContext,
    _ explanation: inout Explanation
  ) {
    let text = line.dropFirst(start)
    var failure = Explanation.Failure(
      offset: start, picture: LinePicture(line, at: start), format: template.name,
      expected: "the line fits in more than one way, so it is kept as it is",
      found: "nothing escapes what separates values there")
    if let found = Self.twoEnds(template, text) {
      addBeginning(template, found.slot, line, start, context, &explanation)
      let meaning = SlotMeaning(template.slots[found.slot])
      failure.field = meaning.field?.name ?? meaning.name
      failure.offset = start + found.ends.0
      failure.picture = LinePicture(line, at: failure.offset)
      failure.expected += ": the value may end here, or at byte \(start + found.ends.1)"
    }
    explanation.failure = failure
  }

  /// How many bytes are matched at most to find out where a value may end.
  private static let searchLimit = 1 << 20

  private static func twoEnds(_ template: Template, _ text: ByteView) -> (slot: Int, ends: (Int, Int))? {
    var from = 0
    var base = 0
    var budget = searchLimit
    for place in template.slots.indices
    where template.slots[place].syntax == .any && !template.literals[place + 1].isEmpty {
      guard let valueStart = start(of: place, template, from, base, text) else { return nil }
      let literal = template.literals[place + 1]
      let rest = Matcher([[part(template, place + 1)]])
      var result = MatchResult(for: rest)
      var ends: [Int] = []
      var candidate = valueStart
      while ends.count < 2, let end = literal.withView({ text.find($0, from: candidate) }) {
        // A line made of nothing but separators would take a day.
        budget -= text.count - end
        if budget < 0 { return nil }
        rest.match(text.dropFirst(end + literal.count), list: 0, into: &result)
        if result.node >= 0 || result.isAmbiguous { ends.append(end) }
        candidate = end + 1
      }
      if ends.count == 2 { return (place, (ends[0], ends[1])) }
      guard let end = ends.first else { return nil }
      (from, base) = (place + 1, end + literal.count)
    }
    return nil
  }

  /// The slots from `first` on, as a template of their own.
  private static func part(_ template: Template, _ first: Int) -> Template {
    let opening = first == 0 ? template.literals[0] : []
    return Template(
      name: template.name, literals: [opening] + Array(template.literals[(first + 1)...]),
      slots: Array(template.slots[first...]))
  }

  /// Where slot `place` begins, when slot `from` begins at `base`.
  private static func start(
    of place: Int, _ template: Template, _ from: Int, _ base: Int, _ text: ByteView
  ) -> Int? {
    let matcher = Matcher([[beginning(part(template, from), place - from)]])
    var result = MatchResult(for: matcher)
    matcher.match(text.dropFirst(base), list: 0, into: &result)
    guard result.node >= 0 else { return nil }
    return lastStart(result, matcher).map { base + $0 }
  }

  /// Where the line's last part, which may be anything, begins.
  private static func lastStart(_ result: borrowing MatchResult, _ matcher: borrowing Matcher) -> Int? {
    for index in (0..<result.values.count).reversed() {
      let value = result.values[index]
      let owner = matcher.slotOwners[Int(value.slot)]
      if owner.node == Int(result.node), owner.slot == matcher.templates[owner.node].slots.count - 1 {
        return Int(value.start)
      }
    }
    return nil
  }
}

/// What may stand in a slot, in words.
enum SyntaxText {
  static func name(_ slot: Slot) -> String {
    switch slot.syntax {
    case .any, .escaped, .unquoted, .backslash: "text"
    case .token: "a word without blanks"
    case .number: "a number"
    case .decimal: "a number with a decimal point"
    case .address: "an IP address"
    case .time: "a time such as \(example(slot.column))"
    case .status: "a status of three digits"
    case .host: "a host name"
    case .tag: "a tag without blanks, brackets and colons"
    case .structuredData: "structured data"
    case .capture: "a captured header"
    case .list: "words joined by ', ' or ' : '"
    default: "\(slot.syntax)"
    }
  }

  private static func example(_ column: ColumnType) -> String {
    switch column {
    case .clfTime: "23/Nov/2026:08:00:00 +0000"
    case .syslogTime: "Nov 23 08:00:00"
    default: "2026-11-23T08:00:00Z"
    }
  }
}

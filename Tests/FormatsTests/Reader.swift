import Bytes
import Events
import Formats
import Templates
import Testing

/// Matches lines, prints them back, and shows their fields as text.
struct Reader: ~Copyable {
  let matcher: Matcher
  let shape: EventShape
  var context = EventContext(receiveTime: 1_767_225_600_000_000_000)  // 2026-01-01T00:00:00Z

  init(_ templates: [Template]) {
    matcher = Matcher([templates])
    shape = EventShape(matcher.templates)
  }

  init(_ spec: String, captures: Captures? = nil, headers: Bool = false) throws {
    let body = try FormatSpec.parse(spec, captures: captures)
    self.init(headers ? SyslogHeaders.templates(around: body) : body)
  }

  /// The fields of `line`, and what of it is printed back.
  func read(_ line: [UInt8]) -> (fields: Fields, printed: [UInt8]) {
    var result = MatchResult(for: matcher)
    return line.withView { view in
      matcher.match(view, list: 0, into: &result)
      var event = Event()
      event.fill(view, result, matcher, shape, context)
      let json = Self.json(event)
      return (Fields(event, json: json), result.node < 0 ? [] : reprint(view, result))
    }
  }

  func read(_ line: String) -> (fields: Fields, printed: [UInt8]) { read(Array(line.utf8)) }

  /// The fields, after checking that the line prints back to itself.
  func fields(_ line: String, sourceLocation: SourceLocation = #_sourceLocation) -> Fields {
    let (fields, printed) = read(line)
    #expect(String(decoding: printed, as: UTF8.self) == line, sourceLocation: sourceLocation)
    return fields
  }

  private static func json(_ event: borrowing Event) -> String {
    var out = ByteBuffer()
    event.appendJSON(to: &out)
    return out.view.text
  }

  func reprint(_ line: ByteView, _ result: borrowing MatchResult) -> [UInt8] {
    var out = ByteBuffer()
    var next = 0
    reprint(Int(result.node), line, result, &next, &out)
    return out.view.array
  }

  private func reprint(
    _ node: Int, _ line: ByteView, _ result: borrowing MatchResult, _ next: inout Int, _ out: inout ByteBuffer
  ) {
    let template = matcher.templates[node]
    out.append(template.literals[0])
    for place in template.slots.indices {
      let value = result.values[next]
      next += 1
      let alternatives = matcher.alternatives(of: Int(value.slot))
      if !alternatives.isEmpty, value.stored.kind > 0 {
        reprint(alternatives.lowerBound + Int(value.stored.kind) - 1, line, result, &next, &out)
      } else if alternatives.isEmpty, value.stored.kind > 0 {
        do {
          try ValueCodec.print(value.stored, as: template.slots[place].column, to: &out)
        } catch {
          Issue.record("\(error)")
        }
      } else {
        out.append(line[Int(value.start), Int(value.end)])
      }
      out.append(template.literals[place + 1])
    }
  }
}

/// Values of one event, by name, as text.
struct Fields {
  private var values: [String: String] = [:]
  let json: String

  init(_ event: borrowing Event, json: String) {
    self.json = json
    for field in Field.allCases { values[field.name] = Self.text(event[field], event) }
    for extra in event.extras { values[extra.name] = Self.text(extra.value, event) }
  }

  subscript(name: String) -> String? { values[name] }
  subscript(field: Field) -> String? { values[field.name] }

  private static func text(_ value: Value, _ event: borrowing Event) -> String? {
    switch value {
    case .null where value.isMissing: nil
    case .null(let reason): reason.name
    case .integer(let number), .duration(let number), .size(let number): String(number)
    case .time(let moment): Timestamp.text(moment)
    case .address(let address): address.description
    case .flag(let flag): String(flag)
    case .text(let range): event.bytes(range).text
    }
  }
}

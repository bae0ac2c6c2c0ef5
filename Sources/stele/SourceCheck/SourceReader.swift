import Bytes
import Events
import Formats
import Templates

/// Reads lines in a format into records.
struct SourceReader: ~Copyable {
  private let matcher: Matcher
  private var result: MatchResult
  private let shape: EventShape
  private var event = Event()
  private let context: EventContext

  init(_ format: [Template], _ context: EventContext) {
    matcher = Matcher([SyslogHeaders.templates(around: format)])
    result = MatchResult(for: matcher)
    shape = EventShape(matcher.templates)
    self.context = context
  }

  /// The record of a line; nil when it does not fit the format.
  mutating func read(_ line: ByteView, _ number: Int) -> SourceRecord? {
    matcher.match(line, list: 0, into: &result)
    event.fill(line, result, matcher, shape, context)
    let status = event.bytes(.parseStatus)?.text
    guard status == "ok" || status == "partial" else { return nil }
    var record = SourceRecord(number: number, raw: line.array)
    record.fill(event)
    return record
  }
}

import Bytes
import Events
import Segments

/// How found entries are written.
public enum SearchOutput: Sendable {
  /// The message's bytes as received, and a line feed; none where the message's own end was not seen
  /// (`FrameFlags.unterminated`), so that the pieces of a long message, and a last line without line feed, come out as
  /// they came in.
  case raw
  /// One line for people.
  case table
  /// One JSON object and a line feed. `raw` adds the message's bytes to it.
  case ndjson(nullReasons: Bool, raw: Bool)
}

/// Writes found entries into a buffer.
struct HitWriter: ~Copyable {
  private let output: SearchOutput
  private var event = Event()

  init(_ output: SearchOutput) { self.output = output }

  /// Appends the entries from `start` on; stops when `out` has grown beyond `limit` bytes. Returns the first that was
  /// not written.
  mutating func append(
    _ hits: inout BlockHits, from start: Int, limit: Int, to out: inout ByteBuffer
  ) throws(DecodeError) -> Int {
    if case .raw = output { return try hits.printLines(from: start, limit: limit, to: &out) }
    var number = start
    while number < hits.count, out.count < limit {
      try append(&hits, number, to: &out)
      number += 1
    }
    return number
  }

  private mutating func append(
    _ hits: inout BlockHits, _ number: Int, to out: inout ByteBuffer
  ) throws(DecodeError) {
    switch output {
    case .raw: return
    case .table:
      try hits.fill(&event, number)
      event.appendLine(to: &out)
      out.append(UInt8(ascii: "\n"))
    case .ndjson(let nullReasons, let raw):
      try hits.fill(&event, number, raw: raw)
      event.appendJSON(to: &out, nullReasons: nullReasons)
      out.append(UInt8(ascii: "\n"))
    }
  }
}

import Bytes
import Events
import Segments

/// How found entries are written.
public enum SearchOutput: Sendable {
  /// The message's bytes as received, and a line feed; none where the message's own end was not seen
  /// (`FrameFlags.unterminated`), so that the pieces of a long message, and a last line without line feed,
  /// come out as they came in.
  case raw
  /// One line for people.
  case table
  /// One JSON object and a line feed: Stele's own fields, or what a published standard makes of them. `raw`
  /// adds the message's bytes to it.
  case json(Schema, raw: Bool)

  /// Whose names a JSON object uses.
  public enum Schema: Sendable {
    /// Stele's own, with the reasons of nulls.
    case own
    /// Elastic Common Schema.
    case ecs
    /// OpenTelemetry, OTLP/JSON.
    case otlp
    /// Open Cybersecurity Schema Framework.
    case ocsf
  }
}

/// Writes found entries into a buffer.
struct HitWriter: ~Copyable {
  private let output: SearchOutput
  private var event = Event()

  init(_ output: SearchOutput) { self.output = output }

  /// Appends the entries from `start` on; stops when `out` has grown beyond `limit` bytes. Returns the first
  /// that was not written.
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
      if event.isShownInItsOwnWords { try hits.fill(&event, number, raw: true) }
      event.appendLine(to: &out)
      out.append(UInt8(ascii: "\n"))
    case .json(let schema, let raw):
      try hits.fill(&event, number, raw: raw)
      switch schema {
      case .own: event.appendJSON(to: &out, nullReasons: true)
      case .ecs: event.appendECS(to: &out)
      case .otlp: event.appendOTLP(to: &out)
      case .ocsf: event.appendOCSF(to: &out)
      }
      out.append(UInt8(ascii: "\n"))
    }
  }
}

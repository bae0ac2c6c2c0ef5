import Events
import Segments

/// What to look for.
public struct SearchQuery: Sendable {
  /// Which entries are looked at.
  public enum Entries: Sendable {
    /// Messages as they were received.
    case received
    /// Statements of Stele itself.
    case control
    case all
  }

  public var expression: Expression
  /// Earliest event time, nanoseconds since 1970 UTC. An event that has no time of its own has its receive
  /// time.
  public var since: Int64?
  /// The event time before which events are to lie.
  public var until: Int64?
  public var entries: Entries
  public var zones: SourceZones

  public init(
    _ expression: Expression = .and([]), since: Int64? = nil, until: Int64? = nil,
    entries: Entries = .received,
    zones: SourceZones = SourceZones()
  ) {
    self.expression = expression
    self.since = since
    self.until = until
    self.entries = entries
    self.zones = zones
  }

  /// The expression and the bounds of the event time.
  var whole: Expression {
    if since == nil, until == nil { return expression }
    var test = ValueTest()
    let low = since ?? .min, end = until ?? .max
    // Nothing lies before the least moment.
    if end > low { test.numbers = [low...(until == nil ? .max : end - 1)] }
    return .and([.condition(FieldCondition(.field(.time), test)), expression])
  }

  /// Reads what `--since` and `--until` say: a time (`2026-01-31`, `2026-01-31T10:00`, RFC 3339; `zone` where
  /// it names none), `now`, or how long before `now` (`90s`, `30m`, `1h`, `2d`).
  public static func time(_ text: String, now: Int64, zone: Zone = .utc) throws(ExpressionError) -> Int64 {
    guard let time = Literal.timeOrAge(text, now: now, zone: zone) else {
      throw ExpressionError(
        .value("this is no time; write 2026-01-31, 2026-01-31T10:00:00Z, or how long ago, as 30m, 1h or 2d"),
        at: 0, in: text)
    }
    return time
  }
}

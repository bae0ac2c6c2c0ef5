import Bytes
import Templates

/// What the slots of some templates mean, worked out once for all lines that these templates fit.
///
/// Templates are numbered as *nodes*, nested ones too, by whoever holds the values: a matcher, or a block.
public struct EventShape: Sendable {
  private let meanings: [[SlotMeaning]]
  private let formats: [String?]

  /// The template of each node, in order.
  public init(_ templates: [Template]) {
    meanings = templates.map { $0.slots.map { SlotMeaning($0) } }
    formats = templates.map { Self.isFormat($0.name) ? $0.name : nil }
  }

  /// What slot `slot` of node `node` means.
  public func meaning(_ node: Int, _ slot: Int) -> SlotMeaning { meanings[node][slot] }

  /// The name of the format, when the node is one: not a syslog header, not a part of a line. Of the nodes
  /// that a line has, this is to be handed to `Event.finish`.
  public func format(_ node: Int) -> String? { formats[node] }

  /// Names of formats hold a `/` or `:`; names of parts (`request`, `endpoint`) do not.
  private static func isFormat(_ name: String) -> Bool {
    !name.hasPrefix("syslog/") && name.contains { $0 == "/" || $0 == ":" }
  }
}

extension Event {
  /// Fills the event from a line and what a matcher made of it. `shape` is of the matcher's `templates`.
  public mutating func fill(
    _ line: ByteView, _ match: borrowing MatchResult, _ matcher: borrowing Matcher, _ shape: EventShape,
    _ context: EventContext
  ) {
    removeAll()
    var format = match.node < 0 ? nil : shape.format(Int(match.node))
    for index in 0..<match.values.count {
      let value = match.values[index]
      let slot = Int(value.slot)
      let alternatives = matcher.alternatives(of: slot)
      if !alternatives.isEmpty, value.stored.kind > 0 {
        // The values of the alternative follow.
        let node = alternatives.lowerBound + Int(value.stored.kind) - 1
        format = shape.format(node) ?? format
        continue
      }
      let owner = matcher.slotOwners[slot]
      let bytes = line[Int(value.start), Int(value.end)]
      add(shape.meaning(owner.node, owner.slot), bytes, context, at: Int(value.start))
    }
    if match.node < 0 { set(.message, text: line) }
    if format == nil {
      set(.parseStatus, text: match.isAmbiguous ? "ambiguous" : "failed")
      set(.parseOffset, .integer(Int64(match.failureOffset)))
    }
    finish(format: format, context)
  }
}

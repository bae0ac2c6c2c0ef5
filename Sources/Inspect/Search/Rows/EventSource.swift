import Bytes
import Events
import Segments
import Templates

/// What of a row is to be put into an event: nothing but what one field is worked out from, or everything.
struct Projection {
  /// Whether the slot of each column is wanted; nil for all.
  var columns: [Bool]?
  /// Whether metadata and envelope are wanted.
  var needsEntry: Bool
  /// Whether the message's bytes are wanted.
  var needsRaw = false

  /// Everything but the bytes.
  static let whole = Projection(columns: nil, needsEntry: true)
}

/// Fills events from the rows of blocks.
struct EventSource: ~Copyable {
  private var scratch = ByteBuffer(capacity: 4096)
  /// How far the line that is being filled in has come, where all of it is looked at.
  private var position: Int?
  /// Where the message behind a syslog header begins, which has no format.
  private var messageOffset: Int?

  init() {}

  /// Fills `event` from `row`, entry `index` of the log. The block's templates, the wanted columns and all
  /// parents must be loaded, and the envelopes when the projection wants the entry.
  mutating func fill(
    _ event: inout Event, _ block: borrowing DecodedBlock, _ row: Int, index: UInt64,
    _ metadata: EntryMetadata,
    _ plan: StructurePlan, _ projection: Projection
  ) throws(DecodeError) {
    event.removeAll()
    let context = EventContext(receiveTime: metadata.time, zone: plan.zone(metadata.source))
    if projection.needsEntry {
      event.setEntry(
        index: index, metadata, source: plan.sourceNames[metadata.source], envelope: block.envelope(row))
    }
    if projection.needsRaw {
      scratch.removeAll()
      try block.print(row, to: &scratch)
      event.set(.raw, text: scratch.view)
      event.set(.rawLength, .size(Int64(scratch.count)))
    }
    let (node, nodeRow) = block.root(row)
    if node < 0 {
      addBare(&event, block, row, metadata)
      return event.finish(format: nil, context, isStatement: metadata.kind == .control)
    }
    position = projection.columns == nil ? 0 : nil
    messageOffset = nil
    let own = plan.shape.format(node) == nil ? nil : node
    let formatNode = try add(&event, block, node, nodeRow, plan, projection.columns, context) ?? own
    if let hash = formatNode.flatMap({ plan.formatHashes[$0] }) {
      event.set(.parserFormatHash, text: hash)
    } else {
      event.set(.parseStatus, text: "failed")
      if let messageOffset { event.set(.parseOffset, .integer(Int64(messageOffset))) }
    }
    event.finish(format: formatNode.flatMap { plan.shape.format($0) }, context)
  }

  /// Adds the slots of a node and of the alternatives that its slots have; returns the last of those that is a
  /// format.
  private mutating func add(
    _ event: inout Event, _ block: borrowing DecodedBlock, _ node: Int, _ row: Int, _ plan: StructurePlan,
    _ wanted: [Bool]?, _ context: EventContext
  ) throws(DecodeError) -> Int? {
    var format: Int?
    for (slot, place) in plan.nodes[node].enumerated() {
      if let known = position { position = known + plan.literalSizes[node][slot] }
      if place.isParent {
        let (number, position) = block.alternative(place.column, row)
        if number > 0 {
          let nested = plan.alternatives[node][slot][number - 1]
          if place.meaning.field == .message, let known = self.position { event.setBody(at: known) }
          if plan.shape.format(nested) != nil { format = nested }
          format = try add(&event, block, nested, position, plan, wanted, context) ?? format
          continue
        }
      }
      if let wanted, !wanted[place.column] { continue }
      scratch.removeAll()
      try block.print(column: place.column, row, to: &scratch)
      if place.meaning.field == .message { messageOffset = position }
      event.add(canonical: place.meaning, scratch.view, context, at: position)
      if let known = position { position = known + scratch.count }
    }
    if let known = position { position = known + plan.literalSizes[node][plan.nodes[node].count] }
    return format
  }

  /// A row without template: a message of no known format, or a statement of Stele itself.
  private func addBare(
    _ event: inout Event, _ block: borrowing DecodedBlock, _ row: Int, _ metadata: EntryMetadata
  ) {
    let raw = block.bareText(row)
    event.set(.message, text: raw)
    if metadata.kind == .control { return event.setStatement(raw) }
    let (failure, offset) = block.failure(row)
    switch failure {
    case .unparsed: break
    case .ambiguous, .failed:
      event.set(.parseStatus, text: failure == .ambiguous ? "ambiguous" : "failed")
      event.set(.parseOffset, .integer(Int64(offset)))
    }
  }
}

extension Event {
  /// Takes in the bytes of one slot, an address only where it is spelled canonically.
  mutating func add(
    canonical meaning: SlotMeaning, _ bytes: ByteView, _ context: EventContext, at offset: Int?
  ) {
    if let field = meaning.field, field.type == .address, !meaning.isEncoded,
      case .address(let address) = meaning.value(of: bytes, context),
      !AddressSpelling.isCanonical(bytes, address)
    {
      // Of two slots for one field the first with a value counts.
      if self[field].isNull { set(field, text: bytes) }
      return
    }
    add(meaning, bytes, context, at: offset)
  }
}

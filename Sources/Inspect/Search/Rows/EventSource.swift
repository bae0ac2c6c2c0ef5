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

  init() {}

  /// Fills `event` from `row`, entry `index` of the log. The block's templates, the wanted columns and all parents must
  /// be loaded, and the envelopes when the projection wants the entry.
  mutating func fill(
    _ event: inout Event, _ block: borrowing DecodedBlock, _ row: Int, index: UInt64, _ metadata: EntryMetadata,
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
      return event.finish(format: nil, context)
    }
    let format = try add(&event, block, node, nodeRow, plan, projection.columns, context) ?? plan.shape.format(node)
    if format == nil { event.set(.parseStatus, text: "failed") }
    event.finish(format: format, context)
  }

  /// Adds the slots of a node and of the alternatives that its slots have; returns the format of the last of those.
  private mutating func add(
    _ event: inout Event, _ block: borrowing DecodedBlock, _ node: Int, _ row: Int, _ plan: StructurePlan,
    _ wanted: [Bool]?, _ context: EventContext
  ) throws(DecodeError) -> String? {
    var format: String?
    for (slot, place) in plan.nodes[node].enumerated() {
      if place.isParent {
        let (number, position) = block.alternative(place.column, row)
        if number > 0 {
          let nested = plan.alternatives[node][slot][number - 1]
          format = plan.shape.format(nested) ?? format
          format = try add(&event, block, nested, position, plan, wanted, context) ?? format
          continue
        }
      }
      if let wanted, !wanted[place.column] { continue }
      scratch.removeAll()
      try block.print(column: place.column, row, to: &scratch)
      event.add(canonical: place.meaning, scratch.view, context)
    }
    return format
  }

  /// A row without template: a message of no known format, or a statement of Stele itself.
  private func addBare(
    _ event: inout Event, _ block: borrowing DecodedBlock, _ row: Int, _ metadata: EntryMetadata
  ) {
    let raw = block.bareText(row)
    event.set(.message, text: raw)
    if metadata.kind == .control {
      if let kind = ControlText.kind(raw) { event.set(.kind, text: kind) }
      return
    }
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
  mutating func add(canonical meaning: SlotMeaning, _ bytes: ByteView, _ context: EventContext) {
    if let field = meaning.field, field.type == .address,
      case .text = AddressSpelling.value(bytes, meaning, context)
    {
      // Of two slots for one field the first with a value counts.
      if self[field].isNull { set(field, text: bytes) }
      return
    }
    add(meaning, bytes, context)
  }
}

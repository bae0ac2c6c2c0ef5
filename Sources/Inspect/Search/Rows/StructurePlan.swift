import Events
import Segments
import Templates

/// One slot of a block's templates, and what it means.
struct SlotPlace {
  var node: Int
  var column: Int
  var meaning: SlotMeaning
  var type: ColumnType
  var unit: Unit
  /// It has alternatives: rows that have one of them have no value here, but in the alternative's slots.
  var isParent: Bool

  /// What one unit of a duration is; milliseconds where the slot does not say.
  var nanosecondsPerUnit: Int64 {
    switch unit {
    case .seconds: 1_000_000_000
    case .microseconds: 1_000
    case .nanoseconds: 1
    default: 1_000_000
    }
  }

  /// The kinds that the column's numbers can have (`ColumnType`).
  var numberKinds: ClosedRange<UInt8> {
    switch type {
    case .integer, .address: 2...2
    case .plusInteger, .status, .syslogTime, .hexInteger, .hexAddress: 2...3
    case .clfTime: 2...4
    case .text, .identifier: 2...5
    case .decimal: 2...11
    case .isoTime: 2...21
    }
  }
}

/// What a worker knows about blocks of one structure: worked out for the first, used for all.
final class StructurePlan {
  /// Kept, so that another structure cannot come to have its identity.
  let structure: BlockStructure
  let shape: EventShape
  /// For each node that is a format its hash, in hexadecimal.
  let formatHashes: [String?]
  /// For each node its slots.
  let nodes: [[SlotPlace]]
  /// For each node the sizes of its literals: before each slot, and behind the last.
  let literalSizes: [[Int]]
  /// For each node and slot the nodes of the slot's alternatives.
  let alternatives: [[[Int]]]
  /// For each root node, all slots below it in the order of the line.
  let roots: [(node: Int, slots: [SlotPlace])]
  /// The zone of each source.
  private let zones: [UInt32: Zone]
  private let otherZone: Zone
  /// Names of the sources, as bytes.
  let sourceNames: [UInt32: String]
  /// The zone of all sources, when they have the same.
  let commonZone: Zone?

  init(_ block: borrowing DecodedBlock, _ zones: SourceZones) {
    structure = block.structure
    var templates: [Template] = []
    for node in 0..<block.nodeCount { templates.append(block.template(node)) }
    let shape = EventShape(templates)
    self.shape = shape
    formatHashes = templates.enumerated().map { node, template in
      shape.format(node) == nil ? nil : "\(FormatHash.of(template))"
    }
    literalSizes = templates.map { $0.literals.map(\.count) }
    var nodes: [[SlotPlace]] = []
    var alternatives: [[[Int]]] = []
    for (node, template) in templates.enumerated() {
      var places: [SlotPlace] = []
      var nested: [[Int]] = []
      for slot in template.slots.indices {
        let column = block.column(node, slot)
        places.append(
          SlotPlace(
            node: node, column: column, meaning: shape.meaning(node, slot), type: template.slots[slot].column,
            unit: template.slots[slot].unit, isParent: block.hasAlternatives(column)))
        nested.append(block.alternatives(node, slot))
      }
      nodes.append(places)
      alternatives.append(nested)
    }
    self.nodes = nodes
    self.alternatives = alternatives
    roots = block.rootNodes.map { ($0, Self.slots(below: $0, nodes, alternatives)) }
    var zonesByNumber: [UInt32: Zone] = [:]
    var names: [UInt32: String] = [:]
    for source in block.sourceNames {
      zonesByNumber[source.number] = zones[source.name]
      names[source.number] = source.name
    }
    self.zones = zonesByNumber
    sourceNames = names
    otherZone = zones.other
    let first = zonesByNumber.first?.value ?? zones.other
    commonZone = zonesByNumber.values.allSatisfy { $0 == first } ? first : nil
  }

  private static func slots(below node: Int, _ nodes: [[SlotPlace]], _ alternatives: [[[Int]]]) -> [SlotPlace]
  {
    var slots: [SlotPlace] = []
    for (slot, place) in nodes[node].enumerated() {
      slots.append(place)
      for nested in alternatives[node][slot] { slots += Self.slots(below: nested, nodes, alternatives) }
    }
    return slots
  }

  func zone(_ source: UInt32) -> Zone { zones[source] ?? otherZone }
}

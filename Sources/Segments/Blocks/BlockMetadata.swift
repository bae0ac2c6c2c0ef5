import Bytes
import Templates

/// A source's number and name, repeated in every block so that each can be read by itself.
public struct SourceName: Hashable, Sendable {
  public var number: UInt32
  public var name: String

  public init(_ number: UInt32, _ name: String) {
    self.number = number
    self.name = name
  }
}

/// Which templates a block holds, and in which order its columns stand.
///
///     metadata      varint(s) s × (varint number, name) varint(t) t × template structure
///     structure     varint(k) k × (varint template, structure of its slots)      the block's own templates
///     of its slots  for each slot with alternatives: structure
struct BlockLayout: ~Copyable {
  /// Times, sources, envelopes, flags, templates, unparsed lines.
  static let fixedColumns = 6

  /// Slot numbers in the order of their columns.
  private(set) var slots: [Int] = []
  /// For slots with alternatives: the number under which each alternative is stored, from 1.
  private(set) var renumber: [Int: [UInt8]] = [:]
  /// The number under which a root node is stored, from 1; by node.
  private(set) var rootNumber: [Int]
  private var templateNumber: [Int: Int] = [:]
  private var templates: [Template] = []
  private var structure = ByteBuffer()

  init(_ matcher: borrowing Matcher, rows: borrowing HeapArray<Int32>) {
    rootNumber = [Int](repeating: 0, count: matcher.nodeCount)
    var used: [Int] = []
    for root in Set(matcher.roots).sorted(by: { $0.lowerBound < $1.lowerBound }) {
      for node in root where rows[node] > 0 { used.append(node) }
    }
    structure.append(varint: UInt64(used.count))
    for (index, node) in used.enumerated() {
      rootNumber[node] = index + 1
      addNode(node, matcher, rows)
    }
  }

  private mutating func addNode(_ node: Int, _ matcher: borrowing Matcher, _ rows: borrowing HeapArray<Int32>)
  {
    if templateNumber[node] == nil {
      templateNumber[node] = templates.count
      templates.append(matcher.templates[node])
    }
    structure.append(varint: UInt64(templateNumber[node] ?? 0))
    let first = matcher.firstSlot(of: node)
    for slot in first..<first + matcher.templates[node].slots.count {
      slots.append(slot)
      let alternatives = matcher.alternatives(of: slot)
      if alternatives.isEmpty { continue }
      let used = alternatives.filter { rows[$0] > 0 }
      var numbers = [UInt8](repeating: 0, count: alternatives.count + 1)
      for (index, alternative) in used.enumerated() {
        numbers[alternative - alternatives.lowerBound + 1] = UInt8(index + 1)
      }
      renumber[slot] = numbers
      structure.append(varint: UInt64(used.count))
      for alternative in used { addNode(alternative, matcher, rows) }
    }
  }

  func encodeMetadata(_ sources: [SourceName], to out: inout ByteBuffer) {
    out.append(varint: UInt64(sources.count))
    for source in sources {
      out.append(varint: UInt64(source.number))
      TemplateCoding.append(source.name, to: &out)
    }
    out.append(varint: UInt64(templates.count))
    for template in templates { TemplateCoding.encode(template, to: &out) }
    out.append(structure.view)
  }
}

/// The layout read back.
struct DecodedLayout {
  struct Node {
    var template: Int
    /// The column of each slot.
    var columns: [Int] = []
    /// For each slot, the nodes of its alternatives.
    var alternatives: [[Int]] = []
    /// The column and alternative number that this node's rows come from; column -1 is the block itself.
    var parentColumn: Int
    var number: Int
  }

  var sources: [SourceName] = []
  var templates: [Template] = []
  var hasAlternatives: [[Bool]] = []
  var nodes: [Node] = []
  var roots: [Int] = []
  /// The node and slot of each column behind the fixed ones.
  var slots: [(node: Int, slot: Int)] = []

  init(_ metadata: ByteView) throws(DecodeError) {
    var reader = ByteReader(metadata)
    for _ in 0..<(try reader.count(limit: 65_536)) {
      let number = try reader.count(limit: Int(UInt32.max))
      sources.append(SourceName(UInt32(number), try TemplateCoding.text(&reader)))
    }
    for _ in 0..<(try reader.count(limit: 4096)) {
      let (template, flags) = try TemplateCoding.decode(from: &reader)
      templates.append(template)
      hasAlternatives.append(flags)
    }
    roots = try readNodes(&reader, parentColumn: -1, depth: 0)
    try reader.expectEnd()
  }

  /// Empty columns for all slots.
  func makeColumns() -> HeapArray<DecodedColumn> {
    HeapArray(count: slots.count) { index in
      let (node, place) = slots[index]
      let template = nodes[node].template
      return DecodedColumn(
        type: templates[template].slots[place].column, hasAlternatives: hasAlternatives[template][place])
    }
  }

  private mutating func readNodes(
    _ reader: inout ByteReader, parentColumn: Int, depth: Int
  ) throws(DecodeError) -> [Int] {
    guard depth < Limits.depth else { throw reader.error() }
    var added: [Int] = []
    let count = try reader.count(limit: Limits.alternatives)
    while added.count < count {
      guard !templates.isEmpty, nodes.count < Limits.columns else { throw reader.error() }
      let template = try reader.count(limit: templates.count - 1)
      let node = nodes.count
      nodes.append(Node(template: template, parentColumn: parentColumn, number: added.count + 1))
      added.append(node)
      for (place, isParent) in hasAlternatives[template].enumerated() {
        let column = BlockLayout.fixedColumns + slots.count
        guard column < Limits.columns else { throw reader.error() }
        slots.append((node, place))
        nodes[node].columns.append(column)
        let alternatives = isParent ? try readNodes(&reader, parentColumn: column, depth: depth + 1) : []
        nodes[node].alternatives.append(alternatives)
      }
    }
    return added
  }
}

import Bytes
import Templates

/// Which templates, sources and columns a block has: all that it says about itself before its columns.
///
/// Neighbouring blocks mostly say the same, byte for byte; they then share one structure, and what was worked
/// out for it once holds for all of them.
public final class BlockStructure: Sendable {
  let layout: DecodedLayout
  let printer: PrintProgram
  /// The node of each root number, from 1.
  private let rootNodes: HeapArray<Int32>
  /// As it stands in the payload.
  private let stored: [UInt8]

  /// Reads the structure that `reader` stands before.
  fileprivate init(from reader: inout ByteReader) throws(DecodeError) {
    let start = reader.offset
    var metadata = ByteBuffer()
    try ByteUnpacker.decode(from: &reader, limit: Limits.metadataBytes, to: &metadata)
    let layout = try DecodedLayout(metadata.view)
    self.layout = layout
    printer = PrintProgram(layout)
    rootNodes = HeapArray(count: layout.roots.count + 1) { $0 == 0 ? -1 : Int32(layout.roots[$0 - 1]) }
    stored = reader.view[start, reader.offset].array
  }

  /// The node that is stored as root `number`; -1 for 0, no template.
  func rootNode(_ number: Int) -> Int { Int(rootNodes[number]) }

  /// Whether `reader` stands before this very structure; it then stands behind it.
  fileprivate func isNext(in reader: inout ByteReader) -> Bool {
    guard reader.remaining >= stored.count, stored.withView({ reader.view.matches($0, at: reader.offset) })
    else { return false }
    return (try? reader.bytes(stored.count)) != nil
  }
}

/// The templates of a block, laid out for printing: for each node a run of literals and slots.
struct PrintProgram: ~Copyable, Sendable {
  struct Slot {
    /// Index of the column behind the fixed ones; -1 behind the last literal.
    var column: Int32
    var firstAlternative: Int32
    var literalStart: Int32
    var literalEnd: Int32
    var isEnd: Bool { column < 0 }
  }

  private var literals = ByteBuffer()
  private var slots = ValueList<Slot>()
  private var first = ValueList<Int32>()
  private var alternatives = ValueList<Int32>()

  init(_ layout: DecodedLayout) {
    for node in layout.nodes {
      first.append(Int32(slots.count))
      let texts = layout.templates[node.template].literals
      for (place, text) in texts.enumerated() {
        let start = literals.count
        literals.append(text)
        let isEnd = place == texts.count - 1
        let nested = isEnd ? [] : node.alternatives[place]
        let isParent = isEnd ? false : layout.hasAlternatives[node.template][place]
        slots.append(
          Slot(
            column: isEnd ? -1 : Int32(node.columns[place] - BlockLayout.fixedColumns),
            firstAlternative: isParent ? Int32(alternatives.count) : -1, literalStart: Int32(start),
            literalEnd: Int32(literals.count)))
        for alternative in nested { alternatives.append(Int32(alternative)) }
      }
    }
  }

  /// Number of steps, the literals at the ends included.
  var stepCount: Int { slots.count }
  func firstStep(of node: Int) -> Int { Int(first[node]) }
  func alternative(_ index: Int) -> Int { Int(alternatives[index]) }
  @inline(__always) func step(_ index: Int) -> (ByteView, Slot) {
    let slot = slots[index]
    return (literals.view[Int(slot.literalStart), Int(slot.literalEnd)], slot)
  }
}

/// Where the parts of a payload are.
struct BlockDirectory {
  var payload: ByteView
  var count: Int
  var rawByteCount: Int
  var structure: BlockStructure
  var columns: [Range<Int>] = []
  var filters: [Range<Int>] = []

  init(
    _ payload: ByteView, count: Int, rawByteCount: Int, known: [BlockStructure]
  ) throws(DecodeError) {
    guard count > 0, count <= Limits.blockEntries, rawByteCount >= 0,
      rawByteCount <= Limits.blockRawBytesAtMost
    else { throw DecodeError(.invalid, at: 0) }
    self.payload = payload
    self.count = count
    self.rawByteCount = rawByteCount
    var reader = ByteReader(payload)
    structure = try Self.structure(&reader, known)
    let columnCount = try reader.count(limit: Limits.columns)
    guard columnCount == structure.layout.slots.count + BlockLayout.fixedColumns else { throw reader.error() }
    var sizes: [(column: Int, filter: Int)] = []
    sizes.reserveCapacity(columnCount)
    for _ in 0..<columnCount {
      sizes.append((try reader.count(limit: payload.count), try reader.count(limit: payload.count)))
    }
    var offset = reader.offset
    columns.reserveCapacity(columnCount)
    filters.reserveCapacity(columnCount)
    for size in sizes {
      columns.append(offset..<offset + size.column)
      offset += size.column
    }
    for size in sizes {
      filters.append(offset..<offset + size.filter)
      offset += size.filter
    }
    guard offset == payload.count else { throw reader.error() }
  }

  private static func structure(
    _ reader: inout ByteReader, _ known: [BlockStructure]
  ) throws(DecodeError) -> BlockStructure {
    for structure in known.reversed() where structure.isNext(in: &reader) { return structure }
    return try BlockStructure(from: &reader)
  }
}

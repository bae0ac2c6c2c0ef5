import Bytes
import Events
import Segments

/// Searches blocks, one after the other. One for each thread: it remembers what it learnt about the
/// templates.
public final class BlockSearch {
  private let evaluator: BlockEvaluator
  private let entries: SearchQuery.Entries

  public init(_ query: SearchQuery) {
    evaluator = BlockEvaluator(query.whole, zones: query.zones)
    entries = query.entries
  }

  /// The entries of the block that the query finds; nil when there are none. The block is decoded no further
  /// than that takes.
  public func hits(in header: SearchBlock) throws(DecodeError) -> BlockHits? {
    var block = try DecodedBlock(
      header.payload, count: header.count, rawByteCount: header.rawByteCount, known: evaluator.known)
    var rows = BitSet(count: block.count)
    switch entries {
    case .all: rows.insertAll()
    case .received: try block.mark(kind: .received, into: &rows)
    case .control: try block.mark(kind: .control, into: &rows)
    }
    if rows.isEmpty { return nil }
    rows = try evaluator.matches(&block, header, among: rows)
    if rows.isEmpty { return nil }
    return BlockHits(block, rows.members, firstIndex: header.firstIndex, plan: evaluator.plan(block))
  }
}

/// The entries that were found in one block, in order. `load` before reading them.
public struct BlockHits: ~Copyable {
  /// Rows in the block.
  private var rows: [UInt32]
  private var block: DecodedBlock
  /// Once loaded: the block holds the found entries and no others.
  private var isPicked = false
  private let firstIndex: UInt64
  private let plan: StructurePlan
  private var source = EventSource()
  private var printer = RowPrinter()

  init(_ block: consuming DecodedBlock, _ rows: [UInt32], firstIndex: UInt64, plan: StructurePlan) {
    self.block = block
    self.rows = rows
    self.firstIndex = firstIndex
    self.plan = plan
  }

  public var count: Int { rows.count }

  /// Keeps the first `count`. Not after `load`.
  public mutating func keepFirst(_ count: Int) {
    if count < rows.count { rows.removeLast(rows.count - count) }
  }

  /// Keeps the last `count`. Not after `load`.
  public mutating func keepLast(_ count: Int) {
    if count < rows.count { rows.removeFirst(rows.count - count) }
  }

  /// Decodes what the found entries need: they alone when they are few, else the whole block.
  public mutating func load() throws(DecodeError) {
    if rows.count < block.count / BlockEvaluator.pickingShare {
      block = try block.picking(rows)
      isPicked = true
    } else {
      try block.loadAll()
    }
  }

  private func row(_ number: Int) -> Int { isPicked ? number : Int(rows[number]) }

  /// The entry's index in the log.
  public func index(_ number: Int) -> UInt64 { firstIndex + UInt64(rows[number]) }

  public func metadata(_ number: Int) -> EntryMetadata { block.metadata(row(number)) }

  /// What the transport knew of the entry.
  public func envelope(_ number: Int) -> ByteView { block.envelope(row(number)) }

  /// Appends messages as they were received, from the `start`-th on, a line feed behind each whose end was
  /// seen; stops when `out` has more than `limit` bytes. Returns the first that was not appended.
  mutating func printLines(from start: Int, limit: Int, to out: inout ByteBuffer) throws(DecodeError) -> Int {
    var number = start
    while number < count, out.count < limit {
      // Neighbours are printed together, what lies between them too if it is little.
      let first = row(number)
      var end = number + 1
      while end < count, row(end) - first < RowPrinter.rowLimit { end += 1 }
      let last = row(end - 1)
      if (end - number) * 4 < last - first + 1 {
        try block.print(first, to: &out)
        appendEnd(first, to: &out)
        number += 1
        continue
      }
      try printer.print(first..<last + 1, of: block)
      for place in number..<end {
        let row = row(place)
        out.append(printer.row(row - first))
        appendEnd(row, to: &out)
      }
      number = end
    }
    return number
  }

  private func appendEnd(_ row: Int, to out: inout ByteBuffer) {
    if block.flags(row) & Self.unterminated == 0 { out.append(UInt8(ascii: "\n")) }
  }

  /// Bit 5 of the flags: the message's end was not seen here.
  private static let unterminated: UInt16 = 0x20

  /// Appends the message as it was received.
  public func print(_ number: Int, to out: inout ByteBuffer) throws(DecodeError) {
    try block.print(row(number), to: &out)
  }

  /// Fills `event` from the entry; with `raw`, the message's bytes too.
  public mutating func fill(_ event: inout Event, _ number: Int, raw: Bool = false) throws(DecodeError) {
    let row = row(number)
    var projection = Projection.whole
    projection.needsRaw = raw
    try source.fill(&event, block, row, index: index(number), block.metadata(row), plan, projection)
  }
}

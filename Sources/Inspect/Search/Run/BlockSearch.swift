import Bytes
import Events
import Segments

/// Searches blocks, one after the other. One for each thread: it remembers what it learnt about the
/// templates.
public final class BlockSearch {
  private let evaluator: BlockEvaluator
  private let entries: SearchQuery.Entries
  private var cipher: BlockCipher?
  private let times: Range<Int64>
  /// Messages of the last block that were received in the query's time and erased since: whether they would
  /// have been found, nobody knows.
  public private(set) var erased = 0

  public init(_ query: SearchQuery) {
    evaluator = BlockEvaluator(query.whole, zones: query.zones)
    entries = query.entries
    let since = query.since ?? .min
    times = since..<max(since, query.until ?? .max)
  }

  /// The entries of the block that the query finds; nil when there are none. The block is decoded no further
  /// than that takes.
  public func hits(in header: SearchBlock) throws(DecodeError) -> BlockHits? {
    let plain = try decrypt(header)
    var block = try DecodedBlock(
      header.encryption == nil ? header.payload : plain.view, count: header.count,
      rawByteCount: header.rawByteCount, known: evaluator.known)
    var rows = BitSet(count: block.count)
    switch entries {
    case .all: rows.insertAll()
    case .received: try block.mark(kind: .received, into: &rows)
    case .control: try block.mark(kind: .control, into: &rows)
    }
    for row in 0..<min(header.skipped, block.count) { rows.remove(row) }
    try leaveOut(header.erased, of: &block, from: &rows)
    if rows.isEmpty { return nil }
    rows = try evaluator.matches(&block, header, among: rows)
    if rows.isEmpty { return nil }
    let plan = evaluator.plan(block)
    return BlockHits(block, plain, rows.members, firstIndex: header.firstIndex, plan: plan)
  }

  /// The payload of an encrypted block; nothing of one that is stored in the clear.
  private func decrypt(_ block: SearchBlock) throws(DecodeError) -> ByteBuffer {
    var plain = ByteBuffer()
    guard let encryption = block.encryption else { return plain }
    let contents = BlockContents(
      count: block.count, rawByteCount: block.rawByteCount, firstTime: block.firstTime,
      lastTime: block.lastTime)
    if cipher == nil { cipher = try? BlockCipher() }
    let isOpen = try? cipher?.open(
      block.payload, segment: encryption.segment, firstIndex: block.firstIndex, contents, encryption.key,
      to: &plain)
    guard isOpen == true else { throw DecodeError(.invalid, at: 0) }
    return plain
  }

  private func leaveOut(
    _ gone: [UInt32], of block: inout DecodedBlock, from rows: inout BitSet
  ) throws(DecodeError) {
    erased = 0
    if gone.isEmpty { return }
    try block.loadTimes()
    for row in gone where rows.contains(Int(row)) {
      rows.remove(Int(row))
      if times.contains(block.time(Int(row))) { erased += 1 }
    }
  }
}

/// The entries that were found in one block, in order. `load` before reading them.
public struct BlockHits: ~Copyable {
  /// Rows in the block.
  private var rows: [UInt32]
  private var block: DecodedBlock
  /// What `block` is a view of, where it was decrypted.
  private let plain: ByteBuffer
  /// Once loaded: the block holds the found entries and no others.
  private var isPicked = false
  private let firstIndex: UInt64
  private let plan: StructurePlan
  private var source = EventSource()
  private var printer = RowPrinter()

  init(
    _ block: consuming DecodedBlock, _ plain: consuming ByteBuffer, _ rows: [UInt32], firstIndex: UInt64,
    plan: StructurePlan
  ) {
    self.block = block
    self.plain = plain
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

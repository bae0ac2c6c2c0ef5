import Bytes
import Templates

/// What is stored of an entry beside its bytes.
public struct EntryMetadata: Equatable, Sendable {
  /// Receive time in nanoseconds since 1970-01-01T00:00:00Z.
  public var time: Int64
  /// The source's number; 0 is Stele itself.
  public var source: UInt32
  public var flags: UInt16
  public var kind: EntryKind

  public init(time: Int64, source: UInt32, flags: UInt16, kind: EntryKind) {
    self.time = time
    self.source = source
    self.flags = flags
    self.kind = kind
  }
}

/// Why a line is stored as bytes and not as the slots of a template.
public enum ParseFailure: UInt8, Sendable {
  /// No template was tried, or the block has no room for the columns of another.
  case unparsed = 0
  /// More than one reading is possible, because a value holds what should end it.
  case ambiguous = 1
  /// No template fits; the offset says how far the best one came.
  case failed = 2
}

/// Collects the entries of one block as columns, and writes them.
///
///     payload   bytes(metadata) varint(c) c × (varint column size, varint filter size) columns filters
///
/// Columns: receive times, sources, envelopes, flags and kinds, templates, unparsed lines, then those of each
/// template's slots, a slot before the slots of its alternatives (BlockMetadata.swift).
public struct BlockBuilder: ~Copyable, Sendable {
  private var columns: HeapArray<SlotColumn>
  /// For a slot with alternatives, the node of the first; else -1.
  private let firstAlternative: HeapArray<Int32>
  /// Rows of each node in this block.
  private var nodeRows: HeapArray<Int32>
  private var room: BlockRoom
  private var times = ValueList<Int64>()
  private var sources = ValueList<Int64>()
  private var envelopes = TextColumn()
  private var flags = ValueList<Int64>()
  private var roots = ValueList<Int64>()
  private var unparsed = TextColumn()
  private var failures = ValueList<Int64>()
  private var scratch = ColumnScratch()
  private var body = ByteBuffer()
  private var filters = ByteBuffer()
  private var directory = ByteBuffer()
  private var metadata = ByteBuffer()
  /// Bytes of all messages so far.
  public private(set) var rawByteCount = 0

  public init(for matcher: borrowing Matcher) {
    let templates = matcher.templates, owners = matcher.slotOwners
    columns = HeapArray(count: matcher.slotCount) { index in
      let slot = templates[owners[index].node].slots[owners[index].slot]
      return SlotColumn(type: slot.column, hasAlternatives: !slot.alternatives.isEmpty)
    }
    var first = [Int32](repeating: -1, count: matcher.slotCount)
    for slot in 0..<matcher.slotCount {
      let alternatives = matcher.alternatives(of: slot)
      if !alternatives.isEmpty { first[slot] = Int32(alternatives.lowerBound) }
    }
    firstAlternative = HeapArray(count: first.count) { first[$0] }
    nodeRows = HeapArray(count: matcher.nodeCount) { _ in 0 }
    room = BlockRoom(matcher)
  }

  public var count: Int { times.count }

  /// Appends an entry. `result` is what matching `raw` gave; `envelope` what the transport knew of it, and
  /// `hasSameEnvelope` that it is the one of the entry before.
  public mutating func append(
    _ raw: ByteView, _ result: borrowing MatchResult, _ entry: EntryMetadata, envelope: ByteView,
    hasSameEnvelope: Bool
  ) {
    appendCommon(raw, entry, envelope, hasSameEnvelope)
    let node = Int(result.node)
    if node < 0 {
      let failure: ParseFailure =
        result.isAmbiguous ? .ambiguous : result.failureNode < 0 ? .unparsed : .failed
      return appendUnparsed(raw, failure, result.failureOffset)
    }
    if room.isScarce, !hasRoom(for: result) { return appendUnparsed(raw, .unparsed, 0) }
    roots.append(Int64(node))
    use(node)
    for index in 0..<result.values.count {
      let value = result.values[index]
      let slot = Int(value.slot)
      columns[slot].append(value.stored, raw[Int(value.start), Int(value.end)])
      if value.stored.kind > 0, firstAlternative[slot] >= 0 {
        use(Int(firstAlternative[slot]) &+ Int(value.stored.kind) &- 1)
      }
    }
  }

  @inline(__always) private mutating func use(_ node: Int) {
    if nodeRows[node] == 0 { room.take(node) }
    nodeRows[node] &+= 1
  }

  /// Whether the templates of a line that are not in the block yet fit into it.
  private func hasRoom(for result: borrowing MatchResult) -> Bool {
    let root = Int(result.node)
    var needed = BlockRoom.Need()
    if nodeRows[root] == 0 { needed.add(room.need(of: root)) }
    for index in 0..<result.values.count {
      let value = result.values[index]
      let first = Int(firstAlternative[Int(value.slot)])
      if value.stored.kind == 0 || first < 0 { continue }
      let node = first + Int(value.stored.kind) - 1
      if nodeRows[node] == 0 { needed.add(room.need(of: node)) }
    }
    return room.has(needed)
  }

  /// Appends an entry that is kept as bytes, and why.
  public mutating func append(
    unparsed raw: ByteView, _ entry: EntryMetadata, envelope: ByteView, failure: ParseFailure = .unparsed,
    offset: Int = 0
  ) {
    appendCommon(raw, entry, envelope, false)
    appendUnparsed(raw, failure, offset)
  }

  private mutating func appendUnparsed(_ raw: ByteView, _ failure: ParseFailure, _ offset: Int) {
    roots.append(-1)
    unparsed.append(raw)
    failures.append(Int64(offset) &<< 2 | Int64(failure.rawValue))
  }

  private mutating func appendCommon(
    _ raw: ByteView, _ entry: EntryMetadata, _ envelope: ByteView, _ hasSameEnvelope: Bool
  ) {
    times.append(entry.time)
    sources.append(Int64(entry.source))
    flags.append(Int64(entry.flags) | Int64(entry.kind.rawValue) &<< 16)
    if hasSameEnvelope, envelopes.rowCount > 0 {
      envelopes.appendRepeated()
    } else {
      envelopes.append(envelope)
    }
    rawByteCount &+= raw.count
  }

  /// Appends the block's payload to `out` and empties the builder. `sourceNames` are the sources that may
  /// occur.
  public mutating func finish(
    _ matcher: borrowing Matcher, sourceNames: [SourceName], to out: inout ByteBuffer
  ) -> BlockContents {
    let contents = contents()
    let layout = BlockLayout(matcher, rows: nodeRows)
    metadata.removeAll()
    layout.encodeMetadata(sourceNames, to: &metadata)
    encodeFixedColumns(layout)
    for slot in layout.slots {
      let start = body.count, filterStart = filters.count
      let column = unsafe columns.address(of: slot)
      unsafe column.pointee.encode(
        to: &body, renumber: layout.renumber[slot] ?? [], filters: &filters, &scratch)
      endColumn(start, filterStart)
      unsafe column.pointee.removeAll()
    }
    scratch.packer.encode(metadata.view, to: &out)
    out.append(varint: UInt64(layout.slots.count + BlockLayout.fixedColumns))
    out.append(directory.view)
    out.append(body.view)
    out.append(filters.view)
    for node in 0..<nodeRows.count { nodeRows[node] = 0 }
    room.reset()
    removeAll()
    return contents
  }

  private func contents() -> BlockContents {
    var first = Int64.max, last = Int64.min
    for row in 0..<times.count {
      first = min(first, times[row])
      last = max(last, times[row])
    }
    return BlockContents(
      count: times.count, rawByteCount: rawByteCount, firstTime: times.count == 0 ? 0 : first,
      lastTime: times.count == 0 ? 0 : last)
  }

  private mutating func encodeFixedColumns(_ layout: borrowing BlockLayout) {
    var start = body.count
    IntegerEncoder.encode(times, to: &body, &scratch.integers)
    endColumn(start, 0)
    start = body.count
    IntegerEncoder.encode(sources, to: &body, &scratch.integers)
    endColumn(start, 0)
    start = body.count
    envelopes.encode(to: &body, &scratch)
    endColumn(start, 0)
    start = body.count
    IntegerEncoder.encode(flags, to: &body, &scratch.integers)
    endColumn(start, 0)
    start = body.count
    for row in 0..<roots.count { roots[row] = roots[row] < 0 ? 0 : Int64(layout.rootNumber[Int(roots[row])]) }
    IntegerEncoder.encode(roots, to: &body, &scratch.integers)
    endColumn(start, 0)
    start = body.count
    IntegerEncoder.encode(failures, to: &body, &scratch.integers)
    unparsed.encode(to: &body, &scratch)
    endColumn(start, 0)
  }

  private mutating func endColumn(_ start: Int, _ filterStart: Int) {
    directory.append(varint: UInt64(body.count - start))
    directory.append(varint: UInt64(filters.count - filterStart))
  }

  private mutating func removeAll() {
    times.removeAll()
    sources.removeAll()
    envelopes.removeAll()
    flags.removeAll()
    roots.removeAll()
    unparsed.removeAll()
    failures.removeAll()
    body.removeAll()
    filters.removeAll()
    directory.removeAll()
    rawByteCount = 0
  }
}

/// Totals of a finished block, for its header.
public struct BlockContents: Equatable, Sendable {
  public var count: Int
  public var rawByteCount: Int
  /// Earliest and latest receive time, nanoseconds since 1970 UTC.
  public var firstTime: Int64
  public var lastTime: Int64

  public init(count: Int, rawByteCount: Int, firstTime: Int64, lastTime: Int64) {
    self.count = count
    self.rawByteCount = rawByteCount
    self.firstTime = firstTime
    self.lastTime = lastTime
  }
}

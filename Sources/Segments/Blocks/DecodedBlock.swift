import Bytes
import Templates

/// One block read back. Columns are decoded when they are first asked for, so a search pays for what it
/// names.
///
/// Nothing here believes the bytes: counts are bounded before memory is taken for them, and a payload that
/// does not decode throws. Whether it *is* what was written is a matter of hashes, and not checked here.
public struct DecodedBlock: ~Copyable, Sendable {
  /// Number of entries.
  public let count: Int
  /// Which templates and columns the block has.
  public let structure: BlockStructure
  private let payload: ByteView
  /// Bytes of all entries, as the block's header says.
  public let rawByteCount: Int
  /// Bytes of text, and rows of all columns together, that may still be decoded. Whatever the columns claim,
  /// they are parts of no more raw bytes than the block has.
  private(set) var textLimit: Int
  private var rowLimit: Int
  var columns: HeapArray<DecodedColumn>
  var isLoaded: [Bool]
  private let columnRanges: [Range<Int>]
  private let filterRanges: [Range<Int>]
  var times = ValueList<Int64>()
  var sources = ValueList<Int64>()
  var flags = ValueList<Int64>()
  var envelopes = DecodedText()
  var roots: DecodedColumn
  var failures = ValueList<Int64>()

  var layout: DecodedLayout { structure.layout }

  /// Opens the payload of a block of `count` entries with `rawByteCount` bytes. `payload` must outlive the
  /// block.
  ///
  /// - Parameter known: structures of other blocks, the likeliest last. Neighbouring blocks mostly have the same,
  ///   which is then shared and need not be read again.
  public init(
    _ payload: ByteView, count: Int, rawByteCount: Int, known: [BlockStructure] = []
  ) throws(DecodeError) {
    self.init(try BlockDirectory(payload, count: count, rawByteCount: rawByteCount, known: known))
  }

  private init(_ directory: BlockDirectory) {
    count = directory.count
    payload = directory.payload
    rawByteCount = directory.rawByteCount
    // A shape may need two bytes where the text has one.
    textLimit = directory.rawByteCount * 2 + 64
    // A value without bytes is followed by a literal, or is the last; so a line has at most one more value
    // than bytes for each template within another.
    rowLimit = (directory.rawByteCount + directory.count) * Limits.depth
    structure = directory.structure
    columnRanges = directory.columns
    filterRanges = directory.filters
    isLoaded = [Bool](repeating: false, count: directory.columns.count)
    columns = directory.structure.layout.makeColumns()
    roots = DecodedColumn(type: .text, hasAlternatives: true)
  }

  /// A block of the same structure, with no column loaded.
  init(copyingStructureOf other: borrowing DecodedBlock, count: Int) {
    self.count = count
    payload = other.payload
    rawByteCount = other.rawByteCount
    textLimit = other.rawByteCount * 2 + 64
    rowLimit = (other.rawByteCount + other.count) * Limits.depth
    structure = other.structure
    columnRanges = other.columnRanges
    filterRanges = other.filterRanges
    isLoaded = [Bool](repeating: false, count: other.columnRanges.count)
    columns = other.structure.layout.makeColumns()
    roots = DecodedColumn(type: .text, hasAlternatives: true)
  }

  // MARK: Structure

  public var sourceNames: [SourceName] { layout.sources }
  /// Number of templates in use, those of alternatives too.
  public var nodeCount: Int { layout.nodes.count }
  /// The nodes that whole messages have.
  public var rootNodes: [Int] { layout.roots }

  public func template(_ node: Int) -> Template { layout.templates[layout.nodes[node].template] }
  /// The template with those alternatives of its slots that occur in this block.
  public func nestedTemplate(_ node: Int) -> Template {
    var template = template(node)
    for (place, alternatives) in layout.nodes[node].alternatives.enumerated() {
      template.slots[place].alternatives = alternatives.map { nestedTemplate($0) }
    }
    return template
  }
  /// The column of a node's slot.
  public func column(_ node: Int, _ slot: Int) -> Int { layout.nodes[node].columns[slot] }
  /// The nodes that a slot's values may have: alternative 1 is the first of them.
  public func alternatives(_ node: Int, _ slot: Int) -> [Int] { layout.nodes[node].alternatives[slot] }
  /// The column and alternative number from which a node has its rows; column -1 is the block itself.
  public func parent(_ node: Int) -> (column: Int, number: Int) {
    (layout.nodes[node].parentColumn, layout.nodes[node].number)
  }
  /// The node and slot of a column.
  public func slot(ofColumn column: Int) -> (node: Int, slot: Int) {
    layout.slots[column - BlockLayout.fixedColumns]
  }
  /// Number of columns: those that every entry has (`entryColumns`), then those of slots.
  public var columnCount: Int { columnRanges.count }
  /// What the columns that every entry has hold, in their order.
  public static let entryColumns = ["time", "source", "envelope", "flags", "template", "unparsed lines"]
  /// Bytes of a column as it is stored, and of its filter.
  public func storedByteCount(_ column: Int) -> (values: Int, filter: Int) {
    (columnRanges[column].count, filterRanges[column].count)
  }
  /// Whether the values of a column's slot may have templates of their own.
  public func hasAlternatives(_ column: Int) -> Bool {
    columns[column - BlockLayout.fixedColumns].hasAlternatives
  }
  /// The filter over a column's values, empty when it has none.
  public func filter(_ column: Int) -> ByteView {
    payload[filterRanges[column].lowerBound, filterRanges[column].upperBound]
  }

  /// Stored bytes of each column and of its filter, in the order of the columns.
  public var columnSizes: [(name: String, values: Int, filter: Int)] {
    let fixed = ["times", "sources", "envelopes", "flags", "templates", "unparsed"]
    return columnRanges.indices.map { column in
      var name = column < fixed.count ? fixed[column] : ""
      if column >= BlockLayout.fixedColumns {
        let (node, slot) = slot(ofColumn: column)
        name = "\(template(node).name) \(template(node).slots[slot].name)"
      }
      return (name, columnRanges[column].count, filterRanges[column].count)
    }
  }

  // MARK: Loading

  func reader(_ column: Int) -> ByteReader {
    ByteReader(payload.prefix(columnRanges[column].upperBound), at: columnRanges[column].lowerBound)
  }

  /// Decodes the columns that every entry has: times, sources, envelopes, flags, templates.
  public mutating func loadEntries() throws(DecodeError) {
    try loadTimes()
    try loadSources()
    try loadEnvelopes()
    try loadFlags()
    try loadRoots()
  }

  /// Decodes the receive times only.
  public mutating func loadTimes() throws(DecodeError) {
    if isLoaded[0] { return }
    var time = reader(0)
    try IntegerDecoder.decode(count, from: &time, into: &times)
    try time.expectEnd()
    isLoaded[0] = true
  }

  /// Decodes the source numbers only.
  public mutating func loadSources() throws(DecodeError) {
    if isLoaded[1] { return }
    var source = reader(1)
    try IntegerDecoder.decode(count, from: &source, into: &sources)
    try source.expectEnd()
    try checkSources(source)
    isLoaded[1] = true
  }

  func checkSources(_ reader: ByteReader) throws(DecodeError) {
    for row in 0..<sources.count where sources[row] < 0 || sources[row] > Int64(UInt32.max) {
      throw reader.error()
    }
  }

  /// Decodes the envelopes only.
  public mutating func loadEnvelopes() throws(DecodeError) {
    if isLoaded[2] { return }
    var envelope = reader(2)
    try envelopes.decode(count, from: &envelope, limit: count * Limits.envelopeBytes)
    try envelope.expectEnd()
    isLoaded[2] = true
  }

  /// Decodes the flags and kinds only.
  public mutating func loadFlags() throws(DecodeError) {
    if isLoaded[3] { return }
    var flag = reader(3)
    try IntegerDecoder.decode(count, from: &flag, into: &flags)
    try flag.expectEnd()
    try checkFlags(flag)
    isLoaded[3] = true
  }

  func checkFlags(_ reader: ByteReader) throws(DecodeError) {
    for row in 0..<flags.count where flags[row] < 0 || flags[row] >= 2 << 16 { throw reader.error() }
  }

  /// Decodes which template each entry has, and the lines without one.
  public mutating func loadRoots() throws(DecodeError) {
    if isLoaded[4] { return }
    var root = reader(4)
    try roots.decode(count, alternatives: layout.roots.count, from: &root, limit: 0, withText: false)
    try root.expectEnd()
    var line = reader(5)
    let rows = roots.alternativeRows[0]
    try IntegerDecoder.decode(rows, from: &line, into: &failures)
    try roots.decodeText(rows, from: &line, limit: textLimit)
    try line.expectEnd()
    textLimit -= roots.text.byteCount
    isLoaded[4] = true
  }

  /// Takes the rows of a column off what may still be decoded.
  mutating func spend(rows: Int, _ reader: ByteReader) throws(DecodeError) {
    guard rows <= rowLimit else { throw reader.error() }
    rowLimit -= rows
  }

  /// Takes a column's text off what may still be decoded.
  mutating func spendText(ofColumn column: Int) {
    textLimit -= columns[column - BlockLayout.fixedColumns].text.byteCount
  }

  /// Decodes a column, and before it those that say how many rows it has. Without `texts` the rows that are
  /// stored as text are left out: enough for the functions that mark rows by their numbers or kinds.
  public mutating func load(_ column: Int, texts: Bool = true) throws(DecodeError) {
    if isLoaded[column] { return }
    let (node, place) = slot(ofColumn: column)
    let rows = try loadRows(ofNode: node)
    var reader = reader(column)
    let alternatives = layout.nodes[node].alternatives[place].count
    if texts { try spend(rows: rows, reader) }
    try columns[column - BlockLayout.fixedColumns].decode(
      rows, alternatives: alternatives, from: &reader, limit: textLimit, withText: texts,
      withPositions: texts)
    if !texts { return }
    try reader.expectEnd()
    spendText(ofColumn: column)
    isLoaded[column] = true
  }

  /// Number of rows of a node; loads what says so.
  public mutating func loadRows(ofNode node: Int) throws(DecodeError) -> Int {
    let (column, number) = parent(node)
    if column < 0 {
      try loadRoots()
      return roots.alternativeRows[number]
    }
    try load(column)
    return columns[column - BlockLayout.fixedColumns].alternativeRows[number]
  }

  /// Decodes everything.
  public mutating func loadAll() throws(DecodeError) {
    try loadEntries()
    for column in BlockLayout.fixedColumns..<BlockLayout.fixedColumns + columns.count { try load(column) }
  }

  // MARK: Rows

  /// Receive time of `row`, nanoseconds since 1970 UTC. Needs `loadTimes`.
  public func time(_ row: Int) -> Int64 { times[row] }

  /// What is stored of `row` beside its bytes. Needs `loadEntries`.
  public func metadata(_ row: Int) -> EntryMetadata {
    EntryMetadata(
      time: times[row], source: UInt32(sources[row]), flags: UInt16(flags[row] & 0xFFFF),
      kind: flags[row] >> 16 == 1 ? .control : .received)
  }

  /// The flags of `row`. Needs `loadFlags`.
  public func flags(_ row: Int) -> UInt16 { UInt16(truncatingIfNeeded: flags[row]) }

  /// The rows of control entries. Needs `loadFlags`.
  public var controlRows: [Int] { (0..<count).filter { flags[$0] >> 16 == 1 } }

  /// What the transport knew of `row`. Needs `loadEntries`.
  public func envelope(_ row: Int) -> ByteView { envelopes[row] }

  /// A number that rows of this block have in common when they have the same envelope. Needs `loadEntries`.
  public func envelopeNumber(_ row: Int) -> Int { envelopes.place(of: row) }

  /// The template of `row` and its row there; node -1 when the line has none. Needs `loadRoots`.
  public func root(_ row: Int) -> (node: Int, row: Int) {
    let number = Int(roots.kind(row))
    return (structure.rootNode(number), roots.position(row))
  }

  /// Why `row`, which has no template, has none, and up to which byte the best template came.
  public func failure(_ row: Int) -> (ParseFailure, offset: Int) {
    let failure = failures[roots.position(row)]
    return (ParseFailure(rawValue: UInt8(failure & 3)) ?? .unparsed, Int(failure >> 2))
  }

  /// The bytes of `row`, which has no template. Needs `loadRoots`.
  public func bareText(_ row: Int) -> ByteView { roots.text[roots.position(row)] }

  /// Which alternative a row of a column has, from 1, and its row there; number 0 for none. Needs `load`.
  public func alternative(_ column: Int, _ row: Int) -> (number: Int, row: Int) {
    let column = unsafe columns.address(of: column - BlockLayout.fixedColumns)
    return unsafe (Int(column.pointee.kind(row)), column.pointee.position(row))
  }

  /// Appends the bytes of a row of a column, which must have no alternative. Needs `load`.
  public func print(column: Int, _ row: Int, to out: inout ByteBuffer) throws(DecodeError) {
    try unsafe columns.address(of: column - BlockLayout.fixedColumns).pointee.print(row, to: &out)
  }

  /// A column's values. Needs `load`.
  public subscript(column: Int) -> DecodedColumn {
    _read { yield columns[column - BlockLayout.fixedColumns] }
  }

  /// Appends the bytes of `row` as they were received. Needs `loadAll`, or `load` of all columns of its
  /// template. Throws when they would be more than the whole block has.
  public func print(_ row: Int, to out: inout ByteBuffer) throws(DecodeError) {
    let (node, nodeRow) = root(row)
    if node < 0 {
      let line = roots.text[nodeRow]
      if line.count > rawByteCount { throw DecodeError(.invalid, at: 0) }
      return out.append(line)
    }
    try print(structure.printer, node, nodeRow, &out)
  }

  private func print(
    _ printer: borrowing PrintProgram, _ node: Int, _ row: Int, _ out: inout ByteBuffer
  ) throws(DecodeError) {
    var step = printer.firstStep(of: node)
    let start = out.count
    while true {
      let (literal, slot) = printer.step(step)
      out.append(literal)
      if out.count &- start > rawByteCount { throw DecodeError(.invalid, at: 0) }
      if slot.isEnd { return }
      let column = unsafe columns.address(of: Int(slot.column))
      if slot.firstAlternative >= 0, unsafe column.pointee.kind(row) > 0 {
        let number = unsafe Int(column.pointee.kind(row))
        try print(
          printer, printer.alternative(Int(slot.firstAlternative) + number - 1),
          unsafe column.pointee.position(row), &out)
      } else {
        try unsafe column.pointee.print(row, to: &out)
      }
      step += 1
    }
  }
}

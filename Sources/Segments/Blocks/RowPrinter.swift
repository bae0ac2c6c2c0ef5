import Bytes
import Templates

/// Prints neighbouring rows of a block together, column by column: what is the same for all rows of a column
/// is looked at once, and memory is read in order.
///
/// First every value becomes a piece: a view of a text of the column, or of what was printed. Then the pieces
/// of each row and the literals between them are put together, nested templates first.
public struct RowPrinter: ~Copyable, Sendable {
  /// Most rows that are printed together: their pieces stay in the nearest caches.
  public static let rowLimit = 64

  /// For each step of the print program, and at its end for the block itself, a piece for each row.
  private var pieces = ValueList<ByteView>()
  /// For each node the text of each of its rows.
  private var texts = ValueList<ByteView>()
  private var region = TextRegion()
  private var scratch = ByteBuffer()
  private var stamp = StampText()
  /// Bytes that all rows together may take, at all levels: a bound for damaged blocks.
  private var limit = 0

  public init() {}

  /// The row printed as number `index` of the last call. Valid until the next.
  public func row(_ index: Int) -> ByteView { pieces[pieces.count - Self.rowLimit + index] }

  /// Prints `rows`, at most `rowLimit` of them. Needs `loadAll`.
  public mutating func print(_ rows: Range<Int>, of block: borrowing DecodedBlock) throws(DecodeError) {
    precondition(rows.count <= Self.rowLimit && rows.lowerBound >= 0 && rows.upperBound <= block.count)
    region.removeAll()
    limit = block.textLimit * Limits.depth
    let steps = block.structure.printer.stepCount
    pieces.resize(to: (steps + 1) * Self.rowLimit, filledWith: ByteView())
    texts.resize(to: block.nodeCount * Self.rowLimit, filledWith: ByteView())
    let structure = block.structure
    try nested(
      block, structure.printer, block.roots, rows, steps * Self.rowLimit
    ) { structure.rootNode($0) }
  }

  /// The pieces of a column whose values have templates: those of `rows`, to `first` and on.
  private mutating func nested(
    _ block: borrowing DecodedBlock, _ printer: borrowing PrintProgram, _ column: borrowing DecodedColumn,
    _ rows: Range<Int>, _ first: Int, _ node: (Int) -> Int
  ) throws(DecodeError) {
    if let kind = column.constantKind, kind > 0 {
      let node = node(Int(kind))
      try assemble(block, printer, node, rows)
      for index in 0..<rows.count { pieces[first + index] = texts[node * Self.rowLimit + index] }
      return
    }
    // Rows of one alternative are neighbours there too.
    for number in 0..<column.alternativeRows.count where number > 0 {
      var start = -1, count = 0
      for row in rows where Int(column.kind(row)) == number {
        if start < 0 { start = column.position(row) }
        count += 1
      }
      if count > 0 { try assemble(block, printer, node(number), start..<start + count) }
      var next = node(number) * Self.rowLimit
      for row in rows where Int(column.kind(row)) == number {
        pieces[first + row - rows.lowerBound] = texts[next]
        next += 1
      }
    }
    for row in rows where column.kind(row) == 0 {
      pieces[first + row - rows.lowerBound] = column.text[column.position(row)]
    }
  }

  /// The texts of `rows` of a node.
  private mutating func assemble(
    _ block: borrowing DecodedBlock, _ printer: borrowing PrintProgram, _ node: Int, _ rows: Range<Int>
  ) throws(DecodeError) {
    let firstStep = printer.firstStep(of: node)
    var step = firstStep
    while true {
      let slot = printer.step(step).1
      if slot.isEnd { break }
      let column = unsafe block.columns.address(of: Int(slot.column))
      let first = step * Self.rowLimit
      if slot.firstAlternative >= 0 {
        try unsafe nested(block, printer, column.pointee, rows, first) {
          printer.alternative(Int(slot.firstAlternative) + $0 - 1)
        }
      } else {
        try unsafe values(column.pointee, rows, first)
      }
      step += 1
    }
    try join(printer, node, firstStep, rows.count)
  }

  /// Puts the pieces and literals of a node's rows together.
  private mutating func join(
    _ printer: borrowing PrintProgram, _ node: Int, _ firstStep: Int, _ count: Int
  ) throws(DecodeError) {
    for index in 0..<count {
      var size = 0
      var step = firstStep
      while true {
        let (literal, slot) = printer.step(step)
        size &+= literal.count
        if slot.isEnd { break }
        size &+= pieces[step &* Self.rowLimit &+ index].count
        step &+= 1
      }
      if size > limit - region.count { throw DecodeError(.invalid, at: 0) }
      region.reserve(size)
      let start = region.position
      step = firstStep
      while true {
        let (literal, slot) = printer.step(step)
        region.append(literal)
        if slot.isEnd { break }
        region.append(pieces[step &* Self.rowLimit &+ index])
        step &+= 1
      }
      texts[node &* Self.rowLimit &+ index] = region.text(from: start)
    }
  }

  // MARK: Values

  /// The pieces of a column without templates.
  private mutating func values(
    _ column: borrowing DecodedColumn, _ rows: Range<Int>, _ first: Int
  ) throws(DecodeError) {
    guard let kind = column.constantKind else { return try mixed(column, rows, first) }
    switch (column.type, kind) {
    case (_, StoredValue.verbatim):
      for row in rows { pieces[first &+ row &- rows.lowerBound] = column.text[row] }
    case (.integer, 2), (.plusInteger, 2), (.text, ValueCodec.integerText),
      (.identifier, ValueCodec.integerText):
      region.reserve(rows.count * 24 + 40)
      for row in rows {
        pieces[first &+ row &- rows.lowerBound] = integer(column.a[row])
      }
    case (.clfTime, _):
      for row in rows {
        pieces[first &+ row &- rows.lowerBound] = try stamp.print(column.value(row), &region, &scratch)
      }
    case (.address, 2):
      region.reserve(rows.count * 24 + 40)
      for row in rows { pieces[first &+ row &- rows.lowerBound] = try address(column.a[row]) }
    default: try mixed(column, rows, first)
    }
  }

  private mutating func mixed(
    _ column: borrowing DecodedColumn, _ rows: Range<Int>, _ first: Int
  ) throws(DecodeError) {
    for row in rows {
      let kind = column.kind(row)
      var piece: ByteView
      if kind == StoredValue.verbatim {
        piece = column.text[column.position(row)]
      } else if kind == 2, column.type == .integer || column.type == .plusInteger {
        region.reserve(64)
        piece = integer(column.a[column.position(row)])
      } else if kind == 2, column.type == .address {
        region.reserve(64)
        piece = try address(column.a[column.position(row)])
      } else {
        scratch.removeAll()
        try ValueCodec.print(column.value(row), as: column.type, to: &scratch)
        region.reserve(scratch.count)
        let start = region.position
        region.append(scratch.view)
        piece = region.text(from: start)
      }
      pieces[first &+ row &- rows.lowerBound] = piece
    }
  }

  @inline(__always) private mutating func integer(_ value: Int64) -> ByteView {
    let start = region.position
    if value < 0 { region.append(UInt8(ascii: "-")) }
    region.append(decimal: value.magnitude)
    return region.text(from: start)
  }

  @inline(__always) private mutating func address(_ value: Int64) throws(DecodeError) -> ByteView {
    guard value >= 0, value <= 0xFFFF_FFFF else { throw DecodeError(.invalid, at: 0) }
    let start = region.position
    region.append(decimal: UInt64(value &>> 24))
    region.append(UInt8(ascii: "."))
    region.append(decimal: UInt64(value &>> 16 & 0xFF))
    region.append(UInt8(ascii: "."))
    region.append(decimal: UInt64(value &>> 8 & 0xFF))
    region.append(UInt8(ascii: "."))
    region.append(decimal: UInt64(value & 0xFF))
    return region.text(from: start)
  }
}

/// The text of the Common Log Format stamp printed last: its neighbours say the same second, mostly.
private struct StampText: ~Copyable, Sendable {
  private var text = ByteBuffer()
  private var last = StoredValue(kind: 0)

  mutating func print(
    _ value: StoredValue, _ region: inout TextRegion, _ scratch: inout ByteBuffer
  ) throws(DecodeError) -> ByteView {
    let isMillisecond = value.kind == 3
    let second = StoredValue(
      kind: value.kind, a: isMillisecond ? TimeCodec.floorDivide(value.a, 1000) &* 1000 : value.a, b: value.b)
    if second != last {
      text.removeAll()
      last = StoredValue(kind: 0)
      try ValueCodec.print(second, as: .clfTime, to: &text)
      last = second
    }
    region.reserve(64)
    let start = region.position
    if isMillisecond {
      region.append(text.view.prefix(21))
      let rest = UInt64(value.a &- second.a)
      region.append(UInt8(truncatingIfNeeded: rest / 100) | 0x30)
      region.append(UInt8(truncatingIfNeeded: rest / 10 % 10) | 0x30)
      region.append(UInt8(truncatingIfNeeded: rest % 10) | 0x30)
    } else {
      region.append(text.view)
    }
    return region.text(from: start)
  }
}

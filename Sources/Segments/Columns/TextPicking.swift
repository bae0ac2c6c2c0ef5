import Bytes
import Compression

extension DecodedText {
  /// Reads those of `count` rows that stand at `rows`, which rise; row 0 is then the first of them. A run of
  /// bytes is decompressed only as far as they need, and numbers only where they stand.
  mutating func pick(
    _ rows: [UInt32], of count: Int, from reader: inout ByteReader, limit: Int
  ) throws(DecodeError) {
    arena.removeAll()
    ends.removeAll()
    places.removeAll()
    isIdentity = true
    if count == 0 || rows.isEmpty { return }
    let valueCount = try reader.count(limit: count)
    guard valueCount > 0 else { throw reader.error() }
    var values = rows
    if valueCount < count {
      isIdentity = false
      try IntegerDecoder.pick(rows, of: count, from: &reader, into: &places)
      values = try renumber(valueCount, reader)
    }
    guard Int(values[values.count - 1]) < valueCount else { throw reader.error() }
    switch try reader.byte() {
    case TextForm.plain: try pickPlain(values, valueCount, &reader, limit)
    case TextForm.shaped:
      try ShapeDecoder.pick(values, of: valueCount, &reader, limit: limit, &arena, &ends)
    default: throw reader.error(.unsupported)
    }
  }

  /// The distinct places, rising; `places` then counts among them.
  private mutating func renumber(_ valueCount: Int, _ reader: ByteReader) throws(DecodeError) -> [UInt32] {
    var distinct: [UInt32] = []
    for row in 0..<places.count {
      guard places[row] >= 0, places[row] < Int64(valueCount) else { throw reader.error() }
      distinct.append(UInt32(places[row]))
    }
    distinct.sort()
    var kept = 0
    for index in 0..<distinct.count where index == 0 || distinct[index] != distinct[kept - 1] {
      distinct[kept] = distinct[index]
      kept += 1
    }
    distinct.removeLast(distinct.count - kept)
    for row in 0..<places.count {
      var low = 0, high = kept
      while low < high {
        let middle = (low + high) / 2
        if Int64(distinct[middle]) < places[row] { low = middle + 1 } else { high = middle }
      }
      places[row] = Int64(low)
    }
    return distinct
  }

  private mutating func pickPlain(
    _ values: [UInt32], _ count: Int, _ reader: inout ByteReader, _ limit: Int
  ) throws(DecodeError) {
    var lengths = ValueList<Int64>(capacity: count)
    try IntegerDecoder.decode(count, from: &reader, into: &lengths)
    var ranges: [Range<Int>] = []
    ranges.reserveCapacity(values.count)
    var offset = 0
    var index = 0
    for value in values {
      while index <= Int(value) {
        guard lengths[index] >= 0, lengths[index] <= Int64(limit - offset) else { throw reader.error() }
        offset += Int(lengths[index])
        index += 1
      }
      ranges.append(offset - Int(lengths[index - 1])..<offset)
    }
    var bytes = ByteBuffer()
    let view = try ByteUnpacker.prefix(offset, from: &reader, limit: limit, &bytes)
    for range in ranges {
      arena.append(view[range.lowerBound, range.upperBound])
      ends.append(UInt32(arena.count))
    }
  }
}

extension ByteUnpacker {
  /// The first `needed` of the run of bytes before which `reader` stands: a view of the run, or of `scratch`.
  /// `reader` is moved behind the run.
  static func prefix(
    _ needed: Int, from reader: inout ByteReader, limit: Int, _ scratch: inout ByteBuffer
  ) throws(DecodeError) -> ByteView {
    let count = try reader.count(limit: limit)
    guard needed <= count else { throw reader.error() }
    if count == 0 { return ByteView() }
    let stored = try reader.count(limit: count)
    if stored == 0 { return try reader.bytes(count).prefix(needed) }
    let bytes = try reader.bytes(stored)
    do { try LZ4.decompress(bytes, first: needed, to: &scratch) } catch { throw reader.error() }
    return scratch.view
  }
}

extension ShapeDecoder {
  /// As `decode`, for the values at `picked` only.
  static func pick(
    _ picked: [UInt32], of count: Int, _ reader: inout ByteReader, limit: Int, _ arena: inout ByteBuffer,
    _ ends: inout ValueList<UInt32>
  ) throws(DecodeError) {
    let shapeCount = try reader.count(limit: count)
    guard shapeCount > 0 else { throw reader.error() }
    var lengths = ValueList<Int64>(capacity: shapeCount)
    try IntegerDecoder.decode(shapeCount, from: &reader, into: &lengths)
    var shapes = ByteBuffer()
    try ByteUnpacker.decode(from: &reader, limit: limit, to: &shapes)
    var shapeOf = ValueList<Int64>(capacity: count)
    try IntegerDecoder.decode(count, from: &reader, into: &shapeOf)
    // How many values have each shape, and for the picked ones which of their shape's values they are.
    var uses = [Int](repeating: 0, count: shapeCount)
    var ranks: [[UInt32]] = Array(repeating: [], count: shapeCount)
    var next = 0
    for index in 0..<count {
      let shape = shapeOf[index]
      guard shape >= 0, shape < Int64(shapeCount) else { throw reader.error() }
      if next < picked.count, Int(picked[next]) == index {
        ranks[Int(shape)].append(UInt32(uses[Int(shape)]))
        next += 1
      }
      uses[Int(shape)] += 1
    }
    var numbers = ValueList<Int64>()
    var columns: [(shape: Range<Int>, firstNumber: Int)] = []
    var column = ValueList<Int64>()
    var start = 0
    for shape in 0..<shapeCount {
      guard lengths[shape] >= 0, lengths[shape] <= Int64(shapes.count - start) else { throw reader.error() }
      let range = start..<start + Int(lengths[shape])
      start = range.upperBound
      columns.append((range, numbers.count))
      for _ in 0..<(try countMarks(shapes.view[range.lowerBound, range.upperBound], reader)) {
        try IntegerDecoder.pick(ranks[shape], of: uses[shape], from: &reader, into: &column)
        for index in 0..<column.count { numbers.append(column[index]) }
      }
    }
    var rank = [Int](repeating: 0, count: shapeCount)
    for value in picked {
      let shape = Int(shapeOf[Int(value)])
      let column = columns[shape]
      try print(
        shapes.view[column.shape.lowerBound, column.shape.upperBound], &arena, numbers,
        first: column.firstNumber + rank[shape], stride: ranks[shape].count, reader)
      rank[shape] += 1
      if arena.count > limit { throw reader.error() }
      ends.append(UInt32(arena.count))
    }
  }
}

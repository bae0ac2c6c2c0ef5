import Bytes
import Compression

/// A text column read back: distinct values, and which of them each row has.
@safe public struct DecodedText: ~Copyable, Sendable {
  var arena = ByteBuffer()
  var ends = ValueList<UInt32>()
  var places = ValueList<Int64>()
  var isIdentity = true

  public init() {}

  /// Number of distinct values.
  public var valueCount: Int { ends.count }

  /// Bytes of all distinct values.
  var byteCount: Int { arena.count }

  /// One of the distinct values.
  public func value(_ index: Int) -> ByteView {
    arena.view[index == 0 ? 0 : Int(ends[index - 1]), Int(ends[index])]
  }

  /// All distinct values, one behind the other.
  public var bytes: ByteView { arena.view }

  /// The number of the value that the byte at `offset` of `bytes` belongs to, and where in `bytes` that value
  /// ends.
  public func value(at offset: Int) -> (number: Int, end: Int) {
    var low = 0, high = ends.count
    while low < high {
      let middle = (low + high) / 2
      if Int(ends[middle]) <= offset { low = middle + 1 } else { high = middle }
    }
    return (low, Int(ends[low]))
  }

  /// The number of the value that `row` has.
  public func place(of row: Int) -> Int { isIdentity ? row : Int(places[row]) }

  /// The bytes of `row`.
  public subscript(row: Int) -> ByteView { value(place(of: row)) }

  /// Reads `rows` rows; their bytes must not come to more than `limit`, whatever the column claims.
  mutating func decode(_ rows: Int, from reader: inout ByteReader, limit: Int) throws(DecodeError) {
    arena.removeAll()
    ends.removeAll()
    places.removeAll()
    isIdentity = true
    if rows == 0 { return }
    let count = try reader.count(limit: rows)
    guard count > 0 else { throw reader.error() }
    if count < rows {
      isIdentity = false
      try IntegerDecoder.decode(rows, from: &reader, into: &places)
      for row in 0..<rows where places[row] < 0 || places[row] >= Int64(count) { throw reader.error() }
    }
    switch try reader.byte() {
    case TextForm.plain:
      try decodePlain(count, &reader, limit)
    case TextForm.shaped:
      try ShapeDecoder.decode(count, &reader, limit: limit, &arena, &ends)
    default: throw reader.error(.unsupported)
    }
  }

  private mutating func decodePlain(_ count: Int, _ reader: inout ByteReader, _ limit: Int)
    throws(DecodeError)
  {
    var lengths = ValueList<Int64>(capacity: count)
    try IntegerDecoder.decode(count, from: &reader, into: &lengths)
    try ByteUnpacker.decode(from: &reader, limit: limit, to: &arena)
    var end = 0
    for index in 0..<count {
      guard lengths[index] >= 0, lengths[index] <= Int64(arena.count - end) else { throw reader.error() }
      end += Int(lengths[index])
      ends.append(UInt32(end))
    }
    guard end == arena.count else { throw reader.error() }
  }
}

enum ByteUnpacker {
  /// Appends the run of bytes before which `reader` stands; at most `limit` of them.
  static func decode(from reader: inout ByteReader, limit: Int, to out: inout ByteBuffer) throws(DecodeError)
  {
    let count = try reader.count(limit: limit)
    if count == 0 { return }
    let stored = try reader.count(limit: count)
    if stored == 0 { return out.append(try reader.bytes(count)) }
    let bytes = try reader.bytes(stored)
    do { try LZ4.decompress(bytes, count: count, to: &out) } catch { throw reader.error() }
  }
}

enum ShapeDecoder {
  static func decode(
    _ count: Int, _ reader: inout ByteReader, limit: Int, _ arena: inout ByteBuffer,
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
    var uses = [Int](repeating: 0, count: shapeCount)
    for index in 0..<count {
      guard shapeOf[index] >= 0, shapeOf[index] < Int64(shapeCount) else { throw reader.error() }
      uses[Int(shapeOf[index])] += 1
    }
    // All numbers, shape by shape and mark by mark; a value finds its own by its rank within its shape.
    var numbers = ValueList<Int64>(capacity: count)
    var columns: [(shape: Range<Int>, firstNumber: Int, marks: Int)] = []
    var start = 0
    for shape in 0..<shapeCount {
      guard lengths[shape] >= 0, lengths[shape] <= Int64(shapes.count - start) else { throw reader.error() }
      let range = start..<start + Int(lengths[shape])
      start = range.upperBound
      let marks = try countMarks(shapes.view[range.lowerBound, range.upperBound], reader)
      columns.append((range, numbers.count, marks))
      var column = ValueList<Int64>(capacity: max(uses[shape], 1))
      for _ in 0..<marks {
        try IntegerDecoder.decode(uses[shape], from: &reader, into: &column)
        for index in 0..<column.count { numbers.append(column[index]) }
        if numbers.count > limit { throw reader.error() }
      }
    }
    var rank = [Int](repeating: 0, count: shapeCount)
    for index in 0..<count {
      let shape = Int(shapeOf[index])
      let column = columns[shape]
      try print(
        shapes.view[column.shape.lowerBound, column.shape.upperBound], &arena,
        numbers, first: column.firstNumber + rank[shape], stride: uses[shape], reader)
      rank[shape] += 1
      if arena.count > limit { throw reader.error() }
      ends.append(UInt32(arena.count))
    }
  }

  static func countMarks(_ shape: ByteView, _ reader: ByteReader) throws(DecodeError) -> Int {
    var marks = 0
    var index = 0
    while index < shape.count {
      switch shape[index] {
      case ShapeMark.decimal: marks += 1
      case ShapeMark.padded, ShapeMark.hex:
        marks += 1
        index += 1
      case ShapeMark.literal: index += 1
      default: break
      }
      index += 1
    }
    if index != shape.count { throw reader.error() }
    return marks
  }

  static func print(
    _ shape: ByteView, _ out: inout ByteBuffer, _ numbers: borrowing ValueList<Int64>, first: Int,
    stride: Int,
    _ reader: ByteReader
  ) throws(DecodeError) {
    var number = first
    var index = 0
    while index < shape.count {
      let byte = shape[index]
      switch byte {
      case ShapeMark.decimal:
        guard numbers[number] >= 0 else { throw reader.error() }
        DecimalText.append(UInt64(numbers[number]), width: 1, to: &out)
        number += stride
      case ShapeMark.padded:
        index += 1
        guard numbers[number] >= 0, shape[index] <= 18 else { throw reader.error() }
        DecimalText.append(UInt64(numbers[number]), width: Int(shape[index]), to: &out)
        number += stride
      case ShapeMark.hex:
        index += 1
        guard shape[index] <= 16 else { throw reader.error() }
        appendHex(UInt64(bitPattern: numbers[number]), width: Int(shape[index]), &out)
        number += stride
      case ShapeMark.literal:
        index += 1
        out.append(shape[index])
      default: out.append(byte)
      }
      index += 1
    }
  }

  private static func appendHex(_ number: UInt64, width: Int, _ out: inout ByteBuffer) {
    for place in stride(from: width - 1, through: 0, by: -1) {
      let nibble = UInt8(truncatingIfNeeded: number &>> UInt64(place * 4)) & 15
      out.append(nibble < 10 ? nibble + 48 : nibble + 87)
    }
  }
}

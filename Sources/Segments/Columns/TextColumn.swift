import Bytes
import Compression

/// Collects byte strings, each distinct one once as long as that pays, and writes them.
///
///     column   varint(d) [integers(n places), when d < n] values
///     values   0x01 integers(d lengths) bytes               plain
///              0x02 shapes places numbers                   see ShapeCoding.swift
///     bytes    varint(count) [varint(stored) stored bytes]  LZ4 when stored > 0, else `count` bytes as they are;
///                                                           nothing more when `count` is 0
///
/// `n` is known to the reader; no rows are no bytes. The `d` values stand in the order of their first use.
@safe struct TextColumn: ~Copyable, Sendable {
  private(set) var arena = ByteBuffer()
  /// End of each distinct value in the arena.
  private(set) var ends = ValueList<UInt32>()
  /// For each row the number of its value.
  private(set) var places = ValueList<UInt32>()
  /// Open addressing: the hash of a value in the upper half, its number from 1 in the lower; 0 where there is
  /// none.
  private var table = ValueList<UInt64>()
  private var isDirect = false

  /// Rows after which a column that hardly ever repeats stops looking for repetitions.
  private static let trial = 1024
  /// Longest search in the table: values chosen to collide become new values instead of making this slow.
  private static let probeLimit = 48

  init() {}

  var rowCount: Int { places.count }
  var valueCount: Int { ends.count }

  mutating func removeAll() {
    arena.removeAll()
    ends.removeAll()
    places.removeAll()
    table.removeAll()
    isDirect = false
  }

  func value(_ index: Int) -> ByteView {
    arena.view[index == 0 ? 0 : Int(ends[index - 1]), Int(ends[index])]
  }

  mutating func append(_ bytes: ByteView) {
    if isDirect { return add(bytes) }
    if table.count == 0 { table.resize(to: 64, filledWith: 0) }
    let hash = Self.hash(bytes)
    let mask = table.count &- 1
    var place = Int(truncatingIfNeeded: hash &>> 32) & mask
    var probes = 0
    while true {
      let entry = table[place]
      if entry == 0 { break }
      if (entry ^ hash) &>> 32 == 0 {
        let index = Int(truncatingIfNeeded: entry & 0xFFFF_FFFF) &- 1
        if value(index) == bytes { return places.append(UInt32(truncatingIfNeeded: index)) }
      }
      place = (place &+ 1) & mask
      probes &+= 1
      if probes == Self.probeLimit { return add(bytes) }
    }
    add(bytes)
    table[place] = hash & 0xFFFF_FFFF_0000_0000 | UInt64(ends.count)
    if ends.count &* 8 > table.count &* 5 { growTable() }
    if places.count == Self.trial, ends.count > Self.trial * 15 / 16 { isDirect = true }
  }

  /// Appends the value of the row before once more.
  mutating func appendRepeated() { places.append(places.last) }

  private mutating func add(_ bytes: ByteView) {
    places.append(UInt32(truncatingIfNeeded: ends.count))
    arena.append(bytes)
    ends.append(UInt32(arena.count))
  }

  /// Two lanes of eight bytes: half as long a chain of multiplications as one.
  @inline(__always) private static func hash(_ bytes: ByteView) -> UInt64 {
    let count = bytes.count
    if count <= 16 { return bytes.hash64() }
    var first = UInt64(truncatingIfNeeded: count) &* 0xA076_1D64_78BD_642F
    var second: UInt64 = 0x9E37_79B9_7F4A_7C15
    var offset = 0
    while count &- offset > 16 {
      first = fold(first ^ bytes.load64(at: offset), 0xE703_7ED1_A0B4_28DB)
      second = fold(second ^ bytes.load64(at: offset &+ 8), 0x8EBC_6AF0_9C88_C6E3)
      offset &+= 16
    }
    first = fold(first ^ bytes.load64(at: count &- 16), 0xE703_7ED1_A0B4_28DB)
    return first ^ fold(second ^ bytes.load64(at: count &- 8), 0x8EBC_6AF0_9C88_C6E3)
  }

  @inline(__always) private static func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let (high, low) = a.multipliedFullWidth(by: b)
    return high ^ low
  }

  @inline(never) private mutating func growTable() {
    var grown = ValueList<UInt64>()
    let mask = table.count * 2 - 1
    grown.resize(to: mask + 1, filledWith: 0)
    for old in 0..<table.count {
      let entry = table[old]
      if entry == 0 { continue }
      var place = Int(truncatingIfNeeded: entry &>> 32) & mask
      while grown[place] != 0 { place = (place + 1) & mask }
      grown[place] = entry
    }
    swap(&table, &grown)
  }

  /// Appends the column. The number of rows is not part of it.
  func encode(to out: inout ByteBuffer, _ scratch: inout ColumnScratch) {
    if rowCount == 0 { return }
    out.append(varint: UInt64(valueCount))
    if valueCount < rowCount { Self.encode(places, to: &out, &scratch) }
    if ShapeEncoder.encode(self, to: &out, &scratch) { return }
    out.append(TextForm.plain)
    scratch.numbers.removeAll()
    var start: UInt32 = 0
    for index in 0..<valueCount {
      scratch.numbers.append(Int64(ends[index] &- start))
      start = ends[index]
    }
    IntegerEncoder.encode(scratch.numbers, to: &out, &scratch.integers)
    scratch.packer.encode(arena.view, to: &out)
  }
}

extension TextColumn {
  /// Appends numbers of values as a column of integers.
  static func encode(
    _ places: borrowing ValueList<UInt32>, to out: inout ByteBuffer, _ scratch: inout ColumnScratch
  ) {
    scratch.numbers.removeAll()
    scratch.numbers.resize(to: places.count, filledWith: 0)
    unsafe scratch.numbers.withUnsafeMutableElements { numbers in
      unsafe places.withUnsafeElements { places in
        for index in 0..<places.count { unsafe numbers[index] = Int64(places[index]) }
      }
    }
    IntegerEncoder.encode(scratch.numbers, to: &out, &scratch.integers)
  }
}

enum TextForm {
  static let plain: UInt8 = 1
  static let shaped: UInt8 = 2
}

/// Working memory of the column encoders, reused from column to column.
struct ColumnScratch: ~Copyable, Sendable {
  var integers = IntegerScratch()
  var numbers = ValueList<Int64>()
  var shapes = ShapeScratch()
  var packer = BytePacker()
  var keys = ValueList<UInt64>()
  var marks = ValueList<UInt64>()
}

/// Writes runs of bytes, compressed where that makes them smaller.
struct BytePacker: ~Copyable, Sendable {
  private var lz4 = LZ4()
  private var compressed = ByteBuffer()

  /// Appends the size of `bytes`, their stored size (0: as they are), and the stored bytes.
  mutating func encode(_ bytes: ByteView, to out: inout ByteBuffer) {
    out.append(varint: UInt64(bytes.count))
    if bytes.isEmpty { return }
    compressed.removeAll()
    if lz4.compress(bytes, to: &compressed) {
      out.append(varint: UInt64(compressed.count))
      out.append(compressed.view)
    } else {
      out.append(varint: 0)
      out.append(bytes)
    }
  }
}

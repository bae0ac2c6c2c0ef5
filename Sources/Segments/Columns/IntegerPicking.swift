import Bytes

/// Reads single integers out of a run without reading the others, where the form allows.
extension IntegerDecoder {
  /// The value that all integers have, when `reader` stands before a constant run; it then stands behind it.
  static func constant(_ reader: inout ByteReader) throws(DecodeError) -> Int64? {
    var ahead = reader
    guard try ahead.byte() == IntegerForm.constant else { return nil }
    let value = try ahead.zigzag()
    reader = ahead
    return value
  }

  /// Moves `reader` behind the `count` integers that it stands before.
  static func skip(_ count: Int, _ reader: inout ByteReader) throws(DecodeError) {
    if count == 0 { return }
    switch try reader.byte() {
    case IntegerForm.constant: _ = try reader.zigzag()
    case IntegerForm.packed: _ = try PackedRun(count, &reader)
    case IntegerForm.deltas:
      _ = try reader.zigzag()
      _ = try PackedRun(count - 1, &reader)
    case IntegerForm.runs:
      let runs = try reader.count(limit: count)
      _ = try PackedRun(runs, &reader)
      _ = try PackedRun(runs, &reader)
    case IntegerForm.sorted:
      let distinct = try reader.count(limit: count)
      _ = try reader.zigzag()
      _ = try PackedRun(distinct, &reader)
      _ = try PackedRun(count, &reader)
    default: throw reader.error(.unsupported)
    }
  }

  /// Two numbers between which all `count` integers lie, told from their headers alone; perhaps far apart.
  static func bounds(_ count: Int, _ reader: inout ByteReader) throws(DecodeError) -> ClosedRange<Int64> {
    switch try reader.byte() {
    case IntegerForm.constant:
      let value = try reader.zigzag()
      return value...value
    case IntegerForm.packed: return try PackedRun(count, &reader).bounds()
    case IntegerForm.deltas:
      let first = try reader.zigzag()
      return sum(first, try PackedRun(count - 1, &reader).bounds(), steps: count - 1)
    case IntegerForm.runs:
      let runs = try reader.count(limit: count)
      let bounds = try PackedRun(runs, &reader).bounds()
      _ = try PackedRun(runs, &reader)
      return bounds
    case IntegerForm.sorted:
      let distinct = try reader.count(limit: count)
      let first = try reader.zigzag()
      let bounds = sum(first, try PackedRun(distinct, &reader).bounds(), steps: distinct)
      _ = try PackedRun(count, &reader)
      return first...max(first, bounds.upperBound)
    default: throw reader.error(.unsupported)
    }
  }

  /// Where `steps` steps within `step` can lead from `first`.
  private static func sum(_ first: Int64, _ step: ClosedRange<Int64>, steps: Int) -> ClosedRange<Int64> {
    func reach(_ step: Int64) -> Int64 {
      let (product, overflow) = step.multipliedReportingOverflow(by: Int64(steps))
      if overflow { return step < 0 ? .min : .max }
      let (sum, carry) = first.addingReportingOverflow(product)
      return carry ? (product < 0 ? .min : .max) : sum
    }
    return min(first, reach(step.lowerBound))...max(first, reach(step.upperBound))
  }

  /// Replaces `values` by those of the `count` integers that stand at `rows`, which rise. `reader` is moved
  /// behind all of them.
  static func pick(
    _ rows: [UInt32], of count: Int, from reader: inout ByteReader, into values: inout ValueList<Int64>
  ) throws(DecodeError) {
    values.removeAll()
    if count == 0 { return }
    if rows.isEmpty { return try skip(count, &reader) }
    guard Int(rows[rows.count - 1]) < count else { throw reader.error() }
    switch try reader.byte() {
    case IntegerForm.constant: values.resize(to: rows.count, filledWith: try reader.zigzag())
    case IntegerForm.packed: try PackedRun(count, &reader).pick(rows, into: &values)
    case IntegerForm.deltas: try pickDeltas(rows, count, &reader, &values)
    case IntegerForm.runs: try pickRuns(rows, count, &reader, &values)
    case IntegerForm.sorted:
      let distinct = try distinctValues(count, &reader)
      try PackedRun(count, &reader).pick(rows, into: &values)
      for index in 0..<values.count {
        let place = values[index]
        guard place >= 0, place < Int64(distinct.count) else { throw reader.error() }
        values[index] = distinct[Int(place)]
      }
    default: throw reader.error(.unsupported)
    }
  }

  private static func pickDeltas(
    _ rows: [UInt32], _ count: Int, _ reader: inout ByteReader, _ values: inout ValueList<Int64>
  ) throws(DecodeError) {
    var value = try reader.zigzag()
    var deltas = ValueList<Int64>(capacity: count)
    try unpack(count - 1, &reader, &deltas)
    unsafe deltas.withUnsafeElements { deltas in
      var row = 0
      for wanted in rows {
        while row < Int(wanted) {
          value &+= unsafe deltas[row]
          row &+= 1
        }
        values.append(value)
      }
    }
  }

  private static func pickRuns(
    _ rows: [UInt32], _ count: Int, _ reader: inout ByteReader, _ values: inout ValueList<Int64>
  ) throws(DecodeError) {
    let runs = try Runs(count, &reader)
    var run = 0
    var end = runs.lengths[0]
    for wanted in rows {
      while Int64(wanted) >= end {
        run += 1
        end += runs.lengths[run]
      }
      values.append(runs.values[run])
    }
  }
}

/// Packed integers as they stand in a block, reached one by one.
struct PackedRun {
  let count: Int
  let low: Int64
  let width: Int
  private let patchCount: Int
  private let patches: ByteReader
  private let bits: ByteView

  /// Reads the header; `reader` is moved behind the run.
  init(_ count: Int, _ reader: inout ByteReader) throws(DecodeError) {
    self.count = count
    if count == 0 {
      (low, width, patchCount, patches, bits) = (0, 0, 0, reader, ByteView())
      return
    }
    low = try reader.zigzag()
    width = Int(try reader.byte())
    guard width <= 64 else { throw reader.error() }
    patchCount = try reader.count(limit: count)
    patches = reader
    for _ in 0..<patchCount {
      _ = try reader.varint()
      _ = try reader.varint()
    }
    bits = try reader.bytes((count * width + 7) / 8)
  }

  /// The integer at `row`, patches left aside.
  private func base(_ row: Int) -> Int64 {
    var value: UInt64 = 0
    var taken = 0
    var bit = row * width
    while taken < width {
      let byte = UInt64(bits[bit >> 3]) >> UInt64(bit & 7)
      let available = min(8 - bit & 7, width - taken)
      value |= (byte & ((1 << UInt64(available)) - 1)) << UInt64(taken)
      taken += available
      bit += available
    }
    return low &+ Int64(bitPattern: value)
  }

  /// Appends the integers at `rows`, which rise and are below `count`.
  func pick(_ rows: [UInt32], into values: inout ValueList<Int64>) throws(DecodeError) {
    var patches = patches
    var left = patchCount
    var patched = 0
    var high: UInt64 = 0
    var isAhead = false
    for row in rows {
      while !isAhead || patched < Int(row) {
        if left == 0 {
          patched = count
        } else {
          let gap = try patches.varint()
          guard gap < UInt64(count), width < 64, patched + Int(gap) < count else { throw patches.error() }
          patched += Int(gap)
          high = try patches.varint()
          left -= 1
        }
        isAhead = true
      }
      let value = base(Int(row))
      values.append(patched == Int(row) ? value &+ Int64(bitPattern: high &<< UInt64(width)) : value)
    }
  }

  /// Writes all integers as bytes; false, and nothing done, when they are not as narrow as that or some are
  /// patched.
  func expand(into values: inout ValueList<UInt8>) -> Bool {
    guard patchCount == 0, width <= 4, low >= 0, low <= 240 else { return false }
    let base = UInt8(low)
    values.resize(to: count, filledWith: base)
    if width == 0 { return true }
    let mask: UInt64 = 1 &<< UInt64(width) &- 1
    unsafe values.withUnsafeMutableElements { values in
      var row = 0
      // Eight values are `width` whole bytes.
      while row &+ 8 <= count {
        let start = row &>> 3 &* width
        var word: UInt64 = 0
        if start &+ 8 <= bits.count {
          word = bits.load64(at: start)
        } else {
          for offset in 0..<width { word |= UInt64(bits[start &+ offset]) &<< UInt64(offset &* 8) }
        }
        for index in 0..<8 {
          unsafe values[row &+ index] = base &+ UInt8(truncatingIfNeeded: word & mask)
          word &>>= UInt64(width)
        }
        row &+= 8
      }
      while row < count {
        unsafe values[row] = UInt8(truncatingIfNeeded: self.base(row))
        row &+= 1
      }
    }
    return true
  }

  /// Two numbers between which all integers lie.
  func bounds() throws(DecodeError) -> ClosedRange<Int64> {
    var most: UInt64 = width == 64 ? .max : 1 &<< UInt64(width) &- 1
    var patches = patches
    for _ in 0..<patchCount {
      _ = try patches.varint()
      most = max(most, try patches.varint() &<< UInt64(width) | (1 &<< UInt64(width) &- 1))
    }
    let room = UInt64(bitPattern: Int64.max &- low)
    return low...(most > room ? .max : low &+ Int64(bitPattern: most))
  }
}

import Bytes

enum IntegerDecoder {
  /// Replaces `values` by the `count` integers that `reader` stands before.
  static func decode(
    _ count: Int, from reader: inout ByteReader, into values: inout ValueList<Int64>
  ) throws(DecodeError) {
    values.removeAll()
    if count == 0 { return }
    switch try reader.byte() {
    case IntegerForm.constant:
      values.resize(to: count, filledWith: try reader.zigzag())
    case IntegerForm.packed:
      try unpack(count, &reader, &values)
    case IntegerForm.deltas:
      var value = try reader.zigzag()
      try unpack(count - 1, &reader, &values)
      values.append(0)
      unsafe values.withUnsafeMutableElements { values in
        for index in 0..<count {
          let delta = unsafe values[index]
          unsafe values[index] = value
          value &+= delta
        }
      }
    case IntegerForm.runs:
      try decodeRuns(count, &reader, &values)
    case IntegerForm.sorted:
      let distinct = try distinctValues(count, &reader)
      try unpack(count, &reader, &values)
      for index in 0..<count {
        let place = values[index]
        guard place >= 0, place < Int64(distinct.count) else { throw reader.error() }
        values[index] = distinct[Int(place)]
      }
    default: throw reader.error(.unsupported)
    }
  }

  /// Replaces `values` by the `count` integers that `reader` stands before, each of which must be a byte.
  static func decodeBytes(
    _ count: Int, from reader: inout ByteReader, into values: inout ValueList<UInt8>
  ) throws(DecodeError) {
    values.removeAll()
    if count == 0 { return }
    var ahead = reader
    switch try ahead.byte() {
    case IntegerForm.packed:
      if try PackedRun(count, &ahead).expand(into: &values) {
        reader = ahead
        return
      }
    case IntegerForm.runs:
      let runs = try Runs(count, &ahead)
      for run in 0..<runs.values.count {
        guard let value = UInt8(exactly: runs.values[run]) else { throw ahead.error() }
        values.resize(to: values.count + Int(runs.lengths[run]), filledWith: value)
      }
      reader = ahead
      return
    default: break
    }
    var integers = ValueList<Int64>()
    try decode(count, from: &reader, into: &integers)
    values.resize(to: count, filledWith: 0)
    var all: Int64 = 0
    for index in 0..<count {
      all |= integers[index]
      values[index] = UInt8(truncatingIfNeeded: integers[index])
    }
    guard all >= 0, all <= 255 else { throw reader.error() }
  }

  /// Values and lengths of the runs that a column of `count` integers consists of.
  struct Runs: ~Copyable {
    var values = ValueList<Int64>()
    var lengths = ValueList<Int64>()

    /// Reads what stands behind the form's byte.
    init(_ count: Int, _ reader: inout ByteReader) throws(DecodeError) {
      let runs = try reader.count(limit: count)
      guard runs > 0 else { throw reader.error() }
      try IntegerDecoder.unpack(runs, &reader, &values)
      try IntegerDecoder.unpack(runs, &reader, &lengths)
      var left = Int64(count)
      for run in 0..<runs {
        guard lengths[run] > 0, lengths[run] <= left else { throw reader.error() }
        left -= lengths[run]
      }
      guard left == 0 else { throw reader.error() }
    }
  }

  private static func decodeRuns(
    _ count: Int, _ reader: inout ByteReader, _ values: inout ValueList<Int64>
  ) throws(DecodeError) {
    let runs = try Runs(count, &reader)
    for run in 0..<runs.values.count {
      values.resize(to: values.count + Int(runs.lengths[run]), filledWith: runs.values[run])
    }
  }

  /// The distinct values of a `sorted` column, rising; the reader then stands before the places.
  static func distinctValues(_ count: Int, _ reader: inout ByteReader) throws(DecodeError) -> ValueList<Int64>
  {
    let distinctCount = try reader.count(limit: count)
    guard distinctCount > 0 else { throw reader.error() }
    var value = try reader.zigzag()
    var distinct = ValueList<Int64>(capacity: distinctCount)
    try unpack(distinctCount, &reader, &distinct)
    for index in 0..<distinctCount {
      value &+= distinct[index]
      distinct[index] = value
    }
    return distinct
  }

  /// Replaces `values` by `count` values written by `pack`.
  static func unpack(
    _ count: Int, _ reader: inout ByteReader, _ values: inout ValueList<Int64>
  ) throws(DecodeError) {
    values.removeAll()
    if count == 0 { return }
    let low = try reader.zigzag()
    let width = Int(try reader.byte())
    guard width <= 64 else { throw reader.error() }
    let patched = try reader.count(limit: count)
    var patches = reader
    for _ in 0..<patched {
      _ = try reader.varint()
      _ = try reader.varint()
    }
    let bits = try reader.bytes((count * width + 7) / 8)
    values.resize(to: count, filledWith: low)
    if width > 0 { unpackBits(bits, count, low, width, &values) }
    var index = 0
    for _ in 0..<patched {
      let gap = try patches.varint()
      guard gap < UInt64(count), width < 64, index + Int(gap) < count else { throw patches.error() }
      index += Int(gap)
      values[index] = values[index] &+ Int64(bitPattern: try patches.varint() &<< UInt64(width))
    }
  }

  private static func unpackBits(
    _ bits: ByteView, _ count: Int, _ low: Int64, _ width: Int, _ values: inout ValueList<Int64>
  ) {
    let mask: UInt64 = width == 64 ? .max : (1 &<< UInt64(width)) &- 1
    unsafe values.withUnsafeMutableElements { values in
      var index = 0
      var bit = 0
      // Whole words are read as long as nine bytes are left; up to 57 bits then come from one of them.
      if width <= 57 {
        let safe = bits.count - 8
        while index < count, bit &>> 3 <= safe {
          let word = bits.load64(at: bit &>> 3) &>> UInt64(bit & 7)
          unsafe values[index] = low &+ Int64(bitPattern: word & mask)
          index &+= 1
          bit &+= width
        }
      } else {
        // The upper bits of a wider value are in a ninth byte.
        let safe = bits.count - 9
        while index < count, bit &>> 3 <= safe {
          let shift = UInt64(bit & 7)
          let word = bits.load64(at: bit &>> 3) &>> shift
          let rest = (UInt64(bits[bit &>> 3 &+ 8]) &<< 1) &<< (63 &- shift)
          unsafe values[index] = low &+ Int64(bitPattern: (word | rest) & mask)
          index &+= 1
          bit &+= width
        }
      }
      while index < count {
        var value: UInt64 = 0
        var taken = 0
        while taken < width {
          let byte = UInt64(bits[bit >> 3]) >> UInt64(bit & 7)
          let available = min(8 - bit & 7, width - taken)
          value |= (byte & ((1 << UInt64(available)) - 1)) << UInt64(taken)
          taken += available
          bit += available
        }
        unsafe values[index] = low &+ Int64(bitPattern: value & mask)
        index += 1
      }
    }
  }
}

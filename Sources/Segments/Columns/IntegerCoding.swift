import Bytes

/// How a run of integers is written. The number of values is never part of it: the reader knows it. No values
/// are no bytes.
///
///     constant  0x01 zigzag(value)
///     packed    0x02 zigzag(base) width patches bits      value = base + bits
///     deltas    0x03 zigzag(first) packed(differences)    for n - 1 differences
///     runs      0x04 varint(k) packed(k values) packed(k lengths)
///     sorted    0x05 varint(k) zigzag(first) packed(k differences, the first 0) packed(n places)
///                                                         the k distinct values, rising, and which of them each is
///
///     packed    zigzag(base) width(u8) varint(p) p × (varint(gap), varint(high)) bits
///
/// `width` bits a value, little-endian, the last byte filled with zeros. A value whose offset needs more bits
/// is patched: `gap` is its distance from the patch before it and `high` what is above the low `width` bits.
enum IntegerForm {
  static let constant: UInt8 = 1
  static let packed: UInt8 = 2
  static let deltas: UInt8 = 3
  static let runs: UInt8 = 4
  static let sorted: UInt8 = 5
}

/// Working memory of the integer encoder, reused from column to column.
struct IntegerScratch: ~Copyable, Sendable {
  var values = ValueList<Int64>()
  var lengths = ValueList<Int64>()
  var places = ValueList<Int64>()
  var table = ValueList<Int32>()
  var order = ValueList<Int32>()
  var otherOrder = ValueList<Int32>()
  var starts = ValueList<Int32>()
  var marks = ValueList<UInt64>()
}

enum IntegerEncoder {
  /// Appends `values` in the form that is smallest among those that are likely to be.
  static func encode(
    _ values: borrowing ValueList<Int64>, to out: inout ByteBuffer, _ scratch: inout IntegerScratch
  ) {
    unsafe values.withUnsafeElements { unsafe encode($0, to: &out, &scratch) }
  }

  /// Appends a column all of whose values are `value`.
  static func encode(constant value: Int64, to out: inout ByteBuffer) {
    out.append(IntegerForm.constant)
    out.append(zigzag: value)
  }

  static func encode(
    _ values: UnsafeBufferPointer<Int64>, to out: inout ByteBuffer, _ scratch: inout IntegerScratch
  ) {
    let count = values.count
    if count == 0 { return }
    let shape = unsafe Shape(of: values)
    if shape.runs == 1 { return unsafe encode(constant: values[0], to: &out) }
    if shape.runs <= count / 16 { return unsafe encodeRuns(values, runs: shape.runs, &out, &scratch) }
    if shape.valueBits > 6, count >= 64, unsafe encodeSorted(values, shape, &out, &scratch) { return }
    if shape.deltaBits + 1 < shape.valueBits {
      out.append(IntegerForm.deltas)
      unsafe out.append(zigzag: values[0])
      scratch.values.removeAll()
      for index in 1..<count { unsafe scratch.values.append(values[index] &- values[index - 1]) }
      return unsafe scratch.values.withUnsafeElements { unsafe pack($0, &out) }
    }
    out.append(IntegerForm.packed)
    unsafe pack(values, &out)
  }

  /// What one look at a column tells: enough to choose a form.
  struct Shape {
    var runs = 1
    var valueBits = 0
    var deltaBits = 0
    /// The least value, and the bits that its distance to the greatest needs.
    var low: Int64
    var rangeBits = 0

    init(of values: UnsafeBufferPointer<Int64>) {
      let count = values.count
      low = unsafe values[0]
      var high = low
      var differing = 0
      var previous = low
      for index in 1..<count {
        let value = unsafe values[index]
        differing &+= value == previous ? 0 : 1
        low = min(low, value)
        high = max(high, value)
        previous = value
      }
      runs = differing + 1
      rangeBits = Self.bits(UInt64(bitPattern: high &- low))
      if runs == 1 { return }
      // A sample decides between values and differences: the ninth decile of the bits that each needs.
      let step = max(1, count / 512)
      var valueHistogram = [Int](repeating: 0, count: 65)
      var deltaHistogram = [Int](repeating: 0, count: 65)
      var sampled = 0
      var index = step
      while index < count {
        let value = unsafe values[index]
        let delta = unsafe value &- values[index - 1]
        valueHistogram[Self.bits(UInt64(bitPattern: value &- low))] += 1
        deltaHistogram[Self.bits(UInt64(bitPattern: delta &<< 1 ^ delta &>> 63))] += 1
        sampled += 1
        index += step
      }
      valueBits = Self.decile(valueHistogram, sampled)
      deltaBits = Self.decile(deltaHistogram, sampled)
    }

    static func bits(_ value: UInt64) -> Int { 64 - value.leadingZeroBitCount }

    private static func decile(_ histogram: [Int], _ sampled: Int) -> Int {
      var left = sampled / 10
      var bits = 64
      while bits > 0, histogram[bits] <= left {
        left -= histogram[bits]
        bits -= 1
      }
      return bits
    }
  }

  private static func encodeRuns(
    _ values: UnsafeBufferPointer<Int64>, runs: Int, _ out: inout ByteBuffer, _ scratch: inout IntegerScratch
  ) {
    scratch.values.removeAll()
    scratch.lengths.removeAll()
    var start = 0
    for index in 1...values.count {
      if index < values.count, unsafe values[index] == values[start] { continue }
      unsafe scratch.values.append(values[start])
      scratch.lengths.append(Int64(index - start))
      start = index
    }
    out.append(IntegerForm.runs)
    out.append(varint: UInt64(runs))
    unsafe scratch.values.withUnsafeElements { unsafe pack($0, &out) }
    unsafe scratch.lengths.withUnsafeElements { unsafe pack($0, &out) }
  }

  /// Appends `zigzag(base) width patches bits`.
  static func pack(_ values: UnsafeBufferPointer<Int64>, _ out: inout ByteBuffer) {
    let count = values.count
    if count == 0 { return }
    var low = unsafe values[0]
    for index in 1..<max(count, 1) { unsafe low = min(low, values[index]) }
    let (width, patched) = unsafe chooseWidth(values, low)
    out.append(zigzag: low)
    out.append(UInt8(width))
    out.append(varint: UInt64(patched))
    if patched > 0 {
      var last = 0
      for index in 0..<count {
        let offset = unsafe UInt64(bitPattern: values[index] &- low)
        if offset &>> UInt64(width) == 0 { continue }
        out.append(varint: UInt64(index - last))
        out.append(varint: offset &>> UInt64(width))
        last = index
      }
    }
    if width > 0 { unsafe packBits(values, low, width, &out) }
  }

  /// The width that makes bits and patches smallest together.
  private static func chooseWidth(_ values: UnsafeBufferPointer<Int64>, _ low: Int64) -> (Int, patched: Int) {
    let count = values.count
    return unsafe withUnsafeTemporaryAllocation(of: Int32.self, capacity: 65) { histogram in
      unsafe histogram.initialize(repeating: 0)
      for index in 0..<count {
        let offset = unsafe UInt64(bitPattern: values[index] &- low)
        unsafe histogram[64 &- offset.leadingZeroBitCount] &+= 1
      }
      var widest = 64
      while widest > 0, unsafe histogram[widest] == 0 { widest -= 1 }
      var best = widest, bestPatched = 0, bestCost = widest * count
      var patched = 0
      var width = widest
      while width > 0 {
        patched += Int(unsafe histogram[width])
        width -= 1
        // A patch costs about two bytes of gap and the high bits, in whole bytes. (Width 64 has no high
        // bits.)
        let cost = width * count + patched * (16 + (widest - width + 6) / 7 * 8)
        if cost < bestCost { (best, bestPatched, bestCost) = (width, patched, cost) }
      }
      return (best, bestPatched)
    }
  }

  private static func packBits(
    _ values: UnsafeBufferPointer<Int64>, _ low: Int64, _ width: Int, _ out: inout ByteBuffer
  ) {
    let byteCount = (values.count * width + 7) / 8
    unsafe out.append(minimum: byteCount + 16) { room in
      let base = unsafe room.baseAddress.unsafelyUnwrapped
      let mask: UInt64 = width == 64 ? .max : (1 &<< UInt64(width)) &- 1
      var word: UInt64 = 0
      var filled = 0
      var offset = 0
      for index in 0..<values.count {
        let bits = unsafe UInt64(bitPattern: values[index] &- low) & mask
        word |= bits &<< UInt64(filled)
        filled &+= width
        if filled >= 64 {
          unsafe base.storeBytes(of: word.littleEndian, toByteOffset: offset, as: UInt64.self)
          offset &+= 8
          filled &-= 64
          // The bits of the value that did not fit; none when it ended with the word.
          word = filled == 0 ? 0 : bits &>> UInt64(width &- filled)
        }
      }
      unsafe base.storeBytes(of: word.littleEndian, toByteOffset: offset, as: UInt64.self)
      return byteCount
    }
  }
}

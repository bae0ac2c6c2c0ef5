import Bytes

/// The form `sorted`: a table of the distinct values, and each value's place in it.
extension IntegerEncoder {
  /// Writes the distinct values in rising order and each value's place among them, if that is smaller; else
  /// leaves `out` as it was and returns false.
  static func encodeSorted(
    _ values: UnsafeBufferPointer<Int64>, _ shape: Shape, _ out: inout ByteBuffer,
    _ scratch: inout IntegerScratch
  ) -> Bool {
    let count = values.count
    let bitsOtherwise = min(shape.valueBits, shape.deltaBits + 1) * count
    var counted = DistinctCount(&scratch.marks)
    for index in 0..<count { unsafe counted.insert(mix(values[index]), &scratch.marks) }
    let estimate = max(counted.estimate, 1)
    // What the table takes for each value: the mean distance to the next, and a little for its scatter.
    let tableBits = estimate * (shape.rangeBits - Shape.bits(UInt64(estimate)) + 3)
    if Shape.bits(UInt64(estimate)) * count + tableBits >= bitsOtherwise * 31 / 32 { return false }
    guard unsafe number(values, limit: min(count, estimate + estimate / 8 + 64), &scratch) else {
      return false
    }
    sort(&scratch, low: shape.low, bits: shape.rangeBits)
    let distinct = scratch.values.count
    scratch.lengths.removeAll()
    scratch.table.resize(to: max(distinct, scratch.table.count), filledWith: 0)
    for rank in 0..<distinct {
      scratch.table[Int(scratch.order[rank])] = Int32(rank)
      scratch.lengths.append(rank == 0 ? 0 : scratch.values[rank] &- scratch.values[rank - 1])
    }
    out.append(IntegerForm.sorted)
    out.append(varint: UInt64(distinct))
    out.append(zigzag: scratch.values[0])
    unsafe scratch.lengths.withUnsafeElements { unsafe pack($0, &out) }
    for index in 0..<count { scratch.places[index] = Int64(scratch.table[Int(scratch.places[index])]) }
    unsafe scratch.places.withUnsafeElements { unsafe pack($0, &out) }
    return true
  }

  private static func mix(_ value: Int64) -> UInt64 { UInt64(bitPattern: value) &* 0x9E37_79B9_7F4A_7C15 }

  /// Collects the distinct values and, as `places`, which of them each value is. False when there are more
  /// than `limit`, or when they collide too much.
  private static func number(
    _ values: UnsafeBufferPointer<Int64>, limit: Int, _ scratch: inout IntegerScratch
  ) -> Bool {
    let capacity = 1 << (64 - UInt64(limit).leadingZeroBitCount + 1)
    let shift = UInt64(64 - capacity.trailingZeroBitCount)
    scratch.table.removeAll()
    scratch.table.resize(to: capacity, filledWith: -1)
    scratch.values.removeAll()
    scratch.places.removeAll()
    for index in 0..<values.count {
      let value = unsafe values[index]
      var place = Int(truncatingIfNeeded: mix(value) &>> shift)
      var entry = scratch.table[place]
      var probes = 0
      while entry >= 0, scratch.values[Int(entry)] != value {
        place = (place &+ 1) & (capacity &- 1)
        entry = scratch.table[place]
        probes &+= 1
        // Values chosen to collide must not make this slow: another form then serves as well.
        if probes > 64 { return false }
      }
      if entry < 0 {
        if scratch.values.count == limit { return false }
        entry = Int32(truncatingIfNeeded: scratch.values.count)
        scratch.table[place] = entry
        scratch.values.append(value)
      }
      scratch.places.append(Int64(entry))
    }
    return true
  }

  /// Sorts the distinct values by their distance from `low`, of that many bits, eleven at a time from the
  /// lowest; `order` tells which each was.
  private static func sort(_ scratch: inout IntegerScratch, low: Int64, bits: Int) {
    let count = scratch.values.count
    scratch.order.removeAll()
    for index in 0..<count { scratch.order.append(Int32(truncatingIfNeeded: index)) }
    scratch.lengths.removeAll()
    scratch.lengths.resize(to: count, filledWith: 0)
    scratch.otherOrder.removeAll()
    scratch.otherOrder.resize(to: count, filledWith: 0)
    var shift: UInt64 = 0
    while shift < UInt64(bits) {
      scratch.starts.removeAll()
      scratch.starts.resize(to: 2049, filledWith: 0)
      for index in 0..<count { scratch.starts[digit(scratch.values[index], low, shift) + 1] &+= 1 }
      for digit in 0..<2048 { scratch.starts[digit + 1] &+= scratch.starts[digit] }
      for index in 0..<count {
        let digit = digit(scratch.values[index], low, shift)
        let to = Int(scratch.starts[digit])
        scratch.starts[digit] &+= 1
        scratch.lengths[to] = scratch.values[index]
        scratch.otherOrder[to] = scratch.order[index]
      }
      swap(&scratch.values, &scratch.lengths)
      swap(&scratch.order, &scratch.otherOrder)
      shift += 11
    }
  }

  @inline(__always) private static func digit(_ value: Int64, _ low: Int64, _ shift: UInt64) -> Int {
    Int(UInt64(bitPattern: value &- low) &>> shift & 2047)
  }
}

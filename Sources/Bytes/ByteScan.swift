import Glibc

/// Eight bytes as one number, first byte lowest: what can be told of all of them at once.
public enum ByteWord {
  @inlinable @inline(__always) public static func repeating(_ byte: UInt8) -> UInt64 {
    UInt64(byte) &* 0x0101_0101_0101_0101
  }

  /// How many bytes stand before the first zero byte; 8 when there is none.
  @inlinable @inline(__always) public static func firstZero(_ word: UInt64) -> Int {
    let zeros = (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080
    return zeros.trailingZeroBitCount &>> 3
  }

  /// How many decimal digits the word begins with, `word` being the text exclusive-or eight times `0`.
  @inlinable @inline(__always) public static func digitCount(_ word: UInt64) -> Int {
    let others = ((word &+ 0x7676_7676_7676_7676) | word) & 0x8080_8080_8080_8080
    return others.trailingZeroBitCount &>> 3
  }

  /// The number that eight digits say, first digit in the lowest byte, each byte 0 to 9.
  @inlinable @inline(__always) public static func number(_ digits: UInt64) -> UInt64 {
    let pairs = (digits &* (10 &<< 8 | 1)) &>> 8 & 0x00FF_00FF_00FF_00FF
    let quads = (pairs &* (100 &<< 16 | 1)) &>> 16 & 0x0000_FFFF_0000_FFFF
    return (quads &* (10_000 &<< 32 | 1)) &>> 32
  }
}

extension ByteView {
  /// The eight bytes from `offset`, those behind the end being zero. Traps when `offset` is negative.
  @inlinable @inline(__always) public func word(at offset: Int) -> UInt64 {
    precondition(offset >= 0)
    if count &- offset >= 8 {
      return unsafe UInt64(
        littleEndian: base.unsafelyUnwrapped.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }
    return wordAtEnd(offset)
  }

  @usableFromInline @inline(never) func wordAtEnd(_ offset: Int) -> UInt64 {
    let left = count &- offset
    if left <= 0 { return 0 }
    if count >= 8 { return load64(at: count - 8) &>> UInt64(8 &* (8 &- left)) }
    var word: UInt64 = 0
    for index in offset..<count { word |= UInt64(self[index]) &<< UInt64(8 &* (index &- offset)) }
    return word
  }

  /// Position of the first `byte` in `[start, end)`; `end` when there is none. Made for values of which most
  /// are shorter than eight bytes.
  @inlinable @inline(__always) public func scan(_ byte: UInt8, from start: Int, before end: Int) -> Int {
    let hit = ByteWord.firstZero(word(at: start) ^ ByteWord.repeating(byte))
    if hit < 8 || end &- start <= 8 { return min(start &+ hit, end) }
    return scanOn(byte, from: start &+ 8, before: end)
  }

  /// As `scan`, for what is longer.
  @inline(never) public func scanOn(_ byte: UInt8, from start: Int, before end: Int) -> Int {
    precondition(start >= 0 && start <= end && end <= count)
    var index = start
    if end &- index >= 16 {
      let hit = firstOfSixteen(index) { $0 .== SIMD16(repeating: byte) }
      if hit < 16 { return index &+ hit }
      index &+= 16
      let base = unsafe base.unsafelyUnwrapped
      guard let hit = unsafe memchr(base + index, Int32(byte), end &- index) else { return end }
      return unsafe UnsafeRawPointer(hit) - base
    }
    while index < end {
      let hit = ByteWord.firstZero(word(at: index) ^ ByteWord.repeating(byte))
      if hit < 8 { return min(index &+ hit, end) }
      index &+= 8
    }
    return end
  }

  /// Position of the first byte in `[start, end)` that is `"`, `{`, `|` or `}`; `end` when there is none.
  public func scanForCaptureEnd(from start: Int, before end: Int) -> Int {
    precondition(start >= 0 && start <= end && end <= count)
    let quote = SIMD16<UInt8>(repeating: UInt8(ascii: "\"")),
      brace = SIMD16<UInt8>(repeating: UInt8(ascii: "{"))
    var index = start
    while end &- index >= 16 {
      let hit = firstOfSixteen(index) { $0 .== quote .| ($0 &- brace .<= SIMD16(repeating: 2)) }
      if hit < 16 { return index &+ hit }
      index &+= 16
    }
    while index < end {
      let byte = self[index]
      if byte == UInt8(ascii: "\"") || byte &- UInt8(ascii: "{") <= 2 { return index }
      index &+= 1
    }
    return end
  }

  /// Position of the last `byte` before the first `stop` in `[start, end)` (before `end` when there is no
  /// stop); -1 when there is none.
  public func scanForLast(_ byte: UInt8, beforeFirst stop: UInt8, from start: Int, before end: Int) -> Int {
    precondition(start >= 0 && start <= end && end <= count)
    let bytes = ByteWord.repeating(byte), stops = ByteWord.repeating(stop)
    var last = -1
    var index = start
    while index < end {
      let word = word(at: index)
      let left = min(ByteWord.firstZero(word ^ stops), end &- index)
      var rest = word ^ bytes
      var passed = 0
      // Rarely more than one in eight bytes.
      while true {
        let hit = ByteWord.firstZero(rest) &+ passed
        if hit >= left { break }
        last = index &+ hit
        passed = hit &+ 1
        if passed == 8 { break }
        rest = (word ^ bytes) &>> UInt64(passed &* 8) | .max &<< UInt64(64 &- passed &* 8)
      }
      if left < 8 { break }
      index &+= 8
    }
    return last
  }

  /// Of the sixteen bytes from `index`, which must be there, the first that `test` marks; 16 when it marks
  /// none.
  @inline(__always) private func firstOfSixteen(
    _ index: Int, _ test: (SIMD16<UInt8>) -> SIMDMask<SIMD16<Int8>>
  ) -> Int {
    let bytes = unsafe base.unsafelyUnwrapped.loadUnaligned(fromByteOffset: index, as: SIMD16<UInt8>.self)
    let marks = unsafe unsafeBitCast(test(bytes), to: SIMD2<UInt64>.self)
    if marks[0] != 0 { return marks[0].trailingZeroBitCount &>> 3 }
    return 8 &+ marks[1].trailingZeroBitCount &>> 3
  }
}

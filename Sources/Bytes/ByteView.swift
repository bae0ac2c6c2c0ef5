import Glibc

/// A borrowed run of bytes: a pointer and a count, nothing owned.
///
/// The data path passes views by value between stages that share one slab, so no byte is copied and no
/// reference is counted. Every access is checked against `count`; what is *not* checked is the lifetime: a
/// view is valid for as long as the storage it was made from, and whoever makes one says which storage that
/// is.
@safe public struct ByteView: Sendable, BitwiseCopyable {
  @usableFromInline nonisolated(unsafe) let base: UnsafeRawPointer?
  /// Number of bytes.
  public let count: Int

  /// The empty view.
  @inlinable public init() {
    unsafe base = nil
    count = 0
  }

  /// Views `count` bytes at `base`. The caller keeps them alive and unchanged while the view is in use.
  @inlinable public init(unsafeBase base: UnsafeRawPointer?, count: Int) {
    precondition(count >= 0)
    unsafe self.base = base
    self.count = count
  }

  /// Views a raw buffer, which the caller keeps alive and unchanged while the view is in use.
  @inlinable public init(_ buffer: UnsafeRawBufferPointer) {
    unsafe self.init(unsafeBase: buffer.baseAddress, count: buffer.count)
  }

  @inlinable public var isEmpty: Bool { count == 0 }

  /// The byte at `index`. Traps when out of bounds.
  @inlinable public subscript(index: Int) -> UInt8 {
    precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
    return unsafe base.unsafelyUnwrapped.load(fromByteOffset: index, as: UInt8.self)
  }

  /// The view of `[start, end)`. Traps when out of bounds.
  @inlinable public subscript(start: Int, end: Int) -> ByteView {
    precondition(start >= 0 && start <= end && end <= count)
    return unsafe ByteView(unsafeBase: base.map { unsafe $0 + start }, count: end - start)
  }

  /// The view from `start` to the end. Traps when out of bounds.
  @inlinable public func dropFirst(_ start: Int) -> ByteView { self[start, count] }

  /// The view of the first `end` bytes. Traps when out of bounds.
  @inlinable public func prefix(_ end: Int) -> ByteView { self[0, end] }

  /// Position of the first `byte` at or after `start`; nil when there is none.
  @inlinable public func find(_ byte: UInt8, from start: Int = 0) -> Int? {
    precondition(start >= 0 && start <= count)
    guard start < count, let base = unsafe base else { return nil }
    guard let hit = unsafe memchr(base + start, Int32(byte), count - start) else { return nil }
    return unsafe UnsafeRawPointer(hit) - base
  }

  /// Position of the first `byte` in `[start, end)`; nil when there is none. Made for values of a few dozen
  /// bytes, where a call of `memchr` costs more than it saves.
  @inlinable public func findShort(_ byte: UInt8, from start: Int, before end: Int) -> Int? {
    precondition(start >= 0 && end <= count)
    var index = start
    let pattern = UInt64(byte) &* 0x0101_0101_0101_0101
    var left = 8
    while end &- index >= 8, left > 0 {
      let word = load64(at: index) ^ pattern
      let hit = (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080
      if hit != 0 { return index &+ hit.trailingZeroBitCount &>> 3 }
      index &+= 8
      left &-= 1
    }
    if left == 0 { return prefix(end).find(byte, from: index) }
    while index < end {
      if self[index] == byte { return index }
      index &+= 1
    }
    return nil
  }

  /// Position of the last `byte` before `end`; nil when there is none.
  @inlinable public func findLast(_ byte: UInt8, before end: Int) -> Int? {
    precondition(end >= 0 && end <= count)
    guard end > 0, let base = unsafe base else { return nil }
    var index = end - 1
    while index >= 0 {
      if unsafe base.load(fromByteOffset: index, as: UInt8.self) == byte { return index }
      index -= 1
    }
    return nil
  }

  /// Position of the first occurrence of `needle` at or after `start`. An empty needle is found at `start`.
  @inlinable public func find(_ needle: ByteView, from start: Int = 0) -> Int? {
    if needle.isEmpty { return start <= count ? start : nil }
    precondition(start >= 0 && start <= count)
    let first = needle[0]
    var candidate = start
    while let hit = find(first, from: candidate) {
      if needle.count > count - hit { return nil }
      if matches(needle, at: hit) { return hit }
      candidate = hit + 1
    }
    return nil
  }

  /// Whether the bytes from `start` begin with `other`.
  @inlinable public func matches(_ other: ByteView, at start: Int) -> Bool {
    guard start >= 0, other.count <= count - start else { return false }
    if other.count == 0 { return true }
    return unsafe memcmp(base.unsafelyUnwrapped + start, other.base.unsafelyUnwrapped, other.count) == 0
  }

  /// Eight bytes from `offset` as a little-endian integer. Traps when fewer are left.
  @inlinable public func load64(at offset: Int) -> UInt64 {
    precondition(offset >= 0 && count - offset >= 8)
    return unsafe UInt64(
      littleEndian: base.unsafelyUnwrapped.loadUnaligned(
        fromByteOffset: offset, as: UInt64.self))
  }

  /// Four bytes from `offset` as a little-endian integer. Traps when fewer are left.
  @inlinable public func load32(at offset: Int) -> UInt32 {
    precondition(offset >= 0 && count - offset >= 4)
    return unsafe UInt32(
      littleEndian: base.unsafelyUnwrapped.loadUnaligned(
        fromByteOffset: offset, as: UInt32.self))
  }

  /// The last up to eight bytes from `offset`, zero-extended: the tail of a word-at-a-time loop.
  @inlinable @inline(__always) func loadTail(at offset: Int) -> UInt64 {
    let left = count - offset
    if left >= 8 { return load64(at: offset) }
    if left >= 4 {
      return UInt64(load32(at: offset)) | UInt64(load32(at: count - 4)) &<< UInt64(8 &* (left &- 4))
    }
    if left == 0 { return 0 }
    return UInt64(self[offset]) | UInt64(self[offset + left / 2]) &<< 8 | UInt64(self[count - 1]) &<< 16
      | UInt64(left) &<< 24
  }

  /// A 64-bit hash for in-memory tables (multiply and fold). Not for anything an attacker may profit from: a
  /// table keyed by it must stay correct, and bounded, under collisions.
  @inlinable @inline(__always) public func hash64(seed: UInt64 = 0x9E37_79B9_7F4A_7C15) -> UInt64 {
    var hash = seed ^ UInt64(truncatingIfNeeded: count) &* 0xA076_1D64_78BD_642F
    var offset = 0
    while count - offset > 8 {
      hash = Self.fold(hash ^ load64(at: offset), 0xE703_7ED1_A0B4_28DB)
      offset += 8
    }
    return Self.fold(hash ^ loadTail(at: offset), 0x8EBC_6AF0_9C88_C6E3)
  }

  @inlinable static func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let (high, low) = a.multipliedFullWidth(by: b)
    return high ^ low
  }

  /// Calls `body` with the bytes as a raw buffer, for C functions.
  @inlinable public func withUnsafeBytes<R, E: Error>(
    _ body: (UnsafeRawBufferPointer) throws(E) -> R
  ) throws(E) -> R {
    try unsafe body(UnsafeRawBufferPointer(start: base, count: count))
  }

  /// A copy of the bytes.
  public var array: [UInt8] {
    unsafe Array(UnsafeRawBufferPointer(start: base, count: count))
  }

  /// The bytes as text; invalid UTF-8 becomes U+FFFD. For people, never for comparison or storage.
  public var text: String {
    unsafe String(decoding: UnsafeRawBufferPointer(start: base, count: count), as: UTF8.self)
  }
}

extension ByteView: Equatable {
  @inlinable public static func == (a: ByteView, b: ByteView) -> Bool {
    a.count == b.count && a.matches(b, at: 0)
  }
}

extension [UInt8] {
  /// Calls `body` with a view of the array, valid during the call.
  @inlinable public func withView<R, E: Error>(_ body: (ByteView) throws(E) -> R) throws(E) -> R {
    try unsafe span.withUnsafeBytes { (buffer) throws(E) -> R in try unsafe body(ByteView(buffer)) }
  }
}

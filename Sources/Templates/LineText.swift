import Bytes

/// One line while it is matched: bytes are read eight at a time, without looking twice whether they are there.
///
/// Offsets are never negative: matching starts at 0 and goes forward. Beyond the end stand zeros.
@safe struct LineText {
  private let base: UnsafeRawPointer?
  private let view: ByteView
  private let lastWord: Int

  @inline(__always) init(_ view: ByteView) {
    unsafe base = view.withUnsafeBytes { $0.baseAddress }
    self.view = view
    lastWord = view.count &- 8
  }

  /// The eight bytes from `offset`.
  @inline(__always) func word(_ offset: Int) -> UInt64 {
    if offset > lastWord { return view.word(at: offset) }
    return unsafe UInt64(
      littleEndian: base.unsafelyUnwrapped.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }

  /// Whether eight bytes stand from `offset` on.
  @inline(__always) func hasWord(_ offset: Int) -> Bool { offset <= lastWord }

  /// The eight bytes from `offset`, where they are known to stand.
  @inline(__always) func wholeWord(_ offset: Int) -> UInt64 {
    unsafe UInt64(littleEndian: base.unsafelyUnwrapped.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }

  /// Position of the first `byte` in `[start, end)`; `end` when there is none.
  @inline(__always) func scan(_ byte: UInt8, _ start: Int, _ end: Int) -> Int {
    let hit = ByteWord.firstZero(word(start) ^ ByteWord.repeating(byte))
    if hit < 8 || end &- start <= 8 { return min(start &+ hit, end) }
    return view.scanOn(byte, from: start &+ 8, before: end)
  }

  /// The text `[start, end)`.
  @inline(__always) func text(_ start: Int, _ end: Int) -> ByteView { view[start, end] }

  /// Whether `bytes` stand at `offset`; the caller knows that there is room.
  @inline(__always) func matches(_ bytes: ByteView, at offset: Int) -> Bool {
    view.matches(bytes, at: offset)
  }

  /// Position of the last `byte` before the first `"` in `[start, end)`; -1 when there is none.
  @inline(__always) func scanForLast(_ byte: UInt8, _ start: Int, _ end: Int) -> Int {
    view.scanForLast(byte, beforeFirst: UInt8(ascii: "\""), from: start, before: end)
  }

  @inline(__always) func scanForCaptureEnd(_ start: Int, _ end: Int) -> Int {
    view.scanForCaptureEnd(from: start, before: end)
  }

  /// Whether a byte in `[start, end)` is a colon, before one that is not of an address.
  @inline(__always) func hasColon(_ start: Int, _ end: Int) -> Bool {
    let digits = ByteWord.digitCount(word(start) ^ ByteWord.repeating(UInt8(ascii: "0")))
    var index = start &+ digits
    while index < end {
      let byte = UInt8(truncatingIfNeeded: word(index))
      if byte == UInt8(ascii: ":") { return true }
      if !Extent.isAddressByte(byte), byte != UInt8(ascii: "-") { return false }
      index &+= 1
    }
    return false
  }
}

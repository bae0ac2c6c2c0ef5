/// Memory of the growing buffers.
///
/// Large runs would all begin at the same offset in a page, and then at the same sets of the caches: dozens
/// of columns written or read side by side, row by row, would evict each other. So each large run begins at a
/// multiple of 64 bytes of its own behind what the allocator gave, and keeps the address of that just before
/// itself.
@safe enum Storage {
  private static let leastLarge = 16_384
  private static let room = 4096 + 64

  /// What no bytes are kept at: of the thousands of columns of all templates only few are ever used.
  nonisolated(unsafe) private static let nothing = UnsafeMutableRawPointer.allocate(
    byteCount: 16, alignment: 16)

  /// Uninitialised memory of `byteCount` bytes.
  static func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer {
    if byteCount == 0 { return unsafe nothing }
    if byteCount < leastLarge { return .allocate(byteCount: byteCount, alignment: 1) }
    let whole = UnsafeMutableRawPointer.allocate(byteCount: byteCount + room, alignment: 1)
    let mixed = UInt64(UInt(bitPattern: whole)) &>> 4 &* 0x9E37_79B9_7F4A_7C15
    let start = unsafe whole + (1 + Int(mixed &>> 58)) * 64
    unsafe (start - 8).storeBytes(of: whole, as: UnsafeMutableRawPointer.self)
    return unsafe start
  }

  /// Gives back what `allocate` gave for so many bytes.
  static func deallocate(_ base: UnsafeMutableRawPointer, _ byteCount: Int) {
    if byteCount == 0 { return }
    if byteCount < leastLarge { return unsafe base.deallocate() }
    unsafe (base - 8).loadUnaligned(as: UnsafeMutableRawPointer.self).deallocate()
  }
}

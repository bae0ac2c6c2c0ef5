import Glibc

/// Memory into which text is put together, and which never moves while views of it are in use: where it is
/// full, another run is added. `removeAll` makes one run of all for the next time.
@safe public struct TextRegion: ~Copyable, @unchecked Sendable {
  private var base: UnsafeMutableRawPointer
  private var capacity: Int
  private var used = 0
  /// Bytes in runs before the present one.
  private var earlier = 0
  private var full = ValueList<Int>()

  public init() {
    capacity = 0
    unsafe base = .allocate(byteCount: 16, alignment: 16)
  }

  deinit {
    for index in 0..<full.count { unsafe UnsafeMutableRawPointer(bitPattern: full[index])?.deallocate() }
    unsafe base.deallocate()
  }

  /// Bytes written since `removeAll`, as far as they were not given back.
  public var count: Int { earlier + used }

  /// Gives all text back. No view of it may be used any more.
  public mutating func removeAll() {
    let most = earlier + used
    used = 0
    if full.count == 0 { return }
    for index in 0..<full.count { unsafe UnsafeMutableRawPointer(bitPattern: full[index])?.deallocate() }
    full.removeAll()
    unsafe base.deallocate()
    earlier = 0
    capacity = most + most / 4
    unsafe base = .allocate(byteCount: capacity + 16, alignment: 16)
  }

  /// Makes room for `more` bytes in one run.
  @inline(__always) public mutating func reserve(_ more: Int) {
    if capacity &- used < more { addRun(more) }
  }

  @inline(never) private mutating func addRun(_ more: Int) {
    unsafe full.append(Int(bitPattern: base))
    earlier += used
    used = 0
    capacity = max(more, capacity * 2, 4096)
    unsafe base = .allocate(byteCount: capacity + 16, alignment: 16)
  }

  /// The place where the next byte goes.
  @inline(__always) public var position: Int { used }

  /// What was written from `position` on, which must have been in this run: `reserve` came before it.
  @inline(__always) public func text(from position: Int) -> ByteView {
    precondition(position >= 0 && position <= used)
    return unsafe ByteView(unsafeBase: base + position, count: used &- position)
  }

  /// Appends `text`, for which room was reserved. Traps when there is none.
  @inline(__always) public mutating func append(_ text: ByteView) {
    let count = text.count
    precondition(capacity &- used >= count)
    let to = unsafe base + used
    used &+= count
    unsafe text.withUnsafeBytes { from in
      guard let from = from.baseAddress else { return }
      if count > 32 {
        unsafe memcpy(to, from, count)
      } else if count > 16 {
        unsafe Self.copyEnds(from, to, count, SIMD2<UInt64>.self)
      } else if count >= 8 {
        unsafe Self.copyEnds(from, to, count, UInt64.self)
      } else if count >= 4 {
        unsafe Self.copyEnds(from, to, count, UInt32.self)
      } else if count > 0 {
        let first = unsafe from.load(as: UInt8.self),
          middle = unsafe from.load(fromByteOffset: count &>> 1, as: UInt8.self)
        let last = unsafe from.load(fromByteOffset: count &- 1, as: UInt8.self)
        unsafe to.storeBytes(of: first, as: UInt8.self)
        unsafe to.storeBytes(of: middle, toByteOffset: count &>> 1, as: UInt8.self)
        unsafe to.storeBytes(of: last, toByteOffset: count &- 1, as: UInt8.self)
      }
    }
  }

  /// Copies the first and last bytes of a text that is between one and two such words long.
  @inline(__always) private static func copyEnds<Word: BitwiseCopyable>(
    _ from: UnsafeRawPointer, _ to: UnsafeMutableRawPointer, _ count: Int, _: Word.Type
  ) {
    let tail = count &- MemoryLayout<Word>.size
    let first = unsafe from.loadUnaligned(as: Word.self)
    let last = unsafe from.loadUnaligned(fromByteOffset: tail, as: Word.self)
    unsafe to.storeBytes(of: first, as: Word.self)
    unsafe to.storeBytes(of: last, toByteOffset: tail, as: Word.self)
  }

  /// Appends a number in decimal, for which 20 bytes were reserved.
  @inline(__always) public mutating func append(decimal value: UInt64) {
    precondition(capacity &- used >= 20)
    let count = DecimalText.digitCount(value)
    unsafe DecimalText.write(value, count, base + used)
    used &+= count
  }

  /// Appends one byte, for which room was reserved.
  @inline(__always) public mutating func append(_ byte: UInt8) {
    precondition(capacity &- used >= 1)
    unsafe base.storeBytes(of: byte, toByteOffset: used, as: UInt8.self)
    used &+= 1
  }
}

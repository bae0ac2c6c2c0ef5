import Glibc

/// Bytes that are owned, grow, and are reused: `removeAll` keeps the storage.
///
/// Not copyable, so that handing one on never copies and never counts references.
@safe public struct ByteBuffer: ~Copyable, Sendable {
  @usableFromInline nonisolated(unsafe) var base: UnsafeMutablePointer<UInt8>
  @usableFromInline var capacity: Int
  /// Number of bytes written.
  @inlinable public var count: Int { used }
  @usableFromInline var used: Int

  /// An empty buffer with room for `capacity` bytes.
  public init(capacity: Int = 0) {
    precondition(capacity >= 0)
    self.capacity = capacity
    unsafe base = Storage.allocate(capacity).assumingMemoryBound(to: UInt8.self)
    used = 0
  }

  /// A buffer holding a copy of `bytes`.
  public init(_ bytes: ByteView) {
    self.init(capacity: bytes.count)
    append(bytes)
  }

  deinit { unsafe Storage.deallocate(base, capacity) }

  @inlinable public var isEmpty: Bool { count == 0 }

  /// Bytes that can be written before the storage must grow.
  @inlinable public var room: Int { capacity - used }

  /// The bytes. Valid until the buffer is next changed or freed.
  @inlinable public var view: ByteView { unsafe ByteView(unsafeBase: base, count: count) }

  /// Empties the buffer and keeps its storage.
  @inlinable public mutating func removeAll() { used = 0 }

  /// Drops all but the first `newCount` bytes.
  public mutating func truncate(to newCount: Int) {
    precondition(newCount >= 0 && newCount <= count)
    used = newCount
  }

  /// Drops the first `dropped` bytes and moves the rest to the front.
  public mutating func removeFirst(_ dropped: Int) {
    precondition(dropped >= 0 && dropped <= count)
    used -= dropped
    if dropped > 0 { unsafe memmove(base, base + dropped, count) }
  }

  /// Makes room for `more` bytes.
  @inlinable @inline(__always) public mutating func reserve(_ more: Int) {
    if capacity &- count < more { grow(more) }
  }

  @usableFromInline @inline(never) mutating func grow(_ more: Int) {
    let wanted = max(count + more, capacity * 2, 64)
    let grown = unsafe Storage.allocate(wanted).assumingMemoryBound(to: UInt8.self)
    unsafe memcpy(grown, base, count)
    unsafe Storage.deallocate(base, capacity)
    unsafe base = grown
    capacity = wanted
  }

  /// Appends one byte.
  @inlinable @inline(__always) public mutating func append(_ byte: UInt8) {
    reserve(1)
    unsafe base[count] = byte
    used &+= 1
  }

  /// Appends a copy of `bytes`.
  @inlinable @inline(__always) public mutating func append(_ bytes: ByteView) {
    if bytes.count == 0 { return }
    reserve(bytes.count)
    unsafe bytes.withUnsafeBytes { source in
      _ = unsafe memcpy(base + count, source.baseAddress.unsafelyUnwrapped, source.count)
    }
    used &+= bytes.count
  }

  /// Appends a copy of `bytes`.
  public mutating func append(_ bytes: [UInt8]) { bytes.withView { append($0) } }

  /// Appends the UTF-8 of `text`.
  public mutating func append(_ text: String) {
    var text = text
    text.withUTF8 { utf8 in unsafe append(ByteView(UnsafeRawBufferPointer(utf8))) }
  }

  /// Appends `value`, little-endian.
  @inlinable @inline(__always) public mutating func append<T: FixedWidthInteger & BitwiseCopyable>(
    littleEndian value: T
  ) {
    reserve(MemoryLayout<T>.size)
    unsafe UnsafeMutableRawPointer(base + count).storeBytes(of: value.littleEndian, as: T.self)
    used &+= MemoryLayout<T>.size
  }

  /// Overwrites the bytes at `offset` with `value`, little-endian.
  public mutating func store<T: FixedWidthInteger & BitwiseCopyable>(littleEndian value: T, at offset: Int) {
    precondition(offset >= 0 && offset + MemoryLayout<T>.size <= count)
    unsafe UnsafeMutableRawPointer(base + offset).storeBytes(of: value.littleEndian, as: T.self)
  }

  /// Appends `value` as a varint: seven bits a byte, least significant first (LEB128).
  @inlinable @inline(__always) public mutating func append(varint value: UInt64) {
    reserve(10)
    var value = value
    while value >= 0x80 {
      unsafe base[count] = UInt8(truncatingIfNeeded: value) | 0x80
      used &+= 1
      value &>>= 7
    }
    unsafe base[count] = UInt8(truncatingIfNeeded: value)
    used &+= 1
  }

  /// Appends a signed integer as a varint of its zigzag form.
  public mutating func append(zigzag value: Int64) {
    append(varint: UInt64(bitPattern: value &<< 1) ^ UInt64(bitPattern: value &>> 63))
  }

  /// Appends a byte count as a varint, then the bytes.
  public mutating func append(lengthPrefixed bytes: ByteView) {
    append(varint: UInt64(bytes.count))
    append(bytes)
  }

  /// Appends what `body` writes into the room it is given (at least `minimum` bytes). `body` returns how many
  /// bytes it wrote.
  @inlinable @inline(__always) public mutating func append<E: Error>(
    minimum: Int, _ body: (UnsafeMutableRawBufferPointer) throws(E) -> Int
  ) throws(E) {
    reserve(minimum)
    let written = try unsafe body(
      UnsafeMutableRawBufferPointer(start: base + count, count: capacity - count))
    precondition(written >= 0 && written <= capacity - count)
    used += written
  }

  /// Calls `body` with the written bytes, to be changed in place.
  public mutating func withUnsafeMutableBytes<R, E: Error>(
    _ body: (UnsafeMutableRawBufferPointer) throws(E) -> R
  ) throws(E) -> R {
    try unsafe body(UnsafeMutableRawBufferPointer(start: base, count: count))
  }
}

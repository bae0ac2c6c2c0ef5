/// Why bytes could not be read as what they should be, and where.
public struct DecodeError: Error, Equatable, Sendable {
  public enum Reason: UInt8, Sendable {
    /// Fewer bytes are left than the value needs.
    case truncated
    /// The bytes are there and cannot mean anything, or break a bound of the format.
    case invalid
    /// A version or kind that this program does not know.
    case unsupported
  }
  public var reason: Reason
  /// Byte offset in the view that was being read.
  public var offset: Int

  public init(_ reason: Reason, at offset: Int) {
    self.reason = reason
    self.offset = offset
  }
}

/// A cursor that reads a view from front to back. Every read is checked and throws `DecodeError`.
public struct ByteReader: Sendable {
  public let view: ByteView
  /// Offset of the next byte to read.
  public private(set) var offset: Int

  public init(_ view: ByteView, at offset: Int = 0) {
    self.view = view
    self.offset = offset
  }

  public var remaining: Int { view.count - offset }

  /// A `DecodeError` at the present place.
  public func error(_ reason: DecodeError.Reason = .invalid) -> DecodeError {
    DecodeError(reason, at: offset)
  }

  /// Throws unless everything has been read.
  public func expectEnd() throws(DecodeError) {
    if remaining != 0 { throw error() }
  }

  public mutating func byte() throws(DecodeError) -> UInt8 {
    guard offset < view.count else { throw error(.truncated) }
    defer { offset += 1 }
    return view[offset]
  }

  public mutating func bytes(_ count: Int) throws(DecodeError) -> ByteView {
    guard count >= 0, count <= remaining else { throw error(.truncated) }
    defer { offset += count }
    return view[offset, offset + count]
  }

  /// A little-endian integer.
  public mutating func integer<T: FixedWidthInteger & BitwiseCopyable>(_: T.Type = T.self) throws(DecodeError)
    -> T
  {
    let bytes = try bytes(MemoryLayout<T>.size)
    return unsafe bytes.withUnsafeBytes { unsafe T(littleEndian: $0.loadUnaligned(as: T.self)) }
  }

  /// A varint (LEB128) of at most 64 bits, in its shortest form.
  public mutating func varint() throws(DecodeError) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while true {
      let byte = try byte()
      if shift == 63, byte > 1 { throw error() }
      value |= UInt64(byte & 0x7F) &<< shift
      if byte < 0x80 {
        if byte == 0, shift > 0 { throw error() }
        return value
      }
      shift += 7
      if shift > 63 { throw error() }
    }
  }

  /// A varint that must not exceed `limit`.
  public mutating func count(limit: Int) throws(DecodeError) -> Int {
    let value = try varint()
    guard value <= UInt64(limit) else { throw error() }
    return Int(value)
  }

  /// A zigzag varint.
  public mutating func zigzag() throws(DecodeError) -> Int64 {
    let value = try varint()
    return Int64(bitPattern: value &>> 1) ^ -Int64(bitPattern: value & 1)
  }

  /// A varint byte count, at most `limit`, then that many bytes.
  public mutating func lengthPrefixed(limit: Int) throws(DecodeError) -> ByteView {
    try bytes(count(limit: limit))
  }
}

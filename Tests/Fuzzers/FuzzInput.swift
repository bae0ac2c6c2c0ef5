import Bytes

/// Takes an input apart. Never runs out: behind the end there are zeros and nothing.
struct FuzzInput {
  private let bytes: ByteView
  private var offset = 0

  init(_ bytes: ByteView) { self.bytes = bytes }

  var isEmpty: Bool { offset == bytes.count }

  mutating func byte() -> UInt8 {
    if isEmpty { return 0 }
    defer { offset += 1 }
    return bytes[offset]
  }

  mutating func integer() -> UInt64 {
    var value: UInt64 = 0
    for _ in 0..<8 { value = value << 8 | UInt64(byte()) }
    return value
  }

  mutating func below(_ bound: Int) -> Int { Int(byte()) % bound }

  /// Up to the next LF, which is left out, or the end.
  mutating func line() -> ByteView {
    let end = bytes.find(0x0A, from: offset) ?? bytes.count
    defer { offset = min(end + 1, bytes.count) }
    return bytes[offset, end]
  }

  mutating func rest() -> ByteView {
    defer { offset = bytes.count }
    return bytes.dropFirst(offset)
  }
}

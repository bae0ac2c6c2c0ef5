/// The bytes that a text of some template may begin with.
struct FirstBytes: BitwiseCopyable, Sendable {
  private var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

  private static let digits = Array("0123456789".utf8)

  /// Never too few: where a template's first value may be anything, all bytes.
  init(of template: Template) {
    if let byte = template.literals[0].first {
      insert([byte])
    } else if let slot = template.slots.first {
      insert(of: slot)
    }
  }

  private mutating func insert(of slot: Slot) {
    guard slot.alternatives.isEmpty else { return insertAll() }
    insert([UInt8(ascii: "-")])
    switch (slot.syntax, slot.column) {
    case (.number, .integer), (.number, .plusInteger):
      insert(Self.digits)
      insert(Array("+".utf8))
    case (.status, .status): insert(Self.digits)
    case (.address, .address):
      for byte in UInt8.min...UInt8.max where Extent.isAddressByte(byte) { insert([byte]) }
      insert(Array("u".utf8))
    case (.time, .clfTime), (.time, .isoTime): insert(Self.digits)
    case (.time, .syslogTime): insert(Array("JFMASOND".utf8))
    default: insertAll()
    }
  }

  private mutating func insertAll() { words = (.max, .max, .max, .max) }

  private mutating func insert(_ bytes: [UInt8]) {
    for byte in bytes {
      let bit = UInt64(1) &<< UInt64(byte & 63)
      switch byte >> 6 {
      case 0: words.0 |= bit
      case 1: words.1 |= bit
      case 2: words.2 |= bit
      default: words.3 |= bit
      }
    }
  }

  @inline(__always) func contains(_ byte: UInt8) -> Bool {
    let low = byte & 64 == 0 ? words.0 : words.1, high = byte & 64 == 0 ? words.2 : words.3
    return (byte < 128 ? low : high) &>> UInt64(byte & 63) & 1 != 0
  }
}

/// Some of the fields.
struct FieldSet: Equatable, Sendable {
  private var words = SIMD4<UInt64>()

  init() {}

  func contains(_ field: Field) -> Bool {
    words[Int(field.rawValue) / 64] & 1 &<< UInt64(field.rawValue % 64) != 0
  }

  mutating func insert(_ field: Field) {
    words[Int(field.rawValue) / 64] |= 1 &<< UInt64(field.rawValue % 64)
  }

  mutating func remove(_ field: Field) {
    words[Int(field.rawValue) / 64] &= ~(1 &<< UInt64(field.rawValue % 64))
  }
}

import Bytes
import Templates

extension ColumnType {
  /// Whether values of the type may need a second number.
  var hasSecond: Bool {
    switch self {
    case .text, .identifier, .clfTime, .isoTime, .hexAddress: true
    default: false
    }
  }
}

/// The values of one slot in one block, as they are collected.
///
///     column   integers(kinds) [integers(a)] [integers(b)] [text]
///
/// Every row has a kind (`StoredValue.kind`; in a slot with alternatives, which of them). Rows of kind 0 have
/// a text, rows of kind 2 and more have `a` (and `b`, where the column type has one), unless the slot has
/// alternatives: then their values are in the alternative's own columns.
struct SlotColumn: ~Copyable, Sendable {
  /// The kind of every row so far, as long as all have the same: then `kinds` is empty.
  private var commonKind: UInt8 = 0
  private var commonCount = 0
  private var kinds = ByteBuffer()
  private(set) var a = ValueList<Int64>()
  private(set) var b = ValueList<Int64>()
  private(set) var text = TextColumn()
  let type: ColumnType
  let hasAlternatives: Bool

  init(type: ColumnType, hasAlternatives: Bool) {
    self.type = type
    self.hasAlternatives = hasAlternatives
  }

  var rowCount: Int { commonCount + kinds.count }

  func kind(_ row: Int) -> UInt8 { commonCount > 0 ? commonKind : kinds.view[row] }

  mutating func removeAll() {
    commonCount = 0
    kinds.removeAll()
    a.removeAll()
    b.removeAll()
    text.removeAll()
  }

  @inline(__always) mutating func append(_ value: StoredValue, _ bytes: ByteView) {
    if commonCount > 0, value.kind == commonKind {
      commonCount &+= 1
    } else {
      appendOther(value.kind)
    }
    if value.kind == StoredValue.verbatim {
      text.append(bytes)
    } else if value.kind != StoredValue.absent, !hasAlternatives {
      a.append(value.a)
      if type.hasSecond { b.append(value.b) }
    }
  }

  private mutating func appendOther(_ kind: UInt8) {
    if rowCount == 0 {
      commonKind = kind
      commonCount = 1
      return
    }
    while commonCount > 0 {
      kinds.append(commonKind)
      commonCount &-= 1
    }
    kinds.append(kind)
  }

  /// Appends the column; `renumber` gives the number under which an alternative is stored. Returns the filter
  /// over its values, if it is to have one.
  func encode(
    to out: inout ByteBuffer, renumber: [UInt8], filters: inout ByteBuffer, _ scratch: inout ColumnScratch
  ) {
    encodeKinds(to: &out, renumber, &scratch)
    if a.count > 0 {
      IntegerEncoder.encode(a, to: &out, &scratch.integers)
      if type.hasSecond { IntegerEncoder.encode(b, to: &out, &scratch.integers) }
    }
    text.encode(to: &out, &scratch)
    Filter.append(self, to: &filters, &scratch)
  }

  private func encodeKinds(to out: inout ByteBuffer, _ renumber: [UInt8], _ scratch: inout ColumnScratch) {
    func stored(_ kind: UInt8) -> Int64 { Int64(hasAlternatives && kind > 0 ? renumber[Int(kind)] : kind) }
    if commonCount > 0 { return IntegerEncoder.encode(constant: stored(commonKind), to: &out) }
    scratch.numbers.removeAll()
    let kinds = kinds.view
    for row in 0..<kinds.count { scratch.numbers.append(stored(kinds[row])) }
    IntegerEncoder.encode(scratch.numbers, to: &out, &scratch.integers)
  }
}

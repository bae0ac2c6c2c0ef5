import Bytes
import Templates

/// The values of one slot in one block, read back; every row is reached directly.
@safe public struct DecodedColumn: ~Copyable, Sendable {
  public let type: ColumnType
  public let hasAlternatives: Bool
  /// Number of rows, over which `value` and `kind` are defined.
  public internal(set) var rowCount = 0
  /// Empty where all rows have `constantKind`.
  var kinds = ValueList<UInt8>()
  var constantKind: UInt8?
  /// For rows of mixed kinds: the row's place among the rows that are stored together with it.
  var positions = ValueList<UInt32>()
  public internal(set) var a = ValueList<Int64>()
  public internal(set) var b = ValueList<Int64>()
  public internal(set) var text = DecodedText()
  /// Rows of each alternative, counted from 0 (which is: none).
  public internal(set) var alternativeRows: [Int] = []

  init(type: ColumnType, hasAlternatives: Bool) {
    self.type = type
    self.hasAlternatives = hasAlternatives
  }

  /// Reads `rows` rows. `alternatives` is how many the slot has; `limit` bounds the bytes of its texts.
  /// Without positions single rows cannot be reached.
  mutating func decode(
    _ rows: Int, alternatives: Int, from reader: inout ByteReader, limit: Int, withText: Bool = true,
    withPositions: Bool = true
  ) throws(DecodeError) {
    let (texts, numbers) = try decodeKinds(
      rows, alternatives: alternatives, from: &reader, withPositions: withPositions)
    if numbers > 0 {
      try IntegerDecoder.decode(numbers, from: &reader, into: &a)
      if type.hasSecond { try IntegerDecoder.decode(numbers, from: &reader, into: &b) }
    }
    if withText { try decodeText(texts, from: &reader, limit: limit) }
  }

  /// Reads the texts of the rows of kind 0, where they are stored apart.
  mutating func decodeText(_ rows: Int, from reader: inout ByteReader, limit: Int) throws(DecodeError) {
    try text.decode(rows, from: &reader, limit: limit)
  }

  /// Reads the kinds of `rows` rows; returns how many of them are stored as texts, and how many as numbers.
  private mutating func decodeKinds(
    _ rows: Int, alternatives: Int, from reader: inout ByteReader, withPositions: Bool
  ) throws(DecodeError) -> (texts: Int, numbers: Int) {
    rowCount = rows
    alternativeRows = [Int](repeating: 0, count: hasAlternatives ? alternatives + 1 : 0)
    if rows == 0 { return (0, 0) }
    if let kind = try IntegerDecoder.constant(&reader) {
      guard kind >= 0, kind <= kindLimit(alternatives) else { throw reader.error() }
      return setConstant(UInt8(kind))
    }
    try IntegerDecoder.decodeBytes(rows, from: &reader, into: &kinds)
    if !hasAlternatives, !withPositions {
      let (texts, absent) = unsafe kinds.withUnsafeElements { unsafe KindCount.count($0) }
      return (texts, rows - texts - absent)
    }
    return try countKinds(alternatives, reader)
  }

  private func kindLimit(_ alternatives: Int) -> Int64 { hasAlternatives ? Int64(alternatives) : 255 }

  private mutating func setConstant(_ kind: UInt8) -> (texts: Int, numbers: Int) {
    constantKind = kind
    if hasAlternatives { alternativeRows[Int(kind)] = rowCount }
    return (kind == 0 ? rowCount : 0, !hasAlternatives && kind > 1 ? rowCount : 0)
  }

  /// Works out where each row's value is stored, from the kinds.
  private mutating func countKinds(
    _ alternatives: Int, _ reader: ByteReader
  ) throws(DecodeError) -> (texts: Int, numbers: Int) {
    var counts = ValueList<UInt32>(capacity: 256)
    counts.resize(to: 256, filledWith: 0)
    positions.resize(to: rowCount, filledWith: 0)
    let hasAlternatives = hasAlternatives
    unsafe kinds.withUnsafeElements { kinds in
      unsafe counts.withUnsafeMutableElements { counts in
        unsafe positions.withUnsafeMutableElements { positions in
          for row in 0..<kinds.count {
            // Numbers are stored together whatever their kind; `-` is stored nowhere.
            let kind = unsafe kinds[row]
            let group = hasAlternatives || kind < 2 ? kind : 2
            unsafe positions[row] = counts[Int(group)]
            unsafe counts[Int(group)] &+= 1
          }
        }
      }
    }
    guard hasAlternatives else { return (Int(counts[0]), Int(counts[2])) }
    for kind in 0..<256 where counts[kind] > 0 {
      guard kind <= alternatives else { throw reader.error() }
      alternativeRows[kind] = Int(counts[kind])
    }
    return (Int(counts[0]), 0)
  }

  /// The kind of `row`; in a slot with alternatives, which of them it has, from 1, or 0.
  public func kind(_ row: Int) -> UInt8 { constantKind ?? kinds[row] }

  /// The kind that all rows have, if they have the same.
  public var commonKind: UInt8? { constantKind }

  /// Where the value of `row` is stored: its row in the alternative, its place in `a`, or its row in `text`.
  public func position(_ row: Int) -> Int { constantKind == nil ? Int(positions[row]) : row }

  /// The value of `row`, which must not be of kind 0, in a slot without alternatives.
  public func value(_ row: Int) -> StoredValue {
    let kind = kind(row)
    if kind < 2 { return StoredValue(kind: kind) }
    let position = position(row)
    return StoredValue(kind: kind, a: a[position], b: type.hasSecond ? b[position] : 0)
  }

  /// Appends the bytes of `row` as they were received, in a slot without alternatives.
  public func print(_ row: Int, to out: inout ByteBuffer) throws(DecodeError) {
    if kind(row) == StoredValue.verbatim {
      out.append(text[position(row)])
    } else {
      try ValueCodec.print(value(row), as: type, to: &out)
    }
  }
}

enum KindCount {
  /// How many of `kinds` are 0 and how many 1.
  static func count(_ kinds: UnsafeBufferPointer<UInt8>) -> (zeros: Int, ones: Int) {
    let low: UInt64 = 0x7F7F_7F7F_7F7F_7F7F
    var others = 0, notOnes = 0
    let bytes = unsafe ByteView(UnsafeRawBufferPointer(kinds))
    var row = 0
    while row &+ 8 <= bytes.count {
      let word = bytes.load64(at: row)
      let flipped = word ^ 0x0101_0101_0101_0101
      // The top bit of each byte that is not zero.
      others &+= (((word & low) &+ low | word) & ~low).nonzeroBitCount
      notOnes &+= (((flipped & low) &+ low | flipped) & ~low).nonzeroBitCount
      row &+= 8
    }
    var zeros = row &- others, ones = row &- notOnes
    while row < bytes.count {
      zeros &+= bytes[row] == 0 ? 1 : 0
      ones &+= bytes[row] == 1 ? 1 : 0
      row &+= 1
    }
    return (zeros, ones)
  }
}

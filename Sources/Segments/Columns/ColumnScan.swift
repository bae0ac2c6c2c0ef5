import Bytes
import Templates

/// Conditions on a column, worked out for all its rows at once: every function adds to a set over the
/// column's rows. All need the column to be loaded.
extension DecodedColumn {
  /// Adds the rows of that kind.
  public func mark(kind: UInt8, into rows: inout BitSet) {
    if let constantKind {
      if constantKind == kind { rows.insertAll() }
      return
    }
    for row in 0..<rowCount where kinds[row] == kind { rows.insert(row) }
  }

  /// Adds the rows that are stored as numbers, whatever their kind.
  public func markNumbers(into rows: inout BitSet) {
    if let constantKind {
      if constantKind > 1 { rows.insertAll() }
      return
    }
    for row in 0..<rowCount where kinds[row] > 1 { rows.insert(row) }
  }

  /// Adds the rows of that kind (2 or more) whose first number lies in one of `ranges`.
  public func mark(kind: UInt8, numbersIn ranges: [ClosedRange<Int64>], into rows: inout BitSet) {
    unsafe a.withUnsafeElements { a in
      for range in ranges {
        let low = range.lowerBound
        let span = UInt64(bitPattern: range.upperBound &- low)
        mark(kind, &rows) { unsafe UInt64(bitPattern: a[$0] &- low) <= span }
      }
    }
  }

  /// Adds the rows of that kind whose moment, `a × unit − b × 60 s` in nanoseconds, lies in one of `ranges`.
  /// `unit` is in nanoseconds.
  public func mark(
    kind: UInt8, momentsIn ranges: [ClosedRange<Int64>], unit: Int64, offset: Int64, into rows: inout BitSet
  ) {
    let minute: Int64 = 60_000_000_000
    unsafe a.withUnsafeElements { a in
      unsafe b.withUnsafeElements { b in
        for range in ranges {
          let low = range.lowerBound &+ offset
          let span = UInt64(bitPattern: range.upperBound &- range.lowerBound)
          if b.isEmpty {
            mark(kind, &rows) { unsafe UInt64(bitPattern: a[$0] &* unit &- low) <= span }
          } else {
            mark(kind, &rows) { unsafe UInt64(bitPattern: a[$0] &* unit &- b[$0] &* minute &- low) <= span }
          }
        }
      }
    }
  }

  /// Adds the rows that hold `value`, whose kind is 2 or more.
  public func mark(value: StoredValue, into rows: inout BitSet) {
    unsafe a.withUnsafeElements { a in
      unsafe b.withUnsafeElements { b in
        if b.isEmpty {
          mark(value.kind, &rows) { unsafe a[$0] == value.a }
        } else {
          mark(value.kind, &rows) { unsafe a[$0] == value.a && b[$0] == value.b }
        }
      }
    }
  }

  /// Adds the rows that are stored as text and have one of the distinct texts numbered in `values`.
  public func mark(texts values: borrowing BitSet, into rows: inout BitSet) {
    if let constantKind, constantKind != 0 { return }
    if constantKind != nil {
      for row in 0..<rowCount where values.contains(text.place(of: row)) { rows.insert(row) }
      return
    }
    unsafe kinds.withUnsafeElements { kinds in
      var place = 0
      for row in 0..<kinds.count {
        if unsafe kinds[row] != 0 { continue }
        if values.contains(text.place(of: place)) { rows.insert(row) }
        place &+= 1
      }
    }
  }

  /// Adds the rows that have alternative `number` and there a row which is in `inner`.
  public func mark(alternative number: Int, rows inner: borrowing BitSet, into rows: inout BitSet) {
    if let constantKind {
      if Int(constantKind) == number { rows.formUnion(inner) }
      return
    }
    if inner.isEmpty { return }
    unsafe kinds.withUnsafeElements { kinds in
      var place = 0
      for row in 0..<kinds.count {
        if unsafe Int(kinds[row]) != number { continue }
        if inner.contains(place) { rows.insert(row) }
        place &+= 1
      }
    }
  }

  /// Adds the rows of `kind` for whose place in the numbers `test` holds.
  @inline(__always) private func mark(_ kind: UInt8, _ rows: inout BitSet, _ test: (Int) -> Bool) {
    if let constantKind {
      if constantKind == kind { markAll(&rows, test) }
      return
    }
    unsafe kinds.withUnsafeElements { kinds in
      var place = 0
      for row in 0..<kinds.count {
        let present = unsafe kinds[row]
        if present < 2 { continue }
        if present == kind, test(place) { rows.insert(row) }
        place &+= 1
      }
    }
  }

  @inline(__always) private func markAll(_ rows: inout BitSet, _ test: (Int) -> Bool) {
    let count = rowCount
    unsafe rows.withUnsafeWords { words in
      var row = 0
      for index in 0..<words.count {
        var word: UInt64 = 0
        let end = min(row &+ 64, count)
        var bit: UInt64 = 0
        while row < end {
          word |= (test(row) ? 1 : 0) &<< bit
          bit &+= 1
          row &+= 1
        }
        unsafe words[index] |= word
      }
    }
  }
}

extension DecodedBlock {
  /// Adds the rows that have the template `node` (one of `rootNodes`) and there a row which is in `inner`.
  /// Needs `loadRoots`.
  public func mark(root node: Int, rows inner: borrowing BitSet, into rows: inout BitSet) {
    guard let index = layout.roots.firstIndex(of: node) else { return }
    roots.mark(alternative: index + 1, rows: inner, into: &rows)
  }

  /// Adds the rows that have the template `node`, or none (-1). Needs `loadRoots`.
  public func mark(root node: Int, into rows: inout BitSet) {
    if node < 0 { return roots.mark(kind: 0, into: &rows) }
    guard let index = layout.roots.firstIndex(of: node) else { return }
    roots.mark(kind: UInt8(index + 1), into: &rows)
  }

  /// Adds the rows without template whose bytes are one of the distinct texts numbered in `values`. Needs
  /// `loadRoots`.
  public func mark(bareTexts values: borrowing BitSet, into rows: inout BitSet) {
    roots.mark(texts: values, into: &rows)
  }

  /// The distinct bytes of rows without template. Needs `loadRoots`.
  public var bareTexts: DecodedText {
    _read { yield roots.text }
  }

  /// Adds the rows received at a moment (nanoseconds since 1970) in one of `ranges`. Needs `loadTimes`.
  public func mark(timesIn ranges: [ClosedRange<Int64>], into rows: inout BitSet) {
    for row in 0..<count where ranges.contains(where: { $0.contains(times[row]) }) { rows.insert(row) }
  }

  /// Adds the rows of that kind. Decodes no column that is the same for all rows.
  public mutating func mark(kind: EntryKind, into rows: inout BitSet) throws(DecodeError) {
    if let flags = try constant(3) {
      if flags >> 16 == Int64(kind.rawValue) { rows.insertAll() }
      return
    }
    try loadFlags()
    for row in 0..<count where flags[row] >> 16 == Int64(kind.rawValue) { rows.insert(row) }
  }

  /// Adds the rows whose source's number is among `numbers`. Decodes no column that is the same for all rows.
  public mutating func mark(sources numbers: Set<UInt32>, into rows: inout BitSet) throws(DecodeError) {
    if let source = try constant(1) {
      if let number = UInt32(exactly: source), numbers.contains(number) { rows.insertAll() }
      return
    }
    try loadSources()
    for row in 0..<count where numbers.contains(UInt32(truncatingIfNeeded: sources[row])) { rows.insert(row) }
  }

  /// The value that all rows of one of the first columns have, if they have the same.
  private func constant(_ column: Int) throws(DecodeError) -> Int64? {
    var reader = reader(column)
    return try IntegerDecoder.constant(&reader)
  }

  /// Two moments between which all rows were received, told without decoding; perhaps far apart.
  public func timeBounds() throws(DecodeError) -> ClosedRange<Int64> {
    var reader = reader(0)
    return try IntegerDecoder.bounds(count, &reader)
  }

  /// For a column all of whose rows have one kind of number: that kind, and two numbers between which the
  /// rows' first numbers lie. Nil for others. Decodes nothing but what says how many rows there are.
  public mutating func numberBounds(
    _ column: Int
  ) throws(DecodeError) -> (kind: UInt8, numbers: ClosedRange<Int64>, isSecondZero: Bool)? {
    let (node, place) = slot(ofColumn: column)
    guard layout.nodes[node].alternatives[place].isEmpty else { return nil }
    let rows = try loadRows(ofNode: node)
    if rows == 0 { return nil }
    var reader = reader(column)
    guard let kind = try IntegerDecoder.constant(&reader), kind >= 2, kind <= 255 else { return nil }
    let bounds = try IntegerDecoder.bounds(rows, &reader)
    var isSecondZero = true
    if self[column].type.hasSecond { isSecondZero = try IntegerDecoder.constant(&reader) == 0 }
    return (UInt8(kind), bounds, isSecondZero)
  }
}

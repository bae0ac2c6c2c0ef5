import Bytes

extension DecodedColumn {
  /// Reads those of `count` rows that stand at `rows`, which rise; row 0 is then the first of them.
  ///
  /// - Returns: for each alternative, counted from 0 (none), how many of the `count` rows have it, and at which of its
  ///   own rows the picked ones stand. For a slot without alternatives, 0 is the rows that are stored as text.
  mutating func pick(
    _ rows: [UInt32], of count: Int, alternatives: Int, from reader: inout ByteReader, limit: Int,
    withText: Bool = true
  ) throws(DecodeError) -> (counts: [Int], rows: [[UInt32]]) {
    var groups = try pickKinds(rows, count, alternatives, &reader)
    rowCount = rows.count
    alternativeRows = hasAlternatives ? groups.rows.map(\.count) : []
    if !hasAlternatives {
      let numbers = groups.counts.removeLast(), places = groups.rows.removeLast()
      if numbers > 0 {
        try IntegerDecoder.pick(places, of: numbers, from: &reader, into: &a)
        if type.hasSecond { try IntegerDecoder.pick(places, of: numbers, from: &reader, into: &b) }
      }
    }
    if withText { try pickText(groups.rows[0], of: groups.counts[0], from: &reader, limit: limit) }
    return groups
  }

  mutating func pickText(
    _ rows: [UInt32], of count: Int, from reader: inout ByteReader, limit: Int
  ) throws(DecodeError) {
    try text.pick(rows, of: count, from: &reader, limit: limit)
  }

  /// Reads the kinds, and sorts the rows into groups that are stored together: the alternatives, or else
  /// texts and numbers (and nowhere: `-`).
  private mutating func pickKinds(
    _ rows: [UInt32], _ count: Int, _ alternatives: Int, _ reader: inout ByteReader
  ) throws(DecodeError) -> (counts: [Int], rows: [[UInt32]]) {
    let groupCount = hasAlternatives ? alternatives + 1 : 2
    var counts = [Int](repeating: 0, count: groupCount)
    var groups = [[UInt32]](repeating: [], count: groupCount)
    if count == 0 { return (counts, groups) }
    if let kind = try IntegerDecoder.constant(&reader) {
      guard kind >= 0, kind <= (hasAlternatives ? Int64(alternatives) : 255) else { throw reader.error() }
      constantKind = UInt8(kind)
      if let group = group(UInt8(kind)) {
        counts[group] = count
        groups[group] = rows
      }
      return (counts, groups)
    }
    var groupRows = GroupRows(hasAlternatives: hasAlternatives, alternatives: alternatives)
    var ahead = reader
    if try ahead.byte() == IntegerForm.runs {
      let runs = try IntegerDecoder.Runs(count, &ahead)
      guard pick(rows, runs, &groupRows) else { throw reader.error() }
      reader = ahead
    } else {
      var whole = ValueList<UInt8>()
      try IntegerDecoder.decodeBytes(count, from: &reader, into: &whole)
      guard pick(rows, whole, &groupRows) else { throw reader.error() }
    }
    return (groupRows.counts, groupRows.rows)
  }

  /// Takes the kinds of `rows` from all kinds; false when some are impossible.
  private mutating func pick(
    _ rows: [UInt32], _ runs: borrowing IntegerDecoder.Runs, _ groups: inout GroupRows
  ) -> Bool {
    var next = 0
    var start = 0
    for run in 0..<runs.values.count {
      guard let kind = UInt8(exactly: runs.values[run]) else { return false }
      let end = start + Int(runs.lengths[run])
      while next < rows.count, Int(rows[next]) < end {
        guard append(kind, &groups, ahead: Int(rows[next]) - start) else { return false }
        next += 1
      }
      guard groups.count(kind, end - start) else { return false }
      start = end
    }
    return next == rows.count
  }

  private mutating func pick(
    _ rows: [UInt32], _ whole: borrowing ValueList<UInt8>, _ groups: inout GroupRows
  ) -> Bool {
    unsafe whole.withUnsafeElements { whole in
      var row = 0
      for wanted in rows {
        guard Int(wanted) < whole.count,
          unsafe groups.count(UnsafeBufferPointer(rebasing: whole[row..<Int(wanted)])),
          append(unsafe whole[Int(wanted)], &groups, ahead: 0)
        else { return false }
        row = Int(wanted)
      }
      return unsafe groups.count(UnsafeBufferPointer(rebasing: whole[row...]))
    }
  }

  /// Appends a picked row of that kind, `ahead` rows of which are not counted yet; false when there is no
  /// such kind.
  private mutating func append(_ kind: UInt8, _ groups: inout GroupRows, ahead: Int) -> Bool {
    kinds.append(kind)
    guard let group = group(kind) else {
      positions.append(0)
      return true
    }
    guard group < groups.rows.count else { return false }
    positions.append(UInt32(groups.rows[group].count))
    groups.rows[group].append(UInt32(groups.counts[group] + ahead))
    return true
  }

  private func group(_ kind: UInt8) -> Int? {
    if hasAlternatives { return Int(kind) }
    return kind == 0 ? 0 : kind > 1 ? 1 : nil
  }
}

/// Rows of a column by where they are stored: in the alternatives, or as texts (0) and numbers (1).
private struct GroupRows {
  /// Rows of each group so far.
  var counts: [Int]
  /// Of those, the picked ones: their places in the group.
  var rows: [[UInt32]]
  private let hasAlternatives: Bool

  init(hasAlternatives: Bool, alternatives: Int) {
    self.hasAlternatives = hasAlternatives
    let count = hasAlternatives ? alternatives + 1 : 2
    counts = [Int](repeating: 0, count: count)
    rows = [[UInt32]](repeating: [], count: count)
  }

  /// Counts rows of one kind; false when there is no such kind.
  mutating func count(_ kind: UInt8, _ number: Int) -> Bool {
    if hasAlternatives {
      guard Int(kind) < counts.count else { return false }
      counts[Int(kind)] += number
    } else if kind != 1 {
      counts[kind == 0 ? 0 : 1] += number
    }
    return true
  }

  /// Counts rows of the given kinds.
  mutating func count(_ kinds: UnsafeBufferPointer<UInt8>) -> Bool {
    if hasAlternatives {
      for row in 0..<kinds.count {
        if !count(unsafe kinds[row], 1) { return false }
      }
      return true
    }
    let (texts, absent) = unsafe KindCount.count(kinds)
    counts[0] += texts
    counts[1] += kinds.count - texts - absent
    return true
  }
}

extension DecodedBlock {
  /// The block that consists of those entries only, which rise: its row 0 is the first of them. All its
  /// columns are loaded, at a price that grows with the rows picked and hardly with the block; this block's
  /// own columns are neither needed nor loaded.
  public func picking(_ rows: [UInt32]) throws(DecodeError) -> DecodedBlock {
    guard let last = rows.last, Int(last) < count else { throw DecodeError(.invalid, at: 0) }
    var block = DecodedBlock(copyingStructureOf: self, count: rows.count)
    try block.pickEntries(rows, of: count)
    let roots = try block.pickRoots(rows, of: count)
    for (index, node) in layout.roots.enumerated() {
      try block.pickNode(node, roots.rows[index + 1], of: roots.counts[index + 1])
    }
    return block
  }

  /// Reads the columns of a node, `rows` of its `count` rows, and below it.
  private mutating func pickNode(_ node: Int, _ rows: [UInt32], of count: Int) throws(DecodeError) {
    for (place, column) in layout.nodes[node].columns.enumerated() {
      let alternatives = layout.nodes[node].alternatives[place]
      var reader = reader(column)
      try spend(rows: rows.count, reader)
      let picked = try columns[column - BlockLayout.fixedColumns].pick(
        rows, of: count, alternatives: alternatives.count, from: &reader, limit: textLimit)
      spendText(ofColumn: column)
      isLoaded[column] = true
      for (index, alternative) in alternatives.enumerated() {
        try pickNode(alternative, picked.rows[index + 1], of: picked.counts[index + 1])
      }
    }
  }

  private mutating func pickEntries(_ rows: [UInt32], of count: Int) throws(DecodeError) {
    var time = reader(0)
    try IntegerDecoder.pick(rows, of: count, from: &time, into: &times)
    var source = reader(1)
    try IntegerDecoder.pick(rows, of: count, from: &source, into: &sources)
    try checkSources(source)
    var envelope = reader(2)
    try envelopes.pick(rows, of: count, from: &envelope, limit: count * Limits.envelopeBytes)
    var flag = reader(3)
    try IntegerDecoder.pick(rows, of: count, from: &flag, into: &flags)
    try checkFlags(flag)
    for column in 0...3 { isLoaded[column] = true }
  }

  private mutating func pickRoots(
    _ rows: [UInt32], of count: Int
  ) throws(DecodeError) -> (counts: [Int], rows: [[UInt32]]) {
    var root = reader(4)
    let picked = try roots.pick(
      rows, of: count, alternatives: layout.roots.count, from: &root, limit: 0, withText: false)
    var line = reader(5)
    try IntegerDecoder.pick(picked.rows[0], of: picked.counts[0], from: &line, into: &failures)
    try roots.pickText(picked.rows[0], of: picked.counts[0], from: &line, limit: textLimit)
    isLoaded[4] = true
    return picked
  }
}

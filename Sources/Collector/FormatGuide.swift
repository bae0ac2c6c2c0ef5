import Bytes
import Templates

/// One worker's part in the choice of formats: applies choices to its matcher, tries first lines, counts the
/// others.
struct FormatGuide: ~Copyable {
  private let ledger: FormatLedger
  private let layout: FormatLayout
  private var version = -1
  private var isOpen: [Bool]
  private var openCount: Int
  private var applied: [Int]
  /// Where the counts of each source number begin; -1 for sources with a format of their own.
  private let starts: HeapArray<Int>
  private var tallies: HeapArray<Int32>
  private var trial: MatchResult
  private var untallied = false
  /// The count of lines that have no body.
  private let unfit: Int

  /// Nil when no source chooses its format.
  init?(_ ledger: FormatLedger, _ sources: SourceTable, _ matcher: borrowing Matcher) {
    let layout = FormatLayout(sources)
    if layout.isEmpty { return nil }
    self.ledger = ledger
    self.layout = layout
    isOpen = layout.places.map { $0 != nil }
    openCount = layout.order.count
    applied = layout.places.map { _ in -1 }
    starts = HeapArray(count: layout.places.count) { source in
      layout.places[source].flatMap { layout.order.firstIndex(of: $0) }.map { $0 * layout.stride } ?? -1
    }
    tallies = HeapArray(count: layout.order.count * layout.stride) { _ in 0 }
    trial = MatchResult(for: matcher)
    unfit = layout.stride - 1
  }

  /// Takes over what has been chosen since the last block.
  mutating func begin(_ result: inout MatchResult) {
    let newest = ledger.version
    if newest == version { return }
    version = newest
    for source in applied.indices {
      guard let place = layout.places[source], let election = ledger.election(place),
        election.version != applied[source]
      else { continue }
      applied[source] = election.version
      isOpen[source] = election.isOpen
      openCount = isOpen.count { $0 }
      result.prefer(election.remembered, order: election.order, list: source)
    }
  }

  /// Has a line of a source whose format is not chosen yet tried against all, once the lines before it have
  /// been. `first` is the index of the block's first entry.
  mutating func consult(
    _ line: ByteView, source: Int, first: UInt64, _ matcher: borrowing Matcher, _ result: inout MatchResult
  ) {
    guard openCount > 0, isOpen[source], let place = layout.places[source], ledger.waitForTurn(first) else {
      return
    }
    begin(&result)
    if !isOpen[source] { return }
    matcher.match(line, list: source, into: &result)
    let text = line.dropFirst(matcher.bodyStart(result))
    var points: [Int?] = []
    for body in 0..<matcher.bodyCount(list: source) {
      points.append(matcher.trial(body, text, list: source, into: &trial))
    }
    ledger.observe(points, place)
    begin(&result)
    // The trial has counted it.
    untallied = true
  }

  /// Counts a line that has been matched.
  @inline(__always) mutating func tally(_ body: Int32, source: Int) {
    let start = starts[source]
    if start < 0 { return }
    if untallied {
      untallied = false
    } else {
      tallies[start &+ (body < 0 ? unfit : Int(body))] &+= 1
    }
  }

  /// Hands in the counts of a block.
  mutating func finish(_ first: UInt64, end: UInt64) {
    var counts: [Int32] = []
    counts.reserveCapacity(tallies.count)
    for index in 0..<tallies.count {
      counts.append(tallies[index])
      tallies[index] = 0
    }
    ledger.finish(first, end: end, counts, layout)
  }
}

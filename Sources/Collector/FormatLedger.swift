import Platform
import Synchronization

/// Which counts a block's tallies are: made of a table of sources.
struct FormatLayout: Sendable {
  /// The election of each source number; nil for those with a format of their own.
  let places: [Int?]
  /// The elections in the order of their counts.
  let order: [Int]
  /// Counts of one election: one for each body, one for lines without any.
  let stride: Int

  init(_ sources: SourceTable) {
    places = sources.elections
    order = places.compactMap(\.self)
    stride = (sources.definitions.compactMap { $0.candidates?.count }.max() ?? 0) + 1
  }

  var isEmpty: Bool { order.isEmpty }
}

/// The elections of all sources with `format: auto`, shared by the workers.
///
/// While an election is open, whoever meets a line of its source waits until all blocks before its own have
/// been counted: so the first lines are those that came first, however many threads there are, and the same
/// lines always give the same choice. Afterwards workers only count, and add their counts once per block, in
/// the blocks' order.
final class FormatLedger: Sendable {
  /// What one block adds: where the next begins, and for each automatic source how many lines had each body.
  private struct Block {
    var end: UInt64
    var tallies: [Int32]
    var layout: FormatLayout?
  }

  private let lock = Lock()
  private let advanced = Condition()
  private let versions = Atomic<Int>(0)
  /// Of the newest table of sources.
  nonisolated(unsafe) private var elections: [Int: FormatElection] = [:]
  nonisolated(unsafe) private var places: [Int?] = []
  nonisolated(unsafe) private var next: UInt64
  nonisolated(unsafe) private var blocks: [UInt64: Block] = [:]
  nonisolated(unsafe) private var made: [FormatChoice] = []
  nonisolated(unsafe) private var isClosed = false
  private let chosen: @Sendable (FormatChoice) -> Void

  /// `next` is the index of the first entry to come.
  init(_ sources: SourceTable, next: UInt64, chosen: @escaping @Sendable (FormatChoice) -> Void) {
    unsafe self.next = next
    self.chosen = chosen
    adopt(sources)
  }

  /// Holds the elections of other sources from now on: those that stay go on, and counts for those that are
  /// gone are dropped.
  func adopt(_ sources: SourceTable) {
    lock.withLock {
      let old = unsafe elections
      unsafe (places, elections) = (sources.elections, [:])
      for (definition, place) in zip(sources.definitions, sources.elections.dropFirst()) {
        guard let place, let names = definition.candidates else { continue }
        unsafe elections[place] = old[place] ?? FormatElection(source: definition.name, names: names)
      }
      versions.wrappingAdd(1, ordering: .releasing)
    }
  }

  /// Changes whenever a choice is made.
  var version: Int { versions.load(ordering: .acquiring) }

  func election(_ place: Int) -> FormatElection? { lock.withLock { unsafe elections[place] } }

  /// How far the choice of source number `source` is.
  func evidence(_ source: Int) -> FormatEvidence? {
    lock.withLock {
      guard unsafe places.indices.contains(source), let place = unsafe places[source] else { return nil }
      return unsafe elections[place]?.evidence
    }
  }

  /// Index behind the last entry that is counted, as are all before it.
  var counted: UInt64 { lock.withLock { unsafe next } }

  /// Waits until all entries before `index` are counted. False when there is no point any more.
  func waitForTurn(_ index: UInt64) -> Bool {
    lock.withLock {
      while unsafe next != index && !isClosed { advanced.wait(lock) }
      return unsafe !isClosed
    }
  }

  /// Takes in one line of the trial; only in turn.
  func observe(_ points: [Int?], _ place: Int) {
    lock.withLock { if let choice = unsafe elections[place]?.observe(points) { note(choice) } }
  }

  /// Takes in what a block had.
  func finish(_ first: UInt64, end: UInt64, _ tallies: [Int32] = [], _ layout: FormatLayout? = nil) {
    lock.withLock {
      unsafe blocks[first] = Block(end: end, tallies: tallies, layout: layout)
      while let block = unsafe blocks.removeValue(forKey: next) {
        unsafe next = block.end
        guard let layout = block.layout else { continue }
        for (number, place) in layout.order.enumerated() {
          let tally = block.tallies[number * layout.stride..<(number + 1) * layout.stride]
          if let choice = unsafe elections[place]?.count(tally) { note(choice) }
        }
      }
      advanced.broadcast()
    }
  }

  private func note(_ choice: FormatChoice) {
    unsafe made.append(choice)
    versions.wrappingAdd(1, ordering: .releasing)
    chosen(choice)
  }

  /// Chooses for sources that had only few lines.
  func conclude() {
    lock.withLock {
      for place in unsafe elections.keys.sorted() {
        if let choice = unsafe elections[place]?.conclude() { note(choice) }
      }
    }
  }

  /// Choices that no control entry tells yet.
  func takeChoices() -> [FormatChoice] {
    lock.withLock {
      defer { unsafe made = [] }
      return unsafe made
    }
  }

  /// Gives back choices that could not be written.
  func putBack(_ choices: [FormatChoice]) { lock.withLock { unsafe made = choices + made } }

  /// Ends the waiting after a failure.
  func close() {
    lock.withLock {
      unsafe isClosed = true
      advanced.broadcast()
    }
  }
}

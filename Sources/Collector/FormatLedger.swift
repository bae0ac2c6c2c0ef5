import Platform
import Synchronization

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
  }

  private let lock = Lock()
  private let advanced = Condition()
  private let versions = Atomic<Int>(0)
  nonisolated(unsafe) private var elections: [FormatElection]
  nonisolated(unsafe) private var next: UInt64
  nonisolated(unsafe) private var blocks: [UInt64: Block] = [:]
  nonisolated(unsafe) private var made: [FormatChoice] = []
  nonisolated(unsafe) private var isClosed = false
  /// The election of each source number; nil for those with a format of their own.
  let places: [Int?]
  /// Counts of one election in a block's tallies: one for each body, one for lines without any.
  let stride: Int
  private let chosen: @Sendable (FormatChoice) -> Void

  /// `next` is the index of the first entry to come. Nil when no source chooses its format.
  init?(_ sources: SourceTable, next: UInt64, chosen: @escaping @Sendable (FormatChoice) -> Void) {
    var elections: [FormatElection] = []
    places =
      [nil]
      + sources.definitions.map { definition in
        guard let names = definition.candidates else { return nil }
        elections.append(FormatElection(source: definition.name, names: names))
        return elections.count - 1
      }
    if elections.isEmpty { return nil }
    stride = (sources.definitions.compactMap { $0.candidates?.count }.max() ?? 0) + 1
    unsafe self.elections = elections
    unsafe self.next = next
    self.chosen = chosen
  }

  var count: Int { places.count { $0 != nil } }

  /// Changes whenever a choice is made.
  var version: Int { versions.load(ordering: .acquiring) }

  /// The election of source number `source`.
  func election(_ source: Int) -> FormatElection? {
    places[source].map { place in lock.withLock { unsafe elections[place] } }
  }

  /// Waits until all entries before `index` are counted. False when there is no point any more.
  func waitForTurn(_ index: UInt64) -> Bool {
    lock.withLock {
      while unsafe next != index && !isClosed { advanced.wait(lock) }
      return unsafe !isClosed
    }
  }

  /// Takes in one line of the trial; only in turn.
  func observe(_ points: [Int?], source: Int) {
    guard let place = places[source] else { return }
    lock.withLock { if let choice = unsafe elections[place].observe(points) { note(choice) } }
  }

  /// Takes in what a block had.
  func finish(_ first: UInt64, end: UInt64, _ tallies: [Int32]) {
    lock.withLock {
      unsafe blocks[first] = Block(end: end, tallies: tallies)
      while let block = unsafe blocks.removeValue(forKey: next) {
        unsafe next = block.end
        for place in unsafe elections.indices where !block.tallies.isEmpty {
          let tally = block.tallies[place * stride..<(place + 1) * stride]
          if let choice = unsafe elections[place].count(tally) { note(choice) }
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
      for place in unsafe elections.indices {
        if let choice = unsafe elections[place].conclude() { note(choice) }
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

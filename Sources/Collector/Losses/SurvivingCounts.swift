import Bytes
import Events
import Intake
import Platform
import SegmentWriter
import Synchronization

/// What each source has given, and how much of it which size of the log holds, in memory that outlives the process.
/// So that what a killed daemon had received and not stored is known to the next, which knows the log's size.
///
/// Sources have places. Words of 8 bytes:
///
///     0              a number that no other daemon has
///     1              when the last account was made
///     by place       messages received, added by whoever receives; those of them, and of those that fit no format,
///                    that an account tells of; and all that fit none
///     records        size of the log, time, then by place messages in a log of that size: of the last two commits, and
///                    of blocks behind them
///     names          by place: length, which is 0 for none; whether it is read again; the name
///
/// A record is void while it is written (size 0), and names stand before anything is counted.
final class SurvivingCounts: Sendable {
  /// Sources that have a place. What others receive does not survive.
  static let places = 128
  static let records = 64
  private static let nameWords = 32
  private static let recordWords = 2 + places
  private static let received = 2
  private static let accounted = received + places
  private static let accountedUnparsed = accounted + places
  private static let unparsed = accountedUnparsed + places
  private static let firstRecord = unparsed + places
  private static let firstName = firstRecord + records * recordWords
  private static let words = firstName + places * nameWords

  private struct State {
    var places: [UInt32: Int] = [:]
    /// By place.
    var stored = [UInt64](repeating: 0, count: SurvivingCounts.places)
    var commits = 0
    var blocks = 0
  }

  private let cells: SharedCounters
  private let state = Mutex(State())
  let identity: UInt64
  var path: String { cells.path }

  /// Nil where there is no place for it.
  init?(log: String) {
    identity = UInt64.random(in: 1 ... .max)
    for path in Self.paths(log) {
      guard let cells = try? SharedCounters(creating: path, count: Self.words) else { continue }
      self.cells = cells
      cells[0] = identity
      cells[1] = UInt64(Clock.realtime())
      return
    }
    return nil
  }

  static func paths(_ log: String) -> [String] {
    var path = LogCreation.unstoredPath(log)
    if !path.hasPrefix("/") { path = "\(Process.workingDirectory)/\(path)" }
    let name = "/stele-" + String(path.dropFirst()).replacing("/", with: "-")
    let directories = ["/run/stele", Process.environment("XDG_RUNTIME_DIR")].compactMap { $0 }
    return directories.map { $0 + name }.filter { !$0.utf8.contains(0) }
  }

  /// What adds up the messages of a source; nil when it has no place.
  func counter(of source: Source) -> (@Sendable (Int) -> Void)? {
    let name = Array(source.name.utf8)
    let isReread = if case .files = source.endpoint { true } else { false }
    let place = state.withLock { state -> Int? in
      if let known = state.places[source.id] { return known }
      let place = state.places.count
      guard place < Self.places, name.count <= (Self.nameWords - 2) * 8 else { return nil }
      state.places[source.id] = place
      let first = Self.firstName + place * Self.nameWords
      cells[first + 1] = isReread ? 1 : 0
      for (number, byte) in name.enumerated() {
        cells[first + 2 + number / 8] |= UInt64(byte) << UInt64(number % 8 * 8)
      }
      cells[first] = UInt64(name.count)
      return place
    }
    guard let place else { return nil }
    return { [cells] count in cells.add(UInt64(count), at: Self.received + place) }
  }

  // MARK: The writer's part

  /// A block is about to be written, behind which the log has `size` entries.
  func note(block size: UInt64, tally: [Int]) {
    state.withLock { state in
      for (id, place) in state.places where Int(id) < tally.count {
        state.stored[place] += UInt64(tally[Int(id)])
      }
      write(2 + state.blocks % (Self.records - 2), size, state.stored)
      state.blocks += 1
    }
  }

  /// All blocks are durable, and the log has `size` entries.
  func note(commit size: UInt64, _ counters: ParseCounters) {
    state.withLock { state in
      for (id, place) in state.places { cells[Self.unparsed + place] = UInt64(counters.unparsed(Int(id))) }
      write(state.commits % 2, size, state.stored)
      state.commits += 1
    }
  }

  private func write(_ record: Int, _ size: UInt64, _ stored: [UInt64]) {
    let first = Self.firstRecord + record * Self.recordWords
    cells[first] = 0
    cells[first + 1] = UInt64(Clock.realtime())
    for place in 0..<stored.count { cells[first + 2 + place] = stored[place] }
    cells[first] = size
  }

  /// The log is told what sources have given until now.
  func note(account inputs: [(id: UInt32, received: Int, unparsed: Int)], time: Int64) {
    state.withLock { state in
      for input in inputs {
        guard let place = state.places[input.id] else { continue }
        cells[Self.accounted + place] = UInt64(input.received)
        cells[Self.accountedUnparsed + place] = UInt64(input.unparsed)
      }
      cells[1] = UInt64(time)
    }
  }

  /// Everything is stored, or accounted for elsewhere.
  func remove() { try? Self.remove(path) }

  static func remove(_ path: String) throws(SystemError) {
    let slash = path.lastIndex(of: "/") ?? path.startIndex
    try Directory(String(path[...slash])).remove(String(path[slash...].dropFirst()))
  }

  // MARK: The next daemon's part

  /// Removes those with an identity.
  static func remove(_ identity: UInt64, of log: String) throws(SystemError) {
    for path in paths(log) where try SharedCounters.left(at: path)?.first == identity { try remove(path) }
  }

  /// What a killed daemon has received and a log with `size` entries does not hold.
  static func account(of cells: [UInt64], size: UInt64) -> UnstoredAccount? {
    guard cells.count == words else { return nil }
    let record = (0..<records).map { firstRecord + $0 * recordWords }
      .filter { cells[$0] > 0 && cells[$0] <= size }.max { cells[$0] < cells[$1] }
    let now = Clock.realtime()
    // What comes next may have been received a little before a commit, but not before the one in front of that.
    let commits = (0..<2).map { firstRecord + $0 * recordWords }.filter { cells[$0] > 0 }
    let from = commits.map { min(Int64(clamping: cells[$0 + 1]), now) }.min() ?? now
    var account = UnstoredAccount(from: from, to: now, identity: cells[0])
    var part = UnstoredAccount.Part(end: nil)
    var sums: [(name: String, received: Int, unparsed: Int)] = []
    for place in 0..<places {
      guard let (name, isReread) = name(of: place, cells) else { continue }
      if isReread { account.reread.insert(name) }
      let received = cells[Self.received + place]
      let stored = record.map { cells[$0 + 2 + place] } ?? 0
      if received > stored { part.messages[name, default: 0] += received - stored }
      sums.append(
        (
          name, Int(clamping: received &- cells[accounted + place]),
          Int(clamping: cells[unparsed + place] &- cells[accountedUnparsed + place])
        ))
    }
    if sums.contains(where: { $0.received > 0 }) {
      part.statements.append(DaemonRecord.account(sums, from: min(Int64(clamping: cells[1]), now), to: now))
    }
    account.parts = [part]
    return account
  }

  private static func name(of place: Int, _ cells: [UInt64]) -> (name: String, isReread: Bool)? {
    let first = firstName + place * nameWords
    guard cells[first] > 0, let count = Int(exactly: cells[first]), count <= (nameWords - 2) * 8
    else { return nil }
    let bytes = (0..<count).map {
      UInt8(truncatingIfNeeded: cells[first + 2 + $0 / 8] >> UInt64($0 % 8 * 8))
    }
    return (String(decoding: bytes, as: UTF8.self), cells[first + 1] != 0)
  }
}

import Bytes
import Events
import Intake
import MerkleLog
import Platform
import SegmentWriter
import Synchronization

/// What each source has given, and how much of it which size of the log holds, in memory that outlives the process.
/// So that what a killed daemon had received and not stored is known to the next, which knows the log's size.
///
/// Sources have places. Words of 8 bytes:
///
///     0              a number that no other daemon has
///     1              whose log: the ID of its first key
///     2              when this was made
///     by place       messages received, and datagrams that the kernel dropped, added by whoever sees them; messages
///                    that fit no format
///     records        size of the log, time, time of its newest account; then by place what a log of that size has:
///                    messages, drops, and what accounts tell of, messages received and those of no format. Of the
///                    last two commits, and of blocks behind them
///     names          by place: length, which is 0 for none; whether it is read again; the name
///
/// A record is void while it is written (size 0), and names stand before anything is counted.
final class SurvivingCounts: Sendable {
  /// Sources that have a place. What others receive does not survive.
  static let places = 128
  /// Blocks that have a record. More must not be written between two commits.
  static let blocks = 62
  private static let records = 2 + blocks
  private static let nameWords = 32
  private static let received = 3
  private static let dropped = received + places
  private static let unparsed = dropped + places
  private static let firstRecord = unparsed + places
  private static let recordHeader = 3
  private static let recordWords = recordHeader + Sum.count * places
  private static let firstName = firstRecord + records * recordWords
  private static let words = firstName + places * nameWords

  /// What a record has of each place, in this order.
  private enum Sum: Int {
    case stored, dropped, accounted, accountedUnparsed
    static let count = 4
  }

  private struct State {
    var places: [UInt32: Int] = [:]
    /// As in a record.
    var sums = [UInt64](repeating: 0, count: Sum.count * SurvivingCounts.places)
    var accountTime: UInt64
    var commits = 0
    var blocks = 0

    mutating func add(_ amount: Int, to sum: Sum, _ source: UInt32) {
      guard let place = places[source] else { return }
      sums[sum.rawValue * SurvivingCounts.places + place] += UInt64(max(0, amount))
    }
  }

  private let cells: SharedCounters
  private let state: Mutex<State>
  let identity: UInt64
  var path: String { cells.path }

  /// At the first of `paths` that is possible; nil where none is.
  init?(at paths: [String], key: LogKeys) {
    identity = UInt64.random(in: 1 ... .max)
    let now = UInt64(Clock.realtime())
    for path in paths {
      guard let cells = try? SharedCounters(creating: path, count: Self.words) else { continue }
      self.cells = cells
      state = Mutex(State(accountTime: now))
      cells[0] = identity
      cells[1] = Self.id(key)
      cells[2] = now
      return
    }
    return nil
  }

  private static func id(_ keys: LogKeys) -> UInt64 { UInt64((keys.first ?? keys.origin).id) }

  /// Where those of a log may be.
  static func paths(_ log: String) -> [String] {
    var path = LogCreation.unstoredPath(log)
    if !path.hasPrefix("/") { path = "\(Process.workingDirectory)/\(path)" }
    // As systemd-escape has it, so that no two paths have one name.
    let name = path.dropFirst().replacing("\\", with: #"\x5c"#).replacing("-", with: #"\x2d"#)
      .replacing("/", with: "-")
    let directories = ["/run/stele", Process.environment("XDG_RUNTIME_DIR")].compactMap { $0 }
    return directories.map { "\($0)/stele-\(name)" }.filter { !$0.utf8.contains(0) }
  }

  /// What adds up what a source gives; nil when it has no place.
  func counter(of source: Source) -> SurvivingCounter? {
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
    return SurvivingCounter(
      messages: { [cells] in cells.add($0, at: Self.received + place) },
      kernelDrops: { [cells] in cells.add($0, at: Self.dropped + place) })
  }

  // MARK: The writer's part

  /// A block is about to be written, behind which the log has `size` entries. Its own ones state this.
  func note(block size: UInt64, tally: [Int], _ statements: [Statement]) {
    state.withLock { state in
      for id in state.places.keys where Int(id) < tally.count { state.add(tally[Int(id)], to: .stored, id) }
      for statement in statements {
        switch statement {
        case .loss(let event):
          if event.layer == .kernelUDP { state.add(Int(clamping: event.count), to: .dropped, event.source) }
        case .account(let sums, let time):
          for sum in sums {
            state.add(sum.received, to: .accounted, sum.source)
            state.add(sum.unparsed, to: .accountedUnparsed, sum.source)
          }
          state.accountTime = UInt64(time)
        }
      }
      write(2 + state.blocks % Self.blocks, size, state)
      state.blocks += 1
    }
  }

  /// All blocks are durable, and the log has `size` entries.
  func note(commit size: UInt64, _ counters: ParseCounters) {
    state.withLock { state in
      for (id, place) in state.places { cells[Self.unparsed + place] = UInt64(counters.unparsed(Int(id))) }
      write(state.commits % 2, size, state)
      state.commits += 1
    }
  }

  private func write(_ record: Int, _ size: UInt64, _ state: borrowing State) {
    let first = Self.firstRecord + record * Self.recordWords
    cells[first] = 0
    cells[first + 1] = UInt64(Clock.realtime())
    cells[first + 2] = state.accountTime
    for (word, sum) in state.sums.enumerated() { cells[first + Self.recordHeader + word] = sum }
    cells[first] = size
  }

  /// Everything is stored, or accounted for elsewhere.
  func remove() { try? Self.remove(path) }

  static func remove(_ path: String) throws(SystemError) {
    let (parent, name) = Directory.split(path)
    try Directory(parent).remove(name)
  }

  // MARK: The next daemon's part

  /// Removes those with an identity.
  static func remove(_ identity: UInt64, of log: String) throws(SystemError) {
    for path in paths(log) where try SharedCounters.left(at: path)?.first == identity { try remove(path) }
  }

  /// Why these say nothing of a log; nil when they do.
  static func objection(to cells: [UInt64], key: LogKeys) -> String? {
    if cells.count != words { return "it is no count of messages" }
    return cells[1] == id(key) ? nil : "it tells of another log that was here"
  }

  /// What a killed daemon has received and a log with `size` entries does not hold.
  static func account(of cells: [UInt64], size: UInt64) -> UnstoredAccount {
    let records = (0..<records).map { firstRecord + $0 * recordWords }
    let record = records.filter { cells[$0] > 0 && cells[$0] <= size }.max { cells[$0] < cells[$1] }
    let now = Clock.realtime()
    func time(_ word: Int) -> Int64 { min(Int64(clamping: cells[word]), now) }
    // What comes next may have been received a little before a commit, but not before the one in front of that.
    let from = records.prefix(2).filter { cells[$0] > 0 }.map { time($0 + 1) }.min() ?? now
    var account = UnstoredAccount(from: from, to: now, identity: cells[0])
    var part = UnstoredAccount.Part(end: nil)
    var sums: [SourceSum] = []
    for place in 0..<places {
      guard let (name, isReread) = name(of: place, cells) else { continue }
      func missing(_ word: Int, _ sum: Sum) -> UInt64 {
        let all = cells[word + place]
        let known = record.map { cells[$0 + recordHeader + sum.rawValue * places + place] } ?? 0
        return all > known ? all - known : 0
      }
      if isReread { account.reread.insert(name) }
      let messages = missing(received, .stored), drops = missing(dropped, .dropped)
      if messages > 0 { part.messages[name] = (part.messages[name] ?? 0).addingCapped(messages) }
      if drops > 0 {
        let loss = LossEvent(source: 0, layer: .kernelUDP, count: drops, from: from, to: now)
        part.statements.append(DaemonRecord.loss(loss, source: name))
      }
      sums.append(
        SourceSum(
          source: 0, name: name, received: Int(clamping: missing(received, .accounted)),
          unparsed: Int(clamping: missing(unparsed, .accountedUnparsed))))
    }
    if sums.contains(where: { $0.received > 0 }) {
      let since = time(record.map { $0 + 2 } ?? 2)
      part.statements.append(DaemonRecord.account(sums, from: since, to: now))
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

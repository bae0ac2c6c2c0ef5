import Bytes
import MerkleLog
import Platform
import SegmentWriter
import Segments

/// How long entries are kept.
public struct RetentionPolicy: Equatable, Sendable {
  /// Segments whose last entry was received longer ago are removed; nanoseconds.
  public var age: Int64?
  /// The oldest segments are removed until the sealed ones have no more bytes than this.
  public var size: Int?
  /// What the record says of it: `age 400d`.
  public var text: String

  public init(age: Int64? = nil, size: Int? = nil, text: String) {
    self.age = age
    self.size = size
    self.text = text
  }
}

/// The removal of the oldest segments, whole, by a rule. Their seals stay.
///
///     record   a control entry names each segment and its seal; a checkpoint covers it
///     remove   NNN.segment, oldest first; fsync(directory) after each
///     sweep    NNN.amendment, NNN.cms, NNN.torn, NNN.tsr; fsync(directory)
///
/// What is interrupted is done again by the next one. What is recorded in a removed segment and still counts,
/// holds, sources, rotations of the origin key and the newest timestamp, is recorded anew before.
public struct PruneAct: Sendable {
  public struct Segment: Sendable {
    public var first: UInt64
    public var end: UInt64
    public var byteCount: Int
    /// Latest receive time, nanoseconds since 1970 UTC.
    public var lastTime: Int64
    var seal: Seal
  }

  /// What would be removed, and what stops more.
  public struct Plan: Sendable {
    public var segments: [Segment] = []
    /// The hold that forbids more.
    public var hold: Hold?
  }

  /// The log's directory.
  public var path: String
  public var policy: RetentionPolicy

  public init(_ path: String, _ policy: RetentionPolicy) {
    self.path = path
    self.policy = policy
  }

  /// The segments that the policy lets go, oldest first, up to one that is held.
  public func plan(_ table: HoldTable, now: Int64 = Clock.realtime()) throws(ActError) -> Plan {
    let segments = try sealed()
    let times = Self.times(of: segments.map(\.lastTime), now: now)
    var left = segments.reduce(0) { $0 + $1.byteCount }
    var plan = Plan()
    for (segment, time) in zip(segments, times) {
      let isOld = policy.age.map { time < now - $0 } ?? false
      let isTooMuch = policy.size.map { left > $0 } ?? false
      guard isOld || isTooMuch else { break }
      if let hold = table.holds.first(where: { $0.entries.overlaps(segment.first..<segment.end) }) {
        plan.hold = hold
        break
      }
      left -= segment.byteCount
      plan.segments.append(segment)
    }
    return plan
  }

  /// When segments ended, given their latest receive times in the order of the log, whatever the clock was then:
  /// none before those in front of it; and of one with a time that is yet to come, when the next that has none
  /// ended, or never.
  static func times(of latest: [Int64], now: Int64) -> [Int64] {
    var times: [Int64] = []
    var end = Int64.min
    for time in latest {
      if time <= now { end = max(end, time) }
      times.append(time <= now ? end : .max)
    }
    for index in times.indices.dropLast().reversed() where times[index] == .max {
      times[index] = times[index + 1]
    }
    return times
  }

  /// The time that the newest sealed segments tell, as in `SteadyClock`; nil when there is none that can be read.
  func knownTime() -> Int64? {
    guard let directory = try? Directory(path), let names = try? directory.names() else { return nil }
    let firsts = names.compactMap { FileNames.parse($0) }.filter { $0.1 == .segment }.map(\.0)
    var blocks: [(first: Int64, last: Int64)] = []
    for first in firsts.sorted(by: >).prefix(Self.knownSegments) {
      guard let file = try? MappedFile(try directory.openFile(FileNames.name(first, .segment))),
        let footer = try? SegmentFooter.decode(file.view).footer
      else { break }
      blocks += footer.blocks.reversed().map { ($0.contents.firstTime, $0.contents.lastTime) }
    }
    return SteadyClock.known(blocks)
  }

  /// How far the system's clock is ahead of the time that this log knows, nanoseconds; nil when it may be right: see
  /// `SteadyClock`.
  public var clockLead: Int64? { RetentionClock.lead(path) { knownTime() } }

  /// Newest segments that are asked for the time: more than a day's, unless they are short.
  private static let knownSegments = 100

  /// Removes what the plan names.
  public func run(_ session: any LogSession, _ table: HoldTable, _ plan: Plan) throws(ActError) {
    guard let last = plan.segments.last else { return }
    let record: JSONValue = [
      "type": "retention", "before": .number(last.end),
      "segments": .list(
        plan.segments.map {
          [
            "first": .number($0.first), "end": .number($0.end), "seal": .text($0.seal.textHash.base64),
          ]
        }),
      "policy": .text(policy.text),
    ]
    _ = try writing { () throws(WriteError) in
      try session.record((table.carried(before: last.end) + [record]).map(\.text))
    }
    do throws(SystemError) {
      let directory = try Directory(path)
      for segment in plan.segments {
        let name = FileNames.name(segment.first, .segment)
        if try directory.remove(name) { try directory.synchronize() }
      }
      try Self.sweep(directory, before: last.end)
    } catch { throw .write(.system(error)) }
  }

  /// Removes what stands beside segments that are gone, and in the cache, but for their seals. Only now: a segment without its
  /// amendment or its key would be damage.
  private static func sweep(_ directory: borrowing Directory, before end: UInt64) throws(SystemError) {
    for name in try directory.names() {
      switch (FileNames.parse(name), TimestampName(name)) {
      case ((let first, .amendment)?, _) where first < end: try directory.remove(name)
      case ((let first, .cms)?, _) where first < end: try directory.remove(name)
      case ((let first, .torn)?, _) where first < end: try directory.remove(name)
      case (_, .seal(let first)?) where first < end: try directory.remove(name)
      case ((let first, .seal)?, _) where first < end: try directory.remove(KeptSubtrees.file(first))
      default: continue
      }
    }
    try directory.synchronize()
  }

  /// Most segments of one removal: their record must fit into one entry.
  private static let segmentLimit = 1000

  /// The oldest segments, as long as they are sealed.
  private func sealed() throws(ActError) -> [Segment] {
    do throws(SystemError) {
      let directory = try Directory(path)
      var firsts: Set<UInt64> = []
      for name in try directory.names() {
        if let (first, kind) = FileNames.parse(name), kind == .segment { firsts.insert(first) }
      }
      var segments: [Segment] = []
      for first in firsts.sorted() {
        guard segments.count < Self.segmentLimit, let segment = try Self.read(directory, first) else { break }
        segments.append(segment)
      }
      return segments
    } catch { throw .write(.system(error)) }
  }

  private static func read(_ directory: borrowing Directory, _ first: UInt64) throws(SystemError) -> Segment?
  {
    let file = try MappedFile(try directory.openFile(FileNames.name(first, .segment)))
    guard let footer = try? SegmentFooter.decode(file.view).footer,
      let seal = try Erasure.seal(directory, first)
    else { return nil }
    return Segment(
      first: first, end: seal.endIndex, byteCount: file.count,
      lastTime: footer.blocks.map(\.contents.lastTime).max() ?? .max, seal: seal)
  }
}

/// Keeps to a retention policy while a daemon runs.
final class RetentionKeeper: Sendable {
  private let act: PruneAct
  private let session: PipelineSession
  private let acts: ActLock
  private let interval: Int64
  private let clock: RetentionClock
  private let notice: @Sendable (String) -> Void
  private let lock = Lock()
  private let changed = Condition()
  nonisolated(unsafe) private var isStopping = false
  nonisolated(unsafe) private var thread: Thread?

  var policy: RetentionPolicy { act.policy }

  /// Looks at once, and every `interval` nanoseconds. `notice` gets what was removed, and what could not be.
  init(
    _ act: PruneAct, _ session: PipelineSession, _ acts: ActLock, interval: Int64, clock: RetentionClock,
    notice: @escaping @Sendable (String) -> Void
  ) throws(SystemError) {
    self.act = act
    self.session = session
    self.acts = acts
    self.interval = interval
    self.clock = clock
    self.notice = notice
    unsafe thread = try Thread(name: "stele-retention", stackSize: 1 << 20) { [self] in run() }
  }

  func stop() {
    lock.withLock {
      unsafe isStopping = true
      changed.broadcast()
    }
    unsafe thread?.join()
  }

  private func run() {
    var table = HoldTable()
    repeat {
      do throws(ActError) { try acts.lock.withLock { () throws(ActError) in try prune(&table) } } catch {
        notice("retention: \(error)")
      }
    } while waitForTurn()
  }

  private func prune(_ table: inout HoldTable) throws(ActError) {
    try writing { () throws(WriteError) in try table.update(act.path) }
    let time = clock.read { act.knownTime() }
    if let newLead = time.newLead, act.policy.age != nil {
      notice(
        "retention: the clock is \(newLead / 1_000_000_000) s ahead of the time that was known. In case that is a "
          + "mistake, entries are removed by the time known before until the new one has stood for a day; "
          + "`stele prune --before DATE` does not wait")
    }
    let plan = try act.plan(table, now: time.now)
    try act.run(session, table, plan)
    if let last = plan.segments.last {
      notice("retention: entries before \(last.end) were removed by the policy '\(act.policy.text)'")
    }
    if let hold = plan.hold { notice("retention: the hold '\(hold.name)' keeps entries that are due") }
  }

  private func waitForTurn() -> Bool {
    let due = Clock.monotonic() + interval
    return lock.withLock {
      while unsafe !isStopping, Clock.monotonic() < due { changed.wait(lock, until: due) }
      return unsafe !isStopping
    }
  }
}

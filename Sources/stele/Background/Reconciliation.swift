import Bytes
import Collector
import Events
import Intake
import Logging
import Platform
import ProxyConfiguration

/// Holds what a load balancer says it has had against what the log has of it, and writes down what comes of it:
///
///     {"type":"reconciliation","source":"edge","of":"haproxy","counter":"req_tot","from":"…","to":"…",
///      "says":1204331,"stored":1204331,"lost":0,"in_flight":0,"difference":0}
///
/// `says = stored + lost + in_flight + difference`. A thread of its own for each source: nothing waits for it,
/// and a load balancer that does not answer is a statement too.
final class Reconciliation: Sendable {
  private let source: String
  private let settings: ReconcileSettings
  private let format: String
  /// How long a log line may be on its way, nanoseconds.
  private let settle: Int64
  private let logger: Logger
  private let counters: BalancerCounters
  private let daemon: Daemon

  /// Longest time between two looks, nanoseconds: what a load balancer counts between the last one and its end is
  /// not known.
  private static let lookInterval: Int64 = 10_000_000_000
  /// Longest time that the end of the daemon is held up for a last look, nanoseconds.
  private static let lastLook: Int64 = 2_000_000_000

  /// `ownRequests` is shared by all.
  init(
    _ source: SourceSettings, _ settings: ReconcileSettings, commit: Int64, _ ownRequests: OwnRequests,
    _ daemon: Daemon, _ logger: Logger
  ) {
    self.source = source.name
    self.settings = settings
    format = source.format
    settle = commit + 500_000_000
    self.daemon = daemon
    self.logger = logger
    counters = BalancerCounters(settings, ownRequests)
  }

  var thread: BackgroundThread { BackgroundThread("stele-balance") { [self] in run($0) } }

  private func run(_ stop: StopSignal) {
    var run = ReconciliationRun(source: source, settings: settings, note: unloggedRequests)
    var failure: String?
    // By the clock, so that statements are about hours.
    var due = (Clock.realtime() / settings.every + 1) * settings.every
    while true {
      do {
        try look(&run, stop)
        if failure != nil { logger.info("source \(source): \(settings.address) answers again") }
        failure = nil
      } catch {
        if failure == nil { logger.warning("source \(source): no counters to compare with: \(error)") }
        failure = "\(error)"
      }
      let now = Clock.realtime()
      // The clock may have been set back.
      if now >= due || due - now > settings.every || stop.isSet {
        if let entry = run.statement(daemon.account(of: source), failure) { daemon.record(entry.text) }
        if stop.isSet { return }
        due = (now / settings.every + 1) * settings.every
      }
      let wait = min(Self.lookInterval, settings.every / 2, max(0, due - now))
      // Once more at the end, for the time since the last statement.
      _ = stop.wait(until: Clock.monotonic() + wait)
    }
  }

  private func look(_ run: inout ReconciliationRun, _ stop: StopSignal) throws {
    if stop.isSet, settle > Self.lastLook { return }
    let before = try counters.read()
    if stop.wait(until: Clock.monotonic() + settle) { Clock.sleep(nanoseconds: min(settle, Self.lastLook)) }
    guard let account = daemon.account(of: source) else { return }
    // Another source of the same name has taken its place, which counts anew.
    if let number = run.number, number != account.source {
      run = ReconciliationRun(source: source, settings: settings, note: run.note)
    }
    run.number = account.source
    let after = try counters.read()
    run.take(before, after, account, at: Clock.realtime())
  }

  /// What the load balancer's configuration, where it is known, says of requests that leave no record.
  private var unloggedRequests: String? {
    guard let reference = ProxyReference(format),
      let file = try? ProxyFile(reference.path, kind: reference.kind)
    else { return nil }
    let rules = Set(file.findings.filter { $0.severity == .hole }.map(\.rule)).sorted()
    if rules.isEmpty { return nil }
    return
      "its configuration lets requests leave no record (\(rules.joined(separator: ", ")); see stele lint)"
  }
}

/// What one thread has seen so far.
struct ReconciliationRun {
  let source: String
  let settings: ReconcileSettings
  /// What is to be said in every statement.
  let note: String?

  /// The number of the source that was looked at.
  var number: UInt32?

  private struct Sums: Equatable {
    var counted: Int64 = 0
    var stored: Int64 = 0
    var lost: Int64 = 0
    var unparsed: Int64 = 0
    var dropped: Int64 = 0
  }

  private var balance = CounterBalance()
  private var last: BalancerReading?
  /// Everything since the first look, and what of it earlier statements were about.
  private var sums = Sums()
  private var stated = Sums()
  private var restarts = 0
  /// When the span began that the next statement is about, and when it was looked at last; nanoseconds since 1970
  /// UTC.
  private var from: Int64?
  private var to: Int64 = 0

  init(source: String, settings: ReconcileSettings, note: String?) {
    self.source = source
    self.settings = settings
    self.note = note
  }

  mutating func take(
    _ before: BalancerReading, _ after: BalancerReading, _ account: SourceAccount, at time: Int64
  ) {
    advance(to: before)
    var look = CounterBalance.Look(
      counted: sums.counted, countedAfter: 0, active: Int64(clamping: before.active), stored: 0)
    advance(to: after)
    look.countedAfter = sums.counted
    sums.stored = Int64(clamping: account.access + account.unparsed)
    sums.unparsed = Int64(clamping: account.unparsed)
    sums.lost = Int64(clamping: account.losses.messages)
    look.stored = sums.stored
    look.missing = Int64(clamping: account.losses.counts[.counterGap] ?? 0)
    look.lost =
      max(sums.lost, look.missing + Int64(clamping: account.open)) + Int64(clamping: account.waiting)
    balance.take(look)
    to = time
    if from == nil {
      from = time
      stated = sums
      _ = balance.close()
    }
  }

  /// Adds what was counted since the last reading, but for the readings, which are not logged.
  private mutating func advance(to new: BalancerReading) {
    defer { last = new }
    guard let last else { return }
    let own = new.own - last.own
    if new.count < last.count || new.process != last.process {
      restarts += 1
      balance.restart()
      sums.counted += Int64(clamping: new.count) - Int64(min(own, new.count))
      sums.dropped += Int64(clamping: new.dropped ?? 0)
      return
    }
    sums.counted += Int64(clamping: new.count - last.count) - Int64(min(own, new.count - last.count))
    sums.dropped += Int64(clamping: (new.dropped ?? 0) - min(last.dropped ?? 0, new.dropped ?? 0))
  }

  /// The statement about the time since the last one, which ends here unless the load balancer does not answer:
  /// then the next one is about it as well. Nil when there is nothing to say.
  mutating func statement(_ account: SourceAccount?, _ failure: String?) -> JSONValue? {
    var members: [JSONValue.Member] = [
      .init("type", .text("reconciliation")), .init("source", .text(source)),
      .init("of", .text(settings.kind.rawValue)),
    ]
    if let last { members.append(.init("counter", .text(last.counter))) }
    if !settings.proxies.isEmpty {
      members.append(.init("proxies", .list(settings.proxies.map { .text($0) })))
    }
    if let from { members.append(.init("from", .text(Timestamp.text(from)))) }
    if let failure {
      members += [
        .init("to", .text(Timestamp.text(Clock.realtime()))), .init("says", .null),
        .init("stored", .number(Int64(clamping: (account?.stored ?? 0)) - stated.stored)),
        .init("note", .text("no answer: \(failure)")),
      ]
      return .object(members)
    }
    guard from != nil else { return nil }
    let says = sums.counted - stated.counted, stored = sums.stored - stated.stored
    let lost = sums.lost - stated.lost, difference = balance.close()
    members += [
      .init("to", .text(Timestamp.text(to))), .init("says", .number(says)), .init("stored", .number(stored)),
      .init("lost", .number(lost)), .init("in_flight", .number(says - stored - lost - difference)),
      .init("difference", .number(difference)),
    ]
    let unparsed = sums.unparsed - stated.unparsed, dropped = sums.dropped - stated.dropped
    if unparsed > 0 { members.append(.init("unparsed", .number(unparsed))) }
    if dropped > 0 { members.append(.init("dropped_by_sender", .number(dropped))) }
    let notes = [restartNote, difference > 0 ? note : nil].compactMap { $0 }
    if !notes.isEmpty { members.append(.init("note", .text(notes.joined(separator: "; ")))) }
    stated = sums
    from = to
    restarts = 0
    return .object(members)
  }

  private var restartNote: String? {
    if restarts == 0 { return nil }
    let times = restarts == 1 ? "once" : "\(restarts) times"
    return "the load balancer began to count anew \(times): what it counted after the last look is not known"
  }
}

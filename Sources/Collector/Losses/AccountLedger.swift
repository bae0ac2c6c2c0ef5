import Bytes
import Events
import Intake
import Platform
import Synchronization

/// What one source has given since the start, for a comparison with its load balancer's own counters.
public struct SourceAccount: Equatable, Sendable {
  /// The source's number: another one of the same name counts anew.
  public var source: UInt32 = 0
  /// Entries about a request or a connection, of the frontends that are counted.
  public var access: UInt64
  /// Entries that no format fits.
  public var unparsed: UInt64
  public var losses: LossTotals
  /// Messages that the load balancer's log counter misses, and that may still come.
  public var open: UInt64
  /// Messages that were received, and not looked at yet.
  public var waiting: UInt64

  /// All entries that may be about a request.
  public var stored: UInt64 { access + unparsed }
}

/// What the messages themselves tell of losses: gaps in HAProxy's log counter, its notices of dropped messages,
/// messages that were cut. And how many entries tell of a request, for the comparison with the load balancers'
/// own counters.
///
/// Workers look at blocks side by side; what they found is put together here in the order of the log, which is
/// the order of arrival.
final class AccountLedger: Sendable {
  /// One counter that is followed.
  private struct Followed {
    var source: Int
    var name: String
    var stream = CounterStream()
  }

  private struct State {
    var next: UInt64
    var waiting: [UInt64: (end: UInt64, account: BlockAccount?)] = [:]
    var empty: [BlockAccount] = []
    var totals: [SourceTotals] = []
    var truncated: [(span: BlockAccount.SpanCount, suspected: Int)] = []
    var streams: [UInt64: Followed] = [:]
    /// Receive time of the last message of all.
    var lastTime: Int64 = 0
    /// When the counters were last judged, and truncated messages last reported (`Clock.realtime()`).
    var judged: Int64 = 0
    var reported: Int64 = 0
  }

  /// What one source has given since the start.
  struct SourceTotals: Equatable {
    var messages: UInt64 = 0
    /// Entries about a request or a connection.
    var access: UInt64 = 0
    /// Entries that no format fits.
    var unparsed: UInt64 = 0
    var truncated: UInt64 = 0
  }

  /// How long a number may come after a higher one, nanoseconds.
  static let patience: Int64 = 5_000_000_000
  /// How often truncated messages are reported, nanoseconds.
  static let truncatedInterval: Int64 = 60_000_000_000

  private let state: Mutex<State>
  private let losses: LossLedger

  /// `next` is the index of the first entry to come.
  init(_ losses: LossLedger, next: UInt64) {
    self.losses = losses
    var state = State(next: next)
    state.judged = Clock.realtime()
    state.reported = state.judged
    self.state = Mutex(state)
  }

  // MARK: Blocks

  func takeEmpty() -> BlockAccount { state.withLock { $0.empty.popLast() } ?? BlockAccount() }

  /// Takes in what a block's messages add up to, and gives an empty account for it.
  func put(_ account: BlockAccount, _ first: UInt64, end: UInt64) -> BlockAccount {
    state.withLock { state in
      state.waiting[first] = (end, account)
      advance(&state)
      return state.empty.popLast() ?? BlockAccount()
    }
  }

  /// Passes over entries that the writer itself appends.
  func pass(_ first: UInt64, end: UInt64) {
    state.withLock { state in
      state.waiting[first] = (end, nil)
      advance(&state)
    }
  }

  private func advance(_ state: inout State) {
    while let block = state.waiting.removeValue(forKey: state.next) {
      state.next = block.end
      guard let account = block.account else { continue }
      add(account, &state)
      account.removeAll()
      state.empty.append(account)
    }
  }

  private func add(_ account: BlockAccount, _ state: inout State) {
    while state.totals.count < account.sources.count {
      state.totals.append(SourceTotals())
      state.truncated.append((BlockAccount.SpanCount(), 0))
    }
    state.lastTime = max(state.lastTime, account.lastTime)
    for (source, tally) in account.sources.enumerated() {
      state.totals[source].messages += UInt64(tally.messages)
      state.totals[source].access += UInt64(max(tally.access, 0))
      state.totals[source].unparsed += UInt64(tally.unparsed)
      state.totals[source].truncated += tally.truncated.count
      state.truncated[source].span.add(tally.truncated)
      state.truncated[source].suspected += tally.suspected
      note(.ring, source, tally.dropped.count, tally.dropped.first, tally.dropped.last)
    }
    for run in 0..<account.runs.count { follow(account.runs[run], of: account, &state) }
    // Messages were passed over: from here on nobody can say what is missing.
    if account.isOverfull { state.streams.removeAll() }
  }

  private func follow(_ run: BlockAccount.Run, of account: BlockAccount, _ state: inout State) {
    let stream = account.streams[Int(run.stream)]
    if state.streams[stream.key] == nil {
      // Its number may be that of any of the source's processes.
      if run.count == 0 {
        for key in state.streams.keys where state.streams[key]?.source == stream.source {
          state.streams[key]?.stream.takeUnnumbered()
        }
        return
      }
      makeRoom(&state)
      state.streams[stream.key] = Followed(source: stream.source, name: stream.name)
    }
    if run.count == 0 {
      state.streams[stream.key]?.stream.takeUnnumbered()
      return
    }
    for offset in 0..<UInt64(run.count) {
      // Of a run's numbers only the time of the first and of the last is known, and nothing is missing between.
      let time = offset == 0 ? run.from : run.to
      let missing = state.streams[stream.key]?.stream.take(run.first &+ offset, time: time)
      if let missing = missing ?? nil { note(missing, stream.source, stream.name) }
    }
  }

  /// Forgets the stream that has been silent for longest, when there are too many.
  private func makeRoom(_ state: inout State) {
    guard state.streams.count >= BlockAccount.mostStreams,
      let oldest = state.streams.min(by: { $0.value.stream.lastTime < $1.value.stream.lastTime })
    else { return }
    state.streams[oldest.key] = nil
  }

  // MARK: Losses

  private func note(_ missing: NumberWindow.Missing, _ source: Int, _ name: String) {
    var event = LossEvent(
      source: UInt32(source), layer: .counterGap, count: missing.count, from: missing.times.lowerBound,
      to: missing.times.upperBound)
    event.subject = name
    losses.note(event)
  }

  private func note(_ layer: LossLayer, _ source: Int, _ count: UInt64, _ from: Int64, _ to: Int64) {
    losses.note(LossEvent(source: UInt32(source), layer: layer, count: count, from: from, to: to))
  }

  /// Notes what has become certain. To be called now and then.
  ///
  /// - Parameters:
  ///   - isDrained: nothing that was received is still on its way.
  ///   - isLast: nothing more will come.
  func settle(isDrained: Bool, isLast: Bool = false) {
    let now = Clock.realtime()
    state.withLock { state in
      let isDue = isDrained || state.lastTime >= state.judged + Self.patience
      if isLast || (isDue && now - state.judged >= Self.patience) {
        state.judged = now
        for key in state.streams.keys { judge(key, isLast, &state) }
      }
      if isLast || now / Self.truncatedInterval != state.reported / Self.truncatedInterval {
        state.reported = now
        reportTruncated(&state)
      }
    }
  }

  /// Notes all that is missing of a source of which nothing more will come, and forgets its counters.
  func end(_ source: Int) {
    state.withLock { state in
      for key in Array(state.streams.keys) where state.streams[key]?.source == source {
        judge(key, true, &state)
        state.streams[key] = nil
      }
      if state.truncated.indices.contains(source) { reportTruncated(source, &state) }
    }
  }

  private func judge(_ key: UInt64, _ isLast: Bool, _ state: inout State) {
    guard var followed = state.streams[key] else { return }
    // So that it is changed in place.
    state.streams[key]?.stream = CounterStream()
    followed.stream.settle(all: isLast) { note($0, followed.source, followed.name) }
    state.streams[key] = followed
  }

  private func reportTruncated(_ state: inout State) {
    for source in state.truncated.indices { reportTruncated(source, &state) }
  }

  private func reportTruncated(_ source: Int, _ state: inout State) {
    let (span, suspected) = state.truncated[source]
    if span.count == 0 { return }
    var event = LossEvent(
      source: UInt32(source), layer: .truncated, count: span.count, from: span.first, to: span.last)
    event.suspected = UInt64(suspected)
    losses.note(event)
    state.truncated[source] = (BlockAccount.SpanCount(), 0)
  }

  // MARK: Totals

  /// What a source has given so far, and how many messages its load balancers' counters miss that may still come.
  func totals(of source: Int) -> (totals: SourceTotals, open: UInt64) {
    state.withLock { state in
      let open = state.streams.values.reduce(0) { $0 + ($1.source == source ? $1.stream.open : 0) }
      return (source < state.totals.count ? state.totals[source] : SourceTotals(), open)
    }
  }
}

import Platform
import SegmentWriter
import Synchronization

/// Gives each run of messages its place in the log: the index of the first, and the segment.
///
/// Indexes are given when a run is taken from the queue, under the queue's lock, so that they follow the
/// order of arrival; only then can the entries be hashed, for their salts depend on index and segment.
final class Sequencer: Sendable {
  struct Place: Sendable {
    var firstIndex: UInt64
    var plan: SegmentPlan
    var sources: SourceTable
    /// Goes up with each change of `sources`.
    var generation: Int
  }

  private struct State {
    var next: UInt64
    var plan: SegmentPlan
    var sources: SourceTable
    var generation = 0
    /// Tables that hold from an entry on, in that order.
    var changes: [(first: UInt64, sources: SourceTable)] = []
    /// Runs that are not durable yet: index of the first message, and when that was received.
    var waiting: [UInt64: Int64] = [:]
  }

  private let state: Mutex<State>

  init(next: UInt64, plan: SegmentPlan, sources: SourceTable) {
    state = Mutex(State(next: next, plan: plan, sources: sources))
  }

  func assign(_ messages: Int) -> Place {
    state.withLock { state in
      while let change = state.changes.first, change.first <= state.next {
        state.sources = change.sources
        state.generation += 1
        state.changes.removeFirst()
      }
      defer { state.next += UInt64(messages) }
      return Place(
        firstIndex: state.next, plan: state.plan, sources: state.sources, generation: state.generation)
    }
  }

  /// The index that the next run gets.
  var next: UInt64 { state.withLock { $0.next } }

  /// When the oldest message that has an index and is not durable was received (`Clock.monotonic()`).
  var waitingSince: Int64? { state.withLock { $0.waiting.values.min() } }

  /// Notes when the first message of a run was received.
  func note(_ first: UInt64, since time: Int64) { state.withLock { $0.waiting[first] = time } }

  /// Runs before `index` wait no longer: they are durable.
  func settle(_ index: UInt64) {
    state.withLock { state in state.waiting = state.waiting.filter { $0.key >= index } }
  }

  /// Lets runs that begin behind the next `messages` entries have other sources. While the queue is locked,
  /// so that the number of messages in it holds.
  func change(to sources: SourceTable, behind messages: Int) {
    state.withLock { state in
      state.changes.append((state.next + UInt64(messages), sources))
    }
  }

  /// Index behind the next `messages` entries. While the queue is locked.
  func end(behind messages: Int) -> UInt64 { state.withLock { $0.next + UInt64(messages) } }

  /// Keeps the next `count` indexes back for entries that the writer itself appends: those of a checkpoint,
  /// whose last is the `key` entry. Returns the first. With a plan, the runs behind them belong to that segment.
  func reserve(_ count: Int = 1, beginning plan: SegmentPlan? = nil) -> UInt64 {
    state.withLock { state in
      defer { state.next += UInt64(count) }
      for place in state.changes.indices { state.changes[place].first += UInt64(count) }
      if let plan { state.plan = plan }
      return state.next
    }
  }

  /// Whether another segment than that of `plan` has been begun, of which the writer has not seen a block yet.
  func isRolling(from plan: SegmentPlan?) -> Bool {
    state.withLock { plan != nil && $0.plan !== plan }
  }
}

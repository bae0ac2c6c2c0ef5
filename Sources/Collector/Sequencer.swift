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

  /// Lets runs that begin behind the next `messages` entries have other sources. While the queue is locked,
  /// so that the number of messages in it holds.
  func change(to sources: SourceTable, behind messages: Int) {
    state.withLock { state in
      state.changes.append((state.next + UInt64(messages), sources))
    }
  }

  /// Index behind the next `messages` entries. While the queue is locked.
  func end(behind messages: Int) -> UInt64 { state.withLock { $0.next + UInt64(messages) } }

  /// Keeps the next index back for an entry that the writer itself appends: the `key` entry of a checkpoint.
  /// With a plan, the runs behind it belong to that segment.
  func reserve(beginning plan: SegmentPlan? = nil) -> UInt64 {
    state.withLock { state in
      defer { state.next += 1 }
      for place in state.changes.indices { state.changes[place].first += 1 }
      if let plan { state.plan = plan }
      return state.next
    }
  }

  /// Whether another segment than that of `plan` has been begun, of which the writer has not seen a block yet.
  func isRolling(from plan: SegmentPlan?) -> Bool {
    state.withLock { plan != nil && $0.plan !== plan }
  }
}

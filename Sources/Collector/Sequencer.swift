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
    /// Made beforehand, because randomness can fail and this must not.
    var spare: SegmentPlan?
    var wantsRoll = false
  }

  private let state: Mutex<State>

  init(next: UInt64, plan: SegmentPlan, sources: SourceTable) {
    state = Mutex(State(next: next, plan: plan, sources: sources, spare: nil))
  }

  func assign(_ messages: Int) -> Place {
    state.withLock { state in
      if state.wantsRoll, let spare = state.spare {
        state.plan = spare
        state.spare = nil
        state.wantsRoll = false
      }
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

  /// Lets the next run begin the segment `plan`.
  func roll(to plan: SegmentPlan) {
    state.withLock { state in
      state.spare = plan
      state.wantsRoll = true
    }
  }

  /// Whether another segment than that of `plan` is on its way: ordered, or begun by blocks that the writer
  /// has not seen yet.
  func isRolling(from plan: SegmentPlan?) -> Bool {
    state.withLock { $0.wantsRoll || plan != nil && $0.plan !== plan }
  }
}

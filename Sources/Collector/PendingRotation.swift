import SegmentWriter
import Synchronization

/// A change of the log's origin key, on its way from the thread that asks for it to the one that writes.
final class PendingRotation: Sendable {
  private enum State {
    case none
    case requested(NextKey, reason: String?)
    /// Its place in the log is kept back, at the start of the segment of that plan.
    case begun(NextKey, reason: String?, SegmentPlan)
    case done(RotationOutcome)
  }

  private let state = Mutex(State.none)

  func request(_ key: NextKey, _ reason: String?) {
    state.withLock { $0 = .requested(key, reason: reason) }
  }

  var isRequested: Bool {
    state.withLock { if case .requested = $0 { true } else { false } }
  }

  func begin(_ plan: SegmentPlan) {
    state.withLock { state in
      if case .requested(let key, let reason) = state { state = .begun(key, reason: reason, plan) }
    }
  }

  /// What was begun.
  func take() -> (key: NextKey, reason: String?, plan: SegmentPlan)? {
    state.withLock { if case .begun(let key, let reason, let plan) = $0 { (key, reason, plan) } else { nil } }
  }

  func finish(_ outcome: RotationOutcome) { state.withLock { $0 = .done(outcome) } }

  func takeOutcome() -> RotationOutcome? {
    state.withLock { state in
      guard case .done(let outcome) = state else { return nil }
      state = .none
      return outcome
    }
  }
}

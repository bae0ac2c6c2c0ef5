import Synchronization

/// Tells a thread that it should end, also while it waits.
public final class StopSignal: Sendable {
  private let flag = Atomic(false)
  private let lock = Lock()
  private let changed = Condition()

  public init() {}

  /// Whether the thread should end.
  public var isSet: Bool { flag.load(ordering: .acquiring) }

  /// Ends the wait of all who wait, now and from here on.
  public func set() {
    lock.withLock {
      flag.store(true, ordering: .releasing)
      changed.broadcast()
    }
  }

  /// Waits until that time (`Clock.monotonic()`); true when the thread should end instead.
  public func wait(until deadline: Int64) -> Bool {
    lock.withLock {
      while !isSet, Clock.monotonic() < deadline { changed.wait(lock, until: deadline) }
    }
    return isSet
  }
}
